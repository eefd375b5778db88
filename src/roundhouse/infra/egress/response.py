"""The answer of the lean client: a buffer that a connection fills and one reader empties."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from roundhouse.core.errors import BackendBadAnswer, BackendFailed
from roundhouse.core.types import Beat
from roundhouse.infra.egress.decoding import Inflater

BUFFER_BYTES = 256 * 1024
"""Reading from the socket pauses while more than this waits for the reader."""


class Source(Protocol):
    """What a response asks of its connection."""

    def resume(self) -> None:
        """Read on: there is room again."""
        ...

    def gather(self, on: bool) -> None:
        """Whether what arrives need not be told as it comes."""
        ...

    def abort(self) -> None:
        """Close at once: the rest is not wanted."""
        ...


class LeanResponse:
    """`core.ports.HttpResponse`.

    Attributes:
        raw_headers: As they came.
        encoding: Value of `Content-Encoding`, empty = none.
        buffered_bytes: What has arrived and was not taken.
        pause_over_bytes: The connection pauses above this.
    """

    __slots__ = (
        "_beat",
        "_called",
        "_complete",
        "_error",
        "_lower",
        "_origin",
        "_parts",
        "_source",
        "_waiter",
        "_wake_over_bytes",
        "buffered_bytes",
        "encoding",
        "pause_over_bytes",
        "raw_headers",
        "status",
    )

    def __init__(self, source: Source, origin: str) -> None:
        self.status = 0
        self.raw_headers: list[tuple[bytes, bytes]] = []
        self.encoding = ""
        self.buffered_bytes = 0
        self.pause_over_bytes = BUFFER_BYTES
        self._beat: Beat | None = None
        self._called = False
        self._complete = False
        self._error: BackendFailed | None = None
        self._wake_over_bytes = 0
        self._parts: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._source: Source | None = source
        self._lower: dict[str, str] | None = None
        self._origin = origin

    @property
    def headers(self) -> Mapping[str, str]:
        """Header names in lower case; of repeated ones the values joined by commas."""
        if self._lower is None:
            lower: dict[str, str] = {}
            for raw_name, raw_value in self.raw_headers:
                name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
                lower[name] = f"{lower[name]}, {value}" if name in lower else value
            self._lower = lower
        return self._lower

    async def read(self, limit_bytes: int = 64 * 1024 * 1024) -> bytes:
        """The whole body; see `core.ports.HttpResponse`."""
        self._wake_over_bytes = limit_bytes
        self.pause_over_bytes = max(limit_bytes, BUFFER_BYTES)
        try:
            while not self._complete and self._error is None and self.buffered_bytes <= limit_bytes:
                await self._wait()
            if self.buffered_bytes > limit_bytes:
                raise self._too_large(limit_bytes)
            if self._error is not None:
                raise self._error
            return self._inflate_whole(self._take(), limit_bytes) if self.encoding else self._take()
        finally:
            if self._source is not None:
                self.close()

    async def pieces(self, beat: Beat | None = None) -> AsyncIterator[bytes]:
        """The body as it arrives; see `core.ports.HttpResponse`."""
        self._beat = beat
        try:
            inflater = Inflater(self.encoding, self._origin) if self.encoding else None
            while True:
                if self._parts:
                    piece = self._take()
                    if inflater is None:
                        yield piece
                        continue
                    for plain in inflater.feed(piece):
                        yield plain
                elif self._error is not None:
                    raise self._error
                elif self._complete:
                    if inflater is not None:
                        inflater.finish()
                    return
                else:
                    await self._wait()
        finally:
            self.close()

    async def aclose(self) -> None:
        """Give the connection up, unless the whole answer has arrived on it."""
        self.close()

    def add(self, piece: bytes) -> None:
        """Called by the connection: a piece of the body."""
        self._parts.append(piece)
        self.buffered_bytes += len(piece)

    def wake(self) -> None:
        """Called by the connection after each read: let the reader go on if there is something for it."""
        waiter = self._waiter
        if (
            waiter is not None
            and not waiter.done()
            and (self._complete or self._error is not None or self.buffered_bytes > self._wake_over_bytes)
        ):
            waiter.set_result(None)
            if self._beat is not None and self._source is not None and not self._called:
                self._called = True
                self._source.gather(True)
                self._beat(self._beaten)

    def _beaten(self) -> None:
        self._called = False
        if self._source is not None:
            self._source.gather(False)

    def finish(self, error: BackendFailed | None = None) -> None:
        """Called by the connection, once: nothing more comes; with `error` the body is not whole."""
        self._source = None
        if error is None:
            self._complete = True
        else:
            self._error = error
        self.wake()

    async def _wait(self) -> None:
        if self._source is not None:
            self._source.resume()
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _take(self) -> bytes:
        parts = self._parts
        self._parts = []
        self.buffered_bytes = 0
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _inflate_whole(self, body: bytes, limit_bytes: int) -> bytes:
        inflater = Inflater(self.encoding, self._origin)
        plain: list[bytes] = []
        size_bytes = 0
        for piece in inflater.feed(body):
            size_bytes += len(piece)
            if size_bytes > limit_bytes:
                raise self._too_large(limit_bytes)
            plain.append(piece)
        inflater.finish()
        return b"".join(plain)

    def _too_large(self, limit_bytes: int) -> BackendBadAnswer:
        return BackendBadAnswer(f"The answer of {self._origin} is larger than {limit_bytes} bytes.")

    def close(self) -> None:
        """The same without waiting."""
        source = self._source
        if source is not None:
            self._source = None
            self._error = BackendFailed(f"The answer of {self._origin} was given up.")
            source.abort()
