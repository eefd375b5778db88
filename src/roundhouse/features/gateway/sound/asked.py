"""What a form asks of a recogniser.

Source:
    OpenAI API reference (2026-11): create transcription, create translation. speaches (2025): `hotwords`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import msgspec

from roundhouse.core.audio import SpeechTask
from roundhouse.core.errors import BadInput, NotSupported, TooLarge
from roundhouse.infra.forms import FormShape, UploadForm

Format = Literal["json", "text", "srt", "verbose_json", "vtt"]
FORMATS: tuple[Format, ...] = ("json", "text", "srt", "verbose_json", "vtt")

_GRANULARITIES = "timestamp_granularities[]"
_SHAPE = FormShape(
    "Send multipart/form-data with the fields file and model.",
    frozenset(
        {
            *("model", "language", "prompt", "response_format", "temperature", "stream", "hotwords"),
            "chunking_strategy",
        }
    ),
    frozenset({_GRANULARITIES, "timestamp_granularities", "include[]", "include"}),
    most_value_bytes=8000,
)
MOST_WORDS = 100
_FLAGS = {"true": True, "1": True, "false": False, "0": False, "": False}


class Asked(msgspec.Struct, kw_only=True):
    """One request.

    Attributes:
        model: As the client wrote it.
        language: ISO 639-1 code; None = detected.
        prompt: Hint at style and names.
        vocabulary: Words that are likely to be said.
        temperature: 0 to 1; None = the recogniser's own.
        format: Of the answer.
        stream: Whether server-sent events are wanted.
        segments: Whether `verbose_json` has segments.
        words: Whether it has words.
        filename: As the client calls the file.
    """

    model: str
    language: str | None
    prompt: str
    vocabulary: tuple[str, ...]
    temperature: float | None
    format: Format
    stream: bool
    segments: bool
    words: bool
    filename: str


class Recording:
    """A form with a recording while it arrives. Its methods may run in a thread, one at a time.

    Args:
        content_type: Header of the request.
        write: Where the recording goes.
        max_bytes: Largest recording.
    """

    def __init__(self, content_type: str, write: Callable[[bytes], object], max_bytes: int) -> None:
        self._write = write
        self._max_bytes = max_bytes
        self._size_bytes = 0
        self._form = UploadForm(content_type, self._take, _SHAPE)

    def feed(self, data: bytes) -> None:
        """Read the next bytes of the body; raises BadInput, TooLarge."""
        self._form.feed(data)

    def close(self, task: SpeechTask) -> Asked:
        """What is asked; raises BadInput, NotSupported."""
        filename = self._form.close()
        if not self._size_bytes:
            raise BadInput("The file is empty.", param="file")
        fields, lists = self._form.fields, self._form.lists
        model = fields.get("model", "")
        if not model:
            raise BadInput("The field model is missing.", param="model")
        for name in ("include[]", "include"):
            if lists.get(name):
                raise NotSupported("Log probabilities are not told.", param=name)
        if fields.get("chunking_strategy", "auto") != "auto":
            raise NotSupported("Recordings are always cut where nobody speaks.", param="chunking_strategy")
        if task == "translate" and fields.get("language"):
            raise BadInput("A translation has no field language: it is into English.", param="language")
        form, stream = _format(fields), _flag(fields)
        granularities = [*lists.get(_GRANULARITIES, ()), *lists.get("timestamp_granularities", ())]
        _check_granularities(granularities, form)
        return Asked(
            model=model,
            language=language_code(fields.get("language", "")),
            prompt=fields.get("prompt", ""),
            vocabulary=_words(fields.get("hotwords", "")),
            temperature=_temperature(fields.get("temperature", "")),
            format=form,
            stream=stream and form in {"json", "text"},
            segments=not granularities or "segment" in granularities,
            words="word" in granularities,
            filename=filename,
        )

    def _take(self, data: bytes) -> None:
        self._size_bytes += len(data)
        if self._size_bytes > self._max_bytes:
            raise TooLarge(f"The recording is larger than {self._max_bytes >> 20} MiB.", param="file")
        self._write(data)


def _format(fields: dict[str, str]) -> Format:
    told = fields.get("response_format") or "json"
    if told not in FORMATS:
        known = ", ".join(FORMATS)
        raise NotSupported(f"There is no format {told[:40]!r}; there are {known}.", param="response_format")
    return told


def _flag(fields: dict[str, str]) -> bool:
    told = fields.get("stream", "").lower()
    if told not in _FLAGS:
        raise BadInput("It must be true or false.", param="stream")
    return _FLAGS[told]


def _check_granularities(told: list[str], form: Format) -> None:
    if not told:
        return
    if not set(told) <= {"word", "segment"}:
        raise BadInput("They may be word and segment.", param=_GRANULARITIES)
    if form != "verbose_json":
        raise BadInput("They need the response_format verbose_json.", param=_GRANULARITIES)


def language_code(told: str, param: str = "language") -> str | None:
    """ISO 639-1 code of what a client calls a language; None = it tells none. Raises BadInput."""
    code = told.strip().lower().replace("_", "-").partition("-")[0]
    if not code:
        return None
    if not (code.isascii() and code.isalpha() and 2 <= len(code) <= 3):
        raise BadInput("It must be a code of ISO 639-1, such as vi.", param=param)
    return code


def _temperature(told: str) -> float | None:
    if not told:
        return None
    try:
        value = float(told)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise BadInput("It must lie between 0 and 1.", param="temperature")
    # Zero is what clients send who want none: the recogniser's own way is better and begins there.
    return value or None


def _words(told: str) -> tuple[str, ...]:
    words = [word.strip() for word in told.split(",") if word.strip()]
    if len(words) > MOST_WORDS:
        raise BadInput(f"At most {MOST_WORDS} words can be told.", param="hotwords")
    return tuple(words)
