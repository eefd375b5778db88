"""What ChunkFormer models there are on this machine, and their coming and going."""

from __future__ import annotations

from roundhouse.backends.asr.chunkformer_models import ChunkFormerModels
from roundhouse.backends.control.model_folders import FolderControl
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Provider


class ChunkFormerControl(FolderControl):
    """`core.ports.ModelControl` for the kind `chunkformer`; a pull builds the environment as well."""

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        super().__init__(ChunkFormerModels(provider, context), provider, context)
