"""Fetching what a URL inside a request points to: the one way out for addresses that users give.

Every hop is read by the one strict grammar, resolved, and all its addresses are judged. The connection goes to
the judged addresses only, so a name that changes between check and use gains nothing. No credential,
cookie or proxy takes part.
"""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urljoin

from roundhouse.core.errors import BackendFailed, BadInput, TooLarge
from roundhouse.core.settings import OutboundSettings
from roundhouse.core.types import Timeouts
from roundhouse.infra.egress.addresses import DialRules, parse_networks, parse_url
from roundhouse.infra.egress.dialling import make_tls
from roundhouse.infra.egress.lean import LeanClient
from roundhouse.infra.egress.resolving import Lookup, Resolver, system_lookup
from roundhouse.infra.egress.response import LeanResponse

_MOST_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class GuardedFetcher:
    """`core.ports.MediaFetcher`.

    Args:
        settings: Networks allowed besides public ones, authorities, time limit.
        lookup: How names are looked up.

    Raises:
        BadInput: `outbound.allow_networks` is malformed.
    """

    def __init__(self, settings: OutboundSettings, lookup: Lookup = system_lookup) -> None:
        self._settings = settings
        rules = DialRules(networks=parse_networks(settings.allow_networks))
        self._resolver = Resolver(rules, lookup, ttl_s=0)
        limit_s = settings.media_timeout_s
        self._timeouts = Timeouts(connect_s=limit_s, first_byte_s=limit_s, idle_s=limit_s, total_s=limit_s)
        self._tls: ssl.SSLContext | None = None

    async def check(self, url: str) -> None:
        """Raise AddressRefused unless the URL is http(s) and all its addresses are public."""
        try:
            await self._resolver.resolve(parse_url(url))
        except BackendFailed as error:
            raise BadInput("The URL's host name is not known.") from error

    async def fetch(self, url: str, *, limit_bytes: int) -> tuple[bytes, str]:
        """Body and content type; see `core.ports.MediaFetcher`."""
        if self._tls is None:
            self._tls = await asyncio.to_thread(make_tls, self._settings)
        # A client of its own: no connection is shared between what different users fetch.
        client = LeanClient(self._settings, self._resolver, self._tls)
        try:
            async with asyncio.timeout(self._settings.media_timeout_s):
                return await self._follow(client, url, limit_bytes)
        except TimeoutError as error:
            raise BadInput("The URL did not answer in time.") from error
        except BackendFailed as error:
            raise BadInput("The URL cannot be fetched.") from error
        finally:
            await client.close()

    async def _follow(self, client: LeanClient, url: str, limit_bytes: int) -> tuple[bytes, str]:
        for _ in range(_MOST_REDIRECTS + 1):
            answer = await client.endpoint("GET", url).send(timeouts=self._timeouts)
            try:
                location = answer.headers.get("location")
                if answer.status in _REDIRECTS and location:
                    url = urljoin(url, location)
                    continue
                if answer.status != 200:
                    raise BadInput(f"The URL answered with status {answer.status}.")
                body = await _read(answer, limit_bytes)
                return body, answer.headers.get("content-type", "application/octet-stream")
            finally:
                await answer.aclose()
        raise BadInput(f"The URL redirects more than {_MOST_REDIRECTS} times.")


async def _read(answer: LeanResponse, limit_bytes: int) -> bytes:
    told = answer.headers.get("content-length", "")
    if told.isdecimal() and int(told) > limit_bytes:
        raise TooLarge(f"The URL's content is larger than {limit_bytes} bytes.")
    parts: list[bytes] = []
    size_bytes = 0
    async for piece in answer.pieces():
        size_bytes += len(piece)
        if size_bytes > limit_bytes:
            raise TooLarge(f"The URL's content is larger than {limit_bytes} bytes.")
        parts.append(piece)
    return b"".join(parts)
