"""Zip files: written while they are sent, and read from strangers.

A written one needs no seeking and holds no file in memory; what grows is its table of contents, half a kilobyte for
each file.
"""

from __future__ import annotations

import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

from roundhouse.core.errors import BadInput, TooLarge

MAGIC = b"PK\x03\x04"

_NAME_BYTES = 90
_EARLIEST_S = 315_619_200.0  # 1980-01-02: a zip file knows no earlier times
_LATEST_S = 4_354_732_800.0  # 2107-12-31
_OF_A_MAC = re.compile(r"(^|/)(__MACOSX/|\._[^/]*$)")
"""What the packer of a Mac adds to every archive and file."""

_NOT_WORD = re.compile(r"[\W_]+")


class ZipStream:
    """A zip file that comes into being: what the methods return is to be sent, in order."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(cast("BinaryIO", self._sink), "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        self._file: BinaryIO | None = None

    def open(self, name: str, at_s: float) -> bytes:
        """Begin a file.

        Args:
            name: Its path in the archive; see `file_name`.
            at_s: Its time, Unix seconds.
        """
        at = datetime.fromtimestamp(min(max(at_s, _EARLIEST_S), _LATEST_S), UTC)
        info = zipfile.ZipInfo(name, at.timetuple()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        self._file = cast("BinaryIO", self._zip.open(info, "w", force_zip64=True))
        return self._sink.taken()

    def write(self, data: bytes) -> bytes:
        """Go on with the file."""
        assert self._file is not None
        self._file.write(data)
        return self._sink.taken()

    def end_file(self) -> bytes:
        """End the file."""
        assert self._file is not None
        self._file.close()
        self._file = None
        return self._sink.taken()

    def end(self) -> bytes:
        """End the archive."""
        self._zip.close()
        return self._sink.taken()

    def discard(self) -> None:
        """Give it up wherever it is; nothing is left to send."""
        if self._file is not None:
            self.end_file()
        self.end()


class _Sink:
    """Where `zipfile` writes to: it cannot be sought, so sizes follow the data."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> bytes:
        """What was written since the last time."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


def slug(title: str) -> str:
    """What of a title can stand in a file's name on every system: letters and digits of any script; may be empty."""
    words = _NOT_WORD.sub("-", unicodedata.normalize("NFC", title[:500]))
    return words.strip("-").encode()[:_NAME_BYTES].decode("utf-8", "ignore").strip("-")


def file_name(number: int, title: str, suffix: str) -> str:
    """A name that belongs to one file of an archive alone, e.g. `sessions/000001-my-chat.json`.

    Args:
        number: Counts the files.
        title: Of the session.
        suffix: With its dot.
    """
    kept = slug(title)
    return f"sessions/{number:06d}{'-' if kept else ''}{kept}{suffix}"


def members(path: Path) -> list[str]:
    """Names of the files in an archive; raises BadInput when it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [one.filename for one in archive.infolist() if not one.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError) as error:
        raise BadInput(f"The zip file cannot be read: {str(error)[:200]}.", param="file") from None


class Unpacked:
    """Reads one file of an archive, up to so many bytes, as a stream.

    Args:
        path: The archive.
        name: Of the file.
        most_bytes: Unpacked; a small archive may hold endless zeros.
    """

    def __init__(self, path: Path, name: str, most_bytes: int) -> None:
        self._left_bytes = most_bytes
        self._name = name
        try:
            self._archive = zipfile.ZipFile(path)
            self._file = self._archive.open(name)
        except (
            zipfile.BadZipFile,
            OSError,
            ValueError,
            RuntimeError,
            KeyError,
        ) as error:
            raise _damaged(name, error) from None

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes.

        Raises:
            TooLarge: It has more than `most_bytes`.
            BadInput: It is damaged.
        """
        try:
            data = self._file.read(size)
        except (zipfile.BadZipFile, OSError, ValueError, EOFError, zlib.error) as error:
            raise _damaged(self._name, error) from None
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            raise TooLarge(f"{self._name[:200]} is too large when it is unpacked.", param="file")
        return data

    def close(self) -> None:
        """Close the archive."""
        self._file.close()
        self._archive.close()


def conversation_members(names: list[str]) -> Iterator[str]:
    """Which files of an archive hold conversations, by what their programs call them."""
    json_names = sorted(
        name for name in names if name.lower().endswith(".json") and not _OF_A_MAC.search(name)
    )
    ours = [name for name in json_names if name.startswith("sessions/")]
    theirs = [name for name in json_names if re.search(r"(^|/)conversations(-[0-9]+)?\.json$", name)]
    yield from ours or theirs or json_names


def _damaged(name: str, error: Exception) -> BadInput:
    return BadInput(f"{name[:200]} in the zip file cannot be read: {str(error)[:200]}.", param="file")
