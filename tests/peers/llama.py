"""A real llama.cpp server with a tiny model, as a child process that a test may kill and start again.

async with LlamaServer(binary, model, folder) as llama:
    ... llama.url ... await llama.busy_slots() ... await llama.kill() ... await llama.start()
"""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

SLOT_TOKENS = 1024
"""Context that one request gets."""
_START_S = 60.0


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class LlamaServer:
    """Two slots, one thread, answers without end where they are asked for (`--context-shift`)."""

    def __init__(self, binary: Path, model: Path, folder: Path, *options: str, name: str = "tiny") -> None:
        self.port = free_port()
        self.log = folder / f"llama-{self.port}.log"
        self._command = [
            *(str(binary), "--model", str(model), "--alias", name, "--offline", "--no-ui"),
            *("--host", "127.0.0.1", "--port", str(self.port), "--threads", "1", "--threads-http", "4"),
            *("--ctx-size", str(2 * SLOT_TOKENS), "--parallel", "2", "--no-kv-unified", "--context-shift"),
            *("--cache-ram", "0", *options),
        ]
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Its root, as an operator names it."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            await self.kill()

    async def start(self) -> None:
        """Start it and wait until it can answer."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*self._command, stdout=log, stderr=log)
        try:
            async with asyncio.timeout(_START_S):
                while not await self._healthy():
                    assert self._process.returncode is None, self.log.read_text()
                    await asyncio.sleep(0.05)
        except BaseException:
            await self.kill()
            raise

    async def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        self._process = None

    async def busy_slots(self) -> int:
        """How many of its slots generate now."""
        return sum(slot["is_processing"] for slot in await self._get("/slots"))

    async def becomes(self, *, busy: int, within_s: float, every_s: float = 0.05) -> bool:
        """Whether so many slots generate, soon."""
        for _ in range(int(within_s / every_s)):
            if await self.busy_slots() == busy:
                return True
            await asyncio.sleep(every_s)
        return False

    async def _healthy(self) -> bool:
        try:
            return bool((await self._get("/health"))["status"] == "ok")
        except (aiohttp.ClientError, KeyError):
            return False

    async def _get(self, path: str) -> Any:
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as answer:
            return await answer.json()
