"""Reading and rewriting our own WAV files in blocks: memory does not grow with their length."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from roundhouse.core.audio import SAMPLE_RATE_HZ
from roundhouse.infra.audio.wave import HEADER_BYTES, SAMPLE_BYTES

BLOCK_SAMPLES = 10 * SAMPLE_RATE_HZ

Samples = npt.NDArray[np.int16]


def samples_of(path: Path) -> int:
    """How many a file of ours holds."""
    return (path.stat().st_size - HEADER_BYTES) // SAMPLE_BYTES


def blocks(path: Path) -> Iterator[Samples]:
    """The samples of a file, ten seconds at a time."""
    with path.open("rb", buffering=0) as file:
        file.seek(HEADER_BYTES)
        while content := file.read(BLOCK_SAMPLES * SAMPLE_BYTES):
            yield np.frombuffer(content, "<i2")


def rewrite(path: Path, change: Callable[[Samples], Samples]) -> None:
    """Change every block where it stands."""
    with path.open("r+b", buffering=0) as file:
        at = HEADER_BYTES
        file.seek(at)
        while content := file.read(BLOCK_SAMPLES * SAMPLE_BYTES):
            file.seek(at)
            file.write(change(np.frombuffer(content, "<i2")).astype("<i2").tobytes())
            at += len(content)
