"""Files in memory, for the tests of the audio room."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from roundhouse.core.errors import NotFound, UnsupportedMedia
from roundhouse.core.ids import new_id
from roundhouse.core.ports import Transaction
from roundhouse.core.types import Caller, FileInfo, NewFile


async def pieces_of(data: bytes, size_bytes: int = 7) -> AsyncIterator[bytes]:
    for start in range(0, max(1, len(data)), size_bytes):
        yield data[start : start + size_bytes]


class FakeFiles:
    """`core.ports.Files` in memory; what begins with `text` is no sound.

    Attributes:
        passing: Files that were created for a while, and not retained.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, tuple[FileInfo, bytes]] = {}
        self._keys: dict[tuple[str, str | None, str], str] = {}
        self.passing: set[str] = set()

    async def create(self, caller: Caller, new: NewFile, pieces: AsyncIterator[bytes]) -> FileInfo:
        data = b"".join([piece async for piece in pieces])
        if data.startswith(b"text"):
            raise UnsupportedMedia("By its bytes this is text/plain.", param="file")
        key = (caller.site_id, caller.user_id, new.idempotency_key or new_id("key"))
        if self._keys.get(key) in self._kept:
            return self._kept[self._keys[key]][0]
        digest = hashlib.sha256(data).hexdigest()
        owner = (caller.site_id, caller.user_id, caller.app_id)
        kept = (new.filename, new.purpose, "audio/wav", len(data), digest, 0.0, None)
        info = FileInfo(new_id("file"), *owner, *kept)
        self._kept[info.id] = (info, data)
        self._keys[key] = info.id
        self.passing |= set() if new.expires_after_s is None else {info.id}
        return info

    async def get(self, caller: Caller, file_id: str) -> FileInfo:
        found = self._kept.get(file_id)
        if found is None or found[0].site_id != caller.site_id:
            raise NotFound("No such file.", param="file_id")
        return found[0]

    async def read(
        self, caller: Caller, file_id: str, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        await self.get(caller, file_id)
        return pieces_of(self._kept[file_id][1][start:end])

    @asynccontextmanager
    async def path(self, caller: Caller, file_id: str) -> AsyncGenerator[Path]:
        await self.get(caller, file_id)
        path = self._folder / file_id
        path.write_bytes(self._kept[file_id][1])
        try:
            yield path
        finally:
            path.unlink()

    async def retain(self, tx: Transaction, caller: Caller, file_id: str) -> None:
        await self.get(caller, file_id)
        self.passing.discard(file_id)

    async def delete(self, caller: Caller, file_id: str) -> None:
        await self.get(caller, file_id)
        self.passing.discard(file_id)
        del self._kept[file_id]

    @property
    def ids(self) -> list[str]:
        return list(self._kept)
