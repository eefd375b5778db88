"""Clients of the benchmark: bare connections that count what comes and look at nothing more than they must."""

from __future__ import annotations

import asyncio
import json
import re
from typing import cast

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Stream(asyncio.Protocol):
    """One request whose answer is read to its end; `ended` is its body, chunk headers included."""

    def __init__(self, request: bytes, kept: bool = False) -> None:
        self.ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.began: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._request = request
        self._kept = kept
        self._body = bytearray()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Keep what came, or its end only."""
        self._body += data
        if not self.began.done():
            self.began.set_result(data.startswith(b"HTTP/1.1 20"))
        if not self._kept and len(self._body) > 65_536:
            del self._body[:-4096]
        if not self.ended.done() and self._is_whole():
            self.ended.set_result(bytes(self._body))
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """The end, also where the server says it by closing."""
        if not self.ended.done():
            self.ended.set_result(bytes(self._body))

    def _is_whole(self) -> bool:
        if self._body.endswith(b"\r\n0\r\n\r\n"):
            return True
        head, blank, _ = self._body[:4096].partition(b"\r\n\r\n")
        length = _LENGTH.search(head) if blank else None
        return length is not None and len(self._body) - len(head) - 4 >= int(length[1])


def request(method: str, path: str, body: object = None) -> bytes:
    """A request as bytes; the server is started without keys."""
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(content) + content


async def send(port: int, method: str, path: str, body: object = None, *, kept: bool = False) -> bytes:
    """One request, to the end of its answer; all of the answer with `kept`, else its end."""
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(
        lambda: Stream(request(method, path, body), kept), "127.0.0.1", port
    )
    return await asyncio.wait_for(client.ended, 300)


async def made(port: int, path: str, body: object) -> dict[str, object]:
    """The JSON of an answer."""
    answer = await send(port, "POST", path, body, kept=True)
    found: dict[str, object] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found
