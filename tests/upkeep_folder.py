"""A data folder that a service has left behind: recordings, jobs and logs, some of them old."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from features.ops.upkeep_house import DAY_S, UpkeepHouse
from roundhouse.core.settings import DbSettings
from roundhouse.features.knowledge.files.store import files
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database
from roundhouse.infra.jobs.rows import jobs
from roundhouse.infra.migrate import upgrade_blocking


class Left:
    """What lies there: ids of recordings by age in days, of the unfinished job, and the old part of the log."""

    def __init__(self) -> None:
        self.recordings: dict[int, str] = {}
        self.needed = ""
        self.job = ""
        self.log = Path()


def leave(data_dir: Path, url: str | None = None) -> Left:
    """Make it: recordings of 3, 10 and 20 days, one of 30 days that a waiting job needs, and a log of 10 days."""
    url = url or f"sqlite:///{data_dir / 'roundhouse.db'}"
    upgrade_blocking(url)
    return asyncio.run(_leave(data_dir, url))


async def _leave(data_dir: Path, url: str) -> Left:
    db = Database(DbSettings(), url)
    house = UpkeepHouse(db, data_dir, SystemClock())
    left = Left()
    try:
        for age_days in (3, 10, 20):
            made = await house.recording(bytes([age_days]))
            left.recordings[age_days] = made.id
            await _age(db, files, made.id, age_days)
        needed = await house.recording(b"needed")
        left.needed = needed.id
        await _age(db, files, needed.id, 30)
        left.job = await house.job("waiting", needed)
        await _age(db, jobs, left.job, 30)
        left.log = house.log("roundhouse-old.log", 10)
        house.log("roundhouse.log", 0)
    finally:
        await house.files.close()
        await db.close()
    return left


async def _age(db: Database, table: sa.Table, row_id: str, days: float) -> None:
    async with db.begin() as tx:
        change: Any = sa.update(table).where(table.c.id == row_id)
        await tx.execute(change.values(created_at_s=SystemClock().now_s() - days * DAY_S))


def recordings(data_dir: Path, url: str | None = None) -> set[str]:
    """Ids of the recordings that are still there."""
    engine = sa.create_engine(url or f"sqlite:///{data_dir / 'roundhouse.db'}", poolclass=sa.NullPool)
    with engine.connect() as connection:
        return set(connection.execute(sa.select(files.c.id)).scalars())
