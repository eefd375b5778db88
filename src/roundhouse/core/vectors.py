"""Vector stores as a seam: what one is given, what it finds. Vectors have length 1, so a dot product is a cosine.

A vector belongs to a chunk, a chunk to a passage, a passage to a document. Who searches gets passages: the best chunk
speaks for its passage. Which rows are to be seen is the database's affair, so a search is told what is hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from roundhouse.core.ports import Clock, Transaction
from roundhouse.core.settings_knowledge import KnowledgeSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

MAX_CHUNKS = 1000
"""Most chunks of one passage: a vector's `place` is below."""


class VectorIndex(msgspec.Struct, frozen=True):
    """Vectors of one model over the passages of one collection; the unit that is searched, made and dropped.

    Attributes:
        number: Its own, never used again.
        dimensions: Numbers in each vector.
    """

    number: int
    dimensions: int


class VectorRow(NamedTuple):
    """The vector of a chunk.

    Attributes:
        passage: Number of its passage; a passage never changes its document.
        place: Which chunk of it, from 0, below `MAX_CHUNKS`.
        document: Number of the document the passage is of.
        vector: float32 [dimensions], of length 1.
    """

    passage: int
    place: int
    document: int
    vector: Vector


class VectorQuery(msgspec.Struct, frozen=True):
    """What is looked for besides the vector.

    Attributes:
        limit: Most passages.
        only: Passages of these documents alone; None = of all. What is not among them is never counted first and left
            out later.
        hidden: Never passages of these documents.
        exact: Whether every vector must be looked at, however many there are.
    """

    limit: int
    only: frozenset[int] | None = None
    hidden: frozenset[int] = frozenset()
    exact: bool = False


class Match(NamedTuple):
    """A passage that was found, and the cosine of its nearest chunk, -1 to 1."""

    passage: int
    similarity: float


class VectorContext(NamedTuple):
    """What a vector store is opened with.

    Attributes:
        settings: The section `knowledge`.
        url: Of the database, with its password, as SQLAlchemy writes it.
        read: Opens a transaction of its own that only reads; not on the connections that callers hold while they wait.
        begin: The same for one that writes.
        clock: Time.
    """

    settings: KnowledgeSettings
    url: str
    read: Callable[[], AbstractAsyncContextManager[Transaction]]
    begin: Callable[[], AbstractAsyncContextManager[Transaction]]
    clock: Clock


class VectorStore(Protocol):
    """Keeps and searches vectors. One that lives in the database writes in the caller's transaction.

    One that lives elsewhere keeps in that transaction what is to be done, and does it in `settle`: what was committed
    is found there soon, what was not never is.

    What a transaction writes is found by searches once it is committed. Who writes to several indexes in one
    transaction takes them in the order of their numbers: writers of one index wait for each other.

    Every method raises VectorsUnavailable when what it needs does not answer.
    """

    async def create(self, tx: Transaction, index: VectorIndex) -> None:
        """Make room for an index; again is no error. Raises MissingExtra when the database or library lacks a part."""
        ...

    async def drop(self, tx: Transaction, index: VectorIndex) -> None:
        """Forget an index with all its vectors; an unknown one is no error."""
        ...

    async def upsert(self, tx: Transaction, index: VectorIndex, rows: Sequence[VectorRow]) -> None:
        """Write vectors; one of the same passage and place is replaced.

        Raises:
            NotFound: There is no such index, or no more.
            BadInput: A vector has another number of dimensions.
        """
        ...

    async def delete(self, tx: Transaction, index: VectorIndex, documents: Sequence[int]) -> None:
        """Forget all vectors of some documents; unknown ones are no error."""
        ...

    async def settle(self) -> None:
        """Bring what was committed to where it is searched; nothing to do where that is the database."""
        ...

    async def search(
        self, tx: Transaction, index: VectorIndex, vector: Vector, query: VectorQuery
    ) -> list[Match]:
        """The nearest passages, the best first, each once; equal ones by their number. None of an unknown index.

        Args:
            tx: A transaction that only reads.
            index: Where.
            vector: float32 [dimensions], of length 1.
            query: What else.
        """
        ...

    async def count(self, tx: Transaction, index: VectorIndex) -> int:
        """How many vectors there are, the hidden ones too; 0 of an unknown index."""
        ...

    async def read(
        self, tx: Transaction, index: VectorIndex, after: tuple[int, int] | None, limit: int
    ) -> list[VectorRow]:
        """Vectors in the order of passage and place, behind one of them; to move them elsewhere."""
        ...

    async def close(self) -> None:
        """Release what it holds."""
        ...


def key_of(passage: int, place: int) -> int:
    """Both numbers of a chunk in one; in the order of passage, then place."""
    return passage * MAX_CHUNKS + place
