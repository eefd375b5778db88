"""Writing the index: in the transaction of the change, so that what is there is found and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from roundhouse.infra.db import Tx
from roundhouse.infra.search import store
from roundhouse.infra.search.analyser import Analysis, analyse, cleaned
from roundhouse.infra.search.postings import (
    MAX_ROW,
    MAX_SPAN,
    TIMES,
    Posting,
    filter_term,
    pack,
    pack_numbers,
)
from roundhouse.infra.search.shapes import Entry

# Longer texts are analysed beside the event loop.
_LONG_CHARS = 20_000
# So many entries are written at once: each row of their postings holds what all of them have of a term.
_MOST_ENTRIES = 20_000
# So many entries at once make rows that need not be put together with others.
_MANY_ENTRIES = 2_048


async def index(tx: Tx, entries: Sequence[Entry]) -> None:
    """Make entries findable, instead of what was indexed under their ids before.

    Many at once make a smaller and faster index than each for itself. Of two under the same id the later one counts.

    Args:
        tx: The transaction of the change; what it locks besides, it must have locked before.
        entries: Of any tenants and kinds.
    """
    newest = {(entry.kind, entry.ref_id): entry for entry in entries}
    await _forget(tx, newest)
    spaces = sorted({(entry.site_id, entry.kind) for entry in newest.values()})
    for site_id, kind in spaces:
        space = await store.make_space(tx, site_id, kind)
        chosen = [one for one in newest.values() if (one.site_id, one.kind) == (site_id, kind)]
        for start in range(0, len(chosen), _MOST_ENTRIES):
            await _add(tx, space, chosen[start : start + _MOST_ENTRIES])


async def remove(tx: Tx, kind: str, ref_ids: Sequence[str]) -> None:
    """Make entries unfindable; unknown ids are none.

    Args:
        tx: The transaction of the change.
        kind: Of `Entry.kind`.
        ref_ids: Of entries of any tenants.
    """
    await _forget(tx, [(kind, ref_id) for ref_id in ref_ids])


async def _forget(tx: Tx, named: Iterable[tuple[str, str]]) -> None:
    for kind, pairs in groupby(sorted(named), key=itemgetter(0)):
        known = await store.known(tx, kind, [ref_id for _kind, ref_id in pairs])
        if not known:
            continue
        await store.delete_entries(tx, [number for number, _space, _length in known])
        for space in sorted({space for _number, space, _length in known}):
            gone = [(number, length) for number, of_space, length in known if of_space == space]
            removed = pack_numbers([number for number, _length in gone])
            words = sum(length for _number, length in gone)
            await store.insert_change(tx, space, -len(gone), -words, removed=removed)


async def _add(tx: Tx, space: int, entries: Sequence[Entry]) -> None:
    texts = [cleaned(entry.text) for entry in entries]
    if sum(map(len, texts)) > _LONG_CHARS:
        analyses = await asyncio.to_thread(lambda: [analyse(text) for text in texts])
    else:
        analyses = [analyse(text) for text in texts]
    rows = [
        {
            "space": space,
            "kind": entry.kind,
            "ref_id": entry.ref_id,
            "site_id": entry.site_id,
            "user_id": entry.user_id,
            "app_id": entry.app_id,
            "parent_id": entry.parent_id,
            "role": entry.role,
            "tags": list(entry.tags),
            "length": analysis.length,
            "at_s": entry.at_s,
            "text": text,
        }
        for entry, text, analysis in zip(entries, texts, analyses, strict=True)
    ]
    numbers = await store.insert_entries(tx, rows)
    made = list(zip(numbers, entries, analyses, strict=True))
    postings = await asyncio.to_thread(_rows, made) if len(made) > 1 else _rows(made)
    await store.insert_postings(tx, space, postings)
    words = sum(analysis.length for analysis in analyses)
    added = pack_numbers(numbers) if len(numbers) < _MANY_ENTRIES else b""
    await store.insert_change(tx, space, len(entries), words, added=added)


def _rows(made: Iterable[tuple[int, Entry, Analysis]]) -> list[store.Row]:
    postings: dict[bytes, list[Posting]] = {}
    for number, entry, analysis in made:
        _post(postings, number, entry, analysis)
    return list(_packed(postings))


def _post(postings: dict[bytes, list[Posting]], number: int, entry: Entry, analysis: Analysis) -> None:
    length = analysis.length
    for term, often in analysis.terms.items():
        postings.setdefault(term, []).append(Posting(number, often, length))
    for term in filters_of(entry.user_id, entry.app_id, entry.parent_id, entry.role, entry.tags):
        postings.setdefault(term, []).append(Posting(number))
    postings.setdefault(TIMES, []).append(Posting(number, at_s=entry.at_s))


def filters_of(
    user_id: str | None, app_id: str | None, parent_id: str | None, role: str | None, tags: Iterable[str]
) -> set[bytes]:
    """The terms of the properties that an entry has, or that a query asks for."""
    named = {"user": user_id, "app": app_id, "parent": parent_id, "role": role}
    found = {filter_term(name, value) for name, value in named.items() if value is not None}
    return found | {filter_term("tag", tag) for tag in tags}


def _packed(postings: dict[bytes, list[Posting]]) -> Iterator[store.Row]:
    for term, found in sorted(postings.items()):
        start = 0
        while start < len(found):
            part = found[start : start + MAX_ROW]
            # Writers that take turns spread the numbers, though hardly ever so far.
            part = [one for one in part if one.number - part[0].number <= MAX_SPAN]
            start += len(part)
            data = pack(term[:1], part)
            yield store.Row(term, part[0].number, part[-1].number, len(part), data)
