"""Vectors as rows of the database: blocks of a document's vectors, written in the order of the index's changes.

A writer holds the row of its index until it commits. So the number of a change is also the order in which changes are
seen, and who knows all up to one reads only what is behind it. A document that is gone leaves a block without vectors
behind, which tells so to those who hold its vectors in memory; after `_REMEMBERED` changes it is forgotten, and who has
not looked since then reads everything anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa

from roundhouse.backends.vectors.bits import Numbers
from roundhouse.backends.vectors.matrix import Block, Keys
from roundhouse.core.errors import BadInput, NotFound
from roundhouse.core.ports import Transaction
from roundhouse.core.vectors import MAX_CHUNKS, VectorIndex, VectorRow, key_of

_BLOCK_BYTES = 256 * 1024
_REMEMBERED = 1000
# Of one statement; SQLite takes 32,766 values.
MOST_VALUES = 10_000
"""Most blocks of one `fetch`."""
_READ_BLOCKS = 16

_CREATE = sa.text(
    "INSERT INTO vector_indexes (number, dimensions, changes, forgotten, vectors) "
    "VALUES (:number, :dimensions, 0, 0, 0) ON CONFLICT (number) DO NOTHING"
)
_STATE = sa.text("SELECT changes, forgotten, vectors FROM vector_indexes WHERE number = :number")
_CHANGED = sa.text(
    "UPDATE vector_indexes SET changes = :changes, vectors = vectors + :more, forgotten = :forgotten "
    "WHERE number = :number"
)
_INSERT = sa.text(
    "INSERT INTO vector_blocks (index_number, change, document, vectors, first_key, last_key, keys, data) "
    "VALUES (:index_number, :change, :document, :vectors, :first_key, :last_key, :keys, :data)"
)
_OVERLAPPING = sa.text(
    "SELECT change, document, keys, data FROM vector_blocks WHERE index_number = :number AND vectors > 0 "
    "AND document IN :documents AND first_key <= :last AND last_key >= :first"
).bindparams(sa.bindparam("documents", expanding=True))
_REPLACE = sa.text(
    "DELETE FROM vector_blocks WHERE index_number = :number AND change IN :changes"
).bindparams(sa.bindparam("changes", expanding=True))
_COUNTED = sa.text(
    "SELECT document, sum(vectors) FROM vector_blocks WHERE index_number = :number AND document IN :documents "
    "AND vectors > 0 GROUP BY document ORDER BY document"
).bindparams(sa.bindparam("documents", expanding=True))
_DELETE = sa.text(
    "DELETE FROM vector_blocks WHERE index_number = :number AND document IN :documents AND vectors > 0"
).bindparams(sa.bindparam("documents", expanding=True))
_FORGET = sa.text(
    "DELETE FROM vector_blocks WHERE index_number = :number AND vectors = 0 AND change <= :change"
)
_LISTED = sa.text(
    "SELECT change, document, vectors FROM vector_blocks WHERE index_number = :number AND change > :seen "
    "ORDER BY change"
)
_BLOCKS = sa.text(
    "SELECT document, keys, data FROM vector_blocks WHERE index_number = :number AND change IN :changes ORDER BY change"
).bindparams(sa.bindparam("changes", expanding=True))
_FROM_KEY = sa.text(
    "SELECT change, first_key FROM vector_blocks WHERE index_number = :number AND last_key > :after AND vectors > 0 "
    "ORDER BY first_key, change"
)


class State(NamedTuple):
    """What is known of an index.

    Attributes:
        changes: Number of the last one.
        forgotten: Deletions up to this change are not remembered.
        vectors: How many there are.
    """

    changes: int
    forgotten: int
    vectors: int


class Listed(NamedTuple):
    """A block without its vectors."""

    change: int
    document: int
    vectors: int


async def create(tx: Transaction, index: VectorIndex) -> None:
    """Make the row of an index, unless it is there."""
    await tx.execute(_CREATE, {"number": index.number, "dimensions": index.dimensions})


async def drop(tx: Transaction, index: VectorIndex) -> None:
    """Delete an index and its blocks."""
    await tx.execute(sa.text("DELETE FROM vector_indexes WHERE number = :number"), {"number": index.number})
    await tx.execute(
        sa.text("DELETE FROM vector_blocks WHERE index_number = :number"), {"number": index.number}
    )


async def state(tx: Transaction, index: VectorIndex) -> State | None:
    """What this transaction sees of an index; None = there is none."""
    row = (await tx.execute(_STATE, {"number": index.number})).first()
    return None if row is None else State(*row)


async def upsert(tx: Transaction, index: VectorIndex, rows: Sequence[VectorRow]) -> None:
    """Write vectors; blocks that held some of them are written anew without those. Raises NotFound, BadInput."""
    if not rows:
        return
    known = await _locked(tx, index)
    if known is None:
        raise NotFound(f"There is no index of vectors {index.number}, or no more.")
    blocks, replaced = await _merged(tx, index, as_blocks(index, rows))
    written = parts(index, blocks)
    await tx.execute(
        _INSERT, [_as_row(index, change, part) for change, part in enumerate(written, known.changes + 1)]
    )
    await _change(tx, index, known, len(written), sum(len(part.keys) for part in written) - replaced)


async def delete(tx: Transaction, index: VectorIndex, documents: Sequence[int]) -> None:
    """Delete the blocks of some documents and leave word of it."""
    known = await _locked(tx, index)
    if known is None:
        return
    for start in range(0, len(documents), MOST_VALUES):
        some = {"number": index.number, "documents": list(documents[start : start + MOST_VALUES])}
        gone = (await tx.execute(_COUNTED, some)).all()
        if not gone:
            continue
        await tx.execute(_DELETE, some)
        nothing = Block(0, np.empty(0, np.int64), np.empty((0, index.dimensions), np.float32))
        left = [
            _as_row(index, known.changes + place, nothing._replace(document=document))
            for place, (document, _) in enumerate(gone, 1)
        ]
        await tx.execute(_INSERT, left)
        known = await _change(tx, index, known, len(left), -sum(int(count) for _, count in gone))


async def listed(tx: Transaction, index: VectorIndex, seen: int) -> list[Listed]:
    """The blocks behind a change, in order."""
    rows = await tx.execute(_LISTED, {"number": index.number, "seen": seen})
    return [Listed(*row) for row in rows]


async def fetch(tx: Transaction, index: VectorIndex, changes: Sequence[int]) -> list[Block]:
    """Some blocks, in the order of their changes; those that are gone are left out."""
    rows = await tx.execute(_BLOCKS, {"number": index.number, "changes": list(changes)})
    return [block_of(document, index.dimensions, keys, data) for document, keys, data in rows]


async def read(
    tx: Transaction, index: VectorIndex, after: tuple[int, int] | None, limit: int
) -> list[VectorRow]:
    """See `VectorStore.read`."""
    last = -1 if after is None else key_of(*after)
    places = (await tx.execute(_FROM_KEY, {"number": index.number, "after": last})).all()
    found: dict[int, VectorRow] = {}
    for start in range(0, len(places), _READ_BLOCKS):
        # What begins behind all that is wanted cannot hold any of it.
        if len(found) >= limit and sorted(found)[limit - 1] < places[start][1]:
            break
        for block in await fetch(tx, index, [change for change, _ in places[start : start + _READ_BLOCKS]]):
            for key, vector in zip(block.keys.tolist(), block.vectors, strict=True):
                if key > last:
                    found[key] = VectorRow(key // MAX_CHUNKS, key % MAX_CHUNKS, block.document, vector)
    return [found[key] for key in sorted(found)[:limit]]


def as_blocks(index: VectorIndex, rows: Iterable[VectorRow]) -> list[Block]:
    """Rows by their documents, in the order of their keys; of two with one key the later.

    Raises:
        BadInput: A vector has another number of dimensions than the index.
    """
    by_document: dict[int, dict[int, VectorRow]] = {}
    for row in rows:
        if row.vector.shape != (index.dimensions,):
            raise BadInput(f"The index takes vectors of {index.dimensions} numbers, not {row.vector.shape}.")
        by_document.setdefault(row.document, {})[key_of(row.passage, row.place)] = row
    blocks = []
    for document, some in by_document.items():
        keys = sorted(some)
        vectors = np.stack([some[key].vector for key in keys]).astype(np.float32, copy=False)
        blocks.append(Block(document, np.array(keys, np.int64), vectors))
    return blocks


def parts(index: VectorIndex, blocks: Iterable[Block]) -> list[Block]:
    """Blocks in parts of bounded size."""
    step = max(1, _BLOCK_BYTES // (4 * index.dimensions))
    return [
        Block(block.document, block.keys[start : start + step], block.vectors[start : start + step])
        for block in blocks
        for start in range(0, len(block.keys), step)
    ]


def keys_as_bytes(keys: Keys) -> bytes:
    """int64, little endian."""
    return keys.astype("<i8", copy=False).tobytes()


def vectors_as_bytes(vectors: Numbers) -> bytes:
    """float32, little endian."""
    return vectors.astype("<f4", copy=False).tobytes()


def block_of(document: int, dimensions: int, keys: bytes, data: bytes) -> Block:
    """A block as it was written."""
    vectors = np.frombuffer(data, "<f4").reshape(-1, dimensions)
    return Block(document, np.frombuffer(keys, "<i8"), vectors)


async def _locked(tx: Transaction, index: VectorIndex) -> State | None:
    """Its state, which no other writer changes before this transaction ends."""
    # SQLite has one writer at a time, and no such words.
    again = " FOR UPDATE" if dialect_of(tx) == "postgresql" else ""
    row = (await tx.execute(sa.text(_STATE.text + again), {"number": index.number})).first()
    return None if row is None else State(*row)


def dialect_of(tx: Transaction) -> str:
    """`sqlite` or `postgresql`."""
    name: str = tx.dialect.name  # type: ignore[attr-defined]  # the transaction is SQLAlchemy's connection
    return name


async def _merged(tx: Transaction, index: VectorIndex, blocks: list[Block]) -> tuple[list[Block], int]:
    """Blocks together with what else stands in the blocks that they replace in part, and how much stood there."""
    wanted = {
        "number": index.number,
        "first": min(int(block.keys[0]) for block in blocks),
        "last": max(int(block.keys[-1]) for block in blocks),
    }
    by_document = {block.document: block for block in blocks}
    changes, replaced = [], 0
    documents = list(by_document)
    for start in range(0, len(documents), MOST_VALUES):
        some = {**wanted, "documents": documents[start : start + MOST_VALUES]}
        for change, document, keys, data in (await tx.execute(_OVERLAPPING, some)).all():
            old, new = block_of(document, index.dimensions, keys, data), by_document[document]
            other = ~np.isin(old.keys, new.keys)
            if other.all():
                continue
            changes.append(change)
            replaced += len(old.keys)
            together = np.concatenate([new.keys, old.keys[other]])
            order = np.argsort(together)
            vectors = np.concatenate([new.vectors, old.vectors[other]])
            by_document[document] = Block(document, together[order], vectors[order])
    for start in range(0, len(changes), MOST_VALUES):
        await tx.execute(_REPLACE, {"number": index.number, "changes": changes[start : start + MOST_VALUES]})
    return list(by_document.values()), replaced


async def _change(tx: Transaction, index: VectorIndex, known: State, blocks: int, more: int) -> State:
    """Write down how many changes and vectors there are now; old deletions are forgotten."""
    changes, forgotten = known.changes + blocks, known.forgotten
    if changes // _REMEMBERED != known.changes // _REMEMBERED and changes > _REMEMBERED:
        forgotten = max(forgotten, changes - _REMEMBERED)
        await tx.execute(_FORGET, {"number": index.number, "change": forgotten})
    values = {"number": index.number, "changes": changes, "more": more, "forgotten": forgotten}
    await tx.execute(_CHANGED, values)
    return State(changes, forgotten, known.vectors + more)


def _as_row(index: VectorIndex, change: int, block: Block) -> dict[str, Any]:
    rows = len(block.keys)
    return {
        "index_number": index.number,
        "change": change,
        "document": block.document,
        "vectors": rows,
        "first_key": int(block.keys[0]) if rows else 0,
        "last_key": int(block.keys[-1]) if rows else -1,
        "keys": keys_as_bytes(block.keys),
        "data": vectors_as_bytes(block.vectors),
    }
