"""Jobs that are submitted again and again, by the clock (cron, UTC). Each time comes once, whoever submits it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
import structlog
from croniter import croniter

from roundhouse.core.errors import BadInput, QueueFull
from roundhouse.core.jobs import Schedule
from roundhouse.core.ports import Clock, Jobs
from roundhouse.core.types import Caller
from roundhouse.infra.db import Database, Tx, insert_if_new, metadata

schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("cron", sa.String(100), nullable=False),
    sa.Column("last_due_at_s", sa.Double),
    sa.Column("last_job_id", sa.String(40)),
)

HOUSE = Caller(key_id="house", scopes=frozenset({"admin"}))
"""The caller of jobs that nobody asked for."""

_DAY_S = 86_400.0

_log = structlog.get_logger(__name__)


class Schedules:
    """Submits scheduled jobs when they are due; any number of executors may do so at once.

    Args:
        db: The database.
        queue: Where they are submitted.
        planned: All of them.
        clock: Time.

    Raises:
        BadInput: A cron expression cannot be read.
    """

    def __init__(self, db: Database, queue: Jobs[Tx], planned: Sequence[Schedule], clock: Clock) -> None:
        self._db = db
        self._queue = queue
        self._planned = planned
        self._clock = clock
        self._look_again_s = 0.0
        for one in planned:
            if not croniter.is_valid(one.cron):
                raise BadInput(f"The schedule {one.name!r} has a cron expression that cannot be read.")

    async def submit_due(self) -> None:
        """Submit what has become due since it was last submitted; costs nothing in between."""
        now_s = self._clock.now_s()
        # Also after the clock was put back.
        if self._look_again_s - 3600.0 <= now_s < self._look_again_s:
            return
        for one in self._planned:
            async with self._db.begin() as tx:
                await self._submit(tx, one, now_s)
        self._look_again_s = min((_next_s(one.cron, now_s) for one in self._planned), default=math.inf)

    async def _submit(self, tx: Tx, one: Schedule, now_s: float) -> None:
        due_s = _last_s(one.cron, now_s)
        query = sa.select(schedules).where(schedules.c.name == one.name).with_for_update()
        row = (await tx.execute(query)).mappings().one_or_none()
        if row is None:
            # New: its first time is the next one.
            values = {"name": one.name, "cron": one.cron, "last_due_at_s": due_s}
            await tx.execute(insert_if_new(tx, schedules).values(**values))
            return
        changes: dict[str, object] = {"cron": one.cron, "last_due_at_s": due_s}
        if row["last_due_at_s"] > now_s + _DAY_S:
            # The clock was far ahead: what comes is not what has been.
            _log.warning("schedule_begun_anew", schedule=one.name)
        elif row["last_due_at_s"] >= due_s:
            return
        else:
            try:
                changes["last_job_id"] = (await self._queue.submit(tx, HOUSE, one.job)).id
            except QueueFull as error:
                _log.warning("schedule_skipped", schedule=one.name, error=error.code)
        await tx.execute(sa.update(schedules).where(schedules.c.name == one.name).values(**changes))


def _last_s(cron: str, now_s: float) -> float:
    """The latest time of a schedule that is not after now."""
    return float(croniter(cron, datetime.fromtimestamp(math.floor(now_s) + 1, UTC)).get_prev(float))


def _next_s(cron: str, now_s: float) -> float:
    return float(croniter(cron, datetime.fromtimestamp(now_s, UTC)).get_next(float))
