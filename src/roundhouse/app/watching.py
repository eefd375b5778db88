"""The watched folders of a process that runs jobs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from roundhouse.app.parts import Parts, Unheard
from roundhouse.core.ids import new_id
from roundhouse.core.settings import Settings
from roundhouse.features.audio.service import Accepting, TemplateService
from roundhouse.features.audio.watching import FolderWatch, Settling, Taking
from roundhouse.infra.egress.resolving import system_lookup
from roundhouse.infra.probe import MachineProbe


def folder_watch(parts: Parts, holder: str) -> FolderWatch:
    """Looks at the folders of the settings.

    Args:
        parts: The shared parts of the process.
        holder: An id that no other process has.

    Raises:
        BadInput: A folder cannot be watched as the settings say.
    """
    db, clock, settings = parts.db, parts.clock, parts.settings.audio
    templates = TemplateService(db, clock)
    accepting = Accepting(db, parts.files, parts.jobs, templates, parts.engine, clock)
    taking = Taking(db, parts.files, accepting, settings, clock)
    watched = parts.settings.watched_folders
    return FolderWatch(db, taking, Settling(db, clock), templates, settings, watched, clock, holder)


@asynccontextmanager
async def watch_alone(settings: Settings) -> AsyncGenerator[FolderWatch]:
    """The watched folders for a while, of a process that does nothing else; raises as `folder_watch` does."""
    parts = Parts(settings, MachineProbe(), system_lookup, Unheard())
    try:
        watch = folder_watch(parts, new_id("cli"))
        try:
            yield watch
        finally:
            await watch.close()
    finally:
        await parts.close()
