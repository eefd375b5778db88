"""Brings what arrives in small pieces to a blocking consumer in large ones, while the next ones already arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from roundhouse.infra.blobs.disk import DiskThreads

_FIRST_BYTES = 64 * 1024
_BATCH_BYTES = 1024 * 1024


async def pump(pieces: AsyncIterator[bytes], feed: Callable[[bytes], None], threads: DiskThreads) -> None:
    """Call `feed` in a thread with all the pieces, in order, one batch at a time.

    The first batch is small, so that what is wrong from its beginning on is refused early. About 3 MiB are in memory
    at a time. A thread wakes up once per batch: handing over single pieces would make the event loop and the threads
    fight for the interpreter.

    Args:
        pieces: What arrives.
        feed: Takes a batch; what it raises ends the pump.
        threads: Where it runs.
    """
    waiting: list[bytes] = []
    size_bytes = 0
    enough_bytes = _FIRST_BYTES
    running: asyncio.Future[None] | None = None
    async for piece in pieces:
        waiting.append(piece)
        size_bytes += len(piece)
        if size_bytes < enough_bytes:
            continue
        if running is not None:
            await running
        running = threads.submit(feed, b"".join(waiting))
        waiting, size_bytes, enough_bytes = [], 0, _BATCH_BYTES
    if running is not None:
        await running
    if waiting:
        await threads.run(feed, b"".join(waiting))
