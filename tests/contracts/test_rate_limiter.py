import asyncio
import inspect
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.settings import CacheSettings
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.rate_limit import MemoryRateLimiter, RedisRateLimiter, make_rate_limiter
from roundhouse.infra.redis_link import RedisLink


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
async def limiter(request):
    if request.param == "memory":
        made = MemoryRateLimiter(SystemClock())
    else:
        clock = SystemClock()
        link = RedisLink(request.getfixturevalue("redis_url"), clock, timeout_s=5.0)
        made = RedisRateLimiter(link, clock, f"test:{secrets.token_hex(6)}:")
    yield made
    await made.close()


async def take(limiter, key: str, amount: float, per_minute: float) -> float:
    answer = limiter.take(key, amount, per_minute)
    return await answer if inspect.isawaitable(answer) else answer


async def test_a_whole_minute_at_once_then_a_wait(limiter):
    # One per second refills: the test must not be slower than that between two lines.
    waits = [await take(limiter, "a", 1, 6) for _ in range(7)]
    assert waits[:6] == [0.0] * 6
    assert 0 < waits[6] <= 10
    assert await take(limiter, "b", 6, 6) == 0.0
    assert limiter.left("b", 6) < 1


async def test_a_refusal_takes_nothing(limiter):
    assert await take(limiter, "a", 5, 6) == 0.0
    assert await take(limiter, "a", 2, 6) > 0
    assert await take(limiter, "a", 1, 6) == 0.0


async def test_it_refills(limiter):
    assert await take(limiter, "a", 3000, 3000) == 0.0
    wait_s = await take(limiter, "a", 1, 3000)
    assert 0 < wait_s <= 0.02
    await asyncio.sleep(0.05)
    assert await take(limiter, "a", 1, 3000) == 0.0


async def test_a_charge_is_never_refused_and_must_be_waited_for(limiter):
    limiter.charge("a", 12, 6)
    for _ in range(100):
        wait_s = await take(limiter, "a", 1, 6)
        if wait_s:
            break
        await asyncio.sleep(0.02)
    assert 60 < wait_s <= 140
    assert limiter.left("a", 6) == 0.0


async def test_more_than_a_minutes_worth_is_let_in_when_nothing_else_was(limiter):
    assert await take(limiter, "a", 100, 6) == 0.0
    assert await take(limiter, "a", 1, 6) > 0


@pytest.mark.redis
async def test_processes_share_over_redis(redis_url):
    clock, prefix = SystemClock(), f"test:{secrets.token_hex(6)}:"
    one, two = (RedisRateLimiter(RedisLink(redis_url, clock, timeout_s=5.0), clock, prefix) for _ in range(2))
    assert await one.take("a", 6, 6) == 0.0
    assert await two.take("a", 1, 6) > 0
    await one.close()
    await two.close()


async def test_without_redis_it_counts_here_with_one_warning(turned_clock, logged):
    limiter = RedisRateLimiter(RedisLink("redis://127.0.0.1:1/0", turned_clock), turned_clock)
    assert [await limiter.take("a", 1, 2) for _ in range(2)] == [0.0, 0.0]
    assert await limiter.take("a", 1, 2) == pytest.approx(30)
    limiter.charge("a", 2, 2)
    assert await limiter.take("a", 1, 2) == pytest.approx(90)
    await limiter.close()
    assert [line["event"] for line in logged] == ["redis_away"]


class Hand:
    """A clock set by hand."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def now_s(self) -> float:
        return self.at_s

    def monotonic_s(self) -> float:
        return self.at_s

    async def sleep(self, delay_s: float) -> None:
        self.at_s += delay_s


steps = st.lists(st.tuples(st.floats(0, 90), st.integers(1, 5)), max_size=60)


@given(per_minute=st.integers(1, 40), steps=steps)
def test_never_more_than_twice_the_limit_in_a_minute_and_never_more_than_its_share_in_the_long_run(
    per_minute, steps
):
    clock = Hand()
    limiter = MemoryRateLimiter(clock)
    taken: list[tuple[float, int]] = []
    for pause_s, amount in steps:
        clock.at_s += pause_s
        amount = min(amount, per_minute)
        wait_s = limiter.take("a", amount, per_minute)
        if wait_s == 0.0:
            taken.append((clock.at_s, amount))
        else:
            # The wait that was told is long enough, and not much longer than needed.
            clock.at_s += wait_s + 1e-3
            assert limiter.take("a", amount, per_minute) == 0.0
            taken.append((clock.at_s, amount))
    for first, (start_s, _) in enumerate(taken):
        total = 0
        for at_s, amount in taken[first:]:
            total += amount
            assert total <= per_minute + (at_s - start_s) * per_minute / 60 + 0.01


@given(per_minute=st.integers(1, 1000), amounts=st.lists(st.integers(1, 50), max_size=30))
def test_what_is_left_can_be_taken(per_minute, amounts):
    limiter = MemoryRateLimiter(Hand())
    for amount in amounts:
        limiter.take("a", amount, per_minute)
    left = int(limiter.left("a", per_minute) + 1e-6)
    if left:
        assert limiter.take("a", left, per_minute) == 0.0
    assert limiter.take("a", 1, per_minute) > 0


def test_keys_are_forgotten_when_there_are_too_many(turned_clock):
    limiter = MemoryRateLimiter(turned_clock, max_keys=100)
    limiter.charge("in debt", 1000, 1)
    for number in range(1000):
        limiter.take(f"k{number}", 1, 60)
        assert len(limiter) <= 101
    assert limiter.take("in debt", 1, 1) > 0


def test_settings_choose(redis_url):
    assert isinstance(make_rate_limiter(CacheSettings(), SystemClock()), MemoryRateLimiter)
    assert isinstance(make_rate_limiter(CacheSettings(url=redis_url), SystemClock()), RedisRateLimiter)
