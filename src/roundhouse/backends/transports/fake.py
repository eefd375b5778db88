"""A target that does what its endpoint says; for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from roundhouse.core.errors import (
    BackendBadAnswer,
    BackendBusy,
    BackendDown,
    BackendFailed,
    BackendRefused,
    BackendTimeout,
    BadInput,
    NotLocal,
    TargetRefused,
)
from roundhouse.core.transports import CapabilityCall, CapabilityReply, TransportContext

_FAULTS: dict[str, type[BackendFailed] | type[TargetRefused]] = {
    "refused": BackendRefused,
    "unusable": TargetRefused,
    "busy": BackendBusy,
    "down": BackendDown,
    "failed": BackendFailed,
    "bad": BackendBadAnswer,
}


class FakeTransport:
    """`core.transports.Transport`.

    Its endpoint: `answer`, a JSON value, the input itself when it is left out; or `fail`, one of `refused`, `unusable`,
    `busy` (with `retry_after_s`), `down`, `failed`, `bad`; `delay_s` before either. With `outside` it
    is outside.

    Args:
        context: Nothing of it is used.

    Attributes:
        calls: What it was asked, in order.
    """

    def __init__(self, context: TransportContext | None = None) -> None:
        self.calls: list[CapabilityCall] = []

    def check(self, endpoint: Mapping[str, Any], *, trusted: bool) -> None:
        """Raise BadInput for a fault that it does not know."""
        if endpoint.get("fail", "busy") not in _FAULTS:
            raise BadInput("There is no such fault.", param="endpoint.fail")

    async def check_inside(self, endpoint: Mapping[str, Any], *, trusted: bool) -> None:
        """Raise NotLocal where the endpoint says so."""
        if endpoint.get("outside", False):
            raise NotLocal("It is outside.")

    async def call(self, call: CapabilityCall) -> CapabilityReply:
        """Do what the endpoint says."""
        if call.caller.local_only:
            await self.check_inside(call.endpoint, trusted=call.trusted)
        self.calls.append(call)
        try:
            async with asyncio.timeout(call.timeout_s):
                await asyncio.sleep(call.endpoint.get("delay_s", 0.0))
        except TimeoutError:
            raise BackendTimeout("Too late.") from None
        fault = call.endpoint.get("fail")
        if fault is not None:
            raise _FAULTS[fault]("It was told to.", retry_after_s=call.endpoint.get("retry_after_s"))
        output = call.endpoint.get("answer", call.input)
        return CapabilityReply(output, {"idempotency_key": call.idempotency_key}, {})

    async def close(self) -> None:
        """Nothing is held here."""
