"""Names to addresses that may be dialled."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import msgspec

from roundhouse.core.errors import AddressRefused, BackendDown, NotLocal, RoundhouseError
from roundhouse.infra.egress.addresses import DialRules, Ip, Reach, Url, parse_ip, reach_of

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""Name and port to IP addresses as text; raises OSError."""


class Dialled(msgspec.Struct, frozen=True):
    """One address that passed the rules."""

    ip: Ip
    port: int

    @property
    def family(self) -> socket.AddressFamily:
        """For the socket."""
        return socket.AF_INET if self.ip.version == 4 else socket.AF_INET6


async def system_lookup(host: str, port: int) -> list[str]:
    """Ask the operating system, in a thread."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Resolver:
    """Resolves and judges.

    Args:
        rules: What may be dialled.
        lookup: How names are looked up.
        ttl_s: How long a good answer is used again; 0 = never.
    """

    def __init__(self, rules: DialRules, lookup: Lookup = system_lookup, ttl_s: float = 10.0) -> None:
        self._rules = rules
        self._lookup = lookup
        self._ttl_s = ttl_s
        self._known: dict[tuple[str, int], tuple[float, list[Dialled]]] = {}

    def check_literal(self, url: Url) -> None:
        """Raise AddressRefused, or NotLocal, when the URL's host is an address that may not be dialled."""
        if url.ip is not None and not self._rules.allows(url.ip):
            raise self._refusal([url.ip])

    async def resolve(self, url: Url) -> list[Dialled]:
        """Addresses of the URL's host that may be dialled, at least one.

        Raises:
            AddressRefused: The rules refuse it.
            NotLocal: They do so because it is outside.
            BackendDown: The name is not known.
        """
        if url.ip is not None:
            self.check_literal(url)
            return [Dialled(url.ip, url.port)]
        return await self.resolve_name(url.host, url.port)

    async def resolve_name(self, host: str, port: int) -> list[Dialled]:
        """The same for a name."""
        now = asyncio.get_running_loop().time()
        known = self._known.get((host, port))
        if known is not None and known[0] > now:
            return known[1]
        try:
            texts = await self._lookup(host, port)
        except (OSError, UnicodeError) as error:
            raise BackendDown(f"The name {host} cannot be resolved.") from error
        addresses = [parse_ip(text) for text in texts]
        allowed = [Dialled(ip, port) for ip in addresses if self._rules.allows(ip)]
        if addresses and (not allowed or (self._rules.every and len(allowed) < len(addresses))):
            raise self._refusal(addresses)
        if not allowed:
            raise BackendDown(f"The name {host} has no address.")
        if self._ttl_s:
            if len(self._known) >= 1024:
                self._known.clear()
            self._known[host, port] = (now + self._ttl_s, allowed)
        return allowed

    def _refusal(self, addresses: list[Ip]) -> RoundhouseError:
        if not self._rules.public and any(reach_of(ip) is Reach.PUBLIC for ip in addresses):
            return NotLocal("It is outside, at a public address, and nothing of this may leave the house.")
        if self._rules.private:
            return AddressRefused("Link-local, multicast and metadata addresses are never called.")
        # Which address it was is not told: it would let a user map the inner network.
        return AddressRefused("The URL does not point to a public address.")
