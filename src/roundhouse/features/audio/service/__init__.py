"""The verbs of recordings."""

from __future__ import annotations

from roundhouse.features.audio.service.accepting import Accepting
from roundhouse.features.audio.service.processing import ProcessService, Sent
from roundhouse.features.audio.service.recordings import RecordingService
from roundhouse.features.audio.service.retention import Retention
from roundhouse.features.audio.service.sound_use import SoundUse
from roundhouse.features.audio.service.templates import TemplateService

__all__ = [
    "Accepting",
    "ProcessService",
    "RecordingService",
    "Retention",
    "Sent",
    "SoundUse",
    "TemplateService",
]
