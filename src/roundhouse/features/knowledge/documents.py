"""What is read from files: blocks, the passages made of them, the chunks that get vectors."""

from __future__ import annotations

from typing import Literal

import msgspec

BlockKind = Literal["text", "heading", "table", "code", "image"]

SEPARATOR = "\n\n"
"""Stands between blocks in the whole text of a document."""


class Block(msgspec.Struct, frozen=True, omit_defaults=True):
    """A piece of a document as it stands there.

    Attributes:
        kind: What it is.
        text: Its words; of an image what is written about it, perhaps nothing.
        start: Where it begins in the document's whole text, in characters: all blocks' texts joined by `SEPARATOR`.
        end: Behind its last character there.
        page: From 1; None = there are no pages.
        headings: The headings it stands under, the outermost first, itself not among them.
        level: Of a heading, from 1.
        image: Of an image, its file's name in the folder of the parsing; None = the page itself, as it looks.
    """

    kind: BlockKind
    text: str
    start: int
    end: int
    page: int | None = None
    headings: tuple[str, ...] = ()
    level: int | None = None
    image: str | None = None


class Parsed(msgspec.Struct, frozen=True):
    """What a parser tells besides the blocks.

    Attributes:
        content_type: What the bytes are.
        title: As the document says; "" = it does not.
        pages: How many; None = it has none.
        chars: Length of the whole text.
        blocks: How many.
        warnings: What the user should know, e.g. a page without text.
    """

    content_type: str
    title: str
    pages: int | None
    chars: int
    blocks: int
    warnings: tuple[str, ...] = ()


class NewPassage(msgspec.Struct, frozen=True):
    """What is found and cited.

    Attributes:
        place: From 0, within its document.
        kind: `image` where a picture is what is found.
        text: As it stands in the document's whole text.
        start: Where there, in characters.
        end: Behind its last character.
        page: Where it stands, headings left aside, from 1; None = there are no pages. Passages of the strategy
            `static` may run over the end of a page: then where it begins.
        headings: The headings it stands under.
        language: ISO 639-1 code by its script and words; "" = not known.
        sha256: Of what is embedded, hex: kind, headings and text, or the picture's bytes.
        image: As in `Block`.
    """

    place: int
    kind: Literal["text", "table", "code", "image"]
    text: str
    start: int
    end: int
    page: int | None
    headings: tuple[str, ...]
    language: str
    sha256: str
    image: str | None = None


class Chunk(msgspec.Struct, frozen=True):
    """A part of a passage with a vector of its own.

    Attributes:
        place: From 0, within its passage.
        start: Where it begins in the passage's text.
        end: Behind its last character.
    """

    place: int
    start: int
    end: int


class Chunking(msgspec.Struct, frozen=True):
    """How documents are cut; OpenAI's `static` strategy, or our own.

    Attributes:
        type: `auto`: passages of whole sentences within a section; `static`: of so many tokens with an overlap.
        max_tokens: Of a passage, `static` only.
        overlap_tokens: Of a passage and the one before, `static` only; at most half of `max_tokens`.
    """

    type: Literal["auto", "static"] = "auto"
    max_tokens: int = 800
    overlap_tokens: int = 400
