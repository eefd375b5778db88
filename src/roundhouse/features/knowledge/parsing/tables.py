"""Tables as text: one row a line, parted into blocks that each can be understood alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from roundhouse.features.knowledge.parsing.writing import BlockWriter

_MOST_CHARS = 4_000
_MOST_ROWS = 50
_MOST_HEADER_CHARS = 80
_NUMBER = re.compile(r"[-+(]?[\d.,:/\s%€$£¥₫₪-]+\)?")


def write_table(out: BlockWriter, rows: Iterable[Sequence[str]], page: int | None = None) -> None:
    """Write a table that stands in a text: cells parted by bars, its first row again where it goes on in a new block.

    Args:
        out: Takes the blocks.
        rows: Their cells.
        page: Where it stands.
    """
    lines = _Lines(out, page)
    for row in rows:
        cells = [_cell(one) for one in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            line = " | ".join(cells)
            if not lines.again:
                lines.again = line if len(line) <= _MOST_CHARS // 4 else ""
            lines.add(line)
    lines.close()


def write_sheet(out: BlockWriter, rows: Iterable[Mapping[int, str]], page: int | None = None) -> None:
    """Write a sheet: each value behind its column's name, if the first row has names.

    Args:
        out: Takes the blocks.
        rows: Each the values by their column, from 0, in order.
        page: Where it stands.
    """
    lines = _Lines(out, page)
    names: dict[int, str] | None = None
    first: dict[int, str] | None = None
    for row in rows:
        cells = {column: cell for column, value in row.items() if (cell := _cell(value))}
        if not cells:
            continue
        if first is None:
            first = cells
            continue
        if names is None:
            names = first if _are_names(first, cells) else {}
            if not names:
                lines.add(" | ".join(first.values()))
        lines.add(" | ".join(_named(names.get(column), cell) for column, cell in cells.items()))
    if first is not None and names is None:
        lines.add(" | ".join(first.values()))
    lines.close()


class _Lines:
    """Lines that become blocks; `again` stands first in each but the first."""

    def __init__(self, out: BlockWriter, page: int | None) -> None:
        self.again = ""
        self._out = out
        self._page = page
        self._lines: list[str] = []
        self._chars = 0

    def add(self, line: str) -> None:
        if self._lines and (self._chars + len(line) > _MOST_CHARS or len(self._lines) >= _MOST_ROWS):
            self.close()
            if self.again:
                self._lines, self._chars = [self.again], len(self.again)
        self._lines.append(line)
        self._chars += len(line) + 1

    def close(self) -> None:
        if self._lines:
            self._out.table("\n".join(self._lines), self._page)
        self._lines, self._chars = [], 0


def _cell(text: str) -> str:
    return " ".join(text.split())


def _named(name: str | None, cell: str) -> str:
    return f"{name}: {cell}" if name else cell


def _are_names(first: Mapping[int, str], second: Mapping[int, str]) -> bool:
    """Whether the first row names columns: short words, each once, over all that the second row has."""
    values = list(first.values())
    if len(values) < 2 or len(set(values)) < len(values) or not set(second) <= set(first):
        return False
    return all(len(one) <= _MOST_HEADER_CHARS and not _NUMBER.fullmatch(one) for one in values)
