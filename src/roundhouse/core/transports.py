"""Transports as a seam: how a call of a capability reaches whoever does it (this process, an HTTP module, MCP).

A transport tries once: retries, time limits of a whole flow and what comes next are the affair of who calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from roundhouse.core.ports import Vendor
from roundhouse.core.types import Caller


class CapabilityCall(msgspec.Struct, frozen=True):
    """One try of one capability.

    Attributes:
        capability: Its name, for traces and errors.
        endpoint: Where it is and how it is spoken to; the form is the transport's own, e.g. method, URL and places of
            parameters.
        input: JSON value, valid by the capability's input schema.
        caller: For whom it is done.
        idempotency_key: The same each time this try is repeated: `<task>:<step>:<n>`.
        timeout_s: Longest time of this try.
        trusted: Whether an operator gave the address, so that it may be a private one.
    """

    capability: str
    endpoint: Mapping[str, Any]
    input: Any
    caller: Caller
    idempotency_key: str
    timeout_s: float
    trusted: bool = False


class CapabilityReply(msgspec.Struct, frozen=True):
    """What came of a try that succeeded.

    Attributes:
        output: JSON value, not checked by the output schema yet.
        request: What was sent, for the trace; without secrets.
        response: What came back besides the output, e.g. a status, for the trace; without secrets.
    """

    output: Any
    request: dict[str, Any] = {}
    response: dict[str, Any] = {}


class Transport(Vendor, Protocol):
    """A way to whoever does it."""

    async def call(self, call: CapabilityCall) -> CapabilityReply:
        """Do it once.

        Raises:
            BadInput: Who does it refuses the input (4xx): another try, or another target, cannot help.
            NotSignedIn, NotAllowed, NotFound: This target cannot be used as it is registered.
            BackendBusy: It has no room; `retry_after_s` is its own.
            BackendDown, BackendFailed: It cannot be reached, or failed.
            BackendTimeout: It took longer than `timeout_s`.
            BackendBadAnswer: Its answer is not what its protocol says.
            AddressRefused: Its address is not one that may be dialled.
        """
        ...
