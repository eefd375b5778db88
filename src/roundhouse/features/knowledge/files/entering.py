"""Enters a file whose bytes are in the staging folder: content once, row, audit and event in one transaction.

The order is: announce a key (`pending`), put the bytes there, then make the key live and enter the file at once.
Killed before the last step there is no file, and a clean-up finds the announced key; after it everything is there.
"""

from __future__ import annotations

import hashlib

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import Conflict, QuotaExceeded, StorageUnavailable
from roundhouse.core.ids import new_id
from roundhouse.core.ports import BlobStore, Clock, Transaction
from roundhouse.core.settings import FileSettings
from roundhouse.core.types import Caller, NewFile
from roundhouse.features.knowledge.files import store
from roundhouse.features.knowledge.files.ending import Ending
from roundhouse.features.knowledge.files.store import FileRow
from roundhouse.features.knowledge.files.told import tell
from roundhouse.infra.blobs.keys import new_key
from roundhouse.infra.blobs.staging import Staged
from roundhouse.infra.db import Database, Tx, is_unique_violation

_TRIES = 5
_DAY_S = 86_400.0


class Content(msgspec.Struct, frozen=True):
    """What a sealed file holds.

    Attributes:
        sha256: Of its bytes, hex.
        size_bytes: Its size.
        content_type: Found in its bytes.
    """

    sha256: str
    size_bytes: int
    content_type: str


class Entering:
    """Makes files of staged bytes.

    Args:
        db: The database.
        blobs: Where bytes are kept.
        ending: Removes what is not needed after all.
        settings: Quotas.
        clock: Time.
    """

    def __init__(
        self, db: Database, blobs: BlobStore, ending: Ending, settings: FileSettings, clock: Clock
    ) -> None:
        self._db = db
        self._blobs = blobs
        self._ending = ending
        self._settings = settings
        self._clock = clock

    async def check_room(self, site_id: str, size_bytes: int) -> None:
        """Raise QuotaExceeded when a file of this size has no room, before any of it is read."""
        async with self._db.read() as tx:
            count, used = await store.totals(tx, site_id)
        self._check(count + 1, used + size_bytes)

    async def enter(self, caller: Caller, new: NewFile, content: Content, staged: Staged) -> FileRow:
        """The new file, or the first one that was created under the same idempotency key.

        Raises:
            Conflict: That one is another file.
            QuotaExceeded: No room for it.
            StorageFull, StorageUnavailable: Nothing was entered.
        """
        digest = _digest(caller, new.idempotency_key)
        if digest is not None:
            await self._ending.expire_one(digest)
        own: str | None = None
        used: str | None = None
        try:
            for _ in range(_TRIES):
                if own is None:
                    own = await self._announce(caller, new, content)
                    if own is not None:
                        await self._blobs.keep(own, staged.path)
                found = await self._commit(caller, new, content, own)
                if found is not None:
                    used = found.blob_key
                    return found
            raise StorageUnavailable("Others keep changing the same content.", retry_after_s=1.0)
        finally:
            if own is not None and own != used:
                await self._ending.give_up(own)

    async def retain(self, tx: Transaction, caller: Caller, file_id: str) -> None:
        """Let a file that was made for a while be kept as long as any; raises NotFound."""
        await store.retain(tx, caller, file_id, self._clock.now_s(), self._keep_s)

    @property
    def _keep_s(self) -> float | None:
        days = self._settings.keep_days
        return None if days is None else days * _DAY_S

    async def _announce(self, caller: Caller, new: NewFile, content: Content) -> str | None:
        """A key to put the bytes under; None when they are kept already, or are not wanted."""
        async with self._db.begin() as tx:
            if await self._first(tx, caller, new, content) is not None:
                return None
            count, used = await store.totals(tx, caller.site_id)
            self._check(count + 1, used + content.size_bytes)
            if await store.live_blob(tx, content.sha256) is not None:
                return None
            key = new_key(content.sha256)
            await store.insert_pending(tx, key, content.sha256, self._clock.now_s())
            return key

    async def _commit(
        self, caller: Caller, new: NewFile, content: Content, own: str | None
    ) -> FileRow | None:
        """Enter the file; None when something it counted on has changed meanwhile."""
        try:
            async with self._db.begin() as tx:
                first = await self._first(tx, caller, new, content)
                if first is not None:
                    return first
                key = await self._blob(tx, content.sha256, own)
                if key is None:
                    return None
                sums = await store.add_totals(
                    tx, caller.site_id, files_count=1, size_bytes=content.size_bytes
                )
                self._check(*sums)
                row = self._row(caller, new, content, key)
                await store.insert_file(tx, row)
                await tell(tx, caller, "create", row, self._clock.now_s())
                return row
        except sa.exc.IntegrityError as error:
            if not is_unique_violation(error):
                raise
            return None

    async def _blob(self, tx: Tx, sha256: str, own: str | None) -> str | None:
        """Key of a live blob with this content, our own made live where there is no other."""
        key = await store.live_blob(tx, sha256, lock=True)
        if key is not None or own is None:
            return key
        if not await store.make_live(tx, own, self._clock.now_s()):
            raise StorageUnavailable("The upload was interrupted for too long; send it again.")
        return own

    async def _first(self, tx: Tx, caller: Caller, new: NewFile, content: Content) -> FileRow | None:
        """The file that was created before under the same idempotency key, None = there is none.

        Raises:
            Conflict: It has another content, name or purpose.
        """
        digest = _digest(caller, new.idempotency_key)
        found = await store.find_by_digest(tx, digest) if digest is not None else None
        if found is None:
            return None
        if (found.sha256, found.filename, found.purpose) != (content.sha256, new.filename, new.purpose):
            raise Conflict("This idempotency key was used for another file.", param="Idempotency-Key")
        return found

    def _row(self, caller: Caller, new: NewFile, content: Content, key: str) -> FileRow:
        now_s = self._clock.now_s()
        lasting_s = self._keep_s if new.expires_after_s is None else new.expires_after_s
        return FileRow(
            id=new.file_id or new_id("file"),
            site_id=caller.site_id,
            user_id=caller.user_id,
            app_id=caller.app_id,
            filename=new.filename,
            purpose=new.purpose,
            content_type=content.content_type,
            size_bytes=content.size_bytes,
            sha256=content.sha256,
            created_at_s=now_s,
            expires_at_s=None if lasting_s is None else now_s + lasting_s,
            blob_key=key,
            idempotency_digest=_digest(caller, new.idempotency_key),
        )

    def _check(self, count: int, size_bytes: int) -> None:
        limits = self._settings
        if count > limits.max_site_files:
            raise QuotaExceeded(
                f"You keep {limits.max_site_files} files, as many as you may. Delete some.", param="file"
            )
        if size_bytes > limits.max_site_bytes:
            raise QuotaExceeded(
                f"All your files together may have {limits.max_site_bytes} bytes; with this one they would "
                f"have {size_bytes}. Delete some.",
                param="file",
            )


def _digest(caller: Caller, idempotency_key: str | None) -> str | None:
    """Of who asks and the key: two users of a tenant do not meet in one."""
    if idempotency_key is None:
        return None
    owner = [caller.site_id, caller.user_id, caller.app_id, idempotency_key]
    return hashlib.sha256(msgspec.json.encode(owner)).hexdigest()
