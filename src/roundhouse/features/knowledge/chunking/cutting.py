"""Cutting one text into pieces that are not wider than they may be: at sentences, at lines, at spaces, anywhere.

Width is counted in characters, and a character of Chinese, Japanese or Korean as several, since it says as much.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence

from roundhouse.core.language.sentences import split

Span = tuple[int, int]

_DENSE = re.compile(
    "[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U000323af]+"
)
_MOST_MARKS = 16
"""Marks on one letter; what has more is no writing."""


def width(text: str, dense: float) -> float:
    """How wide a text is.

    Args:
        text: Any.
        dense: For how many a character of a dense script counts.
    """
    if text.isascii():
        return len(text)
    return len(text) + (dense - 1) * sum(map(len, _DENSE.findall(text)))


def sentences(text: str) -> list[int]:
    """Where the sentences of a text begin; the first one at 0, whatever comes before it."""
    starts = [start for start, _ in split(text)]
    return [0, *starts[1:]] if starts else [0]


def lines(text: str) -> list[int]:
    """Where its lines begin."""
    starts = [0]
    while (place := text.find("\n", starts[-1])) >= 0 and place + 1 < len(text):
        starts.append(place + 1)
    return starts


def pack(text: str, starts: Sequence[int], most: float, dense: float) -> list[Span]:
    """Put neighbouring units together as long as they are not wider than `most`; a wider one is cut.

    Args:
        text: The whole.
        starts: Where its units begin, rising, from 0 on.
        most: Widest piece.
        dense: As in `width`.

    Returns:
        Spans that follow each other without a gap, from 0 to the end of the text.
    """
    found: list[Span] = []
    begin, filled = 0, 0.0
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        own = width(text[start:end], dense)
        if filled and filled + own > most:
            found.append((begin, start))
            begin, filled = start, 0.0
        filled += own
        if filled > most:
            cuts = _cut(text, begin, end, most, dense)
            found += cuts[:-1]
            begin = cuts[-1][0]
            filled = width(text[begin:end], dense)
    if begin < len(text):
        found.append((begin, len(text)))
    return found


def evenly(text: str, starts: Sequence[int], most: float, dense: float) -> list[Span]:
    """The same, in pieces of about the same width: no last one that is a mere rest."""
    whole = width(text, dense)
    parts = math.ceil(whole / most)
    if parts <= 1:
        return [(0, len(text))] if text else []
    widest = max(
        width(text[start:end], dense) for start, end in zip(starts, [*starts[1:], len(text)], strict=True)
    )
    return pack(text, starts, min(most, whole / parts + min(widest, most / 4)), dense)


def _cut(text: str, start: int, end: int, most: float, dense: float) -> list[Span]:
    """Cut a unit that is too wide behind a space in the second half of each piece, else anywhere."""
    found: list[Span] = []
    while width(text[start:end], dense) > most:
        stop = start + _fitting(text[start : start + int(most) + 1], most, dense)
        half = start + (stop - start) // 2
        space = max(text.rfind(" ", half, stop), text.rfind("\n", half, stop))
        cut = space + 1 if space >= 0 else _between_letters(text, start, stop)
        found.append((start, cut))
        start = cut
    found.append((start, end))
    return found


def _fitting(text: str, most: float, dense: float) -> int:
    """How many of its first characters are not too wide; at least one."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if width(text[:middle], dense) <= most:
            low = middle
        else:
            high = middle - 1
    return low


def _between_letters(text: str, start: int, stop: int) -> int:
    """Not between a letter and its marks."""
    for cut in range(stop, max(start, stop - _MOST_MARKS), -1):
        if not unicodedata.combining(text[cut]):
            return cut
    return stop
