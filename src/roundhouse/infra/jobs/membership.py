"""An executor's own life: its lock file, its row, its lease, and the lock of the graphics cards.

The lock file is locked before the row is there and until the process is gone, so a free lock means a dead executor,
whatever killed it. What others see of it is in `roster`, how it ends when it cannot renew its lease in `guard`.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
import structlog

from roundhouse.core.errors import RoundhouseError, StorageUnavailable
from roundhouse.core.ids import new_id
from roundhouse.core.jobs import QueueName
from roundhouse.core.ports import Clock
from roundhouse.core.settings import JobSettings
from roundhouse.infra.background import stop
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.events.store import Event, NewEvent, append
from roundhouse.infra.file_lock import FileLock, remove_if_free
from roundhouse.infra.jobs import executors
from roundhouse.infra.jobs.executors import ExecutorRow
from roundhouse.infra.jobs.frozen import end_all_frozen, end_frozen
from roundhouse.infra.jobs.guard import LeaseGuard
from roundhouse.infra.jobs.queue import slots_of
from roundhouse.infra.jobs.roster import JOINED, LEFT, Roster

_RETRY_S = 1.0
_MOMENT_S = 0.01
_TURN_S = 1.5
_MOST_HOST = 255

_log = structlog.get_logger(__name__)


class Membership:
    """One executor among the others.

    Args:
        db: The database.
        settings: Lease, renewal, graphics lock.
        data_dir: The lock file lies in its folder `executors`.
        clock: Time.
        queues: Queues it takes jobs from.
        pipelines: What it can run, `kind@revision`.
        version: Of Roundhouse.
        end: Ends this process with an exit code; a fake in tests.
        machine: This machine; None = as `infra.machine` tells.

    Attributes:
        id: `exe_…`, a new one at each start.
    """

    def __init__(
        self,
        db: Database,
        settings: JobSettings,
        data_dir: Path,
        clock: Clock,
        *,
        queues: Sequence[str],
        pipelines: Sequence[str],
        version: str,
        end: Callable[[int], object] = os._exit,
        machine: str | None = None,
    ) -> None:
        self.id = new_id("exe")
        self._db = db
        self._settings = settings
        self._clock = clock
        self._folder = data_dir / "executors"
        self._lock = FileLock(self._folder / f"{self.id}.lock")
        self._gpu = FileLock((settings.gpu_lock or data_dir / "gpu.lock").expanduser(), mode=0o644)
        self._gpu_is_common = settings.gpu_lock is not None
        self._gpu_from_s = 0.0
        self._gpu_refused = False
        self._queues = list(queues)
        self._pipelines = list(pipelines)
        self._version = version
        self._roster = Roster(db, clock, machine)
        self._guard = LeaseGuard(settings.lease_s, clock, end)
        self._renewing: asyncio.Task[None] | None = None
        self._working = asyncio.Lock()
        self._joined = False

    # Coming and going

    async def join(self) -> None:
        """Come in: from now on the others see this executor, and it must renew its lease.

        Raises:
            StorageUnavailable: The database does not answer, or the lock file cannot be made.
        """
        await self._take_lock()
        self._guard.start()
        try:
            await self._clear_up()
            # One that was frozen in a transaction would let nobody write, not even this one its row.
            await end_all_frozen(Roster(self._db, self._clock, self._roster.machine))
            async with self._db.begin() as tx:
                await executors.insert(
                    tx,
                    {
                        "id": self.id,
                        "machine_id": self._roster.machine,
                        "host": socket.gethostname()[:_MOST_HOST],
                        "pid": os.getpid(),
                        "lock_path": str(self._lock.path),
                        "queues": self._queues,
                        "pipelines": self._pipelines,
                        "version": self._version,
                        "renewed_monotonic_s": self._clock.monotonic_s(),
                        "lease_s": self._settings.lease_s,
                    },
                )
                await append(tx, self._news(JOINED, self.id))
        except BaseException:
            self._guard.stop()
            self._give_lock_back(remove=True)
            raise
        self._joined = True
        self._renewing = asyncio.create_task(self._keep_renewing(), name="executor lease")

    async def leave(self) -> None:
        """Go: call it once its jobs are back in their queues. A database that is away holds nobody up."""
        await stop(self._renewing, self._working)
        self._renewing = None
        removed = not self._joined
        if self._joined:
            self._joined = False
            try:
                async with asyncio.timeout(self._settings.renew_s), self._db.begin() as tx:
                    if await executors.delete(tx, self.id):
                        await append(tx, self._news(LEFT, self.id))
                removed = True
            except (RoundhouseError, sa.exc.SQLAlchemyError, TimeoutError) as error:
                # The free lock tells the others as well.
                _log.warning("executor_left_unsaid", executor=self.id, error=type(error).__name__)
        self._guard.stop()
        self._gpu.give_back()
        self._give_lock_back(remove=removed)

    def abandon(self) -> None:
        """Go without a word: the free lock tells the others to take over what runs here by the table."""
        if self._renewing is not None:
            self._renewing.cancel()
            self._renewing = None
        self._joined = False
        self._guard.stop()
        self._give_lock_back(remove=False)

    async def set_draining(self) -> None:
        """Tell the others that it takes no jobs any more; raises StorageUnavailable."""
        async with self._db.begin() as tx:
            await executors.set_draining(tx, self.id)

    @property
    def slots(self) -> dict[QueueName, int]:
        """Jobs at a time by queue that it takes jobs from."""
        return {queue: count for queue, count in slots_of(self._settings).items() if queue in self._queues}

    @property
    def expired(self) -> bool:
        """Whether its lease has run out: others may have its jobs, and the process is about to end itself."""
        return self._guard.expired

    # The others

    async def lost(self) -> list[ExecutorRow]:
        """Other executors that are dead and that nobody has forgotten yet. Cheap: call it as often as you like.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        return [row for row in await self._roster.lost() if row.id != self.id]

    async def living(self) -> list[ExecutorRow]:
        """Executors that live, this one among them, freshly read; raises StorageUnavailable."""
        return await self._roster.living()

    async def end_frozen(self, lost: ExecutorRow) -> None:
        """Kill a lost executor that is still there, on this machine: it may hold what the others need."""
        if lost.machine_id == self._roster.machine:
            await asyncio.to_thread(end_frozen, lost)

    async def forget(self, tx: Tx, executor_id: str) -> bool:
        """Remove a dead executor once its jobs are taken over; False when somebody else has done so.

        It writes an event, so it is the last in its transaction.
        """
        removed = await executors.delete(tx, executor_id)
        if removed:
            await append(tx, self._news(LEFT, executor_id))
        return removed

    def told(self, event: Event) -> None:
        """Hear of an event: executors that come or go, and that this one was taken for dead."""
        self._roster.told(event)
        if event.type == LEFT and event.topic == self.id and self._joined:
            self._guard.end("forgotten")

    # The graphics cards

    @property
    def holds_gpu(self) -> bool:
        """Whether this is the one executor of this machine that runs jobs of the queue `gpu`."""
        return self._gpu.is_held

    def try_gpu(self) -> bool:
        """Become that one, if it serves the queue and nobody else is; call it now and then."""
        if "gpu" not in self._queues or self._clock.monotonic_s() < self._gpu_from_s:
            return False
        try:
            return self._gpu.take()
        except OSError as error:
            if not self._gpu_refused:
                _log.error("gpu_lock_unusable", path=str(self._gpu.path), error=error.strerror)
            self._gpu_refused = True
            return False

    @property
    def shares_gpu(self) -> bool:
        """Whether installations take turns with the cards, so that it has to look often whether they are free."""
        return self._gpu_is_common and "gpu" in self._queues

    def pass_gpu_on(self, *, used: bool) -> None:
        """Let other installations have the cards, if they share them; call it when no job of `gpu` runs here.

        Args:
            used: A job has just ended: the others have the first word now.
        """
        if self.shares_gpu and self._gpu.is_held:
            self._gpu.give_back()
            if used:
                self._gpu_from_s = self._clock.monotonic_s() + _TURN_S

    # Inside

    def _news(self, kind: Literal["executor.joined", "executor.left"], executor_id: str) -> NewEvent:
        return NewEvent("", executor_id, kind, {"by": self.id}, self._clock.now_s())

    async def _take_lock(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Somebody who clears up holds each file for a moment.
            while not self._lock.take():  # noqa: ASYNC110 - it is no event of this process
                await asyncio.sleep(_MOMENT_S)
        except OSError as error:
            raise StorageUnavailable(
                f"{self._lock.path} cannot be made: {error.strerror or type(error).__name__}."
            ) from error

    async def _clear_up(self) -> None:
        """Remove lock files that no row and no process stands behind: of executors that died while they left."""
        async with self._db.read() as tx:
            known = {row.id for row in await executors.every(tx)}
        for path in self._folder.glob("exe_*.lock"):
            if path.stem not in known and path != self._lock.path:
                remove_if_free(path)

    def _give_lock_back(self, *, remove: bool) -> None:
        self._lock.give_back()
        if remove:
            remove_if_free(self._lock.path)

    async def _keep_renewing(self) -> None:
        pause_s = self._settings.renew_s
        while True:
            await self._clock.sleep(pause_s)
            renewed = await self._renew()
            pause_s = self._settings.renew_s if renewed else min(self._settings.renew_s, _RETRY_S)

    async def _renew(self) -> bool:
        """Renew the lease once; an executor that was forgotten ends itself."""
        at_s = self._clock.monotonic_s()
        try:
            async with self._working, asyncio.timeout(self._settings.renew_s / 2), self._db.begin() as tx:
                known = await executors.renew(tx, self.id, at_s)
        except (RoundhouseError, sa.exc.SQLAlchemyError, TimeoutError) as error:
            _log.warning("executor_not_renewed", executor=self.id, error=type(error).__name__)
            return False
        if known:
            self._guard.renewed(at_s)
        else:
            self._guard.end("forgotten")
        return known
