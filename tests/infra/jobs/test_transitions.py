import pytest

from roundhouse.core.jobs import NewJob, Pipeline, Step
from roundhouse.core.types import Caller
from roundhouse.infra.jobs import store, transitions
from roundhouse.infra.jobs.claiming import Turns, claim
from roundhouse.infra.jobs.entering import Entry, enter
from roundhouse.infra.jobs.model import RunLost
from roundhouse.infra.jobs.transitions import Claim, Move, ending, with_attempt

NOW_S = 1_800_000_000.0
CALLER = Caller("key", site_id="a")


async def nothing(context):
    return None


PIPELINE = Pipeline("t.x", (Step("one", nothing),))


@pytest.fixture
async def claimed(db):
    async with db.begin() as tx:
        await enter(tx, [Entry(CALLER, NewJob("t.x"), PIPELINE)], NOW_S)
        (job,) = await claim(tx, "exe_1", {"io": 1}, [("t.x", 1)], Turns(), NOW_S)
    return job


async def moved(db, *moves: Move):
    async with db.begin() as tx:
        return await transitions.move_all(tx, moves, NOW_S)


async def move(db, right: Claim, message: str):
    (outcome,) = await moved(db, Move(right, "job.stage", {"message": message}, NOW_S))
    if isinstance(outcome, RunLost):
        raise outcome
    return outcome


async def test_a_change_that_was_made_already_is_recognised(db, claimed):
    right = Claim(claimed.id, "exe_1", 1, claimed.version)
    first = await move(db, right, "first")
    assert await move(db, right, "first") == first
    right.version += 1
    assert (await move(db, right, "second")).message == "second"


async def test_another_change_that_was_made_is_not_taken_for_this_one(db, claimed):
    right = Claim(claimed.id, "exe_1", 1, claimed.version)
    await move(db, right, "first")
    (outcome,) = await moved(
        db, Move(right, "job.completed", ending("completed", NOW_S, NOW_S + 9), NOW_S + 9)
    )
    assert isinstance(outcome, RunLost)


async def test_one_that_is_lost_does_not_keep_the_others_from_changing(db, claimed):
    right = Claim(claimed.id, "exe_1", 1, claimed.version)
    lost = Claim("job_0", "exe_1", 1, 0)
    moves = [Move(one, "job.stage", {"message": "on"}, NOW_S) for one in (lost, right)]
    first, second = await moved(db, *moves)
    assert isinstance(first, RunLost)
    assert second.message == "on"


async def test_only_who_has_the_job_changes_it(db, claimed):
    for wrong in (
        Claim("job_2", "exe_1", 1, claimed.version),
        Claim(claimed.id, "exe_2", 1, claimed.version),
        Claim(claimed.id, "exe_1", 2, claimed.version),
        Claim(claimed.id, "exe_1", 1, claimed.version + 1),
    ):
        with pytest.raises(RunLost):
            await move(db, wrong, "wrong")
        async with db.read() as tx:
            assert not await transitions.holds(tx, wrong)
    async with db.read() as tx:
        assert await transitions.holds(tx, Claim(claimed.id, "exe_1", 1, claimed.version))
        assert await store.get(tx, None, claimed.id) == claimed


async def test_a_change_by_others_is_not_taken_for_ones_own(db, claimed):
    right = Claim(claimed.id, "exe_1", 1, claimed.version)
    async with db.begin() as tx:
        await transitions.change_all(tx, [(claimed, "job.stage", {"message": "theirs"})], NOW_S)
    with pytest.raises(RunLost):
        await move(db, right, "mine")


async def test_progress_of_a_stage_that_is_over_is_not_written(db, claimed):
    old = Claim(claimed.id, "exe_1", 1, claimed.version)
    await move(db, old, "on")
    async with db.begin() as tx:
        await transitions.tell_progress(tx, [(old, 0.9, "late")], NOW_S)
    async with db.read() as tx:
        assert (await store.get(tx, None, claimed.id)).message == "on"


def test_a_history_is_bounded(claimed_alone=None):
    job = claimed_alone or _job()
    for run in range(1, 151):
        job.run = run
        job.history = with_attempt(job, "waiting", NOW_S)
    assert [one.run for one in job.history] == list(range(51, 151))


def _job():
    values = dict.fromkeys(store.Job.__struct_fields__)
    return store.Job(
        **(values | {"history": [], "run": 0, "executor_id": "exe_1", "run_started_at_s": NOW_S})
    )
