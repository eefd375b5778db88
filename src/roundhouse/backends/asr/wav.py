"""The sound that every recogniser is given, read in parts: mono, 16 bit, 16 kHz, as `infra.audio` writes it."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import TYPE_CHECKING

from roundhouse.core.audio import SAMPLE_RATE_HZ
from roundhouse.core.errors import BadInput

if TYPE_CHECKING:
    from roundhouse.backends.asr.windows import Samples


class Wav:
    """A WAV file, mono, 16 bit, 16 kHz, read in parts.

    Args:
        path: Of the file.

    Raises:
        BadInput: It is something else.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = wave.open(str(path), "rb")  # noqa: SIM115 - closed by who made it
        except (OSError, EOFError, wave.Error) as error:
            raise BadInput(f"The sound cannot be read: {error}.", param="file") from None
        shape = (self._file.getnchannels(), self._file.getsampwidth(), self._file.getframerate())
        if shape != (1, 2, SAMPLE_RATE_HZ):
            self._file.close()
            raise BadInput(f"The sound must be mono, 16 bit, {SAMPLE_RATE_HZ} Hz.", param="file")
        self.samples = self._file.getnframes()

    def __enter__(self) -> Wav:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, start: int, end: int) -> Samples:
        """The samples from `start` up to `end`, from -1 to 1."""
        import numpy as np

        self._file.setpos(min(start, self.samples))
        data = self._file.readframes(max(0, min(end, self.samples) - start))
        return np.frombuffer(data, dtype="<i2").astype(np.float32) / 32768.0
