"""Workbooks: each sheet under a heading of its name, each value behind its column's name; of formulas the last result.

Source:
    ECMA-376 part 1, 18 (SpreadsheetML); 18.8.30 for the formats of dates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from roundhouse.core.errors import TooLarge
from roundhouse.features.knowledge.parsing.context import Reading
from roundhouse.features.knowledge.parsing.office import Package, package
from roundhouse.features.knowledge.parsing.tables import write_sheet
from roundhouse.features.knowledge.parsing.xml_events import Event

_REFERENCE = re.compile(r"([A-Z]{1,3})\d")
_MOST_COLUMNS = 16_384
_DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
# Letters of dates, behind quoted words, escaped characters and colours.
_LITERAL = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.')
_DATE_LETTERS = re.compile(r"[dmyhs]", re.IGNORECASE)
_FIRST_DAY = datetime(1899, 12, 30)
_DAYS_TO_1904 = 1462
_MOST_DAYS = 2_958_465
_PROGRESS_ROWS = 1_000


def read_xlsx(reading: Reading) -> None:
    """Read a workbook.

    Raises:
        DocumentUnreadable: It is damaged.
        TooLarge: It has more text than is allowed, or unpacks to more.
        DocumentEncrypted: A part needs a password.
    """
    with package(reading) as parts:
        parts.title()
        main = parts.main()
        relations = parts.relations(main)
        by_kind = {relation.kind: relation.part for relation in relations.values()}
        sheets, days = _sheets(parts.events(main))
        texts = _shared(parts, by_kind.get("sharedStrings"), reading)
        dates = _date_styles(parts, by_kind.get("styles"))
        for number, (name, relation) in enumerate(sheets, 1):
            its = relations.get(relation)
            if its is None or its.kind != "worksheet" or its.part not in parts.archive:
                continue
            reading.out.heading(name, 1)
            rows = _Sheet(texts, dates, days).rows(parts.events(its.part))
            write_sheet(reading.out, _told(rows, reading, name))
            reading.tell(number / len(sheets), f"sheet {number} of {len(sheets)}")


def _told(rows: Iterator[dict[int, str]], reading: Reading, name: str) -> Iterator[dict[int, str]]:
    for number, row in enumerate(rows, 1):
        if number % _PROGRESS_ROWS == 0:
            reading.tell(0.0, f"{name}, row {number}")
        yield row


def _sheets(found: Iterable[Event]) -> tuple[list[tuple[str, str]], int]:
    """Names and relations of the sheets, and the days between the first of the calendar and 1899-12-30."""
    sheets, days = [], 0
    for event in found:
        if event.kind != "start":
            continue
        if event.name == "x:sheet":
            sheets.append((event.attributes.get("name", ""), event.attributes.get("r:id", "")))
        elif event.name == "x:workbookPr" and event.attributes.get("date1904") in ("1", "true"):
            days = _DAYS_TO_1904
    return sheets, days


def _shared(parts: Package, part: str | None, reading: Reading) -> list[str]:
    """The texts that cells point to."""
    found: list[str] = []
    if part is None or part not in parts.archive:
        return found
    words: list[str] = []
    in_text, in_reading_aid, chars = False, False, 0
    for event in parts.events(part):
        if event.kind == "text":
            if in_text and not in_reading_aid:
                words.append(event.text)
                chars += len(event.text)
        elif event.name == "x:t":
            in_text = event.kind == "start"
        elif event.name == "x:rPh":
            in_reading_aid = event.kind == "start"
        elif event.name == "x:si" and event.kind == "end":
            found.append("".join(words))
            words = []
        if chars > reading.limits.max_chars:
            raise TooLarge(f"{reading.name} has more than {reading.limits.max_chars:,} characters; part it.")
    return found


def _date_styles(parts: Package, part: str | None) -> set[int]:
    """Numbers of the styles that show a number as a date."""
    found: set[int] = set()
    if part is None or part not in parts.archive:
        return found
    formats: dict[str, bool] = {}
    inside, number = False, 0
    for event in parts.events(part):
        if event.name == "x:cellXfs":
            inside = event.kind == "start"
        if event.kind != "start":
            continue
        if event.name == "x:numFmt":
            code = _LITERAL.sub("", event.attributes.get("formatCode", "")[:1000])
            formats[event.attributes.get("numFmtId", "")] = _DATE_LETTERS.search(code) is not None
        elif event.name == "x:xf" and inside:
            name = event.attributes.get("numFmtId", "")
            known = name.isdecimal() and len(name) < 6 and int(name) in _DATE_FORMATS
            if formats.get(name, known):
                found.add(number)
            number += 1
    return found


class _Sheet:
    """Goes through the cells of one sheet."""

    def __init__(self, texts: list[str], dates: set[int], days: int) -> None:
        self._texts = texts
        self._dates = dates
        self._days = days
        self._kind = ""
        self._style = 0
        self._column = -1
        self._words: list[str] = []
        self._inside = False

    def rows(self, found: Iterable[Event]) -> Iterator[dict[int, str]]:
        row: dict[int, str] = {}
        for event in found:
            if event.kind == "text":
                if self._inside:
                    self._words.append(event.text)
            elif event.name in ("x:v", "x:t"):
                self._inside = event.kind == "start"
            elif event.name == "x:c":
                if event.kind == "start":
                    self._cell(event)
                elif self._words and 0 <= self._column < _MOST_COLUMNS:
                    row[self._column] = self._value("".join(self._words))
            elif event.name == "x:row":
                if event.kind == "end":
                    yield row
                row, self._column = {}, -1

    def _cell(self, event: Event) -> None:
        its = event.attributes
        self._kind = its.get("t", "n")
        style = its.get("s", "")
        self._style = int(style) if style.isdecimal() and len(style) < 9 else 0
        reference = _REFERENCE.match(its.get("r", ""))
        self._column = _column(reference[1]) if reference else self._column + 1
        self._words = []

    def _value(self, text: str) -> str:
        if self._kind == "s":
            place = int(text) if text.isdecimal() and len(text) < 12 else -1
            return self._texts[place] if 0 <= place < len(self._texts) else ""
        if self._kind == "b":
            return "TRUE" if text.strip() == "1" else "FALSE"
        if self._kind == "n":
            return self._number(text)
        return text

    def _number(self, text: str) -> str:
        try:
            value = float(text)
        except ValueError:
            return text
        if self._style in self._dates and 0 <= value + self._days <= _MOST_DAYS:
            return _date(value + self._days)
        # Excel shows fifteen digits and keeps seventeen.
        return f"{value:.15g}" if abs(value) < 1e15 else text


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _date(days: float) -> str:
    moment = _FIRST_DAY + timedelta(seconds=round(days * 86_400))
    if days < 1:
        return f"{moment:%H:%M:%S}"
    return f"{moment:%Y-%m-%d}" if moment.time() == _FIRST_DAY.time() else f"{moment:%Y-%m-%d %H:%M:%S}"
