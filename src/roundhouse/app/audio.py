"""The audio room: what the API process and an executor have of it, and the room of an API process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from roundhouse.app.recordings import OwnStores, RecordingTranscripts, recording_service
from roundhouse.core.ports import Gatekeeper
from roundhouse.features.audio import routes as audio_routes
from roundhouse.features.audio.service import Accepting, ProcessService, TemplateService

if TYPE_CHECKING:
    from roundhouse.app.parts import Parts


class AudioRoom:
    """Recordings and templates, as an API process serves them.

    Args:
        parts: The shared parts of the process.
        gatekeeper: Whether a caller may ask models now.

    Attributes:
        processing: Takes recordings in.
    """

    def __init__(self, parts: Parts, gatekeeper: Gatekeeper) -> None:
        settings, db, clock = parts.settings, parts.db, parts.clock
        self._body_timeout_s = settings.server.body_timeout_s
        self._templates = TemplateService(db, clock)
        self.processing = ProcessService(
            db,
            parts.files,
            parts.jobs,
            parts.media,
            Accepting(db, parts.files, parts.jobs, self._templates, parts.engine, clock, OwnStores(db)),
            gatekeeper,
            settings.audio,
            clock,
        )
        self._recordings = recording_service(
            settings, db, parts.files, parts.jobs, parts.indexer, parts.engine, clock
        )

    @property
    def transcripts(self) -> RecordingTranscripts:
        """What was said, for vector stores."""
        return RecordingTranscripts(self._recordings)

    @property
    def large_bodies(self) -> dict[str, int]:
        """Paths that take more than a request's usual size, and how much."""
        return {audio_routes.PROCESS_PATH: self.processing.largest_body_bytes}

    def router(self) -> APIRouter:
        """All routes of the room."""
        return audio_routes.router(self.processing, self._recordings, self._templates, self._body_timeout_s)
