"""What the full text index of a house finds."""

from __future__ import annotations

from roundhouse.features.audio.indexing import ParagraphSource
from roundhouse.features.chat.indexing import MessageSource, TitleSource
from roundhouse.features.knowledge.indexing.source import PassageSource
from roundhouse.infra.search import Source


def search_sources() -> list[Source]:
    """A source for each kind of thing."""
    return [MessageSource(), TitleSource(), ParagraphSource(), PassageSource()]
