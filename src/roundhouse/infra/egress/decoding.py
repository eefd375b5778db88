"""Bodies that a server compressed although it was not asked to."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from roundhouse.core.errors import BackendBadAnswer, BackendFailed

_PIECE_BYTES = 256 * 1024
_ZLIB_BITS = 15
_ZLIB_DEFLATE = 8
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": _ZLIB_BITS}


class Inflater:
    """Undoes one `Content-Encoding`, in pieces of bounded size.

    Args:
        encoding: Value of the header.
        origin: Server, for messages.

    Raises:
        BackendBadAnswer: An encoding that is not known here.

    Source:
        RFC 9110, section 8.4.1 (2022); deflate without the zlib wrapper (RFC 1950: its first byte ends in 8) is
        taken as well, as browsers do.
    """

    def __init__(self, encoding: str, origin: str) -> None:
        bits = _WINDOW_BITS.get(encoding.strip().lower())
        if bits is None:
            raise BackendBadAnswer(f"The answer of {origin} is compressed in a way that cannot be read.")
        self._origin = origin
        self._bits = bits
        self._engine = zlib.decompressobj(bits)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Plain pieces; raises BackendBadAnswer when the data is broken."""
        if data and not self._begun:
            self._begun = True
            if self._bits == _ZLIB_BITS and data[0] & 0x0F != _ZLIB_DEFLATE:
                self._bits = -_ZLIB_BITS
                self._engine = zlib.decompressobj(self._bits)
        while data:
            try:
                plain = self._engine.decompress(data, _PIECE_BYTES)
            except zlib.error as error:
                raise BackendBadAnswer(f"The compressed answer of {self._origin} is broken.") from error
            data = self._engine.unconsumed_tail
            if self._engine.eof and self._engine.unused_data:
                # More than one compressed member in a row is one body.
                data = self._engine.unused_data
                self._engine = zlib.decompressobj(self._bits)
            if plain:
                yield plain

    def finish(self) -> None:
        """Raise BackendFailed when the compressed data ended too early."""
        if self._begun and not self._engine.eof:
            raise BackendFailed(f"The compressed answer of {self._origin} was cut off.")
