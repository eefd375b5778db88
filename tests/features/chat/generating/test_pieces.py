import asyncio
import random

import pytest

from features.chat.generating.rowing import Failing, deltas, events, running
from roundhouse.core.errors import StorageUnavailable
from roundhouse.features.chat.generating import store
from roundhouse.features.chat.generating.pieces import MOST_WAITING_CHARS, PieceWriter, Track
from roundhouse.infra.events.store import append

ME = "own_me"


@pytest.fixture
def failing(db) -> Failing:
    return Failing(db)


@pytest.fixture
def writer(failing, turned_clock) -> PieceWriter:
    return PieceWriter(failing, turned_clock, ME, lambda _: None)


async def turn(clock, seconds: float = 1.0) -> None:
    """Let the writer do what it has to do by then."""
    clock.turn(seconds)
    await asyncio.sleep(0.05)


async def settled(writer: PieceWriter, *tracks: Track) -> None:
    async with asyncio.timeout(20):
        while True:
            writer._clock.turn(1.0)
            await asyncio.sleep(0.005)
            async with writer._working:
                if writer._batch is None and not any(one.waiting_chars for one in tracks):
                    return


async def test_pieces_of_all_generations_share_their_commits(room, writer, failing, turned_clock):
    generations = [await running(room, ME) for _ in range(3)]
    tracks = [Track(one.id, one.site_id) for one in generations]
    writer.start()
    try:
        for text in ("a", "b", "c"):
            for track in tracks:
                writer.give(track, text)
        await settled(writer, *tracks)
        assert failing.begun == 1
        for track in tracks[:2]:
            writer.give(track, "d")
        await settled(writer, *tracks)
        assert failing.begun == 2
    finally:
        await writer.close()
    assert await deltas(room.db, generations[0]) == [(0, "abc"), (1, "d")]
    assert await deltas(room.db, generations[2]) == [(0, "abc")]


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_is_lost_or_doubled_whatever_fails(room, writer, failing, seed):
    chance = random.Random(seed)
    generations = [await running(room, ME) for _ in range(3)]
    tracks = [Track(one.id, one.site_id) for one in generations]
    said = ["", "", ""]
    failing.faults = [chance.choice(["", "", "before", "behind"]) for _ in range(40)]
    writer.start()
    try:
        for number in range(60):
            place = chance.randrange(3)
            text = f"{number} "
            said[place] += text
            writer.give(tracks[place], text)
            if chance.random() < 0.5:
                writer._clock.turn(chance.choice([0.0, 0.05, 1.0]))
                await asyncio.sleep(0.003)
        await settled(writer, *tracks)
    finally:
        await writer.close()
    for generation, text in zip(generations, said, strict=True):
        found = await deltas(room.db, generation)
        assert [index for index, _ in found] == list(range(len(found)))
        assert "".join(piece for _, piece in found) == text


async def test_who_was_taken_over_writes_nothing_any_more(room, writer, turned_clock):
    mine, lost = await running(room, ME), await running(room, ME)
    tracks = [Track(one.id, one.site_id) for one in (mine, lost)]
    async with room.db.begin() as tx:
        await store.end(tx, lost.id, ME, "interrupted", None, turned_clock.now_s())
    writer.start()
    try:
        for track in tracks:
            writer.give(track, "late")
        await settled(writer, *tracks)
        assert [track.lost for track in tracks] == [False, True]
        writer.give(tracks[1], "later")
        writer.give(tracks[0], "on")
        await settled(writer, *tracks)
    finally:
        await writer.close()
    assert await deltas(room.db, lost) == []
    assert "".join(text for _, text in await deltas(room.db, mine)) == "lateon"


async def test_the_rest_is_written_with_the_end(room, writer, failing):
    generation = await running(room, ME)
    track = Track(generation.id, generation.site_id)
    writer.give(track, "all of it")
    failing.faults = ["before"]
    for _ in range(2):
        try:
            async with writer.closing(track) as rest, failing.begin() as tx:
                assert rest is not None
                assert rest.data == {"index": 0, "text": "all of it"}
                await append(tx, rest)
        except StorageUnavailable:
            continue
    assert await deltas(room.db, generation) == [(0, "all of it")]
    async with writer.closing(track) as rest:
        assert rest is None
    writer.start()
    await settled(writer, track)
    await writer.close()
    assert len(await events(room.db, generation)) == 1


async def test_who_says_too_much_is_held_up(room, writer, failing, turned_clock):
    generation = await running(room, ME)
    track = Track(generation.id, generation.site_id)
    await writer.room(track)
    writer.give(track, "x" * (MOST_WAITING_CHARS + 1))
    waiting = asyncio.create_task(writer.room(track))
    await turn(turned_clock)
    assert not waiting.done()
    writer.start()
    await settled(writer, track)
    await turn(turned_clock)
    await asyncio.wait_for(waiting, 10)
    await writer.close()
