"""SQLAlchemy's adapter of aiosqlite with one visit of the connection's thread for each statement.

A visit costs two switches of threads, more than most statements. The adapter as it comes pays four for a query:
making a cursor, executing, fetching, closing. Here all four are done in one. A connection that goes back into the pool
without a transaction is not rolled back: that would be one more.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
)
from sqlalchemy.util.concurrency import await_

_Done = tuple[deque[Any], Any, int, int | None]
"""Rows, description, count of changed rows, id of the last one."""


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """A cursor that is left with all its rows."""

    __slots__ = ("_done",)

    def __init__(self, adapt_connection: _Connection) -> None:
        self._adapt_connection = adapt_connection
        self._connection = adapt_connection._connection
        self._rows = deque()
        self._done: _Done = (self._rows, None, -1, None)

    @property
    def description(self) -> Any:
        return self._done[1]

    @property
    def rowcount(self) -> int:
        return self._done[2]

    @property
    def lastrowid(self) -> Any:
        return self._done[3]

    async def _async_soft_close(self) -> None:
        """It is closed already."""

    def close(self) -> None:
        self._rows.clear()

    def execute(self, operation: Any, parameters: Any = None) -> None:
        self._visit(_execute, operation, () if parameters is None else parameters)

    def executemany(self, operation: Any, seq_of_parameters: Any) -> None:
        self._visit(_execute_many, operation, seq_of_parameters)

    def _visit(self, act: Any, operation: str, parameters: Any) -> None:
        connection: Any = self._adapt_connection
        try:
            self._done = await_(self._visited(act, operation, parameters))
        except (sqlite3.Error, ValueError, TypeError, OverflowError) as error:
            connection._handle_exception(error)
        except BaseException:
            # Cut off: the thread may not even have begun.
            connection.unsure = True
            raise
        self._rows = self._done[0]

    async def _visited(self, act: Any, operation: str, parameters: Any) -> _Done:
        driver: Any = self._connection
        done: _Done = await driver._execute(act, driver._conn, operation, parameters)
        return done


class _Connection(AsyncAdapt_aiosqlite_connection):
    """A connection; `unsure` once a statement was cut off, so that nobody knows where it stands."""

    __slots__ = ("unsure",)

    _cursor_cls = _Cursor  # type: ignore[assignment]  # typed as the class it replaces

    def __init__(self, dbapi: Any, connection: Any) -> None:
        super().__init__(dbapi, connection)
        self.unsure = False

    def rollback(self) -> None:
        driver: Any = self._connection
        if self.unsure or driver._connection is None or driver.in_transaction:
            super().rollback()


class OneVisit(AsyncAdapt_aiosqlite_dbapi):
    """What `create_async_engine` takes as `module` for SQLite."""

    def __init__(self) -> None:
        import aiosqlite

        super().__init__(aiosqlite, sqlite3)

    def connect(self, *arg: Any, **kw: Any) -> _Connection:
        """See `AsyncAdapt_aiosqlite_dbapi.connect`."""
        return _Connection(self, super().connect(*arg, **kw)._connection)


def _execute(connection: sqlite3.Connection, operation: str, parameters: Any) -> _Done:
    return _left(connection.execute(operation, parameters))


def _execute_many(connection: sqlite3.Connection, operation: str, parameters: Sequence[Any]) -> _Done:
    return _left(connection.executemany(operation, parameters))


def _left(cursor: sqlite3.Cursor) -> _Done:
    try:
        rows = deque(cursor.fetchall() if cursor.description else ())
        return rows, cursor.description, cursor.rowcount, cursor.lastrowid
    finally:
        cursor.close()
