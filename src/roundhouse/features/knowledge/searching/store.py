"""The SQL of searching: which stores, which documents, which passages. What is not visible is in none of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.types import Caller
from roundhouse.features.knowledge.evaluating.calibration import Calibration, read_calibration
from roundhouse.features.knowledge.searching.filters import Filter
from roundhouse.features.knowledge.stores.model import IndexVersion, Passage, Store
from roundhouse.features.knowledge.stores.rows import documents, passages, store_files
from roundhouse.features.knowledge.stores.store import indexes, stores
from roundhouse.infra.db import Tx
from roundhouse.infra.tenancy import visible

_AT_ONCE = 500


class Searched(msgspec.Struct, frozen=True):
    """A vector store that is searched.

    Attributes:
        store: It.
        index: The index version that is searched; None = there is none, only words are.
        calibration: What was measured of that; None = nothing yet.
    """

    store: Store
    index: IndexVersion | None
    calibration: Calibration | None

    @property
    def id(self) -> str:
        """Of the store."""
        return self.store.id


class Head(msgspec.Struct, frozen=True, gc=False):
    """What must be known of a passage before it is ordered."""

    number: int
    document: int
    language: str
    kind: str


class Whole(msgspec.Struct, frozen=True):
    """A passage with its file."""

    passage: Passage
    file_id: str
    filename: str
    attributes: dict[str, Any]


async def searched(tx: Tx, caller: Caller, store_ids: Sequence[str], now_s: float) -> dict[str, Searched]:
    """Those of some stores that the caller may search, by id."""
    found = await stores.some(tx, caller, store_ids)
    there = [one for one in found.values() if one.expires_at_s is None or one.expires_at_s > now_s]
    active = [one.active_index for one in there if one.active_index is not None]
    versions = await indexes.numbered(tx, active)
    return {one.id: _searched(one, versions.get(one.active_index or 0)) for one in there}


def _searched(store: Store, index: IndexVersion | None) -> Searched:
    return Searched(store, index, None if index is None else read_calibration(index.calibration))


async def chosen(
    tx: Tx,
    store_id: str,
    file_ids: Sequence[str] | None,
    passing: Filter | None,
    kind: str | None,
) -> frozenset[int]:
    """Documents of a store that are visible and meet every condition.

    Args:
        tx: Any transaction.
        store_id: The store.
        file_ids: Only of these files; None = of all.
        passing: Only of files whose attributes pass; None = of all.
        kind: Only documents with a passage of this kind; None = all.
    """
    query = (
        sa.select(documents.c.number, store_files.c.attributes)
        .select_from(
            documents.join(
                store_files,
                sa.and_(
                    store_files.c.store_id == documents.c.store_id,
                    store_files.c.file_id == documents.c.file_id,
                ),
            )
        )
        .where(documents.c.store_id == store_id, documents.c.state == "visible")
    )
    if kind is not None:
        holding = sa.select(passages.c.document).where(
            passages.c.store_id == store_id, passages.c.kind == kind
        )
        query = query.where(documents.c.number.in_(holding))
    found: set[int] = set()
    for some in _pieces(file_ids) if file_ids is not None else [None]:
        narrowed = query if some is None else query.where(documents.c.file_id.in_(some))
        for number, attributes in await tx.execute(narrowed):
            if passing is None or passing.passes(attributes):
                found.add(number)
    return frozenset(found)


async def heads(tx: Tx, caller: Caller, numbers: Iterable[int]) -> dict[int, Head]:
    """Those of some passages that may be found, by number."""
    found: dict[int, Head] = {}
    for some in _pieces(sorted(set(numbers))):
        rows = await tx.execute(
            sa.select(passages.c.number, passages.c.document, passages.c.language, passages.c.kind)
            .select_from(passages.join(documents, documents.c.number == passages.c.document))
            .where(passages.c.number.in_(some), visible(passages, caller), documents.c.state == "visible")
        )
        found |= {row.number: Head(row.number, row.document, row.language, row.kind) for row in rows}
    return found


async def whole(tx: Tx, caller: Caller, numbers: Sequence[int]) -> dict[int, Whole]:
    """Those of some passages that may be found, with their texts and files, by number."""
    if not numbers:
        return {}
    own = passages.c
    rows = await tx.execute(
        sa.select(
            *(own[name] for name in Passage.__struct_fields__),
            store_files.c.file_id,
            store_files.c.filename,
            store_files.c.attributes,
        )
        .select_from(
            passages.join(documents, documents.c.number == own.document).join(
                store_files,
                sa.and_(
                    store_files.c.store_id == documents.c.store_id,
                    store_files.c.file_id == documents.c.file_id,
                ),
            )
        )
        .where(own.number.in_(numbers), visible(passages, caller), documents.c.state == "visible")
    )
    return {row["number"]: _whole(row) for row in rows.mappings()}


def _whole(row: Any) -> Whole:
    passage = Passage(**{name: row[name] for name in Passage.__struct_fields__})
    return Whole(passage, row["file_id"], row["filename"], row["attributes"])


def _pieces(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return [values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE)]
