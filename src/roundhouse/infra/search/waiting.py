"""What changed and is still to be indexed: written in the transaction of the change, one small row each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from roundhouse.infra.db import Tx
from roundhouse.infra.search.rows import search_waiting


class Mark(NamedTuple):
    """Something to be indexed as it is then, or its parts.

    Attributes:
        id: Rises.
        site_id: Whose it is.
        kind: Of the thing, or of the parts.
        ref_id: Of the thing, or of the whole.
        after: Which parts were marked already.
        shelf: Where the parts are; None = it is not known.
    """

    id: int
    site_id: str
    kind: str
    ref_id: str
    after: str
    shelf: str | None


_waiting = search_waiting.c
_FIELDS = [_waiting[name] for name in Mark._fields]
_INSERT = sa.insert(search_waiting)
_OLDEST = (
    sa.select(*_FIELDS)
    .where(
        _waiting.is_whole == sa.bindparam("whole"),
        _waiting.kind.in_(sa.bindparam("kinds", expanding=True)),
    )
    .order_by(_waiting.id)
    .limit(sa.bindparam("most"))
)
_OLDEST_OF_SITE = _OLDEST.where(_waiting.site_id == sa.bindparam("site_id"))
_AMONG = _waiting.id.in_(sa.bindparam("ids", expanding=True))
_LOCK = sa.select(*_FIELDS).where(_AMONG).order_by(_waiting.id).with_for_update()
_DONE = sa.delete(search_waiting).where(_AMONG)
_ANY = sa.select(_waiting.id).where(_waiting.site_id == sa.bindparam("site_id")).limit(1)


async def mark(tx: Tx, site_id: str, kind: str, ref_ids: Sequence[str]) -> None:
    """Things are new, changed, or gone: index them soon as they are then.

    Args:
        tx: The transaction of the change.
        site_id: Their tenant.
        kind: Of `Entry.kind`.
        ref_ids: Which.
    """
    rows = [_row(site_id, kind, ref_id, False) for ref_id in ref_ids]
    if rows:
        await tx.execute(_INSERT, rows)


async def mark_parts(
    tx: Tx, site_id: str, kind: str, ref_ids: Sequence[str], *, shelf: str | None = None
) -> None:
    """The same of all parts of things, however many.

    Args:
        tx: The transaction of the change.
        site_id: Their tenant.
        kind: Of the parts.
        ref_ids: Of what they are parts.
        shelf: Where they are indexed; None = it is not known: where the whole is gone, every shelf is looked at.
    """
    rows = [_row(site_id, kind, ref_id, True, shelf) for ref_id in ref_ids]
    if rows:
        await tx.execute(_INSERT, rows)


def _row(site_id: str, kind: str, ref_id: str, is_whole: bool, shelf: str | None = None) -> dict[str, object]:
    return {
        "site_id": site_id,
        "kind": kind,
        "ref_id": ref_id,
        "is_whole": is_whole,
        "after": "",
        "shelf": shelf,
    }


async def is_any(tx: Tx, site_id: str) -> bool:
    """Whether something of a tenant waits."""
    return (await tx.execute(_ANY, {"site_id": site_id})).first() is not None


async def count(tx: Tx, site_id: str | None = None, kind: str | None = None) -> int:
    """How much waits, wholes counted as one; of one tenant, or of all, and of one kind, or of all."""
    query = sa.select(sa.func.count()).select_from(search_waiting)
    if site_id is not None:
        query = query.where(_waiting.site_id == site_id)
    if kind is not None:
        query = query.where(_waiting.kind == kind)
    return int((await tx.execute(query)).scalar_one())


async def oldest(tx: Tx, kinds: Sequence[str], site_id: str | None, limit: int, *, whole: bool) -> list[Mark]:
    """Marks in their order.

    Args:
        tx: Any transaction.
        kinds: Only of these.
        site_id: Only of this tenant; None = of any.
        limit: Most.
        whole: Those of wholes, or those of things.
    """
    named = {"whole": whole, "kinds": kinds, "most": limit}
    if site_id is None:
        rows = await tx.execute(_OLDEST, named)
    else:
        rows = await tx.execute(_OLDEST_OF_SITE, {"site_id": site_id, **named})
    return [Mark(*row) for row in rows]


async def lock(tx: Tx, ids: Sequence[int]) -> list[Mark]:
    """Those marks that are still there; whoever else wants them waits, and finds them gone then."""
    return [Mark(*row) for row in await tx.execute(_LOCK, {"ids": ids})]


async def done(tx: Tx, ids: Sequence[int]) -> None:
    """Forget marks that are locked."""
    await tx.execute(_DONE, {"ids": ids})


async def move_on(tx: Tx, mark_id: int, after: str) -> None:
    """Remember which parts of a whole were marked."""
    await tx.execute(sa.update(search_waiting).where(_waiting.id == mark_id).values(after=after))
