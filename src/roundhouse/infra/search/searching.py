"""Searching: first what holds all words, then what holds some of the rarest.

The order is one and the same for every page: entries with all words (a name of a program also as a part of a longer
one), by BM25; then entries with some of the rarest words or, where a word is rare, with longer ones that begin like
it, by BM25. Equal scores are ordered by time, the newest first, then by id. What is read is bounded whatever is
asked: see `gathering.MAX_NEWEST`, `MAX_ALL`, `MAX_SOME`.
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
from roundhouse.infra.search.fresh import Fresh
from roundhouse.infra.search.gathering import MAX_NEWEST, Lists
from roundhouse.infra.search.indexing import filters_of
from roundhouse.infra.search.parsing import FOLDED_WEIGHT, Parsed, Wanted, Word, continuations, parse
from roundhouse.infra.search.postings import TIMES, Columns, unpack
from roundhouse.infra.search.ranking import (
    Numbers,
    Statistics,
    Weighted,
    best,
    difference,
    intersection,
    score,
    union,
)
from roundhouse.infra.search.shapes import Hit, Hits, Query
from roundhouse.infra.search.snippets import holds, snippet

MAX_LIMIT = 100
MAX_HITS = 1_000
"""Nobody turns more pages than this many hits."""

MAX_ALL = 4_000_000
"""Entries under the words that must all be there; of a longer query the most common words need not."""

MAX_SOME = 262_144
"""Entries under the rarest words, of which some must be there."""

MAX_PHRASE_CHARS = 2_000_000
"""Phrases are looked for in the best entries until so much was read."""

MAX_CONTINUATIONS = 32
"""Longer words that begin like a word of the query, of each kind."""

RARE = 100
"""A word that fewer entries have is looked for as the beginning of longer ones, too."""

MAX_SNIPPET_CHARS = 1_000_000
"""Of the texts of a page so much, in equal parts, is looked at for what to show of them."""

_PHRASE_STEP = 100
_MANY = 20_000
# Of so few entries each is asked for its time, rather than all times read.
_FEW = 3_000


_NOTHING = unpack(b"", [])


class _Tier(msgspec.Struct, frozen=True):
    """Entries that fit equally well: their numbers, scores, and by which terms they were found."""

    numbers: Numbers
    lists: Sequence[Weighted]


class _Search:
    """One query over one space."""

    def __init__(
        self, tx: Tx, caller: Caller, query: Query, parsed: Parsed, space: int, fresh: Fresh
    ) -> None:
        self._tx = tx
        self._caller = caller
        self._query = query
        self._parsed = parsed
        self._space = space
        self._lists = Lists(tx, space, fresh)
        self._filters = filters_of(
            query.user_id, query.app_id, query.parent_id, query.role, query.tags
        ) | filters_of(caller.user_id, caller.app_id, None, None, ())
        self._dated = query.since_s is not None or query.until_s is not None
        self._statistics = Statistics(0, 0)
        self._removed: Numbers = np.zeros(0, np.int64)
        self._driver: Numbers | None = None
        self._own = parsed.terms
        self.terms = set(parsed.terms)

    async def first(self, needed: int) -> list[tuple[int, float]]:
        """Numbers and scores of the best entries, at most `needed`, in order."""
        await self._read_statistics()
        if not self._statistics.entries:
            return []
        identifiers = [word for word in self._parsed.words if word.identifier]
        longer = await self._continued(identifiers)
        words = [longer.get(word, word) for word in self._parsed.words]
        known = self._filters | ({TIMES} if self._dated else set())
        await self._lists.survey(known | {one.term for word in words for one in word.wanted})
        if any(self._lists.size(term) == 0 for term in self._filters):
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

    async def _read_statistics(self) -> None:
        changes = await store.journal(self._tx, self._space)
        entries, words = sum(one.entries for one in changes), sum(one.words for one in changes)
        self._statistics = Statistics(entries, words)
        self._removed = np.sort(np.frombuffer(b"".join(one.removed for one in changes), "<i8"))

    async def _continued(self, words: Sequence[Word]) -> dict[Word, Word]:
        """Words with the terms by which longer ones are found that begin like them."""
        found: dict[Word, Word] = {}
        for word in words:
            terms: list[bytes] = []
            for low, high in continuations(word):
                terms += await self._lists.terms_between(low, high, MAX_CONTINUATIONS)
            own = {one.term for one in word.wanted}
            more = tuple(Wanted(term, FOLDED_WEIGHT) for term in terms if term not in own)
            self.terms.update(terms)
            if more:
                found[word] = Word((*word.wanted, *more), word.stem, word.identifier)
        return found

    def _size(self, word: Word) -> int:
        return sum(self._lists.size(one.term) for one in word.wanted)

    async def _having_all(
        self, words: Sequence[Word], needed: int
    ) -> tuple[list[tuple[int, float]], Numbers]:
        """The best entries with all words, and the numbers of all such entries."""
        nothing: Numbers = np.zeros(0, np.int64)
        rising = sorted(words, key=self._size)
        if self._size(rising[0]) == 0:
            return [], nothing
        numbers = await self._allowed(self._size(rising[0]))
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
        numbers = await self._permitted(numbers)
        return await self._ranked(_Tier(numbers, lists), needed, self._parsed.phrases), numbers

    async def _having_some(
        self, words: Sequence[Word], needed: int, without: Numbers
    ) -> list[tuple[int, float]]:
        """The best entries with some of the rarest words."""
        rising = sorted((word for word in words if self._size(word)), key=self._size)
        lists: list[Weighted] = []
        read = 0
        allowed = await self._allowed(MAX_NEWEST if rising else 0)
        for word in rising:
            read += self._size(word)
            if lists and read > (MAX_SOME if allowed is None else MAX_ALL):
                break
            lists += await self._weighted(word, allowed)
        if not lists:
            return []
        numbers = difference(union(lists), without)
        return await self._ranked(_Tier(await self._permitted(numbers), lists), needed, ())

    async def _allowed(self, smallest: int) -> Numbers | None:
        """Entries that pass the narrowest filter, where that is narrower than the rarest word; else None.

        Args:
            smallest: Entries with the rarest word.
        """
        if self._driver is not None:
            return self._driver
        if self._dated and smallest > MAX_NEWEST and self._lists.size(TIMES) <= MAX_ALL:
            self._driver = self._in_time(await self._lists.whole(TIMES))
            return self._driver
        narrow = min(self._filters, key=lambda term: (self._lists.size(term), term), default=None)
        if narrow is None or self._lists.size(narrow) >= smallest:
            return None
        self._driver = (await self._lists.newest(narrow)).numbers
        return self._driver

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

    async def _permitted(self, numbers: Numbers) -> Numbers:
        """Those that pass every filter and are still there."""
        numbers = difference(numbers, self._removed)
        for term in sorted(self._filters, key=lambda term: (self._lists.size(term), term)):
            if len(numbers):
                numbers = intersection(numbers, (await self._lists.among(term, numbers)).numbers)
        if self._dated and 0 < len(numbers) <= _FEW:
            heads = await store.heads(self._tx, numbers.tolist())
            within = [head.number for head in heads if self._is_in_time(head.at_s)]
            numbers = intersection(numbers, np.array(sorted(within), np.int64))
        elif self._dated:
            numbers = intersection(numbers, self._in_time(await self._lists.among(TIMES, numbers)))
        return numbers

    def _is_in_time(self, at_s: float) -> bool:
        since_s, until_s = self._query.since_s, self._query.until_s
        return (since_s is None or at_s >= since_s) and (until_s is None or at_s < until_s)

    def _in_time(self, columns: Columns) -> Numbers:
        since_s, until_s = self._query.since_s, self._query.until_s
        passed = np.ones(len(columns.numbers), bool)
        if since_s is not None:
            passed &= columns.times >= since_s
        if until_s is not None:
            passed &= columns.times < until_s
        kept: Numbers = columns.numbers[passed]
        return kept

    async def _ranked(
        self, tier: _Tier, needed: int, phrases: Sequence[Sequence[Form]]
    ) -> list[tuple[int, float]]:
        if len(tier.numbers) > _MANY:
            scores = await asyncio.to_thread(score, tier.numbers, tier.lists, self._statistics)
        else:
            scores = score(tier.numbers, tier.lists, self._statistics)
        numbers, scores = best(tier.numbers, scores, MAX_HITS if phrases else needed)
        by_number = dict(zip(numbers.tolist(), scores.tolist(), strict=True))
        heads = await store.heads(self._tx, list(by_number))
        heads.sort(key=lambda head: (-by_number[head.number], -head.at_s, head.ref_id))
        ordered = [(head.number, by_number[head.number]) for head in heads]
        return await self._with_phrases(ordered, needed, phrases) if phrases else ordered[:needed]

    async def _with_phrases(
        self, ordered: list[tuple[int, float]], needed: int, phrases: Sequence[Sequence[Form]]
    ) -> list[tuple[int, float]]:
        found: list[tuple[int, float]] = []
        read_chars = 0
        for start in range(0, min(len(ordered), MAX_HITS), _PHRASE_STEP):
            part = ordered[start : start + _PHRASE_STEP]
            texts = await store.texts(self._tx, self._caller, [number for number, _score in part])
            holding = await asyncio.to_thread(
                lambda known: {number for number, one in known.items() if holds(one.text, phrases)}, texts
            )
            found += [one for one in part if one[0] in holding]
            read_chars += sum(len(one.text) for one in texts.values())
            if len(found) >= needed or read_chars >= MAX_PHRASE_CHARS:
                break
        return found[:needed]


async def search(tx: Tx, caller: Caller, query: Query) -> Hits:
    """What the caller may see of what fits a query; `roundhouse.infra.search.search` is the door to it.

    Raises:
        BadInput: The query is too long, the limit or the cursor is out of range.
    """
    if not 1 <= query.limit <= MAX_LIMIT:
        raise BadInput(f"The limit is 1 to {MAX_LIMIT}.", param="limit")
    offset = decode_cursor(query.cursor, int) or 0
    if not 0 <= offset < MAX_HITS:
        raise BadInput("The cursor is not one of this list.", param="cursor")
    parsed = parse(query.text, quotes=query.quotes)
    space = await store.find_space(tx, caller.site_id, query.kind)
    if space is None or not parsed.words:
        return Hits(())
    fresh = Fresh(await store.fresh(tx, space))
    searched = _Search(tx, caller, query, parsed, space, fresh)
    end = min(offset + query.limit, MAX_HITS)
    found = await searched.first(end + 1)
    page = found[offset:end]
    texts = await store.texts(tx, caller, [number for number, _score in page])
    shown = [(texts[number], points) for number, points in page if number in texts]
    if sum(len(one.text) for one, _points in shown) > _MANY:
        hits = await asyncio.to_thread(_hits, shown, searched.terms)
    else:
        hits = _hits(shown, searched.terms)
    more = len(found) > end and end < MAX_HITS
    return Hits(hits, encode_cursor(end) if more else None)


def _hits(shown: Sequence[tuple[store.Text, float]], terms: set[bytes]) -> tuple[Hit, ...]:
    each_chars = MAX_SNIPPET_CHARS // max(1, len(shown))
    return tuple(
        Hit(one.ref_id, one.parent_id, points, one.at_s, snippet(one.text, terms, each_chars))
        for one, points in shown
    )
