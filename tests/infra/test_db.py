import asyncio
import sqlite3
from contextlib import closing, nullcontext

import pytest
import sqlalchemy as sa

from roundhouse.core.errors import BadInput, Conflict, NotFound, StorageFull, StorageUnavailable
from roundhouse.core.settings import DbSettings
from roundhouse.features.gateway import store
from roundhouse.infra.db import Database, parse_url
from roundhouse.infra.revision import read_revision


def alias(name: str = "gpt-4o", **changed: object) -> store.AliasRow:
    values = {
        "targets": ["a/b"],
        "context_fallbacks": [],
        "cache_ttl_s": None,
        "created_at_s": 1.5,
        "updated_at_s": 1.5,
    }
    return store.AliasRow(name=name, **{**values, **changed})


async def revision(db: Database) -> int:
    async with db.read() as tx:
        return await read_revision(tx)


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("sqlite:////tmp/a.db", "sqlite+aiosqlite"),
        ("postgres://u:p@h/d", "postgresql+psycopg"),
        ("postgresql://u:p@h/d?sslmode=require", "postgresql+psycopg"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg"),
    ],
)
def test_urls_of_other_systems_are_understood(given, driver):
    assert parse_url(given).drivername == driver


@pytest.mark.parametrize(
    "given",
    ["", "mysql://u@h/d", "sqlite://", "sqlite:///:memory:", "roundhouse.db", "postgresql://h:port/d"],
)
def test_other_urls_are_refused(given):
    with pytest.raises(BadInput):
        parse_url(given)


async def test_a_block_is_committed_or_rolled_back_as_a_whole(db):
    async with db.begin() as tx:
        await store.insert_alias(tx, alias("kept"))
    with pytest.raises(ZeroDivisionError):
        async with db.begin() as tx:
            await store.insert_alias(tx, alias("dropped"))
            raise ZeroDivisionError
    async with db.read() as tx:
        assert [row.name for row in await store.list_aliases(tx)] == ["kept"]


async def test_reading_changes_nothing(db):
    refused = nullcontext() if db.is_sqlite else pytest.raises(StorageUnavailable, match="25006")
    with refused:
        async with db.read() as tx:
            await store.insert_alias(tx, alias())
    async with db.read() as tx:
        assert await store.list_aliases(tx) == []


async def test_aliases_round_trip_and_raise_the_revision(db):
    async with db.begin() as tx:
        await store.insert_alias(tx, alias(context_fallbacks=["c/d"], cache_ttl_s=2.5))
        await store.update_alias(tx, alias(targets=["x/y", "z"], created_at_s=9.0, updated_at_s=9.0))
    async with db.read() as tx:
        assert await store.get_alias(tx, "gpt-4o") == alias(targets=["x/y", "z"], updated_at_s=9.0)
    assert await revision(db) == 2
    async with db.begin() as tx:
        await store.delete_alias(tx, "gpt-4o")
    assert await revision(db) == 3


async def test_providers_round_trip(db):
    row = store.ProviderRow(
        name="desk",
        kind="ollama",
        url="http://127.0.0.1:11434",
        key_encrypted=b"\x00\xffsealed",
        headers_encrypted=None,
        models=["llama2:7b"],
        options={"keep_alive_s": 300, "nested": {"ü": [1, None]}},
        timeouts={"connect_s": 5.0},
        max_concurrent=4,
        max_waiting=8,
        retries=1,
        created_at_s=1.0,
        updated_at_s=2.0,
    )
    async with db.begin() as tx:
        await store.insert_provider(tx, row)
    async with db.read() as tx:
        assert await store.list_providers(tx) == [row] == [await store.get_provider(tx, "desk")]
    with pytest.raises(Conflict):
        async with db.begin() as tx:
            await store.insert_provider(tx, row)
    async with db.begin() as tx:
        await store.delete_provider(tx, "desk")
    for call in (store.get_provider, store.delete_provider):
        with pytest.raises(NotFound):
            async with db.begin() as tx:
                await call(tx, "desk")
    with pytest.raises(NotFound):
        async with db.begin() as tx:
            await store.update_provider(tx, row)


async def test_footprints_are_replaced_and_forgotten(db):
    async with db.begin() as tx:
        await store.save_footprint(tx, "a/b", 100, 1.0)
        await store.save_footprint(tx, "a/b", 200, 2.0)
        await store.save_footprint(tx, "c/d", 7, 2.0)
    async with db.begin() as tx:
        await store.delete_footprint(tx, "c/d")
        assert await store.list_footprints(tx) == {"a/b": 200}
    assert await revision(db) == 0


async def test_many_writers_wait_for_each_other(db):
    async def write(number: int) -> None:
        async with db.begin() as tx:
            await store.insert_alias(tx, alias(f"a{number}"))

    await asyncio.gather(*(write(number) for number in range(40)))
    assert await revision(db) == 40


async def test_a_cancelled_writer_leaves_nothing_and_frees_the_lock(db):
    inside = asyncio.Event()

    async def write() -> None:
        async with db.begin() as tx:
            await store.insert_alias(tx, alias())
            inside.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(write())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with db.begin() as tx:
        assert await store.list_aliases(tx) == []
        await store.insert_alias(tx, alias())


async def test_a_fault_of_ours_is_not_called_a_storage_error(db):
    with pytest.raises(sa.exc.DBAPIError):
        async with db.read() as tx:
            await tx.execute(sa.text("SELECT * FROM no_such_table"))
    with pytest.raises(sa.exc.IntegrityError):
        async with db.begin() as tx:
            await tx.execute(
                sa.insert(store.model_footprints).values(target="x", footprint_mib=None, measured_at_s=0)
            )


async def test_ping(db):
    await db.ping()


async def test_a_full_sqlite_disk_refuses_writes_only_and_recovers(sqlite_url):
    db = Database(DbSettings(pool_size=1), sqlite_url)
    async with db.begin() as tx:
        await store.insert_alias(tx, alias("before"))
    async with db.read() as tx:
        pages = (await tx.execute(sa.text("PRAGMA page_count"))).scalar_one()
        await tx.execute(sa.text(f"PRAGMA max_page_count={pages}"))
    with pytest.raises(StorageFull):
        async with db.begin() as tx:
            await store.insert_alias(tx, alias("large", targets=["x" * 100_000]))
    async with db.read() as tx:
        assert [row.name for row in await store.list_aliases(tx)] == ["before"]
        await tx.execute(sa.text("PRAGMA max_page_count=100000"))
    async with db.begin() as tx:
        await store.insert_alias(tx, alias("large", targets=["x" * 100_000]))
    await db.close()


async def test_a_lock_held_by_another_process_is_storage_unavailable(sqlite_url):
    db = Database(DbSettings(busy_timeout_s=0.2), sqlite_url)
    with closing(sqlite3.connect(parse_url(sqlite_url).database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable):
            async with db.begin():
                pass
        async with db.read() as tx:
            assert await store.list_aliases(tx) == []
    async with db.begin() as tx:
        await store.insert_alias(tx, alias())
    await db.close()


async def test_a_writer_that_waits_too_long_in_this_process(sqlite_url):
    db = Database(DbSettings(busy_timeout_s=0.1), sqlite_url)
    async with db.begin():
        with pytest.raises(StorageUnavailable):
            async with db.begin():
                pass
    await db.close()


async def test_no_free_connection_is_storage_unavailable(sqlite_url):
    db = Database(DbSettings(busy_timeout_s=0.1, pool_size=1), sqlite_url)
    async with db.read() as tx:
        await store.list_aliases(tx)
        with pytest.raises(StorageUnavailable):
            async with db.read() as other:
                await store.list_aliases(other)
    await db.close()


async def test_a_missing_folder_is_storage_unavailable(tmp_path):
    db = Database(DbSettings(), f"sqlite:///{tmp_path / 'gone' / 'x.db'}")
    with pytest.raises(StorageUnavailable):
        await db.ping()
    await db.close()


async def test_no_postgres_there_is_storage_unavailable():
    db = Database(DbSettings(busy_timeout_s=2), "postgresql://postgres@127.0.0.1:1/none")
    with pytest.raises(StorageUnavailable):
        await db.ping()
    await db.close()


@pytest.mark.postgres
async def test_a_full_postgres_disk(postgres_url):
    db = Database(DbSettings(), postgres_url)
    with pytest.raises(StorageFull):
        async with db.begin() as tx:
            await tx.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100'; END $$")
    await db.close()


@pytest.mark.postgres
async def test_connections_cut_by_the_server_are_replaced(postgres_url, postgres_server):
    db = Database(DbSettings(), postgres_url)
    name = parse_url(postgres_url).database
    cut = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
    with pytest.raises(StorageUnavailable):
        async with db.begin() as tx:
            await store.list_aliases(tx)
            await asyncio.to_thread(postgres_server.run, cut)
            await store.list_aliases(tx)
    await db.ping()
    await db.close()


@pytest.mark.postgres
async def test_postgres_ends_a_transaction_of_a_frozen_process(postgres_url):
    """It may hold a lock that every writer of events needs."""
    db = Database(DbSettings(busy_timeout_s=2.5), postgres_url)
    async with db.read() as tx:
        shown = await tx.exec_driver_sql("SHOW idle_in_transaction_session_timeout")
        assert shown.scalar_one() == "5s"
    await db.close()
