"""Books in EPUB: their chapters in the order of the spine, each a page of XHTML.

Source:
    W3C EPUB 3.3, sections 4 (OCF) and 5 (package document).
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

from roundhouse.core.errors import DocumentEncrypted, DocumentUnreadable
from roundhouse.features.knowledge.parsing.archive import Archive, beside
from roundhouse.features.knowledge.parsing.context import Reading
from roundhouse.features.knowledge.parsing.html import charset, write_html
from roundhouse.features.knowledge.parsing.plain import text_of
from roundhouse.features.knowledge.parsing.shapes import MIB
from roundhouse.features.knowledge.parsing.xml_events import Event, events

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml"})
_FONTS_ONLY = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_MOST_TITLE_CHARS = 500


def read_epub(reading: Reading) -> None:
    """Read a book.

    Raises:
        DocumentEncrypted: Its texts are encrypted.
        DocumentUnreadable: It is damaged.
        TooLarge: It unpacks to more than is allowed.
    """
    with Archive(reading.path, reading.name, reading.limits) as archive:
        if _is_encrypted(archive, reading.name):
            raise DocumentEncrypted(
                f"{reading.name} is encrypted; only books without copy protection are read."
            )
        chapters, title = _chapters(archive, reading.name)
        reading.out.titled(title)
        missing = 0
        for number, part in enumerate(chapters, 1):
            if part not in archive:
                missing += 1
                continue
            data = archive.read(part, reading.limits.max_whole_mib * MIB)
            write_html(text_of(data, reading, charset(data)), reading.out, reading.name)
            reading.tell(number / len(chapters), f"chapter {number} of {len(chapters)}")
        if missing:
            reading.out.warn(f"{missing} chapter(s) are missing.")


def _is_encrypted(archive: Archive, name: str) -> bool:
    """Whether more than fonts is encrypted."""
    return any(
        event.kind == "start"
        and event.name == "enc:EncryptionMethod"
        and event.attributes.get("Algorithm") not in _FONTS_ONLY
        for event in _events(archive, _ENCRYPTION, name)
    )


def _events(archive: Archive, part: str, name: str) -> Iterator[Event]:
    if part in archive:
        with archive.open(part) as file:
            yield from events(file, name, doctype=True)


def _chapters(archive: Archive, name: str) -> tuple[list[str], str]:
    """The parts with text in their order, and the title."""
    root = next(
        (
            event.attributes.get("full-path", "")
            for event in _events(archive, _CONTAINER, name)
            if event.kind == "start" and event.name == "container:rootfile"
        ),
        "",
    )
    if root not in archive:
        raise DocumentUnreadable(f"{name} is damaged: its list of contents is missing.")
    items: dict[str, str] = {}
    order: list[str] = []
    title, in_title = "", False
    for event in _events(archive, root, name):
        its = event.attributes
        if event.kind == "text":
            if in_title and len(title) < _MOST_TITLE_CHARS:
                title += event.text
        elif event.name == "dc:title":
            in_title = event.kind == "start" and not title
        elif event.kind == "end":
            continue
        elif event.name == "opf:item" and its.get("media-type") in _PAGES:
            items[its.get("id", "")] = beside(root, unquote(its.get("href", "")))
        elif event.name == "opf:itemref":
            order.append(its.get("idref", ""))
    return list(dict.fromkeys(items[one] for one in order if one in items)), title
