"""SQL of segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import NotFound
from roundhouse.features.audio.model import Recording, Said
from roundhouse.features.audio.rows import segments
from roundhouse.infra.db import Tx

_SELECT = sa.select(*(segments.c[name] for name in Said.__struct_fields__))
_BATCH = 500


async def replace_all(tx: Tx, recording: Recording, said: Sequence[Said]) -> None:
    """Write the segments of a recording that is held by a lock, instead of those that were there."""
    await tx.execute(sa.delete(segments).where(segments.c.recording_id == recording.id))
    owner = {
        "recording_id": recording.id,
        "site_id": recording.site_id,
        "user_id": recording.user_id,
        "app_id": recording.app_id,
    }
    for start in range(0, len(said), _BATCH):
        rows = [owner | msgspec.structs.asdict(one) for one in said[start : start + _BATCH]]
        await tx.execute(sa.insert(segments), rows)


async def every(tx: Tx, recording_id: str) -> list[Said]:
    """All segments of a recording, by number."""
    return await after(tx, recording_id, 0, None)


async def after(tx: Tx, recording_id: str, number: int, limit: int | None) -> list[Said]:
    """Segments behind a number, in order."""
    query = _SELECT.where(segments.c.recording_id == recording_id, segments.c.number > number)
    rows = await tx.execute(query.order_by(segments.c.number).limit(limit))
    return [Said(**row) for row in rows.mappings()]


async def get(tx: Tx, recording_id: str, number: int) -> Said:
    """One segment; raises NotFound."""
    query = _SELECT.where(segments.c.recording_id == recording_id, segments.c.number == number)
    row = (await tx.execute(query)).mappings().one_or_none()
    if row is None:
        raise NotFound("No such segment.", param="number")
    return Said(**row)


async def write(tx: Tx, recording_id: str, number: int, **changes: Any) -> None:
    """Write fields of a segment of a recording that is held by a lock."""
    where = (segments.c.recording_id == recording_id, segments.c.number == number)
    await tx.execute(sa.update(segments).where(*where).values(**changes))


async def rename_speakers(tx: Tx, recording_id: str, names: Mapping[str, str]) -> None:
    """Give speakers of a recording that is held by a lock other names, all at once: two may change theirs."""
    speaker = segments.c.speaker
    change = sa.update(segments).where(segments.c.recording_id == recording_id, speaker.in_(names))
    await tx.execute(change.values(speaker=sa.case(dict(names), value=speaker, else_=speaker)))


async def count(tx: Tx, recording_id: str) -> int:
    """How many there are."""
    query = sa.select(sa.func.count()).where(segments.c.recording_id == recording_id)
    return int((await tx.execute(query)).scalar_one())


async def corrected(tx: Tx, recording_id: str) -> int:
    """How many were corrected by somebody."""
    query = sa.select(sa.func.count()).where(
        segments.c.recording_id == recording_id, segments.c.heard.is_not(None)
    )
    return int((await tx.execute(query)).scalar_one())
