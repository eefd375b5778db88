from functools import partial

import pytest

from infra.jobs.plans import multiply, reads_all, sorts, watched
from roundhouse.core.jobs import NewJob, Pipeline, Step
from roundhouse.core.settings import JobSettings
from roundhouse.core.types import Caller
from roundhouse.infra.jobs.claiming import Turns, claim
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.queue import JobQueue

NOW_S = 1_800_000_000.0
KNOWN = [("t.x", 1)]


async def nothing(context):
    return None


@pytest.fixture
def queue(db, turned_clock):
    return JobQueue(
        db, PipelineTable([Pipeline("t.x", (Step("one", nothing),))]), JobSettings(), turned_clock
    )


async def accept(queue, site_id, **more):
    return await queue.accept(Caller("key", site_id=site_id), NewJob("t.x", **more))


async def test_the_cost_of_a_claim_does_not_grow_with_the_queue(db, queue):
    await accept(queue, "a")
    await accept(queue, "b")
    await accept(queue, "c", run_after_s=NOW_S + 1e6)
    work = partial(claim, executor_id="exe_1", slots={"io": 8}, known=KNOWN, now_s=NOW_S)
    await multiply(db, 4)
    few = await watched(db, lambda tx: work(tx, turns=Turns()))
    assert await multiply(db, 9) > 20_000
    many = await watched(db, lambda tx: work(tx, turns=Turns()))
    assert many.statements == few.statements
    for plan in many.plans:
        assert not reads_all(plan), plan
    heads = [plan for plan in many.plans if "rank" in plan]
    assert len(heads) >= 3
    for plan in heads:
        assert not sorts(plan), plan


async def test_a_job_whose_deadline_has_passed_is_not_started(db, queue):
    await accept(queue, "a", deadline_s=NOW_S + 5)
    late = await accept(queue, "a", deadline_s=NOW_S + 6)
    async with db.begin() as tx:
        claimed = await claim(tx, "exe_1", {"io": 8}, KNOWN, Turns(), NOW_S + 5)
    assert [job.id for job in claimed] == [late.id]


async def test_nothing_is_asked_without_slots_or_pipelines(db, queue):
    await accept(queue, "a")
    for slots, known in [({"io": 0}, KNOWN), ({"io": 8}, []), ({}, KNOWN)]:
        async with db.begin() as tx:
            assert await claim(tx, "exe_1", slots, known, Turns(), NOW_S) == []


def test_turns_are_kept_for_those_who_wait():
    turns = Turns()
    turns.serve("io", "a")
    turns.serve("io", "b")
    turns.serve("cpu", "a")
    assert turns.last("io", "b") > turns.last("io", "a") > turns.last("io", "c") == 0
    turns.keep("io", ["b"])
    assert turns.last("io", "a") == 0
    assert turns.last("cpu", "a") > 0
