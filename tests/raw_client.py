"""A client whose every byte a test writes itself."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any


@dataclass
class RawAnswer:
    """One answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json()["error"]["code"])


class RawClient:
    """One connection.

    async with RawClient(house.port) as client:
        await client.send(b"GET /livez HTTP/1.1\\r\\n…")
        answer = await client.answer()
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def __aenter__(self) -> RawClient:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**24)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, within_s: float = 10.0) -> tuple[int, dict[str, str]]:
        """Status and headers, without the body."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), within_s)
        first, *lines = head.decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(first.split(" ")[1]), headers

    async def answer(self, within_s: float = 10.0) -> RawAnswer:
        """A whole answer that tells its length."""
        status, headers = await self.head(within_s)
        length = int(headers.get("content-length", "0"))
        body = await asyncio.wait_for(self.reader.readexactly(length), within_s)
        return RawAnswer(status, headers, body)

    async def closed(self, within_s: float = 10.0) -> bytes:
        """What still comes until the server closes."""
        rest = b""
        try:
            async with asyncio.timeout(within_s):
                while piece := await self.reader.read(65536):
                    rest += piece
        except ConnectionError:
            pass
        return rest


async def ask(port: int, data: bytes, within_s: float = 10.0) -> RawAnswer:
    """One request on a connection of its own."""
    async with RawClient(port) as client:
        await client.send(data)
        return await client.answer(within_s)


def request(method: str, target: str | bytes, *headers: str | bytes, body: bytes = b"") -> bytes:
    """A request with exactly these headers."""
    lines = [method.encode() + b" " + _bytes(target) + b" HTTP/1.1", *(_bytes(header) for header in headers)]
    return b"\r\n".join([*lines, b"", body])


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")
