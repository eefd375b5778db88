"""The database: one SQLAlchemy Core door over SQLite (default) and PostgreSQL.

Rooms keep their tables in their own `store.py`, all on `metadata`; each store function takes the transaction
first. What was acknowledged must survive a power cut, so SQLite runs with `synchronous=FULL`: in WAL mode
`NORMAL` may lose the last commits when the machine (not only the process) dies. The price is one fsync per
commit.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from roundhouse.core.errors import BadInput, MissingExtra, StorageFull, StorageUnavailable
from roundhouse.core.settings import DbSettings
from roundhouse.infra.async_core import AsyncConnection, AsyncEngine, create_async_engine

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

    from roundhouse.infra.postgres import Visits
    from roundhouse.infra.straight import Straight

T = TypeVar("T")

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every table of every room."""

Tx = AsyncConnection
"""An open transaction, the first argument of every store function."""

_NEARLY_FULL_BYTES = 1024 * 1024
# A transaction may take so many times `busy_timeout_s`: a server that holds the connection and is silent is away.
_PATIENCE = 12
_SQLITE_FULL = 13
# BUSY, LOCKED, NOMEM, READONLY, IOERR, CORRUPT, CANTOPEN, PROTOCOL, NOTADB; SQLITE_ERROR (1) is a fault of
# ours.
_SQLITE_AWAY = frozenset({5, 6, 7, 8, 10, 11, 14, 15, 26})
# Codes by which SQLite tells a full disk when it cannot even make its journal or shared-memory file.
_SQLITE_MAYBE_FULL = frozenset({8, 10, 14})
# PostgreSQL classes: connection, rollback (deadlock, serialisation), resources, operator intervention,
# system.
_PG_AWAY_CLASSES = frozenset({"08", "40", "53", "57", "58"})
# read_only_sql_transaction (a standby after a fail-over), lock_not_available, internal_error of a broken
# wire.
_PG_AWAY_STATES = frozenset({"25006", "55P03", "3D000", "28000", "28P01"})


def _dump_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


_AS_WE_WRITE: dict[str, Any] = {
    "json_serializer": _dump_json,
    "json_deserializer": msgspec.json.decode,
    # The text of an error may be logged; what was to be written is not the log's business.
    "hide_parameters": True,
}


def parse_url(url: str) -> URL:
    """Read a database URL; `postgres://` and `postgresql://` mean psycopg, `sqlite://` means aiosqlite.

    Raises:
        BadInput: Neither SQLite in a file nor PostgreSQL.
        MissingExtra: PostgreSQL without psycopg.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise BadInput(
            "The database URL must look like sqlite:///path or postgresql://user@host/name.", param="db.url"
        )
    driver = {
        "sqlite": "sqlite+aiosqlite",
        "postgres": "postgresql+psycopg",
        "postgresql": "postgresql+psycopg",
    }
    try:
        parsed = make_url(f"{driver.get(scheme, scheme)}://{rest}")
    except (ArgumentError, ValueError):
        raise BadInput("The database URL cannot be read.", param="db.url") from None
    if parsed.drivername not in ("sqlite+aiosqlite", "postgresql+psycopg"):
        raise BadInput(f"Databases are SQLite and PostgreSQL, not {scheme!r}.", param="db.url")
    if parsed.drivername == "sqlite+aiosqlite" and parsed.database in (None, "", ":memory:"):
        raise BadInput("SQLite must live in a file.", param="db.url")
    return parsed


def sqlite_path(url: URL) -> Path | None:
    """The file of a SQLite URL, None for PostgreSQL."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


class Database:
    """Connections and transactions. Make it inside a running event loop's thread; close it at the end.

    Args:
        settings: Pool size and time limits.
        url: SQLAlchemy URL (see `parse_url`).

    Raises:
        BadInput: The URL is not one we can use.
        MissingExtra: PostgreSQL without psycopg.
    """

    def __init__(self, settings: DbSettings, url: str) -> None:
        self._url = parse_url(url)
        self._path = sqlite_path(self._url)
        self._timeout_s = settings.busy_timeout_s
        self._longest_s = _PATIENCE * settings.busy_timeout_s
        self._write_lock = asyncio.Lock()
        self._straight: Straight | Visits
        if self._path:
            self._engine = create_async_engine(self._url, **_AS_WE_WRITE, **_sqlite_options(settings))
            self._reading = self._engine
            prepare_sqlite(self._engine.sync_engine, settings.busy_timeout_s)
            self._straight = _straight(self._path, settings.busy_timeout_s, self._alone)
            return
        try:
            self._engine, self._reading, self._straight = _postgres(self._url, settings, self._longest_s)
        except (NoSuchModuleError, ModuleNotFoundError):
            raise MissingExtra("PostgreSQL needs psycopg: pip install 'roundhouse[postgres]'") from None

    @property
    def url(self) -> URL:
        """Where it is, with its password: for what needs a connection of its own, not for logs."""
        return self._url

    @property
    def is_sqlite(self) -> bool:
        """Whether the dialect is SQLite."""
        return self._path is not None

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[Tx]:
        """A write transaction: committed at the end of the block, rolled back when it raises.

        SQLite has one writer at a time: writers of this process queue here, other processes on the file's
        lock.

        Raises:
            StorageFull: No space left.
            StorageUnavailable: The database does not answer, or the lock was not had in time.
            BadInput: The database cannot hold a value (NUL in a text, on PostgreSQL).
        """
        with self._mapped():
            if self._path is None:
                async with asyncio.timeout(self._longest_s), self._engine.begin() as tx:
                    yield tx
                return
            async with self._alone(), self._engine.connect() as connection:
                await connection.execution_options(roundhouse_write=True)
                async with connection.begin():
                    yield connection

    async def whole(self, act: Callable[[Tx], Coroutine[Any, Any, T]]) -> T:
        """A write transaction whose statements do not wait for anything in between; what `act` gives.

        The same as `begin`, but all of it is one visit of a thread, `act` included: a statement costs a fraction. On
        SQLite those that come at the same time share a commit. When the caller is cancelled, what was begun is carried
        through first.

        Args:
            act: Awaits nothing but the transaction that it is given, and touches nothing that other threads may. It
                may be called again when the transaction could not be written.

        Raises:
            StorageFull, StorageUnavailable, BadInput: See `begin`.
        """
        with self._mapped():
            return await self._straight.whole(act)

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[Tx]:
        """A transaction for reading only: SQLite rolls back whatever it changed, PostgreSQL refuses to change it.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        with self._mapped():
            async with asyncio.timeout(self._longest_s), self._reading.connect() as connection:
                yield connection
                if self._path is None:
                    # Behind a ROLLBACK, psycopg forgets every statement that it has prepared.
                    await connection.commit()

    async def ping(self) -> None:
        """Ask the database for one row.

        Raises:
            StorageUnavailable: It does not answer within `busy_timeout_s`.
        """
        try:
            async with asyncio.timeout(self._timeout_s), self.read() as tx:
                await tx.execute(sa.text("SELECT 1"))
        except TimeoutError:
            raise StorageUnavailable("The database did not answer in time.") from None

    async def close(self) -> None:
        """Close every connection."""
        await self._straight.close()
        await self._engine.dispose()
        if self._reading is not self._engine:
            await self._reading.dispose()

    @asynccontextmanager
    async def _alone(self) -> AsyncGenerator[None]:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._write_lock.acquire()
        except TimeoutError:
            raise StorageUnavailable("The database is busy with other writes.", retry_after_s=1.0) from None
        try:
            yield
        finally:
            self._write_lock.release()

    @contextmanager
    def _mapped(self) -> Generator[None]:
        """Turn a driver's errors into errors of the tree; constraint violations are left to the stores."""
        try:
            yield
        except PoolTimeout:
            raise StorageUnavailable(
                "No database connection became free in time.", retry_after_s=1.0
            ) from None
        except DBAPIError as error:
            if isinstance(error, DataError):
                raise BadInput(
                    "A value cannot be stored: a NUL character or a number out of range."
                ) from None
            mapped = storage_error(error, self._path)
            if mapped is None:
                raise
            raise mapped from error
        except TimeoutError as error:
            raise StorageUnavailable("The database did not answer in time.") from error
        except ConnectionError as error:
            raise StorageUnavailable("The database cannot be reached.") from error


def storage_error(error: DBAPIError, path: Path | None) -> StorageFull | StorageUnavailable | None:
    """What a driver's error means; None = a constraint or a fault of ours, not the storage.

    Args:
        error: As SQLAlchemy wraps it.
        path: The SQLite file, None for PostgreSQL.
    """
    origin = error.orig
    if path is not None:
        code = getattr(origin, "sqlite_errorcode", None)
        return _sqlite_error(code & 0xFF, path) if isinstance(code, int) else None
    state = getattr(origin, "sqlstate", None)
    if state == "53100":
        return StorageFull("The database server's disk is full.")
    if state is None:
        # Without a state the server did not speak: refused, cut, timed out, or unknown host.
        return StorageUnavailable("The database cannot be reached.") if _lost(error) else None
    if state[:2] in _PG_AWAY_CLASSES or state in _PG_AWAY_STATES:
        return StorageUnavailable(f"The database cannot serve this now (SQLSTATE {state}).")
    return None


def _lost(error: DBAPIError) -> bool:
    kinds = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError)
    return error.connection_invalidated or isinstance(error, kinds)


def _sqlite_error(code: int, path: Path) -> StorageFull | StorageUnavailable | None:
    if code == _SQLITE_FULL or (code in _SQLITE_MAYBE_FULL and _disk_full(path)):
        return StorageFull("The disk is full; reading goes on, writing does not.")
    if code == 11 or code == 26:
        return StorageUnavailable("The database file is damaged; restore a backup.")
    if code in _SQLITE_AWAY:
        return StorageUnavailable(
            f"The database cannot serve this now (SQLite code {code}).", retry_after_s=1.0
        )
    return None


def _disk_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _NEARLY_FULL_BYTES
    except OSError:
        return False


def prepare_sqlite(engine: sa.Engine, busy_timeout_s: float) -> None:
    """Set SQLite up on an engine: WAL, full sync, foreign keys, and real transactions around DDL as well.

    Transactions begin deferred, unless the connection has the execution option `roundhouse_write`: then they
    take the write lock at once, because a reader that turns into a writer cannot wait for it.
    """

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        # The driver's own BEGIN comes too late (before the first write only); `_begun` sends ours.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={int(busy_timeout_s * 1000)}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: sa.Connection) -> None:
        immediate = connection.get_execution_options().get("roundhouse_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _straight(
    path: Path, busy_timeout_s: float, alone: Callable[[], AbstractAsyncContextManager[None]]
) -> Straight:
    from roundhouse.infra.straight import Straight

    engine = sa.create_engine(
        URL.create("sqlite", database=str(path)),
        **_AS_WE_WRITE,
        pool_size=1,
        max_overflow=0,
        connect_args={"timeout": busy_timeout_s},
    )
    prepare_sqlite(engine, busy_timeout_s)
    return Straight(engine.execution_options(roundhouse_write=True), alone)


def _postgres(url: URL, settings: DbSettings, longest_s: float) -> tuple[AsyncEngine, AsyncEngine, Visits]:
    """For any transaction, for reading, and for whole ones."""
    from roundhouse.infra.postgres import Visits, options, prepare

    given = {**_AS_WE_WRITE, **options(settings)}
    engine, reading = create_async_engine(url, **given), create_async_engine(url, **given)
    prepare(engine.sync_engine, settings.busy_timeout_s)
    prepare(reading.sync_engine, settings.busy_timeout_s, read_only=True)
    visited = sa.create_engine(url, **given)
    prepare(visited, settings.busy_timeout_s)
    return engine, reading, Visits(visited, longest_s)


def _sqlite_options(settings: DbSettings) -> dict[str, Any]:
    from roundhouse.infra.sqlite_driver import OneVisit

    return {
        "module": OneVisit(),
        "pool_size": settings.pool_size,
        "max_overflow": 0,
        "pool_timeout": settings.busy_timeout_s,
        "connect_args": {"timeout": settings.busy_timeout_s},
    }


def insert_if_new(tx: Tx, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that does nothing where a row with one of its unique keys is there already."""
    # The engine has loaded its own dialect already; loading the other as well costs 25 ms of the start.
    if tx.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as insert_postgres

        return insert_postgres(table).on_conflict_do_nothing()
    from sqlalchemy.dialects.sqlite import insert as insert_sqlite

    return insert_sqlite(table).on_conflict_do_nothing()


def is_unique_violation(error: sa.exc.IntegrityError) -> bool:
    """Whether a row with this key is already there, on either dialect."""
    origin = error.orig
    if isinstance(origin, sqlite3.Error):
        return origin.sqlite_errorname in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")
    return getattr(origin, "sqlstate", None) == "23505"
