from __future__ import annotations

import asyncio
import random

import pytest
from structlog.testing import capture_logs

from engine.residency_fakes import (
    BUDGET_MIB,
    SIZES,
    FakeServer,
    Open,
    settle,
)
from roundhouse.core.errors import (
    BackendDown,
    BackendFailed,
    Busy,
    Cancelled,
    DoesNotFit,
    RoundhouseError,
    ShuttingDown,
)
from roundhouse.core.types import ModelInfo
from roundhouse.engine.memory import Waiting


async def test_a_model_is_loaded_once_for_many_and_stays_for_its_keep_alive(house: Open) -> None:
    it = await house(keep_alive_s=60)
    tasks = [it.begin("medium") for _ in range(50)]
    await it.clock.advance(5.0)
    assert it.state("medium").leases == 50
    await it.clock.advance(1.0)
    await asyncio.gather(*tasks)
    assert it.server.calls == ["load medium"]
    state = it.state("medium")
    assert (state.state, state.leases, state.footprint_mib, state.measured) == ("loaded", 0, 3000, True)
    assert state.expires_at == pytest.approx(it.clock.now_s() + 60)
    assert state.last_used_at == pytest.approx(it.clock.now_s())


async def test_the_watch_sends_idle_models_away_and_times_waiters_out(house: Open) -> None:
    it = await house(keep_alive_s=60, queue_timeout_s=20)
    await it.residency.start()
    big = it.begin("large", 100)
    await it.clock.advance(10)
    blocked = it.begin("medium")
    await it.clock.advance(19)
    assert not blocked.done()
    await it.clock.advance(3)
    with pytest.raises(Busy) as caught:
        await blocked
    assert caught.value.retry_after_s and caught.value.retry_after_s >= 1
    await it.clock.advance(100)
    await big
    assert it.loaded() == {"large"}
    await it.clock.advance(70)
    assert it.state("large").state == "absent"
    assert it.server.holding == {}


async def test_footprints_are_estimated_then_measured_then_remembered(house: Open) -> None:
    it = await house(known={})
    info = ModelInfo("medium", size_bytes=2000 * 1024 * 1024)
    task = it.begin("medium", info=info)
    await it.clock.advance(1)
    before = it.state("medium")
    assert (before.state, before.measured) == ("loading", False)
    assert before.footprint_mib > 2000
    await it.clock.advance(10)
    await task
    assert (it.state("medium").footprint_mib, it.state("medium").measured) == (3000, True)
    assert it.footprints.known == {"srv/medium": 3000}
    it.footprints.broken = True
    with capture_logs() as logs:
        task = it.begin("small", info=ModelInfo("small", parameters_b=0.1))
        await it.clock.advance(10)
        await task
    assert any(one["event"] == "footprint_not_saved" for one in logs)
    assert it.loaded() == {"medium", "small"}


async def test_a_server_that_tells_no_sizes_is_measured_by_what_the_card_gained(house: Open) -> None:
    it = await house(known={})
    it.server.silent = True
    task = it.begin("medium", info=ModelInfo("medium", parameters_b=1.0))
    await it.clock.advance(10)
    await task
    assert (it.state("medium").footprint_mib, it.state("medium").measured) == (3000, True)


async def test_loads_at_the_same_time_are_not_measured_by_the_card(house: Open) -> None:
    it = await house(known={})
    it.server.silent = True
    info = ModelInfo("x", parameters_b=0.5)
    tasks = [it.begin("medium", info=info), it.begin("other", info=info)]
    await it.clock.advance(10)
    await asyncio.gather(*tasks)
    assert not it.state("medium").measured and not it.state("other").measured
    assert it.footprints.known == {}


async def test_room_is_made_by_what_is_idle_and_never_by_what_is_leased(house: Open) -> None:
    it = await house()
    busy = it.begin("medium", 60)
    idle = it.begin("other", 1)
    await it.clock.advance(10)
    await idle
    late = it.begin("large", 1)
    small = it.begin("small", 1)
    await it.clock.advance(8)
    # `large` waits for `medium`; `other` may leave only with it, and `small` fits beside what large needs.
    assert it.state("medium").state == "loaded" and "unload medium" not in it.server.calls
    assert not late.done() and it.state("large").queue_length == 1
    await it.clock.advance(60)
    await asyncio.gather(busy, late, small)
    assert "unload medium" in it.server.calls
    assert sum(it.server.holding.values()) <= BUDGET_MIB


async def test_a_big_one_is_not_starved_by_small_ones(house: Open) -> None:
    it = await house(queue_timeout_s=100_000)
    done: list[str] = []

    async def stream_of_small() -> None:
        for _ in range(40):
            await it.use("medium", 3)
            done.append("medium")

    streams = [asyncio.create_task(stream_of_small()) for _ in range(3)]
    await it.clock.advance(10)
    big = asyncio.create_task(it.use("large", 1))
    big.add_done_callback(lambda _: done.append("large"))
    await it.clock.advance(600)
    await asyncio.gather(big, *streams)
    # Those that held a lease when it came may end, and whoever waited for the same load may go with it.
    assert done.index("large") < 15


async def test_two_models_taking_turns_are_not_loaded_once_per_request(house: Open) -> None:
    it = await house(sequential=True, queue_timeout_s=10_000)
    tasks = [it.begin("medium" if number % 2 else "other", 1) for number in range(40)]
    await it.clock.advance(100)
    await asyncio.gather(*tasks)
    assert it.server.calls.count("load medium") + it.server.calls.count("load other") == 2


async def test_exclusive_waits_for_everything_else_to_be_out(house: Open) -> None:
    it = await house()
    other = it.begin("other", 20)
    await it.clock.advance(6)
    alone = it.begin("medium", 10, exclusive=True)
    await it.clock.advance(1)
    late = it.begin("small", 1)
    await it.clock.advance(8)
    assert it.loaded() == {"other"} and not alone.done()
    await it.clock.advance(17)
    assert it.loaded() == {"medium"} and it.state("medium").leases == 1 and not late.done()
    await it.clock.advance(8)
    assert it.state("medium").leases == 1 and set(it.server.holding) == {"medium"}
    assert "load small" not in it.server.calls
    await it.clock.advance(40)
    await asyncio.gather(other, alone, late)


async def test_waiting_requests_know_their_place_and_time(house: Open) -> None:
    it = await house()
    first = it.begin("large", 30)
    await it.clock.advance(10)
    heard: list[Waiting] = []
    tasks = [it.begin("medium", 1, on_wait=heard.append), it.begin("other", 1, on_wait=heard.append)]
    await it.clock.advance(1)
    assert [one.position for one in heard] == [1, 2]
    assert 0 < heard[0].expected_wait_s <= heard[1].expected_wait_s
    assert it.device().queue_length == 2
    assert it.device().queue == ("srv/medium", "srv/other")
    await it.clock.advance(60)
    await asyncio.gather(first, *tasks)


async def test_waited_time_is_told(house: Open) -> None:
    it = await house()
    task = asyncio.create_task(it.residency.lease("srv/medium").__aenter__())
    await it.clock.advance(5)
    lease = await task
    assert lease.waited_s == pytest.approx(5.0)
    await lease.__aexit__(None, None, None)
    await lease.__aexit__(None, None, None)
    assert it.state("medium").leases == 0


async def test_what_can_never_fit_is_refused_at_once(house: Open) -> None:
    it = await house(known={"srv/large": BUDGET_MIB + 1})
    with pytest.raises(DoesNotFit, match="srv/large holds 7953 MiB; models may fill 7952 MiB of cuda:0"):
        await it.use("large")
    with pytest.raises(DoesNotFit, match="is estimated to need"):
        await it.use("small", info=ModelInfo("small", parameters_b=70))
    assert it.server.calls == []
    assert not it.residency.fits("srv/small", ModelInfo("small", parameters_b=70))
    assert it.residency.fits("srv/small", ModelInfo("small", parameters_b=1))
    assert it.residency.fits("cloud/huge", ModelInfo("huge", parameters_b=700))


async def test_a_model_larger_than_its_estimate_and_the_budget_is_put_out_again(house: Open) -> None:
    it = await house(known={})
    it.server.sizes["large"] = 9000
    task = it.begin("large", info=ModelInfo("large", parameters_b=1))
    await it.clock.advance(20)
    with pytest.raises(DoesNotFit, match="holds 9000 MiB"):
        await task
    assert it.server.holding == {}
    with pytest.raises(DoesNotFit):
        await it.use("large")
    assert it.server.calls == ["load large", "unload large"]


async def test_a_failed_load_fails_its_waiters_and_frees_its_place(house: Open) -> None:
    it = await house()
    it.server.fail_loads = BackendFailed("out of memory", status=503, retry_after_s=7)
    tasks = [it.begin("large") for _ in range(5)]
    later = it.begin("medium")
    await it.clock.advance(6)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(one) for one in results} == {BackendFailed}
    assert len({id(one) for one in results}) == 5
    first = results[0]
    assert isinstance(first, BackendFailed)
    assert (first.status, first.retry_after_s, first.detail) == (503, 7, "out of memory")
    it.server.fail_loads = None
    await it.clock.advance(10)
    await later
    assert it.device().used_mib == 3000
    assert it.server.calls.count("load large") == 1


async def test_an_unforeseen_failure_leaves_no_reservation_behind(house: Open) -> None:
    class Broken(FakeServer):
        async def load(self, model: str) -> None:
            raise ZeroDivisionError

    it = await house(Broken)
    with capture_logs() as logs:
        with pytest.raises(BackendFailed, match="broken off"):
            await it.use("large")
        await settle()
    assert it.device().used_mib == 0
    assert any(one["event"] == "model_memory_task_failed" for one in logs)


async def test_who_leaves_the_queue_leaves_no_trace_and_cancels_nobodys_load(house: Open) -> None:
    it = await house()
    requester = it.begin("medium", 1)
    await settle()
    other = it.begin("medium", 1)
    await settle()
    requester.cancel()
    await it.clock.advance(10)
    await other
    assert requester.cancelled()
    assert it.server.calls == ["load medium"]
    blocker = it.begin("medium", 20)
    await settle()
    waiter = it.begin("large", 1)
    await it.clock.advance(1)
    assert it.device().queue_length == 1
    waiter.cancel()
    await settle()
    assert it.device().queue_length == 0
    more = it.begin("medium", 1)
    await it.clock.advance(2)
    assert more.done(), "the plan of a waiter that is gone still holds others up"
    await it.clock.advance(30)
    await blocker


async def test_an_error_inside_a_lease_gives_it_back(house: Open) -> None:
    it = await house()

    async def breaks() -> None:
        async with it.residency.lease("srv/small"):
            raise Cancelled

    task = asyncio.create_task(breaks())
    await it.clock.advance(6)
    with pytest.raises(Cancelled):
        await task
    assert it.state("small").leases == 0


async def test_a_full_queue_says_when_to_come_back(house: Open) -> None:
    it = await house(queue_depth=2)
    first = it.begin("large", 30)
    await it.clock.advance(6)
    waiting = [it.begin("medium"), it.begin("other")]
    await settle()
    with pytest.raises(Busy, match="2 requests wait") as caught:
        await it.use("medium")
    assert caught.value.retry_after_s
    # The one that is in memory and not in anybody's way has no need to queue.
    joined = it.begin("small", 1)
    await it.clock.advance(7)
    assert joined.done()
    await it.clock.advance(60)
    await asyncio.gather(first, joined, *waiting)


async def test_pinned_models_stay(house: Open) -> None:
    it = await house(keep_alive_s=10, queue_timeout_s=30)
    await it.residency.start()
    pin = asyncio.create_task(it.residency.pin("srv/medium"))
    await it.clock.advance(6)
    await pin
    await it.clock.advance(100)
    assert it.loaded() == {"medium"} and it.state("medium").pinned and it.state("medium").expires_at is None
    task = it.begin("large")
    await it.clock.advance(35)
    with pytest.raises(Busy):
        await task
    it.server.lose("medium")
    await it.clock.advance(40)
    assert it.loaded() == {"medium"}, "a pinned model that its server dropped comes back"
    it.residency.unpin("srv/medium")
    await it.clock.advance(20)
    assert it.loaded() == set()


async def test_an_operator_loads_and_unloads(house: Open) -> None:
    it = await house()
    load = asyncio.create_task(it.residency.load("srv/medium"))
    await it.clock.advance(2)
    with pytest.raises(Busy, match="being loaded"):
        await it.residency.unload("srv/medium")
    await it.clock.advance(6)
    await load
    user = it.begin("medium", 10)
    await settle()
    with pytest.raises(Busy, match="in use by 1") as caught:
        await it.residency.unload("srv/medium")
    assert caught.value.retry_after_s
    await it.clock.advance(11)
    await user
    unload = asyncio.create_task(it.residency.unload("srv/medium"))
    again = asyncio.create_task(it.residency.unload("srv/medium"))
    await it.clock.advance(2)
    await asyncio.gather(unload, again)
    assert it.server.holding == {} and it.server.calls.count("unload medium") == 1
    await it.residency.unload("srv/medium")
    await it.residency.unload("srv/never-heard-of")


async def test_close_fails_who_waits_and_begins_nothing_more(house: Open) -> None:
    it = await house()
    await it.residency.start()
    user = it.begin("large", 5)
    await it.clock.advance(6)
    waiters = [it.begin("medium"), it.begin("other"), it.begin("medium")]
    await settle()
    await it.residency.close()
    results = await asyncio.gather(*waiters, return_exceptions=True)
    assert {type(one) for one in results} == {ShuttingDown}
    with pytest.raises(ShuttingDown):
        await it.use("small")
    await it.clock.advance(10)
    await user
    assert it.server.calls == ["load large"]


async def test_storm(house: Open) -> None:
    """Hundreds of users of four models, a third of whom give up at a random moment; loads fail now and then."""
    it = await house(queue_depth=1000, queue_timeout_s=100_000, keep_alive_s=20)
    await it.residency.start()
    dice = random.Random(7)
    over: list[int] = []
    granted = 0

    async def user(model: str, seconds: float, exclusive: bool) -> None:
        nonlocal granted
        async with it.residency.lease(f"srv/{model}", exclusive=exclusive):
            granted += 1
            assert model in it.server.holding
            if exclusive:
                assert set(it.server.holding) == {model}
            await it.clock.sleep(seconds)
            assert model in it.server.holding, "a leased model was sent away"

    tasks: list[asyncio.Task[None]] = []
    for number in range(400):
        model = dice.choice([*SIZES, "small", "small"])
        tasks.append(asyncio.create_task(user(model, dice.uniform(0, 3), dice.random() < 0.05)))
        if dice.random() < 0.4:
            await it.clock.advance(dice.uniform(0, 1.5))
        if dice.random() < 0.33:
            dice.choice(tasks).cancel()
        it.server.fail_loads = BackendDown("crash") if number % 50 == 49 else None
        over.append(sum(it.server.holding.values()))
    it.server.fail_loads = None
    for _ in range(60):
        await it.clock.advance(30)
        if all(task.done() for task in tasks):
            break
    results = await asyncio.gather(*tasks, return_exceptions=True)
    strange = [one for one in results if isinstance(one, BaseException)]
    assert all(isinstance(one, (RoundhouseError, asyncio.CancelledError)) for one in strange), strange
    assert granted > 150
    assert max(over) <= BUDGET_MIB
    assert all(one.leases == 0 and one.queue_length == 0 for one in it.residency.status())
    await it.clock.advance(60)
    assert it.server.holding == {} and it.device().used_mib == 0
