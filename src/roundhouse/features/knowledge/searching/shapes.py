"""What is asked of a search, and what it finds."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Mode = Literal["hybrid", "dense", "lexical"]
Kind = Literal["text", "image"]

MAX_LIMIT = 50
MAX_QUERIES = 8
MAX_STORES = 20


class SearchAsk(msgspec.Struct, frozen=True):
    """What is looked for.

    Attributes:
        queries: Texts; a passage counts by the one that it fits best.
        image: A picture instead: a data URL, or the id of a file.
        limit: Most passages, 1 to 50.
        mode: By vectors and words, or by one of them alone.
        file_ids: Only in these files; None = in all.
        filters: On attributes of files, in OpenAI's form; None = none.
        kinds: Only such passages; tables and code are `text`.
        min_similarity: Only passages whose nearest chunk has at least this cosine to a query, 0 to 1. Also of those
            that only words found: theirs is measured then; a picture that only words found is left out.
        score_threshold: Only passages with at least this score, 0 to 1.
        rerank: `none`, `auto` = the model of the settings, if one is set, or a model's name.
        diversity: 1 = by score alone, 0 = only difference counts; None = by score alone.
        explain: Whether every score is told.
    """

    queries: tuple[str, ...] = ()
    image: str | None = None
    limit: int = 10
    mode: Mode = "hybrid"
    file_ids: tuple[str, ...] | None = None
    filters: dict[str, Any] | None = None
    kinds: tuple[Kind, ...] = ("text", "image")
    min_similarity: float = 0.0
    score_threshold: float = 0.0
    rerank: str = "auto"
    diversity: float | None = None
    explain: bool = False


class Scores(msgspec.Struct, frozen=True):
    """How a passage came to its place; None = it was not in that list.

    Attributes:
        query: Place of the query that it fits best.
        similarity: Cosine of its nearest chunk, -1 to 1.
        dense: The same, scaled over the list, 0 to 1.
        dense_rank: Place in the list of vectors.
        bm25: Score of its words.
        lexical: The same, scaled over the list, 0 to 1.
        lexical_rank: Place in the list of words.
        alpha: What vectors counted.
        fused: Both together, 0 to 1.
        fused_rank: Place by that.
        rerank: What the reranker said.
        chunk_start: Where the nearest chunk begins in the passage's text; None = not looked for, or a picture.
        chunk_end: Behind its last character.
    """

    query: int
    similarity: float | None
    dense: float | None
    dense_rank: int | None
    bm25: float | None
    lexical: float | None
    lexical_rank: int | None
    alpha: float
    fused: float
    fused_rank: int
    rerank: float | None = None
    chunk_start: int | None = None
    chunk_end: int | None = None


class FoundPassage(msgspec.Struct, frozen=True):
    """A passage that was found.

    Attributes:
        id: `psg_…`.
        number: Of the passage.
        store_id: Its vector store.
        document: Number of its document.
        file_id: The file it was read from.
        filename: The file's name.
        attributes: Of the file.
        kind: What it is.
        text: As it stands in the document.
        start: Where there, in characters.
        end: Behind its last character.
        page: From 1; None = there are no pages.
        headings: It stands under.
        language: ISO 639-1; "" = not known.
        score: What it was ordered by, 0 to 1.
        image: Of a picture, its name among those of the document; None = the page itself, or no picture.
        scores: With `explain`.
    """

    id: str
    number: int
    store_id: str
    document: int
    file_id: str
    filename: str
    attributes: dict[str, str | float | bool]
    kind: Literal["text", "table", "code", "image"]
    text: str
    start: int
    end: int
    page: int | None
    headings: tuple[str, ...]
    language: str
    score: float
    image: str | None = None
    scores: Scores | None = None


class Found(msgspec.Struct, frozen=True):
    """What a search found.

    Attributes:
        passages: The best first.
        queries: What was looked for.
        warnings: Codes of what did not go as asked: `vectors_unavailable` = only words were searched,
            `rerank_failed` = the order is that before it, `indexing` = some new files are found by their vectors only
            for a moment, `query_not_rewritten` = no language model put them otherwise.
        timings_ms: Of each stage, with `explain`.
    """

    passages: tuple[FoundPassage, ...]
    queries: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    timings_ms: dict[str, float] = {}
