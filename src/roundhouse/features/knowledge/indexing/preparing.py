"""What is embedded of passages, for who does so again."""

from __future__ import annotations

from collections.abc import Sequence

from roundhouse.features.knowledge.chunking.chunks import chunks_of, given
from roundhouse.features.knowledge.documents import Chunk
from roundhouse.features.knowledge.stores.model import Passage


class StoredPassages:
    """A `ports.Preparing` over what the database has of passages."""

    def chunks(self, passage: Passage) -> Sequence[tuple[Chunk, str]]:
        """See `ports.Preparing.chunks`."""
        return [
            (chunk, given(passage.headings, passage.text[chunk.start : chunk.end]))
            for chunk in chunks_of(passage.text, passage.kind)
        ]
