"""An event loop in a thread of its own, for a library that takes its loop over (default thread pool, shutdown)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from roundhouse.core.errors import StorageUnavailable
from roundhouse.infra.event_loop import new_event_loop

_T = TypeVar("_T")
_PATIENCE_S = 1.0


class SideLoop:
    """Runs from its making until `close`.

    Args:
        name: Of its thread.
    """

    def __init__(self, name: str) -> None:
        self._loop = new_event_loop()
        self._closed = False
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    async def call(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run `work` there and wait for it. A caller that is cancelled leaves; the work goes on to its end.

        Raises:
            StorageUnavailable: The loop was closed, before or meanwhile.
        """
        if self._closed:
            work.close()
            raise StorageUnavailable("The job engine is closed.")
        answer = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))
        answer.add_done_callback(_heard)
        await asyncio.wait({answer})
        if answer.cancelled():
            raise StorageUnavailable("The job engine is closed.")
        return answer.result()

    def close(self) -> None:
        """Cancel what runs there and end the thread; blocks, one second at most and what cancelling takes."""
        self._closed = True
        try:
            asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result(2 * _PATIENCE_S)
        except TimeoutError:
            # Somebody blocks the loop: the thread is left to the end of the process.
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_PATIENCE_S)


def _heard(answer: asyncio.Future[Any]) -> None:
    """What went wrong after the caller left is nobody's business."""
    if not answer.cancelled():
        answer.exception()
