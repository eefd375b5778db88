"""The verbs of the disk and of cleaning as an operator asks for them; the work itself is done by a job."""

from __future__ import annotations

from collections.abc import Iterable

from roundhouse.core.errors import Conflict
from roundhouse.core.jobs import NewJob
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.ops.schemas import (
    PARTS,
    CleanAsk,
    CleanPlan,
    CleanRead,
    DiskReport,
    Kind,
    KindSum,
    Part,
    Removal,
)
from roundhouse.features.ops.service.cleaning import CleaningService
from roundhouse.features.ops.service.disk import DiskService
from roundhouse.infra import audit
from roundhouse.infra.db import Database
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.jobs.shapes import JobRead, read_job

CLEAN = "disk.clean"
"""Kind of the job that deletes what an operator has decided about."""

_MOST_SHOWN = 200


class UpkeepService:
    """What fills the disks, and what may go.

    Args:
        db: The database.
        queue: The jobs.
        cleaning: Finds what may go.
        disk: Looks at the disks.
        clock: Time.
        is_dry: Whether `upkeep.dry_run` is set, so that nothing is ever deleted.
    """

    def __init__(
        self,
        db: Database,
        queue: JobQueue,
        cleaning: CleaningService,
        disk: DiskService,
        clock: Clock,
        *,
        is_dry: bool = False,
    ) -> None:
        self._db = db
        self._queue = queue
        self._cleaning = cleaning
        self._disk = disk
        self._clock = clock
        self._is_dry = is_dry

    async def disk_use(self, caller: Caller) -> DiskReport:
        """How full the disks are, and who fills them; raises StorageUnavailable."""
        return await self._disk.look()

    async def plan(self, caller: Caller, asked: CleanAsk) -> CleanPlan:
        """What would be deleted now; what cannot be looked at is told."""
        found = await self._cleaning.clean(_ordered(asked.parts), days=asked.days, dry_run=True)
        return CleanPlan(
            count=len(found.removed),
            size_bytes=found.removed_bytes,
            kinds=sums(found.removed),
            first=found.removed[:_MOST_SHOWN],
            kept=found.kept,
        )

    async def begin(self, caller: Caller, asked: CleanAsk) -> JobRead:
        """Have it deleted by a job; twice at a time does no harm.

        Raises:
            Conflict: `upkeep.dry_run` is set.
            QueueFull: Too many jobs wait.
        """
        if self._is_dry:
            raise Conflict("The setting upkeep.dry_run is on: nothing is deleted.")
        given = {"parts": _ordered(asked.parts), "days": asked.days}
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            # Before the job: its event is the last statement of a transaction.
            await audit.append(tx, caller, action=CLEAN, object_id="disk", detail=given, at_s=now_s)
            job = await self._queue.submit(tx, caller, NewJob(CLEAN, given))
        return read_job(job, now_s)


def sums(removed: Iterable[Removal]) -> list[KindSum]:
    """How many and how large, by kind, in the order in which the kinds came."""
    found: dict[Kind, KindSum] = {}
    for one in removed:
        of_kind = found.setdefault(one.kind, KindSum(kind=one.kind, count=0, size_bytes=0))
        of_kind.count += 1
        of_kind.size_bytes += one.size_bytes
    return list(found.values())


def outcome(report: CleanRead) -> dict[str, object]:
    """What a clean-up did, small enough for a job's row."""
    return {
        "kinds": [one.model_dump() for one in sums(report.removed)],
        "kept": [one.model_dump() for one in report.kept[:_MOST_SHOWN]],
    }


def _ordered(parts: Iterable[Part]) -> list[Part]:
    wanted = set(parts)
    return [part for part in PARTS if part in wanted]
