"""Breakers: a capability that keeps failing is left alone for a while, by every process of the tenant.

Their state lies in the database. When the time is over ONE call probes: the process that writes its key into the row
first. If that one dies, another may probe when its time is over, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from roundhouse.core.ids import new_id
from roundhouse.features.tasks.flows.language import Breaker as Rule
from roundhouse.features.tasks.flows.language import ErrorClass
from roundhouse.features.tasks.flows.rows import breakers
from roundhouse.infra.db import Tx, insert_if_new
from roundhouse.infra.events.store import NewEvent

WINDOW_S = 60.0
_MOST_CALLS = 200
_FAILURES: frozenset[ErrorClass | None] = frozenset({"timeout", "unavailable", "worker_lost", "bad_output"})
_COLUMNS = ("id", "target", "state", "calls", "opened_at_s", "open_s", "probe", "probe_until_s")

Admission = Literal["closed", "probe", "open"]


class Breaker(msgspec.Struct, frozen=True):
    """One breaker as it stands.

    Attributes:
        id: `brk_…`.
        target: Name of the capability.
        state: `open` = left alone.
        calls: (Unix time, whether it failed) of the calls of the last minute.
        opened_at_s: Unix time.
        open_s: How long it is left alone.
        probe: Key of the call that probes it.
        probe_until_s: When that one counts as dead, Unix time.
    """

    id: str
    target: str
    state: Literal["closed", "open"]
    calls: tuple[tuple[float, bool], ...]
    opened_at_s: float | None
    open_s: float
    probe: str | None
    probe_until_s: float | None

    def recent(self, now_s: float) -> list[tuple[float, bool]]:
        """Calls of the last minute."""
        return [(at_s, failed) for at_s, failed in self.calls if at_s > now_s - WINDOW_S]

    @property
    def probes_at_s(self) -> float:
        """When a call may probe it."""
        opened_s = (self.opened_at_s or 0.0) + self.open_s
        return opened_s if self.probe_until_s is None else max(opened_s, self.probe_until_s)


async def admit(tx: Tx, site_id: str, target: str, key: str, now_s: float, until_s: float) -> Admission:
    """Whether a call may be made: `closed` as usual, `probe` as the one that tries, `open` not now.

    Args:
        tx: A write transaction.
        site_id: Tenant.
        target: Name of the capability.
        key: Of the call; the same call may probe again after its process was killed.
        now_s: Unix time.
        until_s: When the call has ended, or is dead.
    """
    found = await _locked(tx, site_id, target)
    if found is None or found.state == "closed":
        return "closed"
    if found.probe != key and now_s < found.probes_at_s:
        return "open"
    await _write(tx, found.id, now_s, probe=key, probe_until_s=until_s)
    return "probe"


async def record(
    tx: Tx, site_id: str, target: str, rule: Rule, key: str, failed: ErrorClass | None, now_s: float
) -> list[NewEvent]:
    """Count a call that ended.

    Returns:
        The events that tell a change; the caller appends them last in its transaction.
    """
    bad = failed in _FAILURES
    found = await _locked(tx, site_id, target) or await _made(tx, site_id, target, rule, now_s)
    calls = [*found.recent(now_s), (now_s, bad)][-_MOST_CALLS:]
    if found.state == "open":
        if found.probe != key:
            # It was begun before the breaker opened, and changes nothing any more.
            return []
        if bad:
            changes = {"opened_at_s": now_s, "probe": None, "probe_until_s": None, "open_s": rule.open_s}
            await _write(tx, found.id, now_s, calls=calls, **changes)
            return [_event(site_id, found, "opened", now_s, calls)]
        await _write(tx, found.id, now_s, state="closed", calls=[], probe=None, probe_until_s=None)
        return [_event(site_id, found, "closed", now_s, [])]
    failures = sum(one for _, one in calls)
    if not bad or len(calls) < rule.min_requests or failures < rule.failure_ratio * len(calls):
        await _write(tx, found.id, now_s, calls=calls)
        return []
    opened = {
        "state": "open",
        "opened_at_s": now_s,
        "open_s": rule.open_s,
        "probe": None,
        "probe_until_s": None,
    }
    await _write(tx, found.id, now_s, calls=calls, **opened)
    return [_event(site_id, found, "opened", now_s, calls)]


async def every(tx: Tx, site_id: str) -> list[Breaker]:
    """All breakers of a tenant, by capability."""
    query = sa.select(*(breakers.c[name] for name in _COLUMNS)).where(breakers.c.site_id == site_id)
    return [_read(row) for row in (await tx.execute(query.order_by(breakers.c.target))).mappings()]


async def _locked(tx: Tx, site_id: str, target: str) -> Breaker | None:
    this = (breakers.c.site_id == site_id, breakers.c.target == target)
    query = sa.select(*(breakers.c[name] for name in _COLUMNS)).where(*this).with_for_update()
    row = (await tx.execute(query)).mappings().one_or_none()
    return None if row is None else _read(row)


async def _made(tx: Tx, site_id: str, target: str, rule: Rule, now_s: float) -> Breaker:
    row = {
        "id": new_id("brk"),
        "site_id": site_id,
        "target": target,
        "state": "closed",
        "calls": [],
        "open_s": rule.open_s,
        "updated_at_s": now_s,
    }
    await tx.execute(insert_if_new(tx, breakers).values(**row))
    found = await _locked(tx, site_id, target)
    assert found is not None
    return found


async def _write(tx: Tx, breaker_id: str, now_s: float, **changes: Any) -> None:
    statement = sa.update(breakers).where(breakers.c.id == breaker_id)
    await tx.execute(statement.values(**changes, updated_at_s=now_s))


def _event(
    site_id: str,
    one: Breaker,
    what: Literal["opened", "closed"],
    now_s: float,
    calls: list[tuple[float, bool]],
) -> NewEvent:
    data = {
        "breaker_id": one.id,
        "target": one.target,
        "calls": len(calls),
        "failures": sum(failed for _, failed in calls),
    }
    return NewEvent(site_id, one.id, f"breaker.{what}", data, now_s)


def _read(row: Mapping[Any, Any]) -> Breaker:
    values = {name: row[name] for name in _COLUMNS}
    values["calls"] = tuple((at_s, bool(failed)) for at_s, failed in row["calls"])
    return Breaker(**values)
