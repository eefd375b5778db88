"""A pipeline of pyannote.audio inside a process of its own: loads it, and tells who speaks when in files.

The library counts its uses and tells them to its makers; here it never does. Sound is given to it as samples, so that
nothing of it reads files by itself.

Source:
    pyannote.audio 4.0 (2025), its source.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from roundhouse.backends.asr.wav import Wav
from roundhouse.core.audio import SAMPLE_RATE_HZ, Turn
from roundhouse.core.errors import Cancelled, DiarizationUnavailable, MissingExtra

_QUIET = {"PYANNOTE_METRICS_ENABLED": "false", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}


class Loading(msgspec.Struct):
    """What the process is told at its start; see the settings section `diarization`."""

    name: str
    source: str
    token: str | None = None
    cache: str = ""
    device: str = "auto"


class Looking(msgspec.Struct):
    """One file; `speakers` are `num_speakers`, `min_speakers`, `max_speakers`, as far as they are known."""

    path: str
    speakers: dict[str, int] = {}


class PyannoteHost:
    """`core.hosting.HostedModel`.

    Args:
        argument: A `Loading`.

    Raises:
        MissingExtra: A library is not installed.
        DiarizationUnavailable: The pipeline cannot be had.
    """

    def __init__(self, argument: Any) -> None:
        loading = msgspec.convert(argument, Loading)
        # Before the library is there: it looks at them when it is imported.
        os.environ.update(_QUIET)  # noqa: TID251 - of the libraries, not ours
        if Path(loading.source).is_dir():
            os.environ["HF_HUB_OFFLINE"] = "1"  # noqa: TID251 - likewise
        try:
            import torch
            from pyannote.audio import Pipeline
            from pyannote.audio.telemetry import set_telemetry_metrics
        except ModuleNotFoundError as error:
            raise MissingExtra(
                f"Telling speakers apart needs the library {error.name!r}: pip install 'roundhouse[diarization]'"
            ) from None
        set_telemetry_metrics(False)
        self._torch = torch
        self._name = loading.name
        self._source = loading.source
        pipeline = Pipeline.from_pretrained(
            loading.source, token=loading.token, cache_dir=loading.cache or None
        )
        if pipeline is None:
            raise DiarizationUnavailable(
                f"{loading.name} cannot be had from the hub: its conditions must be accepted there, and "
                "diarization.token be a token of who did so.",
                param="model",
            )
        self._device = _device(torch, loading.device)
        self._pipeline = pipeline
        pipeline.to(torch.device(self._device))

    def describe(self) -> dict[str, Any]:
        """Pipeline, device and versions of the libraries."""
        import pyannote.audio

        return {
            "model": self._name,
            "pipeline": Path(self._source).name,
            "library": f"pyannote.audio {pyannote.audio.__version__}",
            "runtime": f"torch {self._torch.__version__}",
            "device": self._device,
        }

    def work(self, request: Any, tell: Callable[[Any], None], stopped: Callable[[], bool]) -> Any:
        """Look at one file; tells None as a sign of life, then `Turn`s, and at the end the versions.

        Raises:
            BadInput: The file is not the WAV that it must be.
            Cancelled: Nobody wants the result any more.
        """
        asked = msgspec.convert(request, Looking)
        with Wav(Path(asked.path)) as sound:
            samples = sound.read(0, sound.samples)

        def hook(*_: Any, **__: Any) -> None:
            if stopped():
                raise Cancelled("Nobody wants it any more.")
            tell(None)

        turns: list[Turn] = []
        if len(samples):
            waveform = self._torch.from_numpy(samples)[None]
            given = {"waveform": waveform, "sample_rate": SAMPLE_RATE_HZ}
            found = self._pipeline(given, hook=hook, **asked.speakers)
            turns = _turns(found, len(samples) / SAMPLE_RATE_HZ)
        for turn in turns:
            tell(msgspec.to_builtins(turn))
        return {"versions": self.describe() | {"parameters": dict(asked.speakers)}}


def _turns(found: Any, duration_s: float) -> list[Turn]:
    """Turns by time. One speaks at a time, as is wanted for what one recogniser heard; older pipelines overlap."""
    annotation = getattr(found, "exclusive_speaker_diarization", None)
    if annotation is None:
        annotation = getattr(found, "speaker_diarization", found)
    turns = [
        Turn(round(max(0.0, float(one.start)), 3), round(min(duration_s, float(one.end)), 3), str(speaker))
        for one, _, speaker in annotation.itertracks(yield_label=True)
    ]
    return sorted(
        (one for one in turns if one.end_s > one.start_s),
        key=lambda one: (one.start_s, one.end_s, one.speaker),
    )


def _device(torch: Any, wanted: str) -> str:
    if wanted == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    return "cuda:0" if wanted == "cuda" else wanted
