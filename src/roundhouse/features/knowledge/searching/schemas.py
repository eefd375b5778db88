"""Wire shapes of searching: OpenAI's, with members of ours."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from roundhouse.features.knowledge.searching.shapes import (
    MAX_LIMIT,
    MAX_QUERIES,
    Found,
    FoundPassage,
    Mode,
    SearchAsk,
)

Text = Annotated[str, StringConstraints(min_length=1, max_length=8_000, pattern=r"^[^\x00]*$")]
FileId = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_-]+$")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
MAX_IMAGE_CHARS = 12 * 1024 * 1024


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RankingOptions(_Input):
    """How what was found is ordered."""

    ranker: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(
        "auto",
        description="`none`; `auto`: the reranker of the settings, if there is one; or the name of a model. OpenAI's "
        "own rankers are `auto`.",
    )
    score_threshold: Share = 0.0


class SearchBody(_Input):
    """What is looked for."""

    query: Text | Annotated[list[Text], Field(min_length=1, max_length=MAX_QUERIES)] | None = Field(
        None, description="A text, or several: a passage counts by the one that it fits best."
    )
    image: Annotated[str, StringConstraints(min_length=1, max_length=MAX_IMAGE_CHARS)] | None = Field(
        None, description="A picture instead: a data URL, or the id of a file."
    )
    max_num_results: int = Field(10, ge=1, le=MAX_LIMIT)
    filters: dict[str, Any] | None = Field(
        None,
        description="On attributes of files: `{type, key, value}` with eq, ne, gt, gte, lt, lte, in, nin, and "
        "`{type, filters}` with and, or.",
    )
    ranking_options: RankingOptions = RankingOptions()
    rewrite_query: bool = Field(
        False,
        description="A language model puts each query as one looks for it; `search_query` of the answer says how. "
        "Without one they stay as they are, and `warnings` says `query_not_rewritten`. Needs the scope `inference`.",
    )
    file_ids: Annotated[list[FileId], Field(max_length=10_000)] | None = Field(
        None, description="Only in these files."
    )
    min_similarity: Share = Field(
        0.0,
        description="Only passages with a chunk of at least this cosine to the query; also of those that only words "
        "found.",
    )
    mode: Mode = "hybrid"
    kinds: Annotated[list[Literal["text", "image"]], Field(min_length=1, max_length=2)] = ["text", "image"]
    diversity: Share | None = Field(
        None, description="1 = by score alone, 0 = only difference counts; 0.7 is a good beginning."
    )
    explain: bool = Field(False, description="Show every score, and how long each stage took.")

    def asked(self) -> SearchAsk:
        """The same for the service."""
        queries = [self.query] if isinstance(self.query, str) else self.query or []
        ranker = self.ranking_options.ranker
        return SearchAsk(
            queries=tuple(queries),
            image=self.image,
            limit=self.max_num_results,
            mode=self.mode,
            file_ids=None if self.file_ids is None else tuple(self.file_ids),
            filters=self.filters,
            kinds=tuple(self.kinds),
            min_similarity=self.min_similarity,
            score_threshold=self.ranking_options.score_threshold,
            rerank="auto" if ranker.startswith(("default-", "default_")) else ranker,
            diversity=self.diversity,
            explain=self.explain,
        )


class Content(BaseModel):
    """A part of what was found."""

    type: Literal["text"] = "text"
    text: str


class ResultRead(BaseModel):
    """A passage."""

    file_id: str
    filename: str
    score: float
    attributes: dict[str, str | float | bool]
    content: list[Content]
    passage_id: str
    vector_store_id: str
    kind: Literal["text", "table", "code", "image"]
    page: int | None = Field(description="From 1; null = there are no pages.")
    headings: list[str] = Field(description="It stands under, the outermost first.")
    start: int = Field(description="Where it begins in the document's whole text, in characters.")
    end: int
    language: str = Field(description="ISO 639-1; empty = not known.")
    scores: dict[str, Any] | None = Field(None, description="With `explain`.")


class ResultPage(BaseModel):
    """What was found, the best first."""

    object: Literal["vector_store.search_results.page"] = "vector_store.search_results.page"
    search_query: list[str]
    data: list[ResultRead]
    has_more: Literal[False] = False
    next_page: None = None
    warnings: list[str] = Field(
        description="`vectors_unavailable`: only words were searched; `rerank_failed`: the order is that before; "
        "`indexing`: some new files are found by their vectors only, for a moment; `query_not_rewritten`: no language "
        "model put the query otherwise."
    )
    timings_ms: dict[str, float] | None = Field(None, description="With `explain`.")


def read_found(found: Found) -> ResultPage:
    """What was found as the API shows it."""
    return ResultPage(
        search_query=list(found.queries),
        data=[_result(one) for one in found.passages],
        warnings=list(found.warnings),
        timings_ms=found.timings_ms or None,
    )


def _result(one: FoundPassage) -> ResultRead:
    scores = None
    if one.scores is not None:
        scores = {name: getattr(one.scores, name) for name in one.scores.__struct_fields__}
    return ResultRead(
        file_id=one.file_id,
        filename=one.filename,
        score=one.score,
        attributes=one.attributes,
        content=[Content(text=one.text)],
        passage_id=one.id,
        vector_store_id=one.store_id,
        kind=one.kind,
        page=one.page,
        headings=list(one.headings),
        start=one.start,
        end=one.end,
        language=one.language,
        scores=scores,
    )
