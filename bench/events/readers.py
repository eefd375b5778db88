"""Clients of the benchmark: each a connection that notes when bytes came, and looks into them afterwards."""

from __future__ import annotations

import asyncio
import re
import time
from typing import cast

_NUMBER = re.compile(rb'"data":\{"n":(\d+)\}')
_REQUEST = b"GET /v1/events HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n"


class Reader(asyncio.Protocol):
    """One client over HTTP."""

    def __init__(self) -> None:
        self.began = asyncio.get_running_loop().create_future()
        self._pieces: list[tuple[float, bytes]] = []
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        # uvloop's transports do not inherit from asyncio's.
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(_REQUEST)

    def data_received(self, data: bytes) -> None:
        """Note the time; reading costs time itself and comes later."""
        self._pieces.append((time.monotonic(), data))
        if not self.began.done():
            self.began.set_result(data.startswith(b"HTTP/1.1 200 "))

    def received_s(self) -> dict[int, float]:
        """Time of receipt by the event's number; a number that came twice is an error."""
        found: dict[int, float] = {}
        rest = b""
        for at_s, piece in self._pieces:
            lines = (rest + piece).split(b"\n\n")
            rest = lines.pop()
            for line in lines:
                match = _NUMBER.search(line)
                if match is not None:
                    number = int(match[1])
                    if number in found:
                        raise AssertionError(f"event {number} came twice")
                    found[number] = at_s
        return found


async def connect(port: int, count: int) -> list[Reader]:
    """So many clients, all answered."""
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(Reader, "127.0.0.1", port) for _ in range(count)]
    readers = [reader for _, reader in made]
    for reader in readers:
        if not await asyncio.wait_for(reader.began, 30):
            raise AssertionError("a reader was not answered 200")
    return readers
