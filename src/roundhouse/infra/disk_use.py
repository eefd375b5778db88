"""How full a disk is, and who fills it."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec


class Fill(msgspec.Struct, frozen=True):
    """One disk.

    Attributes:
        device: The same for all folders of this disk.
        total_bytes: Its size.
        used_bytes: In use, by anybody.
        free_bytes: Left to an ordinary user.
    """

    device: int
    total_bytes: int
    used_bytes: int
    free_bytes: int

    @property
    def percent(self) -> float:
        """How full it is for an ordinary user, as `df` tells it."""
        usable_bytes = self.used_bytes + self.free_bytes
        return 100.0 * self.used_bytes / usable_bytes if usable_bytes else 0.0


def fill_of(folder: Path) -> Fill:
    """The disk on which a folder is, or would be made. Blocking.

    Raises:
        OSError: It cannot be looked at.
    """
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return Fill(folder.stat().st_dev, usage.total, usage.used, usage.free)


def size_bytes(*places: Path, but: Path | None = None) -> int:
    """Bytes of files and of whole folders; a file of two names counts once, links are not followed. Blocking.

    Args:
        places: Files and folders; what is not there has none.
        but: A folder that is left out.

    Raises:
        OSError: A folder cannot be read.
    """
    seen: set[tuple[int, int]] = set()
    total_bytes = 0
    for place in places:
        for status in _files(place, but):
            name = (status.st_dev, status.st_ino)
            if status.st_nlink > 1 and name in seen:
                continue
            seen.add(name)
            total_bytes += status.st_size
    return total_bytes


def _files(place: Path, but: Path | None) -> Iterator[os.stat_result]:
    try:
        status = place.lstat()
        if stat.S_ISREG(status.st_mode):
            yield status
        if not stat.S_ISDIR(status.st_mode) or place == but:
            return
        with os.scandir(place) as entries:
            inside = [Path(entry.path) for entry in entries]
    except FileNotFoundError:
        # Removed since it was listed.
        return
    for one in inside:
        yield from _files(one, but)
