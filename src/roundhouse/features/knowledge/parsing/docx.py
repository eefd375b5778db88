"""Word files: paragraphs, headings by their styles, lists, tables, notes, pictures; nothing deleted or hidden.

Source:
    ECMA-376 part 1, 17 (WordprocessingML).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from roundhouse.features.knowledge.parsing.context import Reading
from roundhouse.features.knowledge.parsing.office import Package, package
from roundhouse.features.knowledge.parsing.tables import write_table
from roundhouse.features.knowledge.parsing.xml_events import Event

_HEADING = re.compile(r"heading (\d)$", re.IGNORECASE)
_OFF = frozenset({"0", "false", "off", "none"})
_NOTES = ("footnotes", "endnotes")
# What was moved away or deleted, fields' commands, and the second form of what is drawn.
_SKIPPED = frozenset(
    {"w:del", "w:moveFrom", "w:delText", "w:instrText", "w:rPrChange", "w:pPrChange", "mc:Fallback"}
)
_DIRECT = {"w:tab": "\t", "w:br": "\n", "w:cr": "\n", "w:noBreakHyphen": "-"}


def read_docx(reading: Reading) -> None:
    """Read a Word file.

    Raises:
        DocumentUnreadable: It is damaged.
        TooLarge: It unpacks to more than is allowed.
        DocumentEncrypted: A part needs a password.
    """
    with package(reading) as parts:
        parts.title()
        main = parts.main()
        relations = parts.relations(main)
        by_kind = {relation.kind: relation.part for relation in relations.values()}
        levels, items = _styles(parts, by_kind.get("styles"))
        pictures = {name: one.part for name, one in relations.items() if one.kind == "image"}
        _Body(reading, parts, levels, items, pictures).read(parts.events(main))
        reading.out.leave_headings()
        for kind in _NOTES:
            if by_kind.get(kind, "") in parts.archive:
                _Body(reading, parts, levels, items, {}).read(parts.events(by_kind[kind]))


def _styles(parts: Package, styles: str | None) -> tuple[dict[str, int], set[str]]:
    """Levels of headings by the names of styles, and the styles of lists."""
    found: dict[str, int] = {}
    items: set[str] = set()
    if styles is None or styles not in parts.archive:
        return found, items
    style = ""
    for event in parts.events(styles):
        if event.kind != "start":
            continue
        if event.name == "w:style":
            style = event.attributes.get("w:styleId", "")
        elif event.name == "w:name":
            name = event.attributes.get("w:val", "")
            heading = _HEADING.match(name)
            if heading or name.lower() == "title":
                found[style] = int(heading[1]) if heading else 1
        elif event.name == "w:numPr":
            items.add(style)
        elif event.name == "w:outlineLvl" and style:
            _outline(event, style, found)
    return found, items


def _outline(event: Event, style: str, levels: dict[str, int]) -> None:
    level = event.attributes.get("w:val", "")
    if level.isdecimal() and len(level) == 1 and int(level) < 9:
        levels.setdefault(style, int(level) + 1)


class _Body:
    """Goes through a part with text."""

    def __init__(
        self,
        reading: Reading,
        parts: Package,
        levels: dict[str, int],
        items: set[str],
        pictures: dict[str, str],
    ) -> None:
        self._reading = reading
        self._parts = parts
        self._levels = levels
        self._list_styles = items
        self._pictures = pictures
        self._words: list[str] = []
        self._level: int | None = None
        self._is_item = False
        self._is_hidden = False
        self._skipped = 0
        self._in_text = False
        self._open: list[tuple[list[str], int | None, bool]] = []
        self._tables: list[list[list[str]]] = []
        self._items: list[str] = []
        self._alt = ""
        self._found: list[tuple[str, str]] = []

    def read(self, found: Iterable[Event]) -> None:
        for event in found:
            if event.kind == "text":
                if self._in_text and not self._skipped and not self._is_hidden:
                    self._words.append(event.text)
            elif event.name in _SKIPPED:
                self._skipped += 1 if event.kind == "start" else -1
            elif event.kind == "start":
                if not self._skipped:
                    self._start(event)
            elif not self._skipped:
                self._end(event.name)
        self._write_items()

    def _start(self, event: Event) -> None:
        name = event.name
        if name in ("w:t", "m:t"):
            self._in_text = True
        elif name == "w:p":
            # A text box stands within a paragraph and has paragraphs of its own.
            self._open.append((self._words, self._level, self._is_item))
            self._words, self._level, self._is_item = [], None, False
        elif name == "w:r":
            self._is_hidden = False
        elif name in ("w:vanish", "w:webHidden"):
            self._is_hidden = event.attributes.get("w:val", "1") not in _OFF
        elif name in _DIRECT:
            self._words.append(_DIRECT[name])
        elif name in ("w:pStyle", "w:outlineLvl", "w:numPr"):
            self._property(event)
        elif name in ("wp:docPr", "a:blip"):
            self._picture(event)
        else:
            self._start_table(name)

    def _start_table(self, name: str) -> None:
        if name == "w:tbl":
            self._tables.append([])
        elif name == "w:tr" and self._tables:
            self._tables[-1].append([])
        elif name == "w:tc" and self._tables and self._tables[-1]:
            self._tables[-1][-1].append("")

    def _property(self, event: Event) -> None:
        value = event.attributes.get("w:val", "")
        if event.name == "w:pStyle":
            self._level = self._levels.get(value)
            self._is_item = value in self._list_styles
        elif event.name == "w:numPr":
            self._is_item = True
        elif value.isdecimal() and len(value) == 1:
            self._level = int(value) + 1 if int(value) < 9 else None

    def _picture(self, event: Event) -> None:
        if event.name == "wp:docPr":
            self._alt = event.attributes.get("descr", "")
        else:
            part = self._pictures.get(event.attributes.get("r:embed", ""))
            if part is not None:
                self._found.append((part, self._alt))
            self._alt = ""

    def _end(self, name: str) -> None:
        if name in ("w:t", "m:t"):
            self._in_text = False
        elif name == "w:r":
            self._is_hidden = False
        elif name == "w:p" and self._open:
            self._paragraph()
        elif name == "w:tbl" and self._tables:
            self._table()

    def _paragraph(self) -> None:
        text, level, is_item = "".join(self._words), self._level, self._is_item
        self._words, self._level, self._is_item = self._open.pop()
        if self._tables and self._tables[-1] and self._tables[-1][-1]:
            cell = self._tables[-1][-1]
            cell[-1] = f"{cell[-1]} {text}" if cell[-1] else text
        elif is_item and level is None:
            if text.strip():
                self._items.append(f"- {text.strip()}")
        elif text.strip():
            self._write_items()
            self._write(text, level)
        if not self._tables:
            self._write_pictures()

    def _write(self, text: str, level: int | None) -> None:
        if level is None:
            self._reading.out.text(text)
            return
        if level == 1:
            self._reading.out.titled(text)
        self._reading.out.heading(text, level)

    def _write_items(self) -> None:
        items, self._items = self._items, []
        self._reading.out.text("\n".join(items))

    def _table(self) -> None:
        rows = self._tables.pop()
        if self._tables and self._tables[-1] and self._tables[-1][-1]:
            # A table in a cell becomes that cell's text.
            cell = self._tables[-1][-1]
            cell[-1] = " ".join([cell[-1], *(one for row in rows for one in row)])
        else:
            self._write_items()
            write_table(self._reading.out, rows)
            self._write_pictures()

    def _write_pictures(self) -> None:
        found, self._found = self._found, []
        if found:
            self._write_items()
        for part, alt in found:
            self._parts.picture(part, alt)
