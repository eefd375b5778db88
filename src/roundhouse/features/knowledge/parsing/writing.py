"""Blocks as they are written: cleaned, numbered by their place in the whole text, counted against the limits."""

from __future__ import annotations

import re
import unicodedata
from typing import BinaryIO

import msgspec

from roundhouse.core.errors import TooLarge
from roundhouse.features.knowledge.documents import SEPARATOR, Block, BlockKind
from roundhouse.features.knowledge.parsing.shapes import ParsingLimits

MOST_BLOCK_CHARS = 16_000
"""A longer text is parted where it may be."""

_MOST_HEADING_CHARS = 300
_DEEPEST = 9
_MOST_WARNINGS = 50
_MOST_TITLE_CHARS = 500
# Control characters, marks of direction, soft hyphens, and tag characters, which are read by models alone.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_LONE = re.compile("[\ud800-\udfff]")
_BREAKS = re.compile("\r\n?|\x0b|\x0c|\x85|\u2028|\u2029")
_SPACES = re.compile("[\xa0\u2000-\u200a\u202f\u205f]")
_LINE_ENDS = re.compile(r"[ \t]+\n")
_EMPTY_LINES = re.compile(r"\n{3,}")
_SPLIT_AT = (re.compile(r"\n"), re.compile(r"(?<=[.!?。！？])\s*"), re.compile(r"\s"))


def clean(text: str) -> str:
    """The text composed (NFC), with plain spaces and line breaks, without what nobody sees."""
    if text.isprintable():
        return unicodedata.normalize("NFC", text).strip()
    text = _SPACES.sub(" ", _BREAKS.sub("\n", text))
    text = _LONE.sub("\ufffd", _UNSEEN.sub("", text))
    text = _EMPTY_LINES.sub("\n\n", _LINE_ENDS.sub("\n", text))
    return unicodedata.normalize("NFC", text).strip()


class BlockWriter:
    """Writes blocks, one a line.

    Args:
        file: Takes them.
        limits: On characters and blocks.
        name: Of the document, for messages.

    Attributes:
        title: As the document says; set by its reader.
        pages: How many there are; set by its reader.
        warnings: What the user should know.
        blocks: Written so far.
        inside: What comes is of a document within this one: its pages are not this one's, its headings are lower.
        chars: Of the whole text so far.
    """

    def __init__(self, file: BinaryIO, limits: ParsingLimits, name: str) -> None:
        self.title = ""
        self.pages: int | None = None
        self.warnings: list[str] = []
        self.blocks = 0
        self.inside = False
        self.chars = 0
        self._file = file
        self._limits = limits
        self._name = name
        self._headings: list[tuple[int, str]] = []
        self._encoder = msgspec.json.Encoder()

    def text(self, text: str, page: int | None = None) -> None:
        """Write a paragraph, or a list; nothing if it is empty."""
        self._plain("text", text, page)

    def table(self, text: str, page: int | None = None) -> None:
        """Write rows of a table, one a line."""
        self._plain("table", text, page)

    def code(self, text: str, page: int | None = None) -> None:
        """Write what is read by machines as well: its line breaks and indents matter."""
        self._plain("code", text, page)

    def heading(self, text: str, level: int, page: int | None = None) -> None:
        """Write a heading; what follows stands under it until one of the same or a higher rank comes.

        Args:
            text: Its words; one that is as long as a paragraph becomes a paragraph.
            level: From 1, the highest.
            page: Where it stands.
        """
        text = clean(" ".join(text.split()))
        if not text:
            return
        if len(text) > _MOST_HEADING_CHARS:
            self._plain("text", text, page)
            return
        level = min(max(level, 1) + self.inside, _DEEPEST)
        while self._headings and self._headings[-1][0] >= level:
            self._headings.pop()
        self._write("heading", text, page, level=level)
        self._headings.append((level, text))

    def image(self, name: str | None, text: str = "", page: int | None = None) -> None:
        """Write that there is a picture.

        Args:
            name: Of its file in the folder; None = the page itself.
            text: What is written about it.
            page: Where it stands.
        """
        if self.inside and name is None:
            self.warn("A picture or a page without text in a file that came with it was left out.")
            return
        self._write("image", clean(text)[:MOST_BLOCK_CHARS], page, image=name)

    def warn(self, text: str) -> None:
        """Tell the user something about the document; the same only once."""
        if len(self.warnings) < _MOST_WARNINGS and text not in self.warnings:
            self.warnings.append(text)

    def titled(self, title: str) -> None:
        """Set the title, unless there is one."""
        if not self.title:
            self.title = clean(" ".join(title.split()))[:_MOST_TITLE_CHARS]

    def leave_headings(self) -> None:
        """What follows stands under no heading, as in another file."""
        self._headings.clear()

    def _plain(self, kind: BlockKind, text: str, page: int | None) -> None:
        self._check(len(text))
        for piece in pieces(clean(text)):
            self._write(kind, piece, page)

    def _write(
        self,
        kind: BlockKind,
        text: str,
        page: int | None,
        *,
        level: int | None = None,
        image: str | None = None,
    ) -> None:
        start = self.chars + (len(SEPARATOR) if self.blocks else 0)
        self._check(start - self.chars + len(text))
        if self.blocks >= self._limits.max_blocks:
            raise TooLarge(f"{self._name} has more than {self._limits.max_blocks:,} blocks; part it.")
        self.blocks += 1
        self.chars = start + len(text)
        path = tuple(one for _, one in self._headings)
        block = Block(kind, text, start, self.chars, None if self.inside else page, path, level, image)
        self._file.write(self._encoder.encode(block) + b"\n")

    def _check(self, more: int) -> None:
        if self.chars + more > self._limits.max_chars:
            raise TooLarge(f"{self._name} has more than {self._limits.max_chars:,} characters; part it.")


def pieces(text: str) -> list[str]:
    """The text in pieces of at most `MOST_BLOCK_CHARS`, parted at lines, else at sentences, else at spaces."""
    found = []
    start = 0
    while len(text) - start > MOST_BLOCK_CHARS:
        end = _end(text, start)
        found.append(text[start:end].strip())
        start = end
    found.append(text[start:].strip())
    return [piece for piece in found if piece]


def _end(text: str, start: int) -> int:
    """Where the piece ends that begins at `start`: as late as may be, in its second half."""
    middle, most = start + MOST_BLOCK_CHARS // 2, start + MOST_BLOCK_CHARS
    for pattern in _SPLIT_AT:
        last = 0
        for found in pattern.finditer(text, middle, most):
            last = found.end()
        if last:
            return last
    return most
