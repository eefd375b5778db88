"""The verbs of cleaning, for the command line, for cron, and for the hourly job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import structlog

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.ports import Clock
from roundhouse.features.ops.schemas import CleanRead, Kept, Part, Removal
from roundhouse.features.ops.sources import Source
from roundhouse.infra.db import Database
from roundhouse.infra.events.store import delete_before
from roundhouse.infra.jobs.model import Durable
from roundhouse.infra.jobs.sweeps import clean_up

_log = structlog.get_logger(__name__)

_DAY_S = 86_400.0
_BATCH = 1000


class Area(msgspec.Struct, frozen=True):
    """What belongs to one part.

    Attributes:
        keep_days: How long its things are kept unless a call says otherwise.
        sources: Where they lie.
    """

    keep_days: float
    sources: tuple[Source, ...]


class CleaningService:
    """Deletes what was kept long enough. Any number of processes may do so at a time.

    Args:
        db: The database.
        clock: Time.
        areas: The parts.
        job_folders: Where jobs have their folders.
        events_keep_days: How long events are kept.
        files: Deletes expired files and returns how many they were.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        areas: Mapping[Part, Area],
        job_folders: Path,
        events_keep_days: float,
        files: Callable[[], Awaitable[int]],
    ) -> None:
        self._db = db
        self._clock = clock
        self._areas = areas
        self._job_folders = job_folders
        self._events_keep_s = events_keep_days * _DAY_S
        self._files = files

    async def clean(
        self, parts: Sequence[Part], *, days: float | None = None, dry_run: bool = False
    ) -> CleanRead:
        """Delete what is older than so many days in some parts; what cannot be deleted is told and left.

        Args:
            parts: In this order.
            days: Age; None = as each part's setting says.
            dry_run: Tell it only.
        """
        removed: list[Removal] = []
        kept: list[Kept] = []
        for part in parts:
            area = self._areas[part]
            age_s = (area.keep_days if days is None else days) * _DAY_S
            for source in area.sources:
                await self._clean(source, self._clock.now_s() - age_s, dry_run, removed, kept)
        report = CleanRead(
            dry_run=dry_run,
            removed=removed,
            removed_bytes=sum(one.size_bytes for one in removed),
            kept=kept,
        )
        if removed and not dry_run:
            _log.info("cleaned", parts=list(parts), count=len(removed), size_bytes=report.removed_bytes)
        return report

    async def expired_jobs(self, durable: Durable) -> int:
        """Delete ended jobs whose time is over; how many they were. Raises StorageUnavailable."""
        return await clean_up(self._db, durable, self._job_folders, self._clock.now_s())

    async def old_events(self) -> int:
        """Delete events that were kept long enough; how many they were. Raises StorageUnavailable."""
        before_s = self._clock.now_s() - self._events_keep_s
        deleted = 0
        while True:
            async with self._db.begin() as tx:
                count = await delete_before(tx, before_s, _BATCH)
            deleted += count
            if count < _BATCH:
                return deleted

    async def expired_files(self) -> int:
        """Delete files whose time is over; how many they were. Raises StorageUnavailable."""
        return await self._files()

    async def _clean(
        self, source: Source, before_s: float, dry_run: bool, removed: list[Removal], kept: list[Kept]
    ) -> None:
        try:
            found = await source.find(before_s)
        except RoundhouseError as error:
            kept.append(Kept(kind=source.kind, name="", reason=error.detail))
            return
        for one in found:
            try:
                if dry_run or await source.remove(one, before_s):
                    removed.append(one)
            except RoundhouseError as error:
                kept.append(Kept(kind=source.kind, name=one.name, reason=error.detail))
