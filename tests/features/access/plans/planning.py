"""Quota plans as a room that makes tasks has them, for tests."""

from typing import Any

import sqlalchemy as sa

from roundhouse.core.ids import new_id
from roundhouse.core.jobs import NewJob, Pipeline, Step
from roundhouse.core.quotas import Quotas, Reserved
from roundhouse.core.types import Caller
from roundhouse.features.access.plans.places import PlaceGiver
from roundhouse.features.access.plans.quotas import PlanQuotas
from roundhouse.features.access.plans.schemas import AssignmentPut, PlanCreate
from roundhouse.features.access.plans.service import PlanService
from roundhouse.features.access.plans.telling import QuotaTeller
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.events.store import Event, page
from roundhouse.infra.jobs.entering import Entry, enter
from roundhouse.infra.jobs.rows import jobs

ADMIN = Caller("key_root", scopes=frozenset({"admin"}))
CALLER = Caller("key_a", site_id="north", user_id="an", app_id="shop", scopes=frozenset({"tasks"}))


async def _nothing(context: Any) -> None:
    """What a task of these tests does."""


PIPELINE = Pipeline("task", (Step("call", _nothing),))


class Planning:
    """The service, the port and its events over one database."""

    def __init__(self, db: Database, clock: Any) -> None:
        self.db, self.clock = db, clock
        self.service = PlanService(db, clock)
        self.plans = PlanQuotas(clock)
        self.quotas: Quotas[Tx] = self.plans
        self.teller = self.plans.listener = QuotaTeller(db, clock)
        self.places = PlaceGiver(db, clock)

    async def assign(self, user_id: str | None = None, app_id: str | None = None, **plan: Any) -> str:
        """A plan for the site `north`, or a user or an app of it; the id of the plan."""
        wanted = {"name": "small", "shared": True, **plan}
        made = await self.service.create(ADMIN, PlanCreate.model_validate(wanted))
        await self.service.assign(
            ADMIN, AssignmentPut(plan_id=made.id, site_id="north", user_id=user_id, app_id=app_id)
        )
        return made.id

    async def task(self, caller: Caller = CALLER, **asked: Any) -> tuple[str, Reserved]:
        """Accept a task as rooms do."""
        async with self.db.begin() as tx:
            key = new_id("res")
            reserved = await self.quotas.reserve(tx, caller, key, **asked)
            new = NewJob("task", run_after_s=reserved.run_after_s)
            (job,) = await enter(tx, [Entry(caller, new, PIPELINE)], self.clock.now_s())
            assert job is not None
            if reserved.counted:
                await self.quotas.bind(tx, key, job.id)
            return job.id, reserved

    async def become(self, task_id: str, state: str, **more: Any) -> None:
        """Have a task be in a state."""
        async with self.db.begin() as tx:
            await tx.execute(sa.update(jobs).where(jobs.c.id == task_id).values(state=state, **more))

    async def run_after_s(self, task_id: str) -> float | None:
        async with self.db.read() as tx:
            return (await tx.execute(sa.select(jobs.c.run_after_s).where(jobs.c.id == task_id))).scalar_one()

    async def end(self, task_id: str, cost_units: float | None = 1.0, state: str = "completed") -> None:
        """Have a task end as rooms do; None = it was cancelled before it began."""
        async with self.db.begin() as tx:
            await tx.execute(sa.update(jobs).where(jobs.c.id == task_id).values(state=state))
            await self.quotas.settle(tx, {task_id: cost_units})

    async def cancel(self, task_id: str) -> None:
        await self.end(task_id, None, "cancelled")

    async def left(self, name: str, caller: Caller = CALLER) -> float:
        (plan,) = await self.service.standing(caller)
        return next(use.remaining for use in plan.limits if use.name == name)

    async def events(self) -> list[Event]:
        await self.teller.tell()
        async with self.db.read() as tx:
            told = await page(tx, "north", None, 0, 100)
        return [event for event in told if event.type.startswith("quota.")]
