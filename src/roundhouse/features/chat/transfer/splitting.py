"""Takes large JSON files apart into their sessions, so that one at a time is in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from roundhouse.core.errors import BadInput, TooLarge
from roundhouse.features.chat.transfer.whole import wrong

DEEPEST = 200

_STEP_BYTES = 1024 * 1024
# A whole string, or the quote of one whose end is not there yet, or a bracket.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["{}\[\]]', re.DOTALL)
_BLANK = re.compile(rb"[ \t\r\n]*")
_BOM = b"\xef\xbb\xbf"


def elements(stream: BinaryIO, most_bytes: int) -> Iterator[bytes]:
    """The objects of a JSON array, or the one object that the file is, each as it stands.

    Only brackets and strings are looked at: what is inside an object is checked by who reads it.

    Args:
        stream: The file.
        most_bytes: Of one object.

    Raises:
        BadInput: It is neither an array of objects nor an object, ends too early, or is nested too deep.
        TooLarge: An object is larger than `most_bytes`.
    """
    return _Splitter(stream, most_bytes).run()


class _Splitter:
    def __init__(self, stream: BinaryIO, most_bytes: int) -> None:
        self._stream = stream
        self._most_bytes = most_bytes
        self._buffer = b""
        self._at = 0
        self._found = 0

    def run(self) -> Iterator[bytes]:
        """See `elements`."""
        self._more()
        self._buffer = self._buffer.removeprefix(_BOM)
        opening = self._next()
        if opening == b"{":
            yield self._object()
            self._end()
            return
        if opening != b"[":
            raise BadInput("The file is no JSON object and no array of objects.", param="file")
        self._at += 1
        following = self._next()
        while following != b"]":
            if following != b"{":
                raise wrong(self._place, "is no object")
            yield self._object()
            self._found += 1
            following = self._next()
            if following == b",":
                self._at += 1
                following = self._next()
                if following == b"]":
                    raise wrong(self._place, "is missing behind a comma")
            elif following != b"]":
                raise wrong(self._place, "does not follow behind a comma")
        self._at += 1
        self._end()

    @property
    def _place(self) -> str:
        return f"[{self._found}]"

    def _more(self) -> bool:
        """Read on, and forget what was taken."""
        piece = self._stream.read(_STEP_BYTES)
        self._buffer = self._buffer[self._at :] + piece
        self._at = 0
        return bool(piece)

    def _skip(self) -> bool:
        """Pass blanks; False at the end of the file."""
        while True:
            blank = _BLANK.match(self._buffer, self._at)
            self._at = blank.end() if blank is not None else self._at
            if self._at < len(self._buffer):
                return True
            if not self._more():
                return False

    def _next(self) -> bytes:
        """The next character that is not blank; it is not taken."""
        if not self._skip():
            raise BadInput("The JSON file ends too early.", param="file")
        return self._buffer[self._at : self._at + 1]

    def _end(self) -> None:
        if self._skip():
            raise BadInput("Behind the end of the JSON there is something else.", param="file")

    def _object(self) -> bytes:
        """The object that begins here."""
        depth = 0
        at = self._at
        while True:
            for token in _TOKEN.finditer(self._buffer, at):
                mark = token.group()
                at = token.end()
                if mark in (b"{", b"["):
                    depth += 1
                    if depth > DEEPEST:
                        raise wrong(self._place, f"is nested deeper than {DEEPEST}")
                elif mark in (b"}", b"]"):
                    depth -= 1
                    if depth == 0:
                        return self._take(at)
                elif mark == b'"':
                    at = token.start()
                    break
            else:
                at = len(self._buffer)
            if len(self._buffer) - self._at > self._most_bytes:
                raise self._too_large()
            at -= self._at
            if not self._more():
                raise BadInput(f"The JSON file ends in the middle of {self._place}.", param=self._place)

    def _take(self, end: int) -> bytes:
        if end - self._at > self._most_bytes:
            raise self._too_large()
        taken = self._buffer[self._at : end]
        self._at = end
        return taken

    def _too_large(self) -> TooLarge:
        return TooLarge(f"{self._place} is larger than {self._most_bytes} bytes.", param=self._place)
