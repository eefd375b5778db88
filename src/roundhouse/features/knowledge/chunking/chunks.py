"""What of a passage gets vectors, and what an embedding model is given of it.

Source:
    Sizes: whole sentences up to 350 characters, 120 of Chinese, measured on XQuAD, ParaShoot and CMRC 2018 with
    MiniLM, a passage scoring as its best chunk.
"""

from __future__ import annotations

from collections.abc import Sequence

from roundhouse.core.vectors import MAX_CHUNKS
from roundhouse.features.knowledge.chunking.cutting import lines, pack, sentences
from roundhouse.features.knowledge.documents import Chunk

CHUNK_CHARS = 350
"""Widest chunk, in characters."""

DENSE = 350 / 120
"""For how many characters a Chinese, Japanese or Korean one counts."""

_MOST_HEADING_CHARS = 120


def chunks_of(text: str, kind: str) -> list[Chunk]:
    """The chunks of a passage: whole sentences, of tables and code whole lines; none where there is only space.

    Args:
        text: Of the passage.
        kind: Of the passage.
    """
    starts = sentences(text) if kind in ("text", "image") else lines(text)
    found: list[Chunk] = []
    for start, end in pack(text, starts, CHUNK_CHARS, DENSE):
        bare = text[start:end].strip()
        if bare:
            begin = text.index(bare, start)
            found.append(Chunk(len(found), begin, begin + len(bare)))
    if len(found) > MAX_CHUNKS:
        # A passage is never that long but by a plugin's hand; its end shares the last vector.
        last = found[MAX_CHUNKS - 1]
        found[MAX_CHUNKS - 1 :] = [Chunk(last.place, last.start, found[-1].end)]
    return found


def given(headings: Sequence[str], text: str) -> str:
    """What a model is given of a chunk: the heading it stands under, then what it says."""
    heading = headings[-1][:_MOST_HEADING_CHARS].strip() if headings else ""
    return f"{heading}\n{text}" if heading and not text.startswith(heading) else text
