"""What indexing and searching need of others, besides the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from roundhouse.core.jobs import StepContext
from roundhouse.core.types import Caller
from roundhouse.features.knowledge.documents import Chunk
from roundhouse.features.knowledge.embedding.model import EmbeddingModel, Image, Input, Role
from roundhouse.features.knowledge.stores.model import Passage, Store

if TYPE_CHECKING:
    from roundhouse.features.knowledge.embedding.model import Vectors


class Embedder(Protocol):
    """Embeds texts and pictures; `embedding.EmbeddingDesk` does."""

    async def describe(self, caller: Caller, model: str = "") -> EmbeddingModel:
        """What is known of a model; raises ModelNotFound, NotAllowed and the rest of the engine's errors."""
        ...

    async def embed(
        self,
        caller: Caller,
        model: str,
        inputs: Sequence[Input],
        role: Role,
        *,
        fingerprint: str | None = None,
    ) -> Vectors:
        """Float32 [inputs, dimensions], of length 1; raises EmbeddingChanged and the engine's errors."""
        ...


class Preparing(Protocol):
    """What is embedded of passages; the same for every index version, and for who measures it."""

    def chunks(self, passage: Passage) -> Sequence[tuple[Chunk, str]]:
        """The chunks of a passage of text, each with what a model is given of it."""
        ...


class Pictures(Protocol):
    """Gets pictures of passages again; `picturing.DocumentPictures` does."""

    async def of(self, store: Store, passages: Sequence[Passage], context: StepContext) -> dict[int, Image]:
        """Pictures by the numbers of their passages; what cannot be shown any more is left out."""
        ...
