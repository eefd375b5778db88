"""Files of a folder that belong to nobody's row: closed parts of the log, parts of models and their environments."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path

from roundhouse.core.errors import BadInput, StorageUnavailable
from roundhouse.features.ops.schemas import Kind, Removal
from roundhouse.infra.hosting.environments import CACHE, PARTIAL, build_lock
from roundhouse.infra.moments import moment
from roundhouse.infra.telemetry.logs import FILE_NAME

_PARTIAL = (".part", ".partial", ".incomplete", ".downloading", ".tmp")
_STILL_S = 3600.0
"""To a download that goes on, something is added more often."""


class LogFiles:
    """Closed parts of the log, `roundhouse-….log`; the file that is written to stays. Links are not followed.

    Args:
        folder: Of the log.
        data_dir: The data folder.
    """

    kind: Kind = "log"

    def __init__(self, folder: Path, data_dir: Path) -> None:
        self._folder = folder.expanduser().resolve()
        self._data_dir = data_dir

    async def find(self, before_s: float) -> list[Removal]:
        """Parts that were closed before a time, oldest first.

        Raises:
            BadInput: The folder holds more than logs: it is the data folder, or one that this one lies in.
            StorageUnavailable: It cannot be read.
        """
        if self._folder == self._data_dir or self._folder in self._data_dir.parents:
            raise BadInput(
                f"{self._folder} is no folder of logs: the data folder {self._data_dir} is, or lies in, it. "
                "Set log.dir (LOG_DIR) to a folder of its own.",
                param="log.dir",
            )
        return await asyncio.to_thread(self._find, before_s)

    async def remove(self, one: Removal, before_s: float) -> bool:
        """Delete a part; raises StorageUnavailable."""
        return await asyncio.to_thread(_delete, Path(one.name))

    def _find(self, before_s: float) -> list[Removal]:
        stem = Path(FILE_NAME).stem
        parts = [
            (path, status)
            for path, status in _regular(self._folder)
            if path.name.startswith(f"{stem}-") and path.suffix == ".log"
        ]
        return _older(self.kind, parts, before_s)


class PartialModels:
    """Downloads of models that broke off; none while a download goes on.

    Args:
        folder: Of the models.
        pulling: Whether a job downloads a model, or will.
        now_s: The time.
    """

    kind: Kind = "partial_model"

    def __init__(
        self, folder: Path, pulling: Callable[[], Awaitable[bool]], now_s: Callable[[], float]
    ) -> None:
        self._folder = folder
        self._pulling = pulling
        self._now_s = now_s

    async def find(self, before_s: float) -> list[Removal]:
        """Parts to which nothing was added since a time, an hour at least; raises StorageUnavailable."""
        before_s = min(before_s, self._now_s() - _STILL_S)
        found = await asyncio.to_thread(self._find, before_s)
        return [] if found and await self._pulling() else found

    async def remove(self, one: Removal, before_s: float) -> bool:
        """Delete a part; raises StorageUnavailable."""
        return not await self._pulling() and await asyncio.to_thread(_delete, Path(one.name))

    def _find(self, before_s: float) -> list[Removal]:
        return _still(self.kind, _unfinished(self._folder), before_s)


class PartialEnvironments:
    """Environments of models whose building broke off, and what had been downloaded for them.

    Args:
        folder: Of all environments.
        now_s: The time.
    """

    kind: Kind = "partial_environment"

    def __init__(self, folder: Path, now_s: Callable[[], float]) -> None:
        self._folder = folder
        self._now_s = now_s

    async def find(self, before_s: float) -> list[Removal]:
        """Parts to which nothing was added since a time, an hour at least; raises StorageUnavailable."""
        before_s = min(before_s, self._now_s() - _STILL_S)
        return await asyncio.to_thread(self._find, before_s)

    async def remove(self, one: Removal, before_s: float) -> bool:
        """Delete a part, unless one of its name is being built; raises StorageUnavailable."""
        return await asyncio.to_thread(self._remove, Path(one.name))

    def _find(self, before_s: float) -> list[Removal]:
        parts = [
            (path, status)
            for path, status in _entries(self._folder)
            if stat.S_ISDIR(status.st_mode) and path.name.endswith((PARTIAL, CACHE))
        ]
        return _still(self.kind, parts, before_s)

    def _remove(self, path: Path) -> bool:
        lock = build_lock(self._folder, path.name.partition(".")[0])
        try:
            return lock.take() and _delete(path)
        except OSError as error:
            raise StorageUnavailable(f"It cannot be deleted: {_reason(error)}.") from error
        finally:
            lock.give_back()


_Found = tuple[Path, os.stat_result]


def _still(kind: Kind, parts: Iterable[_Found], before_s: float) -> list[Removal]:
    """Files and whole folders in which nothing has changed since a time, oldest first."""
    found: list[Removal] = []
    for path, status in parts:
        inside = list(_below(path)) if stat.S_ISDIR(status.st_mode) else [(path, status)]
        size_bytes = sum(one.st_size for _, one in inside)
        at_s = max((one.st_mtime for _, one in inside), default=status.st_mtime)
        if at_s <= before_s:
            found.append(Removal(kind=kind, name=str(path), size_bytes=size_bytes, at=moment(at_s)))
    return sorted(found, key=lambda one: (one.at, one.name))


def _older(kind: Kind, parts: list[_Found], before_s: float) -> list[Removal]:
    found = [(path, status) for path, status in parts if status.st_mtime <= before_s]
    found.sort(key=lambda one: (one[1].st_mtime, one[0]))
    return [
        Removal(kind=kind, name=str(path), size_bytes=status.st_size, at=moment(status.st_mtime))
        for path, status in found
    ]


def _unfinished(folder: Path) -> Iterator[_Found]:
    """Files and whole folders whose names tell that they are parts of a download."""
    for path, status in _entries(folder):
        if path.name.endswith(_PARTIAL) and not stat.S_ISLNK(status.st_mode):
            yield path, status
        elif stat.S_ISDIR(status.st_mode):
            yield from _unfinished(path)


def _below(folder: Path) -> Iterator[_Found]:
    for path, status in _entries(folder):
        if stat.S_ISDIR(status.st_mode):
            yield from _below(path)
        elif stat.S_ISREG(status.st_mode):
            yield path, status


def _regular(folder: Path) -> Iterator[_Found]:
    return (one for one in _entries(folder) if stat.S_ISREG(one[1].st_mode))


def _entries(folder: Path) -> list[_Found]:
    """All entries of a folder as they are, not what links lead to."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    found.append((Path(entry.path), entry.stat(follow_symlinks=False)))
                except FileNotFoundError:
                    continue
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageUnavailable(f"{folder} cannot be read: {_reason(error)}.") from error
    return found


def _delete(path: Path) -> bool:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageUnavailable(f"It cannot be deleted: {_reason(error)}.") from error
    return True


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
