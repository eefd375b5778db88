"""Recordings and the folders of jobs: nothing of a job that has not ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

from roundhouse.core.errors import StorageUnavailable
from roundhouse.core.types import FileInfo
from roundhouse.features.ops.schemas import Kind, Removal
from roundhouse.features.ops.sources import Source
from roundhouse.infra.db import Database
from roundhouse.infra.jobs.folders import ended_folders, remove_folder
from roundhouse.infra.moments import moment, moment_or_none


class KeepsRecordings(Protocol):
    """Who keeps files; implemented by the room of files."""

    async def old_recordings(self, before_s: float) -> Sequence[FileInfo]:
        """Recordings of all tenants that are older than a time, and that no job needs."""
        ...

    async def retire(self, file_id: str) -> bool:
        """Delete one of them; False when it is gone, or needed after all."""
        ...


class Recordings:
    """Uploaded recordings.

    Args:
        files: Keeps them.
    """

    kind: Kind = "recording"

    def __init__(self, files: KeepsRecordings) -> None:
        self._files = files

    async def find(self, before_s: float) -> list[Removal]:
        """Recordings that were uploaded, and whose last job ended, before a time; raises StorageUnavailable."""
        return [
            Removal(
                kind=self.kind,
                name=one.id,
                size_bytes=one.size_bytes,
                at=moment(one.created_at_s),
                label=one.filename,
            )
            for one in await self._files.old_recordings(before_s)
        ]

    async def remove(self, one: Removal, before_s: float) -> bool:
        """Delete a recording; its bytes go with the last file that has them. Raises StorageUnavailable."""
        return await self._files.retire(one.name)


class JobFolders:
    """What ended jobs have left on this machine.

    Args:
        db: The database.
        folder: Of the folders of jobs.
    """

    kind: Kind = "job_folder"

    def __init__(self, db: Database, folder: Path) -> None:
        self._db = db
        self._folder = folder

    async def find(self, before_s: float) -> list[Removal]:
        """Folders of jobs that ended before a time, or that nobody knows; raises StorageUnavailable."""
        return [
            Removal(
                kind=self.kind, name=one.name, size_bytes=one.size_bytes, at=moment_or_none(one.ended_at_s)
            )
            for one in await ended_folders(self._db, self._folder, before_s)
        ]

    async def remove(self, one: Removal, before_s: float) -> bool:
        """Delete a folder, and have a retry of its job begin anew; raises StorageUnavailable."""
        return await remove_folder(self._db, self._folder, one.name, before_s)


class WhereTables:
    """A source that needs the database's tables, where they may be missing.

    Args:
        source: The source.
        lack: Tells why they cannot be used just now; empty = there never were any, None = they can.
    """

    def __init__(self, source: Source, lack: Callable[[], Awaitable[str | None]]) -> None:
        self.kind: Kind = source.kind
        self._source = source
        self._lack = lack

    async def find(self, before_s: float) -> list[Removal]:
        """What the source finds, nothing where nothing was ever kept; raises StorageUnavailable."""
        lack = await self._lack()
        if lack:
            raise StorageUnavailable(lack)
        return [] if lack is not None else await self._source.find(before_s)

    async def remove(self, one: Removal, before_s: float) -> bool:
        """As the source does it."""
        return await self._source.remove(one, before_s)
