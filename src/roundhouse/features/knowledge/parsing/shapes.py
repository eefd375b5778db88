"""What a parser is asked and under which limits."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

BLOCKS_NAME = "blocks.jsonl"
"""File in the folder of the parsing: a `Block` as JSON in each line."""

MIB = 1024 * 1024

Tell = Callable[[float, str], None]
"""Told how far the work is: a fraction from 0 to 1 and a line of text."""


class ParsingLimits(msgspec.Struct, frozen=True):
    """How much one document may cost.

    Attributes:
        memory_mib: Address space of the child process, beyond what its libraries take; kept on Linux.
        timeout_s: Longest time of the child process.
        max_pages: Most pages of a PDF, slides of a presentation.
        max_chars: Longest text; of a document without pages about 10,000 printed ones.
        max_blocks: Most blocks.
        max_unpacked_mib: All that is unpacked from an archive (office files, EPUB).
        max_ratio: Most times that an archive's part may grow when it is unpacked, beyond 16 MiB.
        max_whole_mib: Largest file of a format that is held in memory whole: HTML, JSON, XML, mail.
        max_pictures: So many embedded pictures are kept; further ones are told as a warning.
        max_picture_mpx: Most pixels of a picture, in millions.
        page_mpx: Pixels of the image of a page, in millions.
    """

    memory_mib: int = 1024
    timeout_s: float = 600.0
    max_pages: int = 5_000
    max_chars: int = 20_000_000
    max_blocks: int = 500_000
    max_unpacked_mib: int = 512
    max_ratio: int = 300
    max_whole_mib: int = 64
    max_pictures: int = 200
    max_picture_mpx: int = 100
    page_mpx: float = 2.0


class ParsingOrder(msgspec.Struct, frozen=True):
    """A document to be read.

    Attributes:
        path: The file.
        filename: What its user calls it; chooses among types whose bytes look alike, and stands in messages.
        folder: Where blocks and pictures are written; must be there.
        content_type: As it was uploaded; looked at where neither bytes nor name tell.
        limits: On it.
        pages: Whether each page of a PDF is offered as an image besides its text; one without text always is.
    """

    path: str
    filename: str
    folder: str
    content_type: str = ""
    limits: ParsingLimits = ParsingLimits()
    pages: bool = False


class PageOrder(msgspec.Struct, frozen=True):
    """A page, or a picture, to be shown.

    Attributes:
        path: The PDF or the image.
        filename: What its user calls it.
        folder: Where the image is written; must be there.
        page: From 1; of an image its number in the file.
        name: Of the image in the folder, without its ending.
        limits: On it.
    """

    path: str
    filename: str
    folder: str
    page: int = 1
    name: str = "page"
    limits: ParsingLimits = ParsingLimits()


class PagesOrder(msgspec.Struct, frozen=True):
    """Several pages, or pictures of one file, to be shown.

    Attributes:
        path: The PDF or the image.
        filename: What its user calls it.
        folder: Where the images are written; must be there.
        pages: From 1.
        limits: On each.
    """

    path: str
    filename: str
    folder: str
    pages: tuple[int, ...]
    limits: ParsingLimits = ParsingLimits()


class Picture(msgspec.Struct, frozen=True):
    """An image that was written.

    Attributes:
        name: Of its file in the folder.
        width_px: Its width.
        height_px: Its height.
    """

    name: str
    width_px: int
    height_px: int
