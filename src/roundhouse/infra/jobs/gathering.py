"""What is to be written at the same time shares a transaction, and its wait for the disk.

While one batch is written the next one gathers; who comes alone waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from roundhouse.core.errors import BadInput
from roundhouse.infra.db import Database, Tx

_MOST = 100

A = TypeVar("A")
R = TypeVar("R")


class _Batch(Generic[A, R]):
    def __init__(self) -> None:
        self.asked: list[A] = []
        self.task: asyncio.Task[list[R | Exception]] | None = None


class Gathering(Generic[A, R]):
    """Gathers what several tasks of this process want to have written.

    Args:
        db: The database.
        write: Writes a batch in one transaction; for each of it the outcome, or what its task is to be raised.
        whole: Whether `write` may be an act of `Database.whole`.
    """

    def __init__(
        self,
        db: Database,
        write: Callable[[Tx, Sequence[A]], Awaitable[Sequence[R | Exception]]],
        *,
        whole: bool = False,
    ) -> None:
        self._db = db
        self._whole = whole
        self._write = write
        self._gathering: _Batch[A, R] | None = None
        self._writing = asyncio.Lock()

    async def put(self, asked: A) -> R:
        """The outcome, once it is on disk; raises what `write` gave for it, or what kept the batch from the disk."""
        batch = self._gathering
        if batch is None or len(batch.asked) >= _MOST:
            batch = self._gathering = _Batch()
        place = len(batch.asked)
        batch.asked.append(asked)
        if batch.task is None:
            batch.task = asyncio.create_task(self._write_batch(batch))
        try:
            # Who gives up waiting takes nothing from the others.
            outcome = (await asyncio.shield(batch.task))[place]
        except BadInput:
            if len(batch.asked) == 1:
                raise
            # The database takes no value of somebody's: each for itself.
            outcome = (await self._write_one(asked))[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _write_batch(self, batch: _Batch[A, R]) -> list[R | Exception]:
        async with self._writing:
            if self._gathering is batch:
                self._gathering = None
            return await self._write_all(batch.asked)

    async def _write_one(self, asked: A) -> list[R | Exception]:
        return await self._write_all([asked])

    async def _write_all(self, asked: Sequence[A]) -> list[R | Exception]:
        async def act(tx: Tx) -> list[R | Exception]:
            return list(await self._write(tx, asked))

        if self._whole:
            return await self._db.whole(act)
        async with self._db.begin() as tx:
            return await act(tx)
