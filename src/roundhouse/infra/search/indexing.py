"""Writing the index."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from roundhouse.infra.db import Tx
from roundhouse.infra.search import store
from roundhouse.infra.search.analyser import Analysis, analyse, cleaned
from roundhouse.infra.search.fresh import FreshRow, pack_terms
from roundhouse.infra.search.generations import make_kind
from roundhouse.infra.search.postings import MAX_COUNT, Document, filter_term, pack_numbers
from roundhouse.infra.search.shapes import Entry

# More text is analysed beside the event loop.
_LONG_CHARS = 20_000
# So many entries are written at once: each row of their postings holds what all of them have of a term.
_MOST_ENTRIES = 20_000
MANY_ENTRIES = 512
"""So many entries at once become postings without having been fresh."""


class Analysed(NamedTuple):
    """An entry, its text as it is kept, and its terms."""

    entry: Entry
    text: str
    analysis: Analysis


async def index(tx: Tx, entries: Sequence[Entry]) -> set[int]:
    """Make entries findable, instead of what was indexed under their ids before.

    Many at once make a smaller and faster index than each for itself. Of two under the same id the later one counts.

    Args:
        tx: A write transaction; what it locks besides, it must have locked before.
        entries: Of any tenants and kinds.

    Returns:
        The spaces they are in, for `upkeep.tidy`.
    """
    newest = {(entry.kind, entry.ref_id): entry for entry in entries}
    return await write(tx, newest, await analysed(list(newest.values())))


async def remove(tx: Tx, kind: str, ref_ids: Sequence[str]) -> None:
    """Make entries unfindable; unknown ids are none.

    Args:
        tx: A write transaction.
        kind: Of `Entry.kind`.
        ref_ids: Of entries of any tenants.
    """
    await _forget(tx, kind, ref_ids)


async def analysed(entries: Sequence[Entry]) -> list[Analysed]:
    """Look at texts, beside the event loop if they are long."""
    if sum(len(entry.text) for entry in entries) > _LONG_CHARS:
        return await asyncio.to_thread(_analysed, entries)
    return _analysed(entries)


def _analysed(entries: Sequence[Entry]) -> list[Analysed]:
    texts = [cleaned(entry.text) for entry in entries]
    return [Analysed(entry, text, analyse(text)) for entry, text in zip(entries, texts, strict=True)]


async def write(tx: Tx, named: Iterable[tuple[str, str]], found: Sequence[Analysed]) -> set[int]:
    """Write things as they are now into every generation of their kinds.

    Args:
        tx: A write transaction.
        named: Kind and id of each.
        found: Those of them that are to be found; the others are not, from now on.

    Returns:
        The spaces that were written to.
    """
    of_kind: dict[str, list[str]] = {}
    for kind, ref_id in sorted(named):
        of_kind.setdefault(kind, []).append(ref_id)
    spaces: set[int] = set()
    for kind, ref_ids in of_kind.items():
        spaces |= await _forget(tx, kind, ref_ids)
    for (site_id, kind, shelf), chosen in sorted(_by_shelf(found).items()):
        for generation in (await make_kind(tx, kind)).all:
            space = await store.make_space(tx, site_id, kind, shelf, generation)
            await add(tx, space, chosen)
            spaces.add(space)
    return spaces


def _by_shelf(found: Sequence[Analysed]) -> dict[tuple[str, str, str], list[Analysed]]:
    shelves: dict[tuple[str, str, str], list[Analysed]] = {}
    for one in found:
        shelves.setdefault((one.entry.site_id, one.entry.kind, one.entry.shelf), []).append(one)
    return shelves


async def add(tx: Tx, space: int, found: Sequence[Analysed]) -> None:
    """Write entries into a space in which they are not."""
    for start in range(0, len(found), _MOST_ENTRIES):
        await _add(tx, space, found[start : start + _MOST_ENTRIES])


async def _forget(tx: Tx, kind: str, ref_ids: Sequence[str]) -> set[int]:
    known = await store.known(tx, kind, ref_ids)
    if not known:
        return set()
    await store.delete_entries(tx, [one.number for one in known])
    spaces = {one.space for one in known}
    for space in sorted(spaces):
        gone = [one for one in known if one.space == space]
        fresh = await store.delete_fresh(tx, space, [one.number for one in gone])
        # What never came into the postings need not be taken out of them.
        removed = pack_numbers([one.number for one in gone if one.number not in fresh])
        await store.insert_change(tx, space, -len(gone), -sum(one.length for one in gone), removed=removed)
    return spaces


async def _add(tx: Tx, space: int, found: Sequence[Analysed]) -> None:
    numbers = await store.reserve_numbers(tx, len(found))
    rows = [
        {
            "number": number,
            "space": space,
            "ref_id": entry.ref_id,
            "site_id": entry.site_id,
            "user_id": entry.user_id,
            "app_id": entry.app_id,
            "parent_id": entry.parent_id,
            "length": analysis.length,
            "at_s": entry.at_s,
            "text": text,
        }
        for number, (entry, text, analysis) in zip(numbers, found, strict=True)
    ]
    await store.insert_entries(tx, rows)
    documents = [_document(number, one) for number, one in zip(numbers, found, strict=True)]
    if len(documents) < MANY_ENTRIES:
        fresh = [FreshRow(one.number, one.length, one.at_s, pack_terms(one.terms)) for one in documents]
        await store.insert_fresh(tx, space, fresh)
    else:
        # Not at the top: it needs numpy, without which the product starts.
        from roundhouse.infra.search.upkeep import settle

        await settle(tx, space, documents)
    await store.insert_change(tx, space, len(found), sum(one.analysis.length for one in found))


def _document(number: int, one: Analysed) -> Document:
    entry, _text, analysis = one
    terms = {term: often if often < MAX_COUNT else MAX_COUNT for term, often in analysis.terms.items()}
    for term in filters_of(entry.user_id, entry.app_id, entry.parent_id, entry.role, entry.tags):
        terms[term] = 1
    return Document(number, analysis.length, entry.at_s, terms)


def filters_of(
    user_id: str | None, app_id: str | None, parent_id: str | None, role: str | None, tags: Iterable[str]
) -> set[bytes]:
    """The terms of the properties that an entry has, or that a query asks for."""
    named = {"user": user_id, "app": app_id, "parent": parent_id, "role": role}
    found = {filter_term(name, value) for name, value in named.items() if value is not None}
    return found | {filter_term("tag", tag) for tag in tags}
