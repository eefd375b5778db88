"""Whole transactions of SQLite: one visit, one commit for several, each with an outcome of its own."""

import asyncio
import threading

import pytest
import sqlalchemy as sa

from roundhouse.core.settings import DbSettings
from roundhouse.infra.db import Database

PLACES = 20


@pytest.fixture
async def db(tmp_path):
    db = Database(DbSettings(), f"sqlite:///{tmp_path / 'some.db'}")
    async with db.begin() as tx:
        await tx.exec_driver_sql("CREATE TABLE things (place INTEGER PRIMARY KEY)")
    yield db
    await db.close()


async def places(db):
    async with db.read() as tx:
        return [row[0] for row in await tx.exec_driver_sql("SELECT place FROM things ORDER BY place")]


def putting(place):
    async def put(tx):
        await tx.exec_driver_sql("INSERT INTO things VALUES (?)", (place,))
        return place

    return put


async def test_each_of_those_that_come_together_has_its_own_outcome(db):
    async def late(tx):
        await putting(100)(tx)
        raise LookupError("late")

    acts = [putting(place) for place in range(PLACES)] + [putting(3), late]
    done = await asyncio.gather(*(db.whole(act) for act in acts), return_exceptions=True)
    assert done[:PLACES] == list(range(PLACES))
    assert isinstance(done[PLACES], sa.exc.IntegrityError)
    assert isinstance(done[PLACES + 1], LookupError)
    assert await places(db) == list(range(PLACES))


async def test_those_that_come_together_share_commits(db):
    begun = []

    def act_of(place):
        async def act(tx):
            begun.append((await tx.exec_driver_sql("SELECT count(*) FROM things")).scalar_one())
            await putting(place)(tx)
            return threading.get_ident()

        return act

    watching = sa.event.listens_for
    commits = []
    watching(db._straight._engine, "commit")(lambda _: commits.append(1))
    threads = await asyncio.gather(*(db.whole(act_of(place)) for place in range(PLACES)))
    assert begun == list(range(PLACES))
    assert len(commits) < PLACES / 2
    assert len({*threads}) == 1
    assert threads[0] != threading.get_ident()


async def test_it_waits_its_turn_and_writers_of_the_other_door_wait_for_it(db):
    async with db.begin() as tx:
        await putting(1)(tx)
        waiting = asyncio.create_task(db.whole(putting(2)))
        await asyncio.sleep(0.05)
        assert not waiting.done()
    assert await waiting == 2
    assert await places(db) == [1, 2]


async def test_who_is_cancelled_has_written_all_or_nothing(db):
    tasks = [asyncio.create_task(db.whole(putting(place))) for place in range(PLACES)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    there = set(await places(db))
    assert all(place in there for place, one in enumerate(done) if one == place)
    assert set(range(1, PLACES, 2)) <= there
    # And it goes on.
    assert await db.whole(putting(200)) == 200


async def test_a_transaction_may_wait_for_its_statements_only(db):
    async def idle(tx):
        await putting(1)(tx)
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError):
        await db.whole(idle)
    assert await places(db) == []
