"""Reads a form with one file as it arrives: small fields are kept, the bytes of the file are passed on.

The parser is the library `multipart`; Starlette's own would put the whole file on the disk before anybody saw a byte.

Source:
    RFC 7578 (2015); the WHATWG HTML Standard (2024) on how browsers write names.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from roundhouse.core.errors import BadInput, UnsupportedMedia

OVERHEAD_BYTES = 1024 * 1024
"""Most that a form measures besides its file."""

_MOST_HEADER_BYTES = 64 * 1024
_MOST_PARTS = 64
# Not allowed in forms since 2015, and still sent.
_EXTENDED = re.compile(r";\s*filename\*\s*=\s*\"?utf-8'[^']*'([^;\s\"]+)", re.IGNORECASE)


class FormShape(NamedTuple):
    """What a form may hold besides its file.

    Attributes:
        hint: Said to who sends something else than a form.
        fields: Fields that may stand there once.
        lists: Fields that may stand there several times.
        most_value_bytes: Longest value.
    """

    hint: str
    fields: frozenset[str]
    lists: frozenset[str] = frozenset()
    most_value_bytes: int = 1000


class UploadForm:
    """One form with one file. Its methods may run in a thread, one at a time.

    Args:
        content_type: Header of the request.
        take: Is given the bytes of the file; what it raises goes through.
        shape: What it may hold.

    Attributes:
        fields: Values by name, once they have arrived.
        lists: All values of those that may stand there several times.
        filename: As the client sent it; None until the file begins.

    Raises:
        UnsupportedMedia: It is not a form of this kind.
    """

    def __init__(self, content_type: str, take: Callable[[bytes], None], shape: FormShape) -> None:
        self.fields: dict[str, str] = {}
        self.lists: dict[str, list[str]] = {}
        self.filename: str | None = None
        self._shape = shape
        self._take = take
        self._part = ""
        self._value = b""
        kind, options = parse_options_header(content_type)
        boundary = options.get("boundary", "")
        if kind != "multipart/form-data" or not 0 < len(boundary) <= 200 or not boundary.isascii():
            raise UnsupportedMedia(self._shape.hint)
        self._parser = PushMultipartParser(
            boundary,
            max_header_size=_MOST_HEADER_BYTES,
            max_segment_count=_MOST_PARTS,
            # Names in any encoding must be read; they are decoded here.
            header_charset="latin-1",
        )

    def feed(self, data: bytes) -> None:
        """Read the next bytes of the body.

        Raises:
            BadInput: The form is malformed, or has a field that is unknown or too long.
        """
        if not data:
            return
        try:
            for event in self._parser.parse(data):
                if isinstance(event, MultipartSegment):
                    self._begin(event)
                elif event is None:
                    self._end()
                else:
                    self._more(event)
        except MultipartError as error:
            raise BadInput(f"The form is malformed: {error}.") from None

    def close(self) -> str:
        """Check that the form is complete; returns the name of the file.

        Raises:
            BadInput: It ends too early, or the file is not in it.
        """
        try:
            self._parser.close()
        except MultipartError:
            raise BadInput("The form is cut off.") from None
        if self.filename is None:
            raise BadInput("The field file is missing.", param="file")
        return self.filename

    def _begin(self, part: MultipartSegment) -> None:
        self._part, self._value = _decoded(part.name or ""), b""
        if self._part == "file":
            if self.filename is not None:
                raise BadInput("The field file stands there twice.", param="file")
            self.filename = _filename(part)
        elif self._part in self._shape.lists:
            return
        elif self._part not in self._shape.fields:
            raise BadInput(f"There is no field {self._part[:100]!r}.", param=self._part[:100])
        elif self._part in self.fields:
            raise BadInput(f"The field {self._part} stands there twice.", param=self._part)

    def _more(self, data: bytes) -> None:
        if self._part == "file":
            self._take(data)
            return
        self._value += data
        if len(self._value) > self._shape.most_value_bytes:
            raise BadInput(f"The field {self._part} is too long.", param=self._part)

    def _end(self) -> None:
        if self._part == "file":
            return
        value = self._value.decode("utf-8", "replace").strip()
        if self._part in self._shape.lists:
            self.lists.setdefault(self._part, []).append(value)
        else:
            self.fields[self._part] = value


def _filename(part: MultipartSegment) -> str:
    extended = _EXTENDED.search(part.header("Content-Disposition") or "")
    if extended is not None:
        return unquote(extended[1], errors="replace")
    return _decoded(part.filename or "")


def _decoded(text: str) -> str:
    """A header value that was read byte by byte."""
    return text.encode("latin-1", "replace").decode("utf-8", "replace")
