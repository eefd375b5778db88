"""The models inside this package: `extractive`, always there, and `minilm`, loaded at its first text."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import msgspec

from roundhouse.backends.chat import extractive
from roundhouse.backends.embedding import minilm
from roundhouse.core.errors import ModelNotFound, NotSupported
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import ModelInfo, Provider, PullProgress, RunningModel


class BuiltinControl:
    """`core.ports.ModelControl` of the built-in models.

    Their memory is small and not managed by the ledger; `load` warms `minilm` up, `unload` gives its memory back.
    """

    manages_memory = False
    can_pull = False

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._minilm = minilm.shared_model()

    async def models(self) -> list[ModelInfo]:
        """Both models; the embedding model reranks, too."""
        reranking = msgspec.structs.replace(minilm.model_info(), operations=("embeddings", "rerank"))
        return [extractive.model_info(), reranking]

    async def running(self) -> list[RunningModel]:
        """`extractive`, which needs no memory to speak of, and `minilm` once it is loaded."""
        found = [RunningModel(extractive.MODEL)]
        if self._minilm.loaded:
            found.append(RunningModel(minilm.MODEL, ram_mib=minilm.FOOTPRINT_MIB))
        return found

    async def load(self, model: str, *, keep_alive_s: float | None = None) -> None:
        """Bring `minilm` into memory (about 0.2 s, until it is unloaded); `extractive` is there already.

        Raises:
            ModelNotFound: Not one of the two.
            MissingExtra: A library or a file of the model is not there.
        """
        if self._is_minilm(model):
            await self._minilm.load()

    async def unload(self, model: str) -> None:
        """Free the memory of `minilm`; its next text loads it again.

        Raises:
            ModelNotFound: Not one of the two.
            NotSupported: `extractive` has no memory to free.
        """
        if not self._is_minilm(model):
            raise NotSupported("The built-in chat model holds no memory that could be freed.", param="model")
        await self._minilm.unload()

    async def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """Nothing has to be downloaded: one step that says so.

        Raises:
            ModelNotFound: Not one of the two.
        """
        self._is_minilm(model)
        yield PullProgress("success")

    async def close(self) -> None:
        """Nothing is held here; the embedding backend frees its model itself."""

    def _is_minilm(self, model: str) -> bool:
        name = model.lower()
        if name not in (extractive.MODEL, minilm.MODEL):
            raise ModelNotFound(
                f"The built-in models are {extractive.MODEL!r} and {minilm.MODEL!r}, not {model!r}.",
                param="model",
            )
        return name == minilm.MODEL
