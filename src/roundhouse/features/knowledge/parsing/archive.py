"""Archives from strangers (office files, EPUB): parts are read by name, within limits, and never written anywhere.

The sizes that an archive declares are not believed: what comes out is counted while it is unpacked.
"""

from __future__ import annotations

import posixpath
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Self

from roundhouse.core.errors import DocumentEncrypted, DocumentUnreadable, TooLarge
from roundhouse.features.knowledge.parsing.shapes import MIB, ParsingLimits

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    RuntimeError,
)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_MOST_PARTS = 50_000
_RATIO_FROM_BYTES = 16 * MIB
_PIECE_BYTES = 64 * 1024


class Archive:
    """A zip file, opened for reading.

    Args:
        path: The file.
        name: For messages.
        limits: On what is unpacked, all parts together.

    Raises:
        DocumentUnreadable: It is damaged.
        TooLarge: It has too many parts.
    """

    def __init__(self, path: Path, name: str, limits: ParsingLimits) -> None:
        self._name = name
        self._limits = limits
        self._left_bytes = limits.max_unpacked_mib * MIB
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGE as error:
            raise DocumentUnreadable(f"{name} is damaged: its parts are not found.") from error
        self._parts = {one.filename: one for one in self._zip.infolist()}
        if len(self._parts) > _MOST_PARTS:
            raise TooLarge(f"{name} has more than {_MOST_PARTS:,} parts.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def __contains__(self, part: str) -> bool:
        return part in self._parts

    def names(self) -> Iterator[str]:
        """Of all parts, as they lie there."""
        return iter(self._parts)

    @contextmanager
    def open(self, part: str) -> Iterator[Part]:
        """Read a part piece by piece.

        Raises:
            DocumentUnreadable: It is not there, or damaged.
            DocumentEncrypted: It needs a password.
            TooLarge: It unpacks to more than is allowed.
        """
        info = self._parts.get(part)
        if info is None:
            raise DocumentUnreadable(f"{self._name} is damaged: a part of it is missing.")
        if info.flag_bits & _ENCRYPTED:
            raise DocumentEncrypted(f"{self._name} is encrypted; save it without a password.")
        if info.compress_type not in _METHODS:
            raise DocumentUnreadable(f"{self._name} is packed in a way that office files never are.")
        try:
            file = self._zip.open(info)
        except _DAMAGE as error:
            raise DocumentUnreadable(f"{self._name} is damaged.") from error
        with file:
            yield Part(file, self, max(info.compress_size, 1))

    def read(self, part: str, most_bytes: int) -> bytes:
        """A part, whole.

        Raises:
            TooLarge: It is larger than `most_bytes`.
            DocumentUnreadable: As in `open`.
            DocumentEncrypted: As in `open`.
        """
        with self.open(part) as file:
            content = file.read(most_bytes + 1)
        if len(content) > most_bytes:
            raise TooLarge(f"A part of {self._name} is larger than {most_bytes // MIB} MiB.")
        return content

    def take(self, file: IO[bytes], size: int, taken: int, packed_bytes: int) -> bytes:
        """Unpack so many bytes and count them; `Part` alone calls this."""
        try:
            content = file.read(size)
        except _DAMAGE as error:
            raise DocumentUnreadable(f"{self._name} is damaged: a part of it cannot be unpacked.") from error
        self._left_bytes -= len(content)
        taken += len(content)
        if self._left_bytes < 0:
            raise TooLarge(f"{self._name} unpacks to more than {self._limits.max_unpacked_mib} MiB.")
        if taken > _RATIO_FROM_BYTES and taken > packed_bytes * self._limits.max_ratio:
            raise TooLarge(
                f"{self._name} grows more than {self._limits.max_ratio} times when it is unpacked."
            )
        return content


class Part:
    """An open part of an archive."""

    def __init__(self, file: IO[bytes], archive: Archive, packed_bytes: int) -> None:
        self._file = file
        self._archive = archive
        self._packed_bytes = packed_bytes
        self._taken = 0

    def read(self, size: int) -> bytes:
        """At most so many bytes, fewer only at the end; raises as `Archive.open` says."""
        found = []
        while size > 0:
            piece = self._archive.take(self._file, min(size, _PIECE_BYTES), self._taken, self._packed_bytes)
            if not piece:
                break
            self._taken += len(piece)
            size -= len(piece)
            found.append(piece)
        return b"".join(found)


def beside(part: str, target: str) -> str:
    """The name of a part that another one points to, relative to it or, with a slash, to the archive."""
    if target.startswith("/"):
        return posixpath.normpath(target).lstrip("/")
    return posixpath.normpath(posixpath.join(posixpath.dirname(part), target))
