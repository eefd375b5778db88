"""What is wanted of a recording, out of the fields of a form: as system B's users write them, and as JSON has them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from roundhouse.core.errors import Unprocessable
from roundhouse.features.audio.model import FEATURES, Feature, Options

PLACES = frozenset({"file_id", "url"})
"""Fields that say where the sound is, if it is not in the form."""

FIELDS = PLACES | {
    *("features", "template_id", "model", "asr_backend", "language", "summary_language", "enable_vad"),
    *("vad_threshold", "enable_diarization", "diarize", "num_speakers", "min_speakers", "max_speakers"),
    *("split_channels", "prompt", "vocabulary", "word_timestamps"),
    *("title", "metadata", "vector_store_id"),
}
"""Fields of the form besides `file`."""

MOST_PROMPT_CHARS = 4000
MOST_WORDS = 500
MOST_WORD_CHARS = 100
MOST_SPEAKERS = 64

_YES, _NO = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


def read_options(values: Mapping[str, Sequence[str]], default_template: str) -> Options:
    """The options of a form.

    Args:
        values: Its fields; lists may be repeated fields or separated by commas.
        default_template: Template of a summary that names none; empty = it must name one.

    Raises:
        Unprocessable: A value is wrong; `param` names the field.
    """
    features = _features(values)
    template = _one(values, "template_id")
    if template is not None and features is None:
        features = ("raw_transcript", "clean_transcript", "summary")
    if features is not None and "summary" in features:
        template = template or default_template or None
        if template is None:
            raise Unprocessable("A summary needs a template_id: GET /v1/templates.", param="template_id")
    options = Options(
        template_id=_name(template, "template_id"),
        model=_name(_one(values, "model"), "model"),
        asr_backend=_name(_one(values, "asr_backend"), "asr_backend") or "auto",
        language=_language(_one(values, "language"), "language"),
        summary_language=_language(_one(values, "summary_language"), "summary_language"),
        vad=_switch(values, "enable_vad"),
        vad_threshold=_share(_one(values, "vad_threshold"), "vad_threshold"),
        split_channels=_switch(values, "split_channels") or False,
        diarize=_diarize(values),
        num_speakers=_count(values, "num_speakers"),
        min_speakers=_count(values, "min_speakers"),
        max_speakers=_count(values, "max_speakers"),
        prompt=_prompt(_one(values, "prompt")),
        vocabulary=_words(values.get("vocabulary", ())),
        word_times=_switch(values, "word_timestamps") or False,
        vector_store_id=_name(_one(values, "vector_store_id"), "vector_store_id"),
    )
    return options if features is None else msgspec.structs.replace(options, features=features)


def _diarize(values: Mapping[str, Sequence[str]]) -> bool:
    """Whether voices are told apart; system B's users call it `enable_diarization`."""
    wanted = _switch(values, "diarize")
    wanted = _switch(values, "enable_diarization") if wanted is None else wanted
    if wanted and _switch(values, "split_channels"):
        raise Unprocessable(
            "Speakers are told apart by their channels or by their voices: send split_channels or diarize.",
            param="diarize",
        )
    least, most = _count(values, "min_speakers"), _count(values, "max_speakers")
    if least is not None and most is not None and least > most:
        raise Unprocessable("min_speakers is more than max_speakers.", param="min_speakers")
    return bool(wanted)


def _count(values: Mapping[str, Sequence[str]], name: str) -> int | None:
    text = _one(values, name)
    if text is None:
        return None
    value = int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0
    if not 1 <= value <= MOST_SPEAKERS:
        raise Unprocessable(f"{name} is a number from 1 to {MOST_SPEAKERS}.", param=name)
    return value


def read_metadata(values: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The owner's metadata, a JSON object in the field; raises Unprocessable."""
    text = _one(values, "metadata")
    if text is None:
        return {}
    try:
        found: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise Unprocessable("metadata must be a JSON object.", param="metadata") from None
    return found


def read_titles(values: Mapping[str, Sequence[str]], count: int) -> list[str]:
    """Titles of so many recordings, in their order, empty where none was given; raises Unprocessable."""
    given = values.get("title", ())
    if len(given) not in (0, count):
        text = (
            "The field title stands there twice."
            if count == 1
            else f"Send a title for each of {count} files."
        )
        raise Unprocessable(text, param="title")
    titles = [_name(text or None, "title") or "" for text in given]
    return titles or [""] * count


def places_of(values: Mapping[str, Sequence[str]], has_files: bool, most: int) -> tuple[list[str], list[str]]:
    """File ids and URLs of a form, of which one kind may be there, or files; raises Unprocessable."""
    file_ids = [one for one in values.get("file_id", ()) if one]
    urls = [one for one in values.get("url", ()) if one]
    if bool(file_ids) + bool(urls) + has_files != 1:
        raise Unprocessable("Send one of file, file_id and url.", param="file")
    for name, given in (("file_id", file_ids), ("url", urls)):
        if len(given) > most:
            raise Unprocessable(f"At most {most} recordings come at a time.", param=name)
    for file_id in file_ids:
        _name(file_id, "file_id")
    return file_ids, urls


def _features(values: Mapping[str, Sequence[str]]) -> tuple[Feature, ...] | None:
    wanted = _items(values.get("features", ()))
    for name in wanted:
        if name not in FEATURES:
            raise Unprocessable(f"features are: {', '.join(FEATURES)}.", param="features")
    return tuple(name for name in FEATURES if name in wanted) or None


def _words(given: Sequence[str]) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(_items(given)))
    if len(words) > MOST_WORDS or any(len(word) > MOST_WORD_CHARS for word in words):
        raise Unprocessable(
            f"vocabulary has at most {MOST_WORDS} words of {MOST_WORD_CHARS} characters.", param="vocabulary"
        )
    return words


def _items(given: Sequence[str]) -> list[str]:
    """Values of a list: repeated, separated by commas, or a JSON array as some clients send it."""
    found: list[str] = []
    for text in given:
        inner = text.strip()
        if inner.startswith("[") and inner.endswith("]"):
            inner = inner[1:-1].replace('"', "").replace("'", "")
        found += [part.strip() for part in inner.split(",")]
    return [part for part in found if part]


def _one(values: Mapping[str, Sequence[str]], name: str) -> str | None:
    given = values.get(name, ())
    if len(given) > 1:
        raise Unprocessable(f"The field {name} stands there twice.", param=name)
    return given[0] or None if given else None


def _switch(values: Mapping[str, Sequence[str]], name: str) -> bool | None:
    text = _one(values, name)
    if text is None:
        return None
    if text.lower() in _YES | _NO:
        return text.lower() in _YES
    raise Unprocessable(f"{name} is true or false.", param=name)


def _share(text: str | None, name: str) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise Unprocessable(f"{name} is a number between 0 and 1.", param=name)
    return value


def _language(text: str | None, name: str) -> str | None:
    if text is None or text.lower() == "auto":
        return None
    # zh-TW and vi_VN are languages with a region, of which recognisers know nothing.
    code = re.split(r"[-_]", text.lower())[0]
    if not _LANGUAGE.fullmatch(code):
        raise Unprocessable(f"{name} is a code of ISO 639, such as vi.", param=name)
    return code


def _name(text: str | None, name: str) -> str | None:
    if text is not None and not _NAME.fullmatch(text):
        raise Unprocessable(f"{name} has 1 to 200 printable characters.", param=name)
    return text


def _prompt(text: str | None) -> str:
    if text is not None and (len(text) > MOST_PROMPT_CHARS or "\x00" in text):
        raise Unprocessable(f"prompt has at most {MOST_PROMPT_CHARS} characters.", param="prompt")
    return text or ""
