"""The verbs of files in stores."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import sqlalchemy as sa

from roundhouse.core.errors import BadInput, Conflict, NotFound, NotSupported, StorageUnavailable
from roundhouse.core.ids import new_id
from roundhouse.core.jobs import NewJob
from roundhouse.core.ports import Clock, Files
from roundhouse.core.types import Caller, FileInfo, NewFile
from roundhouse.features.knowledge.files import store as file_rows
from roundhouse.features.knowledge.stores.model import FileStatus, Store, StoreFile
from roundhouse.features.knowledge.stores.once import Once, once_of
from roundhouse.features.knowledge.stores.ports import Addresses, PassageIndex, Transcripts
from roundhouse.features.knowledge.stores.schemas import (
    ContentPage,
    FileCreate,
    FilePatch,
    StoreFileDeleted,
    StoreFileList,
    StoreFileRead,
)
from roundhouse.features.knowledge.stores.service.adding import Added, Adding, Wanted
from roundhouse.features.knowledge.stores.shapes import chunking_of, read_file, read_passage
from roundhouse.features.knowledge.stores.store import documents, files, stores
from roundhouse.features.knowledge.stores.store.listing import Listing, Page
from roundhouse.features.knowledge.stores.told import tell_file
from roundhouse.features.knowledge.stores.work import CLEANUP
from roundhouse.infra.db import Database, Tx, is_unique_violation
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.paging import decode_cursor, encode_cursor

PURPOSES = frozenset({"assistants", "user_data", "vision", "assistants_output"})
"""Files that may be in stores: those of the other purposes are read by models, or heard, but not searched."""

_CONTENT_PASSAGES = 500
_TRIES = 3


class StoreFileService:
    """Files in the vector stores of tenants.

    Args:
        db: The database.
        files: The house's files.
        addresses: Judges addresses.
        transcripts: Knows what was said in recordings; None = nobody does.
        adding: Adds files to stores.
        index: The full text index.
        jobs: Takes the work.
        clock: Time.
    """

    def __init__(
        self,
        db: Database,
        files: Files,
        addresses: Addresses,
        transcripts: Transcripts | None,
        adding: Adding,
        index: PassageIndex,
        jobs: JobQueue,
        clock: Clock,
    ) -> None:
        self._db = db
        self._files = files
        self._addresses = addresses
        self._transcripts = transcripts
        self._adding = adding
        self._index = index
        self._jobs = jobs
        self._clock = clock

    async def add(
        self, caller: Caller, store_id: str, asked: FileCreate, idempotency_key: str | None = None
    ) -> StoreFileRead:
        """Add a file to a store; it is found once its job is done.

        Raises:
            NotFound: No such store, file or recording.
            BadInput: Files of that purpose are not searched.
            AddressRefused: The URL leads inside.
            Conflict: The store's time is over, or the idempotency key was used for another request.
            QuotaExceeded, QueueFull: No room.
        """
        body = asked.model_dump_json().encode()
        once = once_of(caller, f"{store_id} file", idempotency_key, body)
        file_id = await self._known(once)
        if file_id is None:
            # Before anything is fetched or made: whether the store is there.
            async with self._db.read() as tx:
                await stores.get(tx, caller, store_id)
            file_id = await self._add(caller, store_id, await self._wanted(caller, store_id, asked), once)
        return await self.show(caller, store_id, file_id)

    async def show(self, caller: Caller, store_id: str, file_id: str) -> StoreFileRead:
        """A file in a store as the API shows it; raises NotFound."""
        async with self._db.read() as tx:
            store = await stores.get(tx, caller, store_id)
            return read_file(await files.get(tx, store.id, file_id))

    async def page(
        self, caller: Caller, store_id: str, status: FileStatus | None, wanted: Listing
    ) -> StoreFileList:
        """Files of a store; raises NotFound."""
        async with self._db.read() as tx:
            store = await stores.get(tx, caller, store_id)
            return list_of(await files.page(tx, store.id, status, wanted))

    async def update(self, caller: Caller, store_id: str, file_id: str, asked: FilePatch) -> StoreFileRead:
        """Change the attributes of a file in a store; raises NotFound."""
        changes = {"attributes": asked.attributes or {}, "updated_at_s": self._clock.now_s()}
        async with self._db.begin() as tx:
            store = await stores.get(tx, caller, store_id, lock=True)
            await files.get(tx, store.id, file_id, lock=True)
            await files.change(tx, store.id, file_id, changes)
        return await self.show(caller, store_id, file_id)

    async def remove(self, caller: Caller, store_id: str, file_id: str) -> StoreFileDeleted:
        """Take a file out of a store; it is not found any more at once. Raises NotFound."""
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            store = await stores.get(tx, caller, store_id, lock=True)
            file = await files.get(tx, store.id, file_id, lock=True)
            before = await documents.give_up(tx, store.id, file_id)
            await files.forget(tx, store.id, file_id)
            await self._index.gone(tx, store.site_id, store.id, before)
            await self._jobs.submit_once(tx, store.owner, NewJob(CLEANUP, {"store_id": store.id}), "store_id")
            await tell_file(tx, store, file, "deleted", now_s)
        if file.status == "in_progress" and file.job_id is not None:
            await self.cancel_jobs(caller, [file.job_id])
        return StoreFileDeleted(id=file_id)

    async def content(self, caller: Caller, store_id: str, file_id: str, cursor: str | None) -> ContentPage:
        """What was read from a file, as far as it is found.

        Raises:
            NotFound: No such file in this store.
            BadInput: The cursor is not one of this list.
        """
        place = decode_cursor(cursor, int) or 0
        async with self._db.read() as tx:
            store = await stores.get(tx, caller, store_id)
            file = await files.get(tx, store.id, file_id)
            number = file.document
            found = (
                []
                if number is None
                else await documents.passages_from(tx, number, place, _CONTENT_PASSAGES + 1)
            )
        page, more = found[:_CONTENT_PASSAGES], len(found) > _CONTENT_PASSAGES
        return ContentPage(
            data=[read_passage(one) for one in page],
            has_more=more,
            next_page=encode_cursor(page[-1].place + 1) if more else None,
        )

    async def chosen(self, tx: Tx, caller: Caller, file_ids: Sequence[str]) -> dict[str, FileInfo]:
        """Files of the house that may be in stores, by id; raises NotFound, BadInput."""
        found = await file_rows.some_files(tx, caller, file_ids, self._clock.now_s())
        for file_id in file_ids:
            info = found.get(file_id)
            if info is None:
                raise NotFound(f"There is no file {file_id!r}.", param="file_id")
            if info.purpose not in PURPOSES:
                raise BadInput(
                    f"{file_id!r} has the purpose {info.purpose!r}; in vector stores are files of the purposes "
                    "assistants, user_data and vision.",
                    param="file_id",
                )
        return dict(found)

    async def cancel_jobs(self, caller: Caller, job_ids: Sequence[str]) -> None:
        """Stop work that nobody wants any more."""
        for job_id in job_ids:
            with suppress(NotFound):
                await self._jobs.cancel(caller, job_id)

    async def _known(self, once: Once | None) -> str | None:
        if once is None:
            return None
        async with self._db.read() as tx:
            first = await files.find_once(tx, once.digest)
        if first is None:
            return None
        once.check(first[1])
        return first[0].file_id

    async def _wanted(self, caller: Caller, store_id: str, asked: FileCreate) -> Wanted:
        info: FileInfo | None = None
        attributes = asked.attributes
        file_id = asked.file_id
        if asked.url is not None:
            await self._check(asked.url)
            file_id = new_id("file")
        elif asked.recording_id is not None:
            info = await self._transcript(caller, store_id, asked.recording_id)
            file_id = info.id
            attributes = {"recording_id": asked.recording_id, **(attributes or {})}
        elif file_id is not None:
            async with self._db.read() as tx:
                info = (await self.chosen(tx, caller, [file_id]))[file_id]
        chunking = chunking_of(asked.chunking_strategy)
        return Wanted(file_id or "", info, asked.url, attributes, chunking, asked.replaces)

    async def _check(self, url: str) -> None:
        try:
            await self._addresses.check(url)
        except BadInput as error:
            error.param = error.param or "url"
            raise

    async def _transcript(self, caller: Caller, store_id: str, recording_id: str) -> FileInfo:
        """The file of a recording's transcript; the same one as long as that says the same."""
        if self._transcripts is None:
            raise NotSupported("There are no recordings here.", param="recording_id")
        told = await self._transcripts.transcript(caller, recording_id)
        data = told.text.encode()
        key = hashlib.sha256(f"{store_id} {recording_id} ".encode() + data).hexdigest()
        return await self._files.create(
            caller, NewFile(told.filename, "user_data", idempotency_key=f"transcript {key}"), _pieces(data)
        )

    async def _add(self, caller: Caller, store_id: str, wanted: Wanted, once: Once | None) -> str:
        for _ in range(_TRIES):
            try:
                async with self._db.begin() as tx:
                    added = await self._enter(tx, caller, store_id, wanted, once)
            except sa.exc.IntegrityError as error:
                if not is_unique_violation(error):
                    raise
                first = await self._known(once)
                if first is not None:
                    return first
                continue
            await self.cancel_jobs(caller, added.given_up)
            return wanted.file_id
        raise StorageUnavailable("Others keep adding the same file.", retry_after_s=1.0)

    async def _enter(self, tx: Tx, caller: Caller, store_id: str, wanted: Wanted, once: Once | None) -> Added:
        store = await stores.get(tx, caller, store_id, lock=True)
        if wanted.replaces is not None:
            if wanted.replaces == wanted.file_id:
                raise Conflict("A file cannot stand for itself.", param="replaces")
            await _check_replaced(tx, store, wanted.replaces)
        return await self._adding.add(tx, caller, store, [wanted], once)


async def _check_replaced(tx: Tx, store: Store, file_id: str) -> None:
    if await files.find(tx, store.id, file_id) is None:
        raise NotFound("No such file in this vector store.", param="replaces")


def list_of(page: Page) -> StoreFileList:
    """A page of files as it is shown."""
    rows: list[StoreFile] = page.rows
    last_id = rows[-1].file_id if rows else None
    return StoreFileList(
        data=[read_file(one) for one in rows],
        has_more=page.has_more,
        first_id=rows[0].file_id if rows else None,
        last_id=last_id,
        next_cursor=last_id if page.has_more else None,
    )


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data
