"""A hub of models as a script of `peers.upstream`: the tiny Whisper, by the API of Hugging Face's hub."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from peers.upstream import Exchange

_MODEL = Path(__file__).parent.parent / "models" / "whisper-en3-ct2"
FILES = {one.name: one.read_bytes() for one in _MODEL.iterdir()}


class HubServer:
    """A hub with one model, whose large file is elsewhere."""

    def __init__(self) -> None:
        self.files = dict(FILES)
        self.told = dict(FILES)
        self.cut_after: int | None = None
        self.knows_ranges = True
        self.card: dict[str, object] | None = {"license": "mit"}
        self.asked: list[tuple[str, str, bool]] = []
        self.elsewhere = ""

    async def __call__(self, exchange: Exchange) -> None:
        path, headers = exchange.request.path, exchange.request.headers
        self.asked.append((path, headers.get("range", ""), "authorization" in headers))
        if path.startswith("/api/models/Systran/faster-whisper-tiny"):
            files = [self._told(name, content) for name, content in self.told.items()]
            files += [{"rfilename": "README.md", "size": 3}, {"rfilename": "../evil", "size": 3}]
            body = json.dumps({"sha": "abc123", "siblings": files, "cardData": self.card}).encode()
            await exchange.answer(body, headers={"Content-Type": "application/json"})
        elif "/resolve/abc123/model.bin" in path:
            await exchange.answer(b"", 302, {"Location": f"{self.elsewhere}/cdn/model.bin"})
        elif path.endswith(tuple(self.files)):
            await self._send(exchange, self.files[path.rpartition("/")[2]])
        else:
            await exchange.answer(b"{}", 404)

    @staticmethod
    def _told(name: str, content: bytes) -> dict[str, object]:
        told: dict[str, object] = {"rfilename": name, "size": len(content)}
        if name == "model.bin":
            return told | {"lfs": {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}}
        blob = b"blob %d\0" % len(content) + content
        return told | {"blobId": hashlib.sha1(blob).hexdigest()}

    async def _send(self, exchange: Exchange, content: bytes) -> None:
        start = int(exchange.request.headers.get("range", "bytes=0-")[6:-1])
        if start and self.knows_ranges:
            await exchange.answer(content[start:], 206)
        elif self.cut_after is not None and len(content) > self.cut_after:
            await exchange.head(200, {"Content-Length": str(len(content))})
            await exchange.raw(content[: self.cut_after])
        else:
            await exchange.answer(content)
