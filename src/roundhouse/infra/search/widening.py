"""Longer words that begin like a word of a query."""

from __future__ import annotations

from collections.abc import Sequence

from roundhouse.infra.search.gathering import Lists
from roundhouse.infra.search.parsing import FOLDED_WEIGHT, Wanted, Word, continuations

MAX_CONTINUATIONS = 32
"""Longer words that begin like a word of the query, of each kind."""


async def continued(lists: Lists, words: Sequence[Word]) -> dict[Word, Word]:
    """Those words of which there are longer ones, with the terms by which these are found, too."""
    found: dict[Word, Word] = {}
    for word in words:
        terms: list[bytes] = []
        for low, high in continuations(word):
            terms += await lists.terms_between(low, high, MAX_CONTINUATIONS)
        own = {one.term for one in word.wanted}
        more = tuple(Wanted(term, FOLDED_WEIGHT) for term in terms if term not in own)
        if more:
            found[word] = Word((*word.wanted, *more), word.stem, word.identifier)
    return found
