"""Searching: first what holds all words, then what holds some of the rarest; or, see `disjunction`, whatever holds any.

The order is one and the same for every page: entries with all words (a name of a program also as a part of a longer
one), by BM25; then entries with some of the rarest words or, where a word is rare, with longer ones that begin like
it, by BM25. Equal scores are ordered by time, the newest first, then by id. What is read is bounded whatever is
asked: see `gathering.MAX_NEWEST`, `narrowing.MAX_ALL`, `MAX_SOME`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import numpy as np

from roundhouse.core.errors import BadInput
from roundhouse.core.types import Caller
from roundhouse.infra.db import Tx
from roundhouse.infra.paging import decode_cursor, encode_cursor
from roundhouse.infra.search import store
from roundhouse.infra.search.analyser import Form
from roundhouse.infra.search.disjunction import Disjunction
from roundhouse.infra.search.fresh import Fresh
from roundhouse.infra.search.gathering import MAX_NEWEST, Lists
from roundhouse.infra.search.narrowing import MAX_ALL, Narrowing
from roundhouse.infra.search.parsing import Parsed, Word, parse
from roundhouse.infra.search.postings import unpack
from roundhouse.infra.search.ranking import (
    Numbers,
    Weighted,
    best,
    difference,
    intersection,
    score,
    union,
)
from roundhouse.infra.search.shapes import Hit, Hits, Query
from roundhouse.infra.search.snippets import holds, snippet
from roundhouse.infra.search.widening import continued

MAX_LIMIT = 100
MAX_ANY_LIMIT = 200
"""Hits of a page, and of one where any word will do."""

MAX_HITS = 1_000
"""Nobody turns more pages than this many hits."""

MAX_SOME = 262_144
"""Entries under the rarest words, of which some must be there."""

MAX_PHRASE_CHARS = 2_000_000
"""Phrases are looked for in the best entries until so much was read."""

RARE = 100
"""A word that fewer entries have is looked for as the beginning of longer ones, too."""

MAX_SNIPPET_CHARS = 1_000_000
"""Of the texts of a page so much, in equal parts, is looked at for what to show of them."""

_PHRASE_STEP = 100
_MANY = 20_000

_NOTHING = unpack(b"", [])

Found = tuple[store.Label, float]
"""An entry that was found, and its score."""


class _Tier(msgspec.Struct, frozen=True):
    """Entries that fit equally well: their numbers, scores, and by which terms they were found."""

    numbers: Numbers
    lists: Sequence[Weighted]


class _Search:
    """One query over one space."""

    def __init__(self, tx: Tx, caller: Caller, lists: Lists, narrowing: Narrowing, parsed: Parsed) -> None:
        self._tx = tx
        self._caller = caller
        self._parsed = parsed
        self._lists = lists
        self._narrowing = narrowing
        self._own = parsed.terms
        self.terms = set(parsed.terms)

    async def first(self, needed: int) -> list[Found]:
        """The best entries and their scores, at most `needed`, in order."""
        identifiers = [word for word in self._parsed.words if word.identifier]
        longer = await self._continued(identifiers)
        words = [longer.get(word, word) for word in self._parsed.words]
        if not await self._narrowing.begin({one.term for word in words for one in word.wanted}):
            return []
        found, before = await self._having_all(words, needed)
        if len(found) >= needed or self._parsed.phrases:
            return found
        rest = await self._continued(
            [word for word in words if not word.identifier and self._size(word) < RARE]
        )
        await self._lists.survey({one.term for word in rest.values() for one in word.wanted})
        words = [rest.get(word, longer.get(word, word)) for word in self._parsed.words]
        if len(words) == 1 and words[0] not in rest.values():
            return found
        return found + await self._having_some(words, needed - len(found), before)

    async def _continued(self, words: Sequence[Word]) -> dict[Word, Word]:
        found = await continued(self._lists, words)
        self.terms.update(one.term for word in found.values() for one in word.wanted)
        return found

    def _size(self, word: Word) -> int:
        return sum(self._lists.size(one.term) for one in word.wanted)

    async def _having_all(self, words: Sequence[Word], needed: int) -> tuple[list[Found], Numbers]:
        """The best entries with all words, and the numbers of all such entries."""
        nothing: Numbers = np.zeros(0, np.int64)
        rising = sorted(words, key=self._size)
        if self._size(rising[0]) == 0:
            return [], nothing
        numbers = await self._narrowing.allowed(self._size(rising[0]))
        lists: list[Weighted] = []
        read = 0
        for word in rising:
            read += self._size(word)
            if lists and read > MAX_ALL:
                break
            mine = await self._weighted(word, numbers)
            lists += mine
            numbers = union(mine) if numbers is None else intersection(numbers, union(mine))
            if not len(numbers):
                return [], nothing
        assert numbers is not None
        numbers = await self._narrowing.permitted(numbers)
        return await self._ranked(_Tier(numbers, lists), needed, self._parsed.phrases), numbers

    async def _having_some(self, words: Sequence[Word], needed: int, without: Numbers) -> list[Found]:
        """The best entries with some of the rarest words."""
        rising = sorted((word for word in words if self._size(word)), key=self._size)
        lists: list[Weighted] = []
        read = 0
        allowed = await self._narrowing.allowed(MAX_NEWEST if rising else 0)
        for word in rising:
            read += self._size(word)
            if lists and read > (MAX_SOME if allowed is None else MAX_ALL):
                break
            lists += await self._weighted(word, allowed)
        if not lists:
            return []
        numbers = difference(union(lists), without)
        return await self._ranked(_Tier(await self._narrowing.permitted(numbers), lists), needed, ())

    async def _weighted(self, word: Word, numbers: Numbers | None) -> list[Weighted]:
        """The lists of a word, read as far as they may hold some of `numbers` (None = the newest)."""
        together = self._size(word)
        found = []
        for one in word.wanted:
            # Longer words count as rare as all of them together: a rare ending must not outweigh the word itself.
            frequency = self._lists.size(one.term) if one.term in self._own else together
            if frequency == 0:
                continue
            if numbers is None:
                columns = await self._lists.newest(one.term)
            else:
                columns = await self._lists.among(one.term, numbers)
            found.append(Weighted(one.term, columns, one.weight, frequency))
        return found or [Weighted(b"", _NOTHING, 0.0, 0)]

    async def _ranked(self, tier: _Tier, needed: int, phrases: Sequence[Sequence[Form]]) -> list[Found]:
        if len(tier.numbers) > _MANY:
            scores = await asyncio.to_thread(score, tier.numbers, tier.lists, self._narrowing.statistics)
        else:
            scores = score(tier.numbers, tier.lists, self._narrowing.statistics)
        numbers, scores = best(tier.numbers, scores, MAX_HITS if phrases else needed)
        points = dict(zip(numbers.tolist(), scores.tolist(), strict=True))
        ordered = await store.in_order(self._tx, self._caller, points)
        return await self._with_phrases(ordered, needed, phrases) if phrases else ordered[:needed]

    async def _with_phrases(
        self, ordered: list[Found], needed: int, phrases: Sequence[Sequence[Form]]
    ) -> list[Found]:
        found: list[Found] = []
        read_chars = 0
        for start in range(0, min(len(ordered), MAX_HITS), _PHRASE_STEP):
            part = ordered[start : start + _PHRASE_STEP]
            texts = await store.texts(self._tx, self._caller, [label.number for label, _score in part])
            holding = await asyncio.to_thread(
                lambda known: {number for number, one in known.items() if holds(one.text, phrases)}, texts
            )
            found += [one for one in part if one[0].number in holding]
            read_chars += sum(len(one.text) for one in texts.values())
            if len(found) >= needed or read_chars >= MAX_PHRASE_CHARS:
                break
        return found[:needed]


async def search(tx: Tx, caller: Caller, query: Query) -> Hits:
    """What the caller may see of what fits a query; `roundhouse.infra.search.search` is the door to it.

    Raises:
        BadInput: The query is too long or names too many wholes, the limit or the cursor is out of range.
    """
    most = MAX_LIMIT if query.match == "all_first" else MAX_ANY_LIMIT
    if not 1 <= query.limit <= most:
        raise BadInput(f"The limit is 1 to {most}.", param="limit")
    offset = decode_cursor(query.cursor, int) or 0
    if not 0 <= offset < MAX_HITS:
        raise BadInput("The cursor is not one of this list.", param="cursor")
    parsed = parse(query.text, quotes=query.quotes and query.match == "all_first")
    space = await store.find_space(tx, caller.site_id, query.kind, query.shelf)
    if space is None or not parsed.words:
        return Hits(())
    lists = Lists(tx, space, Fresh(await store.fresh(tx, space)))
    narrowing = Narrowing(tx, space, lists, query, caller)
    searched: _Search | Disjunction
    if query.match == "any":
        searched = Disjunction(tx, lists, narrowing, parsed)
    else:
        searched = _Search(tx, caller, lists, narrowing, parsed)
    end = min(offset + query.limit, MAX_HITS)
    found = await searched.first(end + 1)
    more = len(found) > end and end < MAX_HITS
    hits = await _shown(tx, caller, query, found[offset:end], searched.terms)
    return Hits(hits, encode_cursor(end) if more else None)


async def _shown(
    tx: Tx, caller: Caller, query: Query, page: Sequence[Found], terms: set[bytes]
) -> tuple[Hit, ...]:
    if not query.snippets:
        return tuple(Hit(one.ref_id, one.parent_id, points, one.at_s, ()) for one, points in page)
    texts = await store.texts(tx, caller, [one.number for one, _score in page])
    shown = [(texts[one.number], points) for one, points in page if one.number in texts]
    if sum(len(one.text) for one, _points in shown) > _MANY:
        return await asyncio.to_thread(_hits, shown, terms)
    return _hits(shown, terms)


def _hits(shown: Sequence[tuple[store.Text, float]], terms: set[bytes]) -> tuple[Hit, ...]:
    each_chars = MAX_SNIPPET_CHARS // max(1, len(shown))
    return tuple(
        Hit(one.ref_id, one.parent_id, points, one.at_s, snippet(one.text, terms, each_chars))
        for one, points in shown
    )
