"""The verbs of files. Implements `core.ports.Files`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import structlog

from roundhouse.core.errors import RequestTimeout, StorageUnavailable
from roundhouse.core.file_users import FileUser
from roundhouse.core.ports import BlobStore, Clock, Transaction
from roundhouse.core.settings import FileSettings
from roundhouse.core.types import Caller, FileInfo, NewFile
from roundhouse.features.knowledge.files import store
from roundhouse.features.knowledge.files.ending import Ending
from roundhouse.features.knowledge.files.entering import Content, Entering
from roundhouse.features.knowledge.files.intake import Draft, Intake
from roundhouse.features.knowledge.files.kinds import check_purpose
from roundhouse.features.knowledge.files.names import safe_name, suffix_of
from roundhouse.features.knowledge.files.retiring import Retiring
from roundhouse.features.knowledge.files.schemas import FileDeleted, FileList, FileRead
from roundhouse.features.knowledge.files.slots import UploadSlots
from roundhouse.features.knowledge.files.store import FileRow, Listing
from roundhouse.features.knowledge.files.told import shown
from roundhouse.infra.blobs.opening import open_blobs, open_staging
from roundhouse.infra.blobs.pump import pump
from roundhouse.infra.blobs.staging import Staged, Staging
from roundhouse.infra.db import Database
from roundhouse.infra.forms import OVERHEAD_BYTES

_log = structlog.get_logger(__name__)

MOST_PER_PAGE = 1000
"""Files in one page, however many were asked for: thousands more would hold up the event loop."""


class Swept(msgspec.Struct, frozen=True):
    """What a clean-up did.

    Attributes:
        expired: Files deleted because their time was over.
        removed: Blobs whose bytes were removed.
        failed: Blobs whose bytes could not be removed; the next clean-up tries again.
        abandoned: Staging folders of dead processes.
    """

    expired: int
    removed: int
    failed: int
    abandoned: int


class Upload(msgspec.Struct, frozen=True):
    """A request that brings a file.

    Attributes:
        content_type: Its `Content-Type`.
        length_bytes: Its `Content-Length`, None = not told.
        idempotency_key: Its `Idempotency-Key`.
    """

    content_type: str
    length_bytes: int | None = None
    idempotency_key: str | None = None


class FileService:
    """Files of tenants.

    Args:
        db: The database.
        blobs: Where bytes are kept.
        staging: Where they come in.
        settings: Limits.
        clock: Time.
        users: Who works on files and keeps them from the clean-up.

    Attributes:
        staging: As given.
    """

    def __init__(
        self,
        db: Database,
        blobs: BlobStore,
        staging: Staging,
        settings: FileSettings,
        clock: Clock,
        users: Sequence[FileUser] = (),
    ) -> None:
        self._db = db
        self._blobs = blobs
        self.staging = staging
        self._settings = settings
        self._clock = clock
        self._slots = UploadSlots(settings.max_uploads)
        self._ending = Ending(db, blobs, clock, users)
        self._entering = Entering(db, blobs, self._ending, settings, clock)
        self._retiring = Retiring(db, self._ending, clock, users)

    @classmethod
    def open(
        cls,
        settings: FileSettings,
        data_dir: Path,
        db: Database,
        clock: Clock,
        users: Sequence[FileUser] = (),
    ) -> FileService:
        """A service over the storage that the settings name.

        Raises:
            BadInput: The settings of S3 do not fit together.
            MissingExtra: S3 without the extra `s3`.
        """
        staging = open_staging(settings, data_dir)
        return cls(db, open_blobs(settings, data_dir, staging), staging, settings, clock, users)

    @property
    def largest_body_bytes(self) -> int:
        """Largest body of an upload, the form around the file included."""
        return self._settings.max_bytes + OVERHEAD_BYTES

    async def close(self) -> None:
        """Give the staging folder and the connections up."""
        await self._blobs.close()
        await self.staging.close()

    # Uploads

    async def upload(self, caller: Caller, sent: Upload, pieces: AsyncIterator[bytes]) -> FileRead:
        """Keep the file of a form, read as it arrives; it is on disk on return.

        Args:
            caller: Who asks.
            sent: Headers of the request.
            pieces: The body.

        Raises:
            BadInput: The form is malformed, a field is wrong, or the file is empty.
            UnsupportedMedia: The request is no form, or the purpose does not take this type of file.
            TooLarge, QuotaExceeded: The file, or all of the tenant's.
            Conflict: The idempotency key was used for another file.
            RequestTimeout: It took too long.
            Busy: As many uploads as may be are under way.
            StorageFull, StorageUnavailable: Nothing was kept.
        """
        expected_bytes = max(0, (sent.length_bytes or 0) - OVERHEAD_BYTES)
        await self._entering.check_room(caller.site_id, expected_bytes)
        with self._slots.one(caller.site_id):
            async with self.staging.open(expected_bytes) as staged:
                draft = Draft(staged.write, self._settings.max_bytes)
                intake = Intake(sent.content_type, draft)
                await self._receive(pieces, intake.feed)
                new = intake.close(sent.idempotency_key)
                return shown(await self._keep(caller, new, draft, staged))

    async def create(self, caller: Caller, new: NewFile, pieces: AsyncIterator[bytes]) -> FileInfo:
        """Keep a file that another room makes; see `core.ports.Files`."""
        check_purpose(new.purpose, made_here=True)
        new = msgspec.structs.replace(new, filename=safe_name(new.filename))
        await self._entering.check_room(caller.site_id, 0)
        with self._slots.one(caller.site_id):
            async with self.staging.open() as staged:
                draft = Draft(staged.write, self._settings.max_bytes)
                await self._receive(pieces, draft.take)
                return await self._keep(caller, new, draft, staged)

    # Looking

    async def get(self, caller: Caller, file_id: str) -> FileRow:
        """What is known of a file; raises NotFound."""
        async with self._db.read() as tx:
            return await store.get_file(tx, caller, file_id, self._clock.now_s())

    async def show(self, caller: Caller, file_id: str) -> FileRead:
        """A file as the API shows it; raises NotFound."""
        return shown(await self.get(caller, file_id))

    async def list(self, caller: Caller, wanted: Listing) -> FileList:
        """Files that the caller may see, at most 1,000 at a time."""
        limit = min(wanted.limit, MOST_PER_PAGE)
        wanted = msgspec.structs.replace(wanted, limit=limit + 1)
        async with self._db.read() as tx:
            rows = await store.list_files(tx, caller, wanted, self._clock.now_s())
        page, more = rows[:limit], len(rows) > limit
        last_id = page[-1].id if page else None
        return FileList(
            data=[shown(row) for row in page],
            has_more=more,
            first_id=page[0].id if page else None,
            last_id=last_id,
            next_cursor=last_id if more else None,
        )

    async def read(
        self, caller: Caller, file_id: str, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """Bytes of a file; see `core.ports.Files`."""
        row = await self.get(caller, file_id)
        last = row.size_bytes if end is None else min(end, row.size_bytes)
        try:
            return await self._blobs.read(row.blob_key, start, last)
        except StorageUnavailable:
            # Deleted since it was looked up? Then it is just not there.
            await self.get(caller, file_id)
            raise

    @asynccontextmanager
    async def path(self, caller: Caller, file_id: str) -> AsyncGenerator[Path]:
        """A local path for a while; see `core.ports.Files`."""
        row = await self.get(caller, file_id)
        async with self._blobs.local(row.blob_key, suffix_of(row.filename)) as path:
            yield path

    async def retain(self, tx: Transaction, caller: Caller, file_id: str) -> None:
        """Keep a file that was created for a while; see `core.ports.Files`."""
        await self._entering.retain(tx, caller, file_id)

    # Ends

    async def delete(self, caller: Caller, file_id: str) -> None:
        """Forget a file; its bytes go with the last file that has them. Raises NotFound."""
        await self._ending.delete(caller, file_id)

    async def remove(self, caller: Caller, file_id: str) -> FileDeleted:
        """`delete`, as the API answers it."""
        await self._ending.delete(caller, file_id)
        return FileDeleted(id=file_id)

    async def old_recordings(self, before_s: float) -> Sequence[FileInfo]:
        """Recordings of all tenants that are older, and that no job needs; for the clean-up."""
        return await self._retiring.old(before_s)

    async def retire(self, file_id: str) -> bool:
        """Delete one of `old_recordings`; False when it is gone, or needed after all. Raises StorageUnavailable."""
        return await self._retiring.retire(file_id)

    async def total_bytes(self) -> int:
        """Bytes of all files of all tenants; what several have in common counts for each."""
        async with self._db.read() as tx:
            return await store.all_bytes(tx)

    async def sweep(self) -> Swept:
        """Delete what has expired, and remove bytes that nothing refers to; for the schedule, any number at a time.

        Raises:
            StorageUnavailable, StorageFull: The database does not answer; what was done so far is done.
        """
        expired = 0
        while await self._ending.expire_one():
            expired += 1
        await self._ending.give_up_old()
        removed, failed = await self._ending.remove_garbage()
        abandoned = await self.staging.threads.run(self.staging.clean)
        swept = Swept(expired, removed, failed, abandoned)
        if swept != Swept(0, 0, 0, 0):
            _log.info("files_swept", **msgspec.structs.asdict(swept))
        return swept

    async def _receive(self, pieces: AsyncIterator[bytes], feed: Callable[[bytes], None]) -> None:
        try:
            async with asyncio.timeout(self._settings.upload_timeout_s):
                await pump(pieces, feed, self.staging.threads)
        except TimeoutError:
            raise RequestTimeout("The upload took too long.") from None

    async def _keep(self, caller: Caller, new: NewFile, draft: Draft, staged: Staged) -> FileRow:
        content_type = draft.check(new.purpose, new.filename)
        sha256 = await self.staging.threads.run(staged.seal)
        content = Content(sha256, draft.size_bytes, content_type)
        return await self._entering.enter(caller, new, content, staged)
