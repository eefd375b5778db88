"""What the full text index is told of recordings: an entry per paragraph, so that what is found has its time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from roundhouse.features.audio.model import Paragraph, Recording
from roundhouse.infra import search
from roundhouse.infra.db import Tx

PARAGRAPH = "recording"
"""Kind of the entries; their parent is the recording."""


class RecordingIndex(Protocol):
    """Finds recordings by what was said in them."""

    async def write(self, tx: Tx, recording: Recording, paragraphs: Sequence[Paragraph], before: int) -> None:
        """Its text is another one; it had so many paragraphs before."""
        ...

    async def gone(self, tx: Tx, recording_id: str, count: int) -> None:
        """It is deleted, with so many paragraphs."""
        ...


class SearchIndex:
    """A `RecordingIndex` over `infra.search`."""

    async def write(self, tx: Tx, recording: Recording, paragraphs: Sequence[Paragraph], before: int) -> None:
        """Index its paragraphs instead of those that were there."""
        await search.remove(tx, PARAGRAPH, _ids(recording.id, before, len(paragraphs)))
        await search.index(tx, [_entry(recording, one, place) for place, one in enumerate(paragraphs)])

    async def gone(self, tx: Tx, recording_id: str, count: int) -> None:
        """Forget its paragraphs."""
        await search.remove(tx, PARAGRAPH, _ids(recording_id, count))


def place_of(ref_id: str) -> tuple[str, int]:
    """Recording and place, from 0, of what was found."""
    recording_id, _, place = ref_id.rpartition(":")
    return recording_id, int(place)


def _ids(recording_id: str, count: int, start: int = 0) -> list[str]:
    return [f"{recording_id}:{place}" for place in range(start, count)]


def _entry(recording: Recording, paragraph: Paragraph, place: int) -> search.Entry:
    return search.Entry(
        ref_id=f"{recording.id}:{place}",
        kind=PARAGRAPH,
        site_id=recording.site_id,
        user_id=recording.user_id,
        app_id=recording.app_id,
        parent_id=recording.id,
        role=recording.kind,
        tags=() if recording.language is None else (recording.language,),
        text=paragraph.text,
        at_s=recording.created_at_s,
    )
