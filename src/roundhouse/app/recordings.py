"""Recordings, for whoever has the shared parts; and what of them goes into vector stores."""

from __future__ import annotations

import msgspec

from roundhouse.core.errors import NotFound
from roundhouse.core.ports import Clock
from roundhouse.core.settings import Settings
from roundhouse.core.types import Caller
from roundhouse.engine.engine import Engine
from roundhouse.features.audio.indexing import SearchIndex
from roundhouse.features.audio.service import RecordingService, TemplateService
from roundhouse.features.knowledge.files.service import FileService
from roundhouse.features.knowledge.stores.store import stores
from roundhouse.infra.db import Database
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.search.indexer import Indexer


def recording_service(
    settings: Settings,
    db: Database,
    files: FileService,
    jobs: JobQueue,
    indexer: Indexer,
    engine: Engine,
    clock: Clock,
) -> RecordingService:
    """The verbs of recordings over the parts of a process."""
    folders = settings.data_dir / "jobs"
    templates = TemplateService(db, clock)
    return RecordingService(db, files, jobs, templates, SearchIndex(), indexer, engine, folders, clock)


class OwnStores:
    """Vector stores, for the room that has transcripts to put into them.

    Args:
        db: The database.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    async def has(self, caller: Caller, store_id: str) -> bool:
        """See `features.audio.ports.VectorStores.has`."""
        async with self._db.read() as tx:
            try:
                await stores.get(tx, caller, store_id)
            except NotFound:
                return False
        return True


class TranscriptText(msgspec.Struct, frozen=True):
    """A recording's transcript as a text; see `features.knowledge.stores.ports.Transcript`."""

    filename: str
    text: str


class RecordingTranscripts:
    """Transcripts for vector stores: who said what, and when, as Markdown.

    Args:
        recordings: Has them.
    """

    def __init__(self, recordings: RecordingService) -> None:
        self._recordings = recordings

    async def transcript(self, caller: Caller, recording_id: str) -> TranscriptText:
        """See `features.knowledge.stores.ports.Transcripts.transcript`."""
        made = await self._recordings.export(caller, recording_id, "md")
        return TranscriptText(made.filename, made.body.decode())
