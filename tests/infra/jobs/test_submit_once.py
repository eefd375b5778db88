"""One job for all who ask for the same while it has not ended."""

import asyncio

import pytest

from roundhouse.core.errors import Conflict
from roundhouse.core.jobs import NewJob, Pipeline, Step
from roundhouse.core.settings import JobSettings
from roundhouse.core.types import Caller
from roundhouse.infra.jobs.claiming import Turns, claim
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.queue import JobQueue

ADA = Caller("key_a", site_id="a")
BOB = Caller("key_b", site_id="b")
USER = Caller("key_u", site_id="a", user_id="u")


async def nothing(_):
    return None


@pytest.fixture
def queue(db, turned_clock) -> JobQueue:
    kinds = [Pipeline(kind, (Step("one", nothing),)) for kind in ("t.x", "t.y")]
    return JobQueue(db, PipelineTable(kinds), JobSettings(), turned_clock)


@pytest.fixture
def submit(db, queue):
    async def submit(caller=ADA, name="m", kind="t.x", key=None, **more) -> str:
        async with db.begin() as tx:
            new = NewJob(kind, {"model": name, **more}, idempotency_key=key)
            return (await queue.submit_once(tx, caller, new, "model")).id

    return submit


async def test_who_asks_for_the_same_gets_the_same(submit):
    first = await submit()
    assert await submit() == first
    assert await submit(other=1) == first
    others = [await submit(name="M"), await submit(kind="t.y"), await submit(BOB), await submit(USER)]
    assert len({first, *others}) == 5
    assert await submit(USER) == others[-1]


async def test_many_at_once_get_one(submit):
    assert len(set(await asyncio.gather(*(submit() for _ in range(8))))) == 1


async def test_what_ended_or_is_to_stop_is_not_joined(db, queue, submit, turned_clock):
    first = await submit()
    await queue.cancel(ADA, first)
    second = await submit()
    assert second != first
    async with db.begin() as tx:
        await claim(tx, "exe_x", {"io": 1}, [("t.x", 1)], Turns(), turned_clock.now_s())
    assert await submit() == second
    await queue.cancel(ADA, second)
    assert (await queue.get(ADA, second)).state == "running"
    assert await submit() not in (first, second)


async def test_an_idempotency_key_wins(queue, submit):
    first = await submit(key="k")
    assert await submit(key="k") == await submit(key="other") == first
    await queue.cancel(ADA, first)
    second = await submit()
    assert await submit(key="k") == first
    assert await submit(key="new") == second
    with pytest.raises(Conflict):
        await submit(name="n", key="k")
