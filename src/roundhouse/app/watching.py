"""The watched folders of a process that runs jobs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from roundhouse.app.parts import Parts, Unheard
from roundhouse.app.recordings import OwnStores
from roundhouse.core.ids import new_id
from roundhouse.core.settings import Settings
from roundhouse.features.audio.service import Accepting, TemplateService
from roundhouse.features.audio.watching import RecordingInbox
from roundhouse.features.knowledge.stores.service import Adding
from roundhouse.features.knowledge.watching.inbox import DocumentInbox
from roundhouse.features.knowledge.watching.replacing import Replacing
from roundhouse.infra.egress.resolving import system_lookup
from roundhouse.infra.probe import MachineProbe
from roundhouse.infra.watching.inbox import Inbox
from roundhouse.infra.watching.settling import Settling
from roundhouse.infra.watching.taking import Taking
from roundhouse.infra.watching.watch import FolderWatch, check_apart


def folder_watches(parts: Parts, holder: str) -> list[FolderWatch]:
    """Look at the folders of the settings: one for recordings, one for documents.

    Args:
        parts: The shared parts of the process.
        holder: An id that no other process has.

    Raises:
        BadInput: A folder cannot be watched as the settings say.
    """
    settings = parts.settings
    recordings, documents = _recording_inboxes(parts), _document_inboxes(parts)
    check_apart([*recordings, *documents])

    def watch(inboxes: Sequence[Inbox], pause_s: float) -> FolderWatch:
        taking = Taking(parts.db, parts.files, parts.clock)
        settling = Settling(parts.db, parts.clock)
        return FolderWatch(parts.db, taking, settling, inboxes, pause_s, parts.clock, holder)

    return [
        watch(recordings, settings.audio.watch_every_s),
        watch(documents, settings.knowledge.watch_every_s),
    ]


def _recording_inboxes(parts: Parts) -> list[Inbox]:
    db, clock = parts.db, parts.clock
    templates = TemplateService(db, clock)
    accepting = Accepting(db, parts.files, parts.jobs, templates, parts.engine, clock, OwnStores(db))
    settings = parts.settings
    return [RecordingInbox(db, accepting, templates, settings.audio, one) for one in settings.watched_folders]


def _document_inboxes(parts: Parts) -> list[Inbox]:
    mine, settings = parts.knowledge, parts.settings
    in_stores = mine.files(parts.jobs, None)
    return [
        DocumentInbox(
            parts.db,
            parts.files,
            in_stores,
            mine.stores(parts.jobs, in_stores),
            Adding(parts.jobs, settings.knowledge, parts.clock),
            Replacing(mine.index, parts.clock),
            parts.jobs,
            one,
            settings.files.max_bytes,
            parts.clock,
        )
        for one in settings.watched_documents
    ]


@asynccontextmanager
async def watch_alone(settings: Settings) -> AsyncGenerator[list[FolderWatch]]:
    """The watched folders for a while, of a process that does nothing else; raises as `folder_watches` does."""
    parts = Parts(settings, MachineProbe(), system_lookup, Unheard())
    try:
        watches = folder_watches(parts, new_id("cli"))
        try:
            yield watches
        finally:
            for watch in watches:
                await watch.close()
    finally:
        await parts.close()
