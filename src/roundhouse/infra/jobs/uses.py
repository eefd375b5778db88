"""Which files jobs work on: those whose ids stand anywhere in a job's input."""

from __future__ import annotations

import re

import msgspec
import sqlalchemy as sa

from roundhouse.core.jobs import ENDED_STATES, JOB_STATES
from roundhouse.infra.db import Tx
from roundhouse.infra.jobs.rows import jobs

_FILE_ID = re.compile(r"file_[0-9a-hjkmnp-tv-z]{26}")
_PAGE = 2000
_GOING = [state for state in JOB_STATES if state not in ENDED_STATES]
_INPUT = sa.cast(jobs.c.input, sa.Text)


class FileUse(msgspec.Struct, frozen=True):
    """Ids of files by the jobs that name them.

    Attributes:
        going: Of jobs that have not ended.
        ended: Of jobs that have ended, each with the time of its last job's end (Unix seconds).
    """

    going: frozenset[str]
    ended: dict[str, float]


async def files_in_use(tx: Tx, ended_after_s: float) -> FileUse:
    """The files of all jobs that have not ended, or that ended after a time."""
    going: set[str] = set()
    ended: dict[str, float] = {}
    last_seq = -1
    while True:
        query = (
            sa.select(jobs.c.seq, jobs.c.ended_at_s, _INPUT.label("input"))
            .where(
                jobs.c.seq > last_seq,
                sa.or_(jobs.c.state.in_(_GOING), jobs.c.ended_at_s > ended_after_s),
                _INPUT.like("%file@_%", escape="@"),
            )
            .order_by(jobs.c.seq)
            .limit(_PAGE)
        )
        rows = (await tx.execute(query)).all()
        for row in rows:
            for file_id in _FILE_ID.findall(row.input):
                if row.ended_at_s is None:
                    going.add(file_id)
                else:
                    ended[file_id] = max(row.ended_at_s, ended.get(file_id, 0.0))
        if len(rows) < _PAGE:
            return FileUse(frozenset(going), ended)
        last_seq = rows[-1].seq


async def is_in_use(tx: Tx, file_id: str) -> bool:
    """Whether a job that has not ended works on a file."""
    query = sa.select(jobs.c.id).where(jobs.c.state.in_(_GOING), _INPUT.contains(file_id, autoescape=True))
    return (await tx.execute(query.limit(1))).first() is not None


async def is_going(tx: Tx, kind: str) -> bool:
    """Whether there is a job of a kind that has not ended."""
    query = sa.select(jobs.c.id).where(jobs.c.state.in_(_GOING), jobs.c.kind == kind)
    return (await tx.execute(query.limit(1))).first() is not None
