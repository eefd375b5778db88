"""The end of recordings that were kept long enough and that nobody needs any more."""

from __future__ import annotations

from collections.abc import Sequence

from roundhouse.core.file_users import FileUser
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller, FileInfo
from roundhouse.features.knowledge.files import store
from roundhouse.features.knowledge.files.ending import Ending
from roundhouse.features.knowledge.files.told import tell
from roundhouse.infra.db import Database, Tx

_PURPOSE = "audio"
_BATCH = 500
_UNUSED_S = 3600.0
"""A recording that nobody has worked on is left alone so long: its job may be about to be made."""


class Retiring:
    """Finds recordings of all tenants whose time is over, and deletes them.

    Args:
        db: The database.
        ending: Deletes them.
        clock: Time.
        users: Who works on files.
    """

    def __init__(self, db: Database, ending: Ending, clock: Clock, users: Sequence[FileUser]) -> None:
        self._db = db
        self._ending = ending
        self._clock = clock
        self._users = users

    async def old(self, before_s: float) -> list[FileInfo]:
        """Recordings that were uploaded, and last worked on, before a time; none that somebody still needs."""
        unused_before_s = min(before_s, self._clock.now_s() - _UNUSED_S)
        found: list[FileInfo] = []
        last = ""
        while True:
            async with self._db.read() as tx:
                rows = await store.of_purpose(tx, _PURPOSE, before_s, last, _BATCH)
                ended = await self._ended(tx, [row.id for row in rows], unused_before_s)
            for row in rows:
                ended_at_s = ended.get(row.id, row.created_at_s)
                limit_s = before_s if row.id in ended else unused_before_s
                if ended_at_s is not None and ended_at_s <= limit_s:
                    found.append(row)
            if len(rows) < _BATCH:
                return found
            last = rows[-1].id

    async def retire(self, file_id: str) -> bool:
        """Delete a recording; False when it is gone already, or somebody has come who needs it.

        Raises:
            StorageUnavailable, StorageFull: The database does not answer.
        """
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            row = await store.lock_file(tx, file_id)
            if row is None or await self._ended(tx, [file_id], None):
                return False
            is_last = await store.delete_file(tx, row, now_s)
            for user in self._users:
                await user.let_go(tx, file_id, now_s)
            await tell(tx, Caller(key_id="system", site_id=row.site_id), "delete", row, now_s)
        if is_last:
            await self._ending.remove(row.blob_key)
        return True

    async def _ended(self, tx: Tx, file_ids: list[str], since_s: float | None) -> dict[str, float | None]:
        """When the last work of all users on some files ended; None = it has not."""
        found: dict[str, float | None] = {}
        for user in self._users if file_ids else ():
            for file_id, ended_at_s in (await user.uses(tx, file_ids, since_s)).items():
                known = found.get(file_id, 0.0)
                found[file_id] = None if known is None or ended_at_s is None else max(known, ended_at_s)
        return found
