"""Vectors in PostgreSQL by its extension `vector`: a table of its own for each index, written with everything else.

A table gets an HNSW index only when it is so large that looking at every row takes long: where there is one, the
planner takes it for narrow filters as well, and is slower with fewer results. What is to be exact, and what is about
few documents, is asked in a form for which it cannot be taken. It is made of half precision numbers, half as large and
up to 4,000 dimensions; the similarity is taken of the whole ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec
import numpy as np
import psycopg
import sqlalchemy as sa

from roundhouse.backends.vectors import blocks
from roundhouse.backends.vectors.bits import Numbers
from roundhouse.core.errors import MissingExtra, NotFound, NotSupported, VectorsUnavailable
from roundhouse.core.ports import Transaction
from roundhouse.core.vectors import MAX_CHUNKS, Match, VectorContext, VectorIndex, VectorQuery, VectorRow

# So many rows get an HNSW index, which takes a third of a millisecond for each.
_HNSW_ROWS = 10_000
# Of fewer rows of some documents every one is looked at.
_FEW_ROWS = 20_000
# Most chunks that are asked of an HNSW index.
_MOST_CHUNKS = 20_000
_MOST_DIMENSIONS = 4000
# For each passage that is wanted; a passage has several chunks.
_EACH = 4
_LEAST = 64
_MOST_SEARCHED = 1000
# All processes together make one HNSW index at a time; any number will do that nothing else of ours takes.
_ADVISORY_LOCK = 0x726F756E_76656374
_BUILD_MEMORY = "256MB"
_CONNECT_S = 10

_CREATE = (
    "CREATE TABLE IF NOT EXISTS {table} (passage bigint, place smallint, document bigint NOT NULL, "
    "vector vector({dimensions}) NOT NULL, PRIMARY KEY (passage, place))",
    "CREATE INDEX IF NOT EXISTS {table}_document ON {table} (document)",
)
_DROP = "DROP TABLE IF EXISTS {table}"
_UPSERT = (
    "INSERT INTO {table} (passage, place, document, vector) "
    "VALUES (:passage, :place, :document, CAST(:vector AS vector)) "
    "ON CONFLICT (passage, place) DO UPDATE SET document = excluded.document, vector = excluded.vector"
)
_DELETE = "DELETE FROM {table} WHERE document = ANY(CAST(:documents AS bigint[]))"
_COUNT = "SELECT count(*) FROM {table}"
_READ = (
    "SELECT passage, place, document, CAST(vector AS text) FROM {table} "
    "WHERE (passage, place) > (:passage, :place) ORDER BY passage, place LIMIT :limit"
)
# What is grouped cannot be taken from an HNSW index.
_EXACT = (
    "SELECT passage, max((vector <#> CAST(:vector AS vector)) * -1) FROM {table} "
    "WHERE {among} GROUP BY passage ORDER BY 2 DESC, 1 LIMIT :limit"
)
_NEAREST = (
    "SELECT passage, max(similarity), sum(count(*)) OVER () FROM ("
    "SELECT passage, (vector <#> CAST(:vector AS vector)) * -1 AS similarity FROM {table} WHERE {among} "
    "ORDER BY CAST(vector AS halfvec({dimensions})) <#> CAST(CAST(:vector AS text) AS halfvec({dimensions})) "
    "LIMIT :chunks) AS near GROUP BY passage ORDER BY 2 DESC, 1 LIMIT :limit"
)
_HIDDEN = "document <> ALL(CAST(:hidden AS bigint[]))"
_ONLY = "document = ANY(CAST(:only AS bigint[]))"
_HAS_HNSW = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{table}_hnsw')"
_ROWS = "SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {among} LIMIT :few) AS few"
_SCAN = sa.text(
    "SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true), "
    "set_config('hnsw.ef_search', :searched, true)"
)
_HAS_EXTENSION = sa.text("SELECT 1 FROM pg_extension WHERE extname = 'vector'")
_OFFERS_EXTENSION = sa.text("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'")
_EXISTS = sa.text("SELECT to_regclass(:name) IS NOT NULL")


class PgVectors:
    """See `core.vectors.VectorStore`.

    Args:
        context: The URL of a PostgreSQL database.
        hnsw_rows: From how many rows on an index gets HNSW.
        few_rows: Of fewer rows of some documents every one is looked at.

    Raises:
        NotSupported: The database is another one.
    """

    def __init__(
        self, context: VectorContext, *, hnsw_rows: int = _HNSW_ROWS, few_rows: int = _FEW_ROWS
    ) -> None:
        self._hnsw_rows = hnsw_rows
        self._few_rows = few_rows
        self._url = sa.make_url(context.url)
        if self._url.get_backend_name() != "postgresql":
            raise NotSupported(
                "Vectors of the kind pgvector need PostgreSQL as the database.", param="vectors"
            )
        # Indexes that may have become so large that they need HNSW.
        self._grown: set[int] = set()
        self._building: asyncio.Task[None] | None = None

    async def create(self, tx: Transaction, index: VectorIndex) -> None:
        """See `VectorStore.create`."""
        await _require_extension(tx)
        await blocks.create(tx, index)
        for statement in _CREATE:
            await tx.execute(_sql(statement, index))

    async def drop(self, tx: Transaction, index: VectorIndex) -> None:
        """See `VectorStore.drop`."""
        await blocks.drop(tx, index)
        await tx.execute(_sql(_DROP, index))

    async def upsert(self, tx: Transaction, index: VectorIndex, rows: Sequence[VectorRow]) -> None:
        """See `VectorStore.upsert`."""
        if not rows:
            return
        if await blocks.state(tx, index) is None:
            raise NotFound(f"There is no index of vectors {index.number}, or no more.")
        values = [
            {
                "passage": key // MAX_CHUNKS,
                "place": key % MAX_CHUNKS,
                "document": block.document,
                "vector": _as_text(vector),
            }
            for block in blocks.as_blocks(index, rows)
            for key, vector in zip(block.keys.tolist(), block.vectors, strict=True)
        ]
        await tx.execute(_sql(_UPSERT, index), values)
        self._grown.add(index.number)

    async def delete(self, tx: Transaction, index: VectorIndex, documents: Sequence[int]) -> None:
        """See `VectorStore.delete`."""
        if documents and await _exists(tx, index):
            await tx.execute(_sql(_DELETE, index), {"documents": list(documents)})

    async def settle(self) -> None:
        """Begin to make the HNSW index of what has grown; searches are exact until it is there."""
        if self._grown and (self._building is None or self._building.done()):
            self._building = asyncio.create_task(self._build(), name="vectors-hnsw")

    async def built(self) -> None:
        """Wait until what `settle` began is done; raises VectorsUnavailable when it could not be."""
        if self._building is not None:
            await asyncio.shield(self._building)

    async def search(
        self, tx: Transaction, index: VectorIndex, vector: Numbers, query: VectorQuery
    ) -> list[Match]:
        """See `VectorStore.search`."""
        if query.limit < 1 or (query.only is not None and not query.only):
            return []
        if not await _exists(tx, index):
            return []
        values: dict[str, Any] = {"vector": _as_text(vector), "limit": query.limit}
        values["hidden"] = sorted(query.hidden)
        if query.only is not None:
            values["only"] = sorted(query.only)
        if not query.exact and await self._is_approximate(tx, index, values):
            found = await _nearest(tx, index, values)
            if found is not None:
                return found
        rows = await tx.execute(_sql(_EXACT, index, _among(values)), values)
        return [_match(passage, similarity) for passage, similarity in rows]

    async def count(self, tx: Transaction, index: VectorIndex) -> int:
        """See `VectorStore.count`."""
        if not await _exists(tx, index):
            return 0
        count: int = (await tx.execute(_sql(_COUNT, index))).scalar_one()
        return count

    async def read(
        self, tx: Transaction, index: VectorIndex, after: tuple[int, int] | None, limit: int
    ) -> list[VectorRow]:
        """See `VectorStore.read`."""
        if not await _exists(tx, index):
            return []
        passage, place = after or (-1, 0)
        values = {"passage": passage, "place": place, "limit": limit}
        rows = await tx.execute(_sql(_READ, index), values)
        return [VectorRow(one, two, document, _from_text(text)) for one, two, document, text in rows]

    async def close(self) -> None:
        """See `VectorStore.close`."""
        if self._building is not None:
            self._building.cancel()
            await asyncio.gather(self._building, return_exceptions=True)

    async def _is_approximate(self, tx: Transaction, index: VectorIndex, values: dict[str, Any]) -> bool:
        """Whether there is an HNSW index, and what is asked for is not so little that it would be in the way."""
        if not (await tx.execute(_sql(_HAS_HNSW, index))).scalar_one_or_none():
            # Whoever made it may have died; `_build` looks how much there is.
            self._grown.add(index.number)
            await self.settle()
            return False
        few = self._few_rows if "only" in values else self._hnsw_rows
        rows = await tx.execute(_sql(_ROWS, index, _among(values)), values | {"few": few})
        return bool(rows.scalar_one() >= few)

    async def _build(self) -> None:
        grown, self._grown = self._grown, set()
        url = self._url
        try:
            connection = await psycopg.AsyncConnection.connect(
                host=url.host or str(url.query.get("host", "")) or None,
                port=url.port,
                user=url.username,
                password=url.password,
                dbname=url.database,
                connect_timeout=_CONNECT_S,
                autocommit=True,
            )
            async with connection:
                await connection.execute("SELECT pg_advisory_lock(%s)", (_ADVISORY_LOCK,))
                await connection.execute(f"SET maintenance_work_mem = '{_BUILD_MEMORY}'")
                for number in sorted(grown):
                    # It may be dropped meanwhile.
                    with suppress(psycopg.errors.UndefinedTable):
                        await _build_one(connection, number, self._hnsw_rows)
        except psycopg.OperationalError as error:
            self._grown |= grown
            raise VectorsUnavailable("The HNSW index could not be made; it is tried again.") from error


async def _build_one(connection: psycopg.AsyncConnection[Any], number: int, least_rows: int) -> None:
    """Make the HNSW index of a table while it is read and written, if it is large enough and has none."""
    table = f"vectors_{number}"
    name = f"{table}_hnsw"
    column = "SELECT atttypmod FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = 'vector'"
    found = await (await connection.execute(column, (table,))).fetchone()
    if found is None or found[0] > _MOST_DIMENSIONS:
        return
    few = f"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {least_rows:d}) AS few"  # noqa: S608 - a name of ours
    rows = await (await connection.execute(few)).fetchone()
    if rows is None or rows[0] < least_rows:
        return
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
    made = await (await connection.execute(valid, (name,))).fetchone()
    if made is not None and made[0]:
        return
    if made is not None:
        # Whoever began it did not finish.
        await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    await connection.execute(
        f"CREATE INDEX CONCURRENTLY {name} ON {table} "
        f"USING hnsw ((vector::halfvec({found[0]})) halfvec_ip_ops)"
    )


async def _require_extension(tx: Transaction) -> None:
    """Make sure of the extension; raises MissingExtra."""
    if (await tx.execute(_HAS_EXTENSION)).first() is not None:
        return
    if (await tx.execute(_OFFERS_EXTENSION)).first() is None:
        raise MissingExtra("The PostgreSQL server lacks the extension pgvector: install it there.")
    await tx.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
    await tx.execute(sa.text("SAVEPOINT extension"))
    try:
        await tx.execute(sa.text("CREATE EXTENSION IF NOT EXISTS vector"))
    except sa.exc.ProgrammingError:
        await tx.execute(sa.text("ROLLBACK TO SAVEPOINT extension"))
        raise MissingExtra(
            "This user may not add pgvector to the database: run CREATE EXTENSION vector as its administrator."
        ) from None


async def _exists(tx: Transaction, index: VectorIndex) -> bool:
    return bool((await tx.execute(_EXISTS, {"name": _table(index)})).scalar_one())


async def _nearest(tx: Transaction, index: VectorIndex, values: dict[str, Any]) -> list[Match] | None:
    """By the HNSW index; None = it did not find enough passages."""
    statement = _sql(_NEAREST, index, _among(values))
    chunks = max(_LEAST, _EACH * values["limit"])
    while chunks <= _MOST_CHUNKS:
        searched = str(min(_MOST_SEARCHED, max(_LEAST, 2 * chunks)))
        await tx.execute(_SCAN, {"searched": searched})
        rows = (await tx.execute(statement, values | {"chunks": chunks})).all()
        if len(rows) == values["limit"]:
            return [_match(passage, similarity) for passage, similarity, _ in rows]
        if not rows or rows[0][2] < chunks:
            return None
        chunks *= 4
    return None


def _among(values: dict[str, Any]) -> str:
    return f"{_HIDDEN} AND {_ONLY}" if "only" in values else _HIDDEN


def _sql(template: str, index: VectorIndex, among: str = "") -> sa.TextClause:
    """A statement about the table of an index, whose name no value can be."""
    return sa.text(template.format(table=_table(index), dimensions=index.dimensions, among=among))


def _match(passage: int, similarity: float) -> Match:
    return Match(passage, min(1.0, max(-1.0, similarity)))


def _table(index: VectorIndex) -> str:
    return f"vectors_{index.number:d}"


def _as_text(vector: Numbers) -> str:
    return msgspec.json.encode(vector.tolist()).decode()


def _from_text(text: str) -> Numbers:
    return np.array(msgspec.json.decode(text), np.float32)
