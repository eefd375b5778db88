"""The room's own search, as answers want it."""

from __future__ import annotations

from collections.abc import Sequence

from roundhouse.core.types import Caller
from roundhouse.features.knowledge.answering.ports import Found, Passage, Wanted
from roundhouse.features.knowledge.searching.service import SearchService
from roundhouse.features.knowledge.searching.shapes import MAX_STORES, FoundPassage, SearchAsk
from roundhouse.features.knowledge.stores.store import stores
from roundhouse.infra.db import Database


class Searched:
    """Finds passages; a `ports.Searching`.

    Args:
        db: The database.
        search: The verb of searching.
    """

    def __init__(self, db: Database, search: SearchService) -> None:
        self._db = db
        self._search = search

    async def search(self, caller: Caller, store_ids: Sequence[str], wanted: Wanted) -> Found:
        """See `ports.Searching`."""
        asked = SearchAsk(
            queries=(wanted.query,),
            limit=wanted.limit,
            file_ids=wanted.file_ids,
            filters=None if wanted.filters is None else dict(wanted.filters),
            min_similarity=wanted.min_similarity or 0.0,
            explain=True,
        )
        found = await self._search.search(caller, store_ids[:MAX_STORES], asked)
        return Found([_passage(one) for one in found.passages], found.warnings)

    async def visible(self, caller: Caller, store_ids: Sequence[str]) -> Sequence[str]:
        """See `ports.Searching`."""
        async with self._db.read() as tx:
            there = await stores.some(tx, caller, store_ids)
        return [one for one in store_ids if one in there]


def _passage(one: FoundPassage) -> Passage:
    scores = one.scores
    return Passage(
        number=one.number,
        store_id=one.store_id,
        file_id=one.file_id,
        filename=one.filename,
        page=one.page,
        headings=one.headings,
        start=one.start,
        end=one.end,
        text=one.text,
        kind=one.kind,
        language=one.language,
        score=one.score,
        similarity=None if scores is None else scores.similarity,
        lexical=None if scores is None else scores.lexical,
        alpha=0.0 if scores is None else scores.alpha,
    )
