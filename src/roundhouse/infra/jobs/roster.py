"""Which executors live and which are dead.

Two signs tell it. The lock file: on one machine a lock that is free, on a file that can be seen, means that the
kernel has buried its holder; that is found within half a second. The lease: an executor that has not renewed its row
for `lease_s` is frozen, or cut off from the database; that serves other machines, and processes of this one whose
files cannot be seen from here (containers). Silence is measured by monotonic clocks alone, from the renewal itself on
the same machine, else from the moment at which the renewal was seen here. So no clock that is set forward or back,
of any machine or of the database, kills an executor or keeps a dead one alive.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from roundhouse.core.ports import Clock
from roundhouse.infra.db import Database
from roundhouse.infra.events.store import Event
from roundhouse.infra.file_lock import look, remove_if_free
from roundhouse.infra.jobs import executors
from roundhouse.infra.jobs.executors import ExecutorRow
from roundhouse.infra.machine import machine_id

JOINED: Final = "executor.joined"
LEFT: Final = "executor.left"

REREAD_S = 2.0
"""The rows are read again so often, and at once when an event tells that one came or went."""


class Roster:
    """The executors, as one process sees them.

    Args:
        db: The database.
        clock: Time.
        machine: This machine; see `infra.machine`.
    """

    def __init__(self, db: Database, clock: Clock, machine: str | None = None) -> None:
        self._db = db
        self._clock = clock
        self.machine = machine_id() if machine is None else machine
        self._rows: dict[str, ExecutorRow] = {}
        # By id: the renewal that was seen last, and when it was first seen here.
        self._seen: dict[str, tuple[float, float]] = {}
        self._read_at_s: float | None = None

    def told(self, event: Event) -> None:
        """Hear of an event; the rows are read again when it tells that an executor came or went."""
        if event.type in (JOINED, LEFT):
            self._read_at_s = None

    async def lost(self) -> list[ExecutorRow]:
        """Executors that are dead and that nobody has forgotten yet. Cheap: call it as often as you like.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        await self._refresh(REREAD_S)
        dead = [row for row in self._rows.values() if self._is_buried(row)]
        if any(self._is_silent(row) for row in self._rows.values()):
            # It may have told since.
            await self._refresh(0.0)
            buried = {row.id for row in dead}
            silent = [row for row in self._rows.values() if self._is_silent(row) and row.id not in buried]
            dead = [row for row in dead if row.id in self._rows] + silent
        return dead

    async def living(self) -> list[ExecutorRow]:
        """All others, freshly read.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        await self._refresh(0.0)
        return [row for row in self._rows.values() if not self._is_buried(row) and not self._is_silent(row)]

    async def _refresh(self, oldest_s: float) -> None:
        now_s = self._clock.monotonic_s()
        if self._read_at_s is not None and now_s - self._read_at_s < oldest_s:
            return
        self._read_at_s = now_s
        before = self._rows
        try:
            async with self._db.read() as tx:
                self._rows = {row.id: row for row in await executors.every(tx)}
        except BaseException:
            self._read_at_s = None
            raise
        for row in self._rows.values():
            if row.id not in self._seen or self._seen[row.id][0] != row.renewed_monotonic_s:
                self._seen[row.id] = (row.renewed_monotonic_s, now_s)
        for gone in before.keys() - self._rows.keys():
            self._seen.pop(gone, None)
            left = Path(before[gone].lock_path)
            if left.name == f"{gone}.lock" and self._is_near(before[gone]):
                remove_if_free(left)

    def _is_near(self, row: ExecutorRow) -> bool:
        # SQLite's file is shared within one machine only; a row of another boot is from before a restart.
        return row.machine_id == self.machine or self._db.is_sqlite

    def _is_buried(self, row: ExecutorRow) -> bool:
        if not self._is_near(row):
            return False
        lock = look(row.lock_path)
        return lock == "free" or (lock == "gone" and row.machine_id != self.machine)

    def _is_silent(self, row: ExecutorRow) -> bool:
        now_s = self._clock.monotonic_s()
        renewed_s, heard_s = self._seen[row.id]
        if row.machine_id == self.machine and renewed_s <= heard_s:
            heard_s = renewed_s
        return now_s - heard_s > row.lease_s
