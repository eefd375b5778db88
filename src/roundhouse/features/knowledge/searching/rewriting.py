"""A search whose queries are made over by a language model before they are looked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from roundhouse.core.types import Caller
from roundhouse.features.knowledge.searching.service import SearchService
from roundhouse.features.knowledge.searching.shapes import Found, SearchAsk

NOT_REWRITTEN = "query_not_rewritten"
"""Code of the warning that queries were looked for as they stood."""


class Rewriter(Protocol):
    """Makes queries over; `answering.rewriting.QueryRewriter` does."""

    async def rewrite(
        self, caller: Caller, queries: Sequence[str], request_id: str
    ) -> tuple[str, ...] | None:
        """As many queries; None = one of them at least has to stay as it is. Raises RateLimited, BudgetExceeded."""
        ...


class RewritingSearch:
    """Searches for what was meant.

    Args:
        searching: Searches.
        rewriter: Makes queries over.
    """

    def __init__(self, searching: SearchService, rewriter: Rewriter) -> None:
        self._searching = searching
        self._rewriter = rewriter

    async def search(
        self, caller: Caller, store_ids: Sequence[str], asked: SearchAsk, request_id: str
    ) -> Found:
        """Search for the queries as a language model puts them; what was found tells which they were.

        Where no language model is at hand, or it does not answer, they are looked for as they stand, and the warning
        `query_not_rewritten` says so.

        Raises:
            RateLimited, BudgetExceeded: The model may not be asked now.
            RoundhouseError: And what `SearchService.search` raises.
        """
        # Nobody pays a model for a search that cannot be.
        await self._searching.check(caller, store_ids, asked)
        if not asked.queries:
            return await self._searching.search(caller, store_ids, asked)
        rewritten = await self._rewriter.rewrite(caller, asked.queries, request_id)
        if rewritten is not None:
            asked = msgspec.structs.replace(asked, queries=rewritten)
        found = await self._searching.search(caller, store_ids, asked)
        if rewritten is not None:
            return found
        return msgspec.structs.replace(found, warnings=tuple(sorted({*found.warnings, NOT_REWRITTEN})))
