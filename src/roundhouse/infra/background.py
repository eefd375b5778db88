"""Background tasks that work on the database: how they end."""

from __future__ import annotations

import asyncio

_PATIENCE_S = 5.0


async def stop(task: asyncio.Task[None] | None, working: asyncio.Lock) -> None:
    """End a task between two pieces of its work: cut off during a commit it could not know what was written.

    Args:
        task: The task; None = it was never started.
        working: Held by the task while it works. After five seconds nothing is waited for any more.
    """
    if task is None:
        return
    try:
        async with asyncio.timeout(_PATIENCE_S), working:
            task.cancel()
    except TimeoutError:
        task.cancel()
    await asyncio.wait([task])
