"""Jobs as users see them: pages, filters, tenants, places, what is written down of who changed what."""

import itertools

import pytest

from roundhouse.core.errors import BadInput, Conflict, NotFound
from roundhouse.core.jobs import NewJob, Pipeline, RetryPolicy, Step
from roundhouse.core.settings import JobSettings
from roundhouse.core.types import Caller
from roundhouse.features.ops.service import JobService
from roundhouse.infra import audit
from roundhouse.infra.jobs import executors
from roundhouse.infra.jobs.claiming import Turns, claim
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.jobs.roster import Roster
from roundhouse.infra.jobs.store import JobFilter
from roundhouse.infra.jobs.supervisor import ChildState
from roundhouse.infra.jobs.transitions import Claim, Move, ending, move_all

ADA = Caller("key_a", site_id="a")
BOB = Caller("key_b", site_id="b")
ANY = JobFilter()


async def nothing(_):
    return None


PIPELINES = [
    Pipeline("t.io", (Step("one", nothing), Step("two", nothing)), retry=RetryPolicy(max_attempts=1)),
    Pipeline("t.cpu", (Step("one", nothing),), queue="cpu"),
]
KNOWN = [("t.io", 1), ("t.cpu", 1)]


class Desk:
    """The service, and the work of an executor done by hand."""

    def __init__(self, db, clock) -> None:
        self.db, self.clock = db, clock
        self.queue = JobQueue(db, PipelineTable(PIPELINES), JobSettings(), clock)
        self.child: ChildState | None = None
        roster = Roster(db, clock, "here")
        self.service = JobService(db, self.queue, roster, clock, child=lambda: self.child)

    async def accept(self, caller=ADA, kind="t.io", **more) -> str:
        self.clock.turn(1.0)
        return (await self.queue.accept(caller, NewJob(kind, **more))).id

    async def start(self, executor_id="exe_x", **slots: int):
        async with self.db.begin() as tx:
            return await claim(tx, executor_id, slots or {"io": 1}, KNOWN, Turns(), self.clock.now_s())

    async def end(self, job, state: str, **more) -> None:
        claimed = Claim(job.id, job.executor_id, job.run, job.version)
        now_s = self.clock.now_s()
        async with self.db.begin() as tx:
            changes = ending(state, now_s, now_s + 60, **more)
            (ended,) = await move_all(tx, [Move(claimed, f"job.{state}", changes, now_s + 60)], now_s)
        assert ended.state == state

    async def actions(self) -> list[tuple[str, str, str, dict]]:
        async with self.db.read() as tx:
            found = await audit.entries(tx, site_id=None, before_seq=None, limit=50)
        return [(one.action, one.object, one.key_id, one.detail) for one in reversed(found)]


@pytest.fixture
def desk(db, turned_clock) -> Desk:
    return Desk(db, turned_clock)


async def test_pages_are_newest_first_and_hold_each_job_once(desk):
    made = [await desk.accept() for _ in range(5)]
    await desk.accept(BOB)
    found, cursor = [], None
    for size in (2, 2, 1):
        page = await desk.service.page(ADA, ANY, cursor=cursor, limit=2)
        assert len(page.data) == size
        assert page.has_more is (size == 2)
        found += [job.id for job in page.data]
        cursor = page.next_cursor
    assert (found, cursor) == (made[::-1], None)
    with pytest.raises(BadInput):
        await desk.service.page(ADA, ANY, cursor="nonsense", limit=2)


async def test_filters(desk):
    first, second = await desk.accept(), await desk.accept(kind="t.cpu")
    at_s = desk.clock.now_s()
    third = await desk.accept()
    await desk.service.cancel(ADA, third)
    for wanted, found in (
        (JobFilter(state="queued"), [second, first]),
        (JobFilter(state="cancelled"), [third]),
        (JobFilter(kind="t.cpu"), [second]),
        (JobFilter(queue="io"), [third, first]),
        (JobFilter(created_after_s=at_s), [third, second]),
        (JobFilter(created_before_s=at_s), [first]),
        (JobFilter(state="running"), []),
    ):
        page = await desk.service.page(ADA, wanted, cursor=None, limit=50)
        assert [job.id for job in page.data] == found


async def test_nobody_sees_what_is_not_theirs(desk):
    ada = Caller("key_u", site_id="a", user_id="ada")
    desktop = Caller("key_u", site_id="a", user_id="ada", app_id="desktop")
    ids = {caller: await desk.accept(caller) for caller in (ADA, BOB, ada, desktop)}
    sees = {ADA: {ADA, ada, desktop}, BOB: {BOB}, ada: {ada, desktop}, desktop: {desktop}}
    for caller, theirs in sees.items():
        page = await desk.service.page(caller, ANY, cursor=None, limit=50)
        assert {job.id for job in page.data} == {ids[one] for one in theirs}
        for owner, job_id in ids.items():
            if owner in theirs:
                assert (await desk.service.get(caller, job_id)).id == job_id
                continue
            for verb in (
                desk.service.get,
                desk.service.visible,
                desk.service.cancel,
                desk.service.retry,
            ):
                with pytest.raises(NotFound):
                    await verb(caller, job_id)
    assert await desk.actions() == []


async def test_a_queued_job_knows_its_place(desk):
    ids = [await desk.accept() for _ in range(3)]
    urgent = await desk.accept(priority=5)
    placed = [(await desk.service.get(ADA, job_id)).position for job_id in (*ids, urgent)]
    assert placed == [1, 2, 3, 0]
    assert (await desk.service.get(ADA, ids[0])).expected_wait_s is None
    (job,) = await desk.start()
    assert job.id == urgent
    running = await desk.service.get(ADA, urgent)
    assert (running.state, running.position, running.stage) == ("running", None, "one")


async def test_cancel_is_said_once_and_written_down_once(desk):
    job_id = await desk.accept()
    cancelled = await desk.service.cancel(ADA, job_id)
    assert (cancelled.state, cancelled.cancel_requested) == ("cancelled", False)
    assert (await desk.service.cancel(ADA, job_id)).state == "cancelled"
    assert await desk.actions() == [("job.cancel", job_id, "key_a", {"kind": "t.io", "state": "queued"})]

    other = await desk.accept()
    await desk.start()
    asked = [await desk.service.cancel(ADA, other) for _ in range(2)]
    assert [(one.state, one.cancel_requested) for one in asked] == [("running", True)] * 2
    assert [action[1] for action in await desk.actions()] == [job_id, other]


async def test_retry_is_for_what_did_not_complete(desk):
    job_id = await desk.accept()
    with pytest.raises(Conflict):
        await desk.service.retry(ADA, job_id)
    (job,) = await desk.start()
    with pytest.raises(Conflict):
        await desk.service.retry(ADA, job_id)
    await desk.end(job, "failed", error={"code": "backend_down", "message": "No."})
    failed = await desk.service.get(ADA, job_id)
    assert (failed.state, failed.error) == ("failed", {"code": "backend_down", "message": "No."})
    again = await desk.service.retry(ADA, job_id)
    assert (again.state, again.position, again.error, again.attempts) == ("queued", 0, None, 0)
    (job,) = await desk.start()
    await desk.end(job, "completed", result={"n": 1})
    with pytest.raises(Conflict):
        await desk.service.retry(ADA, job_id)
    assert [action[:2] for action in await desk.actions()] == [("job.retry", job_id)]


async def test_statistics_of_the_house(desk):
    for caller, kind in itertools.product((ADA, BOB), ("t.io", "t.cpu")):
        await desk.accept(caller, kind)
    done, going = await desk.start(io=2)
    desk.clock.turn(4.0)
    await desk.end(done, "completed", result=None)
    async with desk.db.begin() as tx:
        values = {
            "machine_id": "here",
            "host": "rack",
            "pid": 7,
            "lock_path": "/no/such",
            "lease_s": 30.0,
        }
        told = {"queues": ["io"], "pipelines": ["t.io@1"], "version": "1", "renewed_monotonic_s": 0.0}
        await executors.insert(tx, {"id": "exe_x", **values, **told})
    stats = await desk.service.stats(ADA)
    by_name = {one.queue: one for one in stats.queues}
    io, cpu = by_name["io"], by_name["cpu"]
    assert (io.queued, io.running, io.completed, io.oldest_queued_s) == (0, 1, 1, None)
    assert (io.mean_run_s, io.ended_per_minute) == (4.0, 0.2)
    assert (cpu.queued, cpu.oldest_queued_s, cpu.mean_run_s) == (2, 6.0, None)
    assert by_name["gpu"].queued == by_name["flow"].queued == 0
    (executor,) = stats.executors
    assert (executor.id, executor.host, executor.pid, executor.running) == ("exe_x", "rack", 7, 1)
    assert going.executor_id == "exe_x"
    assert stats.supervised is None
    desk.child = ChildState(pid=9, started_at_s=1.0, restarts=2, last_exit="signal 9")
    supervised = (await desk.service.stats(ADA)).supervised
    assert supervised is not None
    assert (supervised.pid, supervised.restarts, supervised.last_exit) == (9, 2, "signal 9")
