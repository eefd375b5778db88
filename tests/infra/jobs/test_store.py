"""What is read while somebody waits, or again and again, goes through an index; on both databases."""

import pytest

from infra.jobs.plans import multiply, reads_all, sorts, watched
from roundhouse.core.jobs import NewJob, Pipeline, Step
from roundhouse.core.settings import JobSettings
from roundhouse.core.types import Caller
from roundhouse.infra.jobs import store, transitions
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.queue import JobQueue

NOW_S = 1_800_000_000.0
CALLER = Caller("key", site_id="a")


async def nothing(context):
    return None


@pytest.fixture
async def full(db, turned_clock):
    """A thousand queued jobs among thousands that have ended."""
    queue = JobQueue(
        db, PipelineTable([Pipeline("t.x", (Step("one", nothing),))]), JobSettings(), turned_clock
    )
    for number in range(16):
        caller = CALLER if number else Caller("key", site_id="b")
        job = await queue.accept(caller, NewJob("t.x", run_after_s=NOW_S + number, deadline_s=NOW_S + 9))
        if number > 1:
            await queue.cancel(CALLER, job.id)
    await multiply(db, 8)
    return (await queue.page(CALLER, store.JobFilter(state="queued"), before_seq=None, limit=1))[0]


async def test_everything_that_is_asked_often_goes_through_an_index(db, full):
    asked = {
        "get": lambda tx: store.get(tx, CALLER, full.id),
        "get_by_key": lambda tx: store.get_by_key(tx, "a", "t.x", "k"),
        "queued": lambda tx: store.queued(tx, "io"),
        "queued of a tenant": lambda tx: store.queued(tx, "io", site_id="a"),
        "position": lambda tx: store.position(tx, full),
        "speed": lambda tx: store.speed(tx, "io"),
        "running": lambda tx: store.running(tx, "exe_1"),
        "orphaned": store.orphaned,
        "next_due_s": lambda tx: store.next_due_s(tx, NOW_S + 100),
        "expired": lambda tx: store.expired(tx, NOW_S, 200),
        "page": lambda tx: store.page(tx, CALLER, store.JobFilter(), before_seq=50, limit=20),
        "lock_one": lambda tx: transitions.lock_one(tx, full.id),
    }
    for name, work in asked.items():
        watch = await watched(db, work)
        assert watch.plans, name
        for plan in watch.plans:
            assert not reads_all(plan), (name, plan)
            if name in ("speed", "page"):
                assert not sorts(plan), (name, plan)
