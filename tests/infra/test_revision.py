import asyncio

import pytest

from roundhouse.core.errors import BadInput, StorageUnavailable
from roundhouse.core.settings import DbSettings
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database
from roundhouse.infra.revision import RevisionWatcher, bump


class Calls:
    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.count = 0
        self.happened = asyncio.Event()

    async def __call__(self) -> None:
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        self.happened.set()


async def test_a_change_by_another_process_is_seen(db_url):
    ours, theirs = Database(DbSettings(), db_url), Database(DbSettings(), db_url)
    watcher = RevisionWatcher(ours, 0.02, SystemClock())
    calls = Calls()
    watcher.on_change(calls)
    await watcher.start()
    async with theirs.begin() as tx:
        await bump(tx)
    await asyncio.wait_for(calls.happened.wait(), 10)
    await watcher.close()
    assert calls.count == 1
    await ours.close()
    await theirs.close()


async def test_check_now_calls_back_once_per_change(db, turned_clock):
    watcher = RevisionWatcher(db, 1.0, turned_clock)
    calls = Calls()
    watcher.on_change(calls)
    await watcher.start()
    await watcher.check_now()
    assert calls.count == 0
    async with db.begin() as tx:
        await bump(tx)
        await bump(tx)
    turned_clock.turn(0.5)
    await asyncio.gather(watcher.check_now(), watcher.check_now())
    assert calls.count == 1
    assert watcher.last_ok_monotonic_s == 0.5
    await watcher.close()


async def test_a_rolled_back_change_is_none(db, turned_clock):
    watcher = RevisionWatcher(db, 1.0, turned_clock)
    calls = Calls()
    watcher.on_change(calls)
    await watcher.start()
    with pytest.raises(ZeroDivisionError):
        async with db.begin() as tx:
            await bump(tx)
            raise ZeroDivisionError
    await watcher.check_now()
    assert calls.count == 0
    await watcher.close()


async def test_a_callback_that_failed_is_called_again(db):
    watcher = RevisionWatcher(db, 0.02, SystemClock())
    calls = Calls(BadInput("broken row"), StorageUnavailable())
    watcher.on_change(calls)
    await watcher.start()
    async with db.begin() as tx:
        await bump(tx)
    await asyncio.wait_for(calls.happened.wait(), 10)
    assert calls.count == 3
    await watcher.close()


async def test_polling_goes_on_after_the_database_was_away(sqlite_url, tmp_path):
    db = Database(DbSettings(busy_timeout_s=0.5), sqlite_url)
    watcher = RevisionWatcher(db, 0.02, SystemClock())
    calls = Calls()
    watcher.on_change(calls)
    await watcher.start()
    async with db.begin() as tx:
        await tx.exec_driver_sql("ALTER TABLE config_revision RENAME TO hidden")
        await tx.exec_driver_sql("CREATE TABLE config_revision (revision INTEGER, id INTEGER)")
    before = watcher.last_ok_monotonic_s
    await asyncio.sleep(0.1)
    async with db.begin() as tx:
        await tx.exec_driver_sql("DROP TABLE config_revision")
        await tx.exec_driver_sql("ALTER TABLE hidden RENAME TO config_revision")
        await bump(tx)
    await asyncio.wait_for(calls.happened.wait(), 10)
    assert watcher.last_ok_monotonic_s >= before
    await watcher.close()
    await db.close()
