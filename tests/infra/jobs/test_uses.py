"""Which files jobs work on, on both databases."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from roundhouse.core.ids import new_id
from roundhouse.core.jobs import NewJob, Pipeline, Step, StepContext
from roundhouse.core.settings import JobSettings
from roundhouse.core.types import Caller
from roundhouse.infra.db import Database
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.jobs.rows import jobs
from roundhouse.infra.jobs.uses import JobInputs, is_going

CALLER = Caller("key_a", site_id="a")


async def _nothing(_: StepContext) -> None:
    return None


async def test_ids_are_found_wherever_they_stand_in_the_input(db: Database, turned_clock: Any) -> None:
    queue = JobQueue(
        db, PipelineTable([Pipeline("a.b", (Step("x", _nothing),))]), JobSettings(), turned_clock
    )
    first, second, third, other = (new_id("file") for _ in range(4))
    going = await queue.accept(
        CALLER, NewJob("a.b", {"deep": [{"path": f"/v1/files/{first}/content"}, second]})
    )
    ended = await queue.accept(CALLER, NewJob("a.b", {"file_id": third, "again": third}))
    await queue.accept(CALLER, NewJob("a.b", {"file": "none"}))
    await queue.cancel(CALLER, ended.id)
    at_s = turned_clock.now_s()
    ids, use = [first, second, third, other], JobInputs()
    async with db.read() as tx:
        assert await use.uses(tx, ids, at_s - 1) == {first: None, second: None, third: at_s}
        assert await use.uses(tx, ids, at_s) == {first: None, second: None}
        assert await use.uses(tx, ids, None) == {first: None, second: None}
        assert await use.uses(tx, [first], None) == {first: None}
        assert await use.uses(tx, [third], at_s - 1) == {third: at_s}
        assert await use.uses(tx, [other], at_s - 1) == {}
        assert (await is_going(tx, "a.b"), await is_going(tx, "a.c")) == (True, False)
    again = await queue.accept(CALLER, NewJob("a.b", {"file_id": third}))
    async with db.read() as tx:
        assert (await use.uses(tx, ids, at_s - 1))[third] is None
    for one in (going, again):
        await queue.cancel(CALLER, one.id)
    async with db.read() as tx:
        assert await use.uses(tx, ids, None) == {}


async def test_thousands_of_jobs_are_read_to_the_last(db: Database, turned_clock: Any) -> None:
    queue = JobQueue(
        db, PipelineTable([Pipeline("a.b", (Step("x", _nothing),))]), JobSettings(), turned_clock
    )
    one = await queue.accept(CALLER, NewJob("a.b", {"file_id": new_id("file")}))
    ids = [new_id("file") for _ in range(4100)]
    async with db.begin() as tx:
        row = dict((await tx.execute(sa.select(jobs).where(jobs.c.id == one.id))).mappings().one())
        del row["seq"]
        await tx.execute(sa.delete(jobs))
        await tx.execute(
            sa.insert(jobs), [{**row, "id": new_id("job"), "input": {"file_id": file_id}} for file_id in ids]
        )
    async with db.read() as tx:
        assert await JobInputs().uses(tx, ids[:2] + ids[-2:], None) == dict.fromkeys(ids[:2] + ids[-2:])
