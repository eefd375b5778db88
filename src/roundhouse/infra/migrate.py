"""Brings the database to the newest schema at start; Alembic's revisions are the truth.

Start-up must be fast and importing Alembic costs most of a second, so it is imported only when there is
something to do. An empty SQLite file is made from `migrations/empty.sqlite.sql`, a dump of what Alembic makes
(`python -m roundhouse.infra.migrate` writes it anew, a test compares).
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from roundhouse.core.errors import MissingExtra, StorageUnavailable
from roundhouse.infra.db import parse_url, prepare_sqlite, sqlite_path, storage_error
from roundhouse.infra.file_lock import FileLock

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_MIGRATIONS = files("roundhouse") / "migrations"
_SNAPSHOT = "empty.sqlite.sql"
_LOCK_WAIT_S = 60.0
_CONNECT_S = 10
# Any number will do as long as every version of Roundhouse uses the same.
_ADVISORY_LOCK = 0x726F756E64


def head() -> str:
    """The newest revision, by the names of the files in `migrations/versions` (`0001_initial.py` …)."""
    names = [entry.name for entry in (_MIGRATIONS / "versions").iterdir()]
    return max(name[:4] for name in names if name.endswith(".py") and name[:4].isdigit())


def upgrade_blocking(url: str, *, revision: str | None = None) -> None:
    """Bring the database to a revision; does nothing, quickly, when it is there already.

    Two processes may call it at once: one works, the other waits.

    Args:
        url: SQLAlchemy URL.
        revision: Four digits; None = the newest.

    Raises:
        BadInput: The URL is not one we can use.
        MissingExtra: PostgreSQL without psycopg.
        StorageUnavailable: No database there, or it was made by a newer version of Roundhouse.
        StorageFull: No space left.
    """
    parsed = parse_url(url)
    path = sqlite_path(parsed)
    target = revision or head()
    try:
        if path is not None:
            _upgrade_sqlite(parsed, path, target)
        else:
            _upgrade_postgres(parsed, target)
    except sa.exc.DBAPIError as error:
        raise storage_error(error, path) or error from error
    except sqlite3.Error as error:
        wrapped = sa.exc.DBAPIError(None, None, error)
        raise storage_error(wrapped, path) or error from error


def revision_blocking(url: str) -> str | None:
    """The revision that the database is at, None = it is empty, or not made yet. Nothing is made or changed.

    Raises:
        BadInput: The URL is not one we can use.
        MissingExtra: PostgreSQL without psycopg.
        StorageUnavailable: The database does not answer.
    """
    parsed = parse_url(url)
    path = sqlite_path(parsed)
    try:
        if path is not None:
            return _sqlite_revision(path) if path.exists() else None
        with closing(_Disposed(_postgres_engine(parsed))) as held, held.engine.connect() as connection:
            return _postgres_revision(connection)
    except sa.exc.DBAPIError as error:
        raise storage_error(error, path) or error from error
    except sqlite3.Error as error:
        wrapped = sa.exc.DBAPIError(None, None, error)
        raise storage_error(wrapped, path) or error from error


def _upgrade_sqlite(url: URL, path: Path, target: str) -> None:
    if path.exists() and _sqlite_revision(path) == target:
        return
    # The folder holds key digests and usage: nobody else's business.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _file_lock(path.with_name(path.name + ".migrate.lock")):
        path.touch(mode=0o600)
        current = _sqlite_revision(path)
        if current == target:
            return
        if current is None and target == head() and _make_from_snapshot(path):
            return
        engine = sa.create_engine(url.set(drivername="sqlite"), poolclass=sa.NullPool)
        prepare_sqlite(engine, _LOCK_WAIT_S)
        # Rebuilding a table (batch mode) must not cascade into the tables that refer to it.
        sa.event.listen(engine, "connect", lambda raw, _record: raw.execute("PRAGMA foreign_keys=OFF"))
        with closing(_Disposed(engine)), engine.connect() as connection:
            _run_alembic(connection.execution_options(roundhouse_write=True), current, target)


class _Disposed:
    """Lets `closing` dispose of an engine."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def close(self) -> None:
        self.engine.dispose()


def _sqlite_revision(path: Path) -> str | None:
    with closing(sqlite3.connect(path, timeout=_LOCK_WAIT_S)) as connection:
        found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if found else None
        return str(row[0]) if row else None


def _make_from_snapshot(path: Path) -> bool:
    """Fill an empty file in one transaction; False when the file is not empty."""
    script = (_MIGRATIONS / _SNAPSHOT).read_text("utf-8")
    with closing(sqlite3.connect(path, timeout=_LOCK_WAIT_S, isolation_level=None)) as connection:
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            return False
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(script)
    return True


def _postgres_engine(url: URL) -> sa.Engine:
    try:
        limits = {} if "connect_timeout" in url.query else {"connect_timeout": _CONNECT_S}
        return sa.create_engine(url, poolclass=sa.NullPool, connect_args=limits)
    except ModuleNotFoundError:
        raise MissingExtra("PostgreSQL needs psycopg: pip install 'roundhouse[postgres]'") from None


def _upgrade_postgres(url: URL, target: str) -> None:
    engine = _postgres_engine(url)
    with closing(_Disposed(engine)), engine.connect() as connection:
        if _postgres_revision(connection) == target:
            return
        # Held by the session, not the transaction, so that it spans Alembic's own transactions.
        connection.execute(sa.text("SELECT pg_advisory_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        connection.commit()
        try:
            current = _postgres_revision(connection)
            if current != target:
                _run_alembic(connection, current, target)
        finally:
            connection.rollback()
            connection.execute(sa.text("SELECT pg_advisory_unlock(:lock)"), {"lock": _ADVISORY_LOCK})
            connection.commit()


def _postgres_revision(connection: sa.Connection) -> str | None:
    found = connection.execute(sa.text("SELECT to_regclass('alembic_version') IS NOT NULL")).scalar_one()
    row = connection.execute(sa.text("SELECT version_num FROM alembic_version")).first() if found else None
    connection.rollback()
    return str(row[0]) if row else None


def _run_alembic(connection: sa.Connection, current: str | None, target: str) -> None:
    if current is not None and current > target:
        raise StorageUnavailable(
            f"The database was made by a newer version of Roundhouse (revision {current}; this one knows "
            f"{target}). Start that version, or restore a backup."
        )
    # Not at the top: it costs most of a second and is needed once per release.
    from alembic import command
    from alembic.config import Config

    with as_file(_MIGRATIONS) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, target)
    connection.commit()


@contextmanager
def _file_lock(path: Path) -> Generator[None]:
    """Hold a lock file; it ends with the process, however that ends."""
    lock = FileLock(path)
    deadline = time.monotonic() + _LOCK_WAIT_S
    while not lock.take():
        if time.monotonic() > deadline:
            raise StorageUnavailable("Another process has been upgrading the database for a minute.")
        time.sleep(0.05)
    try:
        yield
    finally:
        lock.give_back()


def dump_empty_blocking() -> str:
    """What Alembic makes of an empty SQLite file, as a script of one transaction."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
        prepare_sqlite(engine, _LOCK_WAIT_S)
        with engine.connect() as connection:
            _run_alembic(connection.execution_options(roundhouse_write=True), None, head())
        engine.dispose()
        with closing(sqlite3.connect(path)) as made:
            return "\n".join(made.iterdump()) + "\n"


def _main() -> None:
    with as_file(_MIGRATIONS) as folder:
        (folder / _SNAPSHOT).write_text(dump_empty_blocking(), "utf-8")


if __name__ == "__main__":
    _main()
