"""Taking recordings and texts in: what was sent is on disk, and its job accepted, before the answer leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import msgspec

from roundhouse.core.errors import (
    BadInput,
    NotFound,
    TooLarge,
    Unprocessable,
    UnsupportedMedia,
)
from roundhouse.core.ports import Clock, Files, Gatekeeper
from roundhouse.core.settings import AudioSettings
from roundhouse.core.types import Caller, FileInfo, NewFile
from roundhouse.features.audio.model import UNACCEPTED_S, Recording
from roundhouse.features.audio.options import FIELDS, places_of, read_metadata, read_options, read_titles
from roundhouse.features.audio.ports import Downloads
from roundhouse.features.audio.schemas import ProcessRead, ProcessSeveral, TextAsk
from roundhouse.features.audio.service.accepting import Accepting, Source, Wanted, part_key
from roundhouse.features.audio.shapes import STATUSES, settled
from roundhouse.features.audio.store import recordings
from roundhouse.infra.db import Database
from roundhouse.infra.forms import OVERHEAD_BYTES, ArrivingForm, FormShape
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.jobs.shapes import read_job

_MIB = 1024 * 1024
_MOST_VALUE_BYTES = 128 * 1024
_LATER = "later"
_HEARD = ("audio/", "video/")


class Sent(msgspec.Struct, frozen=True):
    """A request that brings recordings.

    Attributes:
        content_type: Its `Content-Type`.
        idempotency_key: Its `Idempotency-Key`.
    """

    content_type: str
    idempotency_key: str | None = None


class ProcessService:
    """Accepts recordings.

    Args:
        db: The database.
        files: Where sound is kept.
        jobs: Takes the work.
        downloads: Judges addresses.
        accepting: Takes them in.
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
        accepting: Accepting,
        gatekeeper: Gatekeeper,
        settings: AudioSettings,
        clock: Clock,
    ) -> None:
        self._db = db
        self._files = files
        self._jobs = jobs
        self._downloads = downloads
        self._accepting = accepting
        self._gatekeeper = gatekeeper
        self._settings = settings
        self._clock = clock
        self._shape = FormShape(
            "Send multipart/form-data with the field file, file_id or url.",
            frozenset(),
            FIELDS,
            most_value_bytes=_MOST_VALUE_BYTES,
            most_values_bytes=_MOST_VALUE_BYTES,
            most_files=settings.max_files,
            wrong=Unprocessable,
        )

    @property
    def largest_body_bytes(self) -> int:
        """Largest body of an upload, the form around the files included."""
        return self._settings.max_upload_mib * _MIB * self._settings.max_files + OVERHEAD_BYTES

    async def process(self, caller: Caller, sent: Sent, pieces: AsyncIterator[bytes]) -> ProcessRead:
        """Take in the recordings of a form, read as it arrives: all of them or none.

        Args:
            caller: Who asks.
            sent: Headers of the request.
            pieces: The body.

        Returns:
            The recording that came; `ProcessSeveral` where several did.

        Raises:
            UnsupportedMedia: The request is no form, or a file is no recording.
            Unprocessable: A field is wrong, or what it names is not there.
            DiarizationUnavailable: Nothing here tells voices apart.
            TooLarge, QuotaExceeded: A file.
            QueueFull, RateLimited, BudgetExceeded: Not now.
            AddressRefused: A URL leads inside.
        """
        await self._admit(caller)
        await self._accepting.check_room(caller)
        form = ArrivingForm(sent.content_type, pieces, self._shape)
        came: list[FileInfo] = []
        is_accepted = False
        try:
            while (filename := await form.next_file()) is not None:
                # What stands before a file is looked at before it is read; a template may stand behind it.
                self._accepting.check_speakers(caller, read_options(form.values, _LATER))
                came.append(await self._upload(caller, sent, filename, len(came), form))
            accepted = await self._accept(caller, sent, form, came)
            is_accepted = True
        finally:
            for info in () if is_accepted else came:
                await self._give_back(caller, info)
        return await self._told(caller, accepted)

    async def process_text(self, caller: Caller, asked: TextAsk, idempotency_key: str | None) -> ProcessRead:
        """Take in a text: it is cleaned and summarised like a transcript. Raises like `process`."""
        await self._admit(caller)
        values = {
            "features": list(asked.features or ()),
            **{
                name: [value]
                for name in ("template_id", "model", "language", "summary_language", "vector_store_id")
                if (value := getattr(asked, name)) is not None
            },
        }
        options = read_options(values, self._settings.default_template)
        source = Source(asked.title or " ".join(asked.text.split())[:60], text=asked.text)
        wanted = Wanted(options, asked.metadata, idempotency_key)
        return await self._told(caller, await self._accepting.accept(caller, wanted, [source]))

    async def _admit(self, caller: Caller) -> None:
        """Count the request; what its models use is recorded by the job."""
        waiting = self._gatekeeper.admit(caller)
        if waiting is not None:
            await waiting
        self._gatekeeper.settle(caller, 0, 0.0)

    async def _upload(
        self, caller: Caller, sent: Sent, filename: str, place: int, form: ArrivingForm
    ) -> FileInfo:
        key = None if sent.idempotency_key is None else f"process {sent.idempotency_key}"
        if key is not None and place:
            key = part_key(key, place)
        new = NewFile(filename, "audio", UNACCEPTED_S, key)
        try:
            return await self._files.create(caller, new, self._measured(form.file()))
        except BadInput as error:
            if error.param == "file":
                error.detail = f"{filename[:200]!r}: {error.detail}"
            raise

    async def _measured(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        left = self._settings.max_upload_mib * _MIB
        async for piece in pieces:
            left -= len(piece)
            if left < 0:
                raise TooLarge(f"The file is larger than {self._settings.max_upload_mib} MiB.", param="file")
            yield piece

    async def _accept(
        self, caller: Caller, sent: Sent, form: ArrivingForm, came: Sequence[FileInfo]
    ) -> list[Recording]:
        values = form.values
        file_ids, urls = places_of(values, bool(came), self._settings.max_files)
        sources = [Source.uploaded(info) for info in came]
        sources += [await self._known(caller, file_id) for file_id in file_ids]
        sources += [await self._elsewhere(url) for url in urls]
        options = read_options(values, self._settings.default_template)
        titles = read_titles(values, len(sources))
        named = [
            msgspec.structs.replace(source, title=title) if title else source
            for source, title in zip(sources, titles, strict=True)
        ]
        wanted = Wanted(options, read_metadata(values), sent.idempotency_key)
        return await self._accepting.accept(caller, wanted, named)

    async def _elsewhere(self, url: str) -> Source:
        try:
            await self._downloads.check(url)
        except BadInput as error:
            error.param = error.param or "url"
            raise
        return Source("", url=url)

    async def _known(self, caller: Caller, file_id: str) -> Source:
        try:
            info = await self._files.get(caller, file_id)
        except NotFound:
            raise Unprocessable(f"There is no file {file_id!r}.", param="file_id") from None
        if not info.content_type.startswith(_HEARD):
            raise UnsupportedMedia(
                f"{info.filename!r}: by its bytes this is {info.content_type}, no sound and no film.",
                param="file_id",
            )
        return Source(info.filename, info.id)

    async def _give_back(self, caller: Caller, info: FileInfo) -> None:
        """Delete a file that no recording came of; the repetition of a request brought the first one's."""
        async with self._db.read() as tx:
            if await recordings.has_file(tx, info.id):
                return
        with suppress(NotFound):
            await self._files.delete(caller, info.id)

    async def _told(self, caller: Caller, accepted: Sequence[Recording]) -> ProcessRead:
        shown = [await self._shown(caller, one) for one in accepted]
        if len(shown) == 1:
            return shown[0]
        return ProcessSeveral(**shown[0].model_dump(), recordings=shown)

    async def _shown(self, caller: Caller, recording: Recording) -> ProcessRead:
        job, place = await self._jobs.look(caller, recording.id)
        return ProcessRead(
            task_id=recording.id,
            status=STATUSES[settled(recording, job).stage],
            position=None if place is None else place.position,
            expected_wait_s=None if place is None else place.expected_wait_s,
            job=read_job(job, self._clock.now_s(), place),
        )
