"""What ingestion needs of others, besides the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from roundhouse.core.ports import Clock, Files
from roundhouse.core.settings_knowledge import KnowledgeSettings
from roundhouse.core.types import Caller
from roundhouse.features.knowledge.stores.model import Store
from roundhouse.features.knowledge.stores.ports import VectorHomes
from roundhouse.infra.db import Database, Tx

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Embedder(Protocol):
    """Embeds texts and pictures; the embedding desk does."""

    async def embed(
        self,
        caller: Caller,
        model: str,
        inputs: Sequence[Any],
        role: Any,
        *,
        fingerprint: str | None = None,
    ) -> NDArray[np.float32]:
        """Float32 [inputs, dimensions], of length 1; raises EmbeddingChanged and the engine's errors."""
        ...


class PassageIndex(Protocol):
    """What the full text index is told."""

    async def published(self, tx: Tx, site_id: str, store_id: str, documents: Sequence[int]) -> None:
        """Documents became visible in this transaction."""
        ...

    async def gone(self, tx: Tx, site_id: str, store_id: str, documents: Sequence[int]) -> None:
        """Documents are no longer visible."""
        ...

    async def dropped(self, tx: Tx, site_id: str, store_id: str) -> None:
        """A whole store is no longer there."""
        ...

    async def catch_up(self, site_id: str) -> None:
        """Index what was told."""
        ...


class Downloads(Protocol):
    """Fetches what users' addresses point to; `infra.egress.guard.GuardedFetcher` does."""

    async def check(self, url: str) -> None:
        """Raise AddressRefused unless the URL is http(s) and all its addresses are public."""
        ...

    def download(self, url: str, *, limit_bytes: int, limit_s: float) -> AsyncIterator[bytes]:
        """The body in pieces; raises AddressRefused, BadInput, TooLarge."""
        ...


class Reader(Protocol):
    """Reads a document in this process; `parsing.child.parsed` does, for texts that need no child."""

    def __call__(self, order: Any) -> Any:
        """What `features.knowledge.parsing.child:parse` gives, blocking."""
        ...


Grown = Callable[[Tx, Store], Awaitable[None]]
"""Is told, in a transaction of its own, that a store has another document."""


class Desk(msgspec.Struct, frozen=True):
    """All that the steps work with.

    Attributes:
        db: The database.
        files: Where files are kept.
        downloads: Fetches them.
        embedder: Embeds.
        homes: Where vectors are kept.
        index: The full text index.
        read_text: Reads a text in this process.
        grown: Is told that a store grew; None = nobody wants to know.
        settings: Limits.
        clock: Time.
    """

    db: Database
    files: Files
    downloads: Downloads
    embedder: Embedder
    homes: VectorHomes
    index: PassageIndex
    read_text: Reader
    grown: Grown | None
    settings: KnowledgeSettings
    clock: Clock
