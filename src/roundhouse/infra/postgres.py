"""PostgreSQL: its pools, and whole write transactions in one visit of a thread."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError

from roundhouse.core.settings import DbSettings
from roundhouse.infra.straight import Act, finished

if TYPE_CHECKING:
    import psycopg
    import sqlalchemy as sa
    from sqlalchemy.pool import ConnectionPoolEntry

    from roundhouse.infra.async_core import AsyncConnection

T = TypeVar("T")

# PostgreSQL ends a transaction that has asked nothing for so many times `busy_timeout_s`.
_IDLE = 2
# Each event is written under one lock of the database: more threads would wait for each other.
_THREADS = 4


def options(settings: DbSettings) -> dict[str, Any]:
    """What an engine is made with, whether it waits or not."""
    return {
        "pool_size": settings.pool_size,
        "max_overflow": settings.pool_size,
        "pool_timeout": settings.busy_timeout_s,
        # Those used last have their statements prepared.
        "pool_use_lifo": True,
        "connect_args": {
            "connect_timeout": max(2, round(settings.busy_timeout_s)),
            "tcp_user_timeout": int(settings.busy_timeout_s * 1000),
            # A server whose machine is gone is found out while an answer is waited for, too.
            "keepalives_idle": max(1, round(settings.busy_timeout_s)),
        },
    }


def prepare(engine: sa.Engine, busy_timeout_s: float, *, read_only: bool = False) -> None:
    """Have the server end a transaction whose process is frozen or cut off: it may hold what all others wait for.

    A server that was restarted leaves dead connections in the pool. They are told without asking: nothing comes from a
    live one that was asked nothing.
    """

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET idle_in_transaction_session_timeout = {int(_IDLE * busy_timeout_s * 1000)}")
        cursor.close()
        connection.commit()
        if read_only:
            # Of the connection, not of each use: a use that is cancelled there would be lost to the pool.
            connection.set_read_only(True)

    @event.listens_for(engine, "checkout")
    def _taken(_connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        connection = cast("psycopg.Connection", record.driver_connection)
        if connection.closed:
            raise DisconnectionError
        waiting = select.poll()
        waiting.register(connection.fileno(), select.POLLIN)
        if waiting.poll(0):
            raise DisconnectionError


class Visits:
    """Whole write transactions, each in one visit of a thread.

    Over the asynchronous door a statement costs twice as much CPU as the driver itself takes.

    Args:
        engine: One that waits.
        longest_s: A visit that takes longer is cut off.
    """

    def __init__(self, engine: sa.Engine, longest_s: float) -> None:
        self._engine = engine
        self._longest_s = longest_s
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="writes")
        self._visits: set[_Visit] = set()

    async def whole(self, act: Callable[[AsyncConnection], Coroutine[Any, Any, T]]) -> T:
        """See `Database.whole`; raises what `act` and the driver raise, and TimeoutError."""
        visit = _Visit(self._engine, act)
        begun = self._threads.submit(visit.carry)
        done = asyncio.wrap_future(begun)
        self._visits.add(visit)
        done.add_done_callback(partial(self._end, visit))
        try:
            async with asyncio.timeout(self._longest_s):
                given: T = await asyncio.shield(done)
        except TimeoutError:
            if not begun.cancel():
                visit.cut()
            raise
        except asyncio.CancelledError:
            if not begun.cancel():
                # Whoever cancelled may ask next what was written.
                await asyncio.wait([done], timeout=self._longest_s)
            raise
        return given

    def _end(self, visit: _Visit, done: asyncio.Future[Any]) -> None:
        self._visits.discard(visit)
        if not done.cancelled():
            # Nobody may be left to hear of it.
            done.exception()

    async def close(self) -> None:
        """End, behind what was begun; what does not end then is cut off."""
        ended = asyncio.create_task(asyncio.to_thread(self._threads.shutdown))
        await asyncio.wait([ended], timeout=self._longest_s)
        for visit in self._visits:
            visit.cut()
        await ended
        await asyncio.to_thread(self._engine.dispose)


class _Visit:
    """One transaction."""

    def __init__(self, engine: sa.Engine, act: Act) -> None:
        self._engine = engine
        self._act = act
        self._connection: Any = None
        self._lock = threading.Lock()
        self._is_cut = False

    def carry(self) -> Any:
        """All of it, in a thread."""
        with self._engine.connect() as connection:
            self._keep(connection.connection.driver_connection)
            try:
                with connection.begin():
                    return finished(self._act, connection)
            finally:
                self._keep(None)

    def cut(self) -> None:
        """Break the connection: the server rolls back what it was not told to commit."""
        with self._lock:
            self._is_cut = True
            if self._connection is not None and not self._connection.closed:
                with socket.socket(fileno=os.dup(self._connection.fileno())) as wire:
                    wire.shutdown(socket.SHUT_RDWR)

    def _keep(self, connection: Any) -> None:
        """What to cut; nothing, once the connection may be somebody else's."""
        with self._lock:
            self._connection = connection
            if connection is not None and self._is_cut:
                raise TimeoutError
