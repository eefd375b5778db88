"""The port `core.quotas.Quotas`: every plan in force for a caller counts a task, or none of them does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from roundhouse.core.errors import PlanExceeded, TooLarge
from roundhouse.core.ports import Clock
from roundhouse.core.quotas import Reserved
from roundhouse.core.types import Caller
from roundhouse.features.access.plans import store
from roundhouse.features.access.plans.store import InForce, Reservation
from roundhouse.features.access.plans.weighing import (
    DAY_S,
    METRICS,
    WARN_SHARE,
    Full,
    Metric,
    blocked,
    first_room,
    rate_limit_headers,
    refusal,
    wanted,
    window,
)
from roundhouse.infra.db import Tx
from roundhouse.infra.moments import moment

DEGRADE = "degrade_to_flow:"
PLACE_WAIT_S = 1.0
"""When a client that found no place may ask again."""
_KEEP_S = 62 * DAY_S
_FAR_S = 400 * DAY_S
"""A task that waits for a place begins when it is given one (`places`), not at a time."""


class Listener(Protocol):
    """Told of what the tenant should know; nothing is committed yet when it is."""

    def nearly(self, assignment_id: str, metric: str, start_s: int) -> None:
        """Most of a limit is used."""
        ...

    def exceeded(self, assignment_id: str, metric: str, start_s: int) -> None:
        """A task was turned away, put off or degraded by a limit."""
        ...


class _Standing(msgspec.Struct):
    """A plan in force and how it stands."""

    one: InForce
    used: dict[tuple[Metric, int], float]
    running: int

    @property
    def is_busy(self) -> bool:
        most = self.one.plan.limits.concurrent_tasks
        return most is not None and self.running >= most


class PlanQuotas:
    """Reserves and settles (core.quotas.Quotas).

    Args:
        clock: Time.

    Attributes:
        listener: Told of limits that are nearly used up, or are; None = nobody is.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.listener: Listener | None = None

    async def reserve(
        self,
        tx: Tx,
        caller: Caller,
        key: str,
        *,
        cost_units: float = 1.0,
        input_bytes: int = 0,
        begins_s: float | None = None,
    ) -> Reserved:
        """Count a task; see the port."""
        found = await store.in_force(tx, caller.site_id, caller.user_id, caller.app_id, lock=True)
        if not found:
            return Reserved()
        _check_size(found, input_bytes)
        now_s = self._clock.now_s()
        standing = await self._standing(tx, found, now_s)
        flow, counting, soonest_s = None, [], max(now_s, begins_s or 0.0)
        for plan in standing:
            full = blocked(plan.one.plan.limits, plan.used, cost_units, soonest_s)
            if full is None and not (plan.is_busy and soonest_s <= now_s):
                counting.append(plan)
                continue
            self._tell(plan.one, full, now_s)
            on_exceed = plan.one.plan.on_exceed
            if on_exceed.startswith(DEGRADE):
                flow = flow or on_exceed.removeprefix(DEGRADE)
            elif on_exceed == "queue":
                counting.append(plan)
            else:
                raise self._refused(standing, plan, full, cost_units, now_s)
        at_s = first_room([(one.one.plan.limits, one.used) for one in counting], cost_units, soonest_s)
        if at_s is None:
            plan = next(
                one for one in counting if blocked(one.one.plan.limits, one.used, cost_units, soonest_s)
            )
            full = blocked(plan.one.plan.limits, plan.used, cost_units, soonest_s)
            raise self._refused(standing, plan, full, cost_units, now_s)
        bounded = any(one.one.plan.limits.concurrent_tasks is not None for one in counting)
        placed = at_s <= now_s and not any(one.is_busy for one in counting)
        await self._write(tx, key, counting, cost_units, at_s, placed=placed)
        begins_s = None if placed else now_s + _FAR_S if bounded else at_s
        return Reserved(bool(counting), begins_s, flow, _headers(standing, now_s))

    async def bind(self, tx: Tx, key: str, task_id: str, *, spent_units: float = 0.0) -> None:
        """Say which task it is; see the port."""
        await store.bind(tx, key, task_id, spent_units)

    async def settle(self, tx: Tx, ended: Mapping[str, float | None]) -> None:
        """Tasks ended; see the port."""
        rows = await store.reservations(tx, list(ended))
        back: dict[tuple[str, Metric, int], float] = defaultdict(float)
        for row in rows:
            cost = ended[row.task_id]
            if cost is None:
                back[row.assignment_id, "tasks_per_day", window("tasks_per_day", row.at_s)[0]] += 1.0
            spent = 0.0 if cost is None else max(cost - row.spent_units, 0.0)
            month_s, _ = window("cost_units_per_month", row.at_s)
            back[row.assignment_id, "cost_units_per_month", month_s] += row.cost_units - spent
        # In the order in which tasks are counted: nobody waits for who waits for him.
        for assignment_id, metric, start_s in sorted(
            back, key=lambda one: (one[0], METRICS.index(one[1]), one[2])
        ):
            much = back[assignment_id, metric, start_s]
            if much:
                await store.give_back(tx, assignment_id, metric, start_s, much)
        if rows:
            await store.delete_reservations(tx, [row.task_id for row in rows])

    async def _standing(self, tx: Tx, found: Sequence[InForce], now_s: float) -> list[_Standing]:
        ids = [one.assignment.id for one in found]
        used = await store.counters(tx, ids, now_s)
        running = await store.placed(tx, ids)
        return [_Standing(one, used[one.assignment.id], running.get(one.assignment.id, 0)) for one in found]

    async def _write(
        self,
        tx: Tx,
        key: str,
        counting: Sequence[_Standing],
        cost_units: float,
        at_s: float,
        *,
        placed: bool,
    ) -> None:
        minute_s, _ = window("requests_per_minute", self._clock.now_s())
        for plan in counting:
            limits, assignment_id = plan.one.plan.limits, plan.one.assignment.id
            added = [
                (metric, window(metric, at_s)[0], wanted(metric, cost_units))
                for metric in METRICS
                if metric != "requests_per_minute" or limits.requests_per_minute is not None
            ]
            await store.count(tx, assignment_id, added)
            await store.forget(tx, assignment_id, minute_s, int(minute_s - _KEEP_S))
            for metric, start_s, much in added:
                limit = limits.of(metric)
                now_used = plan.used[metric, start_s] = plan.used.get((metric, start_s), 0.0) + much
                if self.listener is not None and limit is not None and now_used >= WARN_SHARE * limit:
                    self.listener.nearly(assignment_id, metric, start_s)
        if counting:
            rows = [
                Reservation(key, one.one.assignment.id, cost_units, 0.0, at_s, placed) for one in counting
            ]
            await store.insert_reservations(tx, rows)

    def _tell(self, one: InForce, full: Full | None, now_s: float) -> None:
        if self.listener is None:
            return
        if full is not None:
            self.listener.exceeded(one.assignment.id, full.metric, full.start_s)
        else:
            # Told once a day: it is full now and then, as it should be.
            self.listener.exceeded(one.assignment.id, "concurrent_tasks", window("tasks_per_day", now_s)[0])

    def _refused(
        self,
        standing: Sequence[_Standing],
        plan: _Standing,
        full: Full | None,
        cost_units: float,
        now_s: float,
    ) -> PlanExceeded:
        limits, headers = plan.one.plan.limits, _headers(standing, now_s)
        name = f"Quota plan {plan.one.plan.name!r}: "
        if full is None:
            detail = f"{name}{limits.concurrent_tasks} tasks at a time, and as many have not ended."
            return PlanExceeded(detail, retry_after_s=PLACE_WAIT_S, headers=headers)
        detail = name + refusal(limits, full)
        at_s = first_room([(limits, plan.used)], cost_units, now_s)
        if at_s is None:
            return PlanExceeded(detail, headers=headers)
        detail += f" There is room again at {moment(at_s):%Y-%m-%dT%H:%M:%SZ}."
        return PlanExceeded(detail, retry_after_s=at_s - now_s, resets_at_s=at_s, headers=headers)


def _check_size(found: Sequence[InForce], input_bytes: int) -> None:
    for one in found:
        most = one.plan.limits.max_input_bytes
        if most is not None and input_bytes > most:
            raise TooLarge(f"Quota plan {one.plan.name!r}: an input may have {most} bytes.", param="input")


def _headers(standing: Sequence[_Standing], now_s: float) -> tuple[tuple[str, str], ...]:
    several = len(standing) > 1
    return rate_limit_headers(
        [(f"{whom(one.one)}-" if several else "", one.one.plan.limits, one.used) for one in standing], now_s
    )


def whom(one: InForce) -> str:
    """What an assignment is bound to: `site`, `user`, `app` or `user-app`."""
    bound = [
        word for word, value in (("user", one.assignment.user_id), ("app", one.assignment.app_id)) if value
    ]
    return "-".join(bound) or "site"


def used_of(counted: Mapping[tuple[Metric, int], float], metric: Metric, now_s: float) -> float:
    """What is used of the window of now."""
    return counted.get((metric, window(metric, now_s)[0]), 0.0)
