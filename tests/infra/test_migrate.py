import asyncio
import importlib
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import roundhouse
from roundhouse.core.errors import StorageUnavailable
from roundhouse.infra.db import metadata, parse_url, prepare_sqlite
from roundhouse.infra.migrate import dump_empty_blocking, head, revision_blocking, upgrade_blocking

PACKAGE = Path(roundhouse.__file__).parent
VERSIONS = PACKAGE / "migrations" / "versions"
REVISIONS = sorted(path.name[:4] for path in VERSIONS.glob("[0-9]*.py"))


def engine_of(url: str) -> sa.Engine:
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        parsed = parsed.set(drivername="sqlite")
    return sa.create_engine(parsed, poolclass=sa.NullPool)


def all_tables() -> sa.MetaData:
    for path in sorted(PACKAGE.glob("*/**/*.py")):
        if path.is_relative_to(PACKAGE / "migrations") or "Table(" not in path.read_text("utf-8"):
            continue
        importlib.import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
    return metadata


def differences(url: str) -> list[object]:
    with engine_of(url).connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return compare_metadata(context, all_tables())


def revision_of(url: str) -> str:
    with engine_of(url).connect() as connection:
        return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()


def test_upgrade_from_empty_gives_the_tables_of_the_stores(empty_db_url):
    upgrade_blocking(empty_db_url)
    assert revision_of(empty_db_url) == head() == REVISIONS[-1]
    assert differences(empty_db_url) == []
    with engine_of(empty_db_url).connect() as connection:
        assert connection.exec_driver_sql("SELECT id, revision FROM config_revision").all() == [(1, 0)]


@pytest.mark.parametrize("earlier", REVISIONS)
def test_upgrade_from_each_earlier_revision(empty_db_url, earlier):
    upgrade_blocking(empty_db_url, revision=earlier)
    assert revision_of(empty_db_url) == earlier
    upgrade_blocking(empty_db_url)
    assert revision_of(empty_db_url) == head()
    assert differences(empty_db_url) == []


def test_alembic_itself_makes_the_same_as_the_snapshot():
    snapshot = VERSIONS.parent / "empty.sqlite.sql"
    assert dump_empty_blocking() == snapshot.read_text("utf-8"), "run python -m roundhouse.infra.migrate"


def test_alembic_on_sqlite_without_the_snapshot(tmp_path):
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE somebody_elses (id INTEGER)")
    upgrade_blocking(f"sqlite:///{path}")
    assert revision_of(f"sqlite:///{path}") == head()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM somebody_elses").fetchone() == (0,)


def test_a_failing_migration_leaves_nothing_behind(tmp_path):
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE spending (id INTEGER)")
    with pytest.raises(sa.exc.OperationalError):
        upgrade_blocking(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("spending",)]


def test_a_database_of_a_newer_version_is_refused(empty_db_url):
    upgrade_blocking(empty_db_url)
    engine = engine_of(empty_db_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageUnavailable, match="newer version"):
        upgrade_blocking(empty_db_url)


async def test_several_starts_at_once(empty_db_url):
    await asyncio.gather(*(asyncio.to_thread(upgrade_blocking, empty_db_url) for _ in range(4)))
    assert revision_of(empty_db_url) == head()
    assert differences(empty_db_url) == []


def test_no_server_is_storage_unavailable():
    with pytest.raises(StorageUnavailable):
        upgrade_blocking("postgresql://postgres@127.0.0.1:1/none?connect_timeout=2")


def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "roundhouse.db"
    path.write_bytes(b"this is not a database, it is a letter\n" * 50)
    with pytest.raises(StorageUnavailable, match="damaged"):
        upgrade_blocking(f"sqlite:///{path}")


def test_the_file_is_private(tmp_path):
    path = tmp_path / "new" / "roundhouse.db"
    upgrade_blocking(f"sqlite:///{path}")
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_alembic_is_not_imported_when_there_is_nothing_to_do(tmp_path):
    url = f"sqlite:///{tmp_path / 'roundhouse.db'}"
    code = (
        "import sys; from roundhouse.infra.migrate import upgrade_blocking\n"
        f"upgrade_blocking({url!r}); upgrade_blocking({url!r})\n"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_batch_migrations_do_not_cascade(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'x.db'}", poolclass=sa.NullPool)
    prepare_sqlite(engine, 1.0)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2


def test_the_revision_is_told_without_making_anything(empty_db_url: str, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    assert revision_blocking(empty_db_url) is None
    assert sorted(tmp_path.iterdir()) == before
    upgrade_blocking(empty_db_url)
    assert revision_blocking(empty_db_url) == head()
