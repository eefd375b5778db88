"""What this process does itself: the product's own verbs, handed over as a table."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from roundhouse.core.errors import BackendTimeout, BadInput
from roundhouse.core.transports import CapabilityCall, CapabilityReply, TransportContext, Verb


class InprocTransport:
    """`core.transports.Transport`; its endpoint is `{"verb": NAME}`.

    Args:
        context: Its table of verbs.
    """

    def __init__(self, context: TransportContext) -> None:
        self._verbs = context.verbs

    def check(self, endpoint: Mapping[str, Any], *, trusted: bool) -> None:
        """Raise BadInput unless there is such a verb."""
        self._verb(endpoint)

    async def check_inside(self, endpoint: Mapping[str, Any], *, trusted: bool) -> None:
        """Which model a verb asks it finds out itself, and asks none that is outside for who may not leave."""

    async def call(self, call: CapabilityCall) -> CapabilityReply:
        """Do it; see `core.transports.Transport`."""
        act = self._verb(call.endpoint)
        try:
            async with asyncio.timeout(call.timeout_s):
                return CapabilityReply(await act(call.caller, call.input))
        except TimeoutError:
            raise BackendTimeout(f"{call.capability} was not done within {call.timeout_s:g} s.") from None

    async def close(self) -> None:
        """Nothing is held here."""

    def _verb(self, endpoint: Mapping[str, Any]) -> Verb:
        name = endpoint.get("verb")
        act = self._verbs.get(name) if isinstance(name, str) else None
        if act is None:
            raise BadInput(f"There is no verb {name!r}.", param="endpoint.verb")
        return act
