"""What tasks cost: reserved when they are accepted, carried by their tries, settled where they end."""

import asyncio
import random
from contextlib import suppress

import pytest
import sqlalchemy as sa

from features.access.plans.planning import ADMIN
from features.tasks.houses import SITE, capability
from roundhouse.core.errors import BackendBadAnswer, BackendDown, PlanExceeded, Unprocessable
from roundhouse.features.access.plans.places import PlaceGiver
from roundhouse.features.access.plans.schemas import AssignmentPut, PlanCreate
from roundhouse.features.access.plans.service import PlanService
from roundhouse.features.access.plans.store import quota_counters, quota_reservations
from roundhouse.features.tasks.attempts.rows import attempts
from roundhouse.infra.jobs.rows import jobs

UNITS = 2.5


async def planned(house, **limits) -> None:
    """A plan for the site of the house."""
    service = PlanService(house.db, house.clock)
    limits = {"cost_units_per_month": 1000, "tasks_per_day": 1000, **limits}
    plan = await service.create(ADMIN, PlanCreate.model_validate({"name": "p", "shared": True, **limits}))
    await service.assign(ADMIN, AssignmentPut(plan_id=plan.id, site_id=SITE.site_id))


async def used(house, metric: str = "cost_units_per_month") -> float:
    async with house.db.read() as tx:
        query = sa.select(sa.func.sum(quota_counters.c.used)).where(quota_counters.c.metric == metric)
        return (await tx.execute(query)).scalar_one() or 0.0


async def reserved(house) -> float:
    async with house.db.read() as tx:
        return (await tx.execute(sa.select(sa.func.sum(quota_reservations.c.cost_units)))).scalar_one() or 0.0


async def cut_off(house) -> str:
    """A task in the middle of its call, in a process that is dead from here on; or queued behind others."""
    house.calling.held = asyncio.get_running_loop().create_future()
    house.calling.entered.clear()
    standing = await house.task(wait_s=0)
    if standing.job.state == "running":
        await house.calling.entered.wait()
    for run in list(house.at_once._runs.values()):
        run.stop("lost")
    await rest(house)
    house.calling.held = None
    return standing.job.id


async def rest(house) -> None:
    """Wait until this process runs nothing."""
    async with asyncio.timeout(10):
        while house.at_once.running:  # noqa: ASYNC110 - nothing tells it; it is over in some ms
            await asyncio.sleep(0.002)


async def bury(house, worker) -> None:
    """Have the processes that only accept be dead."""
    for row in await worker.member.rows():
        if not row.queues:
            house.house.members.dead.add(row.id)


@pytest.fixture
def dear(build):
    """A house whose one capability costs `UNITS`."""

    def make(*script, **more):
        return build(*script, capabilities=[capability(idempotent=True, cost_units=UNITS)], **more)

    return make


async def test_a_task_costs_what_its_call_costs(dear):
    house = dear()
    await planned(house)
    standing = await house.task()
    assert (standing.job.state, standing.cost, await used(house), await reserved(house)) == (
        "completed",
        UNITS,
        UNITS,
        0,
    )
    found = await house.service.get(SITE, standing.job.id)
    assert (found.cost, found.row.cost_units, found.job.counted) == (UNITS, UNITS, True)
    trace = await house.service.trace(SITE, standing.job.id)
    assert (trace.task.cost, trace.steps[0].attempts[0].cost) == (UNITS, UNITS)


async def test_every_try_costs(dear, turned_clock):
    house = dear(BackendDown("It is away."))
    await planned(house)
    task_id = (await house.task(wait_s=0)).job.id
    await rest(house)
    assert (await used(house), await reserved(house)) == (UNITS, UNITS)
    worker = await house.executor()
    for _ in range(3):
        turned_clock.turn(200)
        await worker.work()
    found = await house.service.get(SITE, task_id)
    assert (found.job.error["code"], found.cost) == ("attempts_exhausted", 3 * UNITS)
    assert (await used(house), await reserved(house)) == (3 * UNITS, 0)


async def test_what_is_refused_before_the_call_costs_nothing(dear):
    house = dear()
    await planned(house)
    house.calling.refused = Unprocessable("Its schema is another one now.")
    standing = await house.task()
    assert (standing.job.state, standing.cost, await used(house)) == ("failed", 0, 0)
    assert [one.cost for one in await house.attempts(standing.job.id)] == [0]
    assert await used(house, "tasks_per_day") == 1


async def test_what_fails_in_the_call_costs(dear):
    house = dear(BackendBadAnswer("No JSON."))
    await planned(house)
    standing = await house.task(once=True)
    assert (standing.job.state, standing.cost, await used(house)) == ("failed", UNITS, UNITS)


async def test_cancelled_before_it_began_it_gives_all_back(dear):
    house = dear(room=0)
    await planned(house)
    by_task, by_job = [(await house.task(wait_s=0)).job.id for _ in range(2)]
    assert (await used(house), await used(house, "tasks_per_day")) == (2 * UNITS, 2)
    await house.service.cancel(SITE, by_task)
    await house.house.queue.cancel(SITE, by_job)
    await house.service.cancel(SITE, by_task)
    assert (await used(house), await used(house, "tasks_per_day"), await reserved(house)) == (0, 0, 0)


async def test_cancelled_in_its_call_it_costs_that(dear):
    house = dear()
    await planned(house)
    house.calling.held = asyncio.get_running_loop().create_future()
    task_id = (await house.task(wait_s=0)).job.id
    await house.calling.entered.wait()
    await house.service.cancel(SITE, task_id)
    for run in list(house.at_once._runs.values()):
        run.stop("cancel")
    await rest(house)
    found = await house.service.get(SITE, task_id)
    assert (found.job.state, found.cost) == ("cancelled", UNITS)
    assert (await used(house), await used(house, "tasks_per_day"), await reserved(house)) == (UNITS, 1, 0)


async def test_whose_time_is_over_before_it_began_costs_nothing(dear, turned_clock):
    house = dear(room=0)
    await planned(house)
    task_id = (await house.task(wait_s=0, deadline_s=turned_clock.now_s() + 5)).job.id
    turned_clock.turn(6)
    await (await house.executor()).work()
    assert (await house.service.get(SITE, task_id)).job.error["code"] == "deadline_exceeded"
    assert (await used(house), await used(house, "tasks_per_day"), await reserved(house)) == (0, 1, 0)


async def test_a_process_that_dies_between_call_and_end_is_settled_once(dear):
    house = dear()
    await planned(house)
    task_id = await cut_off(house)
    assert (await used(house), await reserved(house)) == (UNITS, UNITS)
    worker = await house.executor()
    await bury(house, worker)
    await worker.work()
    found = await house.service.get(SITE, task_id)
    assert (found.job.state, found.cost) == ("completed", 2 * UNITS)
    assert (await used(house), await reserved(house)) == (2 * UNITS, 0)
    await worker.work(2)
    assert await used(house) == 2 * UNITS


async def test_a_commit_whose_answer_was_lost_is_settled_once(dear):
    house = dear(room=0)
    await planned(house)
    await house.task(wait_s=0)
    worker = await house.executor()
    house.calling.held = asyncio.get_running_loop().create_future()
    await worker.beat()
    await house.calling.entered.wait()
    worker.db.answers_to_lose = 1
    house.calling.held.set_result(None)
    async with asyncio.timeout(20):
        while worker.executor.running:
            house.clock.turn(1)
            await asyncio.sleep(0.005)
    assert worker.db.faults == 1
    assert (await used(house), await reserved(house)) == (UNITS, 0)


async def test_a_retry_counts_like_a_new_task(dear, turned_clock):
    house = dear(BackendBadAnswer("No JSON."))
    await planned(house, tasks_per_day=2)
    task_id = (await house.task(once=True)).job.id
    assert (await used(house), await used(house, "tasks_per_day")) == (UNITS, 1)
    await house.service.retry(SITE, task_id)
    assert (await used(house), await used(house, "tasks_per_day"), await reserved(house)) == (
        2 * UNITS,
        2,
        UNITS,
    )
    house.calling.script = [{"result": 5}]
    turned_clock.turn(5)
    await (await house.executor()).work()
    found = await house.service.get(SITE, task_id)
    assert (found.job.state, found.cost) == ("completed", 2 * UNITS)
    assert (await used(house), await reserved(house)) == (2 * UNITS, 0)


async def test_a_plan_without_room_refuses_a_retry(dear):
    house = dear(BackendBadAnswer("No JSON."))
    await planned(house, tasks_per_day=1)
    task_id = (await house.task(once=True)).job.id
    with pytest.raises(PlanExceeded):
        await house.service.retry(SITE, task_id)
    assert (await house.service.get(SITE, task_id)).job.state == "failed"
    assert (await used(house), await reserved(house)) == (UNITS, 0)


async def test_a_queued_retry_is_given_its_place(dear, turned_clock):
    house = dear(BackendBadAnswer("No JSON."))
    await planned(house, concurrent_tasks=1, on_exceed="queue")
    task_id = (await house.task(once=True)).job.id
    house.calling.held = asyncio.get_running_loop().create_future()
    house.calling.entered.clear()
    await house.task(wait_s=0)
    await house.calling.entered.wait()
    again = await house.service.retry(SITE, task_id)
    assert (again.job.state, again.job.run_after_s > turned_clock.now_s() + 86_400) == ("queued", True)
    places = PlaceGiver(house.db, house.clock)
    assert await places.give() == 0
    house.calling.script = [{"result": 5}]
    house.calling.held.set_result(None)
    house.calling.held = None
    await rest(house)
    assert await places.give() == 1
    await (await house.executor()).work()
    assert (await house.service.get(SITE, task_id)).job.state == "completed"
    assert (await used(house), await reserved(house)) == (3 * UNITS, 0)


async def test_without_a_plan_no_statement_is_made_for_it(dear):
    house = dear()
    await house.task()
    statements: list[str] = []

    def note(connection, cursor, statement, *rest) -> None:
        statements.append(" ".join(statement.split()))

    # Short transactions of SQLite have an engine of their own.
    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        standing = await house.task()
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert standing.job.state == "completed"
    assert any(one.startswith("INSERT INTO attempts") for one in statements)
    counting = [one for one in statements if "quota_" in one or "sum(attempts.cost)" in one]
    assert len(counting) == 1, counting
    assert counting[0].startswith("SELECT quota_assignments")


# Whatever happens


class Chance:
    """Does to a house what may happen to it, by chance; the plan must agree with its tasks at every moment."""

    def __init__(self, house, seed: int) -> None:
        self.house = house
        self.chance = random.Random(seed)
        self.ids: list[str] = []

    async def go(self, steps: int) -> None:
        self.worker = await self.house.executor()
        deeds = [
            self.accept,
            self.accept,
            self.work,
            self.cancel,
            self.retry,
            self.die,
            self.late,
            self.reprice,
        ]
        for _ in range(steps):
            self.house.calling.script = [self.chance.choice(OUTCOMES)]
            with suppress(PlanExceeded):
                await self.chance.choice(deeds)()
            await self.check()
        for _ in range(12):
            self.house.clock.turn(400)
            await self.worker.work()
        await self.check()
        assert await reserved(self.house) == 0

    async def accept(self) -> None:
        run_after_s = self.chance.choice([None, None, self.house.clock.now_s() + 30])
        deadline_s = self.chance.choice([None, None, self.house.clock.now_s() + 60])
        more = {"run_after_s": run_after_s, "deadline_s": deadline_s, "once": self.chance.random() < 0.3}
        self.ids.append((await self.house.task(**more, wait_s=0)).job.id)
        await rest(self.house)

    async def work(self) -> None:
        self.house.clock.turn(self.chance.choice([0, 2, 100]))
        await self.worker.work()

    async def cancel(self) -> None:
        if self.ids:
            await self.house.service.cancel(SITE, self.chance.choice(self.ids))

    async def retry(self) -> None:
        for task_id in self.chance.sample(self.ids, len(self.ids)):
            job = (await self.house.service.get(SITE, task_id)).job
            if job.state in ("failed", "cancelled"):
                await self.house.service.retry(SITE, task_id)
                return

    async def die(self) -> None:
        """A process is killed in the middle of its call, and another one takes over."""
        self.ids.append(await cut_off(self.house))
        await bury(self.house, self.worker)
        await self.worker.work()
        await self.house.at_once.close()
        self.house.at_once, self.house.service = self.house.process()

    async def late(self) -> None:
        self.house.clock.turn(70)

    async def reprice(self) -> None:
        self.house.registry.known["math.solve"] = capability(
            idempotent=True, cost_units=self.chance.choice([0, 0.25, 1, UNITS])
        )

    async def check(self) -> None:
        """What is counted is what is reserved, and what ended tasks cost."""
        async with self.house.db.read() as tx:
            spent = sa.select(attempts.c.job_id, sa.func.sum(attempts.c.cost).label("cost"))
            spent = spent.group_by(attempts.c.job_id).subquery()
            rows = await tx.execute(
                sa.select(
                    jobs.c.state,
                    sa.func.coalesce(spent.c.cost, 0.0),
                    quota_reservations.c.cost_units,
                    quota_reservations.c.spent_units,
                )
                .outerjoin(spent, spent.c.job_id == jobs.c.id)
                .outerjoin(quota_reservations, quota_reservations.c.task_id == jobs.c.id)
            )
            total = 0.0
            for state, cost, kept, before in rows:
                over = state in ("completed", "failed", "cancelled")
                assert (kept is None) == over, state
                total += cost if over else kept + before
        assert await used(self.house) == pytest.approx(total)


OUTCOMES = [{"result": 5}, BackendDown("Away."), BackendBadAnswer("No JSON."), Unprocessable("No.")]


@pytest.mark.parametrize("seed", range(6))
async def test_the_plan_always_agrees_with_its_tasks(dear, seed):
    house = dear()
    await planned(house, tasks_per_day=100_000, cost_units_per_month=100_000)
    await Chance(house, seed).go(40)
