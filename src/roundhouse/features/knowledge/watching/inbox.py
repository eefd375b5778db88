"""A folder whose files are the documents of a vector store."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from roundhouse.core.errors import BadInput, NotFound
from roundhouse.core.ports import Clock, Files
from roundhouse.core.settings import DocumentWatchSettings
from roundhouse.core.types import Caller, FileInfo
from roundhouse.features.knowledge.stores.model import Store
from roundhouse.features.knowledge.stores.schemas import StoreCreate
from roundhouse.features.knowledge.stores.service import Adding, StoreFileService, StoreService
from roundhouse.features.knowledge.stores.service.adding import Wanted
from roundhouse.features.knowledge.stores.store import files, stores
from roundhouse.features.knowledge.stores.work import INGEST
from roundhouse.features.knowledge.watching.replacing import Replacing
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.watching import store as watched_rows
from roundhouse.infra.watching.model import End, Folder, Note, Taken

PATH = "path"
"""Attribute of a file in a store: what it was called where it came from; `roundhouse ingest` writes it as well."""

_SCOPES = frozenset({"knowledge:read", "knowledge:write", "files:read", "files:write", "inference"})
_TAKEN_OUT = End("failed", error={"code": "not_found", "message": "The file was taken out of its store."})
_CANCELLED = {"code": "cancelled", "message": "It was cancelled."}


class DocumentInbox:
    """An `infra.watching.inbox.Inbox` of which documents of a vector store come.

    Args:
        db: The database.
        kept: The house's files.
        in_stores: The verbs of files in stores.
        store_service: Makes stores.
        adding: Adds files to stores.
        replacing: Knows what a changed file takes the place of.
        jobs: Has room for work, or not.
        watched: Which folder, and which store.
        largest_bytes: Larger files are refused.
        clock: Time.

    Attributes:
        folder: The folder.
        purpose: Of the files that are kept.
        object_name: How a file of a store is named where a failure is told.
        largest_bytes: As given.

    Raises:
        BadInput: It cannot be watched as the settings say.
    """

    purpose = "assistants"
    object_name = "file_id"

    def __init__(
        self,
        db: Database,
        kept: Files,
        in_stores: StoreFileService,
        store_service: StoreService,
        adding: Adding,
        replacing: Replacing,
        jobs: JobQueue,
        watched: DocumentWatchSettings,
        largest_bytes: int,
        clock: Clock,
    ) -> None:
        self._db, self._kept, self._in_stores, self._stores = db, kept, in_stores, store_service
        self._adding, self._replacing, self._jobs, self._clock = adding, replacing, jobs, clock
        self._watched = watched
        self.largest_bytes = largest_bytes
        self._caller = Caller("watch", watched.site_id, watched.user_id, watched.app_id, _SCOPES)
        self.folder = Folder.at(
            "documents",
            watched.path,
            self._caller,
            moves=watched.afterwards == "move",
            out=None,
            stable_s=watched.stable_s,
            takes_out=watched.removed == "take_out",
        )
        if self.folder.moves and self.folder.takes_out:
            raise BadInput(
                f"{watched.path}: files that are moved away cannot be missed; `take_out` goes with `leave`.",
                param="watched_documents",
            )

    async def check(self) -> None:
        """Raise QueueFull, or what keeps the store from taking files; a store that is not there is made."""
        await self._jobs.check_room(self._caller, INGEST)
        async with self._db.read() as tx:
            store = await self._store(tx)
            if store is not None:
                self._adding.check_time(store)
                await self._adding.check_room(tx, store, 1)
        if store is None:
            name, model = self._watched.store, self._watched.embedding_model
            # Another process that makes it just now makes the same one.
            await self._stores.create(
                self._caller, StoreCreate(name=name, embedding_model=model), f"watched store {name}"
            )

    async def enter(self, taken: Taken, info: FileInfo, note: Note) -> None:
        """Add a file to the store, in place of what was read of it before it changed; raises as `Adding.add` does."""
        given_up: list[str] = []
        async with self._db.begin() as tx:
            await self._kept.retain(tx, self._caller, info.id)
            found = await self._store(tx)
            if found is None:
                raise NotFound("The vector store is gone.", param="store")
            store = await stores.get(tx, self._caller, found.id, lock=True)
            former = [] if self.folder.moves else await self._replacing.former(tx, taken)
            same = await self._replacing.same(tx, store, former, info)
            if same is not None:
                await note(tx, same)
            else:
                replaces, given_up = await self._replacing.make_way(tx, store, former)
                wanted = Wanted(info.id, info, None, self._attributes(taken), replaces=replaces)
                added = await self._adding.add(tx, self._caller, store, [wanted])
                given_up += added.given_up
                await note(tx, info.id)
            await watched_rows.remove(tx, [one.id for one in former], self._clock.now_s())
        await self._in_stores.cancel_jobs(self._caller, given_up)

    async def uses(self, tx: Tx, file_id: str) -> bool:
        """Whether a file is in a store."""
        return bool(await files.used(tx, [file_id]))

    async def going(self, tx: Tx, object_ids: Sequence[str]) -> set[str]:
        """Those of some files that are worked on, in whatever store."""
        return await files.going(tx, object_ids)

    async def end_of(self, taken: Taken) -> End | None:
        """How the ingestion of a file has ended; None = it has not."""
        async with self._db.read() as tx:
            store = await self._store(tx)
            file = None if store is None else await files.find(tx, store.id, taken.object_id or "")
        if file is None:
            return _TAKEN_OUT
        if file.status == "completed":
            return End("done")
        return None if file.status == "in_progress" else End("failed", error=file.error or _CANCELLED)

    async def settled(self, taken: Taken) -> None:
        """What a file took the place of is deleted, unless it is in another store as well."""
        async with self._db.read() as tx:
            older = await watched_rows.same_name(tx, taken)
            gone = {one.object_id for one in older if one.object_id is not None and one.state == "removed"}
            gone -= await files.used(tx, sorted(gone))
        for file_id in sorted(gone - {taken.object_id}):
            with suppress(NotFound):
                await self._kept.delete(self._caller, file_id)

    async def take_out(self, taken: Taken) -> None:
        """The file is gone from the folder: it leaves the store, and is deleted unless it is in another one."""
        file_id = taken.object_id or ""
        async with self._db.read() as tx:
            store = await self._store(tx)
        with suppress(NotFound):
            if store is not None:
                await self._in_stores.remove(self._caller, store.id, file_id)
        async with self._db.read() as tx:
            if await files.used(tx, [file_id]):
                return
        with suppress(NotFound):
            await self._kept.delete(self._caller, file_id)

    async def _store(self, tx: Tx) -> Store | None:
        """The store that is meant; None = there is none of that name.

        Raises:
            NotFound: None of that id.
            BadInput: Several have that name.
        """
        wanted = self._watched.store
        if wanted.startswith("vs_"):
            return await stores.get(tx, self._caller, wanted)
        named = await stores.named(tx, self._caller, wanted)
        if len(named) > 1:
            raise BadInput(f"{len(named)} vector stores are called {wanted!r}; name an id.", param="store")
        return named[0] if named else None

    def _attributes(self, taken: Taken) -> dict[str, str | int | float | bool]:
        return {PATH: taken.name, **self._watched.attributes}
