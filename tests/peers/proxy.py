"""A wire between two programs that a test can cut and mend."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self


class Wire:
    """Passes bytes on to another address.

    async with Wire("127.0.0.1", 5432) as wire:
        ... wire.port ...
        wire.cut()      # every connection is reset, new ones as well
        wire.freeze()   # connections stand, nothing passes
        wire.mend()
        wire.pace(200, 0.02)    # so many bytes at a time, so many seconds in between
    """

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self._far = (host, port)
        self._is_cut = False
        self._flows = asyncio.Event()
        self._flows.set()
        self._most_bytes = 65536
        self._pause_s = 0.0
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self.cut()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        self._is_cut = True
        for writer in tuple(self._writers):
            writer.transport.abort()

    def freeze(self) -> None:
        self._flows.clear()

    def mend(self) -> None:
        self._is_cut = False
        self._flows.set()

    def pace(self, most_bytes: int, pause_s: float) -> None:
        self._most_bytes, self._pause_s = most_bytes, pause_s

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            if self._is_cut:
                return
            far_reader, far_writer = await asyncio.open_connection(*self._far)
            self._writers.add(far_writer)
            await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
        except asyncio.CancelledError:
            # Only `__aexit__` cancels; a task that ends cancelled makes asyncio log a trace.
            return
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(self._most_bytes):
                await self._flows.wait()
                if self._pause_s:
                    await asyncio.sleep(self._pause_s)
                writer.write(piece)
                await writer.drain()
        writer.close()
        self._writers.discard(writer)
