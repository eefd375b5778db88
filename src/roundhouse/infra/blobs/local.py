"""Bytes in the data folder: `ab/cdef…`, one file per key."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from roundhouse.core.errors import StorageUnavailable
from roundhouse.infra.blobs.disk import disk_errors, make_folder, sync_folder
from roundhouse.infra.blobs.keys import MISSING, key_parts
from roundhouse.infra.blobs.staging import Staging

_PIECE_BYTES = 256 * 1024


class LocalBlobs:
    """A folder of this machine, or of a network that renames atomically.

    Args:
        folder: Where keys are kept; on the same disk as the staging folder.
        staging: Its threads wait for the disk; files are lent through it.
    """

    def __init__(self, folder: Path, staging: Staging) -> None:
        self._folder = folder
        self._staging = staging
        self._threads = staging.threads

    async def keep(self, key: str, source: Path) -> None:
        """Rename a finished file to its key; raises StorageFull, StorageUnavailable."""
        await self._threads.run(self._keep, key, source)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Bytes in pieces of 256 KiB; raises StorageUnavailable."""
        reader = await self._threads.run(_Reader, self._path(key), start)
        return self._pieces(reader, None if end is None else end - start)

    @asynccontextmanager
    async def local(self, key: str, suffix: str = "") -> AsyncGenerator[Path]:
        """A second name of the same file; raises StorageUnavailable."""
        path = await self._threads.run(self._lend, key, suffix)
        try:
            yield path
        finally:
            await self._threads.run(path.unlink, missing_ok=True)

    async def delete(self, key: str) -> None:
        """Remove the file; raises StorageUnavailable."""
        await self._threads.run(self._delete, key)

    async def close(self) -> None:
        """Nothing is held open."""

    async def _pieces(self, reader: _Reader, left_bytes: int | None) -> AsyncIterator[bytes]:
        try:
            while left_bytes is None or left_bytes > 0:
                wanted = _PIECE_BYTES if left_bytes is None else min(_PIECE_BYTES, left_bytes)
                piece = await self._threads.run(reader.read, wanted)
                if not piece and left_bytes is None:
                    return
                if not piece:
                    raise StorageUnavailable("The bytes of this file are cut off in the storage.")
                if left_bytes is not None:
                    left_bytes -= len(piece)
                yield piece
        finally:
            reader.close()

    def _path(self, key: str) -> Path:
        folder, name = key_parts(key)
        return self._folder / folder / name

    def _keep(self, key: str, source: Path) -> None:
        target = self._path(key)
        with disk_errors():
            make_folder(target.parent)
            source.replace(target)
            sync_folder(target.parent)

    def _lend(self, key: str, suffix: str) -> Path:
        path = self._staging.new_path(suffix)
        with disk_errors(), _there():
            try:
                os.link(self._path(key), path)
            except FileNotFoundError:
                raise
            except OSError:
                # Not every file system has second names.
                shutil.copyfile(self._path(key), path)
        return path

    def _delete(self, key: str) -> None:
        with disk_errors():
            self._path(key).unlink(missing_ok=True)


class _Reader:
    """An open file. It is closed at once, or by the read that is under way though nobody waits for it any more."""

    def __init__(self, path: Path, start: int) -> None:
        self._lock = threading.Lock()
        self._closing = False
        with disk_errors(), _there():
            self._file = path.open("rb", buffering=0)
            self._file.seek(start)

    def read(self, size_bytes: int) -> bytes:
        with self._lock, disk_errors():
            piece = b"" if self._file.closed else self._file.read(size_bytes)
        if self._closing:
            self.close()
        return piece

    def close(self) -> None:
        self._closing = True
        if self._lock.acquire(blocking=False):
            try:
                self._file.close()
            finally:
                self._lock.release()


@contextmanager
def _there() -> Generator[None]:
    try:
        yield
    except FileNotFoundError:
        raise StorageUnavailable(MISSING) from None
