"""What Word, Excel and PowerPoint files have in common: parts, and what points from one to another.

Source:
    ISO/IEC 29500-2 (Open Packaging Conventions), ECMA-376 part 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from roundhouse.core.errors import DocumentUnreadable
from roundhouse.features.knowledge.parsing.archive import Archive, beside
from roundhouse.features.knowledge.parsing.context import Reading
from roundhouse.features.knowledge.parsing.pictures import keep_picture
from roundhouse.features.knowledge.parsing.shapes import MIB
from roundhouse.features.knowledge.parsing.xml_events import Event, events

_MOST_RELATIONS = 100_000
_MOST_TITLE_CHARS = 500
_CORE = "docProps/core.xml"


class Relation(NamedTuple):
    """What a part points to.

    Attributes:
        kind: The last word of its type, e.g. `image`.
        part: In the archive; what lies outside it has no relation here.
    """

    kind: str
    part: str


class Package:
    """An office file, opened.

    Args:
        archive: Its parts.
        reading: Of the document.
    """

    def __init__(self, archive: Archive, reading: Reading) -> None:
        self.archive = archive
        self._reading = reading
        self._pictures: dict[str, bool] = {}

    def main(self) -> str:
        """The part with which it begins.

        Raises:
            DocumentUnreadable: There is none.
        """
        for relation in self.relations("").values():
            if relation.kind == "officeDocument" and relation.part in self.archive:
                return relation.part
        raise DocumentUnreadable(f"{self._reading.name} is damaged: it does not say where it begins.")

    def relations(self, part: str) -> dict[str, Relation]:
        """What a part points to within the file, by the names it uses for that."""
        folder, _, name = part.rpartition("/")
        listed = f"{folder}/_rels/{name}.rels" if folder else f"_rels/{name}.rels"
        found: dict[str, Relation] = {}
        if listed not in self.archive:
            return found
        for event in self.events(listed):
            if event.kind != "start" or event.name != "rel:Relationship":
                continue
            its = event.attributes
            if its.get("TargetMode") != "External" and len(found) < _MOST_RELATIONS:
                kind = its.get("Type", "").rpartition("/")[2]
                found[its.get("Id", "")] = Relation(kind, beside(part, its.get("Target", "")))
        return found

    def events(self, part: str) -> Iterator[Event]:
        """The XML of a part."""
        with self.archive.open(part) as file:
            yield from events(file, self._reading.name)

    def title(self) -> None:
        """Take the title from the properties, if there is one."""
        if _CORE not in self.archive:
            return
        found, inside = "", False
        for event in self.events(_CORE):
            if event.kind == "text" and inside and len(found) < _MOST_TITLE_CHARS:
                found += event.text
            elif event.name == "dc:title":
                inside = event.kind == "start"
        self._reading.out.titled(found)

    def picture(self, part: str, text: str, page: int | None = None) -> None:
        """Keep an embedded picture, the same one once."""
        limits = self._reading.limits
        if part in self._pictures or part not in self.archive:
            return
        if sum(self._pictures.values()) >= limits.max_pictures:
            self._reading.out.warn(
                f"It has more than {limits.max_pictures} pictures; the others were left out."
            )
            return
        data = self.archive.read(part, limits.max_whole_mib * MIB)
        self._pictures[part] = keep_picture(data, self._reading, text, page)


@contextmanager
def package(reading: Reading) -> Iterator[Package]:
    """Open an office file."""
    with Archive(reading.path, reading.name, reading.limits) as archive:
        yield Package(archive, reading)
