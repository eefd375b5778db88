"""Where decoded samples go: one track, or the two of a stereo recording and what they have in common."""

from __future__ import annotations

import math
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from roundhouse.core.audio import SAMPLE_RATE_HZ
from roundhouse.infra.audio.wave import HEADER_BYTES, WaveWriter

_STEP = SAMPLE_RATE_HZ // 10
_SILENT = (32768 * 10 ** (-50 / 20)) ** 2
_SAME_WAVE = 0.5
_SAME_SWELL = 0.8
_INVERTED = -0.8
_BLOCK_BYTES = 2 * 10 * SAMPLE_RATE_HZ


class Sink(Protocol):
    """Takes samples of 16 kHz, signed 16 bit, channels interleaved."""

    channels: int

    @property
    def samples(self) -> int:
        """Taken until now, per channel."""
        ...

    def write(self, content: bytes | memoryview) -> None:
        """Add samples."""
        ...

    def write_silence(self, samples: int) -> None:
        """Add silence."""
        ...


class Mix(WaveWriter):
    """One track."""

    channels = 1


class Sides:
    """Left and right, each a track of its own; a context manager, on leaving which both files are whole.

    Whether they carry the same is told by two measures over those tenths of a second in which anybody is heard: how
    much the waves are alike, and how much the loudness of one rises with that of the other, as it does with two
    microphones in one room.

    Args:
        left: Made anew.
        right: Made anew.
        reserve_bytes: Space on the disk that is left to others.
    """

    channels = 2

    def __init__(self, left: Path, right: Path, reserve_bytes: int = 0) -> None:
        self._files = ExitStack()
        self._left, self._right = WaveWriter(left, reserve_bytes), WaveWriter(right, reserve_bytes)
        self._rest = np.empty((0, 2), dtype=np.int16)
        self._waves = np.zeros(3)
        self._swells = np.zeros(6)
        self._heard = np.zeros(2)

    def __enter__(self) -> Self:
        self._files.enter_context(self._left)
        self._files.enter_context(self._right)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    @property
    def samples(self) -> int:
        """Per channel."""
        return self._left.samples

    def write(self, content: bytes | memoryview) -> None:
        """Add samples of both."""
        pairs = np.frombuffer(content, dtype="<i2").reshape(-1, 2)
        self._left.write(pairs[:, 0].tobytes())
        self._right.write(pairs[:, 1].tobytes())
        pairs = np.concatenate([self._rest, pairs])
        whole = len(pairs) // _STEP * _STEP
        self._rest = pairs[whole:]
        self._compare(pairs[:whole].astype(np.float64).reshape(-1, _STEP, 2))

    def write_silence(self, samples: int) -> None:
        """Add silence to both."""
        self._left.write_silence(samples)
        self._right.write_silence(samples)

    @property
    def alike(self) -> float:
        """How much the waves are alike, -1 (inverted) to 1 (the same); 0 = not at all, or one is silent."""
        return _correlation(*self._waves)

    @property
    def differ(self) -> bool:
        """Whether each is somebody's own."""
        count, left, right, left_2, right_2, both = self._swells
        if self._heard.min() == 0 or count < 2:
            return False
        swell = _correlation(
            left_2 - left * left / count, right_2 - right * right / count, both - left * right / count
        )
        return abs(self.alike) < _SAME_WAVE and swell < _SAME_SWELL

    @property
    def inverted(self) -> bool:
        """Whether they would cancel each other when mixed."""
        return self.alike < _INVERTED

    def _compare(self, steps: np.ndarray) -> None:
        power = (steps**2).mean(axis=1)
        heard = power.max(axis=1) > _SILENT
        self._heard += (power > _SILENT).sum(axis=0)
        both = (steps[:, :, 0] * steps[:, :, 1]).mean(axis=1)
        self._waves += power[heard, 0].sum(), power[heard, 1].sum(), both[heard].sum()
        left, right = np.log10(power[heard] + 1).T
        self._swells += (
            heard.sum(), left.sum(), right.sum(), (left**2).sum(), (right**2).sum(), (left * right).sum(),
        )  # fmt: skip


def mix(left: Path, right: Path, target: Path) -> None:
    """Write the mean of two tracks, block by block."""
    with left.open("rb") as one, right.open("rb") as other, Mix(target) as mixed:
        one.seek(HEADER_BYTES)
        other.seek(HEADER_BYTES)
        while block := one.read(_BLOCK_BYTES):
            pair = np.frombuffer(block, "<i2").astype(np.int32) + np.frombuffer(other.read(len(block)), "<i2")
            mixed.write((pair // 2).astype("<i2").tobytes())


def _correlation(left: float, right: float, both: float) -> float:
    return both / math.sqrt(left * right) if left > 0 and right > 0 else 0.0
