"""What is to be done with the vectors of an index, written down in the transaction of the change that asks for it.

A writer holds the row of its index until it commits, so that the numbers of one index's rows are the order in which
they were committed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import sqlalchemy as sa

from roundhouse.backends.vectors import blocks
from roundhouse.core.errors import NotFound
from roundhouse.core.ports import Transaction
from roundhouse.core.vectors import VectorIndex, VectorRow

Action = Literal["create", "drop", "upsert", "delete"]

_TOUCH = sa.text("UPDATE vector_indexes SET changes = changes + 1 WHERE number = :number")
_INSERT = sa.text(
    "INSERT INTO vector_pending (index_number, dimensions, action, document, keys, data) "
    "VALUES (:index_number, :dimensions, :action, :document, :keys, :data)"
)
_COLUMNS = "SELECT number, index_number, dimensions, action, document, keys, data FROM vector_pending "


class Pending(msgspec.Struct, frozen=True):
    """One thing to do.

    Attributes:
        number: Its place in the order.
        index: Where.
        action: What.
        document: Whose vectors are written or gone.
        keys: int64, little endian.
        data: float32, little endian.
    """

    number: int
    index: VectorIndex
    action: Action
    document: int
    keys: bytes
    data: bytes


async def create(tx: Transaction, index: VectorIndex) -> None:
    """To be made."""
    await blocks.create(tx, index)
    await _insert(tx, index, [("create", 0, b"", b"")])


async def drop(tx: Transaction, index: VectorIndex) -> None:
    """To be dropped; what was to be done there before need not be done."""
    await blocks.drop(tx, index)
    await tx.execute(
        sa.text("DELETE FROM vector_pending WHERE index_number = :number"), {"number": index.number}
    )
    await _insert(tx, index, [("drop", 0, b"", b"")])


async def upsert(tx: Transaction, index: VectorIndex, rows: Sequence[VectorRow]) -> None:
    """To be written; raises NotFound, BadInput."""
    if not rows:
        return
    if not await _touch(tx, index):
        raise NotFound(f"There is no index of vectors {index.number}, or no more.")
    some = [
        ("upsert", part.document, blocks.keys_as_bytes(part.keys), blocks.vectors_as_bytes(part.vectors))
        for part in blocks.parts(index, blocks.as_blocks(index, rows))
    ]
    await _insert(tx, index, some)


async def delete(tx: Transaction, index: VectorIndex, documents: Sequence[int]) -> None:
    """To be deleted."""
    if documents and await _touch(tx, index):
        await _insert(tx, index, [("delete", document, b"", b"") for document in documents])


async def newest(tx: Transaction) -> int:
    """The number of the last one; 0 = there is none."""
    number: int | None = (await tx.execute(sa.text("SELECT max(number) FROM vector_pending"))).scalar_one()
    return number or 0


async def oldest(tx: Transaction) -> float:
    """The number of the first one; infinite = there is none."""
    number: int | None = (await tx.execute(sa.text("SELECT min(number) FROM vector_pending"))).scalar_one()
    return math.inf if number is None else number


async def of_index(tx: Transaction, index: VectorIndex) -> list[Pending]:
    """All of an index, in order."""
    query = sa.text(_COLUMNS + "WHERE index_number = :number ORDER BY number")
    return [_pending(*row) for row in await tx.execute(query, {"number": index.number})]


async def first(tx: Transaction, most: int) -> list[Pending]:
    """The first of all, in order."""
    query = sa.text(_COLUMNS + "ORDER BY number LIMIT :most")
    return [_pending(*row) for row in await tx.execute(query, {"most": most})]


async def done(tx: Transaction, numbers: Sequence[int]) -> None:
    """Forget some."""
    query = sa.text("DELETE FROM vector_pending WHERE number IN :numbers")
    await tx.execute(query.bindparams(sa.bindparam("numbers", expanding=True)), {"numbers": list(numbers)})


async def _touch(tx: Transaction, index: VectorIndex) -> bool:
    touched: int = (await tx.execute(_TOUCH, {"number": index.number})).rowcount
    return touched == 1


async def _insert(tx: Transaction, index: VectorIndex, some: Sequence[tuple[str, int, bytes, bytes]]) -> None:
    same = {"index_number": index.number, "dimensions": index.dimensions}
    names = ("action", "document", "keys", "data")
    await tx.execute(_INSERT, [same | dict(zip(names, one, strict=True)) for one in some])


def _pending(
    number: int, index_number: int, dimensions: int, action: Action, document: int, keys: bytes, data: bytes
) -> Pending:
    return Pending(number, VectorIndex(index_number, dimensions), action, document, keys, data)
