"""Sending something to an address that a user gave: the way out of webhooks.

As for what is fetched (`guard.py`), the addresses behind the name are judged at the moment of the connection and the
connection goes to them. Redirects are not followed, credentials and proxies take no part.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping

import msgspec

from roundhouse.core.errors import BackendFailed
from roundhouse.core.settings import OutboundSettings
from roundhouse.core.types import Timeouts
from roundhouse.infra.egress.addresses import DialRules, parse_networks, parse_url
from roundhouse.infra.egress.dialling import make_tls
from roundhouse.infra.egress.lean import LeanClient
from roundhouse.infra.egress.resolving import Lookup, Resolver, system_lookup
from roundhouse.infra.egress.response import LeanResponse

LOOPBACK = ("127.0.0.0/8", "::1/128")
_HEAD_BYTES = 1024
_CHECK_S = 5.0


class Posted(msgspec.Struct, frozen=True):
    """What was answered.

    Attributes:
        status: HTTP status.
        head: The first kilobyte of the body at most.
    """

    status: int
    head: bytes


class GuardedPoster:
    """Posts to users' addresses.

    Args:
        settings: Networks allowed besides public ones, authorities.
        lookup: How names are looked up.
        loopback: Whether this machine's own loopback addresses may be posted to.

    Raises:
        BadInput: `outbound.allow_networks` is malformed.
    """

    def __init__(
        self, settings: OutboundSettings, lookup: Lookup = system_lookup, *, loopback: bool = False
    ) -> None:
        self._settings = settings
        networks = [*settings.allow_networks, *(LOOPBACK if loopback else ())]
        self._resolver = Resolver(DialRules(networks=parse_networks(networks)), lookup, ttl_s=0)
        self._tls: ssl.SSLContext | None = None

    async def check(self, url: str) -> None:
        """Look at an address before it is kept; a name that is not known now may be later.

        Raises:
            BadInput: It is not an http(s) URL.
            AddressRefused: It does not lead to addresses that may be dialled.
        """
        parsed = parse_url(url)
        try:
            async with asyncio.timeout(_CHECK_S):
                await self._resolver.resolve(parsed)
        except (BackendFailed, TimeoutError):
            return

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, limit_s: float) -> Posted:
        """Post once.

        Args:
            url: Where.
            headers: Besides Host, User-Agent and those of the message's length.
            body: What.
            limit_s: Longest time from the look-up of the name to the answer.

        Raises:
            BadInput: URL or headers are malformed.
            AddressRefused: The name leads to an address that may not be dialled, now.
            BackendFailed: It cannot be reached, or did not answer in time.
        """
        if self._tls is None:
            self._tls = await asyncio.to_thread(make_tls, self._settings)
        # A client of its own: no connection is shared between what different users are sent.
        client = LeanClient(self._settings, self._resolver, self._tls)
        limits = Timeouts(connect_s=limit_s, first_byte_s=limit_s, idle_s=limit_s, total_s=limit_s)
        try:
            answer = await client.endpoint("POST", url, headers).send(body, timeouts=limits)
            return Posted(answer.status, await _head_of(answer))
        finally:
            await client.close()


async def _head_of(answer: LeanResponse) -> bytes:
    """What is there of the body; that was taken or not is told by the status alone."""
    head = b""
    try:
        async for piece in answer.pieces():
            head += piece
            if len(head) >= _HEAD_BYTES:
                break
    except BackendFailed:
        pass
    finally:
        await answer.aclose()
    return head[:_HEAD_BYTES]
