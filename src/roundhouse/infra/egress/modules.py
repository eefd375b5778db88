"""Outgoing HTTP to modules that users and operators registered as capabilities.

Clients with rules of their own, so that no connection to a private address is ever found again by a call that may dial
public ones only, and none to a public one by a call that may not leave the house. Nothing is sent twice by itself:
whether a call may be repeated knows who makes it.
"""

from __future__ import annotations

from collections.abc import Mapping

from roundhouse.core.ports import Endpoint
from roundhouse.core.settings import OutboundSettings
from roundhouse.infra.egress.addresses import (
    INSIDE_RULES,
    OPERATOR_RULES,
    DialRules,
    parse_networks,
    parse_url,
)
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
        rules = {
            (False, False): public,
            (True, False): OPERATOR_RULES,
            (False, True): DialRules(networks=public.networks, public=False),
            (True, True): INSIDE_RULES,
        }
        self._clients = {
            kind: LeanClient(settings, Resolver(one, lookup, ttl_s=0), resends=False)
            for kind, one in rules.items()
        }

    def endpoint(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        trusted: bool = False,
        local_only: bool = False,
    ) -> Endpoint:
        """Prepare an address; see `core.transports.ModuleHttp`."""
        return self._clients[trusted, local_only].endpoint(method, url, headers)

    async def check_inside(self, url: str, *, trusted: bool) -> None:
        """Refuse what is outside; see `core.transports.ModuleHttp`."""
        await self._clients[trusted, True].resolver.resolve(parse_url(url))

    async def close(self) -> None:
        """Close all connections; running calls fail."""
        for client in self._clients.values():
            await client.close()
