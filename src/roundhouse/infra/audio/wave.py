"""WAV: what its header declares, and how ours are written."""

from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from roundhouse.core.audio import SAMPLE_RATE_HZ
from roundhouse.core.errors import StorageFull

SAMPLE_BYTES = 2
HEADER_BYTES = 44

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_CHUNK = struct.Struct("<4sI")
_MOST_CHUNKS = 1000
_CHECK_SAMPLES = 8 * 1024 * 1024
_NO_SIZE = ((0x7FFF_F000, 0x8000_0000), (0xFFFF_F000, 0xFFFF_FFFF))


class WaveHeader(NamedTuple):
    """What a WAV file says of itself.

    Attributes:
        declared_s: By the size of its data; None = whoever wrote it did not know, or it cannot be read.
        present_s: By the size of the file.
    """

    declared_s: float | None
    present_s: float | None


def read_header(file: BinaryIO) -> WaveHeader:
    """Look at the chunks; `file` is opened at its beginning."""
    file_bytes = os.fstat(file.fileno()).st_size
    file.seek(12)
    bytes_s, wide_bytes = 0, 0
    for _ in range(_MOST_CHUNKS):
        head = file.read(_CHUNK.size)
        if len(head) < _CHUNK.size:
            break
        name, size = _CHUNK.unpack(head)
        start = file.tell()
        if name == b"fmt ":
            content = file.read(min(size, 40))
            if len(content) >= 12:
                (bytes_s,) = struct.unpack_from("<I", content, 8)
        elif name == b"ds64":
            content = file.read(min(size, 28))
            if len(content) >= 16:
                (wide_bytes,) = struct.unpack_from("<Q", content, 8)
        elif name == b"data":
            return _of_data(
                wide_bytes if size == 0xFFFF_FFFF and wide_bytes else size, file_bytes - start, bytes_s
            )
        file.seek(start + size + size % 2)
    return WaveHeader(None, None)


def _of_data(declared_bytes: int, present_bytes: int, bytes_s: int) -> WaveHeader:
    if bytes_s == 0:
        return WaveHeader(None, None)
    streamed = declared_bytes == 0 or any(low <= declared_bytes <= high for low, high in _NO_SIZE)
    if streamed and declared_bytes != present_bytes:
        return WaveHeader(None, present_bytes / bytes_s)
    return WaveHeader(declared_bytes / bytes_s, min(declared_bytes, present_bytes) / bytes_s)


class WaveWriter:
    """Writes mono sound of 16 kHz; a context manager, on leaving which the file is whole.

    Args:
        path: Made anew.
        reserve_bytes: Space on its disk that is left to others.

    Attributes:
        samples: Written until now.

    Raises:
        StorageFull: There is not as much left.
    """

    def __init__(self, path: Path, reserve_bytes: int = 0) -> None:
        self.path = path
        self.samples = 0
        self._reserve_bytes = reserve_bytes
        self._check_at = 0
        self._file = path.open("wb", buffering=0)
        self._file.write(_header(0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            self._file.seek(0)
            self._file.write(_header(self.samples))

    def write(self, content: bytes | memoryview) -> None:
        """Add signed 16-bit samples."""
        if self.samples >= self._check_at:
            check_room(self.path.parent, self._reserve_bytes)
            self._check_at = self.samples + _CHECK_SAMPLES
        self.samples += len(content) // SAMPLE_BYTES
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]

    def write_silence(self, samples: int) -> None:
        """Add nothing, in pieces."""
        second = bytes(SAMPLE_RATE_HZ * SAMPLE_BYTES)
        while samples > 0:
            self.write(second[: samples * SAMPLE_BYTES])
            samples -= SAMPLE_RATE_HZ


def check_room(folder: Path, least_bytes: int) -> None:
    """Raise StorageFull when less is left on the disk of a folder."""
    if least_bytes and shutil.disk_usage(folder).free < least_bytes:
        raise StorageFull("The disk has no room for the sound of this recording.")


def _header(samples: int) -> bytes:
    size = samples * SAMPLE_BYTES
    return _HEADER.pack(
        b"RIFF", HEADER_BYTES - 8 + size, b"WAVE", b"fmt ", 16, 1, 1, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * SAMPLE_BYTES,
        SAMPLE_BYTES, 8 * SAMPLE_BYTES, b"data", size,
    )  # fmt: skip
