"""Who keeps the ledger, and what becomes of leases and requests when that changes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from engine.residency_fakes import BUDGET_MIB, FakeServer, settle
from engine.shared_fakes import Member, Village, ended
from roundhouse.core.errors import BackendDown, Busy
from roundhouse.engine.journal import Journal
from roundhouse.engine.memory import Release, Request, Resident, Waiting
from roundhouse.engine.messages import (
    VERSION,
    Announced,
    Beat,
    Hello,
    Unwelcome,
    Welcome,
    pack,
    read_downward,
)
from roundhouse.engine.peers import FROZEN_S
from roundhouse.engine.succession import ALONE_S, SILENT_S
from roundhouse.infra.machine import machine_id
from roundhouse.infra.rendezvous import Line, Rendezvous, process_space


@pytest.fixture
async def village(tmp_path: Path) -> AsyncIterator[Any]:
    made: list[Village] = []

    def make(**settings: Any) -> Village:
        made.append(Village(tmp_path, **settings))
        return made[-1]

    yield make
    for one in made:
        await one.close()


def leaders(it: Village) -> list[Member]:
    return [one for one in it.members if one.leads and not one.residency._closed]


class Peer:
    """Speaks the protocol by hand."""

    def __init__(self) -> None:
        self.line: Line | None = None
        self.said: list[object] = []
        self.is_lost = False

    def greet(self, line: Line) -> Peer:
        self.line = line
        return self

    def heard(self, frame: bytes) -> None:
        self.said.append(read_downward(frame))

    def lost(self) -> None:
        self.is_lost = True

    def say(self, *messages: object) -> None:
        for message in messages:
            self.line.send(pack(message))

    @property
    def kinds(self) -> list[str]:
        return [type(one).__name__ for one in self.said]


async def called(it: Village) -> Peer:
    peer = Peer()
    assert await Rendezvous(it.folder, "residency").call(peer.greet)
    return peer


# Taking over


async def test_a_leader_that_closes_leaves_its_followers_everything(village) -> None:
    it = village()
    leader, one, two = await it.join(), await it.join(), await it.join()
    held = one.begin("medium", 200)
    await it.clock.advance(8)
    places: list[Waiting] = []
    first = two.begin("large", 5, on_wait=places.append)
    await it.clock.advance(1)
    second = one.begin("small", 5, exclusive=True, on_wait=places.append)
    await it.clock.advance(1)
    assert [one.position for one in places] == [1, 2]
    began_s = it.clock.time_s
    await leader.residency.close()
    await it.until(lambda: leaders(it) and len(places) == 4)
    assert it.clock.time_s - began_s <= 1
    (new,) = leaders(it)
    assert new is not leader
    # Nothing that is in use leaves, and nobody loses his place.
    await it.clock.advance(100)
    assert it.server.calls == ["load medium"] and not first.done() and not second.done()
    assert new.state("medium").leases == 1
    await it.clock.advance(90)
    await it.until(lambda: set(it.server.holding) == {"large"})
    await it.clock.advance(30)
    assert await ended(held, first, second) == [None] * 3
    assert it.server.most_mib <= BUDGET_MIB


async def test_a_newcomer_that_leads_first_waits_to_be_told(village) -> None:
    it = village()
    leader, follower = await it.join(), await it.join()
    held = follower.begin("medium", 50)
    await it.clock.advance(8)
    await leader.residency.close()
    newcomer = await it.join()
    assert newcomer.leads
    wanted = newcomer.begin("large", 1)
    await it.clock.advance(20)
    assert newcomer.state("medium").leases == 1 and not wanted.done()
    assert it.server.calls == ["load medium"]
    await it.clock.advance(60)
    assert await ended(held, wanted) == [None] * 2


async def test_the_first_leader_of_a_folder_waits_for_nobody(village) -> None:
    it = village()
    leader = await it.join()
    use = leader.begin("small", 1)
    await settle()
    assert it.server.calls == ["load small"]
    await it.clock.advance(7)
    await use


async def test_a_load_under_way_is_taken_up_and_its_memory_stays_reserved(village) -> None:
    it = village()
    leader, follower = await it.join(), await it.join()
    gone = leader.begin("large", 1)
    await it.clock.advance(1)
    wanted = follower.begin("medium", 1)
    await it.clock.advance(1)
    assert it.server.calls == ["load large"]
    await leader.residency.close()
    await ended(gone)
    await it.clock.advance(2)
    assert follower.leads and "load medium" not in it.server.calls
    await it.clock.advance(20)
    assert await ended(wanted) == [None]
    assert it.server.most_mib <= BUDGET_MIB
    assert "join large" in it.server.calls


async def test_pins_and_times_to_stay_outlive_the_leader(village) -> None:
    it = village(keep_alive_s=30)
    leader, follower = await it.join(), await it.join()
    pin = asyncio.create_task(leader.residency.pin("srv/medium"))
    use = follower.begin("small", 1)
    await it.clock.advance(10)
    await ended(pin, use)
    await leader.residency.close()
    await it.clock.advance(20)
    assert follower.leads and set(it.server.holding) == {"medium", "small"}
    await it.clock.advance(30)
    assert set(it.server.holding) == {"medium"} and follower.state("medium").pinned
    follower.residency.unpin("srv/medium")
    await it.clock.advance(40)
    assert it.server.holding == {}


async def test_wishes_of_the_moment_without_a_leader_are_carried_out(village) -> None:
    it = village()
    leader, follower = await it.join(), await it.join()
    for name in ("small", "medium"):
        use = follower.begin(name, 1)
        await it.clock.advance(8)
        await use
    await leader.residency.close()
    drop = asyncio.create_task(follower.residency.unload("srv/small"))
    pin = asyncio.create_task(follower.residency.pin("srv/medium"))
    cancelled = follower.begin("large", 1)
    await settle()
    cancelled.cancel()
    await it.clock.advance(20)
    assert await ended(drop, pin) == [None] * 2
    assert set(it.server.holding) == {"medium"} and follower.state("medium").pinned
    assert "load large" not in it.server.calls


async def test_a_lease_given_back_without_a_leader_stays_given_back(village) -> None:
    it = village()
    leader, follower = await it.join(), await it.join()
    lease = follower.residency.lease("srv/medium")
    entering = asyncio.create_task(lease.__aenter__())
    await it.clock.advance(6)
    await entering
    await leader.residency.close()
    await settle()
    await lease.__aexit__(None, None, None)
    await it.clock.advance(3)
    assert follower.leads and follower.state("medium").leases == 0


async def test_leaders_one_after_the_other(village) -> None:
    it = village()
    held = []
    for number in range(6):
        member = await it.join()
        if number == 3:
            held.append(member.begin("medium", 100))
        await it.clock.advance(2)
    keeper = it.members[3]
    for member in [one for one in it.members if one is not keeper]:
        await member.residency.close()
        await it.until(lambda: leaders(it))
        await it.clock.advance(6)
        assert len(leaders(it)) == 1 and leaders(it)[0].state("medium").leases == 1
    await it.clock.advance(100)
    assert await ended(*held) == [None]
    await it.clock.advance(1)
    assert keeper.state("medium").leases == 0 and it.server.calls == ["load medium"]


async def test_footprints_that_cannot_be_read_are_inherited(village) -> None:
    it = village()
    leader, follower = await it.join(), await it.join()

    async def broken() -> dict[str, int]:
        raise BackendDown("no database")

    it.footprints.load = broken
    await leader.residency.close()
    with capture_logs() as logs:
        await it.clock.advance(3)
    assert follower.leads and any(one["event"] == "footprints_not_read" for one in logs)
    use = follower.begin("large", 1)
    await it.clock.advance(1)
    assert follower.state("large").footprint_mib == 6000
    await it.clock.advance(8)
    await use


async def test_who_has_patience_leaves_the_place_to_the_other(village) -> None:
    it = village()
    executor = it.made(patience_s=1.0)
    starting = asyncio.create_task(executor.residency.start())
    await it.clock.advance(0.5)
    api = await it.join()
    await it.clock.advance(0.2)
    await starting
    assert api.leads and not executor.leads
    await api.residency.close()
    alone = it.made(patience_s=1.0)
    await executor.residency.close()
    starting = asyncio.create_task(alone.residency.start())
    await it.clock.advance(2)
    await starting
    assert alone.leads


def resident(target: str, state: str, mib: int, *, pinned: bool = False) -> Resident:
    return Resident(target, state, "cuda:0", mib, True, 0, pinned, None, None, 0)


def left_behind(*residents: Resident, machine: str | None = None, **members: int) -> str:
    """The journal of a leader that is gone."""
    return Journal(machine or machine_id(), process_space(), members, residents).text()


async def test_what_a_leader_wrote_down_is_taken_up_by_whoever_comes_next(village) -> None:
    it = village()
    note = left_behind(
        resident("srv/medium", "loading", 3000),
        resident("srv/small", "unloading", 1000),
        resident("srv/other", "absent", 3000, pinned=True),
        resident("elsewhere/x", "loading", 1000),
    )
    (await led_by(it, Impostor(), note)).leave(others=True)
    leader = await it.join()
    await it.until(lambda: len(it.server.calls) == 3)
    # What was on its way in comes in, what was on its way out is seen out, and a pinned one comes back.
    assert sorted(it.server.calls) == ["load medium", "load other", "unload small"]
    await it.clock.advance(10)
    assert set(it.server.holding) == {"medium", "other"}
    shown = {one.target: (one.state, one.pinned) for one in leader.residency.status()}
    assert shown["srv/medium"] == ("loaded", False) and shown["srv/other"] == ("loaded", True)


async def test_after_a_boot_only_pins_are_left(village) -> None:
    it = village()
    large, other = resident("srv/large", "loading", 6000), resident("srv/other", "loaded", 3000, pinned=True)
    note = left_behind(large, other, machine="before the boot", somebody=os.getpid())
    (await led_by(it, Impostor(), note)).leave(others=True)
    leader = await it.join()
    await it.clock.advance(10)
    assert it.server.calls == ["load other"] and leader.state("other").pinned


async def test_a_pin_outlives_a_restart_until_it_is_lifted(village) -> None:
    it = village(keep_alive_s=5)
    leader = await it.join()
    pin = asyncio.create_task(leader.residency.pin("srv/small"))
    await it.clock.advance(6)
    await pin
    await leader.residency.close()
    leader = await it.join()
    await it.clock.advance(20)
    assert leader.state("small").pinned and leader.loaded() == {"small"}
    unload = asyncio.create_task(leader.residency.unload("srv/small"))
    await it.clock.advance(2)
    await unload
    await leader.residency.close()
    leader = await it.join()
    await it.clock.advance(20)
    assert it.server.calls == ["load small", "unload small"] and leader.loaded() == set()


@pytest.mark.parametrize("note", ["", "garbage", "{}"])
async def test_a_note_that_says_nothing_is_only_a_reason_to_wait(village, note: str) -> None:
    it = village()
    (await led_by(it, Impostor(), note)).leave(others=True)
    leader = await it.join()
    use = leader.begin("small", 1)
    await it.clock.advance(0.9)
    assert it.server.calls == []
    await it.clock.advance(10)
    assert await ended(use) == [None] and it.server.calls == ["load small"]


@pytest.mark.parametrize(
    ("pid", "least_s", "most_s"), [(2**22 + 12345, 0.0, 0.2), (os.getpid(), 4.9, 5.2)], ids=["dead", "alive"]
)
async def test_only_the_living_are_waited_for(village, pid: int, least_s: float, most_s: float) -> None:
    it = village()
    (await led_by(it, Impostor(), left_behind(somebody=pid))).leave(others=True)
    leader = await it.join()
    began_s = it.clock.time_s
    use = leader.begin("small", 1)
    await it.until(lambda: it.server.calls)
    assert least_s <= it.clock.time_s - began_s <= most_s
    await it.clock.advance(10)
    await use


async def test_who_announces_himself_is_waited_for_no_more(village) -> None:
    it = village()
    (await led_by(it, Impostor(), left_behind(one=os.getpid(), two=os.getpid()))).leave(others=True)
    leader = await it.join()
    use = leader.begin("small", 1)
    one, two = await called(it), await called(it)
    one.say(
        Hello(VERSION, "one", 1),
        Request("o-1", "srv/medium", "", 3000, exclusive=True, held=True),
        Announced(),
    )
    await it.clock.advance(1)
    assert it.server.calls == []
    two.say(Hello(VERSION, "two", 2), Announced())
    await it.clock.advance(0.2)
    assert it.server.calls == [] and leader.device().queue_length == 1
    one.line.close()
    await it.clock.advance(12)
    assert await ended(use) == [None]


def noted(it: Village) -> Journal:
    """What a leader that died now would leave."""
    card = msgspec.json.decode((it.folder / "residency.card").read_bytes())
    return msgspec.json.decode(card["note"], type=Journal)


async def test_who_is_there_is_written_down_before_he_is_given_anything(village) -> None:
    it = village()
    (await led_by(it, Impostor(), left_behind(slow=os.getpid()))).leave(others=True)
    await it.join()
    # Whoever comes after a leader that had not heard of all must wait for those as well.
    assert noted(it).members == {"slow": os.getpid()}
    peer = await called(it)
    peer.say(Hello(VERSION, "slow", 7), Announced())
    await settle()
    assert noted(it).members == {"slow": 7} and "Welcome" in peer.kinds
    await it.clock.advance(1)
    follower = await it.join()
    assert set(noted(it).members) == {"slow", follower.residency._keeper.name}
    peer.line.close()
    await it.clock.advance(0.1)
    assert set(noted(it).members) == {follower.residency._keeper.name}


async def test_moves_are_written_down_before_they_begin(village) -> None:
    it = village()
    leader = await it.join()
    use = leader.begin("small", 1)
    await settle()
    assert [(one.target, one.state) for one in noted(it).residents] == [("srv/small", "loading")]
    await it.clock.advance(7)
    await use
    assert noted(it).residents == ()
    unload = asyncio.create_task(leader.residency.unload("srv/small"))
    await settle()
    assert [(one.target, one.state) for one in noted(it).residents] == [("srv/small", "unloading")]
    await it.clock.advance(2)
    await unload
    assert noted(it).residents == ()


async def test_a_new_leader_looks_before_it_believes(village) -> None:
    it = village()
    leader, follower = await it.join(), await it.join()
    use = follower.begin("medium", 1)
    await it.clock.advance(8)
    await use
    await leader.residency.close()
    # Meanwhile somebody else has sent it away.
    it.server.lose("medium")
    again = follower.begin("medium", 1)
    await it.clock.advance(10)
    assert await ended(again) == [None]
    assert it.server.calls == ["load medium", "load medium"]


async def test_a_place_is_left_empty_when_nobody_is_left(village) -> None:
    it = village()
    leader, follower = await it.join(), await it.join()
    await follower.residency.close()
    await it.clock.advance(0.2)
    await leader.residency.close()
    place = Rendezvous(it.folder, "residency")
    assert place.take() and not place.was_led
    place.leave(others=False)


async def test_a_chain_of_deaths_forgets_no_load(village) -> None:
    it = village()
    leader = await it.join()
    gone = leader.begin("large", 1)
    await it.clock.advance(1)
    await leader.residency.close()
    await ended(gone)
    for _ in range(3):
        # Each of them dies before it has done anything.
        member = await it.join()
        await member.residency.close()
    last = await it.join()
    wanted = last.begin("medium", 1)
    await it.clock.advance(20)
    assert await ended(wanted) == [None]
    assert it.server.most_mib <= BUDGET_MIB and "join large" in it.server.calls


# Trouble with the other side


async def test_garbage_ends_one_connection_and_nothing_else(village) -> None:
    it = village()
    leader, follower = await it.join(), await it.join()
    with capture_logs() as logs:
        for said in (b"", b"\x00" * 50, b"\xc1", pack({"type": "Hello"}), pack(Beat()), pack([1, 2])):
            peer = await called(it)
            peer.line.send(said)
            await settle()
            assert peer.is_lost
        peer = await called(it)
        peer.say(Hello(VERSION, "p", 1), Request("p-1", "srv/small", "", 1000))
        await it.clock.advance(6)
        assert leader.state("small").leases == 1
        peer.say(Hello(VERSION, "p", 1))
        await settle()
        assert peer.is_lost and leader.state("small").leases == 0
    assert len([one for one in logs if one["event"] == "model_memory_peer_garbled"]) == 7
    use = follower.begin("medium", 1)
    await it.clock.advance(8)
    assert await ended(use) == [None]


async def test_nobody_gives_back_what_is_another_ones(village) -> None:
    it = village()
    leader = await it.join()
    owner, thief = await called(it), await called(it)
    owner.say(Hello(VERSION, "owner", 1), Request("o-1", "srv/small", "", 1000))
    await it.clock.advance(6)
    thief.say(Hello(VERSION, "thief", 2), Release("o-1"))
    await settle()
    assert leader.state("small").leases == 1
    owner.line.close()
    await settle()
    assert leader.state("small").leases == 0
    assert "Grant" in owner.kinds and "Grant" not in thief.kinds


async def test_another_version_is_refused_politely(village) -> None:
    it = village()
    await it.join()
    peer = await called(it)
    peer.say(Hello(VERSION + 1, "p", 1), Beat())
    await settle()
    assert peer.said == [Unwelcome(VERSION)] and peer.is_lost


class Impostor(Peer):
    """A leader that says what it is told to."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__()
        self.answers = answers
        self.greeted = 0

    def greet(self, line: Line) -> Impostor:
        self.greeted += 1
        super().greet(line)
        return self

    def heard(self, frame: bytes) -> None:
        if b"Hello" in frame:
            for answer in self.answers:
                self.line.send(answer)


async def led_by(it: Village, impostor: Impostor, note: str = "") -> Rendezvous:
    place = Rendezvous(it.folder, "residency")
    assert place.take()
    await place.listen(impostor.greet, note)
    return place


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ((), "it does not answer"),
        ((pack(Unwelcome(99)),), "it speaks version 99 of the protocol"),
        ((b"\xc1\xc1",), "it does not answer"),
        ((pack(Welcome(1)), b"\xc1\xc1"), "it does not answer"),
    ],
)
async def test_a_leader_of_no_use_makes_requests_busy_until_it_is_gone(village, answers, why: str) -> None:
    it = village()
    impostor = Impostor(*answers)
    place = await led_by(it, impostor)
    follower = it.made()
    starting = asyncio.create_task(follower.residency.start())
    await it.clock.advance(1)
    waiting = follower.begin("small", 1)
    await it.clock.advance(SILENT_S - 2)
    assert not waiting.done()
    await it.clock.advance(10)
    with pytest.raises(Busy, match=why) as caught:
        await waiting
    assert caught.value.retry_after_s
    place.leave(others=True)
    impostor.line.close(at_once=True)
    again = follower.begin("small", 1)
    await it.clock.advance(12)
    assert await ended(again) == [None] and follower.leads
    await starting


async def test_a_process_that_was_frozen_itself_blames_nobody(village) -> None:
    it = village()
    leader, follower = await it.join(), await it.join()
    busy = leader.begin("large", 30)
    await it.clock.advance(8)
    waiting = follower.begin("medium", 1)
    await settle()
    it.clock.time_s += 40
    await it.clock.advance(60)
    assert await ended(busy, waiting) == [None] * 2


async def test_a_frozen_follower_keeps_its_leases_for_a_long_time(village) -> None:
    it = village()
    leader = await it.join()
    peer = await called(it)
    peer.say(Hello(VERSION, "p", 1), Request("p-1", "srv/medium", "", 3000))
    await it.clock.advance(10)
    wanted = leader.begin("large", 1)
    await it.clock.advance(FROZEN_S - 20)
    assert leader.state("medium").leases == 1 and not wanted.done()
    with capture_logs() as logs:
        await it.clock.advance(30)
    assert any(one["event"] == "model_memory_peer_frozen" for one in logs)
    assert await ended(wanted) == [None]
    # It wakes up, comes back, and is taken at its word.
    peer = await called(it)
    peer.say(Hello(VERSION, "p", 1), Request("p-1", "srv/medium", "", 3000, held=True))
    await settle()
    assert leader.state("medium").leases == 1
    peer.say(Request("p-1", "srv/medium", "", 3000))
    await settle()
    assert peer.kinds.count("Grant") == 1 and leader.state("medium").leases == 1


async def test_who_beats_is_not_frozen(village) -> None:
    it = village()
    leader, follower = await it.join(), await it.join()
    use = follower.begin("small", FROZEN_S + 10)
    await it.clock.advance(FROZEN_S + 10)
    assert leader.state("small").leases == 1
    await it.clock.advance(20)
    assert await ended(use) == [None]


# Alone


async def test_a_folder_that_cannot_be_used_leaves_a_ledger_of_its_own(village, tmp_path: Path) -> None:
    it = village()
    it.folder = tmp_path / "not there"
    with capture_logs() as logs:
        one, two = await it.join(), await it.join()
    told = [one["problem"] for one in logs if one["event"] == "model_memory_not_shared"]
    assert len(told) == 2 and "cannot be locked" in told[0]
    uses = [one.begin("small", 1), two.begin("medium", 1)]
    await it.clock.advance(10)
    assert await ended(*uses) == [None] * 2
    assert one.leads and two.leads and one.loaded() == {"small"}


async def test_a_place_that_cannot_be_listened_at_leaves_the_lock_to_others(village, tmp_path: Path) -> None:
    it = village()
    (tmp_path / "residency.card").mkdir()
    with capture_logs() as logs:
        alone = await it.join()
    assert any("cannot be listened at" in one.get("problem", "") for one in logs)
    use = alone.begin("small", 1)
    await it.clock.advance(10)
    assert await ended(use) == [None]
    (tmp_path / "residency.card").rmdir()
    leader, follower = await it.join(), await it.join()
    assert leader.leads and not follower.leads


async def test_a_lock_that_nobody_can_have_is_no_reason_to_wait_for_ever(village) -> None:
    it = village()
    place = Rendezvous(it.folder, "residency")
    assert place.take()
    member = it.made()
    starting = asyncio.create_task(member.residency.start())
    await it.clock.advance(ALONE_S - 5)
    assert not member.leads
    with capture_logs() as logs:
        await it.clock.advance(10)
    assert member.leads and any("nobody leads" in one.get("problem", "") for one in logs)
    await starting
    use = member.begin("small", 1)
    await it.clock.advance(8)
    assert await ended(use) == [None]
    place.leave(others=False)


async def test_what_a_former_leader_left_loaded_is_adopted(village) -> None:
    it = village()
    leader = await it.join()
    use = leader.begin("medium", 1)
    await it.clock.advance(8)
    await use
    await leader.residency.close()
    next_one = await it.join()
    assert next_one.loaded() == {"medium"}
    assert isinstance(it.server, FakeServer)
