"""A job as clients see it: times with their durations, also where two clocks disagree."""

from typing import Any

from roundhouse.core.jobs import Attempt, Job, Stage
from roundhouse.core.types import Caller
from roundhouse.infra.jobs.queue import Place
from roundhouse.infra.jobs.shapes import read_job


def job(**changes: Any) -> Job:
    values: dict[str, Any] = dict.fromkeys(Job.__struct_fields__)
    values |= {"seq": 1, "id": "job_x", "caller": Caller("key_a"), "kind": "t.x", "revision": 1}
    values |= {"queue": "io", "state": "queued", "priority": 0, "input": {}, "stages": [], "progress": 0.0}
    values |= {"message": "", "version": 0, "run": 0, "since_run": 0, "attempts": 0, "max_attempts": 3}
    values |= {"history": [], "signals": {}, "created_at_s": 100.0, "updated_at_s": 100.0}
    return Job(**(values | {"cancel_requested": False} | changes))


def test_a_queued_job_has_a_place_and_waits_on() -> None:
    read = read_job(job(), 107.0, Place(3, 4.5))
    assert (read.position, read.expected_wait_s, read.stage) == (3, 4.5, None)
    assert read.timings.model_dump() == {"queued_s": 7.0, "running_s": 0.0, "total_s": 7.0}


def test_runs_before_count_as_running() -> None:
    history = [Attempt(1, "exe_a", 110.0, 115.0, "lost"), Attempt(2, "exe_b", 120.0, 121.0, "interrupted")]
    stages = [Stage("one", "completed", 130.0, 131.5), Stage("two", "running", 131.5), Stage("three")]
    read = read_job(
        job(state="running", history=history, stages=stages, started_at_s=110.0, run_started_at_s=130.0),
        133.0,
    )
    assert read.stage == "two"
    assert [one.duration_s for one in read.stages] == [1.5, 1.5, None]
    assert [(one.outcome, one.duration_s) for one in read.history] == [("lost", 5.0), ("interrupted", 1.0)]
    assert read.timings.model_dump() == {"queued_s": 10.0, "running_s": 9.0, "total_s": 33.0}


def test_an_ended_job_stands_still() -> None:
    ended = job(state="completed", started_at_s=101.0, run_started_at_s=101.0, ended_at_s=104.0)
    assert read_job(ended, 999.0).timings.model_dump() == {"queued_s": 1.0, "running_s": 3.0, "total_s": 4.0}
    attempt = Attempt(1, "exe_a", 101.0, 104.0, "failed", {"code": "x", "message": "y"})
    failed = job(
        state="failed", started_at_s=101.0, run_started_at_s=101.0, ended_at_s=104.0, history=[attempt]
    )
    assert read_job(failed, 999.0).timings.running_s == 3.0


def test_clocks_that_disagree_make_no_negative_time() -> None:
    skewed = job(
        state="running", started_at_s=90.0, run_started_at_s=90.0, stages=[Stage("one", "running", 90.0)]
    )
    read = read_job(skewed, 80.0)
    assert read.timings.model_dump() == {"queued_s": 0.0, "running_s": 0.0, "total_s": 0.0}
    assert read.stages[0].duration_s == 0.0


def test_times_are_rfc_3339() -> None:
    shown = read_job(job(deadline_s=1_800_000_000.25), 100.0).model_dump(mode="json")
    assert shown["deadline"] == "2027-01-15T08:00:00.250000Z"
    assert shown["created_at"] == "1970-01-01T00:01:40Z"
    assert shown["object"] == "job"
