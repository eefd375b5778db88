"""Reads the form of a recording as it arrives: fields are kept, the bytes of the file go on while they come.

Source:
    RFC 7578 (2015); a field may stand there several times, as `curl -F features=a -F features=b` sends it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from roundhouse.core.errors import BadInput, TooLarge, Unprocessable, UnsupportedMedia

OVERHEAD_BYTES = 1024 * 1024
"""Most that a form measures besides its file."""

_MOST_VALUE_BYTES = 128 * 1024
_MOST_PARTS = 100
_MOST_HEADER_BYTES = 64 * 1024
_EXTENDED = re.compile(r";\s*filename\*\s*=\s*\"?utf-8'[^']*'([^;\s\"]+)", re.IGNORECASE)


class RecordingForm:
    """One form with at most one file. Read it with `until_file`, then `file`, then `rest`.

    Args:
        content_type: Header of the request.
        pieces: The body.
        fields: Names that may stand in it besides `file`.

    Attributes:
        values: Values by name, as far as they have arrived.

    Raises:
        UnsupportedMedia: It is not a form of this kind.
    """

    def __init__(self, content_type: str, pieces: AsyncIterator[bytes], fields: frozenset[str]) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get("boundary", "")
        if kind != "multipart/form-data" or not 0 < len(boundary) <= 200 or not boundary.isascii():
            raise UnsupportedMedia("Send multipart/form-data with the field file, file_id or url.")
        self.values: dict[str, list[str]] = {}
        self._pieces = pieces
        self._fields = fields
        self._events: deque[Any] = deque()
        self._has_file = False
        self._value_bytes = 0
        self._parser = PushMultipartParser(
            boundary,
            max_header_size=_MOST_HEADER_BYTES,
            max_segment_count=_MOST_PARTS,
            # Names in any encoding must be read; they are decoded here.
            header_charset="latin-1",
        )

    async def until_file(self) -> str | None:
        """Read up to the file; its name as the client sent it, None when the form ended without one.

        Raises:
            BadInput: The form is malformed or cut off.
            Unprocessable: It has a field that is unknown.
            TooLarge: Its fields are.
        """
        name, value = "", b""
        while True:
            event = await self._next()
            if event is _END:
                return None
            if isinstance(event, MultipartSegment):
                name, value = self._name(event), b""
                if name == "file" and event.filename:
                    self._has_file = True
                    return _filename(event)
            elif event is None:
                self.values.setdefault(name, []).append(value.decode("utf-8", "replace").strip())
            else:
                self._count(event)
                value += event

    async def file(self) -> AsyncIterator[bytes]:
        """The bytes of the file, as they arrive; raises BadInput."""
        while True:
            event = await self._next()
            if event is None:
                return
            if event is _END or isinstance(event, MultipartSegment):
                raise BadInput("The form is cut off.")
            yield event

    async def rest(self) -> None:
        """Read what comes behind the file; raises like `until_file`."""
        if await self.until_file() is not None:
            raise BadInput("Send one file; each becomes a recording of its own.", param="file")

    def _name(self, part: MultipartSegment) -> str:
        name = _decoded(part.name or "")
        if name not in self._fields and not (name == "file" and (part.filename or "") != ""):
            if name == "file":
                # A browser sends an empty part where no file was chosen.
                return name
            raise Unprocessable(f"There is no field {name[:100]!r}.", param=name[:100])
        return name

    def _count(self, data: bytes) -> None:
        self._value_bytes += len(data)
        if self._value_bytes > _MOST_VALUE_BYTES:
            raise TooLarge(f"The fields of the form are longer than {_MOST_VALUE_BYTES} bytes.")

    async def _next(self) -> Any:
        while not self._events:
            piece = await anext(self._pieces, None)
            try:
                if piece is None:
                    self._parser.close()
                    self._events.append(_END)
                elif piece:
                    self._events.extend(self._parser.parse(piece))
            except MultipartError as error:
                text = "The form is cut off." if piece is None else f"The form is malformed: {error}."
                raise BadInput(text) from None
        return self._events.popleft()


class _End:
    """The form has ended."""


_END = _End()


def _filename(part: MultipartSegment) -> str:
    extended = _EXTENDED.search(part.header("Content-Disposition") or "")
    if extended is not None:
        return unquote(extended[1], errors="replace")
    return _decoded(part.filename or "")


def _decoded(text: str) -> str:
    """A header value that was read byte by byte."""
    return text.encode("latin-1", "replace").decode("utf-8", "replace")
