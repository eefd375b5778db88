"""Makes the index of a kind anew from the truth, beside the one that is searched until it is complete.

Where it is stands in the database: whoever comes next goes on, several processes take turns.
"""

from __future__ import annotations

from typing import NamedTuple

from roundhouse.infra.db import Database, Tx
from roundhouse.infra.search import generations, store, waiting
from roundhouse.infra.search.analyser import VERSION
from roundhouse.infra.search.generations import Kind
from roundhouse.infra.search.indexing import Analysed, add, analysed
from roundhouse.infra.search.shapes import Entry, Some, Source

_STEP_THINGS = 2_000


class Progress(NamedTuple):
    """How far it is.

    Attributes:
        done: Things that were looked at.
        total: How many there were when it began.
        complete: Whether the new index is the one that is searched.
    """

    done: int
    total: int
    complete: bool


async def is_outdated(db: Database, kind: str) -> bool:
    """Whether another analyser than this one made the index of a kind, and nobody makes it anew yet."""
    async with db.read() as tx:
        known = await generations.find_kind(tx, kind)
    return known is not None and known.version != VERSION and known.building is None


async def begin(db: Database, source: Source) -> None:
    """Begin to make an index anew; one that was begun is gone on with."""
    async with db.begin() as tx:
        await generations.make_kind(tx, source.kind)
        known = await generations.find_kind(tx, source.kind, lock=True)
        if known is None or known.building is not None:
            return
        total = await source.count(tx)
        building = known.generation + 1
        await generations.change_kind(tx, source.kind, building=building, after="", done=0, total=total)


async def step(db: Database, source: Source) -> Progress | None:
    """Do one piece of what was begun; None = nothing is.

    Raises:
        StorageUnavailable: The database does not answer.
        StorageFull: No space left.
    """
    async with db.read() as tx:
        known = await generations.find_kind(tx, source.kind)
        if known is None or known.building is None:
            return None
        some = await source.page(tx, known.after, _STEP_THINGS)
        entries = await source.entries(tx, some.ref_ids)
    # Looked at before the others have to wait; what changed meanwhile is looked at again.
    ready = {(one.entry.kind, one.entry.ref_id): one for one in await analysed(entries)}
    async with db.begin() as tx:
        now = await generations.find_kind(tx, source.kind, lock=True)
        if now is None or now.building != known.building or now.after != known.after:
            # Another process was faster.
            return Progress(known.done, known.total, False)
        return await _write(tx, source, now, some, ready)


async def _write(
    tx: Tx, source: Source, kind: Kind, some: Some, ready: dict[tuple[str, str], Analysed]
) -> Progress:
    entries = await source.entries(tx, some.ref_ids, lock=True)
    await _add(tx, source, kind, entries, ready)
    there = {entry.ref_id for entry in entries}
    # What somebody changes just now is locked and was left out: it is indexed as it will be.
    await waiting.mark(tx, "", source.kind, [one for one in some.ref_ids if one not in there])
    done = kind.done + len(some.ref_ids)
    if some.after is not None:
        await generations.change_kind(tx, source.kind, after=some.after, done=done)
        return Progress(done, max(done, kind.total), False)
    await generations.change_kind(
        tx, source.kind, generation=kind.building, building=None, version=VERSION, after="", done=done
    )
    return Progress(done, done, True)


async def _add(
    tx: Tx, source: Source, kind: Kind, entries: list[Entry], ready: dict[tuple[str, str], Analysed]
) -> None:
    assert kind.building is not None
    spaces: dict[tuple[str, str], int] = {}
    for site_id, shelf in sorted({(entry.site_id, entry.shelf) for entry in entries}):
        spaces[site_id, shelf] = await store.make_space(tx, site_id, source.kind, shelf, kind.building)
    # What changed since it began is there already.
    known = await store.known(tx, source.kind, [entry.ref_id for entry in entries])
    there = {one.ref_id for one in known if one.space in spaces.values()}
    for shelf_of, space in spaces.items():
        mine = [one for one in entries if (one.site_id, one.shelf) == shelf_of and one.ref_id not in there]
        changed = [one for one in mine if _ready(one, ready) is None]
        anew = {one.entry.ref_id: one for one in await analysed(changed)}
        chosen = [_ready(one, ready) or anew[one.ref_id] for one in mine]
        if chosen:
            await add(tx, space, chosen)


def _ready(entry: Entry, ready: dict[tuple[str, str], Analysed]) -> Analysed | None:
    found = ready.get((entry.kind, entry.ref_id))
    return found if found is not None and found.entry == entry else None


async def sweep(db: Database, kinds: list[str]) -> bool:
    """Delete one space that is searched no more; False = there is none."""
    async with db.read() as tx:
        space = await generations.outdated_space(tx, kinds)
    if space is None:
        return False
    more = True
    while more:
        async with db.begin() as tx:
            more = await generations.drop_some(tx, space)
    return True
