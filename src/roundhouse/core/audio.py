"""Speech as values: what a recogniser is given, what it heard, what a speaker says; times in seconds from the start."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from roundhouse.core.types import Caller

SAMPLE_RATE_HZ = 16_000
"""Every recogniser is given mono sound of this rate, as WAV with signed 16-bit samples."""

SpeechTask = Literal["transcribe", "translate"]
SpeechFormat = Literal["wav", "mp3", "opus", "flac", "aac", "pcm"]


class Region(msgspec.Struct, frozen=True):
    """A stretch of sound; `end_s` > `start_s` >= 0."""

    start_s: float
    end_s: float


class Word(msgspec.Struct, frozen=True):
    """One word; `probability` from 0 to 1."""

    start_s: float
    end_s: float
    text: str
    probability: float


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of speech and its words, within the sound it was heard in.

    Attributes:
        start_s: Where it begins.
        end_s: Where it ends, not before `start_s`.
        text: What was said, without white space around it; never empty.
        confidence: Mean probability of its tokens, 0 to 1; None = the recogniser tells none.
        no_speech: Probability that nobody speaks there, 0 to 1; None = not told.
        language: ISO 639-1 code; None = as the whole.
        speaker: Who speaks, e.g. `left`; None = not told apart.
        words: Its words with their times, empty unless asked for.
        flags: What makes it doubtful, e.g. `repetition`.
    """

    start_s: float
    end_s: float
    text: str
    confidence: float | None = None
    no_speech: float | None = None
    language: str | None = None
    speaker: str | None = None
    words: tuple[Word, ...] = ()
    flags: tuple[str, ...] = ()


class TranscriptionRequest(msgspec.Struct, kw_only=True):
    """Sound on its way to a recogniser.

    Attributes:
        model: Name as the client wrote it; `auto` = chosen by language and by what is installed.
        caller: Who asks.
        audio: WAV file of this machine, mono, 16 bit, `SAMPLE_RATE_HZ`, as `infra.audio` writes it.
        duration_s: Of that file.
        regions: Where somebody speaks, in order; None = not looked at, the whole is heard.
        language: ISO 639-1 code; None = detected.
        task: Write down what is said, or translate it into English.
        prompt: Text that came before, or a hint at style and names.
        vocabulary: Words that are likely to be said.
        temperature: Of sampling, 0 to 1; None = the backend's own ladder.
        word_times: Whether the times of words are wanted.
        request_id: `req_…` or `job_…`, for logs and the usage record.
    """

    model: str
    caller: Caller
    audio: Path
    duration_s: float
    regions: tuple[Region, ...] | None = None
    language: str | None = None
    task: SpeechTask = "transcribe"
    prompt: str = ""
    vocabulary: tuple[str, ...] = ()
    temperature: float | None = None
    word_times: bool = False
    request_id: str = ""


class Turn(msgspec.Struct, frozen=True):
    """A stretch in which one speaker speaks; `end_s` > `start_s` >= 0, `speaker` as the backend calls them."""

    start_s: float
    end_s: float
    speaker: str


class DiarizationRequest(msgspec.Struct, kw_only=True):
    """Sound of which somebody wants to know who speaks when.

    Attributes:
        model: Name as the client wrote it; `auto` = what is there.
        caller: Who asks.
        audio: WAV file of this machine, mono, 16 bit, `SAMPLE_RATE_HZ`, as `infra.audio` writes it.
        duration_s: Of that file.
        num_speakers: So many speak, 1 or more; None = not known.
        min_speakers: At least so many; None = not known.
        max_speakers: At most so many, not below `min_speakers`; None = not known.
        request_id: `req_…` or `job_…`, for logs.
    """

    model: str
    caller: Caller
    audio: Path
    duration_s: float
    num_speakers: int | None = None
    min_speakers: int | None = None
    max_speakers: int | None = None
    request_id: str = ""


class Recognition(msgspec.Struct, kw_only=True):
    """What a recogniser, or who tells speakers apart, says of the whole, known at the end.

    Attributes:
        language: ISO 639-1 code of most of it; None = not told.
        language_probability: From 0 to 1; None = it was given, or is not told.
        versions: All that is needed to do it again: model, hash of its weights, compute type, device, library,
            parameters.
        warnings: What the user should know, e.g. that a compute type fell back; one sentence each.
    """

    language: str | None = None
    language_probability: float | None = None
    versions: dict[str, Any] = {}
    warnings: list[str] = []


class SpeechRequest(msgspec.Struct, kw_only=True):
    """Text that is to be spoken.

    Attributes:
        model: Name as the client wrote it.
        caller: Who asks.
        text: At most 4096 characters.
        voice: The backend's name of a voice, or one of OpenAI's.
        format: Of the answer.
        speed: 0.25 to 4.0; 1.0 = usual.
        request_id: `req_…`.
    """

    model: str
    caller: Caller
    text: str
    voice: str = ""
    format: SpeechFormat = "mp3"
    speed: float = 1.0
    request_id: str = ""


class Transcription(Protocol):
    """A running recognition. Iterate once, then close."""

    @property
    def recognition(self) -> Recognition:
        """What is known of the whole; complete at the end."""
        ...

    def __aiter__(self) -> AsyncIterator[Segment]:
        """Segments in order as they are heard, times within the file; raises BackendFailed and its kin."""
        ...

    async def aclose(self) -> None:
        """Stop the recogniser at once. Idempotent."""
        ...


class Diarization(Protocol):
    """Turns as they are found. Iterate once, then close."""

    @property
    def recognition(self) -> Recognition:
        """Versions and warnings; complete at the end."""
        ...

    def __aiter__(self) -> AsyncIterator[Turn]:
        """Turns by time, within the file; raises BackendFailed and its kin."""
        ...

    async def aclose(self) -> None:
        """Stop it at once. Idempotent."""
        ...


class DiarizationBackend(Protocol):
    """Tells speakers apart by their voices."""

    async def diarize(self, request: DiarizationRequest, model: str) -> Diarization:
        """Who speaks when in a file.

        Raises:
            DiarizationUnavailable: The library or the model is not here.
            BackendFailed: And its kin.
        """
        ...

    async def close(self) -> None:
        """Release what it holds."""
        ...


class Speech(Protocol):
    """Speech as it is made. Iterate once, then close."""

    content_type: str

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Bytes of the sound in its format; raises BackendFailed and its kin."""
        ...

    async def aclose(self) -> None:
        """Stop the speaker at its source. Idempotent."""
        ...
