"""How full the disks are, who fills them, and what is done when they are too full."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from roundhouse.core.errors import RoundhouseError, StorageUnavailable
from roundhouse.features.ops.schemas import CleanRead, DiskReport, DiskUse, Kept, Part, PartUse, Removal
from roundhouse.features.ops.service.cleaning import CleaningService
from roundhouse.infra.disk_use import Fill, fill_of, size_bytes

EMERGENCY: tuple[tuple[Part, float | None], ...] = (
    ("cache", None),
    ("logs", None),
    ("audio", None),
    ("logs", 0.0),
)
"""What goes when a disk is too full, in this order: part, and age in days (None = as its setting says).

Recordings that are younger than the setting says stay, however full the disk is.
"""


class PartPlace(msgspec.Struct, frozen=True):
    """Where a part lies.

    Attributes:
        name: The part.
        paths: Files and folders on this machine; the first one names it.
        only: Only files of the first folder whose names have this pattern; empty = all that is in it.
        but: A folder in there that belongs to another part.
        elsewhere: The part's bytes on a server, None = it is on this machine.
        server: What the server is called.
    """

    name: Literal["database", "files", "jobs", "logs", "models", "cache"]
    paths: tuple[Path, ...] = ()
    only: str = ""
    but: Path | None = None
    elsewhere: Callable[[], Awaitable[int]] | None = None
    server: str = ""


class DiskService:
    """Looks at the disks of the service, and frees space on them.

    Args:
        folders: On the disks that are watched.
        places: Where its parts lie.
        cleaning: Frees space.
        threshold_percent: A fuller disk is too full.
        fill: How full the disk of a folder is; a fake in tests.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        places: Sequence[PartPlace],
        cleaning: CleaningService,
        threshold_percent: float,
        fill: Callable[[Path], Fill] = fill_of,
    ) -> None:
        self._folders = folders
        self._places = places
        self._cleaning = cleaning
        self._threshold_percent = threshold_percent
        self._fill = fill

    async def look(self) -> DiskReport:
        """How full the disks are, and what each part takes.

        Raises:
            StorageUnavailable: A disk cannot be looked at.
        """
        disks = await self._disks()
        parts = [await self._part(place) for place in self._places]
        return DiskReport(
            threshold_percent=self._threshold_percent,
            over=any(one.over for one in disks),
            disks=disks,
            parts=parts,
        )

    async def emergency(self, *, dry_run: bool = False) -> DiskReport:
        """`look`, after cleaning in the order of `EMERGENCY` until no disk is too full, or nothing is left to go.

        A dry run counts what would be deleted as free space, wherever it lies.

        Raises:
            StorageUnavailable: A disk cannot be looked at.
        """
        removed: list[Removal] = []
        kept: dict[tuple[str, str], Kept] = {}
        cleaned = False
        for part, days in EMERGENCY:
            foretold_bytes = sum(one.size_bytes for one in removed) if dry_run else 0
            if not any(one.over for one in await self._disks(foretold_bytes)):
                break
            report = await self._cleaning.clean([part], days=days, dry_run=dry_run)
            cleaned = True
            removed += [one for one in report.removed if one not in removed]
            kept |= {(one.kind, one.name): one for one in report.kept}
        found = await self.look()
        if cleaned:
            found.cleaned = CleanRead(
                dry_run=dry_run,
                removed=removed,
                removed_bytes=sum(one.size_bytes for one in removed),
                kept=list(kept.values()),
            )
        return found

    async def _disks(self, foretold_bytes: int = 0) -> list[DiskUse]:
        fills: dict[int, tuple[Path, Fill]] = {}
        for folder in self._folders:
            fill = await asyncio.to_thread(self._look_at, folder)
            fills.setdefault(fill.device, (folder, fill))
        return [self._disk(path, fill, foretold_bytes) for path, fill in fills.values()]

    def _disk(self, path: Path, fill: Fill, foretold_bytes: int) -> DiskUse:
        freed_bytes = min(foretold_bytes, fill.used_bytes)
        after = Fill(
            fill.device, fill.total_bytes, fill.used_bytes - freed_bytes, fill.free_bytes + freed_bytes
        )
        return DiskUse(
            path=str(path),
            total_bytes=after.total_bytes,
            used_bytes=after.used_bytes,
            free_bytes=after.free_bytes,
            percent=round(after.percent, 1),
            over=after.percent > self._threshold_percent,
        )

    async def _part(self, place: PartPlace) -> PartUse:
        try:
            if place.elsewhere is not None:
                counted = await place.elsewhere()
                return PartUse(name=place.name, place=place.server, size_bytes=counted, percent=None)
            counted = await asyncio.to_thread(_counted, place)
        except (RoundhouseError, OSError):
            # Who may not see a folder, or whose database is away, is still told how full the disk is.
            name = place.server or str(place.paths[0])
            return PartUse(name=place.name, place=name, size_bytes=None, percent=None)
        fill = await asyncio.to_thread(self._look_at, place.paths[0])
        share = round(100.0 * counted / fill.total_bytes, 1) if fill.total_bytes else None
        return PartUse(name=place.name, place=str(place.paths[0]), size_bytes=counted, percent=share)

    def _look_at(self, folder: Path) -> Fill:
        try:
            return self._fill(folder)
        except OSError as error:
            told = (error.strerror or str(error)).lower()
            raise StorageUnavailable(f"The disk of {folder} cannot be looked at: {told}.") from error


def _counted(place: PartPlace) -> int:
    paths = place.paths[0].glob(place.only) if place.only else place.paths
    return size_bytes(*paths, but=place.but)
