"""An event loop in a thread of its own.

For a library that takes its loop over (default thread pool, shutdown), and for callers without a loop, or in another.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from roundhouse.core.errors import RoundhouseError
from roundhouse.infra.event_loop import new_event_loop

_T = TypeVar("_T")
_PATIENCE_S = 1.0


class SideLoop:
    """Runs from its making until `close`. Any thread may call.

    Args:
        name: Of its thread.
        closed: The error of a call that comes after the end, or is cut off by it.
    """

    def __init__(self, name: str, closed: Callable[[], RoundhouseError]) -> None:
        self._loop = new_event_loop()
        self._closed_error = closed
        self._closed = False
        # Nothing is handed to the loop after its last task was cancelled: it would never be run.
        self._handing = threading.Lock()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    async def call(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run `work` there and wait for it. A caller that is cancelled leaves; the work goes on to its end.

        Raises:
            RoundhouseError: `closed`, when the loop was closed before or meanwhile.
        """
        done = self.begin(work)
        loop = asyncio.get_running_loop()
        woken = loop.create_future()

        def wake(_: object) -> None:
            # A loop that is closed has nobody left who waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_tell, woken)

        done.add_done_callback(wake)
        await woken
        return self._outcome(done)

    def wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        """The same for a thread without a loop: blocks it. One that is interrupted leaves; the work goes on.

        Raises:
            RoundhouseError: `closed`, when the loop was closed before or meanwhile.
        """
        return self._outcome(self.begin(work))

    def begin(self, work: Coroutine[Any, Any, _T]) -> concurrent.futures.Future[_T]:
        """Run `work` there and do not wait for it.

        Raises:
            RoundhouseError: `closed`, when the loop was closed before.
        """
        with self._handing:
            if self._closed:
                work.close()
                raise self._closed_error()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Cancel what runs there and end the thread; blocks, one second at most and what cancelling takes."""
        with self._handing:
            if self._closed:
                return
            self._closed = True
            cancelling = asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop)
        try:
            cancelling.result(2 * _PATIENCE_S)
        except TimeoutError:
            # Somebody blocks the loop: the thread is left to the end of the process.
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _outcome(self, done: concurrent.futures.Future[_T]) -> _T:
        try:
            return done.result()
        except concurrent.futures.CancelledError:
            raise self._closed_error() from None


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_PATIENCE_S)


def _tell(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
