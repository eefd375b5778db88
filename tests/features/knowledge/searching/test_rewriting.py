"""A search that looks for what a model makes of its queries."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from features.knowledge.house import ANN
from features.knowledge.seeking import SeekingHouse
from roundhouse.core.errors import BadInput, NotFound
from roundhouse.core.types import Caller
from roundhouse.features.knowledge.searching.rewriting import RewritingSearch
from roundhouse.features.knowledge.searching.shapes import SearchAsk

TEA = "Green tea becomes bitter when it is brewed for too long."
BRIDGE = "The old bridge over the river is closed in winter."


class KnownRewriter:
    """Knows what is meant by some queries."""

    def __init__(self, known: dict[str, str]) -> None:
        self._known = known
        self.asked: list[str] = []

    async def rewrite(
        self, caller: Caller, queries: Sequence[str], request_id: str
    ) -> tuple[str, ...] | None:
        self.asked += queries
        if not set(queries) <= self._known.keys():
            return None
        return tuple(self._known[one] for one in queries)


async def test_the_answer_tells_what_was_looked_for(house: SeekingHouse) -> None:
    store_id = (await house.knowledge.make_store(name="notes")).id
    await house.put(store_id, "notes.txt", [TEA, BRIDGE])
    rewriter = KnownRewriter({"that crossing thing": "bridge river"})
    search = RewritingSearch(house.service, rewriter)
    found = await search.search(ANN, [store_id], SearchAsk(queries=("that crossing thing",), limit=1), "req")
    assert (found.queries, found.warnings) == (("bridge river",), ())
    assert found.passages[0].text == BRIDGE
    plain = await search.search(ANN, [store_id], SearchAsk(queries=("tea, please",), limit=1), "req")
    assert (plain.queries, plain.warnings) == (("tea, please",), ("query_not_rewritten",))
    assert plain.passages[0].text == TEA


async def test_no_model_is_asked_for_a_search_that_cannot_be(house: SeekingHouse) -> None:
    store_id = (await house.knowledge.make_store(name="notes")).id
    rewriter = KnownRewriter({})
    search = RewritingSearch(house.service, rewriter)
    with pytest.raises(NotFound):
        await search.search(ANN, ["vs_none"], SearchAsk(queries=("tea",)), "req")
    for asked in (SearchAsk(queries=("tea",), limit=0), SearchAsk(queries=("tea",), filters={"type": "?"})):
        with pytest.raises(BadInput):
            await search.search(ANN, [store_id], asked, "req")
    assert rewriter.asked == []
