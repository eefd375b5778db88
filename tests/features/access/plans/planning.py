"""Quota plans as a room that makes tasks has them, for tests."""

from typing import Any

from roundhouse.core.quotas import Quotas, Reserved
from roundhouse.core.types import Caller
from roundhouse.features.access.plans.quotas import PlanQuotas
from roundhouse.features.access.plans.schemas import AssignmentPut, PlanCreate
from roundhouse.features.access.plans.service import PlanService
from roundhouse.features.access.plans.telling import QuotaTeller
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.events.store import Event, page

ADMIN = Caller("key_root", scopes=frozenset({"admin"}))
CALLER = Caller("key_a", site_id="north", user_id="an", app_id="shop", scopes=frozenset({"tasks"}))


class Planning:
    """The service, the port and its events over one database."""

    def __init__(self, db: Database, clock: Any) -> None:
        self.db, self.clock = db, clock
        self.service = PlanService(db, clock)
        self.plans = PlanQuotas(clock)
        self.quotas: Quotas[Tx] = self.plans
        self.teller = self.plans.listener = QuotaTeller(db, clock)
        self._made = 0

    async def assign(self, user_id: str | None = None, app_id: str | None = None, **plan: Any) -> str:
        """A plan for the site `north`, or a user or an app of it; the id of the plan."""
        wanted = {"name": "small", "shared": True, **plan}
        made = await self.service.create(ADMIN, PlanCreate.model_validate(wanted))
        await self.service.assign(
            ADMIN, AssignmentPut(plan_id=made.id, site_id="north", user_id=user_id, app_id=app_id)
        )
        return made.id

    async def task(self, caller: Caller = CALLER, **asked: Any) -> tuple[str, Reserved]:
        self._made += 1
        task_id = f"job_{self._made}"
        async with self.db.begin() as tx:
            return task_id, await self.quotas.reserve(tx, caller, task_id, **asked)

    async def enter(self, task_id: str) -> float | None:
        async with self.db.begin() as tx:
            return await self.quotas.enter(tx, task_id)

    async def settle(self, task_id: str, cost_units: float | None = None) -> None:
        async with self.db.begin() as tx:
            await self.quotas.settle(tx, task_id, cost_units=cost_units)

    async def release(self, task_id: str) -> None:
        async with self.db.begin() as tx:
            await self.quotas.release(tx, task_id)

    async def left(self, name: str, caller: Caller = CALLER) -> float:
        (plan,) = await self.service.standing(caller)
        return next(use.remaining for use in plan.limits if use.name == name)

    async def events(self) -> list[Event]:
        await self.teller.tell()
        async with self.db.read() as tx:
            return await page(tx, "north", None, 0, 100)
