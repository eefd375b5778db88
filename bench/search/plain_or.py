"""What plain OR would find: every entry with any word of the query, all of them scored."""

from __future__ import annotations

from roundhouse.infra.db import Tx
from roundhouse.infra.search import store
from roundhouse.infra.search.fresh import Fresh
from roundhouse.infra.search.gathering import Lists
from roundhouse.infra.search.parsing import parse
from roundhouse.infra.search.ranking import Statistics, Weighted, best, score, union


async def plain_or(tx: Tx, site_id: str, kind: str, text: str, limit: int, shelf: str = "") -> list[str]:
    """Ids of the best entries; nothing may have been removed from the index.

    Args:
        tx: Any transaction.
        site_id: Tenant.
        kind: Of the entries.
        text: The query.
        limit: How many.
        shelf: Where they stand.
    """
    space = await store.find_space(tx, site_id, kind, shelf)
    parsed = parse(text, quotes=False)
    if space is None or not parsed.words:
        return []
    changes = await store.journal(tx, space)
    statistics = Statistics(sum(one.entries for one in changes), sum(one.words for one in changes))
    lists = Lists(tx, space, Fresh(await store.fresh(tx, space)))
    wanted = {one.term: one.weight for word in parsed.words for one in word.wanted}
    await lists.survey(wanted)
    weighted = [
        Weighted(term, await lists.whole(term), weight, lists.size(term))
        for term, weight in wanted.items()
        if lists.size(term)
    ]
    if not weighted:
        return []
    numbers, scores = best(*_scored(weighted, statistics), limit)
    points = dict(zip(numbers.tolist(), scores.tolist(), strict=True))
    heads = await store.heads(tx, list(points))
    heads.sort(key=lambda head: (-points[head.number], -head.at_s, head.ref_id))
    return [head.ref_id for head in heads[:limit]]


def _scored(weighted: list[Weighted], statistics: Statistics) -> tuple:  # type: ignore[type-arg]
    numbers = union(weighted)
    return numbers, score(numbers, weighted, statistics)
