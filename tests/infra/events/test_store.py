import asyncio
import json

import pytest

from infra.events.appending import new, write
from roundhouse.infra.events import store
from roundhouse.infra.events.store import NewEvent


async def test_a_page_is_one_things_or_one_tenants_in_order(db):
    told = [new(0), new(1, "job_b"), new(2, site_id="other"), new(3), new(4)]
    await write(db, *told[:2])
    await write(db, *told[2:])
    async with db.read() as tx:
        everything = await store.page(tx, "default", None, 0, 10)
        assert [one.data["number"] for one in everything] == [0, 1, 3, 4]
        seqs = [one.seq for one in everything]
        assert seqs == sorted(set(seqs))
        things = await store.page(tx, "default", "job_a", 0, 2)
        assert things == [everything[0], everything[2]]
        assert await store.page(tx, "default", "job_a", things[-1].seq, 10) == [everything[3]]
        assert await store.page(tx, "other", "job_b", 0, 10) == []
        assert await store.newest_of(tx, "default", "job_b") == everything[1]
        assert await store.newest_of(tx, "default", None) == everything[3]
        assert await store.newest_of(tx, "nobody", None) is None
        assert await store.newest_seq(tx) == seqs[-1]


async def test_an_event_as_users_see_it(db):
    await write(db, NewEvent("default", "job_a", "job.completed", {"text": "a\nb\u2028é"}, 1_800_000_000.25))
    async with db.read() as tx:
        (event,) = await store.page(tx, "default", "job_a", 0, 1)
    head, kind, data, *rest = event.frame.decode().split("\n")
    assert (head, kind, rest) == (f"id: {event.seq}", "event: job.completed", ["", ""])
    assert json.loads(data.removeprefix("data: ")) == {
        "id": event.id,
        "type": "job.completed",
        "topic": "job_a",
        "at": "2027-01-15T08:00:00.250000Z",
        "data": {"text": "a\nb\u2028é"},
    }
    assert event.frame is event.frame


async def test_nothing_is_written_by_no_event_nor_by_a_rollback(db):
    async with db.begin() as tx:
        await store.append(tx)
    with pytest.raises(ZeroDivisionError):
        async with db.begin() as tx:
            await store.append(tx, new(0))
            raise ZeroDivisionError
    async with db.read() as tx:
        assert await store.newest_seq(tx) == 0


async def test_old_events_are_deleted_the_oldest_first_and_numbers_are_not_given_again(db):
    told = [NewEvent("default", "job_a", "x.y", {}, at_s) for at_s in (30.0, 10.0, 20.0, 50.0)]
    await write(db, *told)
    async with db.begin() as tx:
        assert await store.delete_before(tx, 50.0, 2) == 2
        left = await store.page(tx, "default", None, 0, 10)
        assert [one.at_s for one in left] == [30.0, 50.0]
        newest = await store.newest_seq(tx)
        assert await store.delete_before(tx, 1e12, 100) == 2
        assert await store.delete_before(tx, 1e12, 100) == 0
        assert await store.newest_seq(tx) == 0
        assert await store.last_number(tx) >= newest
    await write(db, new(0))
    async with db.read() as tx:
        assert await store.newest_seq(tx) > newest


async def test_numbers_rise_in_the_order_of_commits(db):
    """The second writer begins first and has more to do; its numbers must not be lower than those seen before."""
    appended = asyncio.Event()
    go_on = asyncio.Event()

    async def slow() -> None:
        async with db.begin() as tx:
            await store.append(tx, new(0))
            appended.set()
            await go_on.wait()

    async def quick() -> None:
        await appended.wait()
        await write(db, new(1))

    writing = asyncio.gather(slow(), quick())
    await appended.wait()
    await asyncio.sleep(0.05)
    async with db.read() as tx:
        assert await store.page(tx, "default", None, 0, 10) == []
    go_on.set()
    await writing
    async with db.read() as tx:
        assert [one.data["number"] for one in await store.page(tx, "default", None, 0, 10)] == [0, 1]
