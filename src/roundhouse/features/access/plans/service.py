"""The verbs of quota plans: make, list, change, delete, assign. Who sets a plan is never bound by who it is for.

A caller without `admin` keeps plans of its own site and assigns them to users and apps of it; what the whole site may
is set by admins, and a plan that an admin assigned is changed by admins alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from roundhouse.core.errors import NotAllowed
from roundhouse.core.ids import new_id
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.access.plans import store
from roundhouse.features.access.plans.quotas import used_of, whom
from roundhouse.features.access.plans.schemas import (
    AssignmentList,
    AssignmentPut,
    AssignmentRead,
    AssignmentStanding,
    PlanCreate,
    PlanList,
    PlanPatch,
    PlanRead,
    StandingList,
    Template,
)
from roundhouse.features.access.plans.store import Assignment, Plan
from roundhouse.features.access.plans.weighing import METRICS, PlanLimits, window
from roundhouse.features.access.schemas import PlanStanding, PlanUse
from roundhouse.infra.audit import append
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.moments import moment
from roundhouse.infra.paging import decode_cursor, encode_cursor

_MIB = 1024 * 1024
TEMPLATES: dict[Template, tuple[PlanLimits, str]] = {
    "free": (PlanLimits(20, 2, 200, 1_000, _MIB), "reject"),
    "pro": (PlanLimits(120, 10, 5_000, 50_000, 16 * _MIB), "queue"),
}
_LIMITS = PlanLimits.__struct_fields__


class PlanService:
    """Quota plans and assignments.

    Args:
        db: The database.
        clock: Time.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def create(self, caller: Caller, wanted: PlanCreate) -> PlanRead:
        """Make a plan.

        Raises:
            NotAllowed: A shared one is for admins.
        """
        if wanted.shared and not caller.may("admin"):
            raise NotAllowed("Shared plans are made by admins.")
        limits, on_exceed = TEMPLATES[wanted.template] if wanted.template else (PlanLimits(), "reject")
        given = {name: getattr(wanted, name) for name in _LIMITS if name in wanted.model_fields_set}
        now_s = self._clock.now_s()
        plan = Plan(
            id=new_id("qpl"),
            site_id=None if wanted.shared else caller.site_id,
            name=wanted.name,
            limits=msgspec.structs.replace(limits, **given),
            on_exceed=wanted.on_exceed or on_exceed,
            created_at_s=now_s,
            updated_at_s=now_s,
        )
        async with self._db.begin() as tx:
            await store.insert_plan(tx, plan)
            await self._audit(tx, caller, "quota_plan.create", plan.id, _plain(plan))
        return _read(plan)

    async def list(self, caller: Caller, *, cursor: str | None, limit: int) -> PlanList:
        """Plans of the caller's site and shared ones, newest first; of all sites for admins. Raises BadInput."""
        async with self._db.read() as tx:
            rows = await store.list_plans(
                tx, site_id=_site(caller), before_id=decode_cursor(cursor, str), limit=limit + 1
            )
        page, more = rows[:limit], len(rows) > limit
        return PlanList(
            data=[_read(row) for row in page],
            has_more=more,
            next_cursor=encode_cursor(page[-1].id) if more else None,
        )

    async def get(self, caller: Caller, plan_id: str) -> PlanRead:
        """One plan; raises NotFound."""
        async with self._db.read() as tx:
            return _read(await store.get_plan(tx, plan_id, site_id=_site(caller)))

    async def update(self, caller: Caller, plan_id: str, patch: PlanPatch) -> PlanRead:
        """Change a plan, in force with the next task.

        Raises:
            NotFound: The caller sees no such plan.
            NotAllowed: A shared one is for admins.
        """
        changes = patch.model_dump(exclude_unset=True)
        limits = {name: value for name, value in changes.items() if name in _LIMITS}
        async with self._db.begin() as tx:
            plan = await self._own(tx, caller, plan_id)
            plan = msgspec.structs.replace(
                plan,
                name=changes.get("name") or plan.name,
                on_exceed=changes.get("on_exceed") or plan.on_exceed,
                limits=msgspec.structs.replace(plan.limits, **limits),
                updated_at_s=self._clock.now_s(),
            )
            await store.update_plan(tx, plan)
            await self._audit(tx, caller, "quota_plan.update", plan.id, changes, plan.site_id)
        return _read(plan)

    async def delete(self, caller: Caller, plan_id: str) -> PlanRead:
        """Delete a plan that nobody has.

        Raises:
            NotFound: The caller sees no such plan.
            NotAllowed: A shared one is for admins.
            Conflict: It is assigned.
        """
        async with self._db.begin() as tx:
            plan = await self._own(tx, caller, plan_id)
            await store.delete_plan(tx, plan_id)
            await self._audit(tx, caller, "quota_plan.delete", plan.id, _plain(plan), plan.site_id)
        return _read(plan)

    async def assign(self, caller: Caller, wanted: AssignmentPut) -> AssignmentRead:
        """Put a plan in force; whoever had another one keeps what is counted.

        Raises:
            NotFound: The caller sees no such plan.
            NotAllowed: It is for admins.
        """
        row = Assignment(
            id=new_id("qas"),
            site_id=wanted.site_id or caller.site_id,
            user_id=wanted.user_id or store.NOBODY,
            app_id=wanted.app_id or store.NOBODY,
            plan_id=wanted.plan_id,
            created_at_s=self._clock.now_s(),
        )
        async with self._db.begin() as tx:
            plan = await store.get_plan(tx, wanted.plan_id, site_id=_site(caller), lock=True)
            if plan.site_id not in (None, row.site_id):
                raise NotAllowed("The plan belongs to another site.")
            before = await store.find_assignment(tx, row.site_id, row.user_id, row.app_id)
            self._check_may(caller, row, plan)
            if before is not None:
                self._check_may(caller, before, await store.get_plan(tx, before.plan_id, site_id=None))
            row = await store.put_assignment(tx, row)
            detail = {"plan_id": plan.id, "user_id": wanted.user_id, "app_id": wanted.app_id}
            await self._audit(tx, caller, "quota_plan.assign", row.id, detail, row.site_id)
        return _assignment(row)

    async def assignments(self, caller: Caller, *, cursor: str | None, limit: int) -> AssignmentList:
        """Assignments of the caller's site, newest first; of all sites for admins. Raises BadInput."""
        async with self._db.read() as tx:
            rows = await store.list_assignments(
                tx, site_id=_site(caller), before_id=decode_cursor(cursor, str), limit=limit + 1
            )
        page, more = rows[:limit], len(rows) > limit
        return AssignmentList(
            data=[_assignment(row) for row in page],
            has_more=more,
            next_cursor=encode_cursor(page[-1].id) if more else None,
        )

    async def unassign(self, caller: Caller, assignment_id: str) -> AssignmentRead:
        """Put a plan out of force, and forget what is counted.

        Raises:
            NotFound: The caller sees no such assignment.
            NotAllowed: It is for admins.
        """
        async with self._db.begin() as tx:
            row = await store.get_assignment(tx, assignment_id, site_id=_site(caller))
            self._check_may(caller, row, await store.get_plan(tx, row.plan_id, site_id=None))
            await store.delete_assignment(tx, assignment_id)
            detail = {"plan_id": row.plan_id, "user_id": row.user_id or None, "app_id": row.app_id or None}
            await self._audit(tx, caller, "quota_plan.unassign", row.id, detail, row.site_id)
        return _assignment(row)

    async def standing(self, caller: Caller) -> Sequence[PlanStanding]:
        """The plans in force for a caller, and what is left of them."""
        now_s = self._clock.now_s()
        async with self._db.read() as tx:
            found = await store.in_force(tx, caller.site_id, caller.user_id, caller.app_id)
            return await _standings(tx, found, now_s)

    async def standings(
        self, caller: Caller, *, only: Mapping[str, str | None], cursor: str | None, limit: int
    ) -> StandingList:
        """How assignments of the caller's site stand, newest first; of all sites for admins. Raises BadInput.

        Args:
            caller: Who asks.
            only: Plan, site, user and app by the names of their columns; None = any.
            cursor: `next_cursor` of the page before.
            limit: Most of them.
        """
        now_s = self._clock.now_s()
        async with self._db.read() as tx:
            found = await store.list_in_force(
                tx, site_id=_site(caller), before_id=decode_cursor(cursor, str), limit=limit + 1, only=only
            )
            page, more = found[:limit], len(found) > limit
            standings = await _standings(tx, page, now_s)
        return StandingList(
            data=[
                AssignmentStanding(
                    **standing.model_dump(),
                    site_id=one.assignment.site_id,
                    user_id=one.assignment.user_id or None,
                    app_id=one.assignment.app_id or None,
                )
                for one, standing in zip(page, standings, strict=True)
            ],
            has_more=more,
            next_cursor=encode_cursor(page[-1].assignment.id) if more else None,
        )

    async def _own(self, tx: Tx, caller: Caller, plan_id: str) -> Plan:
        plan = await store.get_plan(tx, plan_id, site_id=_site(caller), lock=True)
        if plan.site_id is None and not caller.may("admin"):
            raise NotAllowed("Shared plans are changed by admins.")
        return plan

    def _check_may(self, caller: Caller, row: Assignment, plan: Plan) -> None:
        if caller.may("admin"):
            return
        if row.site_id != caller.site_id or plan.site_id is None or not (row.user_id or row.app_id):
            raise NotAllowed("Plans of whole sites, and shared plans, are assigned by admins.")

    async def _audit(
        self,
        tx: Tx,
        caller: Caller,
        action: str,
        object_id: str,
        detail: dict[str, Any],
        site_id: str | None = None,
    ) -> None:
        await append(
            tx,
            caller,
            action=action,
            object_id=object_id,
            detail=detail,
            at_s=self._clock.now_s(),
            site_id=site_id,
        )


def _site(caller: Caller) -> str | None:
    """The tenant whose rows a caller sees, None = all."""
    return None if "admin" in caller.scopes else caller.site_id


def _plain(plan: Plan) -> dict[str, Any]:
    return {"name": plan.name, "on_exceed": plan.on_exceed, **msgspec.structs.asdict(plan.limits)}


def _read(plan: Plan) -> PlanRead:
    return PlanRead(
        id=plan.id,
        site_id=plan.site_id,
        created_at=moment(plan.created_at_s),
        updated_at=moment(plan.updated_at_s),
        **_plain(plan),
    )


def _assignment(row: Assignment) -> AssignmentRead:
    return AssignmentRead(
        id=row.id,
        plan_id=row.plan_id,
        site_id=row.site_id,
        user_id=row.user_id or None,
        app_id=row.app_id or None,
        created_at=moment(row.created_at_s),
    )


async def _standings(tx: Tx, found: Sequence[store.InForce], now_s: float) -> list[PlanStanding]:
    ids = [one.assignment.id for one in found]
    used = await store.counters(tx, ids, now_s) if ids else {}
    running = await store.placed(tx, ids) if ids else {}
    return [
        _standing(one, used[one.assignment.id], running.get(one.assignment.id, 0), now_s) for one in found
    ]


def _standing(one: store.InForce, used: Any, running: int, now_s: float) -> PlanStanding:
    limits = one.plan.limits
    uses = []
    for metric in METRICS:
        limit = limits.of(metric)
        if limit is not None:
            left = max(0.0, limit - used_of(used, metric, now_s))
            resets_at = moment(window(metric, now_s)[1])
            uses.append(PlanUse(name=metric, limit=limit, remaining=left, resets_at=resets_at))
    most = limits.concurrent_tasks
    if most is not None:
        left = max(0, most - running)
        uses.append(PlanUse(name="concurrent_tasks", limit=most, remaining=left, resets_at=None))
    return PlanStanding(
        plan_id=one.plan.id,
        name=one.plan.name,
        assignment_id=one.assignment.id,
        applies_to=whom(one),
        on_exceed=one.plan.on_exceed,
        max_input_bytes=limits.max_input_bytes,
        limits=uses,
    )
