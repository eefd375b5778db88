"""ChunkFormer inside a process of its own, under the Python of its own environment.

Of this package it may import only what needs no other library than `msgspec`, `psutil` and `numpy`.

The package reads whole files, takes a path that is no folder for the name of a download, and loads a checkpoint that
does not fit without a word. So it is given folders that were looked at, weights are compared with the model by the
names of their tensors, and a recording is handed over in windows that are cut where it is quiet: memory does not grow
with its length.

Source:
    chunkformer 1.2 (2025), its sources; Le et al., ChunkFormer: Masked Chunking Conformer For Long-Form Speech
    Transcription (2025), arXiv 2502.14673.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import tempfile
import warnings
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from roundhouse.backends.asr.chunkformer_models import LANGUAGE, NEEDED, WEIGHTS, weights_of
from roundhouse.backends.asr.wav import Wav
from roundhouse.backends.asr.windows import parts, spans_of
from roundhouse.core.audio import SAMPLE_RATE_HZ, Region, Segment
from roundhouse.core.errors import NotSupported, WeightsMissing

if TYPE_CHECKING:
    from roundhouse.backends.asr.windows import Samples

_SHORTEST = SAMPLE_RATE_HZ
_SILENCE_S = 0.5
_UNKNOWN = "<unk>"
_NAMED = 3
# Parts that hearing needs, by kind of model. A checkpoint without the rest may be a published one.
_HEARING = {"asr_model": ("encoder.", "ctc."), "transducer": ("encoder.", "predictor.", "joint.")}
# What a model makes itself from its configuration is not trained.
_TRAINED_BUFFERS = ("running_mean", "running_var")


class Loading(msgspec.Struct):
    """What the process is told at its start; see the settings section `asr`."""

    name: str
    folder: str
    device: str = "auto"
    cpu_threads: int = 0


class Listening(msgspec.Struct, kw_only=True):
    """One file to hear; see `core.audio.TranscriptionRequest` and the settings section `asr`."""

    path: str
    regions: list[Region] | None = None
    language: str | None = None
    task: str = "transcribe"
    hinted: bool = False
    word_times: bool = False
    window_s: float = 120.0
    chunk_frames: int = 64
    left_frames: int = 128
    right_frames: int = 128


class ChunkFormerHost:
    """`core.hosting.HostedModel`.

    Args:
        argument: A `Loading`.

    Raises:
        WeightsMissing: The folder is not there, not complete, or its weights are those of another model.
        NotSupported: It is no recogniser of speech.
    """

    def __init__(self, argument: Any) -> None:
        self._loading = msgspec.convert(argument, Loading)
        self._warnings: list[str] = []
        folder = Path(self._loading.folder)
        self._weights = self._found(folder)
        with warnings.catch_warnings(action="ignore"):
            import torch
            from chunkformer import ChunkFormerModel

        if self._loading.cpu_threads:
            torch.set_num_threads(self._loading.cpu_threads)
        try:
            model = ChunkFormerModel.from_pretrained(str(folder))
        except RuntimeError as error:
            # Tensors of other sizes than the configuration says.
            raise self._unfit(str(error).strip().splitlines()[-1].strip()) from None
        self._check(model, torch.load(self._weights, map_location="cpu", mmap=True, weights_only=True))
        self._model, self._device = self._placed(model, torch)
        with self._weights.open("rb") as weights:
            self._sha256 = hashlib.file_digest(weights, "sha256").hexdigest()

    def describe(self) -> dict[str, Any]:
        """Device, number format, kind, versions of the libraries, hash of the weights, what fell back."""
        import chunkformer
        import torch

        return {
            "model": self._loading.name,
            "weights_sha256": self._sha256,
            "library": f"chunkformer {chunkformer.__version__}",
            "runtime": f"torch {torch.__version__}",
            "device": self._device,
            "compute_type": "float32",
            "kind": str(self._model.config.model),
            "warnings": self._warnings,
        }

    def work(self, request: Any, tell: Callable[[Any], None], stopped: Callable[[], bool]) -> Any:
        """Hear one file; tells `Segment`s, and at the end language, versions and warnings.

        Raises:
            NotSupported: Another language than Vietnamese, or a translation.
            BadInput: The file is not the WAV that it must be.
        """
        asked = msgspec.convert(request, Listening)
        self._check_asked(asked)
        parameters = {
            "chunk_size": asked.chunk_frames,
            "left_context_size": asked.left_frames,
            "right_context_size": asked.right_frames,
            # Twice a window: the package cuts at half of it, and a window is heard at once.
            "total_batch_duration": 2 * int(asked.window_s + 1),
            "max_silence_duration": _SILENCE_S,
        }
        longest = int(asked.window_s * SAMPLE_RATE_HZ)
        with Wav(Path(asked.path)) as sound, tempfile.TemporaryDirectory() as folder:
            for start, samples in parts(sound.read, spans_of(asked.regions, sound.samples), longest):
                if stopped():
                    break
                for segment in self._heard(Path(folder), start, samples, parameters):
                    tell(msgspec.to_builtins(segment))
        return {
            "language": LANGUAGE,
            "language_probability": None,
            "parameters": parameters | {"window_s": asked.window_s},
            "versions": self.describe(),
            "warnings": self._warnings + self._unheeded(asked),
        }

    def _found(self, folder: Path) -> Path:
        """The weights in a folder that has all it needs."""
        missing = [name for name in NEEDED if not (folder / name).is_file()]
        weights = weights_of(folder)
        if missing or weights is None:
            name = missing[0] if missing else WEIGHTS[0]
            raise WeightsMissing(
                f"{self._loading.name} is not complete: {name} is missing. Bring it with: "
                f"roundhouse models pull {self._loading.name}",
                model=self._loading.name,
                by_command=True,
            )
        return weights

    def _check(self, model: Any, weights: dict[str, Any]) -> None:
        """Whether everything that was trained comes from the weights: the package leaves the rest at random."""
        needed = _HEARING.get(str(model.config.model))
        if needed is None:
            raise NotSupported(f"{self._loading.name} is no recogniser of speech.", param="model")
        trained = {name for name, _ in model.model.named_parameters()}
        trained |= {name for name, _ in model.model.named_buffers() if name.endswith(_TRAINED_BUFFERS)}
        missing = sorted(name for name in trained - weights.keys() if name.startswith(needed))
        if missing:
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            raise self._unfit(f"tensors are missing: {', '.join(missing[:_NAMED])}{more}")

    def _unfit(self, reason: str) -> WeightsMissing:
        return WeightsMissing(
            f"The weights of {self._loading.name} are not those of its configuration: {reason}. "
            f"Bring them with: roundhouse models pull {self._loading.name}",
            model=self._loading.name,
            by_command=True,
        )

    def _placed(self, model: Any, torch: Any) -> tuple[Any, str]:
        """The model on its device."""
        kind, _, index = self._loading.device.partition(":")
        if kind == "cpu" or (kind == "auto" and not torch.cuda.is_available()):
            return model.eval(), "cpu"
        device = f"cuda:{index or 0}"
        try:
            return model.to(device).eval(), device
        except RuntimeError as error:
            if kind != "auto":
                raise
            self._warnings.append(f"The card cannot be used ({error}); the model runs on the CPU.")
            return model.to("cpu").eval(), "cpu"

    def _check_asked(self, asked: Listening) -> None:
        if asked.language not in {None, LANGUAGE}:
            raise NotSupported(
                f"The model {self._loading.name} does not know the language {asked.language!r}; it knows {LANGUAGE}.",
                param="language",
            )
        if asked.task != "transcribe":
            raise NotSupported(f"The model {self._loading.name} does not translate.", param="model")

    def _unheeded(self, asked: Listening) -> list[str]:
        """What was asked for and cannot be had, in words."""
        told = []
        if asked.word_times:
            told.append("ChunkFormer tells the times of segments, not of words.")
        if asked.hinted:
            told.append("ChunkFormer takes no hints: prompt and vocabulary had no effect.")
        return told

    def _heard(
        self, folder: Path, start: int, samples: Samples, parameters: dict[str, Any]
    ) -> Iterator[Segment]:
        """One window."""
        path = folder / "window.wav"
        _write(path, samples)
        offset_s, length_s = start / SAMPLE_RATE_HZ, len(samples) / SAMPLE_RATE_HZ
        # Its bars of progress are nobody's.
        with contextlib.redirect_stderr(io.StringIO()):
            rows = self._model.endless_decode(str(path), return_timestamps=True, **parameters)
        for row in rows:
            text = " ".join(row["decode"].replace(_UNKNOWN, " ").split())
            start_s, end_s = (min(seconds(row[name]), length_s) for name in ("start", "end"))
            if text and end_s > start_s:
                yield Segment(
                    start_s=round(offset_s + start_s, 3), end_s=round(offset_s + end_s, 3), text=text
                )


def seconds(time: str) -> float:
    """`HH:MM:SS:mmm` in seconds."""
    hours, minutes, whole, thousandths = (int(part) for part in time.split(":"))
    return 3600 * hours + 60 * minutes + whole + thousandths / 1000


def _write(path: Path, samples: Samples) -> None:
    import numpy as np

    data = (samples * 32768.0).astype("<i2")
    # The model's convolutions need some sound to begin with.
    data = np.concatenate([data, np.zeros(max(0, _SHORTEST - len(data)), dtype="<i2")])
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE_HZ, 0, "NONE", ""))
        file.writeframes(data.tobytes())
