"""Values that are made of others: `map`, titles, forms, outputs of flows.

A text that is a path from `$.` is the value it leads to; `{{ expression }}` within a text is put in as text. Everything
else is itself; `$$` at the beginning of a text is one `$`.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from roundhouse.core.errors import Unprocessable
from roundhouse.features.tasks.flows.expressions import Expression, Roots

MOST_TEXT_CHARS = 1_000_000
"""Longest text that may come of one template."""

_MOST_DEPTH = 20
_MOST_PARTS = 1000
_HOLE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


class Template:
    """One template, read once.

    Args:
        value: Any JSON value.

    Raises:
        Unprocessable: An expression in it cannot be read, or it is too deep or too large.
    """

    def __init__(self, value: Any) -> None:
        self.roots: set[str] = set()
        self._parts = 0
        self._root = self._read(value, 0)

    def fill(self, roots: Roots) -> Any:
        """The value that comes of it.

        Raises:
            Unprocessable: A text of it grows too long.
        """
        return _fill(self._root, roots)

    def _read(self, value: Any, depth: int) -> Any:
        self._parts += 1
        if depth > _MOST_DEPTH or self._parts > _MOST_PARTS:
            raise Unprocessable("This is too deep or too large for a template.")
        if isinstance(value, dict):
            return {name: self._read(part, depth + 1) for name, part in value.items()}
        if isinstance(value, list):
            return [self._read(part, depth + 1) for part in value]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> Any:
        if text.startswith("$$"):
            return text[1:]
        if text.startswith("$."):
            return self._expression(text)
        pieces: list[str | Expression] = []
        end = 0
        for hole in _HOLE.finditer(text):
            pieces += [text[end : hole.start()], self._expression(hole.group(1))]
            end = hole.end()
        return _Text([*pieces, text[end:]]) if pieces else text

    def _expression(self, text: str) -> Expression:
        found = Expression(text)
        self.roots |= found.roots
        return found


class _Text:
    """Pieces of a text and what is put between them."""

    def __init__(self, pieces: list[str | Expression]) -> None:
        self._pieces = pieces

    def fill(self, roots: Roots) -> str:
        found, length = [], 0
        for piece in self._pieces:
            text = piece if isinstance(piece, str) else _as_text(piece.value(roots))
            length += len(text)
            if length > MOST_TEXT_CHARS:
                raise Unprocessable(f"A text of the flow grows over {MOST_TEXT_CHARS} characters.")
            found.append(text)
        return "".join(found)


def _fill(value: Any, roots: Roots) -> Any:
    if isinstance(value, Expression):
        return value.value(roots)
    if isinstance(value, _Text):
        return value.fill(roots)
    if isinstance(value, dict):
        return {name: _fill(part, roots) for name, part in value.items()}
    if isinstance(value, list):
        return [_fill(part, roots) for part in value]
    return value


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
