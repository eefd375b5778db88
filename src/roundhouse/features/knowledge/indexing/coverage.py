"""The SQL of what an index version holds and what it lacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from roundhouse.features.knowledge.indexing.coverage_rows import index_documents
from roundhouse.features.knowledge.stores.model import Passage
from roundhouse.features.knowledge.stores.rows import documents, passages
from roundhouse.infra.db import Tx

_PASSAGE = [passages.c[name] for name in Passage.__struct_fields__]
_HELD = index_documents.c


class Lacking(NamedTuple):
    """What comes next in building a version.

    Attributes:
        passages: In the order of their documents and numbers.
        complete: Documents that the version holds wholly with these.
        begun: The one that it holds up to its last passage here; None = there is no such.
    """

    passages: list[Passage]
    complete: list[int]
    begun: int | None


def _lacking(store_id: str, index: int) -> sa.Select[tuple[int, int | None]]:
    held = sa.and_(_HELD.document == documents.c.number, _HELD.index_number == index)
    return (
        sa.select(documents.c.number, _HELD.upto)
        .select_from(documents.outerjoin(index_documents, held))
        .where(
            documents.c.store_id == store_id,
            documents.c.state == "visible",
            sa.or_(_HELD.document.is_(None), _HELD.upto.is_not(None)),
        )
    )


async def is_whole(tx: Tx, store_id: str, index: int) -> bool:
    """Whether a version holds every visible document."""
    return (await tx.execute(_lacking(store_id, index).limit(1))).first() is None


async def lacking(tx: Tx, store_id: str, index: int, most: int) -> Lacking | None:
    """The next passages that a version lacks; None = it lacks nothing.

    Args:
        tx: Any transaction.
        store_id: The store.
        index: Number of the version.
        most: Most passages.
    """
    query = _lacking(store_id, index).order_by(documents.c.number).limit(most)
    rows = [(int(row.number), row.upto) for row in await tx.execute(query)]
    if not rows:
        return None
    begun = [
        sa.and_(passages.c.document == number, passages.c.number > upto)
        for number, upto in rows
        if upto is not None
    ]
    whole = [number for number, upto in rows if upto is None]
    query_passages = (
        sa.select(*_PASSAGE)
        .where(sa.or_(passages.c.document.in_(whole), *begun))
        .order_by(passages.c.document, passages.c.number)
        .limit(most + 1)
    )
    found = [Passage(**row) for row in (await tx.execute(query_passages)).mappings()]
    numbers = [number for number, _upto in rows]
    if len(found) <= most:
        return Lacking(found, numbers, None)
    last, following = found[most - 1].document, found[most].document
    complete = [number for number in numbers if number < following]
    return Lacking(found[:most], complete, last if last == following else None)


async def hold(tx: Tx, index: int, some: Lacking) -> None:
    """Note that a version holds what it lacked until now."""
    named = [*some.complete, *([] if some.begun is None else [some.begun])]
    await forget_documents(tx, index, named)
    rows: list[dict[str, int | None]] = [
        {"index_number": index, "document": number, "upto": None} for number in some.complete
    ]
    if some.begun is not None:
        rows.append({"index_number": index, "document": some.begun, "upto": some.passages[-1].number})
    if rows:
        await tx.execute(sa.insert(index_documents), rows)


async def hold_all(tx: Tx, store_id: str, index: int) -> None:
    """Note that a version holds every visible document: it was searched until now."""
    await tx.execute(sa.delete(index_documents).where(_HELD.index_number == index))
    visible = sa.select(sa.literal(index), documents.c.number).where(
        documents.c.store_id == store_id, documents.c.state == "visible"
    )
    await tx.execute(sa.insert(index_documents).from_select(["index_number", "document"], visible))


async def stale(tx: Tx, index: int, limit: int) -> list[int]:
    """Documents that a version holds though they are not visible any more."""
    rows = await tx.execute(
        sa.select(_HELD.document)
        .select_from(index_documents.outerjoin(documents, documents.c.number == _HELD.document))
        .where(
            _HELD.index_number == index,
            sa.or_(documents.c.number.is_(None), documents.c.state == "gone"),
        )
        .order_by(_HELD.document)
        .limit(limit)
    )
    return list(rows.scalars())


async def forget_documents(tx: Tx, index: int, numbers: Sequence[int]) -> None:
    """A version does not hold these any more."""
    await tx.execute(
        sa.delete(index_documents).where(_HELD.index_number == index, _HELD.document.in_(numbers))
    )


async def forget(tx: Tx, index: int) -> None:
    """Nothing is known of a version any more."""
    await tx.execute(sa.delete(index_documents).where(_HELD.index_number == index))
