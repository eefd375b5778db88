"""Runs capabilities while their caller waits, without a task."""

from __future__ import annotations

import hashlib
from typing import Any

from roundhouse.core.ids import new_id
from roundhouse.core.ports import Gatekeeper
from roundhouse.core.types import Caller
from roundhouse.features.tasks.model import Calling, Capability, RunReply


class DirectRunner:
    """`features.tasks.model.Runner`.

    Args:
        calling: Calls capabilities.
        gatekeeper: Whether a caller may ask now.
    """

    def __init__(self, calling: Calling, gatekeeper: Gatekeeper) -> None:
        self._calling = calling
        self._gatekeeper = gatekeeper

    async def run(
        self,
        caller: Caller,
        capability: Capability,
        given: Any,
        *,
        idempotency_key: str | None,
        wait_s: float | None,
    ) -> RunReply:
        """One try; see `features.tasks.model.Runner`."""
        self._calling.check_input(capability, given)
        waiting = self._gatekeeper.admit(caller)
        if waiting is not None:
            await waiting
        try:
            key = _scoped(caller, capability, idempotency_key) if idempotency_key else new_id("run")
            timeout_s = None if wait_s is None else min(wait_s, capability.timeout_s)
            reply = await self._calling.call(
                capability, given, caller, idempotency_key=f"{key}:call:1", timeout_s=timeout_s
            )
        finally:
            self._gatekeeper.settle(caller, 0, 0.0)
        return RunReply(reply.output)


def _scoped(caller: Caller, capability: Capability, key: str) -> str:
    """A client's key as the target sees it: what another tenant or app calls the same is another one there."""
    whole = "\x00".join((caller.site_id, caller.app_id or "", capability.id, key))
    return f"run_{hashlib.sha256(whole.encode()).hexdigest()[:32]}"
