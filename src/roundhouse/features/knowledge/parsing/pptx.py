"""Presentations: each slide is a page; its title is a heading, its notes follow it.

Source:
    ECMA-376 part 1, 19 (PresentationML) and 21 (DrawingML).
"""

from __future__ import annotations

from collections.abc import Iterable

from roundhouse.core.errors import TooLarge
from roundhouse.features.knowledge.parsing.context import Reading
from roundhouse.features.knowledge.parsing.office import Package, package
from roundhouse.features.knowledge.parsing.tables import write_table
from roundhouse.features.knowledge.parsing.xml_events import Event

_TITLES = frozenset({"title", "ctrTitle"})
# Numbers of slides, dates and footers say the same on each.
_LEFT_OUT = frozenset({"sldNum", "dt", "ftr", "hdr", "sldImg"})


def read_pptx(reading: Reading) -> None:
    """Read a presentation.

    Raises:
        DocumentUnreadable: It is damaged.
        TooLarge: It has too many slides, or unpacks to more than is allowed.
        DocumentEncrypted: A part needs a password.
    """
    with package(reading) as parts:
        parts.title()
        main = parts.main()
        relations = parts.relations(main)
        slides = [
            relations[name].part
            for event in parts.events(main)
            if event.kind == "start"
            and event.name == "p:sldId"
            and (name := event.attributes.get("r:id", "")) in relations
        ]
        if len(slides) > reading.limits.max_pages:
            raise TooLarge(
                f"{reading.name} has {len(slides):,} slides; at most {reading.limits.max_pages:,} are read."
            )
        reading.out.pages = len(slides)
        for page, slide in enumerate(slides, 1):
            _read_slide(parts, slide, page, reading)
            reading.tell(page / len(slides), f"slide {page} of {len(slides)}")


def _read_slide(parts: Package, slide: str, page: int, reading: Reading) -> None:
    relations = parts.relations(slide)
    pictures = {name: one.part for name, one in relations.items() if one.kind == "image"}
    reading.out.leave_headings()
    _Slide(reading, parts, pictures, page).read(parts.events(slide))
    for relation in relations.values():
        if relation.kind == "notesSlide" and relation.part in parts.archive:
            _Slide(reading, parts, {}, page, has_titles=False).read(parts.events(relation.part))


class _Slide:
    """Goes through one slide: shapes with paragraphs, tables, pictures."""

    def __init__(
        self,
        reading: Reading,
        parts: Package,
        pictures: dict[str, str],
        page: int,
        *,
        has_titles: bool = True,
    ) -> None:
        self._reading = reading
        self._parts = parts
        self._pictures = pictures
        self._page = page
        self._has_titles = has_titles
        self._kind = ""
        self._alt = ""
        self._words: list[str] = []
        self._in_text = False
        self._lines: list[str] = []
        self._rows: list[list[str]] | None = None

    def read(self, found: Iterable[Event]) -> None:
        for event in found:
            if event.kind == "text":
                if self._in_text:
                    self._words.append(event.text)
            elif event.kind == "start":
                self._start(event)
            else:
                self._end(event.name)

    def _start(self, event: Event) -> None:
        name = event.name
        if name in ("p:sp", "p:pic", "p:graphicFrame"):
            self._kind, self._lines = "", []
        elif name == "p:ph":
            self._kind = event.attributes.get("type", "body")
        elif name == "p:cNvPr":
            self._alt = event.attributes.get("descr", "")
        elif name == "a:t":
            self._in_text = True
        elif name == "a:br":
            self._words.append("\n")
        elif name == "a:blip":
            part = self._pictures.get(event.attributes.get("r:embed", ""))
            if part is not None:
                self._parts.picture(part, self._alt, self._page)
        else:
            self._start_table(name)

    def _start_table(self, name: str) -> None:
        if name == "a:tbl":
            self._rows = []
        elif name == "a:tr" and self._rows is not None:
            self._rows.append([])
        elif name == "a:tc" and self._rows:
            self._rows[-1].append("")

    def _end(self, name: str) -> None:
        if name == "a:t":
            self._in_text = False
        elif name == "a:p":
            text, self._words = "".join(self._words).strip(), []
            if self._rows and self._rows[-1]:
                cell = self._rows[-1]
                cell[-1] = f"{cell[-1]} {text}" if cell[-1] else text
            elif text:
                self._lines.append(text)
        elif name == "a:tbl" and self._rows is not None:
            write_table(self._reading.out, self._rows, self._page)
            self._rows = None
        elif name == "p:sp":
            self._write()

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        if self._kind in _LEFT_OUT:
            return
        if self._kind in _TITLES and self._has_titles:
            text = " ".join(lines)
            self._reading.out.titled(text)
            self._reading.out.heading(text, 1, self._page)
        else:
            self._reading.out.text("\n".join(lines), self._page)
