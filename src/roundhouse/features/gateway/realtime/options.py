"""What a session is to do: its configuration, and how clients change it.

Two dialects are understood: `session.update` as it is now, with everything under `audio.input`, and
`transcription_session.update` of the beta, flat.

Source:
    OpenAI API reference (2026-11): realtime transcription sessions; openai-python 3.54, `types/realtime` and
    `types/beta/realtime`.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from roundhouse.core.errors import BadInput, NotSupported
from roundhouse.features.gateway.realtime.turns import Turns
from roundhouse.features.gateway.sound.asked import MOST_WORDS, language_code
from roundhouse.infra.audio.shapes import Encoding

RATES_HZ = (8000, 16000, 24000, 48000)
PACES_S: dict[str, float | None] = {"minimal": 0.3, "low": 0.7, "medium": 1.5, "high": 4.0, "xhigh": None}
"""OpenAI's `delay` as the shortest time between two hearings of an utterance; None = it is heard once, as a whole."""

_ENCODINGS: dict[str, Encoding] = {"audio/pcm": "pcm", "audio/pcmu": "pcmu", "audio/pcma": "pcma"}
_BETA_FORMATS: dict[Encoding, str] = {"pcm": "pcm16", "pcmu": "g711_ulaw", "pcma": "g711_alaw"}
_MOST_PROMPT_CHARS = 8000
_MOST_PADDING_MS = 5000
_SILENCE_MS = (100, 10_000)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of a session.

    Attributes:
        encoding: Of the sound.
        rate_hz: Of the sound.
        model: As the client wrote it.
        language: ISO 639-1 code; None = detected.
        prompt: Hint at style and names.
        vocabulary: Words that are likely to be said.
        delay: One of `PACES_S`; None = as the operator set it.
        turns: How turns are taken; None = the client commits.
    """

    encoding: Encoding = "pcm"
    rate_hz: int = 24_000
    model: str = "auto"
    language: str | None = None
    prompt: str = ""
    vocabulary: tuple[str, ...] = ()
    delay: str | None = None
    turns: Turns | None = Turns()


class _Format(msgspec.Struct):
    type: str = "audio/pcm"
    rate: int | None = None


class _Transcription(msgspec.Struct):
    model: str | None = None
    language: str | UnsetType | None = UNSET
    languages: list[str] | None = None
    prompt: str | UnsetType | None = UNSET
    keywords: list[str] | UnsetType | None = UNSET
    delay: str | UnsetType | None = UNSET


class _Turns(msgspec.Struct):
    type: str = "server_vad"
    threshold: float | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None
    idle_timeout_ms: int | None = None


class _Input(msgspec.Struct):
    format: _Format | UnsetType | None = UNSET
    transcription: _Transcription | UnsetType | None = UNSET
    turn_detection: _Turns | UnsetType | None = UNSET


class _Audio(msgspec.Struct):
    input: _Input | None = None


class _Session(msgspec.Struct):
    type: str = "transcription"
    audio: _Audio | None = None
    include: list[str] | None = None
    input_audio_format: str | None = None
    input_audio_transcription: _Transcription | UnsetType | None = UNSET
    turn_detection: _Turns | UnsetType | None = UNSET


_decode = msgspec.json.Decoder(_Session).decode


def changed(options: Options, session: bytes) -> Options:
    """A configuration with the changes of an event: what it does not mention stays.

    Args:
        options: Before.
        session: The event's member `session`, JSON.

    Raises:
        BadInput: A member is malformed or out of range.
        NotSupported: Something is asked for that is not there.
    """
    try:
        told = _decode(session)
    except msgspec.ValidationError as error:
        raise BadInput(str(error), param=_param(str(error))) from None
    if told.type != "transcription":
        raise NotSupported(
            f"Sessions of the type {told.type[:40]!r} are not there: this service writes down what is said, and gives "
            "no answers. Send the type 'transcription'.",
            param="session.type",
        )
    if told.include:
        raise NotSupported("Log probabilities are not told.", param="session.include")
    wanted = (told.audio and told.audio.input) or _Input()
    if told.input_audio_format is not None:
        wanted.format = _beta_format(told.input_audio_format)
    if told.input_audio_transcription is not UNSET:
        wanted.transcription = told.input_audio_transcription
    if told.turn_detection is not UNSET:
        wanted.turn_detection = told.turn_detection
    return _with_turns(_with_transcription(_with_format(options, wanted.format), wanted), wanted)


def shown(options: Options, session_id: str, *, beta: bool) -> dict[str, Any]:
    """A configuration as it is told to the client."""
    turns = options.turns and {"type": "server_vad", **msgspec.to_builtins(options.turns)}
    transcription: dict[str, Any] = {
        "model": options.model,
        "language": options.language,
        "prompt": options.prompt,
    }
    told = {"id": session_id, "object": "realtime.transcription_session"}
    if beta:
        return told | {
            "input_audio_format": _BETA_FORMATS[options.encoding],
            "input_audio_noise_reduction": None,
            "input_audio_transcription": transcription,
            "turn_detection": turns,
        }
    encoding: dict[str, Any] = {"type": f"audio/{options.encoding}"}
    if options.encoding == "pcm":
        encoding["rate"] = options.rate_hz
    transcription |= {"keywords": list(options.vocabulary), "delay": options.delay}
    heard = {
        "format": encoding,
        "noise_reduction": None,
        "transcription": transcription,
        "turn_detection": turns,
    }
    return told | {"type": "transcription", "audio": {"input": heard}, "include": None}


def _with_format(options: Options, told: _Format | UnsetType | None) -> Options:
    if told is UNSET or told is None:
        return options
    encoding = _ENCODINGS.get(told.type)
    if encoding is None:
        raise NotSupported(
            f"There is no format {told.type[:40]!r}; there are {', '.join(_ENCODINGS)}.",
            param="session.audio.input.format.type",
        )
    rate_hz = told.rate or (24_000 if encoding == "pcm" else 8000)
    if rate_hz not in (RATES_HZ if encoding == "pcm" else (8000,)):
        raise NotSupported(
            f"{told.type} cannot have {rate_hz} Hz; audio/pcm can have {', '.join(map(str, RATES_HZ))}.",
            param="session.audio.input.format.rate",
        )
    return msgspec.structs.replace(options, encoding=encoding, rate_hz=rate_hz)


def _beta_format(name: str) -> _Format:
    known = {told: encoding for encoding, told in _BETA_FORMATS.items()}
    if name not in known:
        raise NotSupported(
            f"There is no format {name[:40]!r}; there are {', '.join(known)}.",
            param="session.input_audio_format",
        )
    return _Format(f"audio/{known[name]}")


def _with_transcription(options: Options, wanted: _Input) -> Options:
    told = wanted.transcription
    if told is UNSET:
        return options
    place = "session.audio.input.transcription"
    if told is None:
        raise NotSupported("Without a transcription there is nothing to do here.", param=place)
    found: dict[str, Any] = {}
    if told.model is not None:
        found["model"] = _filled(told.model, f"{place}.model")
    if told.language is not UNSET:
        found["language"] = language_code(told.language or "", f"{place}.language")
    elif told.languages is not None:
        # Among several it is detected, as among all.
        one = told.languages[0] if len(told.languages) == 1 else ""
        found["language"] = language_code(one, f"{place}.languages")
    if told.prompt is not UNSET:
        found["prompt"] = (told.prompt or "")[:_MOST_PROMPT_CHARS]
    if told.keywords is not UNSET:
        found["vocabulary"] = _words(told.keywords or [], f"{place}.keywords")
    if told.delay is not UNSET:
        found["delay"] = _pace(told.delay, f"{place}.delay")
    return msgspec.structs.replace(options, **found)


def _filled(told: str, param: str) -> str:
    if not told:
        raise BadInput("It is empty.", param=param)
    return told


def _words(told: list[str], param: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in told if word.strip())
    if len(words) > MOST_WORDS:
        raise BadInput(f"At most {MOST_WORDS} words can be told.", param=param)
    return words


def _pace(told: str | None, param: str) -> str | None:
    if told is not None and told not in PACES_S:
        raise BadInput(f"It may be {', '.join(PACES_S)}.", param=param)
    return told


def _with_turns(options: Options, wanted: _Input) -> Options:
    told = wanted.turn_detection
    if told is UNSET:
        return options
    if told is None:
        return msgspec.structs.replace(options, turns=None)
    place = "session.audio.input.turn_detection"
    if told.type != "server_vad":
        raise NotSupported(
            f"There is no turn detection {told.type[:40]!r}; there are server_vad and null.",
            param=f"{place}.type",
        )
    if told.idle_timeout_ms is not None:
        raise NotSupported("Nothing happens by itself when nobody speaks.", param=f"{place}.idle_timeout_ms")
    names = ("threshold", "prefix_padding_ms", "silence_duration_ms")
    given = {name: getattr(told, name) for name in names if getattr(told, name) is not None}
    turns = msgspec.structs.replace(options.turns or Turns(), **given)
    if not 0 < turns.threshold <= 1:
        raise BadInput("It must lie between 0 and 1.", param=f"{place}.threshold")
    if not 0 <= turns.prefix_padding_ms <= _MOST_PADDING_MS:
        raise BadInput(f"It must lie between 0 and {_MOST_PADDING_MS}.", param=f"{place}.prefix_padding_ms")
    least, most = _SILENCE_MS
    if not least <= turns.silence_duration_ms <= most:
        raise BadInput(f"It must lie between {least} and {most}.", param=f"{place}.silence_duration_ms")
    return msgspec.structs.replace(options, turns=turns)


def _param(told: str) -> str | None:
    """The member that an error of the decoder speaks of."""
    _, found, path = told.partition("`$.")
    return f"session.{path.rstrip('`')}" if found else "session"
