"""The end of recordings that were kept long enough and that no job needs any more."""

from __future__ import annotations

from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller, FileInfo
from roundhouse.features.knowledge import store
from roundhouse.features.knowledge.ending import Ending
from roundhouse.features.knowledge.told import tell
from roundhouse.infra.db import Database
from roundhouse.infra.jobs.uses import files_in_use, is_in_use

_PURPOSE = "audio"
_UNUSED_S = 3600.0
"""A recording that no job has named yet is left alone so long: its job may be about to be made."""


class Retiring:
    """Finds recordings of all tenants whose time is over, and deletes them.

    Args:
        db: The database.
        ending: Deletes them.
        clock: Time.
    """

    def __init__(self, db: Database, ending: Ending, clock: Clock) -> None:
        self._db = db
        self._ending = ending
        self._clock = clock

    async def old(self, before_s: float) -> list[FileInfo]:
        """Recordings that were uploaded, and whose last job ended, before a time; none that a job still needs."""
        unused_before_s = min(before_s, self._clock.now_s() - _UNUSED_S)
        async with self._db.read() as tx:
            use = await files_in_use(tx, unused_before_s)
            rows = await store.of_purpose(tx, _PURPOSE, before_s)
        found: list[FileInfo] = []
        for row in rows:
            ended_at_s = use.ended.get(row.id)
            is_over = row.created_at_s <= unused_before_s if ended_at_s is None else ended_at_s <= before_s
            if is_over and row.id not in use.going:
                found.append(row)
        return found

    async def retire(self, file_id: str) -> bool:
        """Delete a recording; False when it is gone already, or a job has come that needs it.

        Raises:
            StorageUnavailable, StorageFull: The database does not answer.
        """
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            row = await store.lock_file(tx, file_id)
            if row is None or await is_in_use(tx, file_id):
                return False
            is_last = await store.delete_file(tx, row, now_s)
            await tell(tx, Caller(key_id="system", site_id=row.site_id), "delete", row, now_s)
        if is_last:
            await self._ending.remove(row.blob_key)
        return True
