"""Calls capabilities: checks what goes in, finds the way, checks what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roundhouse.core import registry
from roundhouse.core.errors import AddressRefused, NotLocal
from roundhouse.core.transports import (
    CapabilityCall,
    CapabilityReply,
    Exchange,
    Transport,
    TransportContext,
)
from roundhouse.core.types import Caller
from roundhouse.features.tasks.capabilities.registry import CapabilityRegistry
from roundhouse.features.tasks.capabilities.secrets import Sealer, open_headers
from roundhouse.features.tasks.capabilities.validating import Validators
from roundhouse.features.tasks.model import Capability

OUTSIDE = "outside"
"""The label that tells of a module inside that it passes on to others outside what it is given."""


class CapabilityCalling:
    """`features.tasks.model.Calling`.

    Args:
        capabilities: Knows their secret headers.
        vault: Decrypts them.
        context: What transports get.
    """

    def __init__(self, capabilities: CapabilityRegistry, vault: Sealer, context: TransportContext) -> None:
        self._registry = capabilities
        self._vault = vault
        self._context = context
        self._validators = Validators()
        self._transports: dict[str, Transport] = {}

    def check_input(self, capability: Capability, given: Any) -> None:
        """See `features.tasks.model.Calling.check_input`."""
        self._validators.check_input(capability, given)

    def check_endpoint(self, transport: str, endpoint: Mapping[str, Any], *, trusted: bool) -> None:
        """Refuse an endpoint that no call could use.

        Raises:
            BadInput: There is no such transport, or a field of the endpoint is wrong.
            MissingExtra: A library of the transport is not installed.
            AddressRefused: Its address may not be dialled.
        """
        self._transport(transport).check(endpoint, trusted=trusted)

    async def check_inside(self, capability: Capability) -> None:
        """See `features.tasks.model.Calling.check_inside`."""
        if capability.labels.get(OUTSIDE) is True:
            raise NotLocal(
                f"{capability.name} passes on what it is given to others outside, as its labels say."
            )
        transport = self._transport(capability.transport)
        await transport.check_inside(capability.endpoint, trusted=capability.trusted)

    async def call(
        self,
        capability: Capability,
        given: Any,
        caller: Caller,
        *,
        idempotency_key: str,
        timeout_s: float | None = None,
        exchange: Exchange | None = None,
    ) -> CapabilityReply:
        """One try; see `features.tasks.model.Calling.call`."""
        self._validators.check_input(capability, given)
        if caller.local_only:
            await self.check_inside(capability)
        call = CapabilityCall(
            capability=capability.name,
            endpoint=capability.endpoint,
            input=given,
            caller=caller,
            idempotency_key=idempotency_key,
            timeout_s=capability.timeout_s if timeout_s is None else timeout_s,
            trusted=capability.trusted,
            secrets=open_headers(self._vault, self._registry.sealed(capability), capability.endpoint),
            exchange=exchange or Exchange(),
        )
        transport = self._transport(capability.transport)
        call.exchange.begun = True
        try:
            reply = await transport.call(call)
        except AddressRefused:
            # Nothing was dialled.
            call.exchange.begun = False
            raise
        self._validators.check_output(capability, reply.output)
        return reply

    def header_names(self, capability: Capability) -> list[str]:
        """Names of the secret headers that are sent."""
        return sorted(open_headers(self._vault, self._registry.sealed(capability), capability.endpoint))

    async def close(self) -> None:
        """Release what transports hold."""
        for transport in self._transports.values():
            await transport.close()

    def _transport(self, name: str) -> Transport:
        made = self._transports.get(name)
        if made is None:
            made = self._transports[name] = registry.open_transport(name, self._context)
        return made
