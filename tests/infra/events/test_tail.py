import asyncio
import random
import sys
from pathlib import Path

import pytest

from infra.events import appending
from infra.events.appending import TOPICS, new, write, write_many
from roundhouse.core.errors import ShuttingDown, StorageUnavailable
from roundhouse.core.settings import DbSettings, EventSettings
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database
from roundhouse.infra.events import store
from roundhouse.infra.events.tail import EventTail

PEOPLE = ("anna", "bert", "carl")
TYPES = ("job.progress", "the.end", "dora", "eve", *PEOPLE)


async def take(follower, count):
    async with asyncio.timeout(30):
        return [await anext(follower) for _ in range(count)]


def numbers(events):
    return [one.data["number"] for one in events]


async def everything(db, topic=None):
    found = []
    async with db.read() as tx:
        while page := await store.page(tx, "default", topic, found[-1].seq if found else 0, 1000):
            found += page
    return found


async def test_what_was_before_and_what_comes(db, tail):
    await write(db, new(0), new(1, "job_b"), new(2, site_id="other"))
    async with tail.follow("job_a", "default", 0) as follower, tail.follow(None, "default", 0) as tenant:
        await write(db, new(3))
        await write(db, new(4, "job_b"))
        await write(db, new(5, site_id="other"), new(6))
        assert numbers(await take(follower, 3)) == [0, 3, 6]
        found = await take(tenant, 5)
        assert numbers(found) == [0, 1, 3, 4, 6]
        assert follower.caught_up
        assert await follower.batch(0.02) == []
        assert tail.position == found[-1].seq
    async with tail.follow(None, "default", found[1].seq) as tenant:
        assert await take(tenant, 3) == found[2:]


async def test_from_now_on(db, tail, eventually):
    await write(db, new(0))
    await eventually(lambda: tail.position > 0)
    async with tail.follow("job_a", "default") as follower:
        await write(db, new(1))
        assert numbers(await take(follower, 1)) == [1]
        assert (await follower.passed()).data == {"number": 1}
        assert not follower.ended


async def test_a_tail_begins_behind_what_is_there(db, eventually):
    await write(db, new(0))
    tail = EventTail(db, EventSettings(), SystemClock())
    seen = []
    tail.on_event(seen.append, TYPES)
    await tail.start()
    async with tail.follow(None, "default") as follower:
        await write(db, new(1))
        assert numbers(await take(follower, 1)) == [1]
    await eventually(lambda: numbers(seen) == [1])
    await tail.close()


async def test_callbacks_hear_of_every_tenant_and_one_that_fails_harms_nobody(db, tail, eventually):
    heard, raised = [], []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context["exception"]))
    tail.on_event(lambda event: 1 // 0, TYPES)
    tail.on_event(heard.append, TYPES)
    await write(db, new(0), new(1, site_id="other"))
    await write(db, new(2, "job_b"))
    await eventually(lambda: len(heard) == 3)
    assert numbers(heard) == [0, 1, 2]
    assert [type(one) for one in raised] == [ZeroDivisionError] * 3


async def test_what_this_process_committed_is_handed_out_at_once_and_once(db, tail):
    """Its own commits are told by it where they come next; what others wrote between is read, all in order."""
    chance = random.Random(1)
    seen = []
    tail.on_event(seen.append, TYPES)
    told = 0
    async with tail.follow(None, "default") as follower:
        for number in range(60):
            async with db.begin() as tx:
                written = await store.append(tx, new(number, kind="eve"), new(number, "job_b", kind="eve"))
            if chance.random() < 0.7:
                before = tail.position
                tail.committed(written)
                told += tail.position > before
            if chance.random() < 0.3:
                await write(db, new(number, kind="dora"))
            await asyncio.sleep(chance.choice([0, 0, 0.01, 0.05]))
        await write(db, new(-1, kind="job.progress"))
        found = []
        while not found or found[-1].type != "job.progress":
            found.append(await anext(follower))
        tail.committed(found[-2:])
        assert await follower.batch(0.05) == []
    whole = await everything(db)
    assert [one.seq for one in found] == [one.seq for one in whole]
    assert found == whole == seen
    assert told > 5


async def test_an_id_from_the_future_is_the_newest(db, tail):
    """As after a backup was restored: the client must not wait until the numbers are as high again."""
    await write(db, new(0))
    async with tail.follow("job_a", "default", 10**15) as follower:
        await write(db, new(1))
        assert numbers(await take(follower, 1)) == [1]


async def test_who_is_too_slow_reads_the_table_and_loses_nothing(db, tail, eventually):
    async with tail.follow("job_a", "default") as slow, tail.follow("job_a", "default") as quick:
        for start in range(0, 1000, 50):
            await write(db, *(new(number) for number in range(start, start + 50)))
            assert numbers(await take(quick, 50)) == list(range(start, start + 50))
        assert len(slow._kept) <= 512
        assert not slow.caught_up
        assert numbers(await take(slow, 700)) == list(range(700))
        await write(db, *(new(number) for number in range(1000, 1010)))
        assert numbers(await take(slow, 310)) == list(range(700, 1010))
        assert numbers(await take(quick, 10)) == list(range(1000, 1010))
        await write(db, new(1010))
        assert numbers(await take(slow, 1)) == [1010]
        assert slow.caught_up


async def test_several_processes_write_and_nobody_misses_or_repeats(db, db_url, tail, eventually):
    """Readers come at any time, read at any pace, go and come back; each sees its part of the table exactly."""
    here = str(Path(appending.__file__))
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, here, db_url, name, "40", str(seed))
        for seed, name in enumerate(PEOPLE)
    ]
    ended = asyncio.gather(*(one.wait() for one in processes))
    seen = []
    tail.on_event(seen.append, TYPES)
    readers = [asyncio.create_task(_wander(tail, seed, ended)) for seed in range(12)]
    await write_many(db, "dora", 40, 99)
    assert await ended == [0, 0, 0]
    await write(db, *(new(-1, topic, kind="the.end") for topic in TOPICS))
    whole = await everything(db)
    for name in (*PEOPLE, "dora"):
        own = [one.data["number"] for one in whole if one.type == name]
        assert own == list(range(len(own)))
        assert len(own) > 40
    for seed, reader in enumerate(readers):
        topic, read = await asyncio.wait_for(reader, 60)
        assert read == await everything(db, topic), seed
    await eventually(lambda: len(seen) == len(whole))
    assert seen == whole


async def _wander(tail, seed, ended):
    """Read from the first event to the end, leaving and coming back now and then."""
    chance = random.Random(seed)
    topic = chance.choice((*TOPICS, None))
    ends = 1 if topic else len(TOPICS)
    await asyncio.sleep(chance.random() * 0.5)
    read = []
    while True:
        stay = chance.randint(1, 60)
        async with tail.follow(topic, "default", read[-1].seq if read else 0) as follower:
            while stay > 0:
                found = await follower.batch(60) if chance.random() < 0.5 else [await anext(follower)]
                read += found
                stay -= len(found)
                if sum(one.type == "the.end" for one in read) == ends:
                    return topic, read
                await asyncio.sleep(chance.choice((0, 0, 0.005, 0.05)))


async def test_a_reader_that_leaves_is_forgotten(db, tail):
    async with tail.follow("job_a", "default", 0), tail.follow(None, "default"):
        assert len(tail._followers) == 2
    assert tail._followers == {}


async def test_a_thousand_readers(db, tail):
    followers = [tail.follow(f"job_{number}", "default") for number in range(1000)]
    for follower in followers:
        await follower.__aenter__()
    await write(db, *(new(number, f"job_{number}") for number in range(1000)))
    found = await asyncio.gather(*(take(follower, 1) for follower in followers))
    assert [one.data["number"] for (one,) in found] == list(range(1000))


async def test_drain_ends_readers_and_takes_no_new_ones(db, tail, eventually):
    heard = []
    tail.on_event(heard.append, TYPES)
    async with tail.follow("job_a", "default") as idle, tail.follow("job_a", "default") as holding:
        waiting = asyncio.create_task(take(idle, 2))
        await write(db, new(0))
        await eventually(lambda: len(heard) == 1)
        tail.drain()
        with pytest.raises(StopAsyncIteration):
            await waiting
        assert not holding.ended
        assert numbers([one async for one in holding]) == [0]
        assert await holding.batch() == []
        assert holding.ended
    with pytest.raises(ShuttingDown):
        await tail.follow("job_a", "default").__aenter__()
    await write(db, new(1))
    await eventually(lambda: len(heard) == 2)


async def test_close_while_it_reads(db, db_url):
    theirs = Database(DbSettings(), db_url)
    writing = asyncio.create_task(write_many(theirs, "anna", 60, 1))
    for pause_s in (0.0, 0.001, 0.01, 0.05):
        tail = EventTail(db, EventSettings(poll_ms=1), SystemClock())
        await tail.start()
        heard = []
        tail.on_event(heard.append, TYPES)
        async with tail.follow(None, "default", 0) as follower:
            reading = asyncio.create_task(take(follower, 10**6))
            await asyncio.sleep(pause_s)
            await tail.close()
            with pytest.raises(StopAsyncIteration):
                await reading
        await asyncio.sleep(0)
        count = len(heard)
        await asyncio.sleep(0.02)
        assert len(heard) == count
    await writing
    await theirs.close()


async def test_a_tail_that_was_never_started_can_be_closed(db):
    await EventTail(db, EventSettings(), SystemClock()).close()


async def test_start_tells_that_the_database_is_away(sqlite_url):
    db = Database(DbSettings(pool_size=1, busy_timeout_s=0.1), sqlite_url)
    tail = EventTail(db, EventSettings(), SystemClock())
    async with db.read():
        with pytest.raises(StorageUnavailable):
            await tail.start()
    await tail.start()
    await tail.close()
    await db.close()


async def test_replay_waits_while_the_table_cannot_be_read(sqlite_url, tmp_path):
    db = Database(DbSettings(busy_timeout_s=0.2), sqlite_url)
    tail = EventTail(db, EventSettings(poll_ms=5), SystemClock())
    await tail.start()
    await write(db, *(new(number) for number in range(300)))
    async with tail.follow("job_a", "default", 0) as follower:
        async with db.begin() as tx:
            await tx.exec_driver_sql("ALTER TABLE events RENAME TO hidden")
        assert numbers(await take(follower, 200)) == list(range(200))
        waiting = asyncio.create_task(take(follower, 100))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        async with db.begin() as tx:
            await tx.exec_driver_sql("ALTER TABLE hidden RENAME TO events")
        assert numbers(await waiting) == list(range(200, 300))
    await tail.close()
    await db.close()
