"""Folders that ended jobs have left on this machine, and their end before the job's own.

A failed or cancelled job keeps its folder, so that a retry need not run finished steps again. Whoever wants the folder
gone first takes the finished steps from the job: a retry then begins anew, with a folder of its own.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import msgspec
import sqlalchemy as sa

from roundhouse.core.jobs import ENDED_STATES
from roundhouse.infra.blobs.disk import disk_errors
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.disk_use import size_bytes
from roundhouse.infra.jobs import transitions
from roundhouse.infra.jobs.rows import jobs

_GONE = ".gone-"
_BATCH = 500


class JobFolder(msgspec.Struct, frozen=True):
    """A folder whose job has ended, or is known no more.

    Attributes:
        name: The job's id; what another clean-up has begun to remove has a dot before it.
        size_bytes: Of all that is in it.
        ended_at_s: When the job ended, None = it is not known any more.
    """

    name: str
    size_bytes: int
    ended_at_s: float | None


async def ended_folders(db: Database, folders: Path, before_s: float) -> list[JobFolder]:
    """Folders of jobs that ended before a time, or that nobody knows any more.

    Raises:
        StorageUnavailable: The database or the disk does not answer.
    """
    names = await asyncio.to_thread(_names, folders)
    found: list[JobFolder] = []
    for start in range(0, len(names), _BATCH):
        batch = names[start : start + _BATCH]
        async with db.read() as tx:
            query = sa.select(jobs.c.id, jobs.c.state, jobs.c.ended_at_s).where(jobs.c.id.in_(batch))
            known = {row.id: row for row in (await tx.execute(query)).all()}
        for name in batch:
            row = known.get(name)
            if row is not None and not (row.state in ENDED_STATES and row.ended_at_s <= before_s):
                continue
            bytes_of_it = await asyncio.to_thread(_size, folders / name)
            found.append(JobFolder(name, bytes_of_it, None if row is None else row.ended_at_s))
    return found


async def remove_folder(db: Database, folders: Path, name: str, before_s: float) -> bool:
    """Remove one of `ended_folders`; False when its job goes on, or another was faster.

    Killed in between, it leaves a job that begins anew, or a remainder that the next clean-up finds.

    Raises:
        StorageUnavailable, StorageFull: The database or the disk does not answer.
    """
    gone = folders / (name if name.startswith(_GONE) else f"{_GONE}{name}")
    if gone.name != name:
        async with db.begin() as tx:
            job = await transitions.lock_one(tx, name)
            if job is not None:
                if not job.ended or (job.ended_at_s or 0.0) > before_s:
                    return False
                await tx.execute(sa.update(jobs).where(jobs.c.id == name).values(since_run=job.run))
        # It is committed that the finished steps count no more: now it may lose what they left. As long as the row is
        # locked nobody retries the job, and no run of it looks for its files.
        async with db.begin() as tx:
            if not await _still_ended(tx, name) or not await asyncio.to_thread(_rename, folders / name, gone):
                return False
    return await asyncio.to_thread(_remove, gone)


async def _still_ended(tx: Tx, name: str) -> bool:
    job = await transitions.lock_one(tx, name)
    return job is None or job.ended


def _names(folders: Path) -> list[str]:
    with disk_errors():
        if not folders.is_dir():
            return []
        inside = [one for one in folders.iterdir() if one.is_dir() and not one.is_symlink()]
        return sorted(one.name for one in inside if one.name.startswith(("job_", _GONE)))


def _size(folder: Path) -> int:
    with disk_errors():
        return size_bytes(folder)


def _rename(folder: Path, gone: Path) -> bool:
    with disk_errors():
        try:
            folder.rename(gone)
        except FileNotFoundError:
            return False
        return True


def _remove(folder: Path) -> bool:
    with disk_errors():
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            return False
        return True
