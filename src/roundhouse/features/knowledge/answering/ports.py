"""What answers need of the rest of the house; `app` and tests hand it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from roundhouse.core.types import Caller


class Passage(msgspec.Struct, frozen=True):
    """A passage that was found.

    Attributes:
        number: Its own, in the database.
        store_id: `vs_…`.
        file_id: `file_…`.
        filename: As the file is called in the store.
        page: Where it begins, from 1; None = there are no pages.
        headings: The headings it stands under, the outermost first.
        start: Where it begins in its document, in characters.
        end: Behind its last character there.
        text: Its words.
        kind: `text`, `table`, `code` or `image`.
        language: ISO 639-1; "" = not known.
        score: By which it was ordered, 0 to 1.
        similarity: Cosine of its nearest chunk to the question, -1 to 1; None = it has no vector.
        lexical: By its words, 0 to 1; None = the words did not find it.
        alpha: How much vectors counted beside words, 0 to 0.5: what the embedding model knows of the language.
    """

    number: int
    store_id: str
    file_id: str
    filename: str
    page: int | None
    headings: tuple[str, ...]
    start: int
    end: int
    text: str
    kind: str
    language: str
    score: float
    similarity: float | None = None
    lexical: float | None = None
    alpha: float = 0.0


class Wanted(msgspec.Struct, frozen=True):
    """What is looked for.

    Attributes:
        query: The question, whole in itself.
        limit: Most passages.
        file_ids: Only of these files; None = of all.
        filters: On the attributes of files, as in OpenAI's vector stores; None = none.
        min_similarity: Least cosine of a passage's nearest chunk, 0 to 1; None = any.
    """

    query: str
    limit: int
    file_ids: tuple[str, ...] | None = None
    filters: Mapping[str, Any] | None = None
    min_similarity: float | None = None


class Found(msgspec.Struct, frozen=True):
    """What was found.

    Attributes:
        passages: The best first.
        warnings: Codes of what did not go as it should, e.g. `vectors_unavailable`.
    """

    passages: Sequence[Passage]
    warnings: tuple[str, ...] = ()


class Searching(Protocol):
    """Finds passages."""

    async def search(self, caller: Caller, store_ids: Sequence[str], wanted: Wanted) -> Found:
        """The passages that fit best, of all the stores together.

        Raises:
            NotFound: A store is not there, or not the caller's.
            RoundhouseError: The embedding model or the vector store fails.
        """
        ...

    async def visible(self, caller: Caller, store_ids: Sequence[str]) -> Sequence[str]:
        """Those of the stores that are there for the caller."""
        ...
