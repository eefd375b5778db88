import asyncio

import pytest

from roundhouse.core.errors import BackendBusy, BackendDown, BackendFailed, BackendRefused, Busy
from roundhouse.engine.health import Breaker, Slots


def broken(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.enter()
        breaker.judge(BackendFailed())


def test_a_breaker_opens_after_failures_in_a_row_and_closes_after_a_good_trial(turned_clock):
    breaker = Breaker(3, 10.0, turned_clock)
    broken(breaker, 2)
    breaker.enter()
    breaker.judge(None)
    broken(breaker, 2)
    assert not breaker.is_open
    broken(breaker, 1)
    with pytest.raises(BackendDown) as refusal:
        breaker.enter()
    assert refusal.value.retry_after_s == pytest.approx(10.0)
    turned_clock.turn(10.0)
    breaker.enter()
    with pytest.raises(BackendDown):
        breaker.enter()
    breaker.judge(None)
    assert not breaker.is_open
    breaker.enter()


def test_a_failed_trial_opens_it_again_and_a_cancelled_one_lets_the_next_try(turned_clock):
    breaker = Breaker(1, 10.0, turned_clock)
    broken(breaker, 1)
    turned_clock.turn(10.0)
    broken(breaker, 1)
    with pytest.raises(BackendDown):
        breaker.enter()
    turned_clock.turn(10.0)
    breaker.enter()
    breaker.judge(asyncio.CancelledError())
    breaker.enter()
    breaker.judge(None)
    assert not breaker.is_open


def test_a_refusal_is_the_requests_fault_and_a_429_cools_down(turned_clock):
    breaker = Breaker(1, 10.0, turned_clock)
    breaker.enter()
    breaker.judge(BackendRefused(status=400))
    assert not breaker.is_open
    breaker.enter()
    breaker.judge(BackendBusy(retry_after_s=3.0))
    with pytest.raises(BackendBusy) as refusal:
        breaker.enter()
    assert refusal.value.retry_after_s == pytest.approx(3.0)
    turned_clock.turn(3.0)
    breaker.enter()


async def test_slots_wait_in_order_and_refuse_when_too_many_wait():
    slots = Slots(1, 2)
    order: list[int] = []
    await slots.take()

    async def one(number: int) -> None:
        await slots.take()
        order.append(number)
        slots.give(0.1)

    waiting = [asyncio.create_task(one(number)) for number in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Busy) as refusal:
        await slots.take()
    assert refusal.value.retry_after_s >= 1.0
    slots.give(0.1)
    await asyncio.gather(*waiting)
    assert order == [0, 1]
    assert (slots.in_flight, slots.waiting) == (0, 0)


async def test_a_cancelled_waiter_leaves_no_trace():
    slots = Slots(1, 2)
    await slots.take()
    waiting = asyncio.create_task(slots.take())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert slots.waiting == 0
    slots.give(0.1)
    await asyncio.wait_for(slots.take(), 1)


def test_a_stream_that_began_lets_others_in_after_a_trial_and_its_failure_keeps_them_out_again(turned_clock):
    breaker = Breaker(3, 10.0, turned_clock)
    broken(breaker, 3)
    turned_clock.turn(10.0)
    breaker.enter()
    breaker.began()
    breaker.enter()
    breaker.judge(BackendFailed())
    with pytest.raises(BackendDown):
        breaker.enter()
    fresh = Breaker(3, 10.0, turned_clock)
    broken(fresh, 2)
    fresh.enter()
    fresh.began()
    fresh.judge(BackendFailed())
    assert fresh.is_open
