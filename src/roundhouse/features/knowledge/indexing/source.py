"""What the full text index is told of passages, and where it gets them from.

Each vector store is a shelf of its own, each document a whole whose parts are its passages. The index holds the
passages of visible documents only: it is told in the transaction that makes a document visible, and when it is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from roundhouse.features.knowledge.indexing import passages as stored
from roundhouse.infra import search
from roundhouse.infra.db import Tx

PASSAGE = "passage"
"""Kind of the entries; their parent is the number of the document."""


_FEW = 512
"""So many passages are marked one by one: a search catches up with many of those at once."""


class FullText(Protocol):
    """Keeps the index of words up to date; `infra.search.indexer.Indexer` does."""

    async def catch_up(self, site_id: str, kind: str) -> search.IndexState:
        """Index what was changed."""
        ...


class PassageIndex:
    """Tells the full text index what changed: it marks what is to be indexed.

    Args:
        full_text: Indexes it.
    """

    def __init__(self, full_text: FullText) -> None:
        self._full_text = full_text

    async def published(self, tx: Tx, site_id: str, store_id: str, documents: Sequence[int]) -> None:
        """Documents became visible in this transaction."""
        await _mark(tx, site_id, store_id, documents)

    async def gone(self, tx: Tx, site_id: str, store_id: str, documents: Sequence[int]) -> None:
        """Documents are not visible any more; their passages may be deleted already."""
        await _mark(tx, site_id, store_id, documents)

    async def dropped(self, tx: Tx, site_id: str, store_id: str) -> None:
        """A store is no longer there."""
        await search.drop_shelf(tx, site_id, PASSAGE, store_id)

    async def catch_up(self, site_id: str) -> None:
        """Index what was told, or much of it: the rest is indexed in the background."""
        await self._full_text.catch_up(site_id, PASSAGE)


async def _mark(tx: Tx, site_id: str, store_id: str, documents: Sequence[int]) -> None:
    small = await stored.whole_documents(tx, documents, _FEW)
    numbers = [number for some in small.values() for number in some]
    await search.mark(tx, site_id, PASSAGE, _names(numbers))
    large = [one for one in documents if one not in small]
    await search.mark_parts(tx, site_id, PASSAGE, _names(large), shelf=store_id)


def _names(documents: Sequence[int]) -> list[str]:
    return [str(one) for one in documents]


class PassageSource:
    """Passages as the index finds them; parts are those of a document."""

    kind = PASSAGE

    async def entries(self, tx: Tx, ref_ids: Sequence[str], *, lock: bool = False) -> list[search.Entry]:
        """The texts of passages of visible documents."""
        found = await stored.texts(tx, [int(one) for one in ref_ids], lock=lock)
        return [_entry(one) for one in found]

    async def parts(self, tx: Tx, ref_id: str, after: str, limit: int) -> search.Some | None:
        """The passages of a document; None = it is not visible any more."""
        numbers = await stored.numbers_of(tx, int(ref_id), int(after or 0), limit)
        return None if numbers is None else _some(numbers, limit)

    async def page(self, tx: Tx, after: str, limit: int) -> search.Some:
        """All passages of visible documents."""
        return _some(await stored.numbers_after(tx, int(after or 0), limit), limit)

    async def count(self, tx: Tx) -> int:
        """How many there are."""
        return await stored.count_visible(tx)


def _some(numbers: Sequence[int], limit: int) -> search.Some:
    return search.Some(_names(numbers), str(numbers[-1]) if len(numbers) == limit else None)


def _entry(one: stored.Text) -> search.Entry:
    return search.Entry(
        ref_id=str(one.number),
        kind=PASSAGE,
        site_id=one.site_id,
        user_id=one.user_id,
        app_id=one.app_id,
        parent_id=str(one.document),
        role=None,
        tags=(),
        text="\n".join([*one.headings, one.text]),
        at_s=one.created_at_s,
        shelf=one.store_id,
    )
