"""XML as a stream of events, read by expat: no tree in memory, nothing fetched, no entity expanded.

Names of the formats that are read here get the short prefix by which their specifications call them, whatever prefix
a file uses, and whether it follows the strict or the transitional form of ISO/IEC 29500.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, Protocol
from xml.parsers import expat

from roundhouse.core.errors import DocumentUnreadable

_PIECE_BYTES = 64 * 1024
_DEEPEST = 500
_OOXML = "http://schemas.openxmlformats.org/"
_STRICT = "http://purl.oclc.org/ooxml/"
_ODF = "urn:oasis:names:tc:opendocument:xmlns:"
_PREFIXES = {
    f"{_OOXML}wordprocessingml/2006/main": "w",
    f"{_STRICT}wordprocessingml/main": "w",
    f"{_OOXML}spreadsheetml/2006/main": "x",
    f"{_STRICT}spreadsheetml/main": "x",
    f"{_OOXML}presentationml/2006/main": "p",
    f"{_STRICT}presentationml/main": "p",
    f"{_OOXML}drawingml/2006/main": "a",
    f"{_STRICT}drawingml/main": "a",
    f"{_OOXML}drawingml/2006/wordprocessingDrawing": "wp",
    f"{_STRICT}drawingml/wordprocessingDrawing": "wp",
    f"{_OOXML}officeDocument/2006/relationships": "r",
    f"{_STRICT}officeDocument/relationships": "r",
    f"{_OOXML}officeDocument/2006/math": "m",
    f"{_OOXML}package/2006/relationships": "rel",
    f"{_OOXML}markup-compatibility/2006": "mc",
    "http://purl.org/dc/elements/1.1/": "dc",
    f"{_ODF}office:1.0": "office",
    f"{_ODF}text:1.0": "text",
    f"{_ODF}table:1.0": "table",
    f"{_ODF}drawing:1.0": "draw",
    f"{_ODF}presentation:1.0": "presentation",
    f"{_ODF}svg-compatible:1.0": "svg",
    f"{_ODF}manifest:1.0": "manifest",
    "http://www.w3.org/1999/xlink": "xlink",
    "http://www.idpf.org/2007/opf": "opf",
    "urn:oasis:names:tc:opendocument:xmlns:container": "container",
    "http://www.w3.org/2001/04/xmlenc#": "enc",
    "http://www.w3.org/XML/1998/namespace": "xml",
}


class Readable(Protocol):
    """Where the bytes come from."""

    def read(self, size: int, /) -> bytes:
        """At most so many; none at the end."""
        ...


class Event(NamedTuple):
    """What comes next.

    Attributes:
        kind: What it is.
        name: Of the element: `prefix:local` of a namespace that is known, else its local name.
        text: Of text.
        attributes: Of a start, named like elements.
    """

    kind: Literal["start", "end", "text"]
    name: str = ""
    text: str = ""
    attributes: dict[str, str] = {}  # noqa: RUF012 - shared by the ends and texts, which have none


class _Refused(Exception):
    """The document asks for what is not done."""


class _Collector:
    """Gathers what expat tells while it is given one piece."""

    def __init__(self, *, doctype: bool) -> None:
        self.events: list[Event] = []
        self._doctype = doctype
        self._depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _Refused("is nested too deeply")
        named = {_short(key): value for key, value in attributes.items()} if attributes else attributes
        self.events.append(Event("start", _short(name), "", named))

    def end(self, name: str) -> None:
        self._depth -= 1
        self.events.append(Event("end", _short(name)))

    def text(self, text: str) -> None:
        self.events.append(Event("text", "", text))

    def declared(self, *_: object) -> None:
        if not self._doctype:
            raise _Refused("declares a document type")

    def entity(self, *_: object) -> None:
        raise _Refused("declares entities")


def events(
    source: Readable, name: str, *, doctype: bool = False, encoding: str | None = None
) -> Iterator[Event]:
    """Read XML to its end.

    Args:
        source: Gives its bytes.
        name: Of the document, for messages.
        doctype: Whether it may declare a document type. Entities it may never declare.
        encoding: Of its bytes, whatever they say themselves.

    Raises:
        DocumentUnreadable: It is no well-formed XML, declares entities or, against `doctype`, a document type.
    """
    parser = expat.ParserCreate(encoding, namespace_separator=" ")
    parser.buffer_text = True
    collector = _Collector(doctype=doctype)
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.CharacterDataHandler = collector.text
    parser.StartDoctypeDeclHandler = collector.declared
    parser.EntityDeclHandler = collector.entity
    last = False
    while not last:
        piece = source.read(_PIECE_BYTES)
        last = not piece
        try:
            parser.Parse(piece, last)
        except _Refused as error:
            raise DocumentUnreadable(f"{name} {error}, which is not read: it may be made to harm.") from error
        except (expat.ExpatError, LookupError, ValueError) as error:
            raise DocumentUnreadable(f"{name} is damaged: a part of it is no XML.") from error
        found, collector.events = collector.events, []
        yield from found


def _short(name: str) -> str:
    space, _, local = name.rpartition(" ")
    if not space:
        return local
    prefix = _PREFIXES.get(space)
    return f"{prefix}:{local}" if prefix else local
