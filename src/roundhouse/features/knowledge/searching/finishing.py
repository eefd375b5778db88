"""From one order to the answer: least similarity, reranking, diversity, texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import structlog

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.types import Caller
from roundhouse.features.knowledge.searching import store
from roundhouse.features.knowledge.searching.diversity import diverse
from roundhouse.features.knowledge.searching.nearest import Nearest, Nearness
from roundhouse.features.knowledge.searching.ordering import Candidate
from roundhouse.features.knowledge.searching.ports import Reranker
from roundhouse.features.knowledge.searching.shapes import FoundPassage, Scores, SearchAsk
from roundhouse.features.knowledge.searching.store import Searched, Whole
from roundhouse.features.knowledge.searching.timing import Timing
from roundhouse.infra.db import Database
from roundhouse.infra.tenancy import as_tenant

if TYPE_CHECKING:
    from roundhouse.core.vectors import Vector

_log = structlog.get_logger(__name__)

RERANKED = 50
"""So many of the best are shown to a reranker."""

_DIGITS = 6
# So many times as many as are wanted are looked at for what is different.
_SPREAD = 4


class Finishing:
    """The last steps of a search.

    Args:
        db: The database.
        nearness: Measures passages against queries.
        reranker: Puts texts in another order.
        rerank_model: The model of `auto`; None = none.
    """

    def __init__(
        self, db: Database, nearness: Nearness, reranker: Reranker, rerank_model: str | None
    ) -> None:
        self._db = db
        self._nearness = nearness
        self._reranker = reranker
        self._rerank_model = rerank_model

    async def finish(
        self,
        caller: Caller,
        stores: Sequence[Searched],
        ordered: list[Candidate],
        vectors: Sequence[Sequence[Vector]],
        asked: SearchAsk,
        timing: Timing,
    ) -> tuple[tuple[FoundPassage, ...], set[str]]:
        """The answer's passages, and codes of what did not go as asked."""
        model = self._model(asked)
        wanted = asked.limit
        if model is not None or asked.min_similarity > 0:
            wanted = len(ordered)
        elif asked.diversity is not None:
            wanted = asked.limit * _SPREAD
        ordered = ordered[:wanted]
        async with self._db.read() as tx:
            texts = await store.whole(tx, as_tenant(caller), [one.number for one in ordered])
        ordered = [one for one in ordered if one.number in texts]
        timing.mark("read")
        warnings: set[str] = set()
        if asked.min_similarity > 0:
            ordered = await self._near_enough(caller, stores, ordered, texts, vectors, asked)
            timing.mark("similarity")
        if model is not None and ordered:
            ordered = await self._reranked(caller, model, ordered, texts, asked, warnings)
            timing.mark("rerank")
        # As it is shown.
        ordered = [one for one in ordered if round(one.score, _DIGITS) >= asked.score_threshold]
        if asked.diversity is not None:
            ordered = _spread(ordered, texts, asked.diversity, asked.limit)
            timing.mark("diversity")
        ordered = ordered[: asked.limit]
        if asked.explain:
            await self._explain(caller, stores, ordered, texts, vectors)
            timing.mark("explain")
        return tuple(_shown(one, texts[one.number], asked) for one in ordered), warnings

    def _model(self, asked: SearchAsk) -> str | None:
        if asked.rerank == "none" or not asked.queries:
            return None
        return self._rerank_model if asked.rerank == "auto" else asked.rerank

    async def _near_enough(
        self,
        caller: Caller,
        stores: Sequence[Searched],
        ordered: list[Candidate],
        texts: dict[int, Whole],
        vectors: Sequence[Sequence[Vector]],
        asked: SearchAsk,
    ) -> list[Candidate]:
        unknown = [one for one in ordered if one.scores.similarity is None]
        measured = await self._measured(caller, stores, unknown, texts, vectors)
        for one in unknown:
            if one.number in measured:
                one.scores = _explained(one, measured[one.number])
        return [
            one
            for one in ordered
            if one.scores.similarity is not None and one.scores.similarity >= asked.min_similarity
        ]

    async def _explain(
        self,
        caller: Caller,
        stores: Sequence[Searched],
        ordered: list[Candidate],
        texts: dict[int, Whole],
        vectors: Sequence[Sequence[Vector]],
    ) -> None:
        try:
            measured = await self._measured(caller, stores, ordered, texts, vectors)
        except RoundhouseError as error:
            # The answer stands without it.
            _log.warning("chunks_not_explained", error=type(error).__name__)
            return
        for one in ordered:
            if one.number in measured:
                one.scores = _explained(one, measured[one.number])

    async def _measured(
        self,
        caller: Caller,
        stores: Sequence[Searched],
        candidates: Sequence[Candidate],
        texts: dict[int, Whole],
        vectors: Sequence[Sequence[Vector]],
    ) -> dict[int, Nearest]:
        """The nearest chunks of passages, by number."""
        found: dict[int, Nearest] = {}
        for place, one in enumerate(stores):
            mine = [candidate for candidate in candidates if candidate.store == place]
            if one.index is None or not vectors[place] or not mine:
                continue
            measured = await self._nearness.measure(
                caller,
                one.index,
                [texts[candidate.number].passage for candidate in mine],
                [vectors[place]] * len(mine),
            )
            found |= {
                candidate.number: near
                for candidate, near in zip(mine, measured, strict=True)
                if near is not None
            }
        return found

    async def _reranked(
        self,
        caller: Caller,
        model: str,
        ordered: list[Candidate],
        texts: dict[int, Whole],
        asked: SearchAsk,
        warnings: set[str],
    ) -> list[Candidate]:
        """In the order of the reranker; without the passages behind those that it was shown."""
        shown = ordered[:RERANKED]
        read = [_read_by_reranker(texts[one.number]) for one in shown]
        best = [0.0] * len(shown)
        # The model of the settings is for everybody who may search.
        asker = msgspec.structs.replace(caller, models=()) if asked.rerank == "auto" else caller
        try:
            for query in asked.queries:
                scores = await self._reranker.rerank(asker, model, query, read)
                best = [max(pair) for pair in zip(best, scores, strict=True)]
        except RoundhouseError as error:
            if asked.rerank != "auto":
                raise
            _log.warning("rerank_failed", error=type(error).__name__, detail=error.detail)
            warnings.add("rerank_failed")
            return ordered
        for one, score in zip(shown, best, strict=True):
            one.score = score
            one.scores = msgspec.structs.replace(one.scores, rerank=score)
        # Equal ones stay as they were.
        return sorted(shown, key=lambda one: -one.score)


def _read_by_reranker(one: Whole) -> str:
    return "\n".join([*one.passage.headings, one.passage.text])


def _spread(
    ordered: list[Candidate], texts: dict[int, Whole], relevance: float, limit: int
) -> list[Candidate]:
    of = [texts[one.number].passage.text for one in ordered]
    return [ordered[one] for one in diverse(of, [one.score for one in ordered], relevance, limit)]


def _explained(one: Candidate, near: Nearest) -> Scores:
    known = one.scores.similarity
    return msgspec.structs.replace(
        one.scores,
        similarity=near.similarity if known is None else known,
        chunk_start=near.start,
        chunk_end=near.end,
    )


def _shown(one: Candidate, found: Whole, asked: SearchAsk) -> FoundPassage:
    passage = found.passage
    return FoundPassage(
        id=f"psg_{passage.number}",
        number=passage.number,
        store_id=passage.store_id,
        document=passage.document,
        file_id=found.file_id,
        filename=found.filename,
        attributes=found.attributes,
        kind=passage.kind,
        text=passage.text,
        start=passage.start_char,
        end=passage.end_char,
        page=passage.page,
        headings=tuple(passage.headings),
        language=passage.language,
        score=round(one.score, _DIGITS),
        image=passage.image,
        scores=one.scores if asked.explain else None,
    )
