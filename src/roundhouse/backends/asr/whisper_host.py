"""Whisper inside a process of its own: loads a folder of weights and writes down what is said in files.

Every parameter is passed explicitly and told with the result. The library's own voice detection and downloads are
not used: where somebody speaks is told by the request, and a folder that is not complete is refused.

Source:
    faster-whisper 1.2 (2025) and CTranslate2 4.8 (2026), their sources.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from roundhouse.backends.asr.wav import Wav
from roundhouse.backends.asr.whisper_models import NEEDED, WEIGHTS, translates
from roundhouse.backends.asr.windows import Span, grouped, joined, quietest, spans_of, split
from roundhouse.core.audio import SAMPLE_RATE_HZ, Region, Segment, Word
from roundhouse.core.errors import MissingExtra, NotSupported, WeightsMissing

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

    from roundhouse.backends.asr.windows import Samples

STRETCH_S = 28.0
"""Speech that is heard at once: a little less than the 30 s that the model sees."""

_WINDOW_STRETCHES = 2
_SHORTEST_WINDOW_S, _LONGEST_WINDOW_S = 120.0, 900.0
_LADDER = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_LETTERS = " abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_DETECTED_FROM = 4
_LONG_CALLS = frozenset({"align", "detect_language", "encode", "generate"})


class Loading(msgspec.Struct):
    """What the process is told at its start; see the settings section `asr`."""

    name: str
    folder: str
    device: str = "auto"
    compute_type: str = "default"
    cpu_threads: int = 0


class Listening(msgspec.Struct, kw_only=True):
    """One file to hear; see `core.audio.TranscriptionRequest` and the settings section `asr`."""

    path: str
    regions: list[Region] | None = None
    language: str | None = None
    task: str = "transcribe"
    prompt: str = ""
    vocabulary: list[str] = []
    temperature: float | None = None
    word_times: bool = False
    beam_size: int = 5
    batch_size: int = 8
    batched_from_s: float = 90.0


class _StoppedError(Exception):
    """Nobody wants the rest."""


class _Stoppable:
    """CTranslate2's model, between whose calls a hearing may end.

    A segment is many of them: language, encoding, and one try for each temperature.

    Args:
        model: Which.

    Attributes:
        stopped: Whether nobody wants the result of the hearing under way.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self.stopped: Callable[[], bool] = lambda: False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._model, name)
        if name in _LONG_CALLS and self.stopped():
            raise _StoppedError
        return found


class WhisperHost:
    """`core.hosting.HostedModel`.

    Args:
        argument: A `Loading`.

    Raises:
        WeightsMissing: The folder is not there, or not complete.
        MissingExtra: The library is not installed.
    """

    def __init__(self, argument: Any) -> None:
        loading = msgspec.convert(argument, Loading)
        folder = Path(loading.folder)
        for needed in NEEDED:
            if not (folder / needed).is_file():
                raise WeightsMissing(
                    f"{loading.name} is not complete: {needed} is missing. Bring it with: "
                    f"roundhouse models pull {loading.name}",
                    model=loading.name,
                )
        self._name = loading.name
        self._warnings: list[str] = []
        self._model, self._device = self._loaded(loading, folder)
        self._languages = frozenset(self._model.supported_languages)
        self._suppressed = self._may_suppress()
        self._stoppable = self._model.model = _Stoppable(self._model.model)
        with (folder / WEIGHTS).open("rb") as weights:
            self._sha256 = hashlib.file_digest(weights, "sha256").hexdigest()

    def describe(self) -> dict[str, Any]:
        """Device, number format, languages, versions of the libraries, hash of the weights, what fell back."""
        import ctranslate2
        import faster_whisper

        return {
            "model": self._name,
            "weights_sha256": self._sha256,
            "library": f"faster-whisper {faster_whisper.__version__}",
            "runtime": f"ctranslate2 {ctranslate2.__version__}",
            "device": self._device,
            "compute_type": self._model.model.compute_type,
            "multilingual": self._model.model.is_multilingual,
            "warnings": self._warnings,
        }

    def work(self, request: Any, tell: Callable[[Any], None], stopped: Callable[[], bool]) -> Any:
        """Hear one file; tells `Segment`s, and at the end language, versions and warnings.

        Raises:
            NotSupported: The model does not know the language, or does not translate.
            BadInput: The file is not the WAV that it must be.
        """
        asked = msgspec.convert(request, Listening)
        self._check(asked)
        self._stoppable.stopped = stopped
        with Wav(Path(asked.path)) as sound:
            return _Hearing(self._model, asked, sound, self._suppressed).run(tell, stopped) | {
                "versions": self.describe(),
                "warnings": self._warnings,
            }

    def _loaded(self, loading: Loading, folder: Path) -> tuple[WhisperModel, str]:
        try:
            import ctranslate2
            from faster_whisper import WhisperModel
        except ModuleNotFoundError as error:
            raise MissingExtra(
                f"Whisper needs the library {error.name!r}: pip install faster-whisper"
            ) from None
        kind, _, index = loading.device.partition(":")
        if kind == "auto":
            kind = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"

        def load(kind: str) -> WhisperModel:
            return WhisperModel(
                str(folder),
                device=kind,
                device_index=int(index or 0) if kind == "cuda" else 0,
                compute_type=self._compute_type(loading.compute_type, kind),
                cpu_threads=loading.cpu_threads,
                local_files_only=True,
            )

        try:
            model = load(kind)
            if kind == "cuda":
                # Libraries of the card are looked for at the first use only.
                _try_out(model)
        except (RuntimeError, ValueError) as error:
            if kind != "cuda" or loading.device != "auto":
                raise
            self._warnings.append(f"The card cannot be used ({error}); the model runs on the CPU.")
            kind, model = "cpu", load("cpu")
        return model, f"cuda:{index or 0}" if kind == "cuda" else "cpu"

    def _compute_type(self, wanted: str, kind: str) -> str:
        import ctranslate2

        known = ctranslate2.get_supported_compute_types(kind)
        if wanted in {"default", "auto"} or wanted in known:
            return wanted
        told = f"The device {kind} has no compute type {wanted}; the default of the weights is used."
        if told not in self._warnings:
            self._warnings.append(told)
        return "default"

    def _may_suppress(self) -> list[int]:
        """What is given for the tokens that never may be said: -1 = symbols that are no speech.

        That set is made of first tokens. In a vocabulary of single bytes those are the space and the letters, and
        without them no text can be written: then nothing is suppressed.
        """
        from faster_whisper.tokenizer import Tokenizer
        from faster_whisper.transcribe import get_suppressed_tokens

        tokens = self._model.hf_tokenizer
        tokenizer = Tokenizer(tokens, self._model.model.is_multilingual, task="transcribe", language="en")
        suppressed = set(get_suppressed_tokens(tokenizer, [-1]))
        needed = {tokens.encode(letter, add_special_tokens=False).ids[0] for letter in _LETTERS}
        return [] if suppressed & needed else [-1]

    def _check(self, asked: Listening) -> None:
        # The library would take English instead, without a word.
        if asked.language is not None and asked.language not in self._languages:
            known = ", ".join(sorted(self._languages)) if len(self._languages) < 5 else "other languages"
            raise NotSupported(
                f"The model {self._name} does not know the language {asked.language!r}; it knows {known}.",
                param="language",
            )
        if asked.task == "translate" and not (
            self._model.model.is_multilingual and translates(self._name.partition("/")[2])
        ):
            raise NotSupported(f"The model {self._name} does not translate.", param="model")


class _Hearing:
    """One file being heard."""

    def __init__(self, model: WhisperModel, asked: Listening, sound: Wav, suppressed: list[int]) -> None:
        self._model = model
        self._asked = asked
        self._sound = sound
        self._language = asked.language
        self._probability: float | None = None
        stretch = int(STRETCH_S * SAMPLE_RATE_HZ)
        self._stretch = stretch
        spans = spans_of(asked.regions, sound.samples)
        self._batched = sum(end - start for start, end in spans) > asked.batched_from_s * SAMPLE_RATE_HZ
        window_s = min(
            max(STRETCH_S * asked.batch_size * _WINDOW_STRETCHES, _SHORTEST_WINDOW_S), _LONGEST_WINDOW_S
        )
        self._longest = int(window_s * SAMPLE_RATE_HZ)
        self._spans = joined(spans, stretch)
        temperature = asked.temperature
        ladder = _LADDER if temperature is None else (temperature,)
        self._parameters: dict[str, Any] = {
            "task": asked.task,
            "beam_size": asked.beam_size,
            "best_of": asked.beam_size,
            "patience": 1.0,
            "length_penalty": 1.0,
            "repetition_penalty": 1.0,
            "no_repeat_ngram_size": 0,
            "temperature": list(ladder[:1] if self._batched else ladder),
            "compression_ratio_threshold": 2.4,
            "log_prob_threshold": -1.0,
            "no_speech_threshold": 0.6,
            # What was misheard once would be misheard again.
            "condition_on_previous_text": False,
            "initial_prompt": asked.prompt or None,
            "hotwords": ", ".join(asked.vocabulary) or None,
            "suppress_blank": True,
            "suppress_tokens": suppressed,
            "without_timestamps": False,
            "max_initial_timestamp": 1.0,
            "word_timestamps": asked.word_times,
            "vad_filter": False,
            "language_detection_segments": _DETECTED_FROM,
            "language_detection_threshold": 0.5,
        }

    def run(self, tell: Callable[[Any], None], stopped: Callable[[], bool]) -> dict[str, Any]:
        """Hear all of it, or until it is stopped."""
        with suppress(_StoppedError):
            for start, samples, spans in self._windows():
                for segment in self._heard(samples, spans):
                    if stopped():
                        raise _StoppedError
                    told = _told(segment, start, len(samples))
                    if told is not None:
                        tell(msgspec.to_builtins(told))
        parameters = {name: value for name, value in self._parameters.items() if value is not None}
        batch = {"batch_size": self._asked.batch_size} if self._batched else {}
        return {
            "language": self._language,
            "language_probability": None if self._asked.language else self._probability,
            "parameters": parameters | batch,
        }

    def _windows(self) -> Iterator[tuple[int, Samples, list[Span]]]:
        """Parts of the file that are in memory at a time: first sample, sound, and the stretches in it."""
        for group in grouped(self._spans, self._longest):
            start, end = group[0][0], group[-1][1]
            while end - start > self._longest:
                # One stretch without a pause.
                samples = self._sound.read(start, start + self._longest)
                cut = quietest(samples, self._longest * 2 // 3, self._longest)
                yield start, samples[:cut], self._stretches(samples, [(0, cut)])
                start += cut
            samples = self._sound.read(start, end)
            inner = [(max(0, one - start), two - start) for one, two in group]
            yield start, samples, self._stretches(samples, inner)

    def _stretches(self, samples: Samples, spans: list[Span]) -> list[Span]:
        if not self._batched:
            return spans
        return [piece for span in spans for piece in split(samples, span, self._stretch)]

    def _heard(self, samples: Samples, spans: list[Span]) -> Any:
        from faster_whisper import BatchedInferencePipeline

        clips = [(start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ) for start, end in spans]
        if self._batched:
            segments, info = BatchedInferencePipeline(self._model).transcribe(
                samples,
                language=self._language,
                clip_timestamps=[{"start": start, "end": end} for start, end in clips],
                batch_size=self._asked.batch_size,
                **self._parameters,
            )
        else:
            segments, info = self._model.transcribe(
                samples,
                language=self._language,
                clip_timestamps=[time for clip in clips for time in clip],
                **self._parameters,
            )
        if self._language is None:
            self._language = info.language
            self._probability = float(info.language_probability)
        return segments


def _try_out(model: WhisperModel) -> None:
    import numpy as np

    mels = model.feature_extractor.mel_filters.shape[0]
    model.encode(np.zeros((mels, 3000), dtype=np.float32))


def _told(segment: Any, start: int, samples: int) -> Segment | None:
    """A segment as we tell it: plain numbers, times within the sound; None = it is outside, or empty."""
    offset_s, length_s = start / SAMPLE_RATE_HZ, samples / SAMPLE_RATE_HZ

    def within(time: Any) -> float:
        return round(offset_s + min(max(0.0, float(time)), length_s), 3)

    text = segment.text.strip()
    start_s, end_s = within(segment.start), within(segment.end)
    if not text or end_s <= start_s:
        return None
    words = [
        Word(
            within(word.start), max(within(word.start), within(word.end)), word.word, float(word.probability)
        )
        for word in segment.words or ()
        if word.word.strip()
    ]
    return Segment(
        start_s=start_s,
        end_s=end_s,
        text=text,
        confidence=round(min(1.0, math.exp(float(segment.avg_logprob))), 4),
        no_speech=round(min(1.0, max(0.0, float(segment.no_speech_prob))), 4),
        words=tuple(words),
    )
