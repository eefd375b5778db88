"""How files end: deleted, expired; and how bytes go that nothing refers to any more."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from roundhouse.core.errors import RoundhouseError, StorageFull, StorageUnavailable
from roundhouse.core.file_users import FileUser
from roundhouse.core.ports import BlobStore, Clock
from roundhouse.core.types import Caller
from roundhouse.features.knowledge.files import store
from roundhouse.features.knowledge.files.told import tell
from roundhouse.infra.db import Database, Tx

_log = structlog.get_logger(__name__)

_PENDING_S = 86_400.0
"""An upload that has announced its bytes so long ago has died; or it is told so when it wants to go on."""

_ROWS = 200


class Ending:
    """Deletes files and removes bytes.

    Args:
        db: The database.
        blobs: Where bytes are kept.
        clock: Time.
        users: Who works on files.
    """

    def __init__(self, db: Database, blobs: BlobStore, clock: Clock, users: Sequence[FileUser] = ()) -> None:
        self._db = db
        self._blobs = blobs
        self._clock = clock
        self._users = users

    async def delete(self, caller: Caller, file_id: str) -> None:
        """Forget a file; its bytes go with the last file that has them. Raises NotFound."""
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            row = await store.get_file(tx, caller, file_id, now_s, lock=True)
            is_last = await store.delete_file(tx, row, now_s)
            await self._let_go(tx, file_id, now_s)
            await tell(tx, caller, "delete", row, now_s)
        if is_last:
            await self.remove(row.blob_key)

    async def expire_one(self, idempotency_digest: str | None = None) -> bool:
        """Forget one file whose time is over; False when there is none.

        Args:
            idempotency_digest: Only the file that was created under it.
        """
        now_s = self._clock.now_s()
        # One per transaction: with the sums of several tenants held, two clean-ups could wait for each other.
        async with self._db.begin() as tx:
            row = await store.expired_file(tx, now_s, idempotency_digest)
            if row is not None:
                await store.delete_file(tx, row, now_s)
                await self._let_go(tx, row.id, now_s)
                await tell(tx, Caller(key_id="system", site_id=row.site_id), "delete", row, now_s)
        return row is not None

    async def give_up(self, key: str) -> None:
        """Remove bytes that were announced and that no file will have; what fails here a clean-up does, a day later."""
        try:
            async with self._db.begin() as tx:
                await store.give_up(tx, key, self._clock.now_s())
        except RoundhouseError as error:
            _log.warning("blob_not_given_up", error=error.detail)
            return
        await self.remove(key)

    async def give_up_old(self) -> None:
        """Give up what was announced a day ago and has not become a file."""
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            await store.give_up_before(tx, now_s - _PENDING_S, now_s)

    async def remove_garbage(self) -> tuple[int, int]:
        """Remove the bytes of all garbage; how many were, and how many could not be."""
        removed = failed = 0
        last = ""
        while True:
            async with self._db.read() as tx:
                keys = await store.garbage(tx, last, _ROWS)
            if not keys:
                return removed, failed
            for last in keys:
                gone = await self.remove(last)
                removed, failed = removed + gone, failed + (not gone)

    async def remove(self, key: str) -> bool:
        """Remove the bytes of a garbage blob; False when the storage fails, then the next clean-up tries again."""
        try:
            await self._blobs.delete(key)
            async with self._db.begin() as tx:
                await store.forget_blob(tx, key)
        except (StorageUnavailable, StorageFull) as error:
            _log.warning("blob_not_removed", error=error.detail)
            return False
        return True

    async def _let_go(self, tx: Tx, file_id: str, now_s: float) -> None:
        for user in self._users:
            await user.let_go(tx, file_id, now_s)
