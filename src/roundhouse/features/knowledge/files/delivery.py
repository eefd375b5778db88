"""How a file leaves the house: as a download that no browser shows or runs, in parts if asked, from flat memory.

Source:
    RFC 9110 (2022) for conditions and ranges; RFC 6266 and 8187 for the name; CSP Level 3 (2024), `sandbox`; Fetch
    Standard (2024), `Cross-Origin-Resource-Policy` and `nosniff`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate
from typing import Any

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from roundhouse.core.errors import Cancelled, RangeNotSatisfiable, StorageFull, StorageUnavailable
from roundhouse.core.types import FileInfo
from roundhouse.features.knowledge.files.kinds import delivered_type
from roundhouse.features.knowledge.files.names import disposition
from roundhouse.features.knowledge.files.ranges import Unsatisfiable, has_it, may_be_part, part_of
from roundhouse.infra.web import CancelOnDisconnect, problem

_log = structlog.get_logger(__name__)

Open = Callable[[int, int], Awaitable[AsyncIterator[bytes]]]
"""Opens a part of the content, by its start and its end (excluded)."""

_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"


class Pieces(Response):
    """A body that is read while it is sent; reading stops when the client goes away.

    Args:
        pieces: The body.
        status: 200 or 206.
        headers: All of them, `content-length` included.
    """

    def __init__(self, pieces: AsyncIterator[bytes], status: int, headers: dict[str, str]) -> None:
        super().__init__(None, status, headers)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. A fault in the middle cuts the answer off, so that nobody takes a part for the whole."""
        start: dict[str, Any] = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }
        try:
            async with CancelOnDisconnect(scope, receive):
                await send(start)
                async for piece in self._pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        except Cancelled:
            # Nobody is there to be told.
            pass
        except (StorageUnavailable, StorageFull) as error:
            _log.warning("delivery_cut_off", error=error.detail)
        finally:
            close = getattr(self._pieces, "aclose", None)
            if close is not None:
                await close()


async def deliver(
    info: FileInfo, asked: dict[str, str], open_part: Open, *, head_only: bool, request_id: str
) -> Response:
    """The answer to a request for a file's content.

    Args:
        info: The file.
        asked: Headers of the request by lower-case name.
        open_part: Opens its bytes.
        head_only: Whether the method is HEAD.
        request_id: Of the request.
    """
    etag = f'"{info.sha256}"'
    headers = {
        "etag": etag,
        "last-modified": formatdate(int(info.created_at_s), usegmt=True),
        "accept-ranges": "bytes",
        # Kept by the client alone, and asked for again: the right to read it may end.
        "cache-control": "private, no-cache",
        "x-content-type-options": "nosniff",
        "content-security-policy": _POLICY,
        "cross-origin-resource-policy": "same-origin",
    }
    if has_it(asked.get("if-none-match"), etag):
        return Response(None, 304, headers)
    headers |= {
        "content-type": delivered_type(info.content_type),
        "content-disposition": disposition(info.filename),
    }
    wanted = asked.get("range") if may_be_part(asked.get("if-range"), etag) else None
    try:
        # A range has no meaning for HEAD.
        part = None if head_only else part_of(wanted, info.size_bytes)
    except Unsatisfiable:
        return _nothing_there(info.size_bytes, request_id)
    start, end = part or (0, info.size_bytes)
    headers["content-length"] = str(end - start)
    if part is not None:
        headers["content-range"] = f"bytes {start}-{end - 1}/{info.size_bytes}"
    if head_only:
        return Response(None, 200, headers)
    return Pieces(await open_part(start, end), 206 if part else 200, headers)


def _nothing_there(size_bytes: int, request_id: str) -> Response:
    error = RangeNotSatisfiable(f"The file has {size_bytes} bytes.", param="Range")
    status, headers, body = problem(error, request_id)
    kept = {name.decode(): value.decode() for name, value in headers if name != b"x-request-id"}
    return Response(body, status, kept | {"content-range": f"bytes */{size_bytes}"})
