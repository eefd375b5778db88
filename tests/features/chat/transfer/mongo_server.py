"""A server that speaks enough of MongoDB's wire protocol for a driver to read one collection.

It is no MongoDB: it knows hello, find, getMore and killCursors, gives its documents in the order in which it has them,
and checks no password. What the driver really sends and understands is tested, not what a database would find.

Source:
    MongoDB wire protocol (2024): OP_MSG (2013) with one section of kind 0, OP_QUERY (2004) and OP_REPLY (1) for the
    first greeting.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from contextlib import contextmanager
from typing import Any

_HEADER = struct.Struct("<iiii")
_REPLY = struct.Struct("<iqii")
_OP_REPLY, _OP_QUERY, _OP_MSG = 1, 2004, 2013


class MongoServer(socketserver.ThreadingTCPServer):
    """Serves `collections`, by `database.collection`; `failing` = a command that it refuses."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, collections: dict[str, list[dict[str, Any]]]) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.collections = collections
        self.failing = ""
        self.asked: list[str] = []
        self.cursors: dict[int, tuple[str, list[dict[str, Any]]]] = {}

    @property
    def uri(self) -> str:
        return f"mongodb://127.0.0.1:{self.server_address[1]}"

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        name = next(iter(command))
        self.asked.append(name)
        if name == self.failing:
            return {"ok": 0.0, "errmsg": "not allowed, said mongodb://user:secret@host", "code": 13}
        if name in ("hello", "ismaster", "isMaster"):
            return {
                "ok": 1.0,
                "helloOk": True,
                "isWritablePrimary": True,
                "ismaster": True,
                "maxBsonObjectSize": 16 * 1024 * 1024,
                "maxMessageSizeBytes": 48_000_000,
                "maxWriteBatchSize": 100_000,
                "minWireVersion": 0,
                "maxWireVersion": 25,
                "readOnly": False,
            }
        if name == "find":
            place = f"{command['$db']}.{command['find']}"
            return self._page(
                place, list(self.collections.get(place, [])), command.get("batchSize", 101), "firstBatch"
            )
        if name == "getMore":
            place, rest = self.cursors.pop(int(command["getMore"]))
            return self._page(place, rest, command.get("batchSize", 101), "nextBatch")
        return {"ok": 1.0}

    def _page(self, place: str, found: list[dict[str, Any]], size: int, name: str) -> dict[str, Any]:
        page, rest = found[:size], found[size:]
        cursor = 0
        if rest:
            cursor = len(self.asked) + 1000
            self.cursors[cursor] = (place, rest)
        return {"ok": 1.0, "cursor": {"id": cursor, "ns": place, name: page}}


class _Connection(socketserver.BaseRequestHandler):
    server: MongoServer

    def handle(self) -> None:
        from bson import BSON, Int64, decode

        while head := self._exactly(16):
            length, request_id, _, operation = _HEADER.unpack(head)
            body = self._exactly(length - 16)
            if operation == _OP_MSG:
                answer = self.server.answer(decode(body[5:]))
            else:
                answer = self.server.answer(decode(body[body.index(b"\0", 4) + 9 :]))
            if "cursor" in answer:
                answer["cursor"]["id"] = Int64(answer["cursor"]["id"])
            document = BSON.encode(answer)
            if operation == _OP_MSG:
                told, kind = b"\0\0\0\0\0" + document, _OP_MSG
            else:
                told, kind = _REPLY.pack(8, 0, 0, 1) + document, _OP_REPLY
            self.request.sendall(_HEADER.pack(16 + len(told), 1, request_id, kind) + told)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.request.recv(size - len(data))
            if not piece:
                return b""
            data += piece
        return data


@contextmanager
def serving(collections: dict[str, list[dict[str, Any]]]):
    """A running server."""
    with MongoServer(collections) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
