"""Titles of sessions that nobody named: the beginning of their first question."""

from __future__ import annotations

import re
import unicodedata

MOST_COLUMNS = 60
"""Width of a title in columns of a terminal; a Chinese character takes two."""

_SPACE = re.compile(r"\s+")
_SENTENCE = re.compile(r".{4,}?[。！？]|.{8,}?[.!?…](?=\s|$)")


def title_of(question: str) -> str:
    """A title from a question's text: its first sentence where that is short, else its first words.

    Returns:
        Text without line breaks or control characters, at most `MOST_COLUMNS` wide; empty when nothing is left.
    """
    start = question[:2000]
    kept = "".join(" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in start)
    text = _SPACE.sub(" ", kept).strip()
    sentence = _SENTENCE.match(text)
    if sentence is not None and _columns(sentence[0]) <= MOST_COLUMNS:
        return sentence[0].rstrip(".。")
    if _columns(text) <= MOST_COLUMNS:
        return text
    cut = _cut(text, MOST_COLUMNS - 1)
    word = cut.rpartition(" ")[0]
    # A language without blanks is cut anywhere.
    return f"{(word if _columns(word) > MOST_COLUMNS // 2 else cut).rstrip(' ,;:-')}…"


def _columns(text: str) -> int:
    return sum(_width(char) for char in text)


def _width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _cut(text: str, columns: int) -> str:
    used = 0
    for place, char in enumerate(text):
        used += _width(char)
        if used > columns:
            return text[:place]
    return text
