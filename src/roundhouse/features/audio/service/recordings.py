"""The verbs of recordings that are there: look, correct, do a stage again, find, take away, delete."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from roundhouse.core.errors import Conflict, DiarizationUnavailable, NotFound, Unprocessable
from roundhouse.core.jobs import NewJob
from roundhouse.core.ports import Clock, Files
from roundhouse.core.types import Caller
from roundhouse.engine.hearing import NOBODY_DIARIZES
from roundhouse.features.audio.exporting import Export, ExportForm, export
from roundhouse.features.audio.indexing import PARAGRAPH, RecordingIndex, place_of
from roundhouse.features.audio.model import ENDED, FEATURES, Options, Recording
from roundhouse.features.audio.options import read_options
from roundhouse.features.audio.ports import Speakers
from roundhouse.features.audio.schemas import (
    FoundPiece,
    ProcessRead,
    RecordingDeleted,
    RecordingFound,
    RecordingList,
    RecordingPatch,
    RecordingRead,
    RecordingsFound,
    RecordingWhole,
    RerunAsk,
    SegmentList,
    SegmentPatch,
    SegmentRead,
    StatusRead,
)
from roundhouse.features.audio.service.accepting import PROCESS
from roundhouse.features.audio.service.templates import TemplateService
from roundhouse.features.audio.shapes import (
    STATUSES,
    read_recording,
    read_segment,
    read_status,
    read_whole,
    settled,
)
from roundhouse.features.audio.store import recordings, segments
from roundhouse.features.audio.store.recordings import RecordingFilter
from roundhouse.infra import audit, search
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.jobs.shapes import read_job
from roundhouse.infra.paging import decode_cursor, encode_cursor
from roundhouse.infra.search.indexer import Indexer

_AGAIN = ("prepare", "transcribe", "speakers", "clean", "summarise")
_ALL_SEGMENTS = 1_000_000


class RecordingService:
    """Recordings of tenants. What a caller cannot see is NotFound.

    Args:
        db: The database.
        files: Where sound is kept.
        jobs: Takes the work.
        templates: Knows the forms of summaries.
        index: Is told of texts.
        indexer: Indexes what was written just before a search.
        speakers: Tells speakers apart, or cannot.
        job_folders: Where jobs of this machine have their folders.
        clock: Time.
    """

    def __init__(
        self,
        db: Database,
        files: Files,
        jobs: JobQueue,
        templates: TemplateService,
        index: RecordingIndex,
        indexer: Indexer,
        speakers: Speakers,
        job_folders: Path,
        clock: Clock,
    ) -> None:
        self._db = db
        self._files = files
        self._jobs = jobs
        self._templates = templates
        self._index = index
        self._indexer = indexer
        self._speakers = speakers
        self._job_folders = job_folders
        self._clock = clock

    # Looking

    async def status(self, caller: Caller, recording_id: str) -> StatusRead:
        """How it goes and what came of it, in system B's words; raises NotFound."""
        async with self._db.read() as tx:
            recording = await recordings.get(tx, caller, recording_id)
            texts = await recordings.texts(tx, recording.id)
            job = (await recordings.jobs_of(tx, [recording])).get(recording.id)
            place = None if job is None else await self._jobs.place(tx, job)
        return read_status(settled(recording, job), texts, job, place)

    async def get(self, caller: Caller, recording_id: str) -> RecordingWhole:
        """One recording with its texts; raises NotFound."""
        async with self._db.read() as tx:
            recording = await self._settled(tx, caller, recording_id)
            return read_whole(recording, await recordings.texts(tx, recording.id))

    async def page(
        self, caller: Caller, wanted: RecordingFilter, *, cursor: str | None, limit: int
    ) -> RecordingList:
        """A page of recordings, newest first; raises BadInput for the cursor."""
        behind = decode_cursor(cursor, str)
        async with self._db.read() as tx:
            found = await recordings.page(tx, caller, wanted, behind=behind, limit=limit + 1)
            shown, more = found[:limit], len(found) > limit
            jobs = await recordings.jobs_of(tx, shown)
        return RecordingList(
            data=[read_recording(settled(one, jobs.get(one.id))) for one in shown],
            has_more=more,
            next_cursor=encode_cursor(shown[-1].id) if more else None,
        )

    async def segments(
        self, caller: Caller, recording_id: str, *, cursor: str | None, limit: int
    ) -> SegmentList:
        """A page of segments by time; raises NotFound, BadInput for the cursor."""
        behind = decode_cursor(cursor, int) or 0
        async with self._db.read() as tx:
            recording = await recordings.get(tx, caller, recording_id)
            found = await segments.after(tx, recording.id, min(behind, _ALL_SEGMENTS), limit + 1)
        shown, more = found[:limit], len(found) > limit
        return SegmentList(
            data=[read_segment(one) for one in shown],
            has_more=more,
            next_cursor=encode_cursor(shown[-1].number) if more else None,
        )

    async def search(
        self, caller: Caller, text: str, *, recording_id: str | None, cursor: str | None, limit: int
    ) -> RecordingsFound:
        """Paragraphs that fit a query, the best first; raises BadInput."""
        state = await self._indexer.catch_up(caller.site_id, PARAGRAPH)
        query = search.Query(text, PARAGRAPH, parent_id=recording_id, cursor=cursor, limit=limit)
        async with self._db.read() as tx:
            hits = await search.search(tx, caller, query)
            places = [place_of(hit.ref_id) for hit in hits.hits]
            known = await recordings.titles(tx, caller, sorted({one for one, _ in places}))
        found = []
        for hit, (of, place) in zip(hits.hits, places, strict=True):
            title, paragraphs = known.get(of, ("", []))
            if place >= len(paragraphs):
                continue
            one = paragraphs[place]
            found.append(
                RecordingFound(
                    recording_id=of,
                    title=title,
                    start_s=one.start_s,
                    end_s=one.end_s,
                    speaker=one.speaker,
                    score=hit.score,
                    snippet=[FoundPiece(text=piece.text, hit=piece.hit) for piece in hit.snippet],
                )
            )
        return RecordingsFound(
            data=found,
            has_more=hits.next_cursor is not None,
            next_cursor=hits.next_cursor,
            index_state=state,
        )

    async def export(self, caller: Caller, recording_id: str, form: ExportForm) -> Export:
        """A recording as a file.

        Raises:
            NotFound: There is none.
            Conflict: Nothing was transcribed yet.
        """
        async with self._db.read() as tx:
            recording = await self._settled(tx, caller, recording_id)
            texts = await recordings.texts(tx, recording.id)
            said = await segments.every(tx, recording.id)
        if "transcribe" not in recording.metrics:
            raise Conflict("There is no transcript yet.", param="recording_id")
        return await asyncio.to_thread(export, form, recording, texts, said)

    # Changing

    async def update(self, caller: Caller, recording_id: str, asked: RecordingPatch) -> RecordingRead:
        """Change title or metadata, give speakers their names, or correct the summary.

        Raises:
            NotFound: There is none.
            Conflict: It was changed meanwhile, a job works on it, or there is no summary.
            Unprocessable: The summary does not fit its template.
        """
        changes: dict[str, Any] = {
            name: value
            for name in ("title", "metadata")
            if name in asked.model_fields_set and (value := getattr(asked, name)) is not None
        }
        async with self._db.begin() as tx:
            recording = await recordings.get(tx, caller, recording_id, lock=True)
            _check_version(asked.version, recording.version)
            if asked.speakers:
                await self._ended(tx, caller, recording_id)
                changes |= await _renamed(tx, recording, asked.speakers)
            if asked.summary is not None:
                await self._ended(tx, caller, recording_id)
                changes |= await self._corrected(tx, caller, recording, asked.summary)
            changed = recording
            if any(getattr(recording, name, None) != value for name, value in changes.items()):
                changed = await recordings.change(tx, recording, self._clock.now_s(), **changes)
            job = (await recordings.jobs_of(tx, [changed])).get(changed.id)
        return read_recording(settled(changed, job))

    async def correct(
        self, caller: Caller, recording_id: str, number: int, asked: SegmentPatch
    ) -> SegmentRead:
        """Correct a segment; the raw text changes with it, clean text and summary when they are made again.

        Raises:
            NotFound: No such recording, or segment.
            Conflict: A job works on it.
        """
        async with self._db.begin() as tx:
            recording = await self._ended(tx, caller, recording_id)
            said = await segments.get(tx, recording.id, number)
            changes: dict[str, Any] = {}
            if asked.text is not None and asked.text != said.text:
                changes |= {"text": asked.text, "heard": said.heard or said.text}
            if asked.speaker is not None and asked.speaker != said.speaker:
                changes["speaker"] = asked.speaker
            if not changes:
                return read_segment(said)
            await segments.write(tx, recording.id, number, **changes)
            every = await segments.every(tx, recording.id)
            raw_text = " ".join(one.text for one in every)
            await recordings.change(tx, recording, self._clock.now_s(), raw_text=raw_text)
        return read_segment(msgspec.structs.replace(said, **changes))

    async def rerun(self, caller: Caller, recording_id: str, asked: RerunAsk) -> ProcessRead:
        """Do a stage again, and those behind it, as a new job.

        Raises:
            NotFound: There is none.
            Conflict: A job works on it; or what was corrected by hand would be lost.
            Unprocessable: Its sound is gone, or there is no such template.
            DiarizationUnavailable: Nothing here tells voices apart.
            QueueFull: Too many jobs wait.
        """
        stages: list[str] = [asked.stage] if asked.only else list(_AGAIN[_AGAIN.index(asked.stage) :])
        if asked.template_id is not None:
            await self._templates.check_known(caller, asked.template_id)
        if asked.stage == "speakers" and not self._speakers.can_diarize(caller):
            raise DiarizationUnavailable(NOBODY_DIARIZES, param="stage")
        async with self._db.begin() as tx:
            recording = await self._ended(tx, caller, recording_id)
            options = _options(recording.options, asked, stages)
            await self._check_again(tx, recording, asked, stages)
            stages = [*_missing(recording, stages), *stages]
            new = NewJob(PROCESS, {"recording_id": recording.id, "stages": stages})
            job = await self._jobs.submit(tx, caller, new)
            changes = {"job_id": job.id, "stage": "queued", "error": None, "options": options}
            await recordings.change(tx, recording, self._clock.now_s(), **changes)
        job, place = await self._jobs.look(caller, job.id)
        return ProcessRead(
            task_id=recording.id,
            status=STATUSES["queued"],
            position=None if place is None else place.position,
            expected_wait_s=None if place is None else place.expected_wait_s,
            job=read_job(job, self._clock.now_s(), place),
        )

    async def delete(self, caller: Caller, recording_id: str) -> RecordingDeleted:
        """Delete a recording with its texts, and its sound where that came with it; its job is stopped.

        Raises:
            NotFound: There is none.
        """
        async with self._db.read() as tx:
            recording = await recordings.get(tx, caller, recording_id)
        with suppress(NotFound):
            await self._jobs.cancel(caller, recording.job_id)
        await remove(self._db, self._files, self._index, self._clock, caller, recording)
        for job_id in {recording.id, recording.job_id}:
            await asyncio.to_thread(shutil.rmtree, self._job_folders / job_id, ignore_errors=True)
        return RecordingDeleted(id=recording.id)

    # Inside

    async def _settled(self, tx: Tx, caller: Caller, recording_id: str) -> Recording:
        recording = await recordings.get(tx, caller, recording_id)
        return settled(recording, (await recordings.jobs_of(tx, [recording])).get(recording.id))

    async def _ended(self, tx: Tx, caller: Caller, recording_id: str) -> Recording:
        """A recording, locked, on which no job works; raises Conflict."""
        recording = await recordings.get(tx, caller, recording_id, lock=True)
        job = (await recordings.jobs_of(tx, [recording])).get(recording.id)
        if settled(recording, job).stage not in ENDED:
            raise Conflict("A job works on this recording; wait for it, or cancel it.", param="recording_id")
        return recording

    async def _corrected(
        self, tx: Tx, caller: Caller, recording: Recording, summary: dict[str, Any]
    ) -> dict[str, Any]:
        """What changes with another summary."""
        made = recording.versions.get("summarise")
        if recording.summary is None or not made:
            raise Conflict("There is no summary to be corrected.", param="summary")
        if recording.summary == summary:
            return {}
        template = made["template"]
        wrong = await self._templates.misfits(tx, caller, template["id"], template["version"], summary)
        if wrong:
            raise Unprocessable(f"The summary does not fit its template: {wrong[0]}", param="summary")
        versions = {**recording.versions, "summarise": {**made, "corrected": True}}
        return {"summary": summary, "versions": versions}

    async def _check_again(self, tx: Tx, recording: Recording, asked: RerunAsk, stages: list[str]) -> None:
        by_hand = "summarise" in stages and recording.versions.get("summarise", {}).get("corrected")
        if by_hand and not asked.discard_corrections:
            raise Conflict(
                "The summary was corrected by hand, which would be lost: send discard_corrections to write it again "
                "all the same, or only to leave it.",
                param="discard_corrections",
            )
        hears = {"prepare", "transcribe"} & set(stages)
        if not hears and "transcribe" not in recording.metrics:
            raise Unprocessable("There is no transcript yet: run the stage transcribe.", param="stage")
        if not hears and "speakers" not in stages:
            return
        if recording.kind == "text":
            raise Unprocessable("A text has nothing to hear.", param="stage")
        if recording.file_id is None and recording.source_url is None:
            raise Unprocessable("Its sound was deleted; only its text is left.", param="stage")
        if asked.stage == "speakers" and recording.options.split_channels:
            raise Unprocessable("Its speakers have a channel each already.", param="stage")
        count = await segments.corrected(tx, recording.id) if hears else 0
        if count and not asked.discard_corrections:
            raise Conflict(
                f"{count} segments were corrected by hand, which would be lost: send discard_corrections to hear it "
                "again all the same.",
                param="discard_corrections",
            )


async def remove(
    db: Database,
    files: Files,
    index: RecordingIndex,
    clock: Clock,
    caller: Caller,
    recording: Recording,
) -> None:
    """Delete a recording for good: first its sound, so that nothing of it is left when its row is gone."""
    if recording.owns_file and recording.file_id is not None:
        with suppress(NotFound):
            await files.delete(caller, recording.file_id)
    async with db.begin() as tx:
        try:
            found = await recordings.get(tx, caller, recording.id, lock=True)
        except NotFound:
            # Somebody else did so meanwhile.
            return
        await index.gone(tx, found)
        await recordings.delete(tx, found.id)
        detail = {"kind": found.kind, "user_id": found.user_id}
        await audit.append(
            tx,
            caller,
            action="recording.delete",
            object_id=found.id,
            detail=detail,
            at_s=clock.now_s(),
            site_id=found.site_id,
        )


def _options(old: Options, asked: RerunAsk, stages: list[str]) -> Options:
    """The options with what is asked otherwise, checked like those of a form."""
    values = {
        name: [value]
        for name in ("template_id", "model", "asr_backend", "language", "summary_language")
        if (value := getattr(asked, name)) is not None
    }
    if asked.stage == "speakers":
        numbers = {name: getattr(asked, name) for name in ("num_speakers", "min_speakers", "max_speakers")}
        values |= {name: [str(value)] for name, value in numbers.items() if value is not None}
        values["diarize"] = ["true"]
    read = read_options({**values, "features": list(old.features)}, old.template_id or "meeting_notes")
    changes = {name: getattr(read, name) for name in values}
    wanted = set(old.features)
    if "summarise" in stages and (asked.stage == "summarise" or asked.template_id is not None):
        wanted.add("summary")
    if asked.stage == "clean":
        wanted.add("clean_transcript")
    changes["features"] = tuple(name for name in FEATURES if name in wanted)
    return msgspec.structs.replace(old, **changes)


async def _renamed(tx: Tx, recording: Recording, names: dict[str, str]) -> dict[str, Any]:
    """Write new names of speakers into segments; and the paragraphs with them."""
    await segments.rename_speakers(tx, recording.id, names)
    paragraphs = (await recordings.texts(tx, recording.id)).paragraphs
    if paragraphs is None:
        return {}
    renamed = [
        msgspec.structs.replace(one, speaker=names.get(one.speaker, one.speaker)) if one.speaker else one
        for one in paragraphs
    ]
    return {"paragraphs": renamed}


def _missing(recording: Recording, stages: list[str]) -> list[str]:
    """Stages before those that were never done."""
    if "transcribe" not in stages and "prepare" not in stages:
        return []
    fetch = ["fetch"] if recording.file_id is None else []
    return fetch + ([] if "prepare" in recording.metrics or "prepare" in stages else ["prepare"])


def _check_version(wanted: int | None, current: int) -> None:
    if wanted is not None and wanted != current:
        raise Conflict(f"It was changed meanwhile: its version is {current} now.", param="version")
