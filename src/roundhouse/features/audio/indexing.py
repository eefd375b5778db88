"""What the full text index is told of changes, and where it gets from what is to be found.

A recording is found by its paragraphs, each an entry of its own, so that what is found has its time. In the transaction
of a change one small row is written; the index reads the paragraphs when it comes to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from roundhouse.features.audio.model import Recording
from roundhouse.features.audio.store import found
from roundhouse.infra import search
from roundhouse.infra.db import Tx

PARAGRAPH = "recording"
"""Kind of the entries; their parent is the recording."""


class RecordingIndex(Protocol):
    """Finds recordings by what was said in them."""

    async def changed(self, tx: Tx, recording: Recording, paragraphs: int, before: int) -> None:
        """Its text is another one, of so many paragraphs; it had so many before."""
        ...

    async def gone(self, tx: Tx, recording: Recording) -> None:
        """It is deleted."""
        ...


class SearchIndex:
    """A `RecordingIndex` over `infra.search`: it marks what is to be indexed."""

    async def changed(self, tx: Tx, recording: Recording, paragraphs: int, before: int) -> None:
        """Mark its paragraphs, and those that it has no more."""
        await search.mark_parts(tx, recording.site_id, PARAGRAPH, [recording.id])
        over = [_ref_id(recording.id, place) for place in range(paragraphs, before)]
        await search.mark(tx, recording.site_id, PARAGRAPH, over)

    async def gone(self, tx: Tx, recording: Recording) -> None:
        """Mark all that the index knows of it."""
        await search.mark_parts(tx, recording.site_id, PARAGRAPH, [recording.id])


class ParagraphSource:
    """Paragraphs as the index finds them; parts are those of a recording."""

    kind = PARAGRAPH

    async def entries(self, tx: Tx, ref_ids: Sequence[str], *, lock: bool = False) -> list[search.Entry]:
        """The texts of paragraphs that are there."""
        wanted: dict[str, list[int]] = {}
        for ref_id in ref_ids:
            recording_id, place = place_of(ref_id)
            wanted.setdefault(recording_id, []).append(place)
        texts = await found.found_texts(tx, sorted(wanted), lock=lock)
        return [
            _entry(one, place)
            for one in texts
            for place in wanted[one.id]
            if place < len(one.paragraphs) and one.paragraphs[place]
        ]

    async def parts(self, tx: Tx, ref_id: str, after: str, limit: int) -> search.Some | None:
        """The paragraphs of a recording; None = it was deleted."""
        count = await found.paragraphs_of(tx, ref_id)
        if count is None:
            return None
        start = place_of(after)[1] + 1 if after else 0
        return _some([_ref_id(ref_id, place) for place in range(start, min(count, start + limit))], limit)

    async def page(self, tx: Tx, after: str, limit: int) -> search.Some:
        """All paragraphs, recording by recording."""
        first_id, place = place_of(after) if after else ("", -1)
        ref_ids: list[str] = []
        # Each has a paragraph at least: more recordings than entries are never wanted.
        for recording_id, count in await found.counts_from(tx, first_id, limit + 1):
            start = place + 1 if recording_id == first_id else 0
            ref_ids += [_ref_id(recording_id, one) for one in range(start, min(count, start + limit))]
            if len(ref_ids) >= limit:
                break
        return _some(ref_ids[:limit], limit)

    async def count(self, tx: Tx) -> int:
        """How many there are."""
        return await found.count_all(tx)


def place_of(ref_id: str) -> tuple[str, int]:
    """Recording and place, from 0, of what was found."""
    recording_id, _, place = ref_id.rpartition(":")
    return recording_id, int(place)


def _ref_id(recording_id: str, place: int) -> str:
    return f"{recording_id}:{place}"


def _some(ref_ids: Sequence[str], limit: int) -> search.Some:
    return search.Some(ref_ids, ref_ids[-1] if len(ref_ids) == limit else None)


def _entry(text: found.Text, place: int) -> search.Entry:
    return search.Entry(
        ref_id=_ref_id(text.id, place),
        kind=PARAGRAPH,
        site_id=text.site_id,
        user_id=text.user_id,
        app_id=text.app_id,
        parent_id=text.id,
        role=text.kind,
        tags=() if text.language is None else (text.language,),
        text=text.paragraphs[place],
        at_s=text.at_s,
    )
