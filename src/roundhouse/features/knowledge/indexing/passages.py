"""The SQL of passages, for who indexes and measures them. Only those of visible documents are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.features.knowledge.stores.model import Passage
from roundhouse.features.knowledge.stores.rows import documents, passages
from roundhouse.infra.db import Tx

_AT_ONCE = 500
_VISIBLE = documents.c.state == "visible"
_JOINED = passages.join(documents, documents.c.number == passages.c.document)
_OWN = passages.c


class Text(msgspec.Struct, frozen=True):
    """A passage as the full text index finds it."""

    number: int
    document: int
    store_id: str
    site_id: str
    user_id: str | None
    app_id: str | None
    headings: tuple[str, ...]
    text: str
    created_at_s: float


_TEXT = ("number", "document", "store_id", "site_id", "user_id", "app_id", "headings", "text", "created_at_s")
_PASSAGE = [_OWN[name] for name in Passage.__struct_fields__]


async def texts(tx: Tx, numbers: Sequence[int], *, lock: bool = False) -> list[Text]:
    """Those of some passages that are to be found.

    Args:
        tx: Any transaction.
        numbers: Which.
        lock: Whether their documents may not change until it ends; those that somebody changes are left out.
    """
    found: list[Text] = []
    for some in _pieces(numbers):
        query = sa.select(*(_OWN[name] for name in _TEXT)).select_from(_JOINED)
        query = query.where(_OWN.number.in_(some), _VISIBLE)
        if lock:
            query = query.with_for_update(skip_locked=True, of=documents)
        found += [Text(**_fields(row, _TEXT)) for row in await tx.execute(query)]
    return found


async def numbers_of(tx: Tx, document: int, after: int, limit: int) -> list[int] | None:
    """Passages of a document behind one of them; None = it is not visible."""
    seen = await tx.execute(sa.select(documents.c.number).where(documents.c.number == document, _VISIBLE))
    if seen.first() is None:
        return None
    rows = await tx.execute(
        sa.select(_OWN.number)
        .where(_OWN.document == document, _OWN.number > after)
        .order_by(_OWN.number)
        .limit(limit)
    )
    return list(rows.scalars())


async def whole_documents(tx: Tx, numbers: Sequence[int], most: int) -> dict[int, list[int]]:
    """The passages of those documents that have all of theirs, and at most so many; visible or not."""
    found: dict[int, list[int]] = {}
    for some in _pieces(numbers):
        rows = await tx.execute(
            sa.select(documents.c.number, documents.c.passages, _OWN.number)
            .select_from(_JOINED)
            .where(documents.c.number.in_(some), documents.c.passages <= most)
        )
        counts: dict[int, int] = {}
        for document, count, number in rows:
            counts[document] = count
            found.setdefault(document, []).append(number)
        for document, count in counts.items():
            if len(found[document]) != count:
                del found[document]
    return found


async def numbers_after(tx: Tx, after: int, limit: int) -> list[int]:
    """Passages of all stores behind one of them."""
    rows = await tx.execute(
        sa.select(_OWN.number)
        .select_from(_JOINED)
        .where(_OWN.number > after, _VISIBLE)
        .order_by(_OWN.number)
        .limit(limit)
    )
    return list(rows.scalars())


async def count_visible(tx: Tx, store_id: str | None = None) -> int:
    """Passages of visible documents, of one store or of all."""
    query = sa.select(sa.func.coalesce(sa.func.sum(documents.c.passages), 0)).where(_VISIBLE)
    if store_id is not None:
        query = query.where(documents.c.store_id == store_id)
    return int((await tx.execute(query)).scalar_one())


async def numbers_with_words(tx: Tx, store_id: str) -> list[int]:
    """Passages of a store that have words, in order."""
    rows = await tx.execute(
        sa.select(_OWN.number)
        .select_from(_JOINED)
        .where(documents.c.store_id == store_id, _VISIBLE, _OWN.kind != "image")
        .order_by(_OWN.number)
    )
    return list(rows.scalars())


async def numbered(tx: Tx, numbers: Sequence[int]) -> list[Passage]:
    """Some passages of visible documents, by number."""
    found: list[Passage] = []
    for some in _pieces(numbers):
        rows = await tx.execute(
            sa.select(*_PASSAGE).select_from(_JOINED).where(_OWN.number.in_(some), _VISIBLE)
        )
        found += [Passage(**row) for row in rows.mappings()]
    return sorted(found, key=lambda one: one.number)


async def of_document(tx: Tx, document: int, after: int, limit: int) -> list[Passage]:
    """Passages of a document behind one of them, if it is visible."""
    rows = await tx.execute(
        sa.select(*_PASSAGE)
        .select_from(_JOINED)
        .where(_OWN.document == document, _OWN.number > after, _VISIBLE)
        .order_by(_OWN.number)
        .limit(limit)
    )
    return [Passage(**row) for row in rows.mappings()]


def _fields(row: Any, names: Sequence[str]) -> dict[str, Any]:
    fields = {name: getattr(row, name) for name in names}
    fields["headings"] = tuple(fields["headings"])
    return fields


def _pieces(values: Sequence[int]) -> list[Sequence[int]]:
    return [values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE)]
