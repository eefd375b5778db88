"""From the blocks of a document to its passages."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from roundhouse.features.knowledge.chunking.cutting import evenly, lines, sentences, width
from roundhouse.features.knowledge.chunking.languages import language_of
from roundhouse.features.knowledge.chunking.sizes import fixed
from roundhouse.features.knowledge.documents import SEPARATOR, Block, Chunking, NewPassage

TARGET_CHARS = 1000
"""Paragraphs are put together up to this width."""

MOST_CHARS = 2000
"""A paragraph stays whole up to this width."""

DENSE = 2.0
"""For how many characters a Chinese, Japanese or Korean one counts."""

Kind = Literal["text", "table", "code", "image"]
PictureDigest = Callable[[Block], str]
"""SHA-256 of the picture that a block is, hex."""


class Piece(msgspec.Struct, frozen=True):
    """A block, or a part of one that is too long to stay whole; fields as in `Block`."""

    text: str
    start: int
    page: int | None
    headings: tuple[str, ...]
    is_heading: bool = False

    @property
    def end(self) -> int:
        """Behind its last character."""
        return self.start + len(self.text)


def passages_of(
    blocks: Iterable[Block], chunking: Chunking, picture_digest: PictureDigest
) -> Iterator[NewPassage]:
    """The passages of a document, in order; blocks are read as they are needed.

    Args:
        blocks: In order.
        chunking: How it is cut.
        picture_digest: Of blocks that are pictures.
    """
    if chunking.type == "static":
        found = fixed(blocks, chunking.max_tokens, chunking.overlap_tokens)
        for place, one in enumerate(found):
            yield passage("text", [Piece(one.text, one.start, one.page, one.headings)], place)
        return
    for place, (kind, pieces, picture) in enumerate(_Sections().all(blocks)):
        digest = None if picture is None else picture_digest(picture)
        image = None if picture is None else picture.image
        yield passage(kind, pieces, place, digest, image)


def passage(
    kind: Kind, pieces: Sequence[Piece], place: int, digest: str | None = None, image: str | None = None
) -> NewPassage:
    """A passage of pieces that follow each other.

    Args:
        kind: What it is.
        pieces: At least one.
        place: Its place.
        digest: Of its picture; None = of its text.
        image: File name of its picture.
    """
    text = SEPARATOR.join(one.text for one in pieces) if len(pieces) > 1 else pieces[0].text
    # Headings that it begins with are the first words of its text; it stands under them all the same.
    told = next((one for one in pieces if not one.is_heading), pieces[0])
    if digest is None:
        digest = hashlib.sha256(msgspec.json.encode([kind, told.headings, text])).hexdigest()
    return NewPassage(
        place=place,
        kind=kind,
        text=text,
        start=pieces[0].start,
        end=pieces[0].start + len(text),
        page=told.page,
        headings=told.headings,
        language=language_of(text),
        sha256=digest,
        image=image,
    )


_Cut = tuple[Kind, list[Piece], Block | None]


class _Sections:
    """Passages of whole sentences within a section."""

    def __init__(self) -> None:
        self._waiting: list[Piece] = []
        self._width = 0.0

    def all(self, blocks: Iterable[Block]) -> Iterator[_Cut]:
        """Passages by kind, pieces and picture."""
        for block in blocks:
            if block.kind == "image":
                yield from self._flush()
                yield "image", [_piece(block)], block
            elif block.kind == "heading":
                if self._waiting and not self._is_inside(block):
                    yield from self._flush()
                self._add(_piece(block))
            elif block.kind == "text":
                yield from self._text(block)
            else:
                yield from self._lines(block)
        yield from self._flush()

    @property
    def _has_content(self) -> bool:
        return any(not one.is_heading for one in self._waiting)

    def _is_inside(self, heading: Block) -> bool:
        """Whether only headings are waiting, and this one stands under the last of them."""
        last = self._waiting[-1]
        path = (*last.headings, last.text)
        return last.is_heading and not self._has_content and heading.headings[: len(path)] == path

    def _text(self, block: Block) -> Iterator[_Cut]:
        if self._has_content:
            last = self._waiting[-1]
            # A parser may leave a section without a heading that says so; and a citation names one page.
            if (last.headings, last.page) != (block.headings, block.page):
                yield from self._flush()
        pieces = [_piece(block)]
        if width(block.text, DENSE) > MOST_CHARS:
            spans = evenly(block.text, sentences(block.text), TARGET_CHARS, DENSE)
            pieces = [_part(block, start, end) for start, end in spans]
        for number, piece in enumerate(pieces):
            own = width(piece.text, DENSE)
            # Parts of one block follow each other without what stands between blocks: they cannot be joined.
            if self._has_content and (number or self._width + own > TARGET_CHARS):
                yield from self._flush()
            self._add(piece)

    def _lines(self, block: Block) -> Iterator[_Cut]:
        if self._has_content:
            yield from self._flush()
        kind: Kind = "table" if block.kind == "table" else "code"
        headings = block.headings
        for number, (start, end) in enumerate(evenly(block.text, lines(block.text), MOST_CHARS, DENSE)):
            if number == 1 and kind == "table":
                # What the columns are stands in the first row: the rows that are cut off stand under it.
                headings = (*headings, block.text.partition("\n")[0].strip()[:200])
            piece = _part(block, start, end)
            self._waiting.append(msgspec.structs.replace(piece, headings=headings))
            yield from self._flush(kind)

    def _add(self, piece: Piece) -> None:
        self._waiting.append(piece)
        self._width += width(piece.text, DENSE)

    def _flush(self, kind: Kind = "text") -> Iterator[_Cut]:
        waiting, self._waiting, self._width = self._waiting, [], 0.0
        if waiting:
            yield kind, waiting, None


def _piece(block: Block) -> Piece:
    return Piece(block.text, block.start, block.page, block.headings, block.kind == "heading")


def _part(block: Block, start: int, end: int) -> Piece:
    return Piece(block.text[start:end], block.start + start, block.page, block.headings)
