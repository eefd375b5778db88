"""Limits are exact for one process, though rows are counted only now and then."""

import pytest

from infra.jobs.plans import Watched
from roundhouse.core.errors import QueueFull
from roundhouse.core.jobs import NewJob, Pipeline, Step
from roundhouse.core.settings import JobSettings
from roundhouse.core.types import Caller
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.jobs.room import Room

ADA, BEN = Caller("key", site_id="a"), Caller("key", site_id="b")


async def nothing(context):
    return None


def queue_of(db, clock, **limits):
    pipelines = PipelineTable([Pipeline("t.x", (Step("one", nothing),))])
    return JobQueue(db, pipelines, JobSettings(**limits), clock)


async def test_no_more_than_the_limit_come_in(db, turned_clock):
    queue = queue_of(db, turned_clock, max_queued=12, max_queued_per_site=8)
    for _ in range(8):
        await queue.accept(ADA, NewJob("t.x"))
    with pytest.raises(QueueFull):
        await queue.accept(ADA, NewJob("t.x"))
    for _ in range(4):
        last = await queue.accept(BEN, NewJob("t.x"))
    with pytest.raises(QueueFull):
        await queue.accept(BEN, NewJob("t.x"))
    await queue.cancel(BEN, last.id)
    await queue.accept(BEN, NewJob("t.x"))


async def test_what_another_process_let_in_is_seen_within_a_second(db, turned_clock):
    one, other = (queue_of(db, turned_clock, max_queued=40, max_queued_per_site=40) for _ in range(2))
    await one.accept(ADA, NewJob("t.x"))
    for _ in range(39):
        await other.accept(ADA, NewJob("t.x"))
    turned_clock.turn(1.1)
    with pytest.raises(QueueFull):
        await one.accept(ADA, NewJob("t.x"))


async def test_rows_are_not_counted_for_each_job(db, turned_clock):
    room = Room(JobSettings(max_queued=1000, max_queued_per_site=1000), turned_clock)
    async with db.read() as tx:
        watch = Watched(tx)
        for _ in range(100):
            assert await room.waiting_if_full(watch, "io", "a") is None
            room.came_in("io", "a")
        assert watch.statements == 2
        for _ in range(900):
            room.came_in("io", "a")
        # Close to the limit it looks: nobody is there.
        assert await room.waiting_if_full(watch, "io", "a") is None
        assert watch.statements == 4
