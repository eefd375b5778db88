"""Modules that speak HTTP: an input becomes path, query, headers and body; an answer becomes a JSON value.

One try, without redirects: they would carry the registered secrets to another host, and lead to addresses that nobody
judged.

Source:
    RFC 9110 (2022), sections 10.2.3 (Retry-After) and 15 (status codes).
    draft-ietf-httpapi-idempotency-key-header-07 (2025).
    W3C Trace Context (2021): traceparent.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

import msgspec

from roundhouse.backends.transports.endpoint import HttpEndpoint, read_endpoint
from roundhouse.backends.transports.refusals import raise_refusal
from roundhouse.backends.transports.request import Outgoing, build_request
from roundhouse.core.errors import BackendBadAnswer, BackendTimeout
from roundhouse.core.ports import HttpResponse
from roundhouse.core.transports import CapabilityCall, CapabilityReply, TransportContext
from roundhouse.core.types import NewFile, Timeouts

_CONNECT_S = 10.0
_TEXTS = ("text/", "application/xml", "application/yaml")
HIDDEN = "***"


class HttpTransport:
    """`core.transports.Transport`.

    Args:
        context: Ways out.
    """

    def __init__(self, context: TransportContext) -> None:
        self._http = context.http
        self._files = context.files
        self._clock = context.clock

    def check(self, endpoint: Mapping[str, Any], *, trusted: bool) -> None:
        """Refuse what no call could use; see `core.transports.Transport`."""
        read = read_endpoint(endpoint)
        self._http.endpoint(read.method, read.plain_url, trusted=trusted)

    async def check_inside(self, endpoint: Mapping[str, Any], *, trusted: bool) -> None:
        """Look its address up; see `core.transports.Transport`."""
        await self._http.check_inside(read_endpoint(endpoint).plain_url, trusted=trusted)

    async def call(self, call: CapabilityCall) -> CapabilityReply:
        """Ask once; see `core.transports.Transport`."""
        endpoint = read_endpoint(call.endpoint)
        limit_s = call.timeout_s
        try:
            async with asyncio.timeout(limit_s):
                outgoing = await build_request(endpoint, call, self._files)
                told = call.exchange.request = self._told(endpoint, outgoing, call)
                response = await self._send(endpoint, outgoing, call)
                shown = {"status": response.status, "content_type": _content_type(response)}
                call.exchange.response = shown
                try:
                    output = await self._read(endpoint, response, call)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise BackendTimeout(f"{call.capability} did not answer within {limit_s:g} s.") from None
        return CapabilityReply(output, told, shown)

    async def close(self) -> None:
        """Nothing is held here: connections belong to the client."""

    async def _send(self, endpoint: HttpEndpoint, outgoing: Outgoing, call: CapabilityCall) -> HttpResponse:
        headers = {
            "Accept": "application/json, */*;q=0.5",
            **outgoing.headers,
            "Idempotency-Key": call.idempotency_key,
            "traceparent": _traceparent(call.idempotency_key),
            # Last: what is registered for the target wins over what an input says.
            **call.secrets,
        }
        target = self._http.endpoint(
            endpoint.method, outgoing.url, headers, trusted=call.trusted, local_only=call.caller.local_only
        )
        limit_s = call.timeout_s
        timeouts = Timeouts(min(_CONNECT_S, limit_s), limit_s, limit_s, limit_s)
        return await target.send(outgoing.body, timeouts=timeouts)

    async def _read(self, endpoint: HttpEndpoint, response: HttpResponse, call: CapabilityCall) -> Any:
        if not 200 <= response.status < 300:
            await raise_refusal(response, call, self._clock.now_s())
        if endpoint.answer == "file":
            return await self._as_file(response, endpoint, call)
        body = await response.read(endpoint.answer_limit_bytes)
        if not body:
            return None
        kind = _content_type(response)
        is_json = kind == "application/json" or kind.endswith("+json")
        if endpoint.answer == "json" or (endpoint.answer == "auto" and is_json):
            return _json(body, call.capability)
        if endpoint.answer == "text" or kind.startswith(_TEXTS):
            try:
                return body.decode()
            except UnicodeDecodeError:
                raise BackendBadAnswer(f"The answer of {call.capability} is not UTF-8.") from None
        return {"content_type": kind, "base64": base64.b64encode(body).decode()}

    async def _as_file(self, response: HttpResponse, endpoint: HttpEndpoint, call: CapabilityCall) -> Any:
        kind = _content_type(response) or "application/octet-stream"
        pieces = _within(response, endpoint.answer_limit_bytes, call.capability)
        first = await anext(pieces, b"")
        if not first:
            return None
        new = NewFile(filename=f"answer{_SUFFIXES.get(kind, '.bin')}", purpose="assistants_output")
        kept = await self._files.create(call.caller, new, _behind(first, pieces))
        return {
            "file_id": kept.id,
            "filename": kept.filename,
            "content_type": kind,
            "size_bytes": kept.size_bytes,
        }

    @staticmethod
    def _told(endpoint: HttpEndpoint, outgoing: Outgoing, call: CapabilityCall) -> dict[str, Any]:
        """The request as it may be seen."""
        return {
            "method": endpoint.method,
            "url": outgoing.url,
            "headers": {
                **outgoing.headers,
                "Idempotency-Key": call.idempotency_key,
                **dict.fromkeys(call.secrets, HIDDEN),
            },
            "body": outgoing.shown,
        }


_SUFFIXES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "application/pdf": ".pdf",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "text/csv": ".csv",
    "text/plain": ".txt",
    "application/zip": ".zip",
}


async def _behind(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece


async def _within(response: HttpResponse, limit_bytes: int, name: str) -> AsyncGenerator[bytes]:
    size_bytes = 0
    async for piece in response.pieces():
        size_bytes += len(piece)
        if size_bytes > limit_bytes:
            raise BackendBadAnswer(f"The answer of {name} is larger than {limit_bytes} bytes.")
        yield piece


def _json(body: bytes, name: str) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BackendBadAnswer(f"The answer of {name} is not JSON.") from None


def _content_type(response: HttpResponse) -> str:
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


def _traceparent(key: str) -> str:
    """All calls of a task are one trace: its id comes from the part of the key that names the task."""
    task = key.partition(":")[0]
    trace = hashlib.sha256(task.encode()).hexdigest()[:32]
    return f"00-{trace}-{secrets.token_hex(8)}-01"
