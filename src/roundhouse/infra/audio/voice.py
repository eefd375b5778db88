"""Where somebody speaks: the Silero model that comes inside faster-whisper, block by block.

The package is not imported, only the model's file is read: it would bring the recogniser along. The states of the
model pass from block to block, so that the result does not depend on where blocks end.

Source:
    Silero VAD v6 (MIT), github.com/snakers4/silero-vad: the model, and the rules from probabilities to regions, as in
    `faster_whisper.vad.get_speech_timestamps` 1.2.1, with which a test compares them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from roundhouse.core.audio import SAMPLE_RATE_HZ, Region
from roundhouse.core.errors import MissingExtra
from roundhouse.infra.audio.blocks import Samples
from roundhouse.infra.audio.shapes import VadSettings

WINDOW = 512
"""Samples to which the model gives one probability."""

_PACKAGE = "faster_whisper"
_MODEL = "assets/silero_vad_v6.onnx"
_CONTEXT = 64
_STATE = (1, 1, 128)
_HYSTERESIS = 0.15
_LEAST = 0.01
_MS = SAMPLE_RATE_HZ / 1000

Floats = npt.NDArray[np.float32]


def model_path() -> Path:
    """The model's file.

    Raises:
        MissingExtra: The package that it comes in is not installed, or of a version that has another.
    """
    spec = find_spec(_PACKAGE)
    folders = list(spec.submodule_search_locations or []) if spec is not None else []
    for folder in folders:
        path = Path(folder) / _MODEL
        if path.is_file():
            return path
    raise MissingExtra(
        "The model that finds speech is missing: `pip install 'faster-whisper>=1.2,<1.3'`, or set audio.vad to false."
    )


class Detector:
    """Tells of sound as it comes how probable speech is in it; it remembers what came before.

    Args:
        session: Of `open_model`; several detectors may share one.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._h, self._c = np.zeros(_STATE, np.float32), np.zeros(_STATE, np.float32)
        self._context, self._rest = np.zeros((1, _CONTEXT), np.float32), np.empty(0, np.float32)

    def feed(self, block: Samples) -> Floats:
        """One probability for each window that is whole now; what is left over waits for the next block."""
        wave = np.concatenate([self._rest, block.astype(np.float32) / 32768])
        whole = len(wave) // WINDOW * WINDOW
        self._rest = wave[whole:]
        return self._run(wave[:whole]) if whole else np.empty(0, np.float32)

    def close(self) -> Floats:
        """Of what is left over, filled up with silence."""
        rest, self._rest = self._rest, np.empty(0, np.float32)
        return self._run(np.pad(rest, (0, WINDOW - len(rest)))) if len(rest) else rest

    def _run(self, wave: Floats) -> Floats:
        windows, self._context = _with_context(wave, self._context)
        found, self._h, self._c = self._session.run(None, {"input": windows, "h": self._h, "c": self._c})
        return cast(Floats, found)


def probabilities(content: Iterable[Samples], model: Path) -> Iterator[Floats]:
    """Of speech, one for each window of 32 ms; the last window is filled up with silence."""
    detector = Detector(open_model(model))
    for block in content:
        found = detector.feed(block)
        if len(found):
            yield found
    found = detector.close()
    if len(found):
        yield found


class Regions:
    """From probabilities to regions, one window after the other.

    Args:
        settings: Every parameter there is.
    """

    def __init__(self, settings: VadSettings) -> None:
        self._high = settings.threshold
        self._low = max(settings.threshold - _HYSTERESIS, _LEAST)
        self._silence = settings.min_silence_ms * _MS
        self._speech = settings.min_speech_ms * _MS
        self._padding = settings.padding_ms * _MS
        self._found: list[list[float]] = []
        self._at = 0
        self._start: int | None = None
        self._pause: int | None = None

    def feed(self, found: Floats) -> None:
        """Take the probabilities of the next windows."""
        for probability in found.tolist():
            self._window(probability)
            self._at += WINDOW

    def close(self, samples: int) -> list[Region]:
        """All regions, with padding, in seconds.

        Args:
            samples: Length of the whole.
        """
        if self._start is not None and samples - self._start > self._speech:
            self._found.append([self._start, samples])
        self._start = None
        found = self._found
        for before, after in pairwise(found):
            pad = min(self._padding, (after[0] - before[1]) // 2)
            before[1] += pad
            after[0] -= pad
        if found:
            found[0][0] = max(0.0, found[0][0] - self._padding)
            found[-1][1] = min(samples, found[-1][1] + self._padding)
        return [Region(int(start) / SAMPLE_RATE_HZ, int(end) / SAMPLE_RATE_HZ) for start, end in found]

    def _window(self, probability: float) -> None:
        if probability >= self._high:
            self._pause = None
            if self._start is None:
                self._start = self._at
        elif probability < self._low and self._start is not None:
            if self._pause is None:
                self._pause = self._at
            if self._at - self._pause >= self._silence:
                if self._pause - self._start > self._speech:
                    self._found.append([self._start, self._pause])
                self._start = self._pause = None


def _with_context(wave: Floats, before: Floats) -> tuple[Floats, Floats]:
    """Each window behind the last samples of the one before it."""
    windows = wave.reshape(-1, WINDOW)
    context = np.concatenate([before, windows[:, -_CONTEXT:]])
    return np.concatenate([context[:-1], windows], axis=1), context[-1:]


def open_model(model: Path) -> Any:
    """The model of `model_path`, ready to run, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"], sess_options=options)
