"""What comes of a run: steps, results, failures, time-outs, progress, and whatever a step may throw at the engine."""

import asyncio
import math

import pytest

from contracts.job_house import CALLER, Gate, House, pipeline
from roundhouse.core.errors import BackendBusy, BackendDown, BadInput, Cancelled, StorageUnavailable
from roundhouse.core.jobs import Job, RetryPolicy, Step

NOW_S = 1_800_000_000.0


async def nothing(context):
    return None


def raising(error: BaseException):
    async def step(context):
        raise error

    return step


async def after_one_run(build, *outcomes) -> tuple[House, list[Job]]:
    """A house and its jobs after one run of each, whose step returned or raised one of the outcomes."""
    left = list(outcomes)

    async def step(context):
        outcome = outcome_of[context.job.id]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    house = build(pipeline(nothing, step, nothing))
    jobs = [await house.accept() for _ in left]
    outcome_of = {job.id: outcome for job, outcome in zip(jobs, left, strict=True)}
    await (await house.hire()).work()
    found = [await house.job(job) for job in jobs]
    for job in found:
        await house.told(job)
    return house, found


async def ended(house: House, job: Job, state: str) -> Job:
    job = await house.job(job)
    assert job.state == state, job
    await house.told(job)
    return job


# Steps and results


async def test_steps_run_in_order_and_hand_on_their_results(build, tmp_path):
    seen = []

    async def one(context):
        seen.append((dict(context.results), context.idempotency_key))
        (context.folder / "a").write_text("kept")
        return {"n": 1}

    async def two(context):
        seen.append((dict(context.results), context.idempotency_key))
        return (context.folder / "a").read_text()

    async def three(context):
        seen.append((dict(context.results), context.idempotency_key))
        return [context.results["one"]["n"], None]

    house = build(pipeline(one, two, three))
    job = await house.accept()
    await (await house.hire()).work()
    job = await ended(house, job, "completed")
    assert seen == [
        ({}, f"{job.id}:one"),
        ({"one": {"n": 1}}, f"{job.id}:two"),
        ({"one": {"n": 1}, "two": "kept"}, f"{job.id}:three"),
    ]
    assert (job.result, job.progress, job.attempts, job.history) == ([1, None], 1.0, 1, [])
    assert [one.state for one in job.stages] == ["completed"] * 3
    assert (job.executor_id, job.expires_at_s) == (None, NOW_S + 7 * 86_400)
    assert await house.kinds(job) == ["queued", "started", "stage", "stage", "completed"]
    assert not (tmp_path / "jobs" / job.id).exists()


async def test_a_step_sees_the_job_as_its_run_began(build):
    gate = Gate()
    house = build(pipeline(nothing, gate))
    worker = await house.hire()
    await house.accept(input={"a": 1})
    await worker.beat()
    seen = (await gate.entered()).job
    assert (seen.run, seen.executor_id, seen.caller) == (1, worker.id, CALLER)
    assert [one.state for one in seen.stages] == ["running", "pending"]


async def test_stages_have_times(build, turned_clock):
    async def last(context):
        turned_clock.turn(5)

    house = build(pipeline(last, last))
    job = await house.accept()
    turned_clock.turn(2)
    await (await house.hire()).work()
    job = await ended(house, job, "completed")
    assert [(one.started_at_s, one.ended_at_s) for one in job.stages] == [
        (NOW_S + 2, NOW_S + 7),
        (NOW_S + 7, NOW_S + 12),
    ]
    assert (job.started_at_s, job.ended_at_s) == (NOW_S + 2, NOW_S + 12)


# Failures


async def test_a_retryable_failure_is_tried_again_after_growing_pauses(build, turned_clock):
    house = build(
        pipeline(raising(BackendDown("no")), retry=RetryPolicy(max_attempts=4, base_s=10, factor=3, max_s=40))
    )
    worker = await house.hire()
    job = await house.accept()
    for attempt, (least_s, most_s) in enumerate([(8, 12), (24, 36), (32, 48)], 1):
        await worker.work()
        job = await house.job(job)
        assert (job.state, job.attempts) == ("queued", attempt)
        assert least_s <= job.run_after_s - turned_clock.now_s() <= most_s
        turned_clock.turn(least_s - 0.1)
        assert await worker.beat() == 0
        turned_clock.turn(most_s - least_s + 0.1)
    await worker.work()
    job = await ended(house, job, "failed")
    assert (job.attempts, job.run, job.error) == (4, 4, {"code": "backend_down", "message": "no"})
    assert [(one.run, one.outcome, one.executor_id) for one in job.history] == [
        (run, "failed", worker.id) for run in (1, 2, 3, 4)
    ]
    assert all(one.error == job.error for one in job.history)
    assert job.stages[0].state == "failed"


async def test_an_error_that_asks_for_a_longer_pause_gets_it(build, turned_clock):
    asked = [100.0, 1.0, -5.0, math.nan, math.inf, 1e12]
    _, jobs = await after_one_run(build, *(BackendBusy("later", retry_after_s=one) for one in asked))
    pauses = [job.run_after_s - turned_clock.now_s() for job in jobs]
    assert pauses == pytest.approx([100.0, 10.0, 10.0, 10.0, 10.0, 86_400.0], rel=0.21)


async def test_many_attempts_do_not_overflow_the_pause(build, turned_clock):
    policy = RetryPolicy(max_attempts=5000, base_s=1, factor=10, max_s=60)
    gate = Gate()
    house = build(pipeline(gate, retry=policy))
    worker = await house.hire()
    job = await house.accept()
    async with house.db.begin() as tx:
        await tx.exec_driver_sql("UPDATE jobs SET attempts = 4000")
    await worker.beat()
    await gate.entered()
    gate.fail(BackendDown("no"))
    await worker.rest()
    assert (await house.job(job)).run_after_s - turned_clock.now_s() <= 72


async def test_another_failure_is_final_at_once(build):
    house = build(pipeline(nothing, raising(BadInput("That is no recording."))))
    job = await house.accept()
    await (await house.hire()).work(2)
    job = await ended(house, job, "failed")
    assert (job.attempts, job.error) == (1, {"code": "bad_input", "message": "That is no recording."})
    assert [one.state for one in job.stages] == ["completed", "failed"]
    assert job.history[0].error == job.error


async def test_a_fault_of_ours_is_told_without_its_text_and_not_tried_again(build, logged):
    errors = (
        ValueError("secret"),
        TimeoutError("secret"),
        AssertionError("secret"),
        ExceptionGroup("secret", [OSError()]),
    )
    _, jobs = await after_one_run(build, *errors)
    for job in jobs:
        assert (job.state, job.error["code"]) == ("failed", "internal_error")
        assert "secret" not in job.error["message"]
        assert any(line["event"] == "job_step_failed" and line["job"] == job.id for line in logged)


async def test_storage_that_a_step_misses_is_its_failure(build):
    house = build(pipeline(raising(StorageUnavailable("my own store"))))
    job = await house.accept()
    await (await house.hire()).work()
    job = await house.job(job)
    assert (job.state, job.attempts, job.history[0].outcome) == ("queued", 1, "failed")


async def test_a_step_that_cancels_itself_fails(build):
    _, jobs = await after_one_run(build, asyncio.CancelledError(), Cancelled("The client went away."))
    assert [(job.state, job.error["code"]) for job in jobs] == [("failed", "cancelled")] * 2


# Hostile values


async def test_a_result_that_is_no_json_fails_the_job(build):
    _, jobs = await after_one_run(build, object(), {"a": {1, object()}}, "\ud800", {(1, 2): 3})
    for job in jobs:
        assert (job.state, job.error["code"]) == ("failed", "internal_error")
        assert [one.state for one in job.stages] == ["completed", "failed", "pending"]


async def test_a_result_that_is_json_comes_back(build):
    outputs = ["a\0b", {"k\0": ["𝔘"]}, "x" * 300_000, 1.5, None, []]

    async def step(context):
        return outputs[context.job.input["n"]]

    async def same(context):
        assert context.results["one"] == outputs[context.job.input["n"]]
        return context.results["one"]

    house = build(pipeline(step, same))
    jobs = [await house.accept(input={"n": number}) for number in range(len(outputs))]
    await (await house.hire()).work()
    assert [(await ended(house, job, "completed")).result for job in jobs] == outputs


async def test_whatever_an_error_says_can_be_written(build):
    texts = ["x" * 1_000_000, "a\0b", "\ud800!", "𝔘" * 3000, ""]
    house, jobs = await after_one_run(build, *(BadInput(text) for text in texts))
    said = []
    for job in jobs:
        assert (job.state, job.error["code"], job.history[0].error) == ("failed", "bad_input", job.error)
        assert (await house.told(job))[-1].data["error"] == job.error
        said.append(job.error["message"])
    assert said == ["x" * 2000, "ab", "?!", "𝔘" * 2000, "Bad input"]


# Time limits


async def test_a_step_that_takes_too_long_is_cut_off_and_tried_again(build, turned_clock):
    gate = Gate()
    house = build(pipeline(Step("one", gate, timeout_s=0.02), retry=RetryPolicy(max_attempts=2)))
    worker = await house.hire()
    job = await house.accept()
    await worker.work()
    turned_clock.turn(10)
    await worker.work()
    job = await ended(house, job, "failed")
    assert [type(one) for one in gate.left] == [asyncio.CancelledError] * 2
    assert (job.error["code"], job.attempts) == ("step_timeout", 2)
    assert job.error["message"] == "The step 'one' took longer than 0.02 s."


async def test_a_run_that_takes_too_long_is_cut_off(build):
    gate = Gate()
    house = build(pipeline(nothing, gate, timeout_s=0.5, retry=RetryPolicy(max_attempts=1)))
    job = await house.accept()
    await (await house.hire()).work()
    job = await ended(house, job, "failed")
    assert isinstance(gate.left[0], asyncio.CancelledError)
    assert (job.error["code"], job.error["message"]) == (
        "step_timeout",
        "A run of this job took longer than 0.5 s.",
    )


# Progress


async def told_progress(build, *told: tuple[float, str]):
    """The progress of a job with two steps after each of these calls by the second one."""
    gate = Gate()
    house = build(pipeline(nothing, gate))
    worker = await house.hire()
    job = await house.accept()
    await worker.beat()
    context = await gate.entered()
    shown = []
    for fraction, message in told:
        context.progress(fraction, message)
        await worker.beat()
        job = await house.job(job)
        shown.append((job.progress, job.message))
    await house.told(job)
    gate.give(1)
    await worker.rest()
    assert (await ended(house, job, "completed")).progress == 1.0
    return shown


async def test_progress_is_of_the_whole_job_and_bounded(build):
    shown = await told_progress(
        build, *((one, "") for one in (0.0, 0.5, 0.25, 1.0, 7.0, -3.0, math.inf, -math.inf, math.nan))
    )
    assert [one for one, _ in shown] == [0.5, 0.75, 0.625, 1.0, 1.0, 0.5, 1.0, 0.5, 0.5]


async def test_any_message_of_progress_can_be_written(build):
    texts = ["half", "a\0b", "\ud800!", "𝔘" * 600]
    shown = await told_progress(build, *((0.5, text) for text in texts))
    assert [message for _, message in shown] == ["half", "ab", "?!", "𝔘" * 500]


async def test_progress_that_comes_when_the_step_is_over_is_not_written(build):
    first, second = Gate(), Gate()
    house = build(pipeline(first, second))
    worker = await house.hire()
    job = await house.accept()
    await worker.beat()
    early = await first.entered()
    early.progress(0.9, "soon")
    first.give(1)
    await second.entered()
    await worker.beat()
    assert await house.kinds(job) == ["queued", "started", "stage"]
    assert (await house.job(job)).progress == 0.5


async def test_progress_is_taken_back_with_an_attempt(build):
    gate = Gate()
    house = build(pipeline(nothing, gate))
    worker = await house.hire()
    job = await house.accept()
    await worker.beat()
    (await gate.entered()).progress(0.8, "nearly")
    await worker.beat()
    gate.fail(BackendDown("no"))
    await worker.rest()
    job = await house.job(job)
    assert (job.progress, job.message) == (0.5, "")
    await house.told(job)


async def test_the_death_of_a_child_process_is_a_failure_like_any_other(build):
    async def heavy(context):
        return await context.in_child("roundhouse.nothing:here", {})

    house = build(pipeline(heavy))
    job = await house.accept()
    await (await house.hire()).work()
    assert (await house.job(job)).history[0].error["code"] == "child_failed"
