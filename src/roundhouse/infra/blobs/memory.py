"""A fake store: bytes in memory, for tests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from roundhouse.core.errors import StorageUnavailable
from roundhouse.infra.blobs.keys import MISSING, key_parts
from roundhouse.infra.blobs.staging import Staging

_PIECE_BYTES = 64 * 1024


class MemoryBlobs:
    """Keeps everything until it is deleted.

    Args:
        staging: Lends the local copies.

    Attributes:
        kept: Bytes by key.
    """

    def __init__(self, staging: Staging) -> None:
        self.kept: dict[str, bytes] = {}
        self._staging = staging

    async def keep(self, key: str, source: Path) -> None:
        """Take the bytes over."""
        key_parts(key)
        self.kept[key] = await self._staging.threads.run(source.read_bytes)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Bytes in pieces of 64 KiB; raises StorageUnavailable."""
        return _pieces(self._get(key)[start:end])

    @asynccontextmanager
    async def local(self, key: str, suffix: str = "") -> AsyncGenerator[Path]:
        """A copy; raises StorageUnavailable."""
        data = self._get(key)
        path = await self._staging.threads.run(self._staging.new_path, suffix)
        await self._staging.threads.run(path.write_bytes, data)
        try:
            yield path
        finally:
            await self._staging.threads.run(path.unlink, missing_ok=True)

    async def delete(self, key: str) -> None:
        """Forget the bytes."""
        key_parts(key)
        self.kept.pop(key, None)

    async def close(self) -> None:
        """Nothing is held."""

    def _get(self, key: str) -> bytes:
        key_parts(key)
        if key not in self.kept:
            raise StorageUnavailable(MISSING)
        return self.kept[key]


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), _PIECE_BYTES):
        yield data[start : start + _PIECE_BYTES]
