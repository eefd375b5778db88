"""The verb of searching: several stores, several queries, one order of what was found."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import structlog

from roundhouse.core.errors import (
    BackendFailed,
    EmbeddingChanged,
    ModelNotFound,
    NotFound,
    NotLocal,
    NotSupported,
    RoundhouseError,
    StorageFull,
    StorageUnavailable,
    VectorsUnavailable,
)
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.knowledge.embedding.model import Input
from roundhouse.features.knowledge.evaluating.calibration import weight_for
from roundhouse.features.knowledge.evaluating.trials import shares
from roundhouse.features.knowledge.fusion import CANDIDATES, Found
from roundhouse.features.knowledge.indexing.ports import Embedder, Preparing
from roundhouse.features.knowledge.indexing.source import PASSAGE, FullText
from roundhouse.features.knowledge.searching import shapes, store
from roundhouse.features.knowledge.searching.arms import Arms, Scope, showable
from roundhouse.features.knowledge.searching.checking import check, kind_wanted
from roundhouse.features.knowledge.searching.filters import Filter, read_filter
from roundhouse.features.knowledge.searching.finishing import Finishing
from roundhouse.features.knowledge.searching.nearest import Nearness
from roundhouse.features.knowledge.searching.ordering import Part, in_order
from roundhouse.features.knowledge.searching.ports import Pictures, Reranker
from roundhouse.features.knowledge.searching.shapes import SearchAsk
from roundhouse.features.knowledge.searching.store import Head, Searched
from roundhouse.features.knowledge.searching.timing import Timing
from roundhouse.features.knowledge.stores.ports import VectorHomes
from roundhouse.features.knowledge.stores.store import documents
from roundhouse.features.knowledge.stores.store import stores as kept
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.tenancy import as_tenant

if TYPE_CHECKING:
    from roundhouse.core.vectors import Vector

_log = structlog.get_logger(__name__)

_USED_EVERY_S = 60.0
# Only some of what is found is of the kind that is wanted: so many times more are asked for.
_MORE_OF_A_KIND = 4
_AWAY = (BackendFailed, EmbeddingChanged, ModelNotFound, NotLocal, VectorsUnavailable)
"""What keeps vectors from being searched; words still can be."""


class _Lists(NamedTuple):
    """What one store gave for one query, before it is known which of it may be shown."""

    store: int
    query: int
    dense: list[Found]
    lexical: list[Found]


class SearchService:
    """Searches vector stores.

    Args:
        db: The database.
        vectors: Vector stores by kind.
        embedder: Embeds what is asked.
        preparing: Knows the chunks of passages.
        full_text: Keeps the index of words up to date.
        reranker: Puts what was found in another order.
        pictures: Fetches pictures that are searched with.
        clock: Time.
        rerank_model: The model of `auto`; None = none.
    """

    def __init__(
        self,
        db: Database,
        vectors: VectorHomes,
        embedder: Embedder,
        preparing: Preparing,
        full_text: FullText,
        reranker: Reranker,
        pictures: Pictures,
        clock: Clock,
        rerank_model: str | None = None,
    ) -> None:
        self._db = db
        self._arms = Arms(db, vectors, embedder)
        self._finishing = Finishing(db, Nearness(embedder, preparing), reranker, rerank_model)
        self._full_text = full_text
        self._pictures = pictures
        self._clock = clock

    async def check(self, caller: Caller, store_ids: Sequence[str], asked: SearchAsk) -> None:
        """Raise BadInput or NotFound where `search` would, before anything is embedded."""
        check(asked, store_ids)
        if asked.filters is not None:
            read_filter(asked.filters)
        async with self._db.read() as tx:
            known = await store.searched(tx, caller, store_ids, self._clock.now_s())
        for one in store_ids:
            _there(known, one)

    async def search(self, caller: Caller, store_ids: Sequence[str], asked: SearchAsk) -> shapes.Found:
        """The passages of some stores that fit best.

        Each store is searched by its own index version and weighed by what was measured of that one. Filters come
        first: what they leave out is never counted. Where vectors cannot be searched just now, words are, and a
        warning says so.

        Args:
            caller: Who asks.
            store_ids: One or several stores.
            asked: What is looked for.

        Raises:
            BadInput: Something of it is malformed or out of range.
            NotFound: A store is not there.
            NotSupported: A picture is asked for, and the store's model takes none.
            VectorsUnavailable: Only vectors were to be searched, and they do not answer.
            RoundhouseError: And what a model raises that was asked for by name, or cannot be done without.
        """
        check(asked, store_ids)
        passing = None if asked.filters is None else read_filter(asked.filters)
        timing = Timing(self._clock)
        async with self._db.read() as tx:
            known = await store.searched(tx, caller, store_ids, self._clock.now_s())
            stores = [_there(known, one) for one in dict.fromkeys(store_ids)]
            scopes = [await _scope(tx, one.id, asked.file_ids, passing, kind_wanted(asked)) for one in stores]
        timing.mark("filter")
        # Who may read a store may read all of it.
        reader = as_tenant(caller)
        warnings: set[str] = set()
        if asked.mode != "dense" and asked.queries:
            if await self._full_text.catch_up(caller.site_id, PASSAGE) != "ready":
                warnings.add("indexing")
            timing.mark("catch_up")
        vectors = await self._embedded(caller, stores, asked, warnings)
        timing.mark("embed")
        lists = await self._ask(reader, stores, scopes, vectors, asked, warnings)
        timing.mark("search")
        heads = await self._heads(reader, lists, asked)
        ordered = in_order(_parts(lists, heads, stores), asked.mode)
        timing.mark("fuse")
        passages, more = await self._finishing.finish(caller, stores, ordered, vectors, asked, timing)
        await self._note_use(stores)
        return shapes.Found(
            passages, asked.queries, tuple(sorted(warnings | more)), timing.marks_ms if asked.explain else {}
        )

    async def _embedded(
        self, caller: Caller, stores: Sequence[Searched], asked: SearchAsk, warnings: set[str]
    ) -> list[list[Vector]]:
        """For each store the vectors of all queries; an empty list where only words are searched."""
        inputs: list[Input] = list(asked.queries)
        if asked.image is not None:
            if not all(one.index is not None and one.index.takes_images for one in stores):
                raise NotSupported("The embedding model of this store takes no pictures.", param="image")
            inputs = [await self._pictures.fetch(caller, asked.image)]
        made: dict[tuple[str, str], list[Vector]] = {}
        found: list[list[Vector]] = []
        for one in stores:
            if one.index is None or asked.mode == "lexical":
                found.append([])
                continue
            model = (one.index.model, one.index.fingerprint)
            if model not in made:
                try:
                    made[model] = await self._arms.embed(caller, one.index, inputs)
                except _AWAY as error:
                    _fall_back(asked, error, warnings)
                    made[model] = []
            found.append(made[model])
        return found

    async def _ask(
        self,
        caller: Caller,
        stores: Sequence[Searched],
        scopes: Sequence[Scope],
        vectors: Sequence[Sequence[Vector]],
        asked: SearchAsk,
        warnings: set[str],
    ) -> list[_Lists]:
        """What every store gives for every query; both sides at the same time."""
        limit = CANDIDATES * (_MORE_OF_A_KIND if len(set(asked.kinds)) == 1 else 1)

        async def both(place: int, query: int) -> _Lists:
            one, scope = stores[place], scopes[place]
            text = asked.queries[query] if asked.queries else None
            vector = vectors[place][query] if vectors[place] else None
            dense, lexical = await asyncio.gather(
                self._dense(one, vector, scope, limit, asked, warnings),
                self._lexical(caller, one, text, scope, limit, asked),
            )
            return _Lists(place, query, dense, lexical)

        queries = range(len(asked.queries) or 1)
        found: list[_Lists] = []
        for place in range(len(stores)):
            if not scopes[place].is_empty:
                found += [await both(place, query) for query in queries]
        return found

    async def _dense(
        self,
        one: Searched,
        vector: Vector | None,
        scope: Scope,
        limit: int,
        asked: SearchAsk,
        warnings: set[str],
    ) -> list[Found]:
        if one.index is None or vector is None:
            return []
        try:
            return await self._arms.dense(one.index, vector, scope, limit)
        except VectorsUnavailable as error:
            _fall_back(asked, error, warnings)
            return []

    async def _lexical(
        self, caller: Caller, one: Searched, text: str | None, scope: Scope, limit: int, asked: SearchAsk
    ) -> list[Found]:
        if text is None or asked.mode == "dense":
            return []
        return await self._arms.lexical(caller, one.id, text, scope, limit)

    async def _heads(self, caller: Caller, lists: Sequence[_Lists], asked: SearchAsk) -> dict[int, Head]:
        numbers = {found.passage for one in lists for found in (*one.dense, *one.lexical)}
        async with self._db.read() as tx:
            heads = await store.heads(tx, caller, numbers)
        wanted = set(asked.kinds)
        return {
            number: head
            for number, head in heads.items()
            if ("image" if head.kind == "image" else "text") in wanted
        }

    async def _note_use(self, stores: Sequence[Searched]) -> None:
        """Once a minute for each store: a search is no reason to wait for the disk."""
        now_s = self._clock.now_s()
        due = [one.store for one in stores if now_s - one.store.last_active_at_s >= _USED_EVERY_S]
        if not due:
            return
        try:
            async with self._db.begin() as tx:
                for one in due:
                    await kept.mark_used(tx, one, now_s)
        except (StorageFull, StorageUnavailable) as error:
            _log.warning("store_use_not_noted", error=type(error).__name__)


def _fall_back(asked: SearchAsk, error: RoundhouseError, warnings: set[str]) -> None:
    """Go on with words alone, unless only vectors are of use."""
    if asked.mode == "dense" or not asked.queries:
        raise error
    _log.warning("search_without_vectors", error=type(error).__name__, detail=error.detail)
    warnings.add("vectors_unavailable")


def _there(known: dict[str, Searched], store_id: str) -> Searched:
    found = known.get(store_id)
    if found is None:
        raise NotFound(f"No vector store {store_id!r}.")
    return found


def _parts(lists: Sequence[_Lists], heads: dict[int, Head], stores: Sequence[Searched]) -> list[Part]:
    languages = {number: head.language for number, head in heads.items()}
    found: list[Part] = []
    for one in lists:
        index, calibration = stores[one.store].index, stores[one.store].calibration
        dense, lexical = showable(one.dense, heads), showable(one.lexical, heads)
        alpha = weight_for(calibration, shares(lexical, languages))
        model = "" if index is None else f"{index.model} {index.fingerprint}"
        found.append(Part(one.store, one.query, model, alpha, dense, lexical))
    return found


async def _scope(
    tx: Tx,
    store_id: str,
    file_ids: Sequence[str] | None,
    passing: Filter | None,
    kind: str | None,
) -> Scope:
    if file_ids is None and passing is None and kind is None:
        return Scope(None, await documents.hidden(tx, store_id))
    return Scope(await store.chosen(tx, store_id, file_ids, passing, kind), frozenset())
