import asyncio
import inspect
import secrets
from datetime import UTC, datetime

import pytest

from features.access.process import usage_record
from roundhouse.core.errors import BudgetExceeded, RateLimited, StorageUnavailable
from roundhouse.core.settings import AccessSettings, DbSettings
from roundhouse.core.types import Caller, Limits
from roundhouse.features.access.limits import REREAD_S, LimitGatekeeper
from roundhouse.features.access.schemas import KeyRotate
from roundhouse.features.access.usage import UsageWriter
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database
from roundhouse.infra.rate_limit import RedisRateLimiter
from roundhouse.infra.redis_link import RedisLink

ADMIN = Caller("key_root", scopes=frozenset({"admin"}))


def limited(**limits: object) -> Caller:
    return Caller("key_a", limits=Limits(**limits), counts_as="key_a")


async def admit(gatekeeper: LimitGatekeeper, caller: Caller) -> None:
    waiting = gatekeeper.admit(caller)
    if waiting is not None:
        await waiting


async def use(
    process, caller: Caller, *, tokens: int = 15, cost_usd: float = 0.25, at_s: float | None = None
) -> None:
    """One whole request as the gateway makes it."""
    await admit(process.gatekeeper, caller)
    process.gatekeeper.settle(caller, tokens, cost_usd)
    record = usage_record(
        key_id=caller.key_id,
        prompt_tokens=tokens,
        completion_tokens=0,
        cost_usd=cost_usd,
        at_s=at_s if at_s is not None else process.gatekeeper._clock.now_s(),
    )
    process.usage.record(record)


async def test_without_limits_nothing_is_counted(process):
    caller = Caller("key_a")
    for _ in range(100):
        assert process.gatekeeper.admit(caller) is None
        process.gatekeeper.settle(caller, 10**9, 10**6)
    assert await process.gatekeeper.quotas(caller) == []
    assert process.gatekeeper.headers(caller) == []


async def test_requests_per_minute(process, turned_clock):
    caller = limited(requests_per_minute=3)
    for _ in range(3):
        assert process.gatekeeper.admit(caller) is None
        process.gatekeeper.settle(caller, 0, 0.0)
    with pytest.raises(RateLimited) as error:
        process.gatekeeper.admit(caller)
    assert error.value.retry_after_s == pytest.approx(20)
    turned_clock.turn(20)
    assert process.gatekeeper.admit(caller) is None


async def test_tokens_are_charged_afterwards(process, turned_clock):
    caller = limited(tokens_per_minute=100)
    process.gatekeeper.admit(caller)
    process.gatekeeper.settle(caller, 150, 0.0)
    with pytest.raises(RateLimited) as error:
        process.gatekeeper.admit(caller)
    assert error.value.retry_after_s == pytest.approx(30, abs=1)
    turned_clock.turn(31)
    process.gatekeeper.admit(caller)


async def test_requests_at_a_time(process):
    caller = limited(concurrent_requests=2)
    process.gatekeeper.admit(caller)
    process.gatekeeper.admit(caller)
    with pytest.raises(RateLimited, match="at a time"):
        process.gatekeeper.admit(caller)
    process.gatekeeper.settle(caller, 0, 0.0)
    process.gatekeeper.admit(caller)
    for _ in range(2):
        process.gatekeeper.settle(caller, 0, 0.0)
    assert process.gatekeeper._running == {}


async def test_a_refused_request_keeps_no_slot(process):
    caller = limited(concurrent_requests=1, requests_per_minute=1)
    process.gatekeeper.admit(caller)
    process.gatekeeper.settle(caller, 0, 0.0)
    for _ in range(3):
        with pytest.raises(RateLimited, match="per minute"):
            process.gatekeeper.admit(caller)


async def test_budget_in_dollars_and_tokens(process):
    for limits in ({"budget_usd": 0.5}, {"budget_tokens": 30}):
        made = await process.key(**limits)
        caller = await process.caller(made.key)
        await use(process, caller)
        await use(process, caller)
        with pytest.raises(BudgetExceeded):
            await admit(process.gatekeeper, caller)


async def test_budgets_survive_a_restart_and_count_what_is_not_written_yet(start):
    first = await start()
    made = await first.key(budget_usd=0.75)
    await use(first, await first.caller(made.key))
    await first.usage.flush()
    second = await start()
    caller = await second.caller(made.key)
    await use(second, caller)
    await second.gatekeeper.reread()
    assert (await second.gatekeeper.quotas(caller))[0].remaining == pytest.approx(0.25)
    await second.usage.flush()
    await second.gatekeeper.reread()
    assert (await second.gatekeeper.quotas(caller))[0].remaining == pytest.approx(0.25)
    await use(second, caller)
    with pytest.raises(BudgetExceeded):
        await admit(second.gatekeeper, caller)


async def test_processes_agree_after_reading_anew(start):
    one, two = await start(), await start()
    made = await one.key(budget_tokens=40)
    for process in (one, two):
        await use(process, await process.caller(made.key))
        await process.usage.flush()
    await one.gatekeeper.reread()
    caller = await one.caller(made.key)
    assert (await one.gatekeeper.quotas(caller))[0].remaining == 10
    await use(one, caller)
    with pytest.raises(BudgetExceeded):
        await admit(one.gatekeeper, caller)
    await one.usage.flush()
    await two.gatekeeper.reread()
    with pytest.raises(BudgetExceeded):
        await admit(two.gatekeeper, await two.caller(made.key))


async def test_reading_anew_in_the_background(start, turned_clock):
    one, two = await start(), await start()
    made = await one.key(budget_tokens=40)
    caller = await two.caller(made.key)
    await admit(two.gatekeeper, caller)
    two.gatekeeper.settle(caller, 0, 0.0)
    two.gatekeeper.start()
    await use(one, await one.caller(made.key), tokens=40)
    await one.usage.flush()
    for _ in range(200):
        turned_clock.turn(REREAD_S)
        await asyncio.sleep(0.01)
        if two.gatekeeper.quotas_now(caller)[0].remaining == 0:
            break
    assert two.gatekeeper.quotas_now(caller)[0].remaining == 0


async def test_a_rotated_key_keeps_its_budget(process):
    made = await process.key(budget_usd=0.5)
    await use(process, await process.caller(made.key))
    new = await process.keys.rotate(ADMIN, made.id, KeyRotate())
    caller = await process.caller(new.key)
    await use(process, caller)
    with pytest.raises(BudgetExceeded):
        await admit(process.gatekeeper, caller)
    await process.usage.flush()
    await process.gatekeeper.reread()
    with pytest.raises(BudgetExceeded):
        await admit(process.gatekeeper, caller)


@pytest.mark.parametrize(
    ("period", "reset_s"), [("day", 57_600.0), ("month", 57_600.0 + 16 * 86_400), ("total", None)]
)
async def test_periods_begin_anew(process, turned_clock, period, reset_s):
    # 2027-01-15 08:00 UTC.
    assert datetime.fromtimestamp(turned_clock.now_s(), UTC).isoformat() == "2027-01-15T08:00:00+00:00"
    made = await process.key(budget_usd=0.25, budget_period=period)
    caller = await process.caller(made.key)
    await use(process, caller)
    with pytest.raises(BudgetExceeded) as error:
        await admit(process.gatekeeper, caller)
    assert error.value.retry_after_s == reset_s
    await process.usage.flush()
    turned_clock.turn(reset_s if reset_s is not None else 400 * 86_400)
    if reset_s is None:
        with pytest.raises(BudgetExceeded):
            await admit(process.gatekeeper, caller)
    else:
        await use(process, caller)
        await process.gatekeeper.reread()
        with pytest.raises(BudgetExceeded):
            await admit(process.gatekeeper, caller)


async def test_idle_keys_are_forgotten(process, turned_clock):
    made = await process.key(budget_usd=0.25)
    caller = await process.caller(made.key)
    await use(process, caller)
    await process.usage.flush()
    turned_clock.turn(3600)
    await process.gatekeeper.reread()
    assert process.gatekeeper._books == {}
    with pytest.raises(BudgetExceeded):
        await admit(process.gatekeeper, caller)


async def test_a_budget_that_was_never_read_needs_the_database(tmp_path, turned_clock, start):
    process = await start()
    gone = Database(DbSettings(), f"sqlite:///{tmp_path / 'gone' / 'x.db'}")
    gatekeeper = LimitGatekeeper(gone, process.gatekeeper._limiter, process.usage, turned_clock)
    with pytest.raises(StorageUnavailable):
        await admit(gatekeeper, limited(budget_usd=1.0, concurrent_requests=1))
    assert gatekeeper._running == {}
    await gone.close()


async def test_headers_as_clients_of_openai_read_them(process):
    caller = limited(requests_per_minute=60, tokens_per_minute=600)
    await admit(process.gatekeeper, caller)
    process.gatekeeper.settle(caller, 60, 0.0)
    assert dict(process.gatekeeper.headers(caller)) == {
        b"x-ratelimit-limit-requests": b"60",
        b"x-ratelimit-remaining-requests": b"59",
        b"x-ratelimit-reset-requests": b"1.000s",
        b"x-ratelimit-limit-tokens": b"600",
        b"x-ratelimit-remaining-tokens": b"540",
        b"x-ratelimit-reset-tokens": b"6.000s",
    }


@pytest.mark.redis
async def test_over_redis(redis_url, sqlite_url):
    clock = SystemClock()
    db = Database(DbSettings(), sqlite_url)
    limiter = RedisRateLimiter(
        RedisLink(redis_url, clock, timeout_s=5.0), clock, f"test:{secrets.token_hex(6)}:"
    )
    gatekeeper = LimitGatekeeper(db, limiter, UsageWriter(db, AccessSettings(), clock), clock)
    caller = limited(requests_per_minute=2, tokens_per_minute=1000, concurrent_requests=5)
    for _ in range(2):
        waiting = gatekeeper.admit(caller)
        assert inspect.isawaitable(waiting)
        await waiting
    with pytest.raises(RateLimited, match="2 requests"):
        await admit(gatekeeper, caller)
    assert gatekeeper._running == {"key_a": 2}
    for _ in range(2):
        gatekeeper.settle(caller, 5, 0.0)
    assert gatekeeper._running == {}
    await limiter.close()
    await db.close()
