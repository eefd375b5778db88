"""Which of the four languages a text looks like, by its letters: enough to choose rules and prompts."""

from __future__ import annotations

import re
import unicodedata

from roundhouse.features.audio.cleaning.rules import HAN
from roundhouse.features.audio.model import SpokenLanguage

_LOOKED_AT_CHARS = 20_000
_HAN = re.compile(f"[{HAN}]")
_HEBREW = re.compile(r"[\u05d0-\u05ea]")
_VIETNAMESE = re.compile(r"[ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_FOREIGN_SHARE = 0.2
_VIETNAMESE_SHARE = 0.06


def language_of(text: str) -> SpokenLanguage:
    """The language that a text looks like; `en` where it looks like none of the others."""
    sample = unicodedata.normalize("NFC", text[:_LOOKED_AT_CHARS])
    letters = len(_LETTER.findall(sample))
    if letters == 0:
        return "en"
    if len(_HAN.findall(sample)) > _FOREIGN_SHARE * letters:
        return "zh"
    if len(_HEBREW.findall(sample)) > _FOREIGN_SHARE * letters:
        return "he"
    if len(_VIETNAMESE.findall(sample)) > _VIETNAMESE_SHARE * letters:
        return "vi"
    return "en"
