"""Folders that nobody needs any more are deleted, others are not."""

import sqlalchemy as sa

from roundhouse.core.jobs import NewJob, Pipeline, Step
from roundhouse.core.settings import JobSettings
from roundhouse.core.types import Caller
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.jobs.rows import jobs
from roundhouse.infra.jobs.sweeps import clear_folders


async def nothing(context):
    return None


async def test_what_a_dead_executor_left_is_deleted(db, turned_clock, tmp_path):
    queue = JobQueue(
        db, PipelineTable([Pipeline("t.x", (Step("one", nothing),))]), JobSettings(), turned_clock
    )
    kept = []
    for state in ("queued", "running", "waiting", "failed", "cancelled", "completed"):
        job = await queue.accept(Caller("key", site_id="a"), NewJob("t.x"))
        async with db.begin() as tx:
            await tx.execute(sa.update(jobs).where(jobs.c.id == job.id).values(state=state))
        (tmp_path / job.id).mkdir()
        (tmp_path / job.id / "file").write_text("x")
        if state != "completed":
            kept.append(job.id)
    (tmp_path / "job_deleted").mkdir()
    (tmp_path / ".gone-job_half").mkdir()
    for _ in range(2):
        await clear_folders(db, tmp_path)
        assert sorted(one.name for one in tmp_path.iterdir() if one.is_dir()) == sorted(kept)
    assert all((tmp_path / name / "file").exists() for name in kept)


async def test_without_any_folder_nothing_is_done(db, tmp_path):
    await clear_folders(db, tmp_path / "none")
