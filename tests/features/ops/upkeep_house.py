"""A data folder with something of everything that can be cleaned."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from roundhouse.app.upkeep import cleaning_service, file_users
from roundhouse.core.jobs import NewJob, Pipeline, Step, StepContext
from roundhouse.core.settings import JobSettings, Settings
from roundhouse.core.types import Caller, FileInfo, NewFile
from roundhouse.features.knowledge.files.service import FileService
from roundhouse.features.ops.schemas import CleanRead
from roundhouse.features.ops.service import CleaningService
from roundhouse.infra.db import Database
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.jobs.rows import jobs

CALLER = Caller("key_a", site_id="a")
DAY_S = 86_400.0
KIND = "audio.process"


async def _step(_: StepContext) -> None:
    return None


class UpkeepHouse:
    """The services over one database and one folder; its clock is the test's."""

    def __init__(self, db: Database, data_dir: Path, clock: Any, users: Any = None, **settings: Any) -> None:
        self.db, self.clock, self.data_dir = db, clock, data_dir
        self.settings = Settings(data_dir=data_dir, **{"files": {"reserve_mib": 0}} | settings)
        self.files = FileService.open(self.settings.files, data_dir, db, clock, users or file_users(db))
        pipeline = Pipeline(KIND, (Step("asr", _step),))
        pull = Pipeline("model.pull", (Step("download", _step),))
        self.queue = JobQueue(db, PipelineTable([pipeline, pull]), JobSettings(), clock)
        self.cleaning = self.another()

    def another(self, **more: Any) -> CleaningService:
        """A further process's service over the same things."""
        return cleaning_service(self.settings, self.db, self.files, None, self.clock, **more)

    async def recording(self, content: bytes = b"one", name: str = "call.wav") -> FileInfo:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"RIFF\x24\0\0\0WAVEfmt " + content

        return await self.files.create(CALLER, NewFile(name, "audio"), pieces())

    async def job(
        self, state: str = "queued", *files: FileInfo, kind: str = KIND, folder: bool = True
    ) -> str:
        """A job that names files in its input; one that has ended did so now."""
        given = {"source": {"files": [one.id for one in files]}}
        made = await self.queue.accept(CALLER, NewJob(kind, given))
        await self.turn_to(made.id, state)
        if folder:
            (self.data_dir / "jobs" / made.id).mkdir(parents=True)
            (self.data_dir / "jobs" / made.id / "audio.wav").write_bytes(b"x" * 100)
        return made.id

    async def turn_to(self, job_id: str, state: str) -> None:
        ended = self.clock.now_s() if state in ("completed", "failed", "cancelled") else None
        async with self.db.begin() as tx:
            change = sa.update(jobs).where(jobs.c.id == job_id)
            await tx.execute(change.values(state=state, ended_at_s=ended, run=1))

    async def job_row(self, job_id: str) -> Any:
        async with self.db.read() as tx:
            return (await tx.execute(sa.select(jobs).where(jobs.c.id == job_id))).one()

    def log(self, name: str, age_days: float, content: str = "{}\n") -> Path:
        path = self.settings.log_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        self.age(path, age_days)
        return path

    def age(self, path: Path, days: float) -> None:
        at_s = self.clock.now_s() - days * DAY_S
        os.utime(path, (at_s, at_s), follow_symlinks=False)

    def everything(self) -> set[str]:
        """Paths of all files in the folder; the database's own are left out."""
        found = (path for path in self.data_dir.rglob("*") if not path.is_dir() or path.is_symlink())
        return {str(path.relative_to(self.data_dir)) for path in found if "roundhouse.db" not in path.name}


def names(report: CleanRead) -> list[tuple[str, str]]:
    return [(one.kind, Path(one.name).name) for one in report.removed]
