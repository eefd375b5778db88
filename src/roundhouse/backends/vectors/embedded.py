"""Vectors in Roundhouse's own database, searched in memory; on SQLite and PostgreSQL.

The rows are the truth (`blocks`). Each process holds a matrix of the indexes that it searches (`matrix`), and sees with
one statement of each search whether somebody wrote since: then it reads what is new. Who searches in a transaction that
wrote vectors itself finds them once it is committed: what may be rolled back does not get into the memory of all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import sqlalchemy as sa

from roundhouse.backends.vectors import blocks
from roundhouse.backends.vectors.bits import Numbers
from roundhouse.backends.vectors.matrix import Block, Matrix, bytes_of
from roundhouse.core.ports import Transaction
from roundhouse.core.vectors import Match, VectorContext, VectorIndex, VectorQuery, VectorRow

T = TypeVar("T")

_THREADS = 2
# Read from the database at a time: two pieces are in memory besides the matrix.
_PIECE_BYTES = 8 * 1024 * 1024
# A search that reads more goes into a thread: about a millisecond.
_INLINE_BYTES = 2 * 1024 * 1024
# A change that is made at the event loop: a fraction of a millisecond.
_INLINE_ROWS = 64


class EmbeddedVectors:
    """See `core.vectors.VectorStore`.

    Args:
        context: Its transactions, and `matrix_mib` of its settings.
    """

    def __init__(self, context: VectorContext) -> None:
        self._read = context.read
        self._most_bytes = context.settings.matrix_mib * 1024 * 1024
        # In the order in which they were searched.
        self._held: dict[int, Matrix] = {}
        self._loading: dict[int, asyncio.Task[Matrix | None]] = {}
        # One at a time: it needs memory, and a connection.
        self._alone = asyncio.Lock()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="vectors")

    async def create(self, tx: Transaction, index: VectorIndex) -> None:
        """See `VectorStore.create`."""
        await blocks.create(tx, index)

    async def drop(self, tx: Transaction, index: VectorIndex) -> None:
        """See `VectorStore.drop`."""
        await blocks.drop(tx, index)

    async def upsert(self, tx: Transaction, index: VectorIndex, rows: Sequence[VectorRow]) -> None:
        """See `VectorStore.upsert`."""
        await blocks.upsert(tx, index, rows)

    async def delete(self, tx: Transaction, index: VectorIndex, documents: Sequence[int]) -> None:
        """See `VectorStore.delete`."""
        await blocks.delete(tx, index, documents)

    async def settle(self) -> None:
        """Nothing to do."""

    async def count(self, tx: Transaction, index: VectorIndex) -> int:
        """See `VectorStore.count`."""
        state = await blocks.state(tx, index)
        return 0 if state is None else state.vectors

    async def read(
        self, tx: Transaction, index: VectorIndex, after: tuple[int, int] | None, limit: int
    ) -> list[VectorRow]:
        """See `VectorStore.read`."""
        return await blocks.read(tx, index, after, limit)

    async def search(
        self, tx: Transaction, index: VectorIndex, vector: Numbers, query: VectorQuery
    ) -> list[Match]:
        """See `VectorStore.search`."""
        if query.limit < 1 or (query.only is not None and not query.only):
            return []
        state = await blocks.state(tx, index)
        if state is None:
            self._held.pop(index.number, None)
            return []
        if bytes_of(state.vectors, index.dimensions) > self._most_bytes:
            self._held.pop(index.number, None)
            return await self._scanned(tx, index, vector, query)
        matrix = self._held.get(index.number)
        if matrix is None or matrix.seen < state.changes:
            matrix = await self._fresh(index, state.changes)
            if matrix is None:
                return []
        else:
            self._held[index.number] = self._held.pop(index.number)
        held = matrix
        if held.read_bytes(query) <= _INLINE_BYTES:
            return held.search(vector, query)
        return await self._beside(lambda: held.search(vector, query))

    async def close(self) -> None:
        """See `VectorStore.close`."""
        tasks = list(self._loading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._held.clear()
        self._threads.shutdown(wait=False)

    async def _beside(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, act)

    async def _fresh(self, index: VectorIndex, changes: int) -> Matrix | None:
        """A matrix with what was committed when this was called; None = the index is gone."""
        matrix = None
        # A load that goes on already may have begun too early, the one after it has not. What is still missing then is
        # not committed: the caller wrote it.
        for _ in range(2):
            task = self._loading.get(index.number)
            if task is None:
                task = asyncio.create_task(self._load(index), name=f"vectors-{index.number}")
                self._loading[index.number] = task
                task.add_done_callback(lambda _: self._loading.pop(index.number))
            # Others wait for it as well: whoever leaves does not end it.
            matrix = await asyncio.shield(task)
            if matrix is None or matrix.seen >= changes:
                break
        return matrix

    async def _load(self, index: VectorIndex) -> Matrix | None:
        async with self._alone, self._read() as tx:
            if blocks.dialect_of(tx) == "postgresql":
                # All statements see the same, as on SQLite.
                await tx.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            state = await blocks.state(tx, index)
            if state is None:
                self._held.pop(index.number, None)
                return None
            matrix = self._held.get(index.number)
            if matrix is None or matrix.seen < state.forgotten:
                matrix = Matrix.empty(index.dimensions, state.vectors)
            if matrix.seen < state.changes:
                matrix = await self._extended(tx, index, matrix, state)
            self._hold(index, matrix)
            return matrix

    async def _extended(
        self, tx: Transaction, index: VectorIndex, matrix: Matrix, state: blocks.State
    ) -> Matrix:
        """With the changes behind those it has seen."""
        listed = await blocks.listed(tx, index, matrix.seen)
        if not matrix.rows:
            # The deletions are of nothing that it ever had.
            listed = [one for one in listed if one.vectors]
        rows = 0
        extending: asyncio.Future[Matrix] | None = None
        try:
            for piece in _pieces(listed, index.dimensions):
                # These are read while the ones before are put into the matrix.
                fetched = await blocks.fetch(tx, index, [one.change for one in piece])
                if extending is not None:
                    matrix = await extending
                rows += sum(len(block.keys) for block in fetched)
                extend = partial(matrix.extended, fetched, piece[-1].change)
                if rows <= _INLINE_ROWS:
                    matrix = extend()
                else:
                    extending = asyncio.ensure_future(self._beside(extend))
            if extending is not None:
                matrix = await extending
        finally:
            if extending is not None:
                # Whoever loads next must not write beside it.
                await asyncio.wait([extending])
        whole = matrix.extended((), state.changes)
        return whole.indexed() if rows <= _INLINE_ROWS else await self._beside(whole.indexed)

    def _hold(self, index: VectorIndex, matrix: Matrix) -> None:
        self._held.pop(index.number, None)
        self._held[index.number] = matrix
        total = sum(one.held_bytes for one in self._held.values())
        for number in list(self._held)[:-1]:
            if total <= self._most_bytes:
                break
            total -= self._held.pop(number).held_bytes

    async def _scanned(
        self, tx: Transaction, index: VectorIndex, vector: Numbers, query: VectorQuery
    ) -> list[Match]:
        """Without a matrix of all: piece by piece, every vector is looked at."""
        found: dict[int, float] = {}
        listed = [
            one
            for one in await blocks.listed(tx, index, 0)
            if one.vectors
            and one.document not in query.hidden
            and (query.only is None or one.document in query.only)
        ]
        for piece in _pieces(listed, index.dimensions):
            fetched = await blocks.fetch(tx, index, [one.change for one in piece])
            some = await self._beside(partial(_searched, index, fetched, vector, query.limit))
            for match in some:
                found[match.passage] = max(match.similarity, found.get(match.passage, -1.0))
            found = dict(sorted(found.items(), key=lambda one: (-one[1], one[0]))[: query.limit])
        return [Match(*one) for one in found.items()]


def _searched(index: VectorIndex, some: list[Block], vector: Numbers, limit: int) -> list[Match]:
    rows = sum(len(block.keys) for block in some)
    matrix = Matrix.empty(index.dimensions, rows).extended(some, 0)
    return matrix.search(vector, VectorQuery(limit, exact=True))


def _pieces(listed: Iterable[blocks.Listed], dimensions: int) -> list[list[blocks.Listed]]:
    """Blocks in pieces of bounded size, in their order."""
    pieces: list[list[blocks.Listed]] = []
    size = _PIECE_BYTES
    for one in listed:
        here = 4 * dimensions * one.vectors
        if not pieces or size + here > _PIECE_BYTES or len(pieces[-1]) >= blocks.MOST_VALUES:
            pieces.append([])
            size = 0
        pieces[-1].append(one)
        size += here
    return pieces
