"""SQL of recordings and their texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import NotFound
from roundhouse.core.jobs import ENDED_STATES, Job
from roundhouse.core.ports import Transaction
from roundhouse.core.types import Caller
from roundhouse.features.audio.model import ENDED, CameBy, Kind, Options, Paragraph, Recording, Texts
from roundhouse.features.audio.rows import recordings
from roundhouse.infra.db import Tx
from roundhouse.infra.jobs.rows import jobs, read_row
from roundhouse.infra.tenancy import visible

_FIELDS = [recordings.c[name] for name in Recording.__struct_fields__]
_SELECT = sa.select(*_FIELDS)
_LOST = {"code": "executor_lost", "message": "The job of this recording is gone."}


class RecordingFilter(msgspec.Struct, frozen=True):
    """Which recordings of the caller; None = any. Times are Unix seconds."""

    stages: tuple[str, ...] | None = None
    kind: Kind | None = None
    source: CameBy | None = None
    language: str | None = None
    user_id: str | None = None
    created_after_s: float | None = None
    created_before_s: float | None = None


async def get(tx: Tx, caller: Caller, recording_id: str, *, lock: bool = False) -> Recording:
    """A recording that the caller may see; raises NotFound."""
    query = _SELECT.where(recordings.c.id == recording_id, visible(recordings, caller))
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    if row is None:
        raise NotFound("No such recording.", param="recording_id")
    return _read(row)


async def exists(tx: Tx, recording_id: str) -> bool:
    """Whether there is such a recording, of whomever."""
    query = sa.select(recordings.c.id).where(recordings.c.id == recording_id)
    return (await tx.execute(query)).first() is not None


async def has_file(tx: Tx, file_id: str) -> bool:
    """Whether a file belongs to a recording, of whomever."""
    query = sa.select(recordings.c.id).where(recordings.c.file_id == file_id).limit(1)
    return (await tx.execute(query)).first() is not None


async def going(tx: Tx, recording_ids: Sequence[str]) -> set[str]:
    """Those of some recordings whose jobs go on."""
    c = recordings.c
    query = sa.select(c.id).select_from(recordings.join(jobs, jobs.c.id == c.job_id))
    query = query.where(c.id.in_(recording_ids), c.stage != "done", jobs.c.state.not_in(ENDED_STATES))
    return set((await tx.execute(query)).scalars())


async def jobs_of(tx: Tx, found: Sequence[Recording]) -> dict[str, Job]:
    """The jobs of those recordings that are not complete, by the recording's id."""
    open_ones = {one.job_id: one.id for one in found if one.stage != "done"}
    if not open_ones:
        return {}
    rows = await tx.execute(sa.select(jobs).where(jobs.c.id.in_(open_ones)))
    read = [read_row(row) for row in rows.mappings()]
    return {open_ones[job.id]: job for job in read}


async def titles(tx: Tx, caller: Caller, ids: Sequence[str]) -> dict[str, tuple[str, list[Paragraph]]]:
    """Title and paragraphs of those recordings that the caller may see, by id."""
    query = sa.select(recordings.c.id, recordings.c.title, recordings.c.paragraphs)
    rows = await tx.execute(query.where(recordings.c.id.in_(ids), visible(recordings, caller)))
    return {row[0]: (row[1], msgspec.convert(row[2] or [], list[Paragraph])) for row in rows}


async def of_job(tx: Tx, job_id: str, *, lock: bool = False) -> Recording | None:
    """The recording that a job works on; None when it was deleted, or another job does so now."""
    query = _SELECT.where(recordings.c.job_id == job_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    return None if row is None else _read(row)


async def texts(tx: Tx, recording_id: str) -> Texts:
    """The long parts of a recording that was read in this transaction."""
    query = sa.select(recordings.c.raw_text, recordings.c.clean_text, recordings.c.paragraphs)
    row = (await tx.execute(query.where(recordings.c.id == recording_id))).one()
    paragraphs = None if row[2] is None else msgspec.convert(row[2], list[Paragraph])
    return Texts(row[0], row[1], paragraphs)


async def page(
    tx: Tx, caller: Caller, wanted: RecordingFilter, *, behind: str | None, limit: int
) -> list[Recording]:
    """Recordings of the caller, newest first.

    Args:
        tx: Any transaction.
        caller: Who asks.
        wanted: Which.
        behind: Only those behind this id.
        limit: Most rows.
    """
    query = _SELECT.where(visible(recordings, caller)).order_by(recordings.c.id.desc()).limit(limit)
    if behind is not None:
        query = query.where(recordings.c.id < behind)
    for name in ("kind", "source", "language", "user_id"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(recordings.c[name] == value)
    if wanted.stages is not None:
        query = query.where(recordings.c.stage.in_(wanted.stages))
    if wanted.created_after_s is not None:
        query = query.where(recordings.c.created_at_s >= wanted.created_after_s)
    if wanted.created_before_s is not None:
        query = query.where(recordings.c.created_at_s < wanted.created_before_s)
    return [_read(row) for row in (await tx.execute(query)).mappings()]


async def insert(tx: Tx, recording: Recording) -> None:
    """Enter a new recording."""
    row = {name: getattr(recording, name) for name in Recording.__struct_fields__}
    row["options"] = msgspec.to_builtins(recording.options)
    await tx.execute(sa.insert(recordings).values(**row))


async def change(tx: Tx, recording: Recording, now_s: float, **changes: Any) -> Recording:
    """Change fields of a recording that was read with a lock, by its owner: its version rises."""
    changes |= {"version": recording.version + 1, "updated_at_s": now_s}
    await write(tx, recording.id, changes)
    known = {name: value for name, value in changes.items() if name in Recording.__struct_fields__}
    return msgspec.structs.replace(recording, **known)


async def write(tx: Tx, recording_id: str, changes: Mapping[str, Any]) -> None:
    """Write fields of a recording that is held by a lock."""
    row = dict(changes)
    if isinstance(row.get("options"), Options):
        row["options"] = msgspec.to_builtins(row["options"])
    if row.get("paragraphs") is not None:
        row["paragraphs"] = msgspec.to_builtins(row["paragraphs"])
    await tx.execute(sa.update(recordings).where(recordings.c.id == recording_id).values(**row))


async def delete(tx: Tx, recording_id: str) -> None:
    """Delete a recording that is held by a lock, with its segments."""
    await tx.execute(sa.delete(recordings).where(recordings.c.id == recording_id))


async def unsettled(tx: Tx, limit: int) -> list[tuple[str, str, dict[str, Any] | None]]:
    """Recordings whose job has ended without their knowing: id, `failed` or `cancelled`, and the job's error."""
    state = sa.func.coalesce(jobs.c.state, "failed")
    query = (
        sa.select(recordings.c.id, state, jobs.c.error, jobs.c.id)
        .select_from(recordings.outerjoin(jobs, jobs.c.id == recordings.c.job_id))
        .where(recordings.c.stage.not_in(ENDED), state.in_(("failed", "cancelled")))
        .limit(limit)
    )
    found = []
    for recording_id, ended, error, job_id in await tx.execute(query):
        found.append((recording_id, ended, error if job_id is not None else dict(_LOST)))
    return found


async def ended_before(
    tx: Tx, site_id: str | None, without: Sequence[str], before_s: float, limit: int
) -> list[Recording]:
    """Recordings that ended before a time, oldest first.

    Args:
        tx: Any transaction.
        site_id: Of this tenant; None = of all but `without`.
        without: Tenants that have a time of their own.
        before_s: Unix time.
        limit: Most rows.
    """
    return await _old(tx, site_id, without, before_s, limit)


async def with_old_sound(
    tx: Tx, site_id: str | None, without: Sequence[str], before_s: float, limit: int
) -> list[Recording]:
    """Likewise, of those whose own sound is still there."""
    has_sound = sa.and_(recordings.c.file_id.is_not(None), recordings.c.owns_file)
    return await _old(tx, site_id, without, before_s, limit, has_sound)


async def _old(
    tx: Tx,
    site_id: str | None,
    without: Sequence[str],
    before_s: float,
    limit: int,
    *more: sa.ColumnElement[bool],
) -> list[Recording]:
    tenant = recordings.c.site_id == site_id if site_id is not None else recordings.c.site_id.not_in(without)
    query = (
        _SELECT.where(recordings.c.stage.in_(ENDED), recordings.c.updated_at_s < before_s, tenant, *more)
        .order_by(recordings.c.updated_at_s)
        .limit(limit)
    )
    return [_read(row) for row in (await tx.execute(query)).mappings()]


def _read(row: Mapping[Any, Any]) -> Recording:
    values = {name: row[name] for name in Recording.__struct_fields__}
    values["options"] = msgspec.convert(row["options"], Options)
    return Recording(**values)


async def sound_use(tx: Transaction, file_ids: Sequence[str]) -> list[tuple[str, float | None]]:
    """Files that recordings have, each with the recording's last change; None = its job has not ended."""
    is_going = sa.and_(jobs.c.id.is_not(None), jobs.c.ended_at_s.is_(None))
    query = (
        sa.select(recordings.c.file_id, sa.case((is_going, None), else_=recordings.c.updated_at_s))
        .select_from(recordings.outerjoin(jobs, jobs.c.id == recordings.c.job_id))
        .where(recordings.c.file_id.in_(file_ids))
    )
    return [(str(file_id), at_s) for file_id, at_s in await tx.execute(query)]


async def forget_sound(tx: Transaction, file_id: str, at_s: float) -> None:
    """A file is deleted: the recordings that have it are without sound from then on."""
    change = sa.update(recordings).where(recordings.c.file_id == file_id)
    await tx.execute(change.values(file_id=None, sound_deleted_at_s=at_s))
