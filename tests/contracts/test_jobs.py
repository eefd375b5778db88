"""The port `core.ports.Jobs`: what is accepted, in which order it runs, how it waits and how it is stopped."""

import asyncio
import math

import pytest
import sqlalchemy as sa

from contracts.job_house import CALLER, OTHER, Gate, House, Worker, pipeline
from roundhouse.core.errors import BackendDown, BadInput, Conflict, NotFound, QueueFull
from roundhouse.core.jobs import Job, NewJob, RetryPolicy, Waiting
from roundhouse.core.types import Caller
from roundhouse.infra.events.store import events
from roundhouse.infra.jobs import rows as job_rows

NOW_S = 1_800_000_000.0
PATIENT = Caller("key_p", site_id="a", user_id="pat")


class Starts:
    """A step that notes the order in which jobs start; `lasts_s` turns the clock."""

    def __init__(self, clock=None, lasts_s: float = 0.0) -> None:
        self.order: list[str] = []
        self._clock = clock
        self._lasts_s = lasts_s

    async def __call__(self, context):
        self.order.append(context.job.input.get("name", context.job.id))
        if self._clock is not None:
            self._clock.turn(self._lasts_s)


async def nothing(context):
    return None


async def refuse(context):
    raise BadInput("No.")


async def ask(context):
    if "approval" not in context.job.signals:
        raise Waiting("approval")
    return context.job.signals["approval"]


async def count(house: House) -> int:
    async with house.db.read() as tx:
        return (await tx.execute(sa.select(sa.func.count()).select_from(job_rows.jobs))).scalar_one()


# Accepting


async def test_an_accepted_job_is_queued_and_told(build):
    house = build(pipeline(nothing, nothing, kind="t.x", queue="cpu", revision=3))
    job = await house.accept(input={"a": [1, "ü"]}, priority=7)
    assert job == await house.job(job)
    assert (job.state, job.queue, job.revision, job.priority) == ("queued", "cpu", 3, 7)
    assert (job.input, job.caller, job.created_at_s) == ({"a": [1, "ü"]}, CALLER, NOW_S)
    assert [(one.name, one.state) for one in job.stages] == [("one", "pending"), ("two", "pending")]
    assert (job.run, job.attempts, job.max_attempts, job.progress) == (0, 0, 3, 0.0)
    assert await house.kinds(job) == ["queued"]


async def test_a_job_and_the_change_that_asks_for_it_are_there_or_neither(build):
    house = build(pipeline(nothing))
    with pytest.raises(LookupError):
        async with house.db.begin() as tx:
            lost = await house.queue.submit(tx, CALLER, NewJob("t.x", idempotency_key="k"))
            raise LookupError
    with pytest.raises(NotFound):
        await house.job(lost)
    assert await count(house) == 0
    async with house.db.begin() as tx:
        kept = await house.queue.submit(tx, CALLER, NewJob("t.x", idempotency_key="k"))
    assert (await house.job(kept)).id == kept.id


async def test_what_the_house_cannot_do_is_refused(build):
    house = build(pipeline(nothing))
    for more, param in [
        ({"kind": "t.unknown"}, "kind"),
        ({"priority": 101}, "priority"),
        ({"priority": -101}, "priority"),
        ({"run_after_s": math.nan}, "run_after"),
        ({"run_after_s": -1.0}, "run_after"),
        ({"deadline_s": math.inf}, "deadline"),
        ({"deadline_s": NOW_S}, "deadline"),
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"idempotency_key": "k" * 201}, "idempotency_key"),
        ({"idempotency_key": "k\0"}, "idempotency_key"),
        ({"input": {"a": object()}}, "input"),
        ({"input": {"a": "\ud800"}}, "input"),
    ]:
        with pytest.raises(BadInput) as caught:
            await house.accept(**more)
        assert caught.value.param == param, more
    assert await count(house) == 0


async def test_input_with_any_text_comes_through(build):
    gate = Gate()
    house = build(pipeline(gate))
    worker = await house.hire()
    text = {"nul": "a\0b", "é": "𝔘\u2028", "deep": [[[{}]]], "float": 1e300, "int": 2**63, "none": None}
    job = await house.accept(input=text)
    await worker.beat()
    assert (await gate.entered()).job.input == text
    gate.give({"back": text})
    await worker.rest()
    assert (await house.job(job)).result == {"back": text}


# Idempotency keys


async def test_the_same_request_again_is_the_same_job(build):
    house = build(pipeline(nothing), pipeline(nothing, kind="t.y"))
    first = await house.accept(input={"a": (1, 2)}, idempotency_key="k")
    again = await house.accept(input={"a": [1, 2]}, idempotency_key="k", priority=9)
    assert again == first
    assert (await house.accept("t.y", idempotency_key="k")).id != first.id
    assert (await house.accept(caller=OTHER, idempotency_key="k")).id != first.id
    assert await house.kinds(first) == ["queued"]


async def test_a_key_is_not_used_for_another_request(build):
    house = build(pipeline(nothing))
    await house.accept(caller=PATIENT, input={"a": 1}, idempotency_key="k")
    with pytest.raises(Conflict):
        await house.accept(caller=PATIENT, input={"a": 2}, idempotency_key="k")
    for stranger in (
        Caller("key", site_id="a", user_id="eve"),
        Caller("key", site_id="a", user_id="pat", app_id="x"),
        Caller("key", site_id="a"),
    ):
        with pytest.raises(Conflict):
            await house.accept(caller=stranger, input={"a": 1}, idempotency_key="k")
    assert await count(house) == 1


async def test_the_same_request_many_times_at_once_is_one_job(build):
    house = build(pipeline(nothing))
    accepted = await asyncio.gather(*(house.accept(idempotency_key="k") for _ in range(12)))
    assert len({job.id for job in accepted}) == 1
    assert await count(house) == 1


async def test_a_repetition_is_answered_when_it_would_be_refused_as_new(build, turned_clock):
    house = build(pipeline(nothing), max_queued=1)
    first = await house.accept(idempotency_key="k", deadline_s=NOW_S + 5)
    turned_clock.turn(10)
    assert (await house.accept(idempotency_key="k", deadline_s=NOW_S + 5)).id == first.id


# Whose


async def test_another_tenants_job_is_not_there(build):
    house = build(pipeline(nothing))
    job = await house.accept(caller=PATIENT)
    for stranger in (OTHER, Caller("key", site_id="a", user_id="eve"), Caller("k", site_id="a", app_id="x")):
        for verb in (house.queue.get, house.queue.cancel, house.queue.retry):
            with pytest.raises(NotFound):
                await verb(stranger, job.id)
    assert (await house.queue.get(CALLER, job.id)).state == "queued"


# Limits


async def test_one_tenant_cannot_fill_the_queue(build):
    house = build(pipeline(nothing), max_queued_per_site=3, max_queued=5)
    for _ in range(3):
        await house.accept()
    with pytest.raises(QueueFull) as caught:
        await house.accept()
    assert caught.value.retry_after_s == 5.0
    await house.accept(caller=OTHER)
    await house.accept(caller=OTHER)
    with pytest.raises(QueueFull):
        await house.accept(caller=OTHER)
    assert await count(house) == 5


async def test_a_job_that_is_retried_needs_room_as_well(build):
    house = build(pipeline(nothing), max_queued=1)
    job = await house.accept()
    await house.queue.cancel(CALLER, job.id)
    await house.accept()
    with pytest.raises(QueueFull):
        await house.queue.retry(CALLER, job.id)


async def test_place_wait_and_retry_after_come_from_the_measured_speed(build, turned_clock):
    house = build(pipeline(Starts(turned_clock, 16.0)), io_slots=2, max_queued=3)
    job = await house.accept()
    place = (await house.queue.look(CALLER, job.id))[1]
    assert (place.position, place.expected_wait_s) == (0, None)
    worker = await house.hire()
    await worker.work()
    first, second = await house.accept(), await house.accept(run_after_s=turned_clock.now_s() + 100)
    third = await house.accept(priority=1)
    # Two at a time, each 16 s: one starts every 8 s.
    for job, position, wait_s in [(third, 0, 0.0), (first, 1, 8.0), (second, 2, 100.0)]:
        place = (await house.queue.look(CALLER, job.id))[1]
        assert (place.position, place.expected_wait_s) == (position, wait_s)
    with pytest.raises(QueueFull) as caught:
        await house.accept()
    assert caught.value.retry_after_s == 8.0
    await worker.work()
    assert (await house.queue.look(CALLER, first.id))[1] is None


async def test_others_take_their_turns_before(build):
    house = build(pipeline(nothing))
    for _ in range(4):
        await house.accept(caller=OTHER)
    for position in (1, 3, 5, 7, 8):
        job = await house.accept()
        assert (await house.queue.look(CALLER, job.id))[1].position == position


# Order


async def test_the_highest_priority_first_then_the_oldest(build):
    starts = Starts()
    house = build(pipeline(starts), io_slots=1)
    for name, priority in [("c", 0), ("e", -100), ("a", 100), ("d", 0), ("b", 1)]:
        await house.accept(input={"name": name}, priority=priority)
    await (await house.hire()).work(6)
    assert "".join(starts.order) == "abcde"


@pytest.mark.parametrize("slots", [1, 3])
async def test_tenants_take_turns(build, slots):
    house = build(pipeline(nothing), io_slots=slots)
    await house.copy(await house.accept(priority=50), 19)
    for _ in range(5):
        await house.accept(caller=OTHER)
    await (await house.hire()).work(9 // slots + 1)
    async with house.db.read() as tx:
        started = sa.select(events.c.site_id).where(events.c.type == "job.started").order_by(events.c.seq)
        order = "".join((await tx.execute(started)).scalars())
    assert order[:10].count("b") == 5
    assert "aaa" not in order[:10]


async def test_who_runs_least_comes_first(build):
    """A tenant whose jobs last long does not hold all slots."""
    gate = Gate()
    house = build(pipeline(gate), io_slots=4)
    worker = await house.hire()
    for _ in range(2):
        await house.accept()
    await worker.beat()
    await gate.entered(2)
    for _ in range(4):
        await house.accept()
        await house.accept(caller=OTHER)
    await worker.beat()
    await gate.entered(4)
    assert sorted(call.job.caller.site_id for call in gate.calls) == ["a", "a", "b", "b"]


async def test_not_before_its_time(build, turned_clock):
    starts = Starts()
    house = build(pipeline(starts), io_slots=1)
    await house.accept(input={"name": "late"}, priority=100, run_after_s=NOW_S + 60)
    await house.accept(input={"name": "now"})
    worker = await house.hire()
    await worker.work(2)
    turned_clock.turn(59.9)
    await worker.work()
    assert starts.order == ["now"]
    turned_clock.turn(0.1)
    await worker.work()
    assert starts.order == ["now", "late"]


async def test_executors_take_what_they_know_from_their_queues(build):
    starts = Starts()
    light, heavy = pipeline(starts, kind="t.light"), pipeline(starts, kind="t.heavy", queue="cpu")
    house = build(light, heavy, pipeline(starts, kind="t.new"), queues=["io"])
    for kind in ("t.light", "t.heavy", "t.new"):
        await house.accept(kind, input={"name": kind})
    await (await house.hire(light, heavy)).work(2)
    assert starts.order == ["t.light"]


async def test_one_executor_has_the_graphics_cards_with_one_job_at_a_time(build):
    gate = Gate()
    house = build(pipeline(gate, queue="gpu"))
    first, second = await house.hire(), await house.hire()
    for _ in range(3):
        await house.accept()
    assert [await first.beat(), await second.beat(), await first.beat()] == [1, 0, 0]


async def test_many_executors_take_each_job_once(build):
    starts = Starts()
    house = build(pipeline(starts), io_slots=3)
    crew = [await house.hire() for _ in range(3)]
    accepted = [await house.accept() for _ in range(24)]
    while len(starts.order) < 24:
        await asyncio.gather(*(worker.beat() for worker in crew))
        await asyncio.gather(*(worker.rest() for worker in crew))
    assert sorted(starts.order) == sorted(job.id for job in accepted)
    for job in accepted:
        assert await house.kinds(job) == ["queued", "started", "completed"]


# Deadlines


async def failed_at_its_deadline(house: House, job: Job) -> Job:
    job = await house.job(job)
    assert (job.state, job.error["code"]) == ("failed", "deadline_exceeded")
    await house.told(job)
    return job


async def test_a_queued_job_fails_at_its_deadline(build, turned_clock):
    starts = Starts()
    house = build(pipeline(starts))
    worker = await house.hire()
    job = await house.accept(deadline_s=NOW_S + 10, run_after_s=NOW_S + 5)
    turned_clock.turn(10)
    await worker.work()
    assert (await failed_at_its_deadline(house, job)).history == []
    assert starts.order == []


async def test_a_running_job_fails_at_its_deadline_and_its_step_is_cut_off(build, turned_clock):
    gate = Gate()
    house = build(pipeline(gate))
    worker = await house.hire()
    job = await house.accept(deadline_s=NOW_S + 10)
    await worker.beat()
    await gate.entered()
    turned_clock.turn(10)
    await worker.work()
    assert isinstance(gate.left[0], asyncio.CancelledError)
    job = await failed_at_its_deadline(house, job)
    assert [one.outcome for one in job.history] == ["failed"]
    assert job.stages[0].state == "failed"


async def test_a_waiting_job_fails_at_its_deadline(build, turned_clock):
    house = build(pipeline(ask))
    worker = await house.hire()
    job = await house.accept(deadline_s=NOW_S + 10)
    await worker.work()
    assert (await house.job(job)).state == "waiting"
    turned_clock.turn(10)
    await worker.work()
    await failed_at_its_deadline(house, job)


async def test_a_retried_job_has_no_deadline_any_more(build, turned_clock):
    house = build(pipeline(nothing))
    job = await house.accept(deadline_s=NOW_S + 10)
    turned_clock.turn(10)
    worker = await house.hire()
    await worker.work()
    await failed_at_its_deadline(house, job)
    await house.queue.retry(CALLER, job.id)
    await worker.work()
    assert (await house.job(job)).state == "completed"


# Cancelling


async def test_a_queued_job_is_cancelled_at_once_and_once(build):
    house = build(pipeline(nothing))
    job = await house.accept()
    cancelled = await house.queue.cancel(CALLER, job.id)
    assert (cancelled.state, cancelled.ended_at_s) == ("cancelled", NOW_S)
    assert await house.queue.cancel(CALLER, job.id) == cancelled
    await (await house.hire()).work()
    assert await house.kinds(job) == ["queued", "cancelled"]


async def test_a_waiting_job_is_cancelled_at_once(build):
    house = build(pipeline(ask))
    worker = await house.hire()
    job = await house.accept()
    await worker.work()
    assert (await house.queue.cancel(CALLER, job.id)).state == "cancelled"
    assert not await house.wake(job, "approval", True)
    await worker.work()
    assert await house.kinds(job) == ["queued", "started", "waiting", "cancelled"]


async def cancel_running(house: House, worker: Worker, gate: Gate) -> Job:
    job = await house.accept()
    await worker.beat()
    await gate.entered()
    asked = await house.queue.cancel(CALLER, job.id)
    assert (asked.state, asked.cancel_requested) == ("running", True)
    assert await house.queue.cancel(CALLER, job.id) == asked
    return job


async def test_the_step_of_a_cancelled_job_is_really_stopped(build):
    gate = Gate()
    house = build(pipeline(nothing, gate))
    worker = await house.hire()
    job = await cancel_running(house, worker, gate)
    assert gate.left == []
    await worker.work()
    assert isinstance(gate.left[0], asyncio.CancelledError)
    job = await house.job(job)
    assert (job.state, job.executor_id, job.history[0].outcome) == ("cancelled", None, "cancelled")
    assert [one.state for one in job.stages] == ["completed", "pending"]
    await worker.work()
    assert await house.kinds(job) == ["queued", "started", "stage", "cancel_requested", "cancelled"]


async def test_a_step_that_ends_before_it_is_stopped_completes_its_job(build):
    gate = Gate()
    house = build(pipeline(gate))
    worker = await house.hire()
    job = await cancel_running(house, worker, gate)
    gate.give("done")
    await worker.rest()
    job = await house.job(job)
    assert (job.state, job.result) == ("completed", "done")
    assert await house.queue.cancel(CALLER, job.id) == job
    await house.told(job)


async def test_a_cancelled_job_whose_step_fails_is_not_tried_again(build):
    gate = Gate()
    house = build(pipeline(gate))
    worker = await house.hire()
    job = await cancel_running(house, worker, gate)
    gate.fail(BackendDown("no"))
    await worker.rest()
    job = await house.job(job)
    assert (job.state, job.run_after_s, job.history[0].outcome) == ("cancelled", None, "failed")
    await house.told(job)


async def test_a_cancelled_job_does_not_begin_to_wait(build):
    gate = Gate()
    house = build(pipeline(gate))
    worker = await house.hire()
    job = await cancel_running(house, worker, gate)
    gate.fail(Waiting("approval"))
    await worker.rest()
    job = await house.job(job)
    assert (job.state, job.waiting_for) == ("cancelled", None)


async def test_the_job_of_a_dead_executor_can_be_cancelled(build):
    gate = Gate()
    house = build(pipeline(gate))
    worker = await house.hire()
    job = await cancel_running(house, worker, gate)
    worker.freeze()
    await (await house.hire()).work()
    assert (await house.job(job)).state == "cancelled"
    assert await house.kinds(job) == ["queued", "started", "cancel_requested", "cancelled"]


async def test_cleaning_up_is_not_disturbed_and_a_swallowed_stop_is_told_again(build, turned_clock):
    begun, cleaned = asyncio.Semaphore(0), asyncio.Event()
    stops = 0

    async def stubborn(context):
        nonlocal stops
        while stops < 2:
            begun.release()
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                stops += 1
                await cleaned.wait()

    after = Gate()
    house = build(pipeline(stubborn, after))
    worker = await house.hire()
    job = await house.accept()
    await worker.beat()
    await begun.acquire()
    await house.queue.cancel(CALLER, job.id)
    for _ in range(3):
        await worker.beat()
        await asyncio.sleep(0.01)
    assert stops == 1
    cleaned.set()
    await begun.acquire()
    turned_clock.turn(10)
    await worker.work()
    assert (await house.job(job)).state == "cancelled"
    assert after.calls == []


# Retrying


async def test_failed_and_cancelled_jobs_are_retried_others_not(build):
    house = build(pipeline(refuse), pipeline(nothing, kind="t.y"), pipeline(ask, kind="t.w"))
    worker = await house.hire()
    failed, done, waiting = await house.accept(), await house.accept("t.y"), await house.accept("t.w")
    await worker.work()
    queued = await house.accept()
    for job in (done, waiting, queued):
        with pytest.raises(Conflict):
            await house.queue.retry(CALLER, job.id)
    again = await house.queue.retry(CALLER, failed.id)
    assert (again.state, again.error, again.attempts, again.ended_at_s) == ("queued", None, 0, None)
    assert [one.outcome for one in again.history] == ["failed"]
    await house.queue.cancel(CALLER, failed.id)
    assert (await house.queue.retry(CALLER, failed.id)).state == "queued"
    assert await house.kinds(failed) == ["queued", "started", "failed", "queued", "cancelled", "queued"]


async def test_a_cancelled_job_that_is_retried_runs(build):
    gate = Gate()
    house = build(pipeline(gate))
    worker = await house.hire()
    job = await cancel_running(house, worker, gate)
    await worker.work()
    await house.queue.retry(CALLER, job.id)
    await worker.beat()
    await gate.entered(2)
    gate.give(1)
    await worker.rest()
    assert (await house.job(job)).state == "completed"


# Waiting


async def test_a_job_waits_until_it_is_woken(build):
    house = build(pipeline(nothing, ask))
    worker = await house.hire()
    job = await house.accept()
    await worker.work(3)
    waiting = await house.job(job)
    assert (waiting.state, waiting.waiting_for, waiting.executor_id) == ("waiting", "approval", None)
    assert (waiting.attempts, waiting.progress) == (0, 0.5)
    assert not waiting.ended
    assert await house.wake(job, "something else", 1)
    await worker.work()
    assert (await house.job(job)).state == "waiting"
    assert await house.wake(job, "approval", {"yes": True})
    await worker.work()
    job = await house.job(job)
    assert (job.state, job.result, job.signals["something else"]) == ("completed", {"yes": True}, 1)
    assert await house.kinds(job) == [
        *("queued", "started", "stage", "waiting", "queued", "started", "completed"),
    ]


async def test_a_signal_that_comes_before_the_wait_is_not_lost(build):
    house = build(pipeline(ask))
    job = await house.accept()
    assert await house.wake(job, "approval", "early")
    await (await house.hire()).work()
    assert (await house.job(job)).result == "early"
    assert not await house.wake(job, "approval", "late")


async def test_a_signal_that_comes_while_the_step_decides_to_wait_is_not_lost(build):
    gate = Gate()
    house = build(pipeline(gate))
    worker = await house.hire()
    job = await house.accept()
    await worker.beat()
    await gate.entered()
    assert await house.wake(job, "approval", 1)
    gate.fail(Waiting("approval"))
    await worker.rest()
    assert await house.kinds(job) == ["queued", "started", "queued"]
    await worker.beat()
    assert (await gate.entered(2)).job.signals == {"approval": 1}


async def test_the_first_signal_counts(build):
    house = build(pipeline(ask))
    worker = await house.hire()
    job = await house.accept()
    await worker.work()
    assert await house.wake(job, "approval", "first")
    assert not await house.wake(job, "approval", "second")
    await worker.work()
    assert (await house.job(job)).result == "first"
    assert not await house.wake(job, "approval", "third")


async def test_waking_is_undone_with_its_transaction(build):
    house = build(pipeline(ask))
    worker = await house.hire()
    job = await house.accept()
    await worker.work()
    with pytest.raises(LookupError):
        async with house.db.begin() as tx:
            await house.queue.wake(tx, job.id, "approval", 1)
            raise LookupError
    assert (await house.job(job)).state == "waiting"
    async with house.db.begin() as tx:
        assert not await house.queue.wake(tx, "job_unknown", "approval", 1)


async def test_a_wait_ends_with_its_time(build, turned_clock):
    async def ask_in_time(context):
        if "approval" not in context.job.signals:
            raise Waiting("approval", until_s=turned_clock.now_s() + 60)
        if context.job.signals["approval"] is None:
            raise BadInput("Nobody answered.")
        return context.job.signals["approval"]

    house = build(pipeline(ask_in_time))
    worker = await house.hire()
    job = await house.accept()
    await worker.work()
    turned_clock.turn(60)
    await worker.work()
    failed = await house.job(job)
    assert (failed.state, failed.signals) == ("failed", {"approval": None})
    # Who retries it is asked again.
    await house.queue.retry(CALLER, job.id)
    await worker.work()
    assert await house.wake(job, "approval", "yes")
    await worker.work()
    assert (await house.job(job)).result == "yes"
    await house.told(job)


async def test_a_wait_until_no_time_lasts_until_it_is_woken(build):
    async def wait(context):
        raise Waiting("approval", times[context.job.id])

    times = {}
    house = build(pipeline(wait))
    worker = await house.hire()
    for until_s in (math.nan, math.inf, -math.inf):
        times[(await house.accept()).id] = until_s
    await worker.work(2)
    assert [job.run_after_s for job in await house.jobs("waiting")] == [None] * 3


async def test_a_wait_needs_a_name_that_can_be_written(build):
    async def wait(context):
        raise Waiting(names[context.job.id])

    names = {}
    house = build(pipeline(wait))
    for name in ("", "a\0b", "\ud800", "x" * 101):
        names[(await house.accept()).id] = name
    await (await house.hire()).work()
    assert [job.error["code"] for job in await house.jobs("failed")] == ["internal_error"] * 4


async def test_waiting_often_costs_no_attempts(build):
    async def ask_often(context):
        for number in range(4):
            if str(number) not in context.job.signals:
                raise Waiting(str(number))

    house = build(pipeline(ask_often, retry=RetryPolicy(max_attempts=1)))
    worker = await house.hire()
    job = await house.accept()
    for number in range(4):
        await worker.work()
        assert await house.wake(job, str(number), number)
    await worker.work()
    job = await house.job(job)
    assert (job.state, job.attempts, job.run) == ("completed", 1, 5)
    assert [one.outcome for one in job.history] == ["waiting"] * 4
    await house.told(job)
