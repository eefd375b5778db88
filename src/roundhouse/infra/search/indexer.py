"""Indexes what was marked, many things at once, and makes an index anew.

Several processes may do so side by side: a mark belongs to whoever locks it first, and what a thing says is read after
the mark was seen, so the last mark of a thing brings its last state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa
import structlog

from roundhouse.core.errors import StorageFull, StorageUnavailable
from roundhouse.infra.db import Database, Tx, is_unique_violation
from roundhouse.infra.search import generations, store, waiting
from roundhouse.infra.search.indexing import analysed, write
from roundhouse.infra.search.postings import filter_term
from roundhouse.infra.search.shapes import Entry, IndexState, Source
from roundhouse.infra.search.waiting import Mark

_log = structlog.get_logger(__name__)

_STEP_THINGS = 2_000
_STEP_PARTS = 2_000
# Many that end one after the other, each of few parts, must not need a step each.
_STEP_WHOLES = 200
# To look for the parts of one that is gone takes as long as to mark so many.
_GONE_PARTS = 100
# Texts of one step: others wait for as long as they take to be written.
_STEP_CHARS = 400_000
# A search does so many steps before it goes on with what is indexed.
_MOST_STEPS = 4
_TRIES = 3


class Indexer:
    """Indexes things of some kinds.

    Args:
        db: The database.
        sources: One for each kind.

    Attributes:
        sources: The same by kind.
        untidy: Spaces that were written to, for whoever tidies them.
    """

    def __init__(self, db: Database, sources: Sequence[Source]) -> None:
        self._db = db
        self.sources = {source.kind: source for source in sources}
        self.untidy: set[int] = set()
        self._written: dict[int, int] = {}
        self._kinds = sorted(self.sources)

    async def catch_up(self, site_id: str, kind: str) -> IndexState:
        """Index what a tenant has changed, for a search that comes next.

        A search goes on with what is indexed where there is too much of it, or where nothing can be written.
        """
        async with self._db.read() as tx:
            waits = await waiting.is_any(tx, site_id)
        try:
            steps = 0
            while waits and steps < _MOST_STEPS:
                waits = await self.step(site_id)
                steps += 1
        except (StorageFull, StorageUnavailable) as error:
            _log.warning("search_not_caught_up", error=type(error).__name__)
        async with self._db.read() as tx:
            if waits and await waiting.is_any(tx, site_id):
                return "indexing"
            known = await generations.find_kind(tx, kind)
        return "ready" if known is None or known.building is None else "rebuilding"

    async def catch_up_all(
        self, site_id: str, on_progress: Callable[[float, str], None], *, kind: str | None = None
    ) -> None:
        """Index all that waits of a tenant, on whichever shelves, as a job does after it has written much.

        What this process has written is put in order, too, so that searches need not look through fresh entries.
        Whoever is cut off goes on with what is left: each step is a transaction of its own.

        Args:
            site_id: Tenant.
            on_progress: Is told after each step how far it is, 0 to 1; that may go back where others write, and
                where a whole falls into its parts.
            kind: Only of this kind.

        Raises:
            StorageUnavailable: The database does not answer.
            StorageFull: No space left.
        """
        async with self._db.read() as tx:
            left = await waiting.count(tx, site_id, kind)
        done = 0
        while await self.step(site_id, kind):
            await self._settle()
            before = left
            async with self._db.read() as tx:
                left = await waiting.count(tx, site_id, kind)
            done += max(0, before - left)
            on_progress(done / max(1, done + left), f"{left} to be indexed")
        await self.pack()

    async def pack(self) -> bool:
        """Pack a space to which this process has written much, when it has written all; False = there is none.

        Raises:
            StorageUnavailable: The database does not answer.
            StorageFull: No space left.
        """
        if not self._written:
            return False
        # Not before there is work: it needs numpy.
        from roundhouse.infra.search.upkeep import is_scattered, pack

        for space, written in sorted(self._written.items()):
            if await is_scattered(self._db, space, written):
                await pack(self._db, space)
                self._written.pop(space, None)
                return True
        return False

    async def _settle(self) -> None:
        # Not at the top: it needs numpy, without which the product starts.
        from roundhouse.infra.search.upkeep import tidy

        while self.untidy:
            space = min(self.untidy)
            if not await tidy(self._db, space, fresh=0):
                self.untidy.discard(space)

    async def step(self, site_id: str | None = None, kind: str | None = None) -> bool:
        """Index some of what was marked; False = nothing waits.

        Args:
            site_id: Only of this tenant; None = of any.
            kind: Only of this kind; None = of any.

        Raises:
            StorageUnavailable: The database does not answer.
            StorageFull: No space left.
        """
        for attempt in range(_TRIES):
            try:
                return await self._step(site_id, self._kinds if kind is None else [kind])
            except sa.exc.IntegrityError as error:
                # Another process indexed the same thing for the first time, by another mark.
                if not is_unique_violation(error) or attempt == _TRIES - 1:
                    raise
        raise AssertionError

    async def _step(self, site_id: str | None, kinds: Sequence[str]) -> bool:
        async with self._db.read() as tx:
            marks = await waiting.oldest(tx, kinds, site_id, _STEP_THINGS, whole=False)
            entries = await self._entries(tx, marks)
            wholes = await waiting.oldest(tx, kinds, site_id, _STEP_WHOLES, whole=True) if not marks else []
        if wholes:
            await self._fall_apart(wholes)
            return True
        if not marks:
            return False
        marks, entries = _bounded(marks, entries)
        found = await analysed(entries)
        async with self._db.begin() as tx:
            locked = await waiting.lock(tx, [mark.id for mark in marks])
            mine = {(mark.kind, mark.ref_id) for mark in locked}
            chosen = [one for one in found if (one.entry.kind, one.entry.ref_id) in mine]
            spaces = await write(tx, mine, chosen)
            await waiting.done(tx, [mark.id for mark in locked])
        self.untidy |= spaces
        for space in spaces:
            self._written[space] = self._written.get(space, 0) + len(chosen)
        return True

    async def _entries(self, tx: Tx, marks: Sequence[Mark]) -> list[Entry]:
        found: list[Entry] = []
        for kind in sorted({mark.kind for mark in marks}):
            ref_ids = sorted({mark.ref_id for mark in marks if mark.kind == kind})
            found += await self.sources[kind].entries(tx, ref_ids)
        return found

    async def _fall_apart(self, marks: Sequence[Mark]) -> None:
        """Mark the next parts of wholes, of so many that these are enough for a step, but of one at least."""
        left = _STEP_PARTS
        async with self._db.begin() as tx:
            for mark in await waiting.lock(tx, [mark.id for mark in marks]):
                left -= await self._mark_parts(tx, mark, left)
                if left <= 0:
                    break

    async def _mark_parts(self, tx: Tx, mark: Mark, most: int) -> int:
        """Mark the next parts of a whole; those of one that is gone are what the index knows of it.

        Returns:
            What that took, in parts.
        """
        found = await self.sources[mark.kind].parts(tx, mark.ref_id, mark.after, most)
        if found is not None:
            ref_ids, behind = found.ref_ids, found.after
        else:
            ref_ids, behind = await _indexed_parts(tx, mark, most)
        await waiting.mark(tx, mark.site_id, mark.kind, ref_ids)
        if behind is None:
            await waiting.done(tx, [mark.id])
        else:
            await waiting.move_on(tx, mark.id, behind)
        return len(ref_ids) if found is not None else max(len(ref_ids), _GONE_PARTS)


_GONE = "gone:"


async def _indexed_parts(tx: Tx, mark: Mark, most: int) -> tuple[list[str], str | None]:
    """Parts of a whole that is gone, as far as they are in the index, and where the next ones begin."""
    # Not at the top: it needs numpy, without which the product starts.
    from roundhouse.infra.search.fresh import Fresh
    from roundhouse.infra.search.gathering import Lists

    last = int(mark.after.removeprefix(_GONE)) if mark.after.startswith(_GONE) else 0
    term = filter_term("parent", mark.ref_id)
    numbers: set[int] = set()
    for space in await generations.spaces_of(tx, mark.site_id, mark.kind, mark.shelf):
        lists = Lists(tx, space, Fresh(await store.fresh(tx, space)))
        await lists.survey([term])
        numbers.update((await lists.whole(term)).numbers.tolist())
    behind = sorted(number for number in numbers if number > last)
    chosen = behind[:most]
    ref_ids = [head.ref_id for head in await store.heads(tx, chosen)]
    return ref_ids, f"{_GONE}{chosen[-1]}" if len(behind) > len(chosen) else None


def _bounded(marks: list[Mark], entries: list[Entry]) -> tuple[list[Mark], list[Entry]]:
    """So many of the first marks that their texts are not too long together, but at least one."""
    chars = {(entry.kind, entry.ref_id): len(entry.text) for entry in entries}
    total = 0
    for place, mark in enumerate(marks):
        total += chars.pop((mark.kind, mark.ref_id), 0)
        if total > _STEP_CHARS and place:
            kept = {(one.kind, one.ref_id) for one in marks[:place]}
            return marks[:place], [one for one in entries if (one.kind, one.ref_id) in kept]
    return marks, entries
