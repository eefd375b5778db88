"""Full-text search, for whatever a room wants found: one analyser for all languages, the same order on both databases.

A room calls `mark` in the transaction of its change: one small row. An `Indexer` reads what was marked from the room's
`Source` and indexes it, many at once, at the latest before somebody searches. Nothing here knows what an entry is: it
has a kind, an id, a text, and properties to filter by. `Tidying` does all that behind the scenes.
"""

from __future__ import annotations

from roundhouse.core.types import Caller
from roundhouse.infra.db import Tx
from roundhouse.infra.search.generations import drop_shelf
from roundhouse.infra.search.indexing import index, remove
from roundhouse.infra.search.shapes import Entry, Hit, Hits, IndexState, Match, Piece, Query, Some, Source
from roundhouse.infra.search.waiting import mark, mark_parts

__all__ = [
    "Entry",
    "Hit",
    "Hits",
    "IndexState",
    "Match",
    "Piece",
    "Query",
    "Some",
    "Source",
    "drop_shelf",
    "index",
    "mark",
    "mark_parts",
    "remove",
    "search",
]


async def search(tx: Tx, caller: Caller, query: Query) -> Hits:
    """What the caller may see of what fits a query, the best first.

    Entries with all words come before those with some of them; among each, BM25 decides, then the time (the newest
    first), then the id. Where any word will do (`Query.match`), all are one order by BM25. The pages of one query are
    parts of one order as long as nothing is written meanwhile.

    Args:
        tx: Any transaction, reading is enough.
        caller: Who asks: entries of its tenant only, and of its user and app where it is bound to them.
        query: What is looked for.

    Raises:
        BadInput: The query is too long or names too many wholes, the limit or the cursor is out of range.
    """
    # Not at the top: it needs numpy, without which the product starts.
    from roundhouse.infra.search.searching import search as search_space

    return await search_space(tx, caller, query)
