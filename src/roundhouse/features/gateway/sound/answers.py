"""What was heard, in the forms of OpenAI's API.

Source:
    OpenAI API reference (2026-11): the transcription objects and stream events.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

import msgspec

from roundhouse.core.audio import Recognition, Segment, SpeechTask
from roundhouse.core.wire import event
from roundhouse.features.gateway.sound.asked import Asked, Format
from roundhouse.infra.audio import Sound, to_srt, to_vtt

CONTENT_TYPES: dict[Format, bytes] = {
    "json": b"application/json",
    "verbose_json": b"application/json",
    "text": b"text/plain; charset=utf-8",
    "srt": b"application/x-subrip; charset=utf-8",
    "vtt": b"text/vtt; charset=utf-8",
}
_WITHOUT_SPACES = frozenset({"zh", "ja", "th", "lo", "km", "my", "yue"})
_LEAST = 1e-6


class Outcome(msgspec.Struct):
    """All that is known at the end.

    Attributes:
        segments: What was said.
        dropped: So many segments were taken out that nobody said.
        recognition: What the recogniser tells.
        sound: What the recording is.
    """

    segments: list[Segment]
    dropped: int
    recognition: Recognition
    sound: Sound


def joined(segments: Sequence[Segment], language: str | None) -> str:
    """The text of segments; languages without spaces between words have none between segments."""
    return gap(language).join(segment.text for segment in segments)


def gap(language: str | None) -> str:
    """What stands between two segments."""
    return "" if language in _WITHOUT_SPACES else " "


def whole(asked: Asked, task: SpeechTask, outcome: Outcome) -> bytes:
    """The body of a whole answer."""
    if asked.format == "srt":
        return to_srt(outcome.segments).encode()
    if asked.format == "vtt":
        return to_vtt(outcome.segments).encode()
    language = "en" if task == "translate" else outcome.recognition.language
    text = joined(outcome.segments, language)
    if asked.format == "text":
        return f"{text}\n".encode()
    if asked.format == "json":
        return msgspec.json.encode({"text": text, "usage": usage(outcome.sound)})
    return msgspec.json.encode(_verbose(asked, task, outcome, text))


def usage(sound: Sound) -> dict[str, Any]:
    """OpenAI's usage by duration."""
    return {"type": "duration", "seconds": math.ceil(sound.decoded_s)}


def delta(text: str) -> bytes:
    """The next piece of a stream."""
    return event({"type": "transcript.text.delta", "delta": text})


def done(text: str, sound: Sound) -> bytes:
    """The end of a stream."""
    return event({"type": "transcript.text.done", "text": text, "usage": usage(sound)})


def _verbose(asked: Asked, task: SpeechTask, outcome: Outcome, text: str) -> dict[str, Any]:
    recognition, sound = outcome.recognition, outcome.sound
    answer: dict[str, Any] = {
        "task": task,
        "language": recognition.language or asked.language or "",
        "duration": round(sound.decoded_s, 3),
        "text": text,
        "usage": usage(sound),
    }
    if asked.segments:
        answer["segments"] = [
            _segment(number, one, asked.temperature or 0.0) for number, one in enumerate(outcome.segments)
        ]
    if asked.words:
        answer["words"] = [
            {"word": word.text.strip(), "start": word.start_s, "end": word.end_s}
            for one in outcome.segments
            for word in one.words
        ]
    answer["x_roundhouse"] = {
        "language_probability": recognition.language_probability,
        "versions": recognition.versions,
        "warnings": [*sound.warnings, *recognition.warnings],
        "dropped_segments": outcome.dropped,
    }
    return answer


def _segment(number: int, one: Segment, temperature: float) -> dict[str, Any]:
    raw = one.text.encode()
    return {
        "id": number,
        "seek": round(one.start_s * 100),
        "start": one.start_s,
        "end": one.end_s,
        "text": one.text,
        "tokens": [],
        "temperature": temperature,
        "avg_logprob": round(math.log(max(_LEAST, 1.0 if one.confidence is None else one.confidence)), 4),
        "compression_ratio": round(len(raw) / len(zlib.compress(raw)), 4),
        "no_speech_prob": one.no_speech or 0.0,
        "confidence": one.confidence,
        "flags": list(one.flags),
    }
