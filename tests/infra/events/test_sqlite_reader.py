"""What can happen to the file under the reader's feet."""

import asyncio
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from infra.events.appending import new, write
from roundhouse.core.settings import DbSettings
from roundhouse.infra.db import Database
from roundhouse.infra.events import store
from roundhouse.infra.events.sqlite_reader import SqliteReader
from roundhouse.infra.migrate import upgrade_blocking


class Told:
    """Notes what a reader says, and on which thread."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.anew: list[int] = []
        self.threads: set[threading.Thread] = set()

    def hand_over(self, events):
        self.numbers += [one.data["number"] for one in events]
        self.threads.add(threading.current_thread())

    def start_anew(self, newest_seq):
        self.anew.append(newest_seq)


@pytest.fixture
def path(sqlite_url, tmp_path) -> Path:
    return tmp_path / "roundhouse.db"


@pytest.fixture
def told():
    return Told()


@pytest.fixture
async def reader(path, told):
    reader = SqliteReader(path, 0.002)
    reader.start(0, told)
    yield reader
    await reader.close()
    assert not reader._thread.is_alive()


async def put(path: Path, *numbers: int) -> None:
    db = Database(DbSettings(), f"sqlite:///{path}")
    await write(db, *(new(number) for number in numbers))
    await db.close()


def events_in(log):
    return [line["event"] for line in log if line["event"].startswith("events_")]


async def test_it_tells_on_the_event_loop(path, told, reader, eventually):
    await put(path, *range(1000))
    await eventually(lambda: len(told.numbers) == 1000)
    assert told.numbers == list(range(1000))
    assert told.threads == {threading.current_thread()}


async def test_an_open_write_transaction_holds_nothing_up(path, told, reader, eventually):
    db = Database(DbSettings(), f"sqlite:///{path}")
    await put(path, 1)
    async with db.begin() as tx:
        await store.append(tx, new(2))
        await eventually(lambda: told.numbers == [1])
        await asyncio.sleep(0.02)
    await eventually(lambda: told.numbers == [1, 2])
    await db.close()


async def test_the_write_ahead_log_can_be_emptied(path, told, reader, eventually):
    with closing(sqlite3.connect(path)) as other:
        for number in range(5):
            await put(path, number)
            await eventually(lambda: len(told.numbers) == number + 1)  # noqa: B023 - waited for in this round
            assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


async def test_a_locked_database_is_waited_for(path, told, logged, eventually):
    await put(path, 1)
    reader = SqliteReader(path, 0.002)
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        owner.execute("PRAGMA locking_mode=EXCLUSIVE")
        owner.execute("BEGIN EXCLUSIVE")
        reader.start(0, told)
        await eventually(lambda: events_in(logged) == ["events_unreadable"])
        await asyncio.sleep(0.3)
        assert told.numbers == []
        owner.execute("COMMIT")
    await eventually(lambda: told.numbers == [1])
    await eventually(lambda: events_in(logged) == ["events_unreadable", "events_readable_again"])
    await reader.close()


async def test_a_file_that_is_gone_for_a_while(path, told, reader, logged, eventually):
    await put(path, 1)
    await eventually(lambda: told.numbers == [1])
    hidden = path.with_name("hidden.db")
    path.rename(hidden)
    await eventually(lambda: "events_unreadable" in events_in(logged))
    hidden.rename(path)
    await eventually(lambda: "events_readable_again" in events_in(logged))
    await put(path, 2)
    await eventually(lambda: told.numbers == [1, 2])
    assert told.anew == []


async def test_a_damaged_file_and_then_a_backup_with_less_in_it(path, told, reader, logged, eventually):
    backup = path.with_name("backup.db")
    await put(path, 1)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    await put(path, 2, 3)
    await eventually(lambda: told.numbers == [1, 2, 3])
    garbage = path.with_name("garbage.db")
    garbage.write_bytes(os.urandom(16_384))
    replace(garbage, path)
    await eventually(lambda: "events_unreadable" in events_in(logged))
    replace(backup, path)
    await eventually(lambda: told.anew == [1])
    await put(path, 4)
    await eventually(lambda: told.numbers == [1, 2, 3, 4])
    assert "events_file_replaced" in events_in(logged)
    assert events_in(logged)[-2:] == ["events_start_anew", "events_readable_again"]


async def test_a_new_database_in_its_place(path, told, reader, eventually):
    await put(path, 1, 2)
    await eventually(lambda: told.numbers == [1, 2])
    fresh = path.with_name("fresh.db")
    await asyncio.to_thread(upgrade_blocking, f"sqlite:///{fresh}")
    replace(fresh, path)
    await eventually(lambda: told.anew == [0])
    await put(path, 3)
    await eventually(lambda: told.numbers == [1, 2, 3])


async def test_a_row_that_cannot_be_read_does_not_hold_up_the_next(path, told, reader, eventually):
    with closing(sqlite3.connect(path)) as other:
        other.execute(
            "INSERT INTO events (id, site_id, topic, type, data, at_s) VALUES ('evt_1', 'default', 't', 'x.y', ?, 0)",
            ('{"number": 1',),
        )
        other.execute(
            "INSERT INTO events (id, site_id, topic, type, data, at_s) VALUES ('evt_2', 'default', 't', 'x.y', ?, 0)",
            ('{"number": 2}',),
        )
        told.hand_over = lambda events: told.numbers.extend(one.data.get("number", 0) for one in events)
        other.commit()
    await eventually(lambda: told.numbers == [0, 2])


async def test_a_loop_that_is_busy_is_not_flooded(path, told, reader, eventually):
    """However much is in the table, one page waits for the loop and no more."""
    pages = []
    told.hand_over = pages.append
    db = Database(DbSettings(), f"sqlite:///{path}")
    await write(db, *(new(number) for number in range(2000)))
    # Nothing of the loop runs in this time.
    for _ in range(40):
        threading.Event().wait(0.005)
    assert len(asyncio.get_running_loop()._ready) <= 3
    await eventually(lambda: sum(map(len, pages)) == 2000)
    await db.close()


def replace(source: Path, path: Path) -> None:
    source.replace(path)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
