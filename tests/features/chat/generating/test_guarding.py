import asyncio
import subprocess
import sys

import pytest

from features.chat.generating.rowing import events, running, state_of, tell
from features.chat.rooms import ADA
from roundhouse.features.chat.generating import store
from roundhouse.features.chat.generating.guarding import BEAT_S, LEASE_S, Guardian
from roundhouse.features.chat.generating.presence import Presence

LOOKS = int(LEASE_S / BEAT_S)


class Process:
    """One process that looks after generations."""

    def __init__(self, room, folder, machine: str = "here", one_machine: bool = False) -> None:
        self.presence = Presence(folder, one_machine=one_machine, machine=machine)
        self.mine: dict[str, object] = {}
        self.stopped: list[str] = []
        self.guardian = Guardian(
            room.db, room.clock, self.presence, room.index, self.mine.keys(), self.stopped.append
        )


@pytest.fixture
def process(room, tmp_path):
    def make(**more) -> Process:
        return Process(room, tmp_path / "generating", **more)

    return make


async def test_a_free_lock_is_a_death(room, process):
    living, dead = process(), process()
    await living.presence.join()
    await dead.presence.join()
    generation = await running(room, dead.presence.id, prefix="Before. ")
    await tell(room, generation, "One ", "two ", "three.")
    await living.guardian.beat()
    assert await state_of(room, generation) == ("running", "generating", "Before. ")
    dead.presence.leave(clean=False)
    assert living.presence.sign_of(dead.presence.id) == "dead"
    await living.guardian.beat()
    text = "Before. One two three."
    assert await state_of(room, generation) == ("interrupted", "interrupted", text)
    *_, last = await events(room.db, generation)
    assert (last.type, last.data["content"]) == ("generation.interrupted", text)
    assert ("message", (generation.message_id, text)) in room.index.told
    assert living.presence.sign_of(dead.presence.id) == "unseen"
    before = len(await events(room.db, generation))
    await living.guardian.beat()
    assert len(await events(room.db, generation)) == before
    living.presence.leave(clean=True)


async def test_a_silence_is_a_death_where_no_lock_can_be_seen(room, process):
    living, other, frozen = process(), process(machine="there"), process(machine="yonder")
    for one in (living, other, frozen):
        await one.presence.join()
    speaking = await running(room, other.presence.id)
    other.mine[speaking.id] = None
    silent = await running(room, frozen.presence.id)
    await tell(room, silent, "Half")
    for _ in range(LOOKS):
        await other.guardian.beat()
        await living.guardian.beat()
        room.clock.turn(BEAT_S)
    assert (await state_of(room, silent))[0] == "running"
    for _ in range(LOOKS):
        await other.guardian.beat()
        await living.guardian.beat()
        room.clock.turn(BEAT_S)
    assert await state_of(room, silent) == ("interrupted", "interrupted", "Half")
    assert (await state_of(room, speaking))[0] == "running"


async def test_a_frozen_one_that_wakes_finds_itself_robbed(room, process, turned_clock):
    frozen, living = process(machine="there"), process()
    generation = await running(room, frozen.presence.id)
    for _ in range(LOOKS + 1):
        await living.guardian.beat()
    async with room.db.begin() as tx:
        assert await store.owned(tx, frozen.presence.id) == []
        assert not await store.end(tx, generation.id, frozen.presence.id, "completed", None, 1.0)


async def test_several_who_look_end_it_once(room, process):
    dead = process()
    await dead.presence.join()
    generations = [await running(room, dead.presence.id) for _ in range(4)]
    dead.presence.leave(clean=False)
    living = [process() for _ in range(3)]
    await asyncio.gather(*(one.guardian.beat() for one in living))
    for generation in generations:
        assert (await state_of(room, generation))[0] == "interrupted"
        assert [one.type for one in await events(room.db, generation)] == ["generation.interrupted"]


async def test_a_stop_that_was_not_heard_is_found(room, process):
    one = process()
    generation = await running(room, one.presence.id)
    one.mine[generation.id] = None
    async with room.db.begin() as tx:
        assert await store.request_stop(tx, generation.id)
        assert not await store.request_stop(tx, generation.id)
    await one.guardian.beat()
    assert one.stopped == [generation.id]


async def test_what_does_not_run_though_its_row_says_so_is_ended(room, process):
    one = process()
    generation = await running(room, one.presence.id)
    await one.guardian.beat()
    # It may be about to be run: only what is there the next time as well is ended.
    assert (await state_of(room, generation))[0] == "running"
    await one.guardian.beat()
    assert (await state_of(room, generation))[0] == "interrupted"


async def test_a_generation_of_a_deleted_session_ends_all_the_same(room, process):
    dead = process()
    await dead.presence.join()
    generation = await running(room, dead.presence.id)
    await tell(room, generation, "Half")
    await room.sessions.delete(ADA, generation.session_id)
    dead.presence.leave(clean=False)
    await process().guardian.beat()
    await room.sessions.restore(ADA, generation.session_id)
    assert await state_of(room, generation) == ("interrupted", "interrupted", "Half")


async def test_presence_is_seen_by_other_processes(tmp_path):
    here = Presence(tmp_path, one_machine=False, machine="here")
    await here.join()
    script = (
        "import sys; from pathlib import Path\n"
        "from roundhouse.features.chat.generating.presence import Presence\n"
        "other = Presence(Path(sys.argv[1]), one_machine=False, machine=sys.argv[2])\n"
        "print(other.sign_of(sys.argv[3]))"
    )

    def seen_from(machine: str) -> str:
        command = [sys.executable, "-c", script, str(tmp_path), machine, here.id]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert (seen_from("here"), seen_from("elsewhere")) == ("alive", "unseen")
    here.leave(clean=False)
    assert (seen_from("here"), seen_from("elsewhere")) == ("dead", "unseen")
    database_file = Presence(tmp_path, one_machine=True, machine="elsewhere")
    assert database_file.sign_of(here.id) == "dead"
    assert database_file.left() == [here.id]
    database_file.bury(here.id)
    assert (seen_from("here"), database_file.left()) == ("unseen", [])
