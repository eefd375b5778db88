"""The SQLAlchemy engine that DBOS works on: our database's URL, bounded waiting, our errors.

Left to itself, DBOS tries again for ever when the database is locked or away, in threads that nobody can stop. Here the
driver waits for `busy_timeout_s` and no longer, and its error becomes one of ours before DBOS sees it: DBOS passes on
what it does not know.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from roundhouse.infra.db import parse_url, sqlite_path, storage_error

_IDLE_TRANSACTION_S = 10
_LONGEST_QUEUE_S = 3600.0
"""Whoever waits for the work of a thread has a time limit of its own."""


def make_engine(url: str, threads: int, busy_timeout_s: float) -> sa.Engine:
    """Open a pool for so many threads; connects on first use.

    Args:
        url: As in the settings (see `parse_url`).
        threads: Threads that use it at a time.
        busy_timeout_s: Longest wait for a lock of SQLite, for a connection to PostgreSQL, or for its network.

    Raises:
        BadInput: The URL is not one we can use.
    """
    parsed = parse_url(url)
    path = sqlite_path(parsed)
    pool: dict[str, Any] = {"pool_size": threads, "max_overflow": 2, "hide_parameters": True}
    if path is None:
        arguments = {
            "connect_timeout": max(2, round(busy_timeout_s)),
            "tcp_user_timeout": int(busy_timeout_s * 1000),
            "application_name": "roundhouse jobs",
        }
        engine = sa.create_engine(parsed, pool_pre_ping=True, connect_args=arguments, **pool)
        event.listen(engine, "connect", _prepare_postgres)
    else:
        # SQLite has one writer: connections that wait for each other sleep and look again, a queue of threads does not.
        pool |= {"pool_size": 1, "max_overflow": 0, "pool_timeout": _LONGEST_QUEUE_S}
        engine = sa.create_engine(
            parsed.set(drivername="sqlite"), connect_args={"timeout": busy_timeout_s}, **pool
        )
        event.listen(engine, "connect", _prepare_sqlite)

    @event.listens_for(engine, "handle_error")
    def _mapped(context: sa.ExceptionContext) -> None:
        error = context.sqlalchemy_exception
        if isinstance(error, DBAPIError):
            mapped = storage_error(error, path)
            if mapped is not None:
                raise mapped from error

    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # What DBOS sets on an engine of its own: every transaction that writes takes the write lock at its beginning.
    connection.isolation_level = "IMMEDIATE"
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _prepare_postgres(connection: Any, _record: object) -> None:
    # A frozen process must not keep the lock on a run for ever: who takes the run over fences it, and would wait.
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{_IDLE_TRANSACTION_S}s'")
    connection.commit()
