"""Whole write transactions of SQLite in one visit of one thread, and several of them in one commit.

Over the asynchronous door each statement is a visit of its own: two switches of threads, which cost more than the
statement. A transaction that awaits nothing but its statements needs none of them: its coroutine is run to the end in
the thread, over an ordinary connection whose calls do not wait. Those that come while one is being written are written
together behind it, each behind a savepoint: one sync of the disk is for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar, cast

import sqlalchemy as sa

if TYPE_CHECKING:
    from roundhouse.infra.async_core import AsyncConnection

T = TypeVar("T")

_MOST_TOGETHER = 16

Act = Callable[["AsyncConnection"], Coroutine[Any, Any, Any]]
"""What is done in a transaction."""
_Outcome = tuple[Any, BaseException | None]
_Waiting = tuple[Act, asyncio.Future[Any]]


class Straight:
    """Carries transactions out, in the order in which they come.

    Args:
        engine: Whose transactions take the write lock when they begin.
        alone: Keeps this process's other writers away; raises what those are told who wait for it in vain.
    """

    def __init__(self, engine: sa.Engine, alone: Callable[[], AbstractAsyncContextManager[None]]) -> None:
        self._engine = engine
        self._alone = alone
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writes")
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def whole(self, act: Callable[[AsyncConnection], Coroutine[Any, Any, T]]) -> T:
        """See `Database.whole`; raises what `act` and the driver raise."""
        waiting: _Waiting = (act, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="writes")
        try:
            return cast(T, await asyncio.shield(waiting[1]))
        except asyncio.CancelledError:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            else:
                # Whoever cancelled may ask next what was written.
                await asyncio.wait([waiting[1]])
            raise

    async def close(self) -> None:
        """End, behind what waits."""
        if self._task is not None:
            await asyncio.wait([self._task])
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown(wait=False)

    async def _work(self) -> None:
        taken: list[_Waiting] = []
        try:
            while self._waiting:
                async with self._alone():
                    taken, self._waiting = self._waiting[:_MOST_TOGETHER], self._waiting[_MOST_TOGETHER:]
                    acts = [act for act, _ in taken]
                    loop = asyncio.get_running_loop()
                    _tell(taken, await loop.run_in_executor(self._thread, self._carry, acts))
                    taken = []
        except BaseException as error:
            _tell([*taken, *self._waiting], [(None, error)] * (len(taken) + len(self._waiting)))
            self._waiting.clear()
            if not isinstance(error, Exception):
                raise
        finally:
            self._task = None

    # From here on all runs in the thread.

    def _carry(self, acts: list[Act]) -> list[_Outcome]:
        if len(acts) > 1:
            together = self._together(acts)
            if together is not None:
                return together
        return [self._one(act) for act in acts]

    def _one(self, act: Act) -> _Outcome:
        try:
            with self._engine.begin() as connection:
                return finished(act, connection), None
        except BaseException as error:  # noqa: BLE001 - it belongs to who waits for this one
            return None, error

    def _together(self, acts: list[Act]) -> list[_Outcome] | None:
        """None: the storage failed, nothing of it is written; each may be tried for itself, to be told why."""
        outcomes: list[_Outcome] = []
        try:
            with self._engine.begin() as connection:
                for act in acts:
                    connection.exec_driver_sql("SAVEPOINT one")
                    try:
                        outcomes.append((finished(act, connection), None))
                    except sa.exc.OperationalError:
                        # SQLite may have rolled back all of it.
                        raise
                    except BaseException as error:  # noqa: BLE001 - as above
                        connection.exec_driver_sql("ROLLBACK TO one")
                        outcomes.append((None, error))
                    connection.exec_driver_sql("RELEASE one")
        except sa.exc.DBAPIError:
            return None
        return outcomes


class _Connection:
    """What stores call of an `AsyncConnection`; nothing of it waits."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    @property
    def dialect(self) -> sa.Dialect:
        return self._connection.dialect

    async def execute(self, statement: Any, parameters: Any = None) -> sa.CursorResult[Any]:
        return self._connection.execute(statement, parameters)

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> sa.CursorResult[Any]:
        return self._connection.exec_driver_sql(statement, parameters)


def finished(act: Act, connection: sa.Connection) -> Any:
    """What an act gives that never waits; raises what it raises, and RuntimeError where it waits."""
    coroutine = act(cast("AsyncConnection", _Connection(connection)))
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise RuntimeError("A transaction in one visit waited for something else.")


def _tell(waiting: list[_Waiting], outcomes: list[_Outcome]) -> None:
    for (_, future), (given, error) in zip(waiting, outcomes, strict=True):
        if future.done():
            continue
        if error is None:
            future.set_result(given)
        else:
            future.set_exception(error)
