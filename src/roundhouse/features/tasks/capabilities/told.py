"""Events and audit rows of capabilities; the last statements of their transactions."""

from __future__ import annotations

from typing import Any, Literal

from roundhouse.core.types import Caller
from roundhouse.features.tasks.model import Capability
from roundhouse.infra import audit
from roundhouse.infra.db import Tx
from roundhouse.infra.events import store as events

What = Literal["registered", "changed", "disabled", "drifted", "removed"]


async def tell(
    tx: Tx, caller: Caller, what: What, one: Capability, at_s: float, more: dict[str, Any] | None = None
) -> None:
    """Write the audit row and the event of a change.

    Args:
        tx: The transaction of the change.
        caller: Who changed it.
        what: What happened to it.
        one: The capability as it is now.
        at_s: Unix time.
        more: What else is told.
    """
    site_id = one.site_id or caller.site_id
    detail: dict[str, Any] = {"name": one.name, "version": one.version, **(more or {})}
    await audit.append(
        tx, caller, action=f"capability.{what}", object_id=one.id, detail=detail, at_s=at_s, site_id=site_id
    )
    data = {"capability_id": one.id, **detail}
    await events.append(tx, events.NewEvent(site_id, one.id, f"capability.{what}", data, at_s))
