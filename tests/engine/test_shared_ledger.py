"""One ledger for several processes: what holds for one of them holds for all, whoever of them keeps it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.residency_fakes import BUDGET_MIB, SIZES, FakeServer, House, settle
from engine.shared_fakes import Member, Village, ended
from roundhouse.core.errors import (
    BackendFailed,
    Busy,
    DoesNotFit,
    ModelNotFound,
    RoundhouseError,
    ShuttingDown,
)
from roundhouse.core.types import Device, ModelInfo
from roundhouse.engine.memory import Waiting

PAIRS = ["one process", "leader and follower", "follower and leader", "two followers"]


class Pair:
    """Two who lease: `one` is there first, `two` comes after it."""

    def __init__(self, village: Village, one: Member, two: Member, leader: Member) -> None:
        self.village, self.one, self.two, self.leader = village, one, two, leader
        self.clock, self.server = village.clock, village.server

    async def seen(self) -> None:
        """Let views arrive."""
        await self.clock.advance(0.3)


@pytest.fixture(params=PAIRS)
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    villages: list[Village] = []

    async def make(**settings: Any) -> Pair:
        village = Village(tmp_path, **settings)
        villages.append(village)
        leader = await village.join()
        if request.param == "one process":
            return Pair(village, leader, leader, leader)
        follower = await village.join()
        if request.param == "leader and follower":
            return Pair(village, leader, follower, leader)
        if request.param == "follower and leader":
            return Pair(village, follower, leader, leader)
        return Pair(village, follower, await village.join(), leader)

    yield make
    for village in villages:
        await village.close()


async def test_a_model_is_loaded_once_for_all(pair) -> None:
    it = await pair()
    tasks = [it.one.begin("medium") for _ in range(20)] + [it.two.begin("medium") for _ in range(20)]
    await it.clock.advance(5.5)
    for member in (it.one, it.two, it.leader):
        assert member.state("medium").leases == 40
    await it.clock.advance(1)
    assert await ended(*tasks) == [None] * 40
    assert it.server.calls == ["load medium"]
    await it.seen()
    for member in (it.one, it.two, it.leader):
        state = member.state("medium")
        assert (state.state, state.leases, state.footprint_mib, state.measured) == ("loaded", 0, 3000, True)
        assert state.last_used_at == pytest.approx(it.clock.now_s(), abs=2)
        assert member.device().budget_mib == BUDGET_MIB and member.device().used_mib == 3000


async def test_a_granted_lease_is_seen_at_once(pair) -> None:
    it = await pair()
    load = asyncio.create_task(it.two.residency.load("srv/medium"))
    while not load.done():
        await it.clock.advance(1)
    assert it.two.residency.is_loaded("srv/medium") and not it.two.residency.is_loaded("srv/small")
    unload = asyncio.create_task(it.two.residency.unload("srv/medium"))
    while not unload.done():
        await it.clock.advance(0.5)
    assert not it.two.residency.is_loaded("srv/medium")


async def test_what_one_uses_never_leaves_for_the_other(pair) -> None:
    it = await pair()
    busy = it.one.begin("medium", 60)
    idle = it.one.begin("other", 1)
    await it.clock.advance(10)
    await idle
    late = it.two.begin("large", 1)
    small = it.two.begin("small", 1)
    await it.clock.advance(8)
    assert "unload medium" not in it.server.calls and not late.done()
    assert it.two.device().queue_length >= 1
    await it.clock.advance(60)
    assert await ended(busy, late, small) == [None] * 3
    assert "unload medium" in it.server.calls
    assert sum(it.server.holding.values()) <= BUDGET_MIB


async def test_an_exclusive_stage_is_alone_whoever_asks(pair) -> None:
    it = await pair()
    other = it.one.begin("other", 20)
    await it.clock.advance(6)
    alone = it.two.begin("medium", 10, exclusive=True)
    await it.clock.advance(1)
    late = it.one.begin("small", 1)
    await it.clock.advance(8)
    assert set(it.server.holding) == {"other"} and not alone.done()
    await it.clock.advance(17)
    assert set(it.server.holding) == {"medium"} and not late.done()
    await it.clock.advance(8)
    assert set(it.server.holding) == {"medium"} and "load small" not in it.server.calls
    await it.clock.advance(40)
    assert await ended(other, alone, late) == [None] * 3


async def test_sequential_stages_of_different_processes_take_turns(pair) -> None:
    it = await pair(sequential=True)
    speech = it.one.begin("medium", 5)
    await it.clock.advance(6)
    text = it.two.begin("small", 5)
    await it.clock.advance(3)
    assert set(it.server.holding) == {"medium"}
    await it.clock.advance(10)
    assert set(it.server.holding) == {"small"}
    await it.clock.advance(10)
    assert await ended(speech, text) == [None] * 2


async def test_places_are_told_in_order_of_arrival(pair) -> None:
    it = await pair()
    first = it.one.begin("large", 30)
    await it.clock.advance(10)
    heard: list[Waiting] = []
    tasks = [it.two.begin("medium", 1, on_wait=heard.append)]
    await settle()
    tasks.append(it.one.begin("other", 1, on_wait=heard.append))
    await it.clock.advance(1)
    assert [one.position for one in heard] == [1, 2]
    assert 0 < heard[0].expected_wait_s <= heard[1].expected_wait_s
    await it.clock.advance(60)
    assert await ended(first, *tasks) == [None] * 3


async def test_what_can_never_fit_is_refused_everywhere(pair) -> None:
    it = await pair(known={"srv/large": BUDGET_MIB + 1})
    for member in (it.one, it.two):
        with pytest.raises(DoesNotFit, match="srv/large holds 7953 MiB; models may fill 7952 MiB of cuda:0"):
            await member.use("large")
        with pytest.raises(DoesNotFit, match="is estimated to need"):
            await member.use("small", info=ModelInfo("small", parameters_b=70))
        fits = member.residency.fits
        assert not fits("srv/large", ModelInfo("large"))
        assert not fits("srv/small", ModelInfo("small", parameters_b=70))
        assert fits("srv/small", ModelInfo("small", parameters_b=1))
        assert fits("cloud/huge", ModelInfo("huge", parameters_b=700))
    assert it.server.calls == []


async def test_footprints_are_measured_for_all_and_written_once(pair) -> None:
    it = await pair(known={})
    info = ModelInfo("medium", size_bytes=2000 * 1024 * 1024)
    task = it.two.begin("medium", info=info)
    await it.clock.advance(10)
    await task
    assert it.village.footprints.known == {"srv/medium": 3000}
    for member in (it.one, it.two):
        assert (member.state("medium").footprint_mib, member.state("medium").measured) == (3000, True)
        assert member.residency.fits("srv/medium", ModelInfo("medium", parameters_b=500))


async def test_a_failed_load_fails_its_waiters_with_its_own_error(pair) -> None:
    it = await pair()
    it.server.fail_loads = BackendFailed("out of memory", status=503, retry_after_s=7)
    tasks = [it.one.begin("large"), it.two.begin("large"), it.two.begin("large")]
    await it.clock.advance(6)
    results = await ended(*tasks)
    assert {type(one) for one in results} == {BackendFailed} and len({id(one) for one in results}) == 3
    for one in results:
        assert (one.status, one.retry_after_s, one.detail) == (503, 7, "out of memory")
    assert it.server.calls == ["load large"]


async def test_who_leaves_the_queue_leaves_no_trace(pair) -> None:
    it = await pair()
    blocker = it.one.begin("medium", 20)
    await it.clock.advance(6)
    waiter = it.two.begin("large", 1)
    await it.clock.advance(1)
    assert it.leader.device().queue_length == 1
    waiter.cancel()
    await settle()
    assert it.leader.device().queue_length == 0
    more = it.one.begin("medium", 1)
    await it.clock.advance(2)
    assert more.done(), "the plan of a waiter that is gone still holds others up"
    await it.clock.advance(30)
    await blocker


async def test_a_lease_given_up_in_the_moment_it_is_granted_comes_back(pair) -> None:
    it = await pair()
    for step in range(12):
        task = it.two.begin("small", 0)
        for _ in range(step):
            await asyncio.sleep(0)
        task.cancel()
    await it.clock.advance(10)
    assert it.leader.state("small").leases == 0 and it.leader.device().queue_length == 0


async def test_a_full_queue_and_a_long_wait_are_busy(pair) -> None:
    it = await pair(queue_depth=1, queue_timeout_s=20)
    first = it.one.begin("large", 100)
    await it.clock.advance(6)
    waiting = it.two.begin("medium")
    await settle()
    with pytest.raises(Busy, match="1 requests wait") as caught:
        await it.two.use("other")
    assert caught.value.retry_after_s
    await it.clock.advance(25)
    with pytest.raises(Busy, match="none came free in 20 s"):
        await waiting
    await it.clock.advance(100)
    await first


async def test_pins_and_unloads_of_one_count_for_the_other(pair) -> None:
    it = await pair(keep_alive_s=10, queue_timeout_s=30)
    pin = asyncio.create_task(it.two.residency.pin("srv/medium"))
    await it.clock.advance(6)
    await pin
    await it.clock.advance(60)
    assert it.one.state("medium").pinned and it.one.state("medium").expires_at is None
    user = it.one.begin("medium", 10)
    await settle()
    with pytest.raises(Busy, match="in use by 1") as caught:
        await it.two.residency.unload("srv/medium")
    assert caught.value.retry_after_s
    await it.clock.advance(11)
    await user
    it.two.residency.unpin("srv/medium")
    await it.clock.advance(20)
    assert it.server.holding == {}


async def test_a_provider_without_memory_is_leased_freely(pair) -> None:
    it = await pair()
    async with it.two.residency.lease("cloud/gpt") as lease:
        assert lease.target == "cloud/gpt"


async def test_its_own_time_to_stay_is_kept(pair) -> None:
    it = await pair()
    use = it.two.begin("small", 1, keep_alive_s=5)
    await it.clock.advance(8)
    await use
    assert set(it.server.holding) == {"small"}
    await it.clock.advance(6)
    assert it.server.holding == {}


async def test_closing_fails_who_waits_and_gives_back_what_was_held(pair) -> None:
    it = await pair()
    held = it.two.residency.lease("srv/large")
    entering = asyncio.create_task(held.__aenter__())
    await it.clock.advance(6)
    await entering
    waiter = it.two.begin("medium")
    await settle()
    await it.two.residency.close()
    assert isinstance((await ended(waiter))[0], ShuttingDown)
    with pytest.raises(ShuttingDown):
        await it.two.use("small")
    if it.one is not it.two:
        next_one = it.one.begin("medium", 1)
        await it.clock.advance(10)
        assert await ended(next_one) == [None], "the lease of a process that closed is still held"
    await held.__aexit__(None, None, None)


async def test_storm(pair) -> None:
    """Users of four models in two processes, a third of whom give up at a random moment; loads fail now and then."""
    it = await pair(queue_depth=1000, queue_timeout_s=100_000, keep_alive_s=20)
    dice = random.Random(11)
    over: list[int] = []
    granted = 0

    async def user(member: House, model: str, seconds: float, exclusive: bool) -> None:
        nonlocal granted
        async with member.residency.lease(f"srv/{model}", exclusive=exclusive):
            granted += 1
            assert model in it.server.holding
            if exclusive:
                assert set(it.server.holding) == {model}
            await it.clock.sleep(seconds)
            assert model in it.server.holding, "a leased model was sent away"

    tasks: list[asyncio.Task[None]] = []
    for number in range(120):
        model = dice.choice([*SIZES, "small", "small"])
        member = dice.choice([it.one, it.two])
        tasks.append(asyncio.create_task(user(member, model, dice.uniform(0, 3), dice.random() < 0.05)))
        if dice.random() < 0.4:
            await it.clock.advance(dice.uniform(0, 1.5))
        if dice.random() < 0.33:
            dice.choice(tasks).cancel()
        it.server.fail_loads = BackendFailed("crash") if number % 50 == 49 else None
        over.append(sum(it.server.holding.values()))
    it.server.fail_loads = None
    for _ in range(60):
        await it.clock.advance(20)
        if all(task.done() for task in tasks):
            break
    strange = [one for one in await ended(*tasks) if isinstance(one, BaseException)]
    assert all(isinstance(one, (RoundhouseError, asyncio.CancelledError)) for one in strange), strange
    assert granted > 50
    assert max(over) <= BUDGET_MIB
    assert all(one.leases == 0 and one.queue_length == 0 for one in it.leader.residency.status())
    await it.clock.advance(60)
    assert it.server.holding == {} and it.leader.device().used_mib == 0


# Providers that not everybody knows


@pytest.fixture
async def village(tmp_path: Path) -> AsyncIterator[Any]:
    made: list[Village] = []

    def make(**settings: Any) -> Village:
        made.append(Village(tmp_path, **settings))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_a_provider_the_leader_does_not_know_yet_is_waited_for(village) -> None:
    it = village()
    leader, follower = await it.join(), await it.join()
    asked: list[str] = []
    leader.residency.unknown = asked.append
    fresh = FakeServer(it.clock, it.probe, {"m": 2000})
    follower.residency.register("new", fresh)
    waiting = asyncio.create_task(follower.residency.load("new/m"))
    await it.clock.advance(2)
    assert asked == ["new"] and not waiting.done() and fresh.calls == []
    leader.residency.register("new", fresh)
    await it.clock.advance(6)
    await waiting
    assert fresh.calls == ["load m"] and follower.residency.is_loaded("new/m")


async def test_a_provider_the_leader_never_hears_of_is_busy_not_lost(village) -> None:
    it = village()
    await it.join()
    follower = await it.join()
    follower.residency.register("new", FakeServer(it.clock, it.probe, {"m": 2000}))
    waiting = asyncio.create_task(follower.residency.load("new/m"))
    given_up = asyncio.create_task(follower.residency.load("new/m"))
    await it.clock.advance(5)
    given_up.cancel()
    await it.clock.advance(8)
    with pytest.raises(Busy, match="does not know the provider new yet") as caught:
        await waiting
    assert caught.value.retry_after_s


async def test_a_removed_provider_fails_its_waiters_everywhere(village) -> None:
    it = village()
    leader, follower = await it.join(), await it.join()
    user = leader.begin("large", 5)
    await it.clock.advance(6)
    waiters = [follower.begin("medium"), follower.begin("other")]
    await settle()
    follower.residency.forget("srv")
    await settle()
    assert [type(one) for one in await ended(*waiters)] == [ModelNotFound] * 2
    assert leader.device().queue_length == 0
    other = await it.join()
    waiter = other.begin("medium")
    await settle()
    leader.residency.forget("srv")
    await settle()
    assert [type(one) for one in await ended(waiter)] == [ModelNotFound]
    await it.clock.advance(10)
    await user
    assert leader.residency.status() == []


async def test_devices_are_what_the_leader_sees(village) -> None:
    it = village()
    await it.join()
    it.probe.found = [Device("cpu", "Made-up", 10_000, 1000)]
    blind = await it.join()
    task = blind.begin("medium", 1)
    await it.clock.advance(8)
    await task
    assert blind.state("medium").device == "cuda:0"
    assert blind.residency.fits("srv/never", ModelInfo("never", parameters_b=2))
    assert not blind.residency.fits("srv/never", ModelInfo("never", parameters_b=80))


async def test_a_providers_own_device_and_budget_hold_for_all(village) -> None:
    it = village()
    leader, follower = await it.join(), await it.join()
    rack = FakeServer(it.clock, it.probe, {"m": 2000, "n": 2000}, device="server:rack")
    for member in (leader, follower):
        member.residency.register("rack", rack, budget_mib=3000)
    one = asyncio.create_task(follower.residency.load("rack/m", info=ModelInfo("m", parameters_b=1)))
    await it.clock.advance(6)
    await one
    assert follower.device("server:rack").budget_mib == 3000
    two = asyncio.create_task(leader.residency.load("rack/n", info=ModelInfo("n", parameters_b=1)))
    await it.clock.advance(7)
    await two
    assert set(rack.holding) == {"n"}
