"""Recognition over OpenAI's API: OpenAI, speaches, vLLM, the server of whisper.cpp.

The whole file is sent, read from the disk as the server takes it; segments come when the answer is complete.

Source:
    OpenAI API reference (2026-11): `/audio/transcriptions`, `/audio/translations`, `verbose_json`.
    speaches (2025) and vLLM (2026): the same; models that know no `verbose_json` answer 400.
    whisper.cpp server (2026): the same at `/inference`; words stand in the segments.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from roundhouse.backends.answers import reader_of
from roundhouse.backends.asr.languages import code_of
from roundhouse.backends.multipart import FileForm, new_boundary
from roundhouse.backends.openai_provider import Address, read_options
from roundhouse.core.audio import Recognition, Segment, TranscriptionRequest, Word
from roundhouse.core.errors import BackendBadAnswer, RoundhouseError
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Provider
from roundhouse.core.wire import raise_error_object

_PLAIN_ONLY = ("gpt-4o",)


class _Word(msgspec.Struct):
    word: str
    start: float
    end: float
    probability: float | None = None


class _Segment(msgspec.Struct):
    text: str
    start: float
    end: float
    avg_logprob: float | None = None
    no_speech_prob: float | None = None
    words: list[_Word] | None = None


class _Told(msgspec.Struct):
    text: str | None = None
    language: str | None = None
    segments: list[_Segment] | None = None
    words: list[_Word] | None = None
    error: Any = None


class OpenAITranscription:
    """`core.ports.TranscriptionBackend` for the kinds `openai` and `vllm`; options: `OpenAIOptions`."""

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        options = read_options(provider)
        self._timeouts = provider.timeouts
        self._reader = reader_of(provider, context.clock)
        self._boundary = new_boundary()
        kind = f"multipart/form-data; boundary={self._boundary}"
        own = msgspec.structs.replace(provider, headers={**provider.headers, "Content-Type": kind})
        self._addresses = {
            task: Address(own, options, context.http, path)
            for task, path in (("transcribe", options.asr_path), ("translate", options.asr_translate_path))
        }

    async def transcribe(self, request: TranscriptionRequest, model: str) -> RemoteTranscription:
        """Send a file; its answer is asked for with all that the model can tell, else as plain text.

        Raises:
            BackendFailed: And its kin.
        """
        verbose = not model.startswith(_PLAIN_ONLY)
        try:
            told = await self._ask(request, model, verbose=verbose)
        except RoundhouseError as error:
            if not verbose or error.status not in {400, 422} or "response_format" not in error.detail:
                raise
            told = await self._ask(request, model, verbose=False)
        return RemoteTranscription(told, request, model)

    async def _ask(self, request: TranscriptionRequest, model: str, *, verbose: bool) -> _Told:
        fields = _fields(request, model, verbose=verbose)
        form = await asyncio.to_thread(FileForm, self._boundary, fields, request.audio, "audio.wav")
        endpoint = self._addresses[request.task].of(model)
        response = await endpoint.send(form, timeouts=self._timeouts)
        body = await self._reader.collect(response)
        try:
            told = msgspec.json.decode(body, type=_Told)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BackendBadAnswer("The recogniser's answer is not what its protocol says.") from None
        if told.error:
            raise_error_object(body)
        if told.text is None and told.segments is None:
            raise BackendBadAnswer("The recogniser's answer has no text.")
        return told

    async def close(self) -> None:
        """Nothing is held; the connections belong to the context's client."""


class RemoteTranscription:
    """`core.audio.Transcription` of an answer that is complete."""

    def __init__(self, told: _Told, request: TranscriptionRequest, model: str) -> None:
        self._segments = _segments(told, request)
        self.recognition = Recognition(
            language=code_of(told.language) or request.language,
            versions={"model": model, "parameters": dict(_fields(request, model, verbose=True))},
        )
        if not told.segments and self._segments:
            self.recognition.warnings.append("The recogniser tells no times.")

    async def __aiter__(self) -> AsyncGenerator[Segment, None]:
        for segment in self._segments:
            yield segment

    async def aclose(self) -> None:
        """Nothing runs."""


def _fields(request: TranscriptionRequest, model: str, *, verbose: bool) -> list[tuple[str, str]]:
    fields = [("model", model), ("response_format", "verbose_json" if verbose else "json")]
    if request.language and request.task == "transcribe":
        fields.append(("language", request.language))
    prompt = " ".join(filter(None, [request.prompt, ", ".join(request.vocabulary)]))
    if prompt:
        fields.append(("prompt", prompt))
    if request.temperature is not None:
        fields.append(("temperature", f"{request.temperature:g}"))
    if verbose and request.task == "transcribe":
        fields.append(("timestamp_granularities[]", "segment"))
        if request.word_times:
            fields.append(("timestamp_granularities[]", "word"))
    return fields


def _segments(told: _Told, request: TranscriptionRequest) -> list[Segment]:
    if not told.segments:
        text = (told.text or "").strip()
        untimed = Segment(start_s=0.0, end_s=request.duration_s, text=text, flags=("untimed",))
        return [untimed] if text else []
    found = []
    for one in told.segments:
        start_s, end_s = _within(one.start, request), _within(one.end, request)
        if not one.text.strip() or end_s <= start_s:
            continue
        words = one.words
        if words is None and told.words:
            words = [word for word in told.words if start_s <= (word.start + word.end) / 2 < end_s]
        found.append(
            Segment(
                start_s=start_s,
                end_s=end_s,
                text=one.text.strip(),
                confidence=_probability(one.avg_logprob),
                no_speech=one.no_speech_prob,
                words=tuple(_word(word, request) for word in words or ()) if request.word_times else (),
            )
        )
    return found


def _word(word: _Word, request: TranscriptionRequest) -> Word:
    start_s = _within(word.start, request)
    return Word(start_s, max(start_s, _within(word.end, request)), word.word, _given(word.probability))


def _given(probability: Any) -> float:
    return 1.0 if probability is None else float(probability)


def _probability(logarithm: float | None) -> float | None:
    return None if logarithm is None else round(min(1.0, math.exp(min(0.0, logarithm))), 4)


def _within(time_s: float, request: TranscriptionRequest) -> float:
    return round(min(max(0.0, time_s), request.duration_s), 3)
