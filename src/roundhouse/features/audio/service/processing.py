"""Taking recordings and texts in: what was sent is on disk, and its job accepted, before the answer leaves."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import msgspec

from roundhouse.core.errors import (
    BadInput,
    NotFound,
    RoundhouseError,
    TooLarge,
    Unprocessable,
    UnsupportedMedia,
)
from roundhouse.core.jobs import Job, NewJob
from roundhouse.core.ports import Clock, Files, Gatekeeper
from roundhouse.core.settings import AudioSettings
from roundhouse.core.types import Caller, FileInfo, NewFile
from roundhouse.features.audio.form import OVERHEAD_BYTES, RecordingForm
from roundhouse.features.audio.model import Kind, Options, Recording
from roundhouse.features.audio.options import FIELDS, place_of, read_metadata, read_options, read_title
from roundhouse.features.audio.ports import Downloads
from roundhouse.features.audio.schemas import ProcessRead, TextAsk
from roundhouse.features.audio.service.templates import TemplateService
from roundhouse.features.audio.shapes import STATUSES, settled
from roundhouse.features.audio.store import recordings
from roundhouse.infra.db import Database
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.jobs.shapes import read_job

PROCESS = "recording.process"
"""Kind of the jobs that work on recordings; their input names no text."""

_MIB = 1024 * 1024
_MOST_TITLE_CHARS = 200
_LATER = "later"
_HEARD = ("audio/", "video/")


class Sent(msgspec.Struct, frozen=True):
    """A request that brings a recording.

    Attributes:
        content_type: Its `Content-Type`.
        idempotency_key: Its `Idempotency-Key`.
    """

    content_type: str
    idempotency_key: str | None = None


class _Source(msgspec.Struct, frozen=True):
    """Where the sound is, or the text."""

    title: str
    file_id: str | None = None
    owns_file: bool = False
    url: str | None = None
    text: str | None = None


class ProcessService:
    """Accepts recordings.

    Args:
        db: The database.
        files: Where sound is kept.
        jobs: Takes the work.
        downloads: Judges addresses.
        templates: Knows the forms of summaries.
        gatekeeper: Whether a caller may ask models now.
        settings: Limits.
        clock: Time.
    """

    def __init__(
        self,
        db: Database,
        files: Files,
        jobs: JobQueue,
        downloads: Downloads,
        templates: TemplateService,
        gatekeeper: Gatekeeper,
        settings: AudioSettings,
        clock: Clock,
    ) -> None:
        self._db = db
        self._files = files
        self._jobs = jobs
        self._downloads = downloads
        self._templates = templates
        self._gatekeeper = gatekeeper
        self._settings = settings
        self._clock = clock

    @property
    def largest_body_bytes(self) -> int:
        """Largest body of an upload, the form around the file included."""
        return self._settings.max_upload_mib * _MIB + OVERHEAD_BYTES

    async def process(self, caller: Caller, sent: Sent, pieces: AsyncIterator[bytes]) -> ProcessRead:
        """Take in the recording of a form, read as it arrives.

        Args:
            caller: Who asks.
            sent: Headers of the request.
            pieces: The body.

        Raises:
            UnsupportedMedia: The request is no form, or the file is no recording.
            Unprocessable: A field is wrong, or what it names is not there.
            TooLarge, QuotaExceeded: The file.
            QueueFull, RateLimited, BudgetExceeded: Not now.
            AddressRefused: The URL leads inside.
        """
        await self._admit(caller)
        await self._jobs.check_room(caller, PROCESS)
        form = RecordingForm(sent.content_type, pieces, FIELDS)
        filename = await form.until_file()
        if filename is None:
            source = await self._named(caller, *place_of(form.values))
            return await self._accept(caller, sent.idempotency_key, form, source)
        # What stands before the file is looked at before the file is read; a template may stand behind it.
        read_options(form.values, _LATER)
        info = await self._upload(caller, sent, filename, form)
        try:
            await form.rest()
            source = _Source(info.filename, info.id, owns_file=True)
            return await self._accept(caller, sent.idempotency_key, form, source)
        except RoundhouseError:
            await self._give_back(caller, info)
            raise

    async def process_text(self, caller: Caller, asked: TextAsk, idempotency_key: str | None) -> ProcessRead:
        """Take in a text: it is cleaned and summarised like a transcript. Raises like `process`."""
        await self._admit(caller)
        values = {
            "features": list(asked.features or ()),
            **{
                name: [value]
                for name in ("template_id", "model", "language", "summary_language")
                if (value := getattr(asked, name)) is not None
            },
        }
        options = read_options(values, self._settings.default_template)
        title = asked.title or " ".join(asked.text.split())[:60]
        source = _Source(title, text=asked.text)
        return await self._enter(caller, idempotency_key, options, source, asked.metadata)

    async def _admit(self, caller: Caller) -> None:
        """Count the request; what its models use is recorded by the job."""
        waiting = self._gatekeeper.admit(caller)
        if waiting is not None:
            await waiting
        self._gatekeeper.settle(caller, 0, 0.0)

    async def _upload(self, caller: Caller, sent: Sent, filename: str, form: RecordingForm) -> FileInfo:
        key = None if sent.idempotency_key is None else f"process {sent.idempotency_key}"
        new = NewFile(filename, "audio", idempotency_key=key)
        return await self._files.create(caller, new, self._measured(form.file()))

    async def _measured(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        left = self._settings.max_upload_mib * _MIB
        async for piece in pieces:
            left -= len(piece)
            if left < 0:
                raise TooLarge(f"The file is larger than {self._settings.max_upload_mib} MiB.", param="file")
            yield piece

    async def _named(self, caller: Caller, file_id: str | None, url: str | None) -> _Source:
        if url is not None:
            try:
                await self._downloads.check(url)
            except BadInput as error:
                error.param = error.param or "url"
                raise
            return _Source("", url=url)
        try:
            info = await self._files.get(caller, file_id or "")
        except NotFound:
            raise Unprocessable("There is no such file.", param="file_id") from None
        if not info.content_type.startswith(_HEARD):
            raise UnsupportedMedia(
                f"By its bytes this is {info.content_type}, no sound and no film.", param="file_id"
            )
        return _Source(info.filename, info.id)

    async def _give_back(self, caller: Caller, info: FileInfo) -> None:
        """Delete a file that no recording came of; the repetition of a request brought the first one's."""
        async with self._db.read() as tx:
            if await recordings.has_file(tx, info.id):
                return
        with suppress(NotFound):
            await self._files.delete(caller, info.id)

    async def _accept(
        self, caller: Caller, key: str | None, form: RecordingForm, source: _Source
    ) -> ProcessRead:
        options = read_options(form.values, self._settings.default_template)
        metadata = read_metadata(form.values)
        title = read_title(form.values)
        if title:
            source = msgspec.structs.replace(source, title=title)
        return await self._enter(caller, key, options, source, metadata)

    async def _enter(
        self, caller: Caller, key: str | None, options: Options, source: _Source, metadata: dict[str, Any]
    ) -> ProcessRead:
        if options.wants_summary:
            await self._templates.check_known(caller, options.template_id or "")
        new = NewJob(PROCESS, {"request": _digest(source, options, metadata)}, idempotency_key=key)
        async with self._db.begin() as tx:
            job = await self._jobs.submit(tx, caller, new)
            if not await recordings.exists(tx, job.id):
                recording = self._recording(caller, job, options, source, metadata)
                await recordings.insert(tx, recording)
                if source.text is not None:
                    await recordings.write(tx, job.id, {"raw_text": source.text})
            else:
                recording = await recordings.get(tx, caller, job.id)
        return await self._accepted(caller, recording)

    async def _accepted(self, caller: Caller, recording: Recording) -> ProcessRead:
        job, place = await self._jobs.look(caller, recording.id)
        return ProcessRead(
            task_id=recording.id,
            status=STATUSES[settled(recording, job).stage],
            position=None if place is None else place.position,
            expected_wait_s=None if place is None else place.expected_wait_s,
            job=read_job(job, self._clock.now_s(), place),
        )

    def _recording(
        self, caller: Caller, job: Job, options: Options, source: _Source, metadata: dict[str, Any]
    ) -> Recording:
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
            metadata=metadata,
            file_id=source.file_id,
            owns_file=source.owns_file,
            source_url=source.url,
            options=options,
            stage="queued",
            error=None,
            language=options.language,
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


def _digest(source: _Source, options: Options, metadata: dict[str, Any]) -> str:
    """Of what is asked for, so that the repetition of a request is known; nothing of it can be read back."""
    asked = [msgspec.to_builtins(source), msgspec.to_builtins(options), metadata]
    return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()
