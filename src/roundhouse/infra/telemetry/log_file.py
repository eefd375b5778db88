"""A log file that starts anew by size and by day, and whose old parts are deleted."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import sys
import time
from pathlib import Path

from roundhouse.core.errors import BadInput

_DAY_S = 86_400


class RotatedFile(logging.Handler):
    """Writes lines at once; a full part is renamed to `name-<UTC time>.log`.

    Several processes may write to the same file: each notices when another one has renamed it. A full disk loses
    lines, says so once on the standard error stream, and ends by itself.

    Args:
        path: The file; its folder is made.
        max_bytes: A part is closed at this size, and at the end of a day (UTC).
        keep_days: Closed parts are deleted after this time.

    Attributes:
        lost: Lines that could not be written.

    Raises:
        BadInput: The folder cannot be written.
    """

    def __init__(self, path: Path, max_bytes: int, keep_days: int) -> None:
        super().__init__()
        self.path = path
        self.lost = 0
        self._max_bytes = max_bytes
        self._keep_s = keep_days * _DAY_S
        self._file: io.FileIO | None = None
        self._inode = 0
        self._day = 0
        self._is_cut = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open()
        except OSError as error:
            raise BadInput(
                f"The log folder {path.parent} cannot be written: {error.strerror}.", param="log.dir"
            ) from error
        self._delete_old()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        line = (self.format(record) + "\n").encode("utf-8", "replace")
        try:
            self._write(line)
        except OSError as error:
            if not self.lost:
                sys.stderr.write(f"{self.path} cannot be written, lines are lost: {error.strerror}\n")
            self.lost += 1

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
        super().close()

    def _write(self, line: bytes) -> None:
        if self._file is None or self._is_moved():
            self._open()
        file = self._file
        if file is None:
            return
        size_bytes = file.tell()
        if size_bytes and (
            size_bytes + len(line) > self._max_bytes or int(time.time()) // _DAY_S != self._day
        ):
            self._rotate()
            file = self._file
        if file is None:
            return
        whole = b"\n" + line if self._is_cut else line
        self._is_cut = file.write(whole) != len(whole)
        if self._is_cut:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _is_moved(self) -> bool:
        try:
            return self.path.stat().st_ino != self._inode
        except FileNotFoundError:
            return True

    def _open(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = io.FileIO(self.path, "a", opener=_private)
        self._file.seek(0, io.SEEK_END)
        status = os.fstat(self._file.fileno())
        self._inode = status.st_ino
        self._day = int(status.st_mtime if status.st_size else time.time()) // _DAY_S

    def _rotate(self) -> None:
        if self._file is not None:
            # Before the renaming: Windows renames no open file.
            self._file.close()
            self._file = None
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        part = self.path.with_name(f"{self.path.stem}-{stamp}-{time.time_ns() % 1_000_000_000:09d}.log")
        with contextlib.suppress(FileNotFoundError):  # Another process was faster.
            self.path.rename(part)
        self._open()
        self._delete_old()

    def _delete_old(self) -> None:
        oldest_s = time.time() - self._keep_s
        for part in self.path.parent.glob(f"{self.path.stem}-*.log"):
            with contextlib.suppress(FileNotFoundError):
                if part.stat().st_mtime < oldest_s:
                    part.unlink()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
