"""What models of sentence-transformers there are on this machine, and their coming and going."""

from __future__ import annotations

from roundhouse.backends.control.model_folders import FolderControl
from roundhouse.backends.embedding.sentence_transformers_models import SentenceTransformerModels
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Provider


class SentenceTransformersControl(FolderControl):
    """`core.ports.ModelControl` for the kind `sentence_transformers`."""

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        super().__init__(SentenceTransformerModels(provider, context), provider, context)
