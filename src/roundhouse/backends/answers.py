"""Reads a vendor's HTTP answer: whatever is not a good answer becomes one error of the tree.

Nothing here follows a redirect: it would carry the provider's key to another host.

Source:
    RFC 9110 (2022), sections 10.2.3 (Retry-After) and 15.4 (redirection).
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import NoReturn

import msgspec

from roundhouse.core.errors import BackendBadAnswer, BackendFailed
from roundhouse.core.ports import Clock, HttpResponse
from roundhouse.core.types import Provider
from roundhouse.core.wire import check_answer, raise_error_object

_ERROR_LIMIT_BYTES = 256 * 1024
_LONGEST_WAIT_S = 86_400.0
# Go's servers call JSON text/plain when nobody says otherwise.
_JSON_TYPES = frozenset({"", "application/json", "text/json", "text/plain", "application/octet-stream"})
_STREAM_TYPES = frozenset({"", "text/event-stream", "text/plain", "application/octet-stream"})


class AnswerReader(msgspec.Struct, frozen=True):
    """Reads the answers of one provider.

    Attributes:
        clock: For a Retry-After that is a date.
        secrets: The provider's key and the like; taken out of error texts that echo them.
    """

    clock: Clock
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Without the secret."""
        return "AnswerReader()"

    async def collect(self, response: HttpResponse) -> bytes:
        """The body of a JSON answer; the response is read to the end or closed.

        Raises:
            BackendFailed: Status is not 2xx; its kin by `core.wire.raise_error_object`.
            BackendBadAnswer: The body does not begin like JSON and the content type names something else.
        """
        try:
            if not 200 <= response.status < 300:
                await self._refuse(response)
            body = await response.read()
            # What is decoded next proves itself: headers are taken apart only for the error's text.
            if not body.startswith((b"{", b"[")):
                kind = _content_type(response)
                if kind not in _JSON_TYPES and not kind.endswith("+json"):
                    raise BackendBadAnswer(f"The model server answered with {kind[:80]!r} instead of JSON.")
            return body
        finally:
            await response.aclose()

    async def expect_stream(
        self, response: HttpResponse, stream_types: frozenset[str] = _STREAM_TYPES
    ) -> None:
        """Leave the response open when it is a stream of events; otherwise close it and raise.

        Args:
            response: The answer.
            stream_types: Content types a stream may have; empty = none told.

        Raises:
            BackendFailed: Status is not 2xx, or the answer is an error object.
            BackendBadAnswer: It is not a stream.
        """
        kind = _content_type(response)
        if 200 <= response.status < 300 and kind in stream_types:
            return
        try:
            if not 200 <= response.status < 300:
                await self._refuse(response)
            if kind in _JSON_TYPES or kind.endswith("+json"):
                check_answer(self._without_secret(await response.read()))
            raise BackendBadAnswer(
                f"The model server answered with {kind[:80]!r} instead of a stream of events."
            )
        finally:
            await response.aclose()

    async def _refuse(self, response: HttpResponse) -> NoReturn:
        """Raise the error of the tree for a status that is not 2xx."""
        status = response.status
        if 300 <= status < 400:
            raise BackendFailed(
                f"The model server answered with a redirect (HTTP {status}); redirects are not followed. "
                "Correct the provider's url."
            )
        retry_after_s = self.retry_after_s(response)
        try:
            body = await response.read(_ERROR_LIMIT_BYTES)
        except BackendFailed:
            # The status tells more than a body that was cut.
            body = b""
        raise_error_object(
            self._without_secret(body) or b"The model server answered HTTP %d." % status,
            status=max(status, 400),
            retry_after_s=retry_after_s,
        )

    def retry_after_s(self, response: HttpResponse) -> float | None:
        """Seconds of `retry-after-ms` or `Retry-After` (a number or an HTTP date), None when not told."""
        millis = _number(response.headers.get("retry-after-ms"))
        if millis is not None:
            return _within(millis / 1000)
        told = response.headers.get("retry-after")
        seconds = _number(told)
        if seconds is not None:
            return _within(seconds)
        if told is None:
            return None
        try:
            at = parsedate_to_datetime(told)
            return _within(at.timestamp() - self.clock.now_s())
        except (ValueError, OverflowError):
            return None

    def _without_secret(self, body: bytes) -> bytes:
        for secret in self.secrets:
            body = body.replace(secret.encode(), b"***")
        return body


def reader_of(provider: Provider, clock: Clock) -> AnswerReader:
    """The reader of one provider's answers."""
    return AnswerReader(clock, provider.secrets)


def _content_type(response: HttpResponse) -> str:
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


def _number(text: str | None) -> float | None:
    text = (text or "").strip()
    if not text.replace(".", "", 1).isdecimal() or len(text) > 12:
        return None
    return float(text)


def _within(seconds: float) -> float:
    return max(0.0, min(seconds, _LONGEST_WAIT_S))
