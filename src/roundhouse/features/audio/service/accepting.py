"""Recordings and their jobs come into the house, all that belong together in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from roundhouse.core.errors import DiarizationUnavailable, NotAllowed, Unprocessable
from roundhouse.core.jobs import Job, NewJob
from roundhouse.core.ports import Clock, Files
from roundhouse.core.types import Caller, FileInfo
from roundhouse.engine.hearing import NOBODY_DIARIZES
from roundhouse.features.audio.model import CameBy, Kind, Options, Recording
from roundhouse.features.audio.ports import Speakers, VectorStores
from roundhouse.features.audio.service.templates import TemplateService
from roundhouse.features.audio.store import recordings
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.jobs.queue import JobQueue

PROCESS = "recording.process"
"""Kind of the jobs that work on recordings; their input names no text."""

_MOST_TITLE_CHARS = 200


class Source(msgspec.Struct, frozen=True):
    """Where the sound is, or the text."""

    title: str
    file_id: str | None = None
    owns_file: bool = False
    url: str | None = None
    text: str | None = None

    @classmethod
    def uploaded(cls, info: FileInfo) -> Source:
        """A file that came for this recording, and goes with it."""
        return cls(info.filename, info.id, owns_file=True)


class Wanted(msgspec.Struct, frozen=True):
    """What is wanted of recordings, whatever their number.

    Attributes:
        options: Which results, and how.
        metadata: Their owner's.
        idempotency_key: Of the request; the first one under it brought them.
        source: How they came.
    """

    options: Options
    metadata: dict[str, Any] = {}
    idempotency_key: str | None = None
    source: CameBy = "request"


Note = Callable[[Tx, Sequence[Recording]], Awaitable[None]]
"""Writes, in the transaction in which recordings come in, what belongs to them."""


class Accepting:
    """Takes recordings in.

    Args:
        db: The database.
        files: Where sound is kept.
        jobs: Takes the work.
        templates: Knows the forms of summaries.
        speakers: Tells speakers apart, or cannot.
        clock: Time.
        stores: Knows vector stores; None = nobody does.
    """

    def __init__(
        self,
        db: Database,
        files: Files,
        jobs: JobQueue,
        templates: TemplateService,
        speakers: Speakers,
        clock: Clock,
        stores: VectorStores | None = None,
    ) -> None:
        self._db = db
        self._files = files
        self._jobs = jobs
        self._templates = templates
        self._speakers = speakers
        self._clock = clock
        self._stores = stores

    async def check_room(self, caller: Caller) -> None:
        """Raise QueueFull where nothing would be accepted now: before an upload, not after it."""
        await self._jobs.check_room(caller, PROCESS)

    def check_speakers(self, caller: Caller, options: Options) -> None:
        """Raise DiarizationUnavailable where voices are to be told apart and nothing here can do that."""
        if options.diarize and not self._speakers.can_diarize(caller):
            raise DiarizationUnavailable(NOBODY_DIARIZES, param="diarize")

    async def check_store(self, caller: Caller, options: Options) -> None:
        """Raise what keeps the transcript from going where it is wanted.

        Raises:
            NotAllowed: The caller may not write into vector stores.
            Unprocessable: There is no such store.
        """
        store_id = options.vector_store_id
        if store_id is None:
            return
        if not caller.may("knowledge:write"):
            raise NotAllowed("To write into vector stores a key needs the scope knowledge:write.")
        if self._stores is None or not await self._stores.has(caller, store_id):
            raise Unprocessable(f"There is no vector store {store_id!r}.", param="vector_store_id")

    async def accept(
        self, caller: Caller, wanted: Wanted, sources: Sequence[Source], note: Note | None = None
    ) -> list[Recording]:
        """A recording and a job of each source, or none at all.

        Args:
            caller: Whose they are.
            wanted: What is wanted of them.
            sources: At least one.
            note: Called in the transaction.

        Raises:
            Unprocessable: There is no such template, or no such vector store.
            NotAllowed: The caller may not write into vector stores.
            DiarizationUnavailable: Nothing here tells voices apart.
            QueueFull: Not all have room.
            Conflict: The idempotency key was used for something else.
        """
        options = wanted.options
        self.check_speakers(caller, options)
        await self.check_store(caller, options)
        if options.wants_summary:
            await self._templates.check_known(caller, options.template_id or "")
        digest = _digest(sources, options, wanted.metadata)
        accepted = []
        async with self._db.begin() as tx:
            for place, source in enumerate(sources):
                asked: dict[str, Any] = {"request": digest}
                if place:
                    asked["place"] = place
                key = _key(wanted.idempotency_key, place)
                job = await self._jobs.submit(tx, caller, NewJob(PROCESS, asked, idempotency_key=key))
                accepted.append(await self._enter(tx, caller, job, wanted, source))
            if note is not None:
                await note(tx, accepted)
        return accepted

    async def _enter(self, tx: Tx, caller: Caller, job: Job, wanted: Wanted, source: Source) -> Recording:
        # Only the repetition of a request finds a job that is there already.
        if wanted.idempotency_key is not None and await recordings.exists(tx, job.id):
            return await recordings.get(tx, caller, job.id)
        recording = self._recording(caller, job, wanted, source)
        if source.owns_file and source.file_id is not None:
            await self._files.retain(tx, caller, source.file_id)
        await recordings.insert(tx, recording)
        if source.text is not None:
            await recordings.write(tx, job.id, {"raw_text": source.text})
        return recording

    def _recording(self, caller: Caller, job: Job, wanted: Wanted, source: Source) -> Recording:
        now_s = self._clock.now_s()
        kind: Kind = "text" if source.text is not None else "audio"
        return Recording(
            id=job.id,
            site_id=caller.site_id,
            user_id=caller.user_id,
            app_id=caller.app_id,
            job_id=job.id,
            kind=kind,
            title=source.title[:_MOST_TITLE_CHARS],
            metadata=wanted.metadata,
            file_id=source.file_id,
            owns_file=source.owns_file,
            source_url=source.url,
            source=wanted.source,
            options=wanted.options,
            stage="queued",
            error=None,
            language=wanted.options.language,
            duration_s=None,
            sound=None,
            summary=None,
            versions={},
            metrics={},
            warnings={},
            version=1,
            created_at_s=now_s,
            updated_at_s=now_s,
            completed_at_s=None,
            sound_deleted_at_s=None,
        )


def part_key(idempotency_key: str, place: int) -> str:
    """Idempotency key of one of several parts of a request, from 0; as long as one may be, whatever the request's."""
    return hashlib.sha256(f"{place} {idempotency_key}".encode()).hexdigest()


def _key(idempotency_key: str | None, place: int) -> str | None:
    # The first one's is the request's own: so a repetition with one file more or fewer is known as another request.
    return idempotency_key if idempotency_key is None or not place else part_key(idempotency_key, place)


def _digest(sources: Sequence[Source], options: Options, metadata: dict[str, Any]) -> str:
    """Of what is asked for, so that the repetition of a request is known; nothing of it can be read back."""
    asked: list[Any] = [msgspec.to_builtins(options), metadata]
    asked += [msgspec.to_builtins(source) for source in sources]
    return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()
