"""What vector stores need of others, besides the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from roundhouse.core.types import Caller
from roundhouse.core.vectors import VectorStore
from roundhouse.infra.db import Tx


class DescribedModel(Protocol):
    """What is known of an embedding model."""

    @property
    def name(self) -> str:
        """`provider/model`."""
        ...

    @property
    def dimensions(self) -> int:
        """Numbers in each vector."""
        ...

    @property
    def takes_images(self) -> bool:
        """Whether pictures have vectors in the same space as texts."""
        ...

    @property
    def fingerprint(self) -> str:
        """Tells another model of that name."""
        ...


class EmbeddingModels(Protocol):
    """Knows embedding models; the embedding desk does."""

    async def describe(self, caller: Caller, model: str = "") -> DescribedModel:
        """What is known of a model; raises ModelNotFound, NotAllowed, and what asking it raises."""
        ...


class VectorHomes(Protocol):
    """The kinds of vector stores that there are."""

    async def kind(self) -> str:
        """The kind that new vector stores get."""
        ...

    def get(self, kind: str) -> VectorStore:
        """Vectors of a kind; raises BadInput, MissingExtra where it is not set up here."""
        ...


class Addresses(Protocol):
    """Judges addresses that users give; `infra.egress.guard.GuardedFetcher` does."""

    async def check(self, url: str) -> None:
        """Raise AddressRefused unless the URL is http(s) and all its addresses are public."""
        ...


class PassageIndex(Protocol):
    """What the full text index is told of documents that go."""

    async def gone(self, tx: Tx, site_id: str, store_id: str, documents: Sequence[int]) -> None:
        """Documents are no longer visible."""
        ...


class Transcript(Protocol):
    """A recording's transcript as a text."""

    @property
    def filename(self) -> str:
        """For the file that is made of it."""
        ...

    @property
    def text(self) -> str:
        """Who said what, and when."""
        ...


class Transcripts(Protocol):
    """Knows what was said in recordings; `app` asks the room that does."""

    async def transcript(self, caller: Caller, recording_id: str) -> Transcript:
        """Raises NotFound, and Conflict as long as there is none."""
        ...
