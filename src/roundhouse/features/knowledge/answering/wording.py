"""What answers say in the house's own name, in the four languages."""

from __future__ import annotations

from roundhouse.core.language.detection import Language

NOT_FOUND: dict[Language, str] = {
    "en": "The documents do not say.",
    "vi": "Các tài liệu không nói về điều này.",
    "zh": "文档中没有提到这一点。",
    "he": "המסמכים אינם אומרים זאת.",
}
"""Instead of an answer."""

NAMES: dict[Language, str] = {"en": "English", "vi": "Vietnamese", "zh": "Chinese", "he": "Hebrew"}
"""Languages, for a model's orders."""


def language_of(code: str | None, detected: Language) -> Language:
    """The language to answer in: what was asked for, where it is one of ours, else the question's."""
    wanted = (code or "").partition("-")[0].lower()
    for one in NAMES:
        if one == wanted:
            return one
    return detected
