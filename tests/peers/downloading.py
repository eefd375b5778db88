"""An Ollama whose downloads go as far as the test lets them.

async with download_peer() as peer:
    ... peer.origin ...
    await peer.begun()
    peer.go.set()
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from peers.scripts import json_answer
from peers.upstream import Exchange, Upstream

TOTAL_BYTES = 4_700_000_000
DONE_BYTES = 1_175_000_000


@dataclass
class DownloadPeer(Upstream):
    """Tells the first quarter of a download, and the rest once `go` is set."""

    go: asyncio.Event = field(default_factory=asyncio.Event)
    pulls: int = 0
    _began: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.paths = {
            "/api/tags": json_answer({"models": []}),
            "/api/ps": json_answer({"models": []}),
            "/api/pull": self._pull,
        }

    async def begun(self, times: int = 1, within_s: float = 30.0) -> None:
        """Wait until so many downloads have begun."""
        async with asyncio.timeout(within_s):
            while self.pulls < times:
                self._began.clear()
                await self._began.wait()

    async def _pull(self, exchange: Exchange) -> None:
        self.pulls += 1
        self._began.set()
        await exchange.head(200, {"Content-Type": "application/x-ndjson"})
        await _tell(exchange, status="pulling manifest")
        layer: dict[str, Any] = {"digest": "sha256:1111", "total": TOTAL_BYTES}
        await _tell(exchange, status="pulling 1111", completed=DONE_BYTES, **layer)
        left, go = asyncio.create_task(exchange.gone()), asyncio.create_task(self.go.wait())
        try:
            await asyncio.wait({left, go}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.cancel()
            go.cancel()
            # Nobody else may read the connection as long as this one does.
            await asyncio.wait({left, go})
        if self.go.is_set():
            await _tell(exchange, status="pulling 1111", completed=TOTAL_BYTES, **layer)
            await _tell(exchange, status="success")
            await exchange.finish()


async def _tell(exchange: Exchange, **line: Any) -> None:
    await exchange.chunk(json.dumps(line).encode() + b"\n")


@asynccontextmanager
async def download_peer() -> AsyncIterator[DownloadPeer]:
    async with DownloadPeer() as peer:
        yield peer
