"""What Whisper models there are on this machine, and their coming and going."""

from __future__ import annotations

from roundhouse.backends.asr.whisper_models import WhisperModels
from roundhouse.backends.control.model_folders import FolderControl
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Provider


class WhisperControl(FolderControl):
    """`core.ports.ModelControl` for the kind `whisper`."""

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        super().__init__(WhisperModels(provider, context), provider, context)
