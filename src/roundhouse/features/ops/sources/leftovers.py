"""What can be made or sent again: answers in the shared cache, and uploads whose process died."""

from __future__ import annotations

import asyncio

from roundhouse.features.ops.schemas import Kind, Removal
from roundhouse.infra.blobs.disk import disk_errors
from roundhouse.infra.blobs.staging import Staging
from roundhouse.infra.cache import RedisCache
from roundhouse.infra.disk_use import size_bytes


class Responses:
    """The shared cache of answers. One in a process's own memory ends with the process, and is not seen from here.

    Args:
        cache: The cache.
    """

    kind: Kind = "responses"

    def __init__(self, cache: RedisCache) -> None:
        self._cache = cache

    async def find(self, before_s: float) -> list[Removal]:
        """All of them as one thing, whatever their age; raises StorageUnavailable."""
        count, bytes_of_them = await self._cache.held()
        if not count:
            return []
        told = f"{count} answers"
        return [Removal(kind=self.kind, name="redis", size_bytes=bytes_of_them, at=None, label=told)]

    async def remove(self, one: Removal, before_s: float) -> bool:
        """Forget them; raises StorageUnavailable."""
        return await self._cache.clear() > 0


class Uploads:
    """Folders of uploads whose process died; those of a living one are told by its lock.

    Args:
        staging: The folders.
    """

    kind: Kind = "upload"

    def __init__(self, staging: Staging) -> None:
        self._staging = staging

    async def find(self, before_s: float) -> list[Removal]:
        """Folders of dead processes, whatever their age; raises StorageUnavailable."""
        return await asyncio.to_thread(self._find)

    async def remove(self, one: Removal, before_s: float) -> bool:
        """Delete a folder; raises StorageUnavailable."""
        return await asyncio.to_thread(self._remove, one.name)

    def _find(self) -> list[Removal]:
        folders = sorted(self._staging.abandoned())
        with disk_errors():
            return [
                Removal(kind=self.kind, name=str(one), size_bytes=size_bytes(one), at=None) for one in folders
            ]

    def _remove(self, name: str) -> bool:
        return any(self._staging.remove(one) for one in self._staging.abandoned() if str(one) == name)
