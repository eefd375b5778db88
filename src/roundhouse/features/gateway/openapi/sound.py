"""Transcriptions, translations and speech.

Source:
    OpenAI API reference (2026-11): audio. Descriptions are our own.
"""

from __future__ import annotations

from roundhouse.features.gateway.openapi.sampling import model
from roundhouse.features.gateway.openapi.shapes import (
    Schema,
    constant,
    flag,
    free,
    integer,
    items,
    number,
    optional,
    record,
    ref,
    text,
)

_FORMATS = ["json", "text", "srt", "verbose_json", "vtt"]


def sound_schemas() -> dict[str, Schema]:
    """Components by name."""
    return {
        "TranscriptionForm": _form(with_language=True),
        "TranslationForm": _form(with_language=False),
        "Transcription": _transcription(),
        "SpeechRequest": _speech(),
    }


def _form(*, with_language: bool) -> Schema:
    told: dict[str, Schema] = {
        "file": {
            "type": "string",
            "format": "binary",
            "description": "A recording or a film; what it is is told by its bytes, not by its name.",
        },
        "model": model(),
        "language": text("ISO 639-1 code of what is spoken; without it, it is detected."),
        "prompt": text("Text that came before, or a hint at style and names."),
        "hotwords": text("Words that are likely to be said, with commas between them."),
        "response_format": text("Form of the answer.", enum=_FORMATS, default="json"),
        "temperature": number("0 or nothing = the recogniser's own way.", minimum=0, maximum=1),
        "timestamp_granularities[]": items(
            text(enum=["word", "segment"]), "With `verbose_json`: times of what; segments if not told."
        ),
        "stream": flag("Server-sent events as text is heard; with `json` or `text`."),
        "chunking_strategy": text("Recordings are always cut where nobody speaks.", enum=["auto"]),
    }
    if not with_language:
        del told["language"]
    form = record("A recording and what is wanted of it.", told, "file", "model")
    form["additionalProperties"] = False
    return form


def _transcription() -> Schema:
    times = {"start": number("Seconds from the start."), "end": number("Seconds from the start.")}
    segment = record(
        "One stretch of speech.",
        {
            "id": integer("Its place."),
            **times,
            "text": text("What was said."),
            "avg_logprob": number("Mean logarithm of the probability of its tokens."),
            "compression_ratio": number("High for text that repeats itself."),
            "no_speech_prob": number("Probability that nobody speaks there."),
            "confidence": optional(number("Mean probability of its tokens, 0 to 1.")),
            "flags": items(text(), "What makes it doubtful."),
        },
    )
    usage = record("How long the recording is.", {"type": constant("duration"), "seconds": integer()})
    return record(
        "What was said. Members behind `usage` with `verbose_json` only.",
        {
            "text": text("All of it; empty when nobody speaks."),
            "usage": usage,
            "task": text("`transcribe` or `translate`."),
            "language": text("ISO 639-1 code of what is spoken."),
            "duration": number("Length of the recording in seconds."),
            "segments": items(segment),
            "words": items(record("One word.", {"word": text(), **times})),
            "x_roundhouse": free(
                "What exactly ran (`versions`), warnings, and how many segments were taken out that nobody said."
            ),
        },
        "text",
    )


def _speech() -> Schema:
    return record(
        "A text to be said.",
        {
            "model": model(),
            "input": text("The text.", minLength=1, maxLength=4096),
            "voice": text("One of OpenAI's, or one of the speaker's own, e.g. `vi` of espeak-ng."),
            "response_format": text(
                "Format of the sound; `pcm` is mono, 16 bit, 24 kHz.",
                enum=["mp3", "opus", "aac", "flac", "wav", "pcm"],
                default="mp3",
            ),
            "speed": number("1 = usual.", minimum=0.25, maximum=4, default=1),
            "stream_format": text("The sound is sent as it is made.", enum=["audio"]),
        },
        "model",
        "input",
    )


def transcription_content() -> Schema:
    """Contents of a good answer by type."""
    plain = {"schema": text("With the response_format of this name.")}
    return {
        "application/json": {"schema": ref("Transcription")},
        "text/plain": plain,
        "application/x-subrip": plain,
        "text/vtt": plain,
        "text/event-stream": {
            "schema": text(
                "`transcript.text.delta` as text is heard, then `transcript.text.done` with all of it. "
                'A failure is `data: {"error": …}`.'
            )
        },
    }


def speech_content() -> Schema:
    """Contents of a good answer by type."""
    sound = {"schema": {"type": "string", "format": "binary"}}
    types = ("audio/mpeg", "audio/ogg", "audio/aac", "audio/flac", "audio/wav", "audio/pcm")
    return {**dict.fromkeys(types, sound)}
