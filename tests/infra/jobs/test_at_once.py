"""Jobs that a server runs itself: room, lease, take-over, and the end."""

import asyncio

import pytest

from contracts.job_house import CALLER, Gate, House, cleared, pipeline
from roundhouse.core.errors import BadInput, StorageUnavailable
from roundhouse.core.jobs import NewJob
from roundhouse.core.settings import JobSettings
from roundhouse.infra.jobs.at_once import AtOnce
from roundhouse.infra.jobs.pipelines import PipelineTable


@pytest.fixture
async def build(db, turned_clock, tmp_path, logged):
    made = []

    def make(*steps, most=2, **more) -> tuple[House, AtOnce]:
        one = pipeline(*steps, **{"durable": False, **more})
        house = House(db, turned_clock, tmp_path, [one])
        settings = JobSettings(drain_s=0.0)
        made.append(
            AtOnce(db, PipelineTable([one]), settings, tmp_path, turned_clock, version="1", most=most)
        )
        return house, made[-1]

    async with cleared():
        yield make
        for one in made:
            await one.close()


async def started(house: House, server: AtOnce, **more):
    executor_id = await server.reserve()
    assert executor_id is not None
    async with house.db.begin() as tx:
        job = await house.queue.start(tx, CALLER, NewJob("t.x", **more), executor_id)
    return job, server.begin(job)


async def test_a_job_runs_where_it_was_accepted(build):
    wrote = []

    async def step(context):
        async def write(tx, job):
            wrote.append(job.state)

        context.along(write)
        context.progress(0.5, "on it")
        return context.job.input["n"]

    house, server = build(step)
    job, run = await started(house, server, input={"n": 7})
    assert (job.state, job.run, job.attempts, server.running) == ("running", 1, 1, [job.id])
    await run
    found = await house.job(job)
    assert (found.state, found.result, found.executor_id, server.running) == ("completed", 7, None, [])
    assert [one.state for one in found.stages] == ["completed"]
    assert wrote == ["completed"]


async def test_there_is_room_for_so_many(build):
    house, server = build(Gate())
    await started(house, server)
    assert await server.reserve() is not None
    assert await server.reserve() is None
    server.release()
    assert await server.reserve() is not None


async def test_without_room_it_is_no_executor(build, db):
    house, server = build(Gate(), most=0)
    assert await server.reserve() is None
    worker = await house.hire()
    assert [row.id for row in await worker.member.rows()] == [worker.id]


async def test_recorded_jobs_are_for_executors(build):
    house, server = build(Gate(), durable=True)
    executor_id = await server.reserve()
    async with house.db.begin() as tx:
        job = await house.queue.start(tx, CALLER, NewJob("t.x"), executor_id)
    with pytest.raises(BadInput):
        server.begin(job)


async def test_who_lets_go_comes_in_again(build):
    gate = Gate()
    house, server = build(gate)
    job, run = await started(house, server)
    await gate.entered()
    first = server._membership
    server._let_go(first)
    await run
    again = await server.reserve()
    assert again not in (None, first.id)
    # Its row is still there; its lock is free.
    assert (await house.job(job)).state == "running"
    server.release()


async def test_who_cannot_come_in_leaves_it_to_others(build, turned_clock):
    _, server = build(Gate())

    class Away:
        def __getattr__(self, name):
            raise StorageUnavailable("away")

    db, server._db = server._db, Away()
    assert await server.reserve() is None
    server._db = db
    assert await server.reserve() is None
    turned_clock.turn(2)
    assert await server.reserve() is not None


async def test_at_the_end_it_puts_back_what_runs(build):
    gate = Gate()
    house, server = build(gate)
    job, _ = await started(house, server)
    await gate.entered()
    await server.close()
    found = await house.job(job)
    assert (found.state, found.attempts, found.history[-1].outcome) == ("queued", 0, "interrupted")
    worker = await house.hire()
    assert [row.id for row in await worker.member.rows()] == [worker.id]
    assert await server.reserve() is None
    await worker.beat()
    await gate.entered(2)
    gate.give(3)
    await worker.rest()
    assert (await house.job(job)).result == 3


async def test_several_steps_must_be_recorded():
    async def step(context):
        await asyncio.sleep(0)

    with pytest.raises(BadInput):
        PipelineTable([pipeline(step, step, durable=False)])
