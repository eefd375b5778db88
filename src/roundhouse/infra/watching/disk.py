"""A watched folder on the disk: what lies in it, its bytes, and where things go. All of it blocks.

Nothing outside the folder is ever read or written, whatever links lie in it: links are not followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from roundhouse.core.errors import Cancelled, NotAllowed, StorageUnavailable
from roundhouse.infra.blobs.disk import disk_errors
from roundhouse.infra.watching.model import Seen

_BLOCK_BYTES = 1024 * 1024
_UNFINISHED = (
    *(".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".filepart", ".opdownload"),
    *(".swp", ".lock", "~"),
)
_BEGIN_UNFINISHED = (".", "~")
_NEVER = frozenset({"thumbs.db", "desktop.ini"})
_FLAGS = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)
_MOST_NAMES = 10_000


def look(folder: Path) -> tuple[list[Seen], list[str]]:
    """Files that lie in a folder, and the names of links, which are refused.

    Hidden and temporary files, and folders, are nobody's business.

    Raises:
        StorageUnavailable: It cannot be read.
    """
    found: list[Seen] = []
    refused: list[str] = []
    with disk_errors(), os.scandir(folder) as entries:
        for entry in entries:
            if _is_unfinished(entry.name):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISLNK(status.st_mode) or not _can_be_said(entry.name):
                refused.append(entry.name)
            elif stat.S_ISREG(status.st_mode):
                found.append(_seen(entry.name, status))
    return found, refused


def read(folder: Path, seen: Seen) -> Iterator[bytes]:
    """The bytes of a file, which must be the one that was seen from the first to the last.

    Raises:
        Cancelled: It is another one, or gone.
        NotAllowed: This process has no right to.
        StorageUnavailable: It cannot be read.
    """
    with disk_errors():
        try:
            descriptor = os.open(folder / seen.name, _FLAGS)
        except (FileNotFoundError, NotADirectoryError):
            raise Cancelled("The file is gone.") from None
        except PermissionError:
            raise NotAllowed("The file may not be read.") from None
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            _check(seen, os.fstat(descriptor))
            while block := file.read(_BLOCK_BYTES):
                yield block
            _check(seen, os.fstat(descriptor))


def lies_in(folder: Path, seen: Seen) -> bool:
    """Whether the file that was seen is still there, and no other one in its place."""
    with disk_errors():
        try:
            status = os.lstat(folder / seen.name)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return stat.S_ISREG(status.st_mode) and _seen(seen.name, status) == seen


def free_name(folder: Path, name: str) -> str:
    """A name like this that nothing in a folder has."""
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    for count in range(1, _MOST_NAMES):
        wanted = name if count == 1 else f"{stem} ({count}){dot}{ending}"
        if not os.path.lexists(folder / wanted):
            return wanted
    raise StorageUnavailable(f"The folder {folder.name} holds too many files of the same name.")


def move(folder: Path, name: str, target: Path, new_name: str) -> None:
    """Put a file into a folder inside this one; it is no error where it is gone already.

    Raises:
        StorageUnavailable: That cannot be done.
        StorageFull: No space left.
    """
    with _made(target), disk_errors():
        try:
            Path(folder / name).rename(target / new_name)
        except FileNotFoundError:
            return
        _sync(target)


def write(folder: Path, name: str, body: bytes) -> None:
    """Write a file, whole or not at all; raises as `move` does."""
    with _made(folder), disk_errors():
        draft = folder / f".{name[:80]}.{os.getpid()}.tmp"
        try:
            with draft.open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(folder / name)
            _sync(folder)
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """A folder that is there and that is no link."""
    with disk_errors():
        folder.mkdir(parents=True, exist_ok=True)
        if folder.is_symlink():
            raise StorageUnavailable(f"{folder.name} is a link, which is not followed.")
    yield


def _sync(folder: Path) -> None:
    """Put the names of a folder on the disk, where the system can do that."""
    flag = getattr(os, "O_DIRECTORY", None)
    if flag is None:
        return
    descriptor = os.open(folder, os.O_RDONLY | flag)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check(seen: Seen, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode) or _seen(seen.name, status) != seen:
        raise Cancelled("The file changed while it was read.")


def _seen(name: str, status: os.stat_result) -> Seen:
    return Seen(status.st_mtime_ns, name, status.st_size)


def _is_unfinished(name: str) -> bool:
    small = name.lower()
    return small.startswith(_BEGIN_UNFINISHED) or small.endswith(_UNFINISHED) or small in _NEVER


def _can_be_said(name: str) -> bool:
    """Whether a name is a text, and not bytes in an encoding that nobody knows."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
