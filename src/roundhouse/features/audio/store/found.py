"""SQL of what is to be found by a search: recordings as they are now, of all tenants, for the index alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from roundhouse.features.audio.rows import recordings
from roundhouse.infra.db import Tx


class Text(NamedTuple):
    """A recording with what was said in it.

    Attributes:
        id: Of the recording.
        site_id: Whose it is.
        user_id: Likewise.
        app_id: Likewise.
        kind: `audio` or `text`.
        language: ISO 639-1 code; None = not known.
        at_s: Unix time of its creation.
        paragraphs: Texts in order.
    """

    id: str
    site_id: str
    user_id: str | None
    app_id: str | None
    kind: str
    language: str | None
    at_s: float
    paragraphs: list[str]


_IDS = recordings.c.id.in_(sa.bindparam("ids", expanding=True))
_HAS_TEXT = recordings.c.paragraphs.is_not(None)
# Both databases call it that.
_LENGTH = sa.func.json_array_length(recordings.c.paragraphs)
_TEXTS = sa.select(
    recordings.c.id,
    recordings.c.site_id,
    recordings.c.user_id,
    recordings.c.app_id,
    recordings.c.kind,
    recordings.c.language,
    recordings.c.created_at_s,
    recordings.c.paragraphs,
).where(_IDS, _HAS_TEXT)


async def found_texts(tx: Tx, ids: Sequence[str], *, lock: bool = False) -> list[Text]:
    """Those of the recordings that have a text.

    Args:
        tx: Any transaction; one for writing with `lock`.
        ids: Which.
        lock: Whether nobody may change them until it ends; those that somebody holds are left out.
    """
    query = _TEXTS.with_for_update(read=True, skip_locked=True) if lock else _TEXTS
    rows = await tx.execute(query, {"ids": ids})
    return [Text(*row[:-1], [one["text"] for one in row[-1]]) for row in rows]


async def paragraphs_of(tx: Tx, recording_id: str) -> int | None:
    """How many paragraphs a recording has; None = there is no such recording."""
    row = (await tx.execute(sa.select(_LENGTH).where(recordings.c.id == recording_id))).one_or_none()
    return None if row is None else int(row[0] or 0)


async def counts_from(tx: Tx, first_id: str, limit: int) -> list[tuple[str, int]]:
    """Recordings with a text from this id on, in the order of their ids, and how many paragraphs each has."""
    query = (
        sa.select(recordings.c.id, _LENGTH)
        .where(recordings.c.id >= first_id, _HAS_TEXT, _LENGTH > 0)
        .order_by(recordings.c.id)
        .limit(limit)
    )
    return [(row[0], int(row[1])) for row in await tx.execute(query)]


async def count_all(tx: Tx) -> int:
    """How many paragraphs all recordings have."""
    return int((await tx.execute(sa.select(sa.func.coalesce(sa.func.sum(_LENGTH), 0)))).scalar_one())
