"""In which language a text is, by its script, and where several have one by their words."""

from __future__ import annotations

import re

from roundhouse.core.language.detection import detect

_SAMPLE_CHARS = 2000
_SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ja", re.compile("[\u3041-\u30fa\u30fc-\u30ff\uff66-\uff9f]")),
    ("zh", re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")),
    ("ko", re.compile("[\uac00-\ud7a3\u1100-\u11ff]")),
    ("he", re.compile("[\u05d0-\u05ea]")),
    ("ar", re.compile("[\u0620-\u064a\u0671-\u06d3]")),
    ("th", re.compile("[\u0e01-\u0e4e]")),
    ("ru", re.compile("[\u0410-\u044f\u0401\u0451]")),
    ("el", re.compile("[\u0391-\u03c9]")),
    ("hi", re.compile("[\u0904-\u0939]")),
    ("latin", re.compile("[A-Za-z\u00c0-\u024f\u1ea0-\u1ef9]+")),
)
# Han characters stand in Japanese texts, so a few kana among them decide.
_KANA_SHARE = 0.1


def language_of(text: str) -> str:
    """ISO 639-1 code; "" where there are no letters that would tell.

    A script that several languages have stands for the one with the most readers; Latin letters are Vietnamese or
    English, by their diacritics and their small words.
    """
    sample = text[:_SAMPLE_CHARS]
    if sample.isascii():
        return "en" if _SCRIPTS[-1][1].search(sample) else ""
    counts = {name: len(pattern.findall(sample)) for name, pattern in _SCRIPTS}
    if counts["zh"] and counts["ja"] >= _KANA_SHARE * counts["zh"]:
        counts["ja"] += counts["zh"]
        counts["zh"] = 0
    best = max(counts, key=lambda name: counts[name])
    if not counts[best]:
        return ""
    return detect(sample) if best == "latin" else best
