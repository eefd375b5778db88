"""Clean text by rules: fillers, spaces, punctuation, casing. Numbers and names are never touched."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from roundhouse.features.audio.cleaning.fillers import without_fillers

HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_CASED = frozenset({"en", "vi", "fr", "de", "es", "it", "pt", "nl", "pl"})

_BEFORE_MARK = re.compile(r"\s+([,;:!?…]|\.(?!\w))")
_AFTER_MARK = re.compile(r"(?<=[^\W\d_])([,;!?])(?=[^\W\d_])")
_MARKS = re.compile(r"([,;:])(?:\s*[,;:])+")
_COMMA_END = re.compile(r"[,;:]\s*([.!?…])")
_COMMA_START = re.compile(r"^[\s,;:，、；：]+")
_COMMA_AFTER_END = re.compile(r"([.!?。！？…])\s*[,;，、；]+")
_HAN_SPACE = re.compile(rf"(?<=[{HAN}，。！？、；：])[ \t]+(?=[{HAN}，。！？、；：])")
_HAN_MARK = re.compile(rf"(?<=[{HAN}])\s*([,;!?])\s*")
_HAN_DOT = re.compile(rf"(?<=[{HAN}])\s*\.(?=\s|$|[{HAN}])\s*")
_HAN_MARKS = re.compile(r"([，、；])[，、；]+")
_WIDE = {",": "，", ";": "；", "!": "！", "?": "？"}
# Not behind "e.g." or an initial.
_START = re.compile(r"(^|(?:(?<=\w\w)\.|[!?…])[\"'”’)]*\s+)([\"'“‘(¿¡]*)([^\W\d_])")
_LONE_I = re.compile(r"(?<![\w'’.-])i(?=['’](?:m|ve|ll|d)\b|[\s,;:!?]|\.(?:\s|$)|$)")
_WIDE_END = re.compile(r"[。！？；：][”」』）]*$")
_END = re.compile(r"[.!?…。！？;；:：\"'”’」』)）]$")


def clean(text: str, language: str | None) -> str:
    """One stretch of speech as it would be written, without an end mark of its own.

    Args:
        text: As it was heard.
        language: ISO 639-1 code; None, or one without rules = spaces only.
    """
    text = " ".join(unicodedata.normalize("NFC", text).split())
    if language is None:
        return text
    for _ in range(3):
        # What stood between two words may, once it is gone, let another rule see what it is for.
        before, text = text, _once(text, language)
        if text == before:
            break
    return text


def _once(text: str, language: str) -> str:
    text = " ".join(without_fillers(text, language).split())
    text = _COMMA_START.sub("", text)
    text = _COMMA_AFTER_END.sub(r"\1", text)
    if language == "zh":
        return _chinese(text)
    text = _BEFORE_MARK.sub(r"\1", text)
    text = _MARKS.sub(r"\1", _COMMA_END.sub(r"\1", text))
    text = _AFTER_MARK.sub(r"\1 ", text)
    if language in _CASED:
        text = _START.sub(_raise, text)
    return _LONE_I.sub("I", text) if language == "en" else text


def _chinese(text: str) -> str:
    text = _HAN_SPACE.sub("", text)
    text = _HAN_MARK.sub(lambda match: _WIDE[match[1]], text)
    text = _HAN_DOT.sub("。", text)
    return _HAN_MARKS.sub(r"\1", text)


def with_end(text: str, language: str | None) -> str:
    """The text with a mark at its end, where it has none."""
    if not text or language is None or _END.search(text):
        return text
    return text.rstrip(",，、- ") + ("。" if language == "zh" else ".")


def joined(sentences: Iterable[str]) -> str:
    """Sentences one behind the other; behind a Chinese one there is no space."""
    text = ""
    for one in sentences:
        text += one if not text or _WIDE_END.search(text) else f" {one}"
    return text


def has_end(text: str) -> bool:
    """Whether a sentence ends with the text."""
    return re.search(r"[.!?…。！？][\"'”’」』)）]*$", text) is not None


def _raise(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}{match[3].upper()}" if len(match[3].upper()) == 1 else match[0]
