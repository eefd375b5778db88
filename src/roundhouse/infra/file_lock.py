"""Locks on files, by which processes of one machine see each other die: the kernel frees them with their holder.

A process that is frozen still holds its lock. A child made by a bare fork would hold it as well, so children are
always started as new programs.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Literal

State = Literal["held", "free", "gone"]


class FileLock:
    """A lock file, made at need; the file stays when the lock is given back.

    Args:
        path: Where it is. Its folder must be there.
        mode: Who may open a file that is made, as for `chmod`.
    """

    def __init__(self, path: Path, mode: int = 0o600) -> None:
        self.path = path
        self._mode = mode
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def take(self) -> bool:
        """Take the lock if it is free; False when another holds it.

        Raises:
            OSError: The file cannot be opened.
        """
        while self._descriptor is None:
            descriptor = _open(self.path, self._mode)
            if not _lock(descriptor):
                os.close(descriptor)
                return False
            if _is_at(descriptor, self.path):
                self._descriptor = descriptor
            else:
                # Somebody removed the file between the opening and the locking.
                os.close(descriptor)
        return True

    def give_back(self) -> None:
        """Let others have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def look(path: str | Path) -> State:
    """Whether somebody holds the lock; some 10 µs.

    The look holds a shared lock for a moment, so that two who look do not take one another for the holder.

    Returns:
        `gone` also when this process may not, or cannot, see the file.
    """
    try:
        descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    except OSError:
        return "gone"
    try:
        return "free" if _lock(descriptor, shared=True) else "held"
    finally:
        os.close(descriptor)


def remove_if_free(path: Path) -> None:
    """Remove a lock file that nobody holds; one that is held, or cannot be removed, is left alone."""
    lock = FileLock(path)
    with contextlib.suppress(OSError):
        if path.exists() and lock.take():
            path.unlink()
    lock.give_back()


def _open(path: Path, mode: int) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, mode)
    except PermissionError:
        if not path.exists():
            raise
        # A file of another user, in a folder of all: reading is enough to lock it.
        return os.open(path, os.O_RDONLY)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock if it is free; closing the descriptor gives it back."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
