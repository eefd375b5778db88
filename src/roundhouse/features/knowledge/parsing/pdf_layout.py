"""Lines of a page become paragraphs and headings, by their places and the sizes of their letters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

_LARGER = 1.15
_MOST_HEADING_CHARS = 200
_MOST_HEADING_LINES = 4
_LEVELS = 4
_GAP = 0.6
_SHORT = 0.8
_ENDS = re.compile(r"[.!?:;。！？：；…][\"'”’)\]）」』]*$")
_ITEM = re.compile(r"(?:[-•▪●◦‣–*·]|\(?(?:\d{1,3}|[a-zA-Z])[.)]|[一二三四五六七八九十]{1,3}、)\s")
_MARGIN_LINES = 2
_LEAST_PAGES = 3
_LEAST_SHARE = 0.4
_NUMBER = re.compile(r"\d+|\b[ivxl]+\b")
_LEADERS = re.compile(r"\s*(?:\.\s?){4,}\s*")
_LETTER = re.compile(r"[^\W\d_]")
_PARTED = re.compile(r"[^\W\d_A-Z]-$")
_HYPHEN = re.compile("[\x02\xad\ufffe]$")
_WIDE = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")


class Line(NamedTuple):
    """One line.

    Attributes:
        text: Its words.
        size_pt: Of its first letter.
        left: Its edges, in points; the page's lower left corner is 0, 0.
        right: See `left`.
        top: See `left`.
        bottom: See `left`.
    """

    text: str
    size_pt: float
    left: float
    right: float
    top: float
    bottom: float


class Paragraph(NamedTuple):
    """Lines that belong together.

    Attributes:
        text: Joined.
        level: Of a heading, from 1; None = it is none.
    """

    text: str
    level: int | None


class Sizes:
    """Which sizes of letters a document uses: the one with the most text is its body, larger ones are headings."""

    def __init__(self) -> None:
        self._chars: Counter[float] = Counter()
        self._levels: dict[float, int] = {}
        self._body_pt = 0.0

    def add(self, lines: Iterable[Line]) -> None:
        """Count the letters of some lines."""
        for line in lines:
            self._chars[_rounded(line.size_pt)] += len(line.text)

    def close(self) -> None:
        """No more come: find the body and rank what is larger."""
        if not self._chars:
            return
        self._body_pt = max(self._chars, key=lambda size: (self._chars[size], -size))
        larger = sorted((size for size in self._chars if size >= self._body_pt * _LARGER), reverse=True)
        self._levels = {size: min(rank, _LEVELS) for rank, size in enumerate(larger, 1)}

    def level(self, line: Line) -> int | None:
        """Of the heading that a line is, or is a part of; None = of none."""
        size = _rounded(line.size_pt)
        if not self._body_pt or size < self._body_pt * _LARGER:
            return None
        if (
            len(line.text) > _MOST_HEADING_CHARS
            or not _LETTER.search(line.text)
            or _LEADERS.search(line.text)
        ):
            return None
        if size in self._levels:
            return self._levels[size]
        # It was not on the pages that were looked at.
        return min(1 + sum(1 for known in self._levels if known > size), _LEVELS)


class Margins:
    """What stands above and below the text of many pages: running titles, numbers of pages."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._pages = 0
        self._repeated: frozenset[str] = frozenset()

    def add(self, lines: Sequence[Line]) -> None:
        """Look at the lines of one page."""
        self._pages += 1
        self._counts.update({_pattern(line) for line in (*lines[:_MARGIN_LINES], *lines[-_MARGIN_LINES:])})

    def close(self) -> None:
        """No more come."""
        least = max(_LEAST_PAGES, self._pages * _LEAST_SHARE)
        self._repeated = frozenset(one for one, count in self._counts.items() if count >= least)

    def without(self, lines: Sequence[Line], sizes: Sizes) -> Sequence[Line]:
        """The lines of a page but for what it repeats; all of them where nothing else would be left.

        A heading stays: the title of the first page is often the running title of the others.
        """

        def drops(line: Line) -> bool:
            return _pattern(line) in self._repeated and sizes.level(line) is None

        first, last = 0, len(lines)
        while first < min(_MARGIN_LINES, len(lines)) and drops(lines[first]):
            first += 1
        while last > max(first, len(lines) - _MARGIN_LINES) and drops(lines[last - 1]):
            last -= 1
        return lines[first:last] or lines


def _pattern(line: Line) -> str:
    """The same on each page, whatever its number."""
    return _NUMBER.sub("#", line.text)


def _rounded(size_pt: float) -> float:
    return round(size_pt * 2) / 2


def paragraphs(lines: Sequence[Line], sizes: Sizes) -> Iterator[Paragraph]:
    """The paragraphs of a page.

    Args:
        lines: In the order in which they are read.
        sizes: Of the document.
    """
    widest = max((line.right for line in lines), default=0.0)
    group: list[Line] = []
    level: int | None = None
    for line in lines:
        its_level = sizes.level(line)
        if group and not _goes_on(group, line, level, its_level, widest):
            yield Paragraph(joined(group), level)
            group = []
        if not group:
            level = its_level
        group.append(line)
    if group:
        yield Paragraph(joined(group), level)


def _goes_on(
    group: Sequence[Line], line: Line, level: int | None, its_level: int | None, widest: float
) -> bool:
    before = group[-1]
    if level != its_level or _ITEM.match(line.text):
        return False
    if level is not None:
        near = abs(before.bottom - line.top) < 1.5 * max(line.size_pt, 1.0)
        return near and len(group) < _MOST_HEADING_LINES
    if before.top == before.bottom or line.top == line.bottom:
        return True
    size = max(abs(before.top - before.bottom), 1.0)
    if line.bottom > before.top + size:
        # Another column: a sentence may go on there.
        return not _ends(before)
    if before.bottom - line.top > _GAP * size:
        return False
    return not (_ends(before) and before.right < _SHORT * widest)


def _ends(line: Line) -> bool:
    """Whether a sentence ends with it."""
    return _ENDS.search(line.text[-8:]) is not None


def joined(lines: Iterable[Line]) -> str:
    """One text of some lines: words that were parted at the end of a line are whole again."""
    found: list[str] = []
    for line in lines:
        after = line.text
        if not found:
            found.append(after)
            continue
        before = found[-1]
        if _HYPHEN.search(before[-2:]) or (_PARTED.search(before[-2:]) and after[:1].islower()):
            found[-1] = before[:-1]
        elif not (_WIDE.match(before[-1]) and _WIDE.match(after)):
            found.append(" ")
        found.append(after)
    # Dots that lead to a page's number say nothing.
    return _LEADERS.sub(" … ", "".join(found).replace("\x02", ""))
