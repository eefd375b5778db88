"""Which files jobs work on: those whose ids stand anywhere in a job's input."""

from __future__ import annotations

import re
from collections.abc import Sequence

import sqlalchemy as sa

from roundhouse.core.jobs import ENDED_STATES, JOB_STATES
from roundhouse.core.ports import Transaction
from roundhouse.infra.db import Tx
from roundhouse.infra.jobs.rows import jobs

_FILE_ID = re.compile(r"file_[0-9a-hjkmnp-tv-z]{26}")
_PAGE = 2000
_GOING = [state for state in JOB_STATES if state not in ENDED_STATES]
_INPUT = sa.cast(jobs.c.input, sa.Text)


class JobInputs:
    """Implements `core.file_users.FileUser` for jobs of all kinds, those of plugins included."""

    async def uses(
        self, tx: Transaction, file_ids: Sequence[str], since_s: float | None
    ) -> dict[str, float | None]:
        """The files that the inputs of jobs name; a job that has not ended wins."""
        wanted = set(file_ids)
        named = _INPUT.contains(file_ids[0] if len(wanted) == 1 else "file_", autoescape=True)
        going: sa.ColumnElement[bool] = jobs.c.state.in_(_GOING)
        state = going if since_s is None else sa.or_(going, jobs.c.ended_at_s > since_s)
        query = sa.select(jobs.c.seq, jobs.c.ended_at_s, _INPUT.label("input")).where(state, named)
        found: dict[str, float | None] = {}
        last_seq = -1
        while True:
            page = query.where(jobs.c.seq > last_seq).order_by(jobs.c.seq).limit(_PAGE)
            rows = (await tx.execute(page)).all()
            for row in rows:
                for file_id in wanted.intersection(_FILE_ID.findall(row.input)):
                    _note(found, file_id, row.ended_at_s)
            if len(rows) < _PAGE:
                return found
            last_seq = rows[-1].seq

    async def let_go(self, tx: Transaction, file_id: str, at_s: float) -> None:
        """A job's input stays as it was given."""


async def is_going(tx: Tx, kind: str) -> bool:
    """Whether there is a job of a kind that has not ended."""
    query = sa.select(jobs.c.id).where(jobs.c.state.in_(_GOING), jobs.c.kind == kind)
    return (await tx.execute(query.limit(1))).first() is not None


def _note(found: dict[str, float | None], file_id: str, ended_at_s: float | None) -> None:
    known = found.get(file_id, 0.0)
    found[file_id] = None if known is None or ended_at_s is None else max(known, ended_at_s)
