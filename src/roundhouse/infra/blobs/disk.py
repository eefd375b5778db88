"""The disk: threads that wait for it in place of the event loop, and what its errors mean."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from roundhouse.core.errors import StorageFull, StorageUnavailable

P = ParamSpec("P")
T = TypeVar("T")

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DiskThreads:
    """A few threads of their own: on a slow disk they must not take those that look up host names.

    Args:
        most: Threads at a time; more calls wait.
    """

    def __init__(self, most: int = 8) -> None:
        self._executor = ThreadPoolExecutor(most, thread_name_prefix="disk")

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Start a call; it goes on even if nobody waits for it any more."""
        future = asyncio.get_running_loop().run_in_executor(self._executor, lambda: function(*args, **kwargs))
        # Whoever is cancelled before the result came does not ask for it.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a blocking function in a thread."""
        return await self.submit(function, *args, **kwargs)

    def close(self) -> None:
        """Take no more calls; those that run go on to their end."""
        self._executor.shutdown(wait=False)


@contextmanager
def disk_errors() -> Generator[None]:
    """Turn errors of the operating system into those of the tree.

    Raises:
        StorageFull: No space, or no quota, left.
        StorageUnavailable: Anything else; the text names the kind of fault, no path.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull("The disk is full; reading goes on, writing does not.") from error
        told = errno.errorcode.get(error.errno or 0, "unknown")
        raise StorageUnavailable(f"The disk cannot serve this now ({told}).", retry_after_s=1.0) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut; blocking."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder for the owner only, with a name that survives a power cut; blocking."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)
