"""Where files lie while they come in: a folder per process, under a lock that ends with the process.

What a killed process leaves behind is seen by its free lock and removed, at the first use by a later process and by
every clean-up. Nothing in here is ever referred to by the database.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from roundhouse.core.errors import StorageFull, StorageUnavailable
from roundhouse.core.ids import new_id
from roundhouse.infra.blobs.disk import DiskThreads, disk_errors
from roundhouse.infra.file_lock import FileLock, look

_STEP_BYTES = 32 * 1024 * 1024
"""After so many bytes free space is looked at again, and what was written goes to the disk.

Otherwise a gigabyte would lie in the machine's cache until the end, and the database's next commit wait for it.
"""

_LOCK = "lock"
_TRIES = 10
_O_BINARY = getattr(os, "O_BINARY", 0)


def free_bytes(folder: Path) -> int:
    """Space left on the disk of a folder."""
    return shutil.disk_usage(folder).free


class Staged:
    """One file on its way in. Its methods block and may be called from any thread.

    Args:
        path: Where it is made.
        check: Called every 32 MiB; raises when it should not grow further.
    """

    def __init__(self, path: Path, check: Callable[[], None]) -> None:
        self.path = path
        self.size_bytes = 0
        self._check = check
        self._hash = hashlib.sha256()
        self._checked_bytes = 0
        # A writer whose caller was cancelled still runs: it must not write to a descriptor that is somebody else's.
        self._lock = threading.Lock()
        with disk_errors():
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _O_BINARY
            self._descriptor: int | None = os.open(path, flags, 0o600)

    def write(self, data: bytes) -> None:
        """Add bytes.

        Raises:
            StorageFull: No space left, or less than the reserve.
            StorageUnavailable: The disk fails, or the file was given up.
        """
        with self._lock, disk_errors():
            descriptor = self._open_descriptor()
            self._hash.update(data)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            self.size_bytes += len(data)
            if self.size_bytes - self._checked_bytes >= _STEP_BYTES:
                self._checked_bytes = self.size_bytes
                self._check()
                _sync_data(descriptor)

    def seal(self) -> str:
        """Put all of it on the disk and close it; returns its SHA-256, hex. Raises like `write`."""
        with self._lock, disk_errors():
            descriptor = self._open_descriptor()
            os.fsync(descriptor)
            self._descriptor = None
            os.close(descriptor)
            return self._hash.hexdigest()

    def discard(self) -> None:
        """Close and remove it; no error when it was taken over by a store."""
        with self._lock, disk_errors():
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
            self.path.unlink(missing_ok=True)

    def _open_descriptor(self) -> int:
        if self._descriptor is None:
            raise StorageUnavailable("The upload was given up.")
        return self._descriptor


class Staging:
    """The staging folder of this process.

    Args:
        folder: Parent of the folders of all processes, on the same disk as what is kept. Made at first use.
        reserve_bytes: Space on the disk that must be left.
        free: Tells the space left; a fake in tests.
    """

    def __init__(
        self, folder: Path, reserve_bytes: int = 0, free: Callable[[Path], int] = free_bytes
    ) -> None:
        self.threads = DiskThreads()
        self._parent = folder
        self._reserve_bytes = reserve_bytes
        self._free = free
        self._making = threading.Lock()
        self._own: Path | None = None
        self._held: FileLock | None = None

    @asynccontextmanager
    async def open(self, expected_bytes: int = 0) -> AsyncGenerator[Staged]:
        """A new file, removed at the end of the block unless a store took it over.

        Args:
            expected_bytes: How large it will be, as far as is known.

        Raises:
            StorageFull: That would leave less than the reserve.
            StorageUnavailable: The disk fails.
        """
        staged = await self.threads.run(self._start, expected_bytes)
        try:
            yield staged
        finally:
            await self.threads.run(staged.discard)

    def new_path(self, suffix: str = "") -> Path:
        """A path that is free, in the folder of this process; blocking."""
        with disk_errors():
            return self._folder() / f"{new_id('tmp')}{suffix}"

    def clean(self) -> int:
        """Remove what dead processes left; returns how many folders. Blocking."""
        with disk_errors():
            return sum(_remove(folder) for folder in _folders(self._parent) if folder != self._own)

    def abandoned(self) -> list[Path]:
        """The folders that `clean` would remove. Blocking."""
        with disk_errors():
            return [one for one in _folders(self._parent) if one != self._own and look(one / _LOCK) != "held"]

    def remove(self, folder: Path) -> bool:
        """Remove one of `abandoned`; False when its maker lives or another clean-up had it. Blocking."""
        with disk_errors():
            return folder.parent == self._parent and folder != self._own and _remove(folder)

    async def close(self) -> None:
        """Give the folder up."""
        await self.threads.run(self._leave)
        self.threads.close()

    def _start(self, expected_bytes: int) -> Staged:
        path = self.new_path()
        self._check_space(expected_bytes)
        return Staged(path, self._check_space)

    def _check_space(self, needed_bytes: int = 0) -> None:
        with disk_errors():
            if self._free(self._parent) - needed_bytes < self._reserve_bytes:
                raise StorageFull("The disk has no room for this file.")

    def _folder(self) -> Path:
        with self._making:
            if self._own is None:
                self._make()
            assert self._own is not None
            return self._own

    def _make(self) -> None:
        self._parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.clean()
        for _ in range(_TRIES):
            folder = self._parent / new_id("in")
            folder.mkdir(mode=0o700)
            lock = FileLock(folder / _LOCK)
            try:
                taken = lock.take()
            except FileNotFoundError:
                # Another process cleaned up between the making and the locking.
                continue
            if taken:
                self._own, self._held = folder, lock
                return
        raise StorageUnavailable("The staging folder cannot be locked.")

    def _leave(self) -> None:
        with self._making:
            if self._own is not None and self._held is not None:
                self._held.give_back()
                shutil.rmtree(self._own, ignore_errors=True)
                self._own = self._held = None


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return [entry for entry in parent.iterdir() if entry.is_dir() and not entry.is_symlink()]


def _remove(folder: Path) -> bool:
    """Remove the folder of a dead process; False when its maker lives.

    The lock is held meanwhile: a maker that has not yet taken it finds it taken, and makes another folder.
    """
    lock = FileLock(folder / _LOCK)
    try:
        if not lock.take():
            return False
    except FileNotFoundError:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    lock.give_back()
    return True


def _sync_data(descriptor: int) -> None:
    sync = getattr(os, "fdatasync", os.fsync)
    sync(descriptor)
