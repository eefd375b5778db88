"""Tasks of single capabilities: accepted, run where they were accepted or by an executor, and what is kept of them."""

import asyncio

import msgspec
import pytest

from features.tasks.houses import SITE, capability
from roundhouse.core.errors import (
    AddressRefused,
    BackendBusy,
    BackendDown,
    BackendTimeout,
    BadInput,
    Conflict,
    IdempotencyInFlight,
    IdempotencyMismatch,
    NotFound,
    NotLocal,
    Unprocessable,
)
from roundhouse.core.jobs import NewJob
from roundhouse.core.transports import CapabilityReply
from roundhouse.core.types import Caller
from roundhouse.features.tasks.running.accepting import NewTask
from roundhouse.features.tasks.running.model import Wanted, state_of
from roundhouse.features.tasks.running.runner import TaskRunner
from roundhouse.features.tasks.running.shapes import read_task


async def test_what_can_start_at_once_is_done_by_the_process_that_accepted_it(build):
    house = build()
    standing = await house.task()
    job = standing.job
    assert (job.state, job.result, job.run, job.executor_id) == ("completed", {"result": 5}, 1, None)
    (attempt,) = await house.attempts(job.id)
    assert (attempt.state, attempt.target, attempt.idempotency_key) == (
        "ok",
        "math.solve@1",
        f"{job.id}:call:1",
    )
    assert attempt.request == {"headers": {"Authorization": "***", "Accept": "*"}}
    assert attempt.response == {"status": 200}
    assert await house.kinds(job.id) == [
        "task.created",
        "task.started",
        "job.started",
        "task.completed",
        "job.completed",
    ]
    trace = await house.service.trace(SITE, job.id)
    assert (trace.input, trace.output, trace.decided_by) == (
        {"expression": "2+3"},
        {"result": 5},
        "capability:math.solve",
    )
    (step,) = trace.steps
    assert (step.id, step.attempts[0].response) == ("call", {"output": {"result": 5}, "status": 200})
    assert [event.type for event in trace.events][-1] == "job.completed"


async def test_without_room_an_executor_does_it(build):
    house = build(room=0)
    standing = await house.task(wait_s=0)
    assert (standing.job.state, standing.place.position, standing.reason) == ("queued", 0, "no_worker")
    assert await house.kinds(standing.job.id) == ["task.created", "job.queued"]
    await (await house.executor()).work()
    done = await house.service.get(SITE, standing.job.id)
    assert (done.job.state, done.job.result, done.reason) == ("completed", {"result": 5}, None)
    (attempt,) = await house.attempts(standing.job.id)
    assert (attempt.state, house.calling.keys) == ("ok", [f"{standing.job.id}:call:1"])


async def test_nobody_overtakes_what_waits(build):
    house = build(room=0)
    await house.task(wait_s=0)
    house.at_once, house.service = house.process(room=1)
    second = await house.task(wait_s=0)
    assert second.job.state == "queued"


async def test_a_time_is_waited_for(build, turned_clock):
    house = build()
    later_s = turned_clock.now_s() + 60
    standing = await house.task(wait_s=0, run_after_s=later_s)
    assert state_of(standing.job, turned_clock.now_s()) == "scheduled"
    page = await house.service.page(SITE, Wanted("scheduled"), cursor=None, limit=10)
    assert [one.state for one in page.data] == ["scheduled"]
    assert not (await house.service.page(SITE, Wanted("queued"), cursor=None, limit=10)).data
    worker = await house.executor()
    await worker.work()
    assert not house.calling.keys
    turned_clock.turn(61)
    await worker.work()
    assert (await house.service.get(SITE, standing.job.id)).job.state == "completed"


async def test_a_failure_that_may_pass_is_tried_again_by_an_executor(build, turned_clock):
    house = build(BackendDown("It is away."), {"result": 5})
    standing = await house.task(wait_s=0)
    await _run(house, standing.job.id)
    queued = await house.service.get(SITE, standing.job.id)
    assert (queued.job.state, queued.job.attempts) == ("queued", 1)
    turned_clock.turn(10)
    await (await house.executor()).work()
    one, two = await house.attempts(standing.job.id)
    assert (one.state, one.error["code"], two.state) == ("failed", "backend_down", "ok")
    assert one.idempotency_key != two.idempotency_key
    assert "task.step_failed" in await house.kinds(standing.job.id)


async def test_without_an_attempt_left_it_is_dead(build, turned_clock):
    house = build(BackendDown("It is away."))
    standing = await house.task(wait_s=0)
    await _run(house, standing.job.id)
    worker = await house.executor()
    for _ in range(3):
        turned_clock.turn(200)
        await worker.work()
    found = await house.service.get(SITE, standing.job.id)
    assert (state_of(found.job, 0.0), found.job.error["code"]) == ("dead", "attempts_exhausted")
    assert [one.state for one in await house.attempts(standing.job.id)] == ["failed"] * 3
    assert (await house.kinds(standing.job.id))[-2:] == ["task.dead", "job.failed"]
    for state, count in (("dead", 1), ("failed", 0)):
        page = await house.service.page(SITE, Wanted(state, capability="math.solve"), cursor=None, limit=10)
        assert len(page.data) == count
    again = await house.service.retry(SITE, standing.job.id)
    assert again.job.state == "queued"


async def test_what_may_not_be_repeated_is_not_repeated_after_a_time_out(build):
    house = build(BackendTimeout("Too slow."), capabilities=[capability()])
    standing = await house.task()
    assert (standing.job.state, standing.job.error["code"]) == ("failed", "unknown_outcome")
    assert (await house.attempts(standing.job.id))[0].error["code"] == "backend_timeout"


async def test_who_had_no_room_has_not_begun(build):
    house = build(BackendBusy("Full.", retry_after_s=5.0), capabilities=[capability()])
    standing = await house.task(wait_s=0)
    await _run(house, standing.job.id)
    assert (await house.service.get(SITE, standing.job.id)).job.state == "queued"


async def test_a_time_out_is_repeated_under_the_same_key(build, turned_clock):
    house = build(BackendTimeout("Too slow."), {"result": 5})
    standing = await house.task(wait_s=0)
    await _run(house, standing.job.id)
    turned_clock.turn(10)
    await (await house.executor()).work()
    assert house.calling.keys == [f"{standing.job.id}:call:1"] * 2


async def test_bad_input_takes_no_attempt(build):
    house = build()
    with pytest.raises(Unprocessable):
        await house.task(input=3)
    with pytest.raises(NotFound):
        await house.task(capability="no.such")
    with pytest.raises(Unprocessable):
        await house.task(flow="x")
    with pytest.raises(AddressRefused):
        await house.task(webhook="https://private/")
    with pytest.raises(BadInput):
        await house.task(priority=1000)
    assert house.gate.inside == 0
    assert not (await house.service.page(SITE, Wanted(), cursor=None, limit=10)).data


# Processes that die


async def test_what_a_dead_process_was_doing_is_repeated_under_the_same_key(build):
    house = build()
    task_id = await _cut_off(house)
    await (await _taking_over(house)).work()
    found = await house.service.get(SITE, task_id)
    assert found.job.state == "completed"
    one, two = await house.attempts(task_id)
    assert (one.state, two.state) == ("abandoned", "ok")
    assert house.calling.keys == [f"{task_id}:call:1"] * 2


async def test_what_may_not_be_repeated_ends_as_unknown(build):
    house = build(capabilities=[capability()])
    task_id = await _cut_off(house)
    worker = await _taking_over(house)
    await worker.work()
    found = await house.service.get(SITE, task_id)
    assert (found.job.state, found.job.error["code"]) == ("failed", "unknown_outcome")
    (one,) = await house.attempts(task_id)
    assert (one.state, one.error["code"], len(house.calling.keys)) == ("abandoned", "unknown_outcome", 1)
    # Somebody decides that it may be.
    await house.service.retry(SITE, task_id)
    house.calling.held = None
    await worker.work()
    assert (await house.service.get(SITE, task_id)).job.state == "completed"
    assert house.calling.keys == [f"{task_id}:call:1"] * 2


async def test_an_answer_that_comes_too_late_counts_no_more(build):
    house = build()
    task_id = await _cut_off(house)
    held = house.calling.held
    house.calling.held = None
    await (await _taking_over(house, revive=False)).work()
    held.set_result(None)
    await _until(lambda: not house.at_once.running)
    one, two = await house.attempts(task_id)
    assert (one.state, one.response, two.state) == ("late", {"status": 200}, "ok")
    assert (await house.kinds(task_id)).count("task.completed") == 1


async def test_a_process_that_stops_puts_back_what_runs(build):
    house = build()
    task_id = await _cut_off(house)
    await house.at_once.close()
    found = await house.service.get(SITE, task_id)
    assert (found.job.state, found.job.attempts) == ("queued", 0)
    house.calling.held = None
    await (await house.executor()).work()
    assert [one.state for one in await house.attempts(task_id)] == ["abandoned", "ok"]
    assert house.calling.keys == [f"{task_id}:call:1"] * 2


# Keys


async def test_many_posts_with_one_key_are_one_task(build):
    house = build()
    asked = NewTask(capability="math.solve", input={}, key="k", body_sha256="x")
    outcomes = await asyncio.gather(
        *(house.service.create(SITE, asked) for _ in range(50)), return_exceptions=True
    )
    accepted = {one.job.id for one in outcomes if not isinstance(one, Exception)}
    assert len(accepted) == 1
    assert all(isinstance(one, IdempotencyInFlight) for one in outcomes if isinstance(one, Exception))
    assert len((await house.service.page(SITE, Wanted(), cursor=None, limit=10)).data) == 1


async def test_processes_that_accept_the_same_key_accept_one_task(build):
    house = build()
    services = [house.service, *(house.process(room=4)[1] for _ in range(3)), house.process(room=0)[1]]
    asked = NewTask(capability="math.solve", input={}, key="k", body_sha256="x")
    standings = await asyncio.gather(*(service.create(SITE, asked) for service in services))
    assert len({one.job.id for one in standings}) == 1
    again = await house.service.create(SITE, asked)
    assert again.job.id == standings[0].job.id
    with pytest.raises(IdempotencyMismatch):
        await house.service.create(SITE, NewTask(capability="math.solve", input={}, key="k", body_sha256="y"))
    other = await house.service.create(Caller("key_a", site_id="a", user_id="an"), asked)
    assert other.job.id != again.job.id


async def test_a_key_is_held_for_all_processes_while_its_first_request_waits(build, turned_clock):
    house = build()
    _, other = house.process()
    house.calling.held = asyncio.get_running_loop().create_future()
    asked = NewTask(capability="math.solve", input={}, key="k", body_sha256="x")
    first = asyncio.create_task(house.service.create(SITE, asked, 20.0))
    await house.calling.entered.wait()
    for service in (house.service, other):
        with pytest.raises(IdempotencyInFlight) as refused:
            await service.create(SITE, asked, 20.0)
        assert refused.value.retry_after_s == 1.0
        with pytest.raises(IdempotencyMismatch):
            await service.create(SITE, NewTask(capability="math.solve", input={}, key="k", body_sha256="y"))
    # By now it was told that the task goes on, if it lives.
    turned_clock.turn(20)
    again = await other.create(SITE, asked)
    assert again.job.state == "running"
    house.calling.held.set_result(None)
    standing = await first
    for service in (house.service, other):
        found = await service.create(SITE, asked, 20.0)
        assert (found.job.id, found.job.state) == (standing.job.id, "completed")
    assert again.job.id == standing.job.id
    assert len(house.calling.keys) == 1


async def test_what_has_ended_is_told_though_its_first_request_was_to_wait_longer(build):
    house = build()
    asked = NewTask(capability="math.solve", input={}, key="k", body_sha256="x")
    first = await house.service.create(SITE, asked, 20.0)
    _, other = house.process()
    assert (await other.create(SITE, asked)).job.id == first.job.id


# What is kept


async def test_of_a_result_alone_neither_input_nor_trace_is_kept(build):
    house = build()
    standing = await house.task(store="result", metadata={"a": "b"})
    found = await house.service.get(SITE, standing.job.id)
    assert (found.job.result, found.job.input.get("input"), dict(found.row.metadata)) == (
        {"result": 5},
        None,
        {"a": "b"},
    )
    (attempt,) = await house.attempts(standing.job.id)
    assert (attempt.request, attempt.response, attempt.ended_at_s is not None) == (None, None, True)


async def test_of_nothing_only_who_waits_hears_the_answer(build):
    house = build(capabilities=[capability(kept="none", idempotent=True)])
    with pytest.raises(Unprocessable):
        await house.task(wait_s=0)
    standing = await house.task(waits=True, store="full", metadata={"a": "b"})
    assert (standing.job.state, standing.output, standing.job.result) == ("completed", {"result": 5}, None)
    found = await house.service.get(SITE, standing.job.id)
    assert (found.job.result, found.job.input.get("input"), found.output) == (None, None, None)
    assert dict(found.row.metadata) == {}
    assert (await house.service.trace(SITE, standing.job.id)).steps[0].attempts[0].state == "ok"
    for more in ({"run_after_s": 2e9}, {"webhook": "https://example.org/"}):
        with pytest.raises(Unprocessable):
            await house.task(waits=True, **more)


async def test_what_ends_otherwise_is_forgotten_as_well(build):
    house = build(room=0)
    standing = await house.task(wait_s=0, store="result")
    await house.service.cancel(SITE, standing.job.id)
    await house.service.forget_left()
    found = await house.service.get(SITE, standing.job.id)
    assert (found.job.input.get("input"), found.row.forgotten) == (None, True)
    with pytest.raises(Conflict):
        await house.service.retry(SITE, standing.job.id)


async def test_what_is_large_goes_to_a_file_and_secrets_nowhere(build):
    schema = {"properties": {"token": {"type": "string", "writeOnly": True}}}
    house = build(capabilities=[capability(input_schema=schema, idempotent=True)])
    house.calling.script = [CapabilityReply(1, {"body": {"token": "s", "text": "x" * 70_000}}, {})]
    standing = await house.task(input={"token": "s"})
    (attempt,) = await house.attempts(standing.job.id)
    assert attempt.request["body"]["$file"] == "file_0"
    assert b'"token":"***"' in house.files.kept["file_0"]
    trace = await house.service.trace(SITE, standing.job.id)
    assert trace.input == {"token": "***"}


# Others


async def test_cancelling(build):
    house = build()
    task_id = await _cut_off(house)
    await house.service.cancel(SITE, task_id)
    for event in await house.told(task_id):
        if event.type == "job.cancel_requested":
            house.at_once.heard(event)
    await _until(lambda: not house.at_once.running)
    assert (await house.service.get(SITE, task_id)).job.state == "cancelled"
    assert (await house.attempts(task_id))[0].state == "abandoned"
    assert (await house.kinds(task_id))[-2:] == ["task.cancelled", "job.cancelled"]


async def test_a_deadline_ends_it(build, turned_clock):
    house = build()
    house.calling.held = asyncio.get_running_loop().create_future()
    standing = await house.task(deadline_s=turned_clock.now_s() + 0.05)
    assert (standing.job.state, standing.job.error["code"]) == ("failed", "deadline_exceeded")


async def test_whoever_is_named_is_told(build):
    house = build()
    standing = await house.task(webhook="https://example.org/")
    assert standing.job.state == "completed"
    assert house.hooks.followed == [("https://example.org/", standing.job.id)]


# Runs


async def test_a_run_is_a_task_that_is_tried_once(build):
    house = build({"result": 5}, BackendTimeout("Too slow."), BackendDown("It is away.", retry_after_s=7.0))
    runner = TaskRunner(house.service, house.clock)
    one = house.registry.known["math.solve"]

    async def run(**more):
        return await runner.run(SITE, one, {}, **{"idempotency_key": None, "wait_s": None, **more})

    reply = await run(idempotency_key="k")
    task_id = reply.headers["x-roundhouse-task"]
    assert (reply.status, reply.body, len(await house.attempts(task_id))) == (200, {"result": 5}, 1)
    assert (await run(idempotency_key="k")).headers == reply.headers
    with pytest.raises(BackendTimeout):
        await run()
    with pytest.raises(BackendDown) as raised:
        await run()
    assert raised.value.retry_after_s == 7.0
    with pytest.raises(IdempotencyMismatch):
        await runner.run(SITE, one, {"other": 1}, idempotency_key="k", wait_s=None)
    failed = await house.service.page(SITE, Wanted("failed"), cursor=None, limit=10)
    assert [one.error["code"] for one in failed.data] == ["backend_down", "backend_timeout"]


async def test_a_run_that_takes_long_is_looked_at_again(build):
    house = build()
    house.calling.held = asyncio.get_running_loop().create_future()
    runner = TaskRunner(house.service, house.clock)
    one = house.registry.known["math.solve"]
    reply = await runner.run(SITE, one, {}, idempotency_key=None, wait_s=0)
    assert (reply.status, reply.body["state"]) == (202, "running")
    assert reply.headers["location"] == f"/v1/tasks/{reply.body['id']}"


async def test_a_run_does_not_wait_behind_tasks(build):
    house = build(room=0)
    await house.task(wait_s=0)
    _, service = house.process(room=1)
    one = house.registry.known["math.solve"]
    reply = await TaskRunner(service, house.clock).run(SITE, one, {}, idempotency_key=None, wait_s=5)
    assert reply.status == 200


async def test_other_tenants_see_nothing(build):
    house = build()
    standing = await house.task()
    other = Caller("key_b", site_id="b")
    for verb in (house.service.get, house.service.trace, house.service.cancel, house.service.retry):
        with pytest.raises(NotFound):
            await verb(other, standing.job.id)
    with pytest.raises(NotFound):
        await house.service.signal(other, standing.job.id, "x", None)
    assert not (await house.service.page(other, Wanted(), cursor=None, limit=10)).data


async def test_lists_are_paged(build):
    house = build()
    ids = [(await house.task()).job.id for _ in range(3)]
    first = await house.service.page(SITE, Wanted(), cursor=None, limit=2)
    second = await house.service.page(SITE, Wanted(), cursor=first.next_cursor, limit=2)
    assert [one.id for one in (*first.data, *second.data)] == ids[::-1]
    assert (first.has_more, second.has_more, second.next_cursor) == (True, False, None)


async def test_other_jobs_are_no_tasks(build):
    house = build(room=0)
    standing = await house.task(wait_s=0)
    with pytest.raises(NotFound):
        await house.service.get(SITE, "job_none")
    with pytest.raises(BadInput):
        await house.house.queue.accept(SITE, NewJob("no.kind"))
    assert standing.job.kind == "task"


async def _run(house, task_id: str) -> None:
    """Wait until the process that accepted it has done with it."""
    await _until(lambda: task_id not in house.at_once.running)


async def _until(true) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - nothing tells it; it is over in some ms
            await asyncio.sleep(0.002)


async def _cut_off(house) -> str:
    """A task in the middle of its call."""
    house.calling.held = asyncio.get_running_loop().create_future()
    standing = await house.task(wait_s=0)
    await house.calling.entered.wait()
    return standing.job.id


async def _taking_over(house, *, revive: bool = True):
    """An executor that takes over what the dead process was doing."""
    if revive:
        # As if it were dead: what it does comes nowhere.
        for run in list(house.at_once._runs.values()):
            run.stop("lost")
        await _until(lambda: not house.at_once.running)
        house.calling.held = None
    worker = await house.executor()
    (row,) = [one for one in await worker.member.rows() if not one.queues]
    house.house.members.dead.add(row.id)
    return worker


BOUND = msgspec.structs.replace(SITE, local_only=True)


async def test_what_is_outside_is_refused_where_nothing_may_leave(build):
    house = build(
        capabilities=(
            capability("away", endpoint={"outside": True}, idempotent=True),
            capability("here", idempotent=True),
            capability("lost", endpoint={"lost": True}, idempotent=True),
        )
    )
    with pytest.raises(NotLocal):
        await house.task(capability="away", caller=BOUND)
    assert house.calling.keys == []
    assert (await house.task(capability="away")).job.state == "completed"
    here = await house.task(capability="here", caller=BOUND)
    assert (here.job.state, read_task(here, 0.0).privacy) == ("completed", "local_only")
    # Where that is, the call will know: it is accepted.
    assert (await house.task(capability="lost", caller=BOUND)).job.caller.local_only
