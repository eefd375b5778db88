"""Folders of weights that come from a hub: downloaded aside, put in place when they are whole."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

import msgspec

from roundhouse.backends.hub import Hub, HubFile

UNFINISHED = (".partial", ".old")
"""Ends of names of folders that are not, or no longer, models."""

_ORIGIN = "origin.json"
_PARTIAL, _OLD = UNFINISHED


class Origin(msgspec.Struct):
    """Where a folder's files come from; kept in it.

    Attributes:
        repository: `org/name`.
        revision: Of it.
        licence: Of the weights, as the hub tells it; empty = it tells none.
    """

    repository: str
    revision: str
    licence: str = ""


def origin_of(folder: Path) -> Origin | None:
    """Where a folder's files come from; None = it came by hand."""
    try:
        return msgspec.json.decode((folder / _ORIGIN).read_bytes(), type=Origin)
    except (OSError, msgspec.DecodeError):
        return None


def folders_in(root: Path) -> list[Path]:
    """Folders that may be models."""
    try:
        return sorted(one for one in root.iterdir() if one.is_dir() and not one.name.endswith(UNFINISHED))
    except OSError:
        return []


def models_in(roots: Sequence[Path], is_model: Callable[[Path], bool]) -> dict[str, Path]:
    """Models by name: the folder's, or the last two folders' for `org/name`; the first root wins. Reads the disk."""
    found: dict[str, Path] = {}
    for root in roots:
        for folder in folders_in(root):
            if is_model(folder):
                found.setdefault(folder.name, folder)
            else:
                for inner in filter(is_model, folders_in(folder)):
                    found.setdefault(f"{folder.name}/{inner.name}", inner)
    return found


async def brought(
    hub: Hub, home: Path, origin: Origin, files: Sequence[HubFile]
) -> AsyncGenerator[int, None]:
    """Bring files into a folder; tells how many bytes of all are there. A try that was cut off is gone on with.

    Raises:
        BackendFailed: And its kin. What has come stays, for another try.
        StorageFull: The disk is full.
    """
    partial = home.with_name(home.name + _PARTIAL)
    await asyncio.to_thread(_prepare, partial, origin)
    done = 0
    # The largest last: whatever is wrong with the small ones is known early.
    for file in sorted(files, key=lambda one: one.size or 0):
        there, path = 0, partial / file.name
        path.parent.mkdir(exist_ok=True)
        async for there in hub.download(origin.repository, origin.revision, file, path):
            yield done + there
        done += there
    await asyncio.to_thread(_put_in_place, partial, home)


def _prepare(partial: Path, origin: Origin) -> None:
    """A folder to download into; what came of another revision is thrown away."""
    if partial.exists() and origin_of(partial) != origin:
        shutil.rmtree(partial)
    partial.mkdir(parents=True, exist_ok=True)
    (partial / _ORIGIN).write_bytes(msgspec.json.encode(origin))


def _put_in_place(partial: Path, home: Path) -> None:
    old = home.with_name(home.name + _OLD)
    if home.exists():
        if old.exists():
            shutil.rmtree(old)
        home.rename(old)
    partial.rename(home)
    if old.exists():
        shutil.rmtree(old)
