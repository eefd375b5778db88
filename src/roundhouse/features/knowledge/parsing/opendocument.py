"""OpenDocument: texts, sheets, presentations. What was deleted, and comments, are left out.

Source:
    OASIS OpenDocument 1.3, parts 2 and 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from roundhouse.core.errors import DocumentEncrypted, DocumentUnreadable, TooLarge
from roundhouse.features.knowledge.parsing.archive import Archive
from roundhouse.features.knowledge.parsing.context import Reading
from roundhouse.features.knowledge.parsing.pictures import keep_picture
from roundhouse.features.knowledge.parsing.shapes import MIB
from roundhouse.features.knowledge.parsing.tables import write_sheet, write_table
from roundhouse.features.knowledge.parsing.xml_events import Event, events

_CONTENT = "content.xml"
_MANIFEST = "META-INF/manifest.xml"
_META = "meta.xml"
_SKIPPED = frozenset(
    {"text:tracked-changes", "office:annotation", "office:annotation-end", "text:sequence-decls", "office:forms",
     "table:tracked-changes", "text:ruby-text", "office:automatic-styles", "office:scripts"}
)  # fmt: skip
_MOST_REPEATED = 1_000
_MOST_COLUMNS = 16_384
_MOST_SPACES = 100
_MOST_TITLE_CHARS = 500


def read_opendocument(reading: Reading) -> None:
    """Read a text, a workbook or a presentation.

    Raises:
        DocumentEncrypted: It opens with a password only.
        DocumentUnreadable: It is damaged.
        TooLarge: It has more text or slides than is allowed, or unpacks to more.
    """
    with Archive(reading.path, reading.name, reading.limits) as archive:
        if _is_encrypted(archive, reading.name):
            raise DocumentEncrypted(f"{reading.name} is encrypted; save it without a password.")
        if _CONTENT not in archive:
            raise DocumentUnreadable(f"{reading.name} is damaged: its text is missing.")
        reading.out.titled(_title(archive, reading.name))
        with archive.open(_CONTENT) as file:
            _Body(reading, archive).read(events(file, reading.name))


def _is_encrypted(archive: Archive, name: str) -> bool:
    if _MANIFEST not in archive:
        return False
    with archive.open(_MANIFEST) as file:
        return any(
            event.name in ("manifest:encryption-data", "manifest:encrypted-key")
            for event in events(file, name, doctype=True)
        )


def _title(archive: Archive, name: str) -> str:
    found, inside = "", False
    if _META in archive:
        with archive.open(_META) as file:
            for event in events(file, name):
                if event.kind == "text" and inside and len(found) < _MOST_TITLE_CHARS:
                    found += event.text
                elif event.name == "dc:title":
                    inside = event.kind == "start"
    return found


class _Body:
    """Goes through the text; a sheet's rows are read by `_rows`, all other tables are gathered."""

    def __init__(self, reading: Reading, archive: Archive) -> None:
        self._reading = reading
        self._archive = archive
        self._is_sheets = reading.content_type.endswith("spreadsheet")
        self._words: list[str] = []
        self._open = 0
        self._level = 0
        self._lists = 0
        self._items: list[str] = []
        self._tables: list[list[list[str]]] = []
        self._page: int | None = None
        self._is_title = False
        self._pictures: list[str] = []
        self._kept = 0

    def read(self, found: Iterable[Event]) -> None:
        shown = _shown(found)
        for event in shown:
            if event.kind == "text":
                if self._open:
                    self._words.append(event.text)
            elif event.kind == "start":
                if self._is_sheets and event.name == "table:table":
                    self._reading.out.heading(event.attributes.get("table:name", ""), 1)
                    write_sheet(self._reading.out, _rows(shown))
                else:
                    self._start(event)
            else:
                self._end(event.name)
        self._write_items()

    def _start(self, event: Event) -> None:
        name, its = event.name, event.attributes
        if name in ("text:p", "text:h"):
            self._open += 1
            if self._open == 1:
                level = its.get("text:outline-level", "1")
                self._level = (
                    (int(level) if level.isdecimal() and len(level) < 3 else 1) if name[-1] == "h" else 0
                )
        elif name in ("text:s", "text:tab", "text:line-break"):
            self._words.append(_blank(event))
        elif name == "text:list":
            self._lists += 1
        elif name == "draw:page":
            self._next_page()
        elif name == "draw:frame":
            self._is_title = its.get("presentation:class") == "title"
        elif name == "draw:image":
            self._pictures.append(its.get("xlink:href", ""))
        else:
            self._start_table(name)

    def _start_table(self, name: str) -> None:
        if name == "table:table":
            self._tables.append([])
        elif name == "table:table-row" and self._tables:
            self._tables[-1].append([])
        elif name == "table:table-cell" and self._tables and self._tables[-1]:
            self._tables[-1][-1].append("")

    def _next_page(self) -> None:
        self._write_items()
        self._reading.out.leave_headings()
        self._page = (self._page or 0) + 1
        self._reading.out.pages = self._page
        if self._page > self._reading.limits.max_pages:
            raise TooLarge(f"{self._reading.name} has more than {self._reading.limits.max_pages:,} slides.")

    def _end(self, name: str) -> None:
        if name in ("text:p", "text:h") and self._open:
            self._open -= 1
            if self._open:
                # A frame within a paragraph has paragraphs of its own.
                self._words.append("\n")
            else:
                self._paragraph()
        elif name == "text:list" and self._lists:
            self._lists -= 1
            if not self._lists:
                self._write_items()
        elif name == "table:table" and self._tables:
            rows = self._tables.pop()
            if self._tables and self._tables[-1] and self._tables[-1][-1]:
                cell = self._tables[-1][-1]
                cell[-1] = " ".join([cell[-1], *(one for row in rows for one in row)])
            else:
                self._write_items()
                write_table(self._reading.out, rows, self._page)
        elif name == "draw:frame":
            self._is_title = False
        if name in ("draw:frame", "text:p") and not self._open and not self._tables:
            self._write_pictures()

    def _paragraph(self) -> None:
        text, self._words = "".join(self._words).strip(), []
        out = self._reading.out
        if self._tables and self._tables[-1] and self._tables[-1][-1]:
            cell = self._tables[-1][-1]
            cell[-1] = f"{cell[-1]} {text}" if cell[-1] else text
        elif not text:
            return
        elif self._level or self._is_title:
            self._write_items()
            level = self._level or 1
            if level == 1:
                out.titled(text)
            out.heading(text, level, self._page)
        elif self._lists:
            self._items.append("  " * min(self._lists - 1, 8) + f"- {text}")
        else:
            out.text(text, self._page)

    def _write_items(self) -> None:
        items, self._items = self._items, []
        self._reading.out.text("\n".join(items), self._page)

    def _write_pictures(self) -> None:
        found, self._pictures = self._pictures, []
        limits = self._reading.limits
        for name in found:
            if name not in self._archive:
                continue
            if self._kept >= limits.max_pictures:
                self._reading.out.warn(
                    f"It has more than {limits.max_pictures} pictures; the others were left out."
                )
                return
            data = self._archive.read(name, limits.max_whole_mib * MIB)
            self._kept += keep_picture(data, self._reading, "", self._page)


def _blank(event: Event) -> str:
    if event.name == "text:tab":
        return "\t"
    if event.name == "text:line-break":
        return "\n"
    return " " * _repeated(event, "text:c", _MOST_SPACES)


def _repeated(event: Event, name: str, most: int) -> int:
    """How often something stands there; what is told by strangers is bounded."""
    told = event.attributes.get(name, "1")
    return min(int(told), most) if told.isdecimal() and len(told) < 9 else 1


def _shown(found: Iterable[Event]) -> Iterator[Event]:
    """Without what is not shown."""
    skipped = 0
    for event in found:
        if event.name in _SKIPPED:
            skipped += 1 if event.kind == "start" else -1
        elif not skipped:
            yield event


def _rows(found: Iterator[Event]) -> Iterator[dict[int, str]]:
    """Rows of one sheet, up to its end; a repeated cell that is not empty is repeated, within bounds."""
    row, again = _Row(), 1
    for event in found:
        if event.name == "table:table-row":
            if event.kind == "start":
                row, again = _Row(), _repeated(event, "table:number-rows-repeated", _MOST_REPEATED)
            elif row.cells:
                yield from (row.cells for _ in range(again))
        elif event.name == "table:table" and event.kind == "end":
            return
        else:
            row.take(event)


class _Row:
    """Cells of one row by their columns."""

    def __init__(self) -> None:
        self.cells: dict[int, str] = {}
        self._column = 0
        self._times = 1
        self._depth = 0
        self._words: list[str] = []

    def take(self, event: Event) -> None:
        if event.kind == "text":
            if self._depth:
                self._words.append(event.text)
        elif event.name == "text:p":
            self._depth += 1 if event.kind == "start" else -1
            self._words.append(" ")
        elif event.name in ("table:table-cell", "table:covered-table-cell"):
            if event.kind == "start":
                self._words = []
                self._times = _repeated(event, "table:number-columns-repeated", _MOST_COLUMNS)
            else:
                self._end_cell()

    def _end_cell(self) -> None:
        text = "".join(self._words).strip()
        last = min(self._column + min(self._times, _MOST_REPEATED), _MOST_COLUMNS)
        if text:
            self.cells.update(dict.fromkeys(range(self._column, last), text))
        self._column += self._times
