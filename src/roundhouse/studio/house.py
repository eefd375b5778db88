"""A house of one data folder, open in this process: its event loop runs in a thread of its own, any thread may call."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from roundhouse.core.errors import ShuttingDown, StorageUnavailable
from roundhouse.infra.side_loop import SideLoop

if TYPE_CHECKING:
    from roundhouse.app.embedded import EmbeddedChats
    from roundhouse.core.settings import Settings

T = TypeVar("T")
Work = Callable[["EmbeddedChats"], Coroutine[Any, Any, T]]
"""What is to be done, on the loop of the house."""

_PATIENCE_S = 5.0


def closed() -> ShuttingDown:
    """The error of whoever comes too late."""
    return ShuttingDown("This studio is closed.")


class House:
    """Open from its making until `close`, or the end of the program.

    Args:
        settings: All of them; the folder and the database are made where there are none.

    Raises:
        BadInput: A setting is unusable.
        MissingExtra: A setting needs a part that is not installed.
        StorageUnavailable: The folder cannot be written, or the database does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        _prepare(settings)
        self._pid = os.getpid()
        self._closing = threading.Lock()
        self._closed = False
        self._side = SideLoop("roundhouse studio", closed)
        self._working: set[asyncio.Task[Any]] = set()
        try:
            self._chats = self._side.wait(_open(settings))
        except BaseException:
            self._side.close()
            raise
        _before_the_end(self)

    def run(self, work: Work[T]) -> T:
        """Have something done and wait for it.

        Raises:
            ShuttingDown: The house is closed, or is closed meanwhile.
            StorageUnavailable: This process was forked from the one that opened the house.
        """
        self._check()
        return self._side.wait(self._do(work))

    async def call(self, work: Work[T]) -> T:
        """The same from another event loop. Who is cancelled leaves; the work goes on to its end."""
        self._check()
        return await self._side.call(self._do(work))

    def leave(self, work: Work[None]) -> None:
        """Have something done that nobody waits for, `close` excepted; a closed house does not do it."""
        if self._closed or os.getpid() != self._pid:
            return
        try:
            self._side.begin(self._do(work))
        except ShuttingDown:
            return

    def close(self) -> None:
        """End what is being answered as interrupted, let other calls end, close all. Again is no error."""
        if os.getpid() != self._pid:
            # The thread of the loop stayed in the other process, and so did everything that could be closed.
            return
        with self._closing:
            if self._closed:
                return
            self._closed = True
            try:
                self._side.wait(self._end())
            finally:
                self._side.close()

    def close_soon(self) -> None:
        """`close` in a thread, for the garbage collector, which may come by in any thread and must not wait."""
        if not self._closed:
            threading.Thread(target=self.close, name="roundhouse studio ends").start()

    def _check(self) -> None:
        if self._closed:
            raise closed()
        if os.getpid() != self._pid:
            raise StorageUnavailable(
                "A studio does not come along when a process forks; open another one here."
            )

    async def _do(self, work: Work[T]) -> T:
        if self._closed:
            raise closed()
        task = asyncio.current_task()
        if task is not None:
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        return await work(self._chats)

    async def _end(self) -> None:
        await self._chats.stop()
        if self._working:
            await asyncio.wait(self._working, timeout=_PATIENCE_S)
        await self._chats.close()


def _before_the_end(house: House) -> None:
    """Close a house when the main thread has ended, while there still are threads to do it with.

    `atexit` comes too late: thread pools take nothing any more then. `threading` keeps a list of what is done before
    that, from which the pools themselves live; it is not public, but it is all there is.
    """
    register = getattr(threading, "_register_atexit", atexit.register)
    register(_close, weakref.ref(house))


def _close(house: weakref.ref[House]) -> None:
    found = house()
    if found is not None:
        found.close()


def _prepare(settings: Settings) -> None:
    from roundhouse.infra.migrate import upgrade_blocking
    from roundhouse.infra.telemetry.logs import use_standard_logging

    use_standard_logging()
    try:
        # Keys and usage lie here: nobody else's business.
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StorageUnavailable(f"The data folder {settings.data_dir} cannot be made: {reason}.") from None
    upgrade_blocking(settings.db_url)


async def _open(settings: Settings) -> EmbeddedChats:
    from roundhouse.app.embedded import create_embedded

    chats = create_embedded(settings)
    try:
        await chats.start()
    except BaseException:
        await chats.stop()
        await chats.close()
        raise
    return chats
