"""Marking what says something else than was approved, and unmarking what says it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from roundhouse.core.types import Caller
from roundhouse.features.tasks.capabilities import store as registered
from roundhouse.features.tasks.capabilities.service import CapabilityService
from roundhouse.features.tasks.capabilities.told import What
from roundhouse.features.tasks.importing import store
from roundhouse.features.tasks.importing.model import Drift, DriftReason
from roundhouse.features.tasks.importing.proposed import Proposed
from roundhouse.features.tasks.model import Capability
from roundhouse.infra.db import Tx


class Settled(msgspec.Struct, frozen=True):
    """What was found.

    Attributes:
        drifted: Names that are drifted now and were not before.
        settled: Names whose source says again what was approved.
    """

    drifted: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()


class _Mark(msgspec.Struct, frozen=True):
    name: str
    what: What
    values: dict[str, Any]
    more: dict[str, Any]


async def settle(
    tx: Tx,
    capabilities: CapabilityService,
    caller: Caller,
    kept: Sequence[registered.Kept],
    proposed: Mapping[str, Proposed] | None,
    otherwise: DriftReason,
    now_s: float,
) -> Settled:
    """Mark what is other than approved, and unmark what is as approved again.

    Args:
        tx: A write transaction.
        capabilities: Marks; call its `published` behind the commit.
        caller: In whose name.
        kept: Capabilities of one source, locked.
        proposed: What it says now, by name; None = it may not be looked at.
        otherwise: Why what it does not tell of is drifted.
        now_s: Unix time.
    """
    marks = []
    for one in kept:
        now = None if proposed is None else proposed.get(one.capability.name)
        mark = await _mark(tx, caller.site_id, one.capability, now, otherwise, now_s)
        if mark is not None:
            marks.append(mark)
    for mark in marks:
        await capabilities.mark(tx, caller, mark.name, mark.what, mark.values, mark.more)
    return Settled(
        tuple(mark.name for mark in marks if mark.what == "drifted"),
        tuple(mark.name for mark in marks if mark.what != "drifted"),
    )


async def _mark(
    tx: Tx, site_id: str, one: Capability, now: Proposed | None, otherwise: DriftReason, now_s: float
) -> _Mark | None:
    """What is to be told of a capability, None = nothing new."""
    if not one.enabled:
        return None
    if now is not None and now.digest == one.digest:
        if one.state == "active":
            return None
        await store.forget_drifts(tx, site_id, [one.name])
        return _Mark(one.name, "changed", {"state": "active"}, {"changed": ["state"]})
    reason: DriftReason = otherwise if now is None else "changed"
    before = await store.find_drift(tx, site_id, one.name)
    same = before is not None and before.reason == reason and before.proposed == now
    if same and one.state == "drifted":
        return None
    await store.keep_drift(tx, site_id, Drift(one.name, now, reason, now_s))
    return _Mark(one.name, "drifted", {"state": "drifted"}, {"reason": reason})
