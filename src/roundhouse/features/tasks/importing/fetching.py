"""Fetching what describes a module: an answer that is not followed elsewhere, from an address that may be dialled."""

from __future__ import annotations

from collections.abc import Mapping

from roundhouse.core.errors import BackendBadAnswer, BackendFailed, BadInput
from roundhouse.core.transports import ModuleHttp
from roundhouse.core.types import Timeouts
from roundhouse.features.tasks.importing.openapi.reading import MOST_BYTES

_TIMEOUTS = Timeouts(connect_s=5.0, first_byte_s=15.0, idle_s=15.0, total_s=30.0)
_OK = 200


class Fetcher:
    """Fetches descriptions.

    Args:
        http: The way out to modules.
    """

    def __init__(self, http: ModuleHttp) -> None:
        self._http = http

    async def reach(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        trusted: bool,
        timeouts: Timeouts = _TIMEOUTS,
    ) -> int:
        """The status that an address answers with, whatever it is.

        Args:
            url: Where.
            headers: What is sent with it.
            trusted: Whether an operator gave the URL, so that it may be a private one.
            timeouts: How long it may take.

        Raises:
            AddressRefused: The address may not be dialled.
            BackendFailed: Nobody answers there.
        """
        endpoint = self._http.endpoint("GET", url, headers, trusted=trusted)
        answer = await endpoint.send(timeouts=timeouts)
        await answer.aclose()
        return answer.status

    async def fetch(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        trusted: bool,
        timeouts: Timeouts = _TIMEOUTS,
    ) -> bytes:
        """The body behind a URL.

        Args:
            url: Where.
            headers: What is sent with it.
            trusted: Whether an operator gave the URL, so that it may be a private one.
            timeouts: How long it may take.

        Raises:
            AddressRefused: The address may not be dialled.
            BadInput: Nothing of use is there.
        """
        endpoint = self._http.endpoint("GET", url, headers, trusted=trusted)
        try:
            answer = await endpoint.send(timeouts=timeouts)
            try:
                if answer.status != _OK:
                    raise BadInput(
                        f"The URL answered with status {answer.status}, not with a document.", param="url"
                    )
                return await answer.read(MOST_BYTES)
            finally:
                await answer.aclose()
        except BackendBadAnswer as error:
            raise BadInput(f"The document is larger than {MOST_BYTES} bytes.", param="url") from error
        except BackendFailed as error:
            raise BadInput(f"The URL cannot be fetched: {error.detail}", param="url") from error
