"""The clean-up deletes what was kept long enough, and nothing else."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.jobs import NewJob, StepContext
from roundhouse.core.settings import JobSettings
from roundhouse.core.types import Caller
from roundhouse.features.ops.jobs import CLEANUP, CleanUp
from roundhouse.features.ops.service import Area, CleaningService
from roundhouse.features.ops.sources.plain_files import LogFiles
from roundhouse.infra.events.store import NewEvent, append, events
from roundhouse.infra.jobs.durable_memory import Disk, KeptRun, MemoryDurable
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.jobs.rows import jobs
from roundhouse.infra.jobs.store import JobFilter

CALLER = Caller("key_a", site_id="a")
DAY_S = 86_400.0


@dataclass
class Context:
    """What the steps of this pipeline use of a `StepContext`."""

    results: dict[str, Any] = field(default_factory=dict)


async def no_files() -> int:
    return 0


def made(db: Any, clock: Any, folders: Path, keep_days: float, files: Any = no_files) -> CleanUp:
    log_files = LogFiles(folders.parent / "logs", folders.parent / "data")
    areas: Any = {"logs": Area(7.0, (log_files,))}
    return CleanUp(CleaningService(db, clock, areas, folders, keep_days, files))


async def run(clean_up: CleanUp) -> Any:
    context: Any = Context()
    told: StepContext = context
    for step in clean_up.pipeline.steps:
        context.results[step.name] = await step.run(told)
    return context.results[clean_up.pipeline.steps[-1].name]


async def test_what_is_over_is_deleted(db, turned_clock, tmp_path: Path):
    async def files() -> int:
        return 3

    folders = tmp_path / "jobs"
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "roundhouse-a.log").touch()
    os.utime(tmp_path / "logs" / "roundhouse-a.log", (1.0, 1.0))
    clean_up = made(db, turned_clock, folders, 2.0, files)
    disk: Disk = {}
    clean_up.durable = MemoryDurable(disk)
    await clean_up.durable.start()
    queue = JobQueue(db, PipelineTable([clean_up.pipeline]), JobSettings(keep_days=1.0), turned_clock)
    old, new, going = [await queue.accept(CALLER, NewJob(CLEANUP)) for _ in range(3)]
    async with db.begin() as tx:
        await tx.execute(sa.update(jobs).where(jobs.c.id == old.id).values(run=1))
    disk[f"{old.id}.1"] = KeptRun("ops.cleanup@1")
    for one in (old, going):
        (folders / one.id).mkdir(parents=True)
    await queue.cancel(CALLER, old.id)
    turned_clock.turn(1.5 * DAY_S)
    await queue.cancel(CALLER, new.id)
    turned_clock.turn(0.75 * DAY_S)

    assert await run(clean_up) == {"jobs": 1, "events": 4, "logs": 1, "files": 3}
    kept = await queue.page(CALLER, JobFilter(), before_seq=None, limit=9)
    assert [job.id for job in kept] == [going.id, new.id]
    assert not (folders / old.id).exists()
    assert (folders / going.id).is_dir()
    assert disk == {}
    async with db.read() as tx:
        assert list((await tx.execute(sa.select(events.c.topic))).scalars()) == [new.id]
    assert await run(clean_up) == {"jobs": 0, "events": 0, "logs": 0, "files": 3}


async def test_many_events_go_in_many_transactions(db, turned_clock, tmp_path: Path):
    clean_up = made(db, turned_clock, tmp_path / "jobs", 1.0)
    clean_up.durable = MemoryDurable({})
    await clean_up.durable.start()
    async with db.begin() as tx:
        await append(tx, *(NewEvent("a", "x", "x.y", {}, turned_clock.now_s()) for _ in range(2500)))
    turned_clock.turn(DAY_S + 1)
    assert await run(clean_up) == {"jobs": 0, "events": 2500, "logs": 0, "files": 0}


async def test_a_process_that_runs_no_jobs_refuses(db, turned_clock, tmp_path: Path):
    clean_up = made(db, turned_clock, tmp_path / "jobs", 1.0)
    try:
        await run(clean_up)
    except RoundhouseError as error:
        assert "runs no jobs" in error.detail
    else:
        raise AssertionError


def test_it_comes_every_hour(turned_clock, tmp_path: Path):
    clean_up = made(None, turned_clock, tmp_path / "jobs", 1.0)
    assert (clean_up.schedule.job.kind, clean_up.schedule.cron) == (CLEANUP, "17 * * * *")
    assert [step.name for step in clean_up.pipeline.steps] == ["jobs", "events", "logs", "files"]
