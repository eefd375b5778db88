"""Routes of recordings and templates."""

from __future__ import annotations

from fastapi import APIRouter

from roundhouse.features.audio.routes.processing import PROCESS_PATH, processing_routes
from roundhouse.features.audio.routes.recordings import recording_routes, whole_routes
from roundhouse.features.audio.routes.templates import template_routes
from roundhouse.features.audio.service import ProcessService, RecordingService, TemplateService
from roundhouse.infra.rooms import gathered

__all__ = ["PROCESS_PATH", "router"]


def router(
    processing: ProcessService,
    recordings: RecordingService,
    templates: TemplateService,
    body_timeout_s: float,
) -> APIRouter:
    """The room's routes.

    Args:
        processing: Takes recordings in.
        recordings: Those that are there.
        templates: Forms of summaries.
        body_timeout_s: Longest pause in an upload.
    """
    return gathered(
        processing_routes(processing, recordings, body_timeout_s),
        whole_routes(recordings),
        recording_routes(recordings),
        template_routes(templates),
    )
