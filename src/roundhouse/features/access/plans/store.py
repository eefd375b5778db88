"""Tables and SQL of quota plans: plans, whom they are for, what is counted, and what is reserved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import Conflict, NotFound
from roundhouse.core.jobs import ENDED_STATES
from roundhouse.features.access.plans.weighing import METRICS, Metric, PlanLimits, window
from roundhouse.infra.db import Tx, insert_if_new, metadata
from roundhouse.infra.jobs.rows import jobs

NOBODY = ""
"""User or app of an assignment that is not bound to one: a unique key compares no NULLs."""

quota_plans = sa.Table(
    "quota_plans",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("site_id", sa.String(200)),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("limits", sa.JSON, nullable=False),
    sa.Column("on_exceed", sa.String(220), nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Column("updated_at_s", sa.Double, nullable=False),
    sa.Index("ix_quota_plans_site_id_id", "site_id", "id"),
)

quota_assignments = sa.Table(
    "quota_assignments",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("user_id", sa.String(200), nullable=False),
    sa.Column("app_id", sa.String(200), nullable=False),
    sa.Column("plan_id", sa.String(40), nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.UniqueConstraint("site_id", "user_id", "app_id", name="uq_quota_assignments_whom"),
    sa.Index("ix_quota_assignments_plan_id", "plan_id"),
)

quota_counters = sa.Table(
    "quota_counters",
    metadata,
    sa.Column(
        "assignment_id",
        sa.String(40),
        sa.ForeignKey("quota_assignments.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("metric", sa.String(40), primary_key=True),
    sa.Column("start_s", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("used", sa.Double, nullable=False),
    sa.Column("told", sa.SmallInteger, nullable=False),
)
"""What is used of a window. `told` is the percentage that was told of: 0, 80 or 100."""

quota_reservations = sa.Table(
    "quota_reservations",
    metadata,
    sa.Column("task_id", sa.String(40), primary_key=True),
    sa.Column(
        "assignment_id",
        sa.String(40),
        sa.ForeignKey("quota_assignments.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("cost_units", sa.Double, nullable=False),
    sa.Column("spent_units", sa.Double, nullable=False, server_default="0"),
    sa.Column("at_s", sa.Double, nullable=False),
    sa.Column("placed", sa.Boolean, nullable=False),
    sa.Index("ix_quota_reservations_assignment_id", "assignment_id", "placed"),
)
"""Tasks that have not ended.

`cost_units` is what they may cost, `spent_units` what they had cost before they were tried again, `at_s` the moment
whose windows they are counted in; `placed` = it may run.
"""


class Plan(msgspec.Struct, frozen=True):
    """A row of `quota_plans`."""

    id: str
    site_id: str | None
    name: str
    limits: PlanLimits
    on_exceed: str
    created_at_s: float
    updated_at_s: float


class Assignment(msgspec.Struct, frozen=True):
    """A row of `quota_assignments`; user and app are empty where it is for all."""

    id: str
    site_id: str
    user_id: str
    app_id: str
    plan_id: str
    created_at_s: float


class InForce(msgspec.Struct, frozen=True):
    """An assignment with its plan."""

    assignment: Assignment
    plan: Plan


class Reservation(msgspec.Struct, frozen=True):
    """A row of `quota_reservations`."""

    task_id: str
    assignment_id: str
    cost_units: float
    spent_units: float
    at_s: float
    placed: bool


def _plan(row: Any) -> Plan:
    values = dict(row)
    return Plan(limits=msgspec.convert(values.pop("limits"), PlanLimits), **values)


async def insert_plan(tx: Tx, plan: Plan) -> None:
    """Add a plan."""
    values = msgspec.structs.asdict(plan) | {"limits": msgspec.structs.asdict(plan.limits)}
    await tx.execute(sa.insert(quota_plans).values(**values))


async def get_plan(tx: Tx, plan_id: str, *, site_id: str | None, lock: bool = False) -> Plan:
    """A plan of the tenant or a shared one; None as tenant = all. Raises NotFound.

    With `lock` it is neither changed, deleted nor assigned by others until the transaction ends.
    """
    query = sa.select(quota_plans).where(quota_plans.c.id == plan_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    if row is None or (site_id is not None and row["site_id"] not in (site_id, None)):
        raise NotFound("No such quota plan.")
    return _plan(row)


async def list_plans(tx: Tx, *, site_id: str | None, before_id: str | None, limit: int) -> list[Plan]:
    """Plans of the tenant and shared ones, newest first; None as tenant = all."""
    query = sa.select(quota_plans).order_by(quota_plans.c.id.desc()).limit(limit)
    if site_id is not None:
        query = query.where(sa.or_(quota_plans.c.site_id == site_id, quota_plans.c.site_id.is_(None)))
    if before_id is not None:
        query = query.where(quota_plans.c.id < before_id)
    return [_plan(row) for row in (await tx.execute(query)).mappings()]


async def update_plan(tx: Tx, plan: Plan) -> None:
    """Write a plan as it is now."""
    values = msgspec.structs.asdict(plan) | {"limits": msgspec.structs.asdict(plan.limits)}
    await tx.execute(sa.update(quota_plans).where(quota_plans.c.id == plan.id).values(**values))


async def delete_plan(tx: Tx, plan_id: str) -> None:
    """Delete a plan; raises Conflict while it is assigned."""
    used = sa.select(quota_assignments.c.id).where(quota_assignments.c.plan_id == plan_id).limit(1)
    if (await tx.execute(used)).first() is not None:
        raise Conflict("The plan is assigned; delete its assignments first.")
    await tx.execute(sa.delete(quota_plans).where(quota_plans.c.id == plan_id))


async def put_assignment(tx: Tx, wanted: Assignment) -> Assignment:
    """Assign a plan; whoever had another one keeps the id, and with it what is counted."""
    await tx.execute(insert_if_new(tx, quota_assignments).values(**msgspec.structs.asdict(wanted)))
    columns = quota_assignments.c
    whom = sa.and_(
        columns.site_id == wanted.site_id,
        columns.user_id == wanted.user_id,
        columns.app_id == wanted.app_id,
    )
    await tx.execute(sa.update(quota_assignments).where(whom).values(plan_id=wanted.plan_id))
    row = (await tx.execute(sa.select(quota_assignments).where(whom))).mappings().one()
    return Assignment(**row)


async def find_assignment(tx: Tx, site_id: str, user_id: str, app_id: str) -> Assignment | None:
    """The assignment of just this site, user and app."""
    columns = quota_assignments.c
    query = sa.select(quota_assignments).where(
        columns.site_id == site_id, columns.user_id == user_id, columns.app_id == app_id
    )
    row = (await tx.execute(query)).mappings().one_or_none()
    return None if row is None else Assignment(**row)


async def get_assignment(tx: Tx, assignment_id: str, *, site_id: str | None) -> Assignment:
    """One of the tenant, None = of any; raises NotFound."""
    query = sa.select(quota_assignments).where(quota_assignments.c.id == assignment_id)
    row = (await tx.execute(query)).mappings().one_or_none()
    if row is None or (site_id is not None and row["site_id"] != site_id):
        raise NotFound("No such quota assignment.")
    return Assignment(**row)


async def list_assignments(
    tx: Tx,
    *,
    site_id: str | None,
    before_id: str | None,
    limit: int,
    only: Mapping[str, str | None] | None = None,
) -> list[Assignment]:
    """Assignments, newest first; None as tenant = of all. `only` narrows by columns, None in it = any."""
    query = sa.select(quota_assignments).order_by(quota_assignments.c.id.desc()).limit(limit)
    for column, value in (only or {}).items():
        if value is not None:
            query = query.where(quota_assignments.c[column] == value)
    if site_id is not None:
        query = query.where(quota_assignments.c.site_id == site_id)
    if before_id is not None:
        query = query.where(quota_assignments.c.id < before_id)
    return [Assignment(**row) for row in (await tx.execute(query)).mappings()]


async def list_in_force(
    tx: Tx, *, site_id: str | None, before_id: str | None, limit: int, only: Mapping[str, str | None]
) -> list[InForce]:
    """As `list_assignments`, each with its plan."""
    found = await list_assignments(tx, site_id=site_id, before_id=before_id, limit=limit, only=only)
    return await _with_plans(tx, found)


async def delete_assignment(tx: Tx, assignment_id: str) -> None:
    """Delete an assignment with all that is counted for it."""
    await tx.execute(sa.delete(quota_assignments).where(quota_assignments.c.id == assignment_id))


_IN_FORCE = (
    sa.select(quota_assignments)
    .where(
        quota_assignments.c.site_id == sa.bindparam("site_id"),
        quota_assignments.c.user_id.in_((NOBODY, sa.bindparam("user_id"))),
        quota_assignments.c.app_id.in_((NOBODY, sa.bindparam("app_id"))),
    )
    .order_by(quota_assignments.c.id)
)
_IN_FORCE_LOCKED = _IN_FORCE.with_for_update()


async def in_force(
    tx: Tx, site_id: str, user_id: str | None, app_id: str | None, *, lock: bool = False
) -> list[InForce]:
    """Assignments that count a task of this site, user and app, with their plans, in one order everywhere.

    Args:
        tx: Any transaction.
        site_id: Tenant.
        user_id: None = no user.
        app_id: None = no app.
        lock: Whether to keep others from counting for them until the transaction ends.
    """
    whom = {"site_id": site_id, "user_id": user_id or NOBODY, "app_id": app_id or NOBODY}
    rows = (await tx.execute(_IN_FORCE_LOCKED if lock else _IN_FORCE, whom)).mappings().all()
    return await _with_plans(tx, [Assignment(**row) for row in rows])


async def _with_plans(tx: Tx, assignments: Sequence[Assignment]) -> list[InForce]:
    if not assignments:
        return []
    wanted = {one.plan_id for one in assignments}
    rows = (await tx.execute(sa.select(quota_plans).where(quota_plans.c.id.in_(wanted)))).mappings()
    plans = {row["id"]: _plan(row) for row in rows}
    return [InForce(one, plans[one.plan_id]) for one in assignments]


async def lock_assignments(tx: Tx, ids: Iterable[str]) -> list[InForce]:
    """The same for assignments that are known, locked."""
    query = (
        sa.select(quota_assignments)
        .where(quota_assignments.c.id.in_(list(ids)))
        .order_by(quota_assignments.c.id)
        .with_for_update()
    )
    rows = (await tx.execute(query)).mappings().all()
    return await _with_plans(tx, [Assignment(**row) for row in rows])


async def counters(tx: Tx, ids: Sequence[str], now_s: float) -> dict[str, dict[tuple[Metric, int], float]]:
    """What is used of the windows of now and of later ones, by assignment."""
    found: dict[str, dict[tuple[Metric, int], float]] = {one: {} for one in ids}
    columns = quota_counters.c
    current = [
        sa.and_(columns.metric == metric, columns.start_s >= window(metric, now_s)[0]) for metric in METRICS
    ]
    query = sa.select(columns.assignment_id, columns.metric, columns.start_s, columns.used).where(
        columns.assignment_id.in_(ids), sa.or_(*current)
    )
    for assignment_id, metric, start_s, used in await tx.execute(query):
        found[assignment_id][metric, start_s] = used
    return found


async def count(tx: Tx, assignment_id: str, added: Sequence[tuple[Metric, int, float]]) -> None:
    """Add to counters: metric, first second of the window, how much."""
    # Both dialects have the same upsert; the engine has loaded its own already, the other is not wanted.
    insert = import_module(f"sqlalchemy.dialects.{tx.dialect.name}").insert(quota_counters)
    rows = [
        {"assignment_id": assignment_id, "metric": metric, "start_s": start_s, "used": much, "told": 0}
        for metric, start_s, much in added
    ]
    raised = {"used": quota_counters.c.used + insert.excluded.used}
    keys = ["assignment_id", "metric", "start_s"]
    await tx.execute(insert.on_conflict_do_update(index_elements=keys, set_=raised), rows)


async def forget(tx: Tx, assignment_id: str, minute_s: int, before_s: int) -> None:
    """Delete counters of minutes before this one, and of all windows that began before a time."""
    columns = quota_counters.c
    minutes = sa.and_(columns.metric == "requests_per_minute", columns.start_s < minute_s)
    await tx.execute(
        sa.delete(quota_counters).where(
            columns.assignment_id == assignment_id, sa.or_(minutes, columns.start_s < before_s)
        )
    )


async def give_back(tx: Tx, assignment_id: str, metric: Metric, start_s: int, much: float) -> None:
    """Take from a counter; a negative amount adds. Never below nothing."""
    columns = quota_counters.c
    left = columns.used - much
    await tx.execute(
        sa.update(quota_counters)
        .where(columns.assignment_id == assignment_id, columns.metric == metric, columns.start_s == start_s)
        .values(used=sa.case((left < 0, 0.0), else_=left))
    )


async def placed(tx: Tx, ids: Sequence[str]) -> dict[str, int]:
    """How many tasks have a place, by assignment; one that has ended, or waits for a person, has none."""
    columns = quota_reservations.c
    query = (
        sa.select(columns.assignment_id, sa.func.count())
        .join(jobs, jobs.c.id == columns.task_id)
        .where(columns.assignment_id.in_(ids), columns.placed, jobs.c.state.in_(("queued", "running")))
        .group_by(columns.assignment_id)
    )
    return {assignment_id: int(many) for assignment_id, many in await tx.execute(query)}


async def bind(tx: Tx, key: str, task_id: str, spent_units: float) -> None:
    """Give reservations the id of their task, and what that had cost before."""
    await tx.execute(
        sa.update(quota_reservations)
        .where(quota_reservations.c.task_id == key)
        .values(task_id=task_id, spent_units=spent_units)
    )


async def waiting(tx: Tx, now_s: float, limit: int) -> list[str]:
    """Tasks that wait for a place, and whose time has come, the oldest first."""
    columns = quota_reservations.c
    query = (
        sa.select(columns.task_id, sa.func.min(jobs.c.seq))
        .join(jobs, jobs.c.id == columns.task_id)
        .where(sa.not_(columns.placed), columns.at_s <= now_s, jobs.c.state.not_in(ENDED_STATES))
        .group_by(columns.task_id)
        .order_by(sa.func.min(jobs.c.seq))
        .limit(limit)
    )
    return [task_id for task_id, _ in await tx.execute(query)]


async def insert_reservations(tx: Tx, rows: Sequence[Reservation]) -> None:
    """Write what a task has reserved."""
    await tx.execute(sa.insert(quota_reservations), [msgspec.structs.asdict(row) for row in rows])


async def reservations(tx: Tx, task_ids: Sequence[str]) -> list[Reservation]:
    """What tasks have reserved, in the order of the assignments."""
    query = (
        sa.select(quota_reservations)
        .where(quota_reservations.c.task_id.in_(task_ids))
        .order_by(quota_reservations.c.assignment_id)
    )
    return [Reservation(**row) for row in (await tx.execute(query)).mappings()]


async def place(tx: Tx, task_id: str) -> None:
    """Give a task its places."""
    await tx.execute(
        sa.update(quota_reservations).where(quota_reservations.c.task_id == task_id).values(placed=True)
    )


async def delete_reservations(tx: Tx, task_ids: Sequence[str]) -> None:
    """The tasks have ended."""
    await tx.execute(sa.delete(quota_reservations).where(quota_reservations.c.task_id.in_(task_ids)))


async def counter(tx: Tx, assignment_id: str, metric: str, start_s: int) -> tuple[float, InForce] | None:
    """What is used of one window, and whom it is counted for; None = the assignment is gone."""
    columns = quota_counters.c
    query = sa.select(columns.used).where(
        columns.assignment_id == assignment_id, columns.metric == metric, columns.start_s == start_s
    )
    used = (await tx.execute(query)).scalar_one_or_none() or 0.0
    whom = await lock_assignments(tx, [assignment_id])
    return (float(used), whom[0]) if whom else None


async def mark_told(tx: Tx, assignment_id: str, metric: str, start_s: int, percent: int) -> bool:
    """Note that it was told of; whether this one did."""
    key = {"assignment_id": assignment_id, "metric": metric, "start_s": start_s}
    await tx.execute(insert_if_new(tx, quota_counters).values(**key, used=0.0, told=0))
    columns = quota_counters.c
    changed = await tx.execute(
        sa.update(quota_counters)
        .where(
            columns.assignment_id == assignment_id,
            columns.metric == metric,
            columns.start_s == start_s,
            columns.told < percent,
        )
        .values(told=percent)
    )
    return changed.rowcount == 1
