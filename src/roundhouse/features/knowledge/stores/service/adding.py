"""Files come into stores, each with the job that takes it in; all of a request in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from roundhouse.core.errors import Conflict, QuotaExceeded
from roundhouse.core.jobs import NewJob
from roundhouse.core.ports import Clock
from roundhouse.core.settings_knowledge import KnowledgeSettings
from roundhouse.core.types import Caller, FileInfo
from roundhouse.features.knowledge.documents import Chunking
from roundhouse.features.knowledge.stores.model import Store, StoreFile
from roundhouse.features.knowledge.stores.once import Once
from roundhouse.features.knowledge.stores.shapes import is_expired
from roundhouse.features.knowledge.stores.store import documents, files, stores
from roundhouse.features.knowledge.stores.work import INGEST
from roundhouse.infra.db import Tx
from roundhouse.infra.jobs.queue import JobQueue


class Wanted(msgspec.Struct, frozen=True):
    """A file that is to be in a store.

    Attributes:
        file_id: Its id, also where it is fetched first.
        info: What is known of it; None = it is fetched.
        source_url: Where from.
        attributes: None = none, or those that it has there already.
        chunking: None = the store's.
        replaces: The file that leaves the store then.
    """

    file_id: str
    info: FileInfo | None
    source_url: str | None = None
    attributes: dict[str, Any] | None = None
    chunking: Chunking | None = None
    replaces: str | None = None


class Added(msgspec.Struct, frozen=True):
    """What came of it.

    Attributes:
        file_ids: Files that are in the store now, in the order that was asked for, each once.
        given_up: Jobs whose work nobody wants any more.
    """

    file_ids: list[str]
    given_up: list[str]


class Adding:
    """Adds files to stores.

    Args:
        jobs: Takes the work.
        settings: Limits.
        clock: Time.
    """

    def __init__(self, jobs: JobQueue, settings: KnowledgeSettings, clock: Clock) -> None:
        self._jobs = jobs
        self._settings = settings
        self._clock = clock

    def check_time(self, store: Store) -> None:
        """Raise Conflict where the time of a store is over."""
        if is_expired(store, self._clock.now_s()):
            raise Conflict("The time of this vector store is over; make a new one.", param="vector_store_id")

    async def add(
        self, tx: Tx, caller: Caller, store: Store, wanted: Sequence[Wanted], once: Once | None = None
    ) -> Added:
        """Enter files; one that is there is taken in anew where it failed, or is to be cut otherwise.

        Args:
            tx: The transaction.
            caller: With whose rights they are taken in.
            store: The store, locked or new.
            wanted: Which.
            once: Of a request for one file.

        Raises:
            Conflict: The time of the store is over.
            QuotaExceeded: It would have too many files.
            QueueFull: Too many wait already.
        """
        now_s = self._clock.now_s()
        self.check_time(store)
        by_id = {one.file_id: one for one in wanted}
        known = await files.some(tx, store.id, list(by_id))
        fresh = [one for one in by_id.values() if one.file_id not in known]
        await self.check_room(tx, store, len(fresh))
        await files.insert(tx, *(_new_file(store, one, now_s) for one in fresh), once=once)
        given_up: list[str] = []
        to_do = [one.file_id for one in fresh]
        for file_id, file in known.items():
            if await self._again(tx, store, file, by_id[file_id], now_s):
                to_do.append(file_id)
                given_up += [file.job_id] if file.status == "in_progress" and file.job_id else []
        # Jobs write events, and whoever writes an event locks nothing behind it but what it has already.
        asked = [NewJob(INGEST, {"store_id": store.id, "file_id": file_id}) for file_id in to_do]
        jobs = await self._jobs.submit_all(tx, caller, asked)
        await files.set_jobs(
            tx, store.id, {file_id: job.id for file_id, job in zip(to_do, jobs, strict=True)}
        )
        await stores.mark_used(tx, store, now_s)
        return Added(list(by_id), given_up)

    async def check_room(self, tx: Tx, store: Store, more: int) -> None:
        """Raise QuotaExceeded where so many files more would be too many for a store."""
        most = self._settings.max_files
        if more and await files.count(tx, store.id) + more > most:
            raise QuotaExceeded(f"A vector store has at most {most} files.", param="file_id")

    async def _again(self, tx: Tx, store: Store, file: StoreFile, wanted: Wanted, now_s: float) -> bool:
        """Whether a file that is in the store is taken in anew; what is found of it is found until then."""
        chunking = wanted.chunking or file.chunking
        changes: dict[str, Any] = {}
        if wanted.attributes is not None and wanted.attributes != file.attributes:
            changes["attributes"] = wanted.attributes
        if wanted.replaces is not None:
            changes["replaces"] = wanted.replaces
        redo = chunking != file.chunking or file.status in ("failed", "cancelled")
        if redo:
            await documents.give_up_writing(tx, store.id, file.file_id)
            changes |= {
                "chunking": msgspec.to_builtins(chunking),
                "status": "in_progress",
                "error": None,
                "passages_total": 0,
                "passages_done": 0,
                "warnings": [],
            }
        if changes:
            await files.change(tx, store.id, file.file_id, changes | {"updated_at_s": now_s})
        return redo


def _new_file(store: Store, wanted: Wanted, now_s: float) -> StoreFile:
    info = wanted.info
    return StoreFile(
        store_id=store.id,
        file_id=wanted.file_id,
        site_id=store.site_id,
        user_id=store.user_id,
        app_id=store.app_id,
        filename="" if info is None else info.filename,
        content_type="" if info is None else info.content_type,
        size_bytes=0 if info is None else info.size_bytes,
        status="in_progress",
        error=None,
        attributes=wanted.attributes or {},
        chunking=wanted.chunking or store.chunking,
        job_id=None,
        source_url=wanted.source_url,
        replaces=wanted.replaces,
        document=None,
        usage_bytes=0,
        passages_total=0,
        passages_done=0,
        warnings=[],
        created_at_s=now_s,
        updated_at_s=now_s,
    )
