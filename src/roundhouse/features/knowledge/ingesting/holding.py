"""Whether a job still has the file that it works on, and what is written of its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.jobs import Job, StepContext
from roundhouse.features.knowledge.ingesting.ports import Desk
from roundhouse.features.knowledge.stores.model import Document, Store, StoreFile
from roundhouse.features.knowledge.stores.store import documents, files, stores
from roundhouse.features.knowledge.stores.told import tell_file
from roundhouse.infra.db import Tx

FileEnd = Literal["failed", "cancelled"]
"""How a job may end that did not complete its file."""

_MOST_MESSAGE_CHARS = 2000

Stage = Callable[[Desk, StepContext], Awaitable[dict[str, Any]]]


class Work(msgspec.Struct, frozen=True):
    """Which job works on which file of which store."""

    job_id: str
    store_id: str
    file_id: str

    @classmethod
    def of(cls, job: Job) -> Work:
        """What a job works on."""
        return cls(job.id, str(job.input["store_id"]), str(job.input["file_id"]))


class Held(msgspec.Struct, frozen=True):
    """A file that is this job's to work on.

    Attributes:
        store: Its store.
        file: The file in it.
        document: What is written of it; None = nothing yet.
    """

    store: Store
    file: StoreFile
    document: Document | None

    @property
    def written(self) -> Document:
        """What is written of it, by the steps before."""
        if self.document is None:
            raise RoundhouseError("The document of this job is gone.")
        return self.document


async def hold(tx: Tx, work: Work, *, lock: bool = False) -> Held | None:
    """What a job works on; None = its file or its store is gone, or another job has it.

    Args:
        tx: Any transaction; one for writing with `lock`.
        work: The job's.
        lock: Whether nobody may take it away until the transaction ends.
    """
    # Locks are taken in one order: store, file, document.
    store = await stores.any_of(tx, work.store_id, lock=lock)
    file = await files.find(tx, work.store_id, work.file_id, lock=lock)
    if store is None or store.deleted or file is None or file.job_id != work.job_id:
        return None
    document = await documents.of_job(tx, work.store_id, work.file_id, work.job_id)
    if document is not None and lock:
        document = await documents.get(tx, document.number, lock=True)
    if document is not None and document.state == "gone":
        document = None
    return Held(store, file, document)


async def hold_document(tx: Tx, work: Work, number: int) -> bool:
    """Whether a job may write into its document; if so nobody takes it away until the transaction ends."""
    # The file before the document, as everywhere.
    file = await files.find(tx, work.store_id, work.file_id, lock=True)
    if file is None or file.job_id != work.job_id:
        return False
    document = await documents.get(tx, number, lock=True)
    return document is not None and document.state == "writing"


def stage(run: Stage) -> Stage:
    """A step that writes down that its file failed, where nobody will try again."""

    async def guarded(desk: Desk, context: StepContext) -> dict[str, Any]:
        job = context.job
        await _resume(desk, job)
        try:
            return await run(desk, context)
        except RoundhouseError as error:
            if not error.retryable or job.attempts >= job.max_attempts:
                told = {"code": error.code, "message": error.detail[:_MOST_MESSAGE_CHARS]}
                async with desk.db.begin() as tx:
                    await end(tx, Work.of(job), "failed", told, desk.clock.now_s())
            raise

    return guarded


async def end(tx: Tx, work: Work, status: FileEnd, error: dict[str, Any] | None, now_s: float) -> bool:
    """Write down that a job did not complete its file; False where there is nothing to write.

    What was found before is found further on; what the job has written stays for a retry of it, until it is cleaned
    away.
    """
    held = await hold(tx, work, lock=True)
    if held is None or held.file.status != "in_progress":
        return False
    changes: dict[str, Any] = {"status": status, "error": error, "updated_at_s": now_s}
    await files.change(tx, held.store.id, held.file.file_id, changes)
    await tell_file(tx, held.store, held.file, status, now_s, error)
    return True


async def _resume(desk: Desk, job: Job) -> None:
    """A job that failed or was cancelled, and is done again, has its file in progress again."""
    if job.run == 1:
        return
    async with desk.db.read() as tx:
        held = await hold(tx, Work.of(job))
    if held is None or held.file.status not in ("failed", "cancelled"):
        return
    async with desk.db.begin() as tx:
        held = await hold(tx, Work.of(job), lock=True)
        if held is not None and held.file.status in ("failed", "cancelled"):
            changes = {"status": "in_progress", "error": None, "updated_at_s": desk.clock.now_s()}
            await files.change(tx, held.store.id, held.file.file_id, changes)
