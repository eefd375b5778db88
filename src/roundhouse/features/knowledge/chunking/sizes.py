"""Passages of so many tokens with an overlap, as OpenAI's `static` strategy has them.

Tokens are those of OpenAI's newer models, estimated: no vocabulary is at hand. Passages begin and end with sentences
where these are short enough.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import msgspec

from roundhouse.core.types import ModelInfo
from roundhouse.engine.tokens import Count, counter
from roundhouse.features.knowledge.chunking.cutting import lines, pack, sentences
from roundhouse.features.knowledge.documents import SEPARATOR, Block

_CHARS_PER_TOKEN = 8
"""A passage has at most so many characters for each of its tokens, whatever the estimate says of rows of spaces."""


_BETWEEN_TOKENS = 4
"""Characters, and tokens, of what stands between two blocks, at most."""


class Fixed(msgspec.Struct, frozen=True):
    """A passage; fields as in `NewPassage`."""

    text: str
    start: int
    page: int | None
    headings: tuple[str, ...]


class _Unit(msgspec.Struct, frozen=True):
    """A sentence with what stands behind it up to the next one."""

    text: str
    start: int
    tokens: int
    page: int | None
    headings: tuple[str, ...]


def fixed(blocks: Iterable[Block], max_tokens: int, overlap_tokens: int) -> Iterator[Fixed]:
    """Passages in order, each of at most `max_tokens`, sharing at most `overlap_tokens` with the one before."""
    window: deque[_Unit] = deque()
    tokens = fresh = chars = 0
    most_chars = max_tokens * _CHARS_PER_TOKEN
    for unit in _units(blocks, max_tokens, most_chars):
        if fresh and (tokens + unit.tokens > max_tokens or chars + len(unit.text) > most_chars):
            yield _passage(window)
            fresh = 0
            while window and (
                tokens > overlap_tokens
                or tokens + unit.tokens > max_tokens
                or chars + len(unit.text) > most_chars
            ):
                gone = window.popleft()
                tokens -= gone.tokens
                chars -= len(gone.text)
        window.append(unit)
        tokens += unit.tokens
        chars += len(unit.text)
        fresh += 1
    if fresh:
        yield _passage(window)


def _passage(window: Iterable[_Unit]) -> Fixed:
    units = list(window)
    first = units[0]
    text = "".join(one.text for one in units)
    return Fixed(text.rstrip(), first.start, first.page, first.headings)


def _units(blocks: Iterable[Block], max_tokens: int, most_chars: int) -> Iterator[_Unit]:
    """Sentences of all blocks; what stands between two blocks belongs to the last one before it."""
    count = counter(ModelInfo(id="gpt-4o"))
    waiting: _Unit | None = None
    for block in blocks:
        if not block.text:
            continue
        if waiting is not None:
            # Pictures without a text stand between as well: two separators, then.
            gap = block.start - waiting.start - len(waiting.text)
            between = (SEPARATOR * (gap // len(SEPARATOR) + 1))[:gap]
            text = waiting.text + between
            yield msgspec.structs.replace(waiting, text=text, tokens=count(text))
            waiting = None
        for start, end in _spans(block, count, max_tokens, most_chars):
            if waiting is not None:
                yield waiting
            text = block.text[start:end]
            waiting = _Unit(text, block.start + start, count(text), block.page, block.headings)
    if waiting is not None:
        yield waiting


def _spans(block: Block, count: Count, max_tokens: int, most_chars: int) -> Iterator[tuple[int, int]]:
    starts = sentences(block.text) if block.kind in ("text", "heading", "image") else lines(block.text)
    for start, end in zip(starts, [*starts[1:], len(block.text)], strict=True):
        text = block.text[start:end]
        if len(text) <= most_chars - _BETWEEN_TOKENS and count(text) <= max_tokens - _BETWEEN_TOKENS:
            yield start, end
            continue
        # No character is more than four tokens to any tokenizer that the estimate knows.
        for first, last in pack(text, [0], min(most_chars, max_tokens // 4) - _BETWEEN_TOKENS, 1.0):
            yield start + first, start + last
