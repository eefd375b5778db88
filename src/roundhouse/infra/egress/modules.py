"""Outgoing HTTP to modules that users and operators registered as capabilities.

Two clients with rules of their own, so that no connection to a private address is ever found again by a call that
may dial public ones only. Nothing is sent twice by itself: whether a call may be repeated knows who makes it.
"""

from __future__ import annotations

from collections.abc import Mapping

from roundhouse.core.ports import Endpoint
from roundhouse.core.settings import OutboundSettings
from roundhouse.infra.egress.addresses import OPERATOR_RULES, DialRules, parse_networks
from roundhouse.infra.egress.lean import LeanClient
from roundhouse.infra.egress.resolving import Lookup, Resolver, system_lookup


class ModuleClient:
    """`core.transports.ModuleHttp`.

    Args:
        settings: Networks allowed besides public ones, authorities, connections per host.
        lookup: How names are looked up.

    Raises:
        BadInput: `outbound.allow_networks` is malformed.
    """

    def __init__(self, settings: OutboundSettings, lookup: Lookup = system_lookup) -> None:
        public = DialRules(networks=parse_networks(settings.allow_networks))
        # Looked up at every connection: what was checked at the registration may point elsewhere by now.
        self._public = LeanClient(settings, Resolver(public, lookup, ttl_s=0), resends=False)
        self._trusted = LeanClient(settings, Resolver(OPERATOR_RULES, lookup, ttl_s=0), resends=False)

    def endpoint(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, *, trusted: bool = False
    ) -> Endpoint:
        """Prepare an address; see `core.transports.ModuleHttp`."""
        return (self._trusted if trusted else self._public).endpoint(method, url, headers)

    async def close(self) -> None:
        """Close all connections; running calls fail."""
        await self._public.close()
        await self._trusted.close()
