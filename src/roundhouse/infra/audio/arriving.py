"""Sound as it arrives over a network: its number format and rate brought to those of recognisers, piece by piece.

Where one piece ends and the next begins changes nothing but the rounding.

Source:
    ITU-T G.711 (1988): u-law and A-law. The filter is a windowed sinc (Kaiser), run in its phases.
"""

from __future__ import annotations

from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt

from roundhouse.core.audio import SAMPLE_RATE_HZ
from roundhouse.core.errors import BadInput
from roundhouse.infra.audio.blocks import Samples
from roundhouse.infra.audio.shapes import Encoding
from roundhouse.infra.audio.voice import Detector

_SIDE = 16
_BETA = 8.0

Floats = npt.NDArray[np.float32]


class Arriving:
    """One stream of mono sound.

    Args:
        encoding: Of its samples.
        rate_hz: 8000, 16000, 24000 or 48000.
    """

    def __init__(self, encoding: Encoding, rate_hz: int) -> None:
        self._table = None if encoding == "pcm" else _ulaw() if encoding == "pcmu" else _alaw()
        self._resampler = None if rate_hz == SAMPLE_RATE_HZ else Resampler(rate_hz, SAMPLE_RATE_HZ)

    def check(self, content: bytes) -> None:
        """Raise BadInput when it does not hold whole samples."""
        if self._table is None and len(content) % 2:
            raise BadInput("The sound ends in the middle of a sample: an odd number of bytes.", param="audio")

    def feed(self, content: bytes) -> Samples:
        """The next piece, as samples of `SAMPLE_RATE_HZ`."""
        if self._table is None:
            samples: Samples = np.frombuffer(content, "<i2")
        else:
            samples = self._table[np.frombuffer(content, np.uint8)]
        if self._resampler is None:
            return samples
        return np.clip(np.rint(self._resampler.feed(samples)), -32768, 32767).astype(np.int16)


class Ears:
    """Sound as it arrives, and how probable speech is in it. Its methods may run in a thread, one at a time.

    Args:
        detector: The session of `voice.open_model`.
        encoding: Of the samples.
        rate_hz: 8000, 16000, 24000 or 48000.
    """

    def __init__(self, detector: Any, encoding: Encoding, rate_hz: int) -> None:
        self._detector = Detector(detector)
        self._arriving = Arriving(encoding, rate_hz)

    def switch(self, encoding: Encoding, rate_hz: int) -> None:
        """Sound of another form comes from now on."""
        self._arriving = Arriving(encoding, rate_hz)

    def check(self, content: bytes) -> None:
        """Raise BadInput when it does not hold whole samples."""
        self._arriving.check(content)

    def feed(self, content: bytes) -> tuple[bytes, list[float]]:
        """The samples of a piece, 16 bit at 16 kHz, and a probability for each window that is whole with it."""
        samples = self._arriving.feed(content)
        return samples.astype("<i2").tobytes(), self._detector.feed(samples).tolist()


class Resampler:
    """Changes the rate of a stream; it lags behind by some samples.

    Args:
        from_hz: Of what comes.
        to_hz: Of what goes.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        shared = gcd(from_hz, to_hz)
        self._up, self._down = to_hz // shared, from_hz // shared
        self._phases = _phases(self._up, self._down)
        taps = self._phases.shape[1]
        self._past = np.zeros(taps - 1, np.float32)
        # Of the samples that went: where the next one lies, in steps of 1/up of a sample that comes.
        self._next = 0

    def feed(self, samples: Samples) -> Floats:
        """What is due now."""
        wave = np.concatenate([self._past, samples.astype(np.float32)])
        taps = self._phases.shape[1]
        steps = np.arange(self._next, len(samples) * self._up, self._down)
        if len(steps):
            self._next = int(steps[-1]) + self._down
        self._next -= len(samples) * self._up
        self._past = wave[len(wave) - taps + 1 :]
        found = np.empty(len(steps), np.float32)
        if len(steps):
            windows = np.lib.stride_tricks.sliding_window_view(wave, taps)
            for phase in range(self._up):
                mine = steps % self._up == phase
                found[mine] = windows[steps[mine] // self._up] @ self._phases[phase]
        return found


def _phases(up: int, down: int) -> Floats:
    """The low pass below the lower of both rates, by phase, the newest sample last."""
    wide = max(up, down)
    side = _SIDE * wide
    at = np.arange(-side, side + 1)
    whole = np.sinc(at / wide) * np.kaiser(len(at), _BETA) * up / wide
    whole = np.pad(whole, (0, -len(whole) % up))
    return np.ascontiguousarray(whole.reshape(-1, up).T[:, ::-1]).astype(np.float32)


def _ulaw() -> Samples:
    code = ~np.arange(256, dtype=np.uint8)
    size = (((code & 0x0F).astype(np.int32) << 3) + 0x84 << ((code & 0x70) >> 4).astype(np.int32)) - 0x84
    return np.where(code & 0x80, -size, size).astype(np.int16)


def _alaw() -> Samples:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    part, segment = (code & 0x0F).astype(np.int32) << 4, ((code & 0x70) >> 4).astype(np.int32)
    size = np.where(segment > 0, (part + 0x108) << np.maximum(segment - 1, 0), part + 8)
    return np.where(code & 0x80, size, -size).astype(np.int16)
