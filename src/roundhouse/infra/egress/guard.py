"""Fetching what a URL inside a request points to: the one way out for addresses that users give.

Every hop is read by the one strict grammar, resolved, and all its addresses are judged. The connection goes to
the judged addresses only, so a name that changes between check and use gains nothing. No credential,
cookie or proxy takes part.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urljoin

import msgspec

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
        async with self._opened(url, self._timeouts) as answer:
            parts = [piece async for piece in _pieces(answer, limit_bytes)]
            return b"".join(parts), answer.headers.get("content-type", "application/octet-stream")

    async def download(self, url: str, *, limit_bytes: int, limit_s: float) -> AsyncGenerator[bytes]:
        """The body in pieces as it arrives, for what is too large to be held; raises like `fetch`.

        Args:
            url: Where it is.
            limit_bytes: Largest body.
            limit_s: Longest time of all of it; a pause may last as long as a whole `fetch`.
        """
        async with self._opened(url, msgspec.structs.replace(self._timeouts, total_s=limit_s)) as answer:
            async for piece in _pieces(answer, limit_bytes):
                yield piece

    @asynccontextmanager
    async def _opened(self, url: str, timeouts: Timeouts) -> AsyncGenerator[LeanResponse]:
        """The answer behind all redirects; faults of the way there and of its body are the user's address's."""
        if self._tls is None:
            self._tls = await asyncio.to_thread(make_tls, self._settings)
        # A client of its own: no connection is shared between what different users fetch.
        client = LeanClient(self._settings, self._resolver, self._tls)
        try:
            async with asyncio.timeout(timeouts.total_s):
                answer = await _follow(client, url, timeouts)
                try:
                    yield answer
                finally:
                    await answer.aclose()
        except TimeoutError as error:
            raise BadInput("The URL did not answer in time.") from error
        except BackendFailed as error:
            raise BadInput("The URL cannot be fetched.") from error
        finally:
            await client.close()


async def _follow(client: LeanClient, url: str, timeouts: Timeouts) -> LeanResponse:
    for _ in range(_MOST_REDIRECTS + 1):
        answer = await client.endpoint("GET", url).send(timeouts=timeouts)
        location = answer.headers.get("location")
        if answer.status == 200:
            return answer
        await answer.aclose()
        if answer.status not in _REDIRECTS or not location:
            raise BadInput(f"The URL answered with status {answer.status}.")
        url = urljoin(url, location)
    raise BadInput(f"The URL redirects more than {_MOST_REDIRECTS} times.")


async def _pieces(answer: LeanResponse, limit_bytes: int) -> AsyncIterator[bytes]:
    told = answer.headers.get("content-length", "")
    if told.isdecimal() and int(told) > limit_bytes:
        raise TooLarge(f"The URL's content is larger than {limit_bytes} bytes.")
    size_bytes = 0
    async for piece in answer.pieces():
        size_bytes += len(piece)
        if size_bytes > limit_bytes:
            raise TooLarge(f"The URL's content is larger than {limit_bytes} bytes.")
        yield piece
