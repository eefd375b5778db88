"""What a house of executors keeps to when processes die, freeze, lose the database, stop, or are replaced.

The fixture `durable` runs the essential promises on the product's own store of finished steps as well.
"""

import asyncio

import pytest

from contracts.job_house import CALLER, Gate, House, Worker, pipeline
from roundhouse.core.errors import BackendDown, NotFound, PipelineRetired, StorageUnavailable
from roundhouse.core.jobs import Job, RetryPolicy, Waiting
from roundhouse.core.settings import EventSettings
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.events.tail import EventTail
from roundhouse.infra.jobs import sweeps
from roundhouse.infra.jobs.durable import DbosDurable

DAY_S = 86_400.0


@pytest.fixture(params=["memory", "dbos"])
async def durable(request, db):
    if request.param == "memory":
        yield None
        return
    made = DbosDurable(db.url.render_as_string(hide_password=False), "exe_test")
    await made.start()
    yield made
    await made.close()


class Counted:
    """A step that counts its calls by job and returns how many they were."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}

    async def __call__(self, context):
        self.calls[context.job.id] = self.calls.get(context.job.id, 0) + 1
        return self.calls[context.job.id]


async def ended(house: House, job: Job, state: str) -> Job:
    job = await house.job(job)
    assert job.state == state, job
    await house.told(job)
    return job


# Finished steps


async def test_finished_steps_never_run_again(build, turned_clock, durable):
    """A failure, a crash, a wait, a stop of the executor and a retry by the user, all in the life of one job."""
    done, gate = Counted(), Gate()
    house = build(
        pipeline(done, gate, done, retry=RetryPolicy(max_attempts=2, base_s=1)), durable=durable, drain_s=0.0
    )
    worker = await house.hire()
    job = await house.accept()
    await worker.beat()
    await gate.entered(1)
    gate.fail(BackendDown("no"))
    await worker.rest()
    turned_clock.turn(2)
    await worker.beat()
    await gate.entered(2)
    gate.fail(BackendDown("no"))
    await worker.rest()
    await ended(house, job, "failed")

    await house.queue.retry(CALLER, job.id)
    await worker.beat()
    await gate.entered(3)
    worker.freeze()
    second = await house.hire()
    await second.beat()
    await gate.entered(4)
    gate.fail(Waiting("approval"))
    await second.rest()
    await house.wake(job, "approval", 1)

    stop = asyncio.Event()
    third = await house.hire(joined=False)
    draining = asyncio.create_task(third.executor.run(stop))
    await gate.entered(5)
    stop.set()
    await draining
    job = await house.job(job)
    assert (job.state, job.history[-1].outcome) == ("queued", "interrupted")

    await second.beat()
    context = await gate.entered(6)
    assert dict(context.results) == {"one": 1}
    gate.give("at last")
    await second.rest()
    job = await ended(house, job, "completed")
    assert (job.result, done.calls) == (2, {job.id: 2})
    assert [one.outcome for one in job.history] == ["failed", "failed", "lost", "waiting", "interrupted"]
    assert job.attempts == 2


async def test_a_step_is_finished_when_it_is_recorded(build, durable):
    """The executor dies between the record of a step and the row that tells it."""
    gate, after = Gate(), Gate()
    house = build(pipeline(gate, after), durable=durable)
    worker = await house.hire()
    job = await house.accept()
    await worker.beat()
    await gate.entered()
    worker.db.away = True
    gate.give("recorded")
    await house.recorded(job, 1, "one")
    worker.freeze()
    second = await house.hire()
    await second.beat()
    assert dict((await after.entered()).results) == {"one": "recorded"}
    after.give("x")
    await second.rest()
    job = await ended(house, job, "completed")
    assert (job.result, len(gate.calls), job.run) == ("x", 1, 2)
    assert [one.state for one in job.stages] == ["completed", "completed"]


async def test_a_job_whose_last_step_was_recorded_ends_without_running_it(build, durable):
    gate = Gate()
    house = build(pipeline(gate), durable=durable)
    worker = await house.hire()
    job = await house.accept()
    await worker.beat()
    await gate.entered()
    worker.db.away = True
    gate.give("recorded")
    await house.recorded(job, 1, "one")
    worker.freeze()
    await (await house.hire()).work()
    job = await ended(house, job, "completed")
    assert (job.result, len(gate.calls), job.run) == ("recorded", 1, 2)


# Death


async def test_a_dead_executors_jobs_are_taken_over(build):
    gate = Gate()
    house = build(pipeline(gate))
    worker, second = await house.hire(), await house.hire()
    job = await house.accept()
    await worker.beat()
    await gate.entered()
    worker.freeze()
    await second.beat()
    assert (await gate.entered(2)).job.executor_id == second.id
    gate.give("done")
    await second.rest()
    job = await ended(house, job, "completed")
    assert (job.attempts, [one.outcome for one in job.history]) == (2, ["lost"])
    assert job.history[0].executor_id == worker.id
    assert await house.kinds(job) == ["queued", "started", "queued", "started", "completed"]


async def test_a_job_that_kills_its_executors_fails_with_its_history(build):
    gate = Gate()
    house = build(pipeline(gate, retry=RetryPolicy(max_attempts=3)))
    job = await house.accept()
    dead = []
    for attempt in (1, 2, 3):
        worker = await house.hire()
        await worker.beat()
        await gate.entered(attempt)
        worker.freeze()
        dead.append(worker.id)
    survivor = await house.hire()
    await survivor.work(2)
    job = await ended(house, job, "failed")
    assert (job.error["code"], job.attempts, len(gate.calls)) == ("executor_lost", 3, 3)
    assert [(one.executor_id, one.outcome) for one in job.history] == [(one, "lost") for one in dead]
    assert job.stages[0].state == "failed"
    await house.queue.retry(CALLER, job.id)
    await survivor.beat()
    await gate.entered(4)
    gate.give(1)
    await survivor.rest()
    await ended(house, job, "completed")


async def test_two_that_take_over_at_once_take_each_job_once(build):
    gate = Gate()
    house = build(pipeline(gate))
    worker = await house.hire()
    accepted = [await house.accept() for _ in range(6)]
    await worker.beat()
    await gate.entered(6)
    worker.freeze()
    crew = [await house.hire() for _ in range(3)]
    for _ in range(3):
        await asyncio.gather(*(one.beat() for one in crew))
    await gate.entered(12)
    assert len(gate.calls) == 12
    for call in range(7, 13):
        gate.give(1, call)
    await asyncio.gather(*(one.rest() for one in crew))
    for job in accepted:
        assert (await ended(house, job, "completed")).run == 2


async def test_jobs_of_an_executor_without_a_row_are_found(build):
    gate = Gate()
    house = build(pipeline(gate))
    worker = await house.hire()
    job = await house.accept()
    await worker.beat()
    await gate.entered()
    worker.ice.freeze()
    async with house.db.begin() as tx:
        await worker.member.forget(tx, worker.id)
    await (await house.hire()).beat()
    await gate.entered(2)
    assert (await house.job(job)).history[0].outcome == "lost"


# Frozen and revived


async def frozen_in_step(build, **more) -> tuple[House, Worker, Worker, Gate, Counted, Job]:
    """Two executors, the first of which froze in the first of two steps; the second one has the job now."""
    gate, after = Gate(), Counted()
    house = build(pipeline(gate, after), **more)
    worker, second = await house.hire(), await house.hire()
    job = await house.accept()
    await worker.beat()
    await gate.entered(1)
    worker.freeze()
    gate.give("of the first")
    await second.beat()
    await gate.entered(2)
    return house, worker, second, gate, after, job


async def test_one_that_comes_back_while_the_other_works_changes_nothing(build, durable):
    house, worker, second, gate, after, job = await frozen_in_step(build, durable=durable)
    before, told = await house.job(job), await house.told(job)
    worker.revive()
    await worker.rest()
    assert (await house.job(job), await house.told(job)) == (before, told)
    gate.give("of the second")
    await second.rest()
    job = await ended(house, job, "completed")
    assert (job.result, after.calls, job.run) == (1, {job.id: 1}, 2)


async def test_one_that_comes_back_after_the_end_changes_nothing(build, durable):
    house, worker, second, gate, after, job = await frozen_in_step(build, durable=durable)
    gate.give("of the second")
    await second.rest()
    job, told = await ended(house, job, "completed"), await house.told(job)
    worker.revive()
    await worker.rest()
    assert (await house.job(job), await house.told(job), after.calls) == (job, told, {job.id: 1})


@pytest.mark.parametrize("how", ["fails", "waits", "progresses"])
async def test_whatever_one_that_comes_back_says_is_not_heard(build, how):
    gate = Gate()
    house = build(pipeline(gate))
    worker, second = await house.hire(), await house.hire()
    job = await house.accept()
    await worker.beat()
    first = await gate.entered(1)
    worker.freeze()
    await second.beat()
    await gate.entered(2)
    before = await house.job(job)
    worker.revive()
    first.progress(0.9, "of the first")
    if how != "progresses":
        gate.fail(BackendDown("no") if how == "fails" else Waiting("x"), 1)
    await worker.beat()
    await worker.rest()
    assert await house.job(job) == before
    gate.give("done", 2)
    await second.rest()
    await ended(house, job, "completed")


async def test_one_that_froze_before_it_began_does_not_begin(build, durable):
    """Its run was not known yet when the job was taken over, so it could not be fenced then."""
    gate = Gate()
    house = build(pipeline(gate), durable=durable)
    worker, second = await house.hire(), await house.hire()
    job = await house.accept()
    worker.durable.ice.freeze()
    assert await worker.beat() == 1
    worker.freeze()
    await second.beat()
    await gate.entered(1)
    worker.revive()
    await worker.rest()
    gate.give("done")
    await second.rest()
    await ended(house, job, "completed")
    assert {call.job.executor_id for call in gate.calls} == {second.id}


async def test_an_executor_that_lost_its_job_stops_working_on_it(build):
    gate = Gate()
    house = build(pipeline(gate))
    worker, second = await house.hire(), await house.hire()
    job = await house.accept()
    await worker.beat()
    await gate.entered(1)
    worker.freeze()
    await second.beat()
    await gate.entered(2)
    worker.revive()
    house.members.dead.clear()
    await worker.beat()
    await worker.rest()
    assert isinstance(gate.left[0], asyncio.CancelledError)
    assert (await house.job(job)).executor_id == second.id
    await house.told(job)


async def test_a_job_claimed_in_the_middle_of_the_take_over_is_not_left_behind(build):
    gate = Gate()
    house = build(pipeline(gate))
    worker, second = await house.hire(), await house.hire()
    await house.accept()
    await worker.beat()
    await gate.entered(1)
    house.members.dead.add(worker.id)

    class Late:
        """Between the reading of the lost jobs and their change the frozen one claims another."""

        async def fence(self, run_ids):
            self.fenced = run_ids
            await house.accept()
            house.members.dead.clear()
            await worker.beat()
            await gate.entered(2)
            house.members.dead.add(worker.id)

    late = Late()
    args = (worker.id, second.member, house.clock.now_s(), DAY_S, second.table)
    assert await sweeps.take_over(house.db, late, *args) == 1
    assert [row.id for row in await second.member.lost()] == [worker.id]
    assert await sweeps.take_over(house.db, house.durable, *args) == 1
    assert await second.member.lost() == []
    assert await house.jobs("running") == []


# The database


async def test_a_run_outlives_an_absence_of_the_database(build, turned_clock):
    gate, after = Gate(), Counted()
    house = build(pipeline(gate, after))
    worker = await house.hire()
    job = await house.accept()
    await worker.beat()
    await gate.entered()
    worker.db.away = True
    gate.give(1)
    for _ in range(5):
        await asyncio.sleep(0.01)
        turned_clock.turn(2)
    assert after.calls == {}
    worker.db.away = False
    for _ in range(5):
        await asyncio.sleep(0.01)
        turned_clock.turn(2)
    await worker.rest()
    assert (await ended(house, job, "completed")).run == 1


async def test_a_step_that_could_not_be_recorded_costs_no_attempt(build, turned_clock):
    gate = Gate()
    house = build(pipeline(gate, retry=RetryPolicy(max_attempts=1)))
    worker = await house.hire()
    job = await house.accept()
    await worker.beat()
    await gate.entered()
    house.durable.fault = StorageUnavailable("Away.")
    gate.give(1)
    await worker.rest()
    house.durable.fault = None
    job = await house.job(job)
    assert (job.state, job.attempts, job.history[0].outcome) == ("queued", 0, "interrupted")
    turned_clock.turn(10)
    await worker.beat()
    await gate.entered(2)
    gate.give(2)
    await worker.rest()
    assert (await ended(house, job, "completed")).result == 2


async def test_a_change_whose_answer_was_lost_is_made_once(build, turned_clock):
    gate = Gate()
    house = build(pipeline(gate, gate))
    worker = await house.hire()
    job = await house.accept()
    await worker.beat()
    await gate.entered(1)
    for step in (1, 2):
        worker.db.answers_to_lose = 2
        gate.give(step)
        for _ in range(10):
            await asyncio.sleep(0.01)
            turned_clock.turn(2)
        if step == 1:
            await gate.entered(2)
    worker.db.answers_to_lose = 0
    await worker.rest()
    assert await house.kinds(job) == ["queued", "started", "stage", "completed"]


@pytest.mark.parametrize("error", [BackendDown("no"), Waiting("approval")])
async def test_giving_back_is_done_once_as_well(build, turned_clock, error):
    gate = Gate()
    house = build(pipeline(gate))
    worker = await house.hire()
    job = await house.accept()
    await worker.beat()
    await gate.entered(1)
    worker.db.answers_to_lose = 1
    gate.fail(error)
    for _ in range(5):
        await asyncio.sleep(0.01)
        turned_clock.turn(1)
    await worker.rest()
    job = await house.job(job)
    assert job.state == ("queued" if isinstance(error, BackendDown) else "waiting")
    assert len(job.history) == 1
    assert len(await house.told(job)) == 3


async def test_jobs_whose_claim_was_answered_too_late_are_not_stuck(build):
    done = Counted()
    house = build(pipeline(done))
    worker = await house.hire()
    job = await house.accept()
    worker.db.answers_to_lose = 1
    with pytest.raises(StorageUnavailable):
        await worker.beat()
    assert worker.executor.running == []
    assert (await house.job(job)).state == "running"
    await worker.work(2)
    job = await ended(house, job, "completed")
    assert (job.run, done.calls) == (2, {job.id: 1})


async def test_an_executor_works_on_when_the_database_comes_back(build, turned_clock):
    done = Counted()
    house = build(pipeline(done))
    worker = await house.hire(joined=False)
    stop = asyncio.Event()
    working = asyncio.create_task(worker.executor.run(stop))
    first = await house.accept()
    house.tail.tell()
    await house.until(first, "completed")
    worker.db.away = True
    for _ in range(20):
        turned_clock.turn(1)
        house.tail.tell()
        await asyncio.sleep(0.005)
    second = await house.accept()
    assert not working.done()
    worker.db.away = False
    house.tail.tell()
    await house.until(second, "completed", turning_s=1.0)
    stop.set()
    await working
    assert done.calls == {first.id: 1, second.id: 1}


# Coming and going


async def test_a_stop_lets_running_jobs_end(build):
    gate = Gate()
    house = build(pipeline(gate))
    worker = await house.hire(joined=False)
    stop = asyncio.Event()
    job = await house.accept()
    working = asyncio.create_task(worker.executor.run(stop))
    await gate.entered()
    stop.set()
    await worker.member.until(lambda rows: rows[0].draining)
    later = await house.accept()
    gate.give("done")
    await working
    await ended(house, job, "completed")
    assert (await house.job(later)).state == "queued"
    assert await worker.member.rows() == []


async def test_a_stop_puts_back_what_lasts_too_long(build):
    gate = Gate()
    house = build(pipeline(gate, retry=RetryPolicy(max_attempts=1)), drain_s=0.0)
    worker = await house.hire(joined=False)
    stop = asyncio.Event()
    job = await house.accept()
    working = asyncio.create_task(worker.executor.run(stop))
    await gate.entered()
    stop.set()
    await working
    assert isinstance(gate.left[0], asyncio.CancelledError)
    job = await house.job(job)
    assert (job.state, job.attempts, job.run_after_s) == ("queued", 0, None)
    assert job.history[0].outcome == "interrupted"
    second = await house.hire()
    await second.beat()
    await gate.entered(2)
    gate.give(1)
    await second.rest()
    assert (await ended(house, job, "completed")).attempts == 1


async def test_a_job_that_is_to_be_cancelled_is_not_put_back(build):
    gate = Gate()
    house = build(pipeline(gate), drain_s=0.0)
    worker = await house.hire(joined=False)
    stop = asyncio.Event()
    job = await house.accept()
    working = asyncio.create_task(worker.executor.run(stop))
    await gate.entered()
    await house.queue.cancel(CALLER, job.id)
    stop.set()
    await working
    assert (await ended(house, job, "cancelled")).attempts == 0


async def test_what_does_not_end_is_left_to_the_others(build, turned_clock):
    """An executor that is ended from outside keeps its row: so its jobs are found at once."""
    gate = Gate()
    house = build(pipeline(gate))
    worker = await house.hire(joined=False)
    job = await house.accept()
    working = asyncio.create_task(worker.executor.run(asyncio.Event()))
    await gate.entered()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert [row.id for row in await worker.member.rows()] == [worker.id]
    house.members.dead.add(worker.id)
    second = await house.hire()
    await second.beat()
    await gate.entered(2)
    assert (await house.job(job)).executor_id == second.id


async def test_an_executor_that_cannot_begin_leaves_nothing_behind(build):
    house = build(pipeline(Counted()))
    worker = await house.hire(joined=False)
    worker.durable.start = failing_start
    stop = asyncio.Event()
    stop.set()
    with pytest.raises(StorageUnavailable):
        await worker.executor.run(stop)
    assert await worker.member.rows() == []


async def failing_start() -> None:
    raise StorageUnavailable("Away.")


async def test_events_start_and_stop_jobs_at_once(db, build):
    """With the real stream and the real time: nothing here waits for a sweep."""
    clock = SystemClock()
    tail = EventTail(db, EventSettings(), clock)
    await tail.start()
    gate = Gate()
    house = build(pipeline(gate), tail=tail)
    house.clock = clock
    worker = await house.hire(joined=False)
    stop = asyncio.Event()
    working = asyncio.create_task(worker.executor.run(stop))
    await worker.member.until(bool)
    job = await house.accept(run_after_s=None)
    await gate.entered()
    await house.queue.cancel(CALLER, job.id)
    await house.until(job, "cancelled")
    stop.set()
    await working
    await tail.close()


# Upgrades


class Versions:
    """Two revisions of a pipeline: the second one has a step more; the middle step is a gate."""

    def __init__(self, *accepts: int) -> None:
        self.first, self.gate, self.last = Counted(), Gate(), Counted()
        policy = RetryPolicy(base_s=1)
        self.old = pipeline(self.first, self.gate, retry=policy)
        self.new = pipeline(self.first, self.gate, self.last, revision=2, accepts=accepts, retry=policy)


async def test_jobs_stay_with_their_revision_while_somebody_knows_it(build):
    v = Versions()
    house = build(v.old)
    older, newer = await house.hire(v.old), await house.hire(v.new)
    job = await house.accept()
    await newer.work(2)
    assert (await house.job(job)).revision == 1
    await older.beat()
    await v.gate.entered()
    v.gate.give("old")
    await older.rest()
    job = await ended(house, job, "completed")
    assert (job.revision, job.result, v.last.calls) == (1, "old", {})


async def test_a_process_may_know_both_revisions(build):
    v = Versions()
    house = build(v.old)
    job = await house.accept()
    worker = await house.hire(v.old, v.new)
    await worker.beat()
    await v.gate.entered()
    v.gate.give("old")
    await worker.rest()
    assert (await ended(house, job, "completed")).revision == 1


async def test_a_job_that_has_not_begun_goes_on_under_the_newest(build):
    v = Versions()
    house = build(v.old)
    job = await house.accept()
    worker = await house.hire(v.new)
    await worker.beat()
    await v.gate.entered()
    v.gate.give("new")
    await worker.rest()
    job = await ended(house, job, "completed")
    assert (job.revision, job.result) == (2, 1)
    assert [one.name for one in job.stages] == ["one", "two", "three"]


async def begun_under_the_old(house: House, v: Versions) -> Job:
    """A job whose first step was finished by an older executor, which is gone now."""
    older = await house.hire(v.old)
    job = await house.accept()
    await older.beat()
    await v.gate.entered(1)
    v.gate.fail(BackendDown("no"))
    await older.rest()
    await older.member.leave()
    house.clock.turn(5)
    return job


async def test_a_job_that_has_begun_goes_on_where_that_is_accepted(build):
    v = Versions(1)
    house = build(v.old)
    job = await begun_under_the_old(house, v)
    worker = await house.hire(v.new)
    await worker.beat()
    assert dict((await v.gate.entered(2)).results) == {"one": 1}
    v.gate.give("new")
    await worker.rest()
    job = await ended(house, job, "completed")
    assert (job.revision, v.first.calls, v.last.calls) == (2, {job.id: 1}, {job.id: 1})


async def test_a_job_that_has_begun_fails_else_and_a_retry_begins_anew(build):
    v = Versions()
    house = build(v.old)
    job = await begun_under_the_old(house, v)
    worker = await house.hire(v.new)
    await worker.work()
    job = await ended(house, job, "failed")
    assert (job.error["code"], v.first.calls) == ("pipeline_retired", {job.id: 1})
    job = await worker.queue.retry(CALLER, job.id)
    assert ([one.state for one in job.stages], job.progress) == (["pending"] * 3, 0.0)
    await worker.beat()
    await v.gate.entered(2)
    # And not twice anew: what is finished since the retry stays.
    v.gate.fail(BackendDown("no"))
    await worker.rest()
    house.clock.turn(5)
    await worker.beat()
    await v.gate.entered(3)
    v.gate.give("new")
    await worker.rest()
    job = await ended(house, job, "completed")
    assert (job.revision, v.first.calls, v.last.calls) == (2, {job.id: 2}, {job.id: 1})


async def test_a_failed_job_is_retried_under_a_newer_revision_that_accepts_it(build):
    v = Versions(1)
    house = build(v.old)
    older = await house.hire(v.old)
    job = await house.accept()
    await older.beat()
    await v.gate.entered(1)
    await house.queue.cancel(CALLER, job.id)
    await older.work()
    worker = await house.hire(v.new)
    job = await worker.queue.retry(CALLER, job.id)
    assert (job.revision, [one.state for one in job.stages]) == (2, ["completed", "pending", "pending"])
    await worker.beat()
    await v.gate.entered(2)
    v.gate.give("new")
    await worker.rest()
    await ended(house, job, "completed")
    assert v.first.calls == {job.id: 1}


async def test_a_job_of_a_kind_that_is_no_more_cannot_be_retried(build):
    gate = Gate()
    house = build(pipeline(gate))
    job = await house.accept()
    await house.queue.cancel(CALLER, job.id)
    worker = await house.hire(pipeline(gate, kind="t.other"))
    with pytest.raises(PipelineRetired):
        await worker.queue.retry(CALLER, job.id)


@pytest.mark.parametrize("accepts", [(), (1,)])
async def test_a_waiting_job_is_upgraded_like_any_other(build, accepts):
    v = Versions(*accepts)
    house = build(v.old)
    older = await house.hire(v.old)
    job = await house.accept()
    await older.beat()
    await v.gate.entered(1)
    v.gate.fail(Waiting("approval"))
    await older.rest()
    await older.member.leave()
    worker = await house.hire(v.new)
    await worker.work()
    if not accepts:
        assert (await ended(house, job, "failed")).error["code"] == "pipeline_retired"
        return
    assert ((await house.job(job)).state, (await house.job(job)).revision) == ("waiting", 2)
    await house.wake(job, "approval", 1)
    await worker.beat()
    await v.gate.entered(2)
    v.gate.give(1)
    await worker.rest()
    await ended(house, job, "completed")


async def test_the_jobs_of_a_dead_older_executor_are_judged_like_the_others(build):
    v = Versions(1)
    house = build(v.old)
    older = await house.hire(v.old)
    job = await house.accept()
    await older.beat()
    await v.gate.entered(1)
    older.freeze()
    worker = await house.hire(v.new)
    await worker.beat()
    await v.gate.entered(2)
    assert (await house.job(job)).revision == 2


@pytest.mark.parametrize("more", [{"kind": "t.y"}, {"revision": 2}])
async def test_what_an_older_executor_does_not_know_yet_is_given_time(build, turned_clock, more):
    """The API is newer than the only executor: soon a newer one comes, or the upgrade is taken back."""
    done = Counted()
    newer, older = pipeline(done, **more), pipeline(done)
    house = build(newer)
    job = await house.accept(newer.kind)
    worker = await house.hire(older)
    await worker.work()
    turned_clock.turn(3599)
    await worker.work()
    assert (await house.job(job)).state == "queued"
    turned_clock.turn(1)
    await worker.work()
    if newer.kind == older.kind:
        assert (await ended(house, job, "completed")).revision == 1
    else:
        assert (await ended(house, job, "failed")).error["code"] == "pipeline_retired"


async def test_a_house_full_of_old_jobs_is_upgraded_in_one_go(build):
    v = Versions()
    house = build(v.old, queues=["cpu"])
    await house.copy(await house.accept(), 429)
    await (await house.hire(v.new)).beat()
    assert {job.revision for job in await house.jobs("queued")} == {2}


# Cleaning up


async def test_what_is_over_is_deleted_with_its_steps_and_files(build, turned_clock, tmp_path, durable):
    async def write(context):
        (context.folder / "a").write_text("x")
        if context.job.kind == "t.bad":
            raise ValueError
        return 1

    house = build(pipeline(write), pipeline(write, write, kind="t.bad"), durable=durable)
    worker = await house.hire()
    good, bad = await house.accept(), await house.accept("t.bad")
    await worker.work()
    turned_clock.turn(60)
    young = await house.accept("t.bad")
    await worker.work()
    alive = await house.accept(run_after_s=turned_clock.now_s() + 100 * DAY_S)
    folders = tmp_path / "jobs"
    assert (folders / bad.id / "a").exists()
    assert await house.durable.finished([f"{good.id}.1"]) == {"one": 1}

    turned_clock.turn(7 * DAY_S)
    with pytest.raises(NotFound):
        await house.queue.retry(CALLER, bad.id)
    assert await sweeps.clean_up(house.db, house.durable, folders, turned_clock.now_s()) == 2
    for job in (good, bad):
        with pytest.raises(NotFound):
            await house.job(job)
        assert await house.durable.finished([f"{job.id}.1"]) == {}
    assert [one.name for one in folders.iterdir()] == [young.id]
    assert (await house.job(young)).state == "failed"
    assert (await house.job(alive)).state == "queued"
    assert await sweeps.clean_up(house.db, house.durable, folders, turned_clock.now_s()) == 0


async def test_files_of_finished_steps_are_there_when_a_job_is_retried(build):
    gate = Gate()

    async def write(context):
        (context.folder / "a").write_text("kept")

    async def read(context):
        await gate(context)
        return (context.folder / "a").read_text()

    house = build(pipeline(write, read))
    worker = await house.hire()
    job = await house.accept()
    await worker.beat()
    await gate.entered(1)
    gate.fail(ValueError())
    await worker.rest()
    await ended(house, job, "failed")
    await worker.beat()
    await house.queue.retry(CALLER, job.id)
    await worker.beat()
    await gate.entered(2)
    gate.give(1)
    await worker.rest()
    assert (await ended(house, job, "completed")).result == "kept"


async def test_folders_that_nobody_needs_are_removed(build, tmp_path):
    house = build(pipeline(Counted()))
    worker = await house.hire()
    done, queued = await house.accept(), await house.accept(run_after_s=house.clock.now_s() + 60)
    await worker.work()
    for name in (done.id, queued.id, "job_unknown"):
        (tmp_path / "jobs" / name).mkdir(parents=True)
    await worker.work()
    assert [one.name for one in (tmp_path / "jobs").iterdir()] == [queued.id]
