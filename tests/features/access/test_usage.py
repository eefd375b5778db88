import asyncio
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from features.access.process import usage_record
from roundhouse.core.errors import StorageFull
from roundhouse.core.settings import AccessSettings, DbSettings
from roundhouse.features.access import store
from roundhouse.features.access.usage import UsageWriter
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database, parse_url

EVER = store.UsageFilter(0.0, 1e12)
DAY = int(1_800_000_000 // store.DAY_S)


async def stored(db) -> list[str]:
    async with db.read() as tx:
        return sorted(
            record.request_id for _, record in await store.list_usage(tx, EVER, before_id=None, limit=10_000)
        )


async def test_records_round_trip(process):
    full = usage_record(
        user_id="u1", app_id="a1", error_code="busy", status=429, stream=True, cost_usd=0.1, audio_s=12.5
    )
    process.usage.record(full)
    assert await stored(process.db) == []
    await process.usage.flush()
    async with process.db.read() as tx:
        ((_, read),) = await store.list_usage(tx, EVER, before_id=None, limit=10)
    assert read == full


async def test_sums_by_day_and_the_last_use_come_along(process):
    made = await process.key()
    for number in range(3):
        process.usage.record(usage_record(key_id=made.id, at_s=1_800_000_000.0 + number))
    process.usage.record(usage_record(key_id=made.id, at_s=1_800_000_000.0 + store.DAY_S))
    await process.usage.flush()
    process.usage.record(usage_record(key_id=made.id))
    await process.usage.flush()
    async with process.db.read() as tx:
        rows = (await tx.execute(store.spending.select().order_by("day"))).all()
        assert await store.spent(tx, [made.id], since_day=DAY + 1) == {made.id: (0.25, 15)}
        assert (await store.get_key(tx, made.id, site_id=None)).last_used_at_s == 1_800_000_000.0
    assert rows == [(made.id, DAY, 4, 60, 1.0), (made.id, DAY + 1, 1, 15, 0.25)]


async def test_large_batches(process):
    for number in range(5000):
        process.usage.record(usage_record(request_id=f"req_{number}"))
    await process.usage.flush()
    assert len(await stored(process.db)) == 5000
    assert process.usage.dropped == 0


async def test_two_processes_add_up(start):
    processes = [await start() for _ in range(2)]
    made = await processes[0].key()
    for _ in range(5):
        for each in processes:
            each.usage.record(usage_record(key_id=made.id))
        await asyncio.gather(*(each.usage.flush() for each in processes))
    async with processes[0].db.read() as tx:
        assert await store.spent(tx, [made.id], since_day=0) == {made.id: (2.5, 150)}


async def test_what_a_client_made_endless_or_unstorable_harms_nobody(process):
    process.usage.record(usage_record(request_id="req_1"))
    process.usage.record(usage_record(request_id="req_2", requested_model="x" * 10_000_000))
    process.usage.record(usage_record(request_id="req_3", requested_model="a\x00b"))
    process.usage.record(usage_record(request_id="req_4"))
    await process.usage.flush()
    found = await stored(process.db)
    assert {"req_1", "req_2", "req_4"} <= set(found)
    assert len(found) + process.usage.dropped == 4
    assert process.usage.pending() == {}


async def test_records_wait_while_the_disk_is_full(sqlite_url, turned_clock):
    db = Database(DbSettings(pool_size=1), sqlite_url)
    writer = UsageWriter(db, AccessSettings(), turned_clock, max_waiting=3000)
    async with db.read() as tx:
        pages = (await tx.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await tx.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    for number in range(3500):
        writer.record(usage_record(request_id=f"req_{number:05}"))
    assert writer.dropped == 500
    with pytest.raises(StorageFull):
        await writer.flush()
    assert writer.pending()["key_a"].requests == 3000
    async with db.read() as tx:
        await tx.exec_driver_sql("PRAGMA max_page_count=100000")
    await writer.flush()
    assert len(await stored(db)) == 3000
    assert writer.pending() == {}
    await db.close()


async def test_it_writes_in_the_background_and_at_the_end(db):
    writer = UsageWriter(db, AccessSettings(usage_flush_s=0.02), SystemClock())
    writer.start()
    writer.record(usage_record(request_id="req_1"))
    for _ in range(500):
        if await stored(db):
            break
        await asyncio.sleep(0.01)
    assert await stored(db) == ["req_1"]
    writer.record(usage_record(request_id="req_2"))
    await writer.close()
    assert await stored(db) == ["req_1", "req_2"]


async def test_closing_while_it_writes_writes_once(db):
    for round_ in range(10):
        writer = UsageWriter(db, AccessSettings(usage_flush_s=0.001), SystemClock())
        writer.start()
        for number in range(300):
            writer.record(usage_record(request_id=f"req_{round_}_{number:03}"))
        await asyncio.sleep(0.002 * round_)
        await writer.close()
    found = await stored(db)
    assert len(found) == len(set(found)) == 3000


async def test_old_records_are_deleted_and_sums_stay(process, turned_clock):
    process.usage.record(usage_record(request_id="req_old", at_s=turned_clock.now_s() - 401 * store.DAY_S))
    process.usage.record(usage_record(request_id="req_new"))
    await process.usage.flush()
    assert await process.usage.prune() == 1
    assert await stored(process.db) == ["req_new"]
    async with process.db.read() as tx:
        assert len((await tx.execute(store.spending.select())).all()) == 2


CHILD = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from features.access.process import usage_record
from roundhouse.core.settings import AccessSettings, DbSettings
from roundhouse.features.access.usage import UsageWriter
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database

async def main():
    db = Database(DbSettings(), sys.argv[1])
    writer = UsageWriter(db, AccessSettings(usage_flush_s=0.1), SystemClock())
    writer.start()
    number = 0
    while True:
        for _ in range(20):
            writer.record(usage_record(request_id=f"req_{number:06}"))
            number += 1
        print(number, flush=True)
        await asyncio.sleep(0.01)

asyncio.run(main())
"""


def test_kill_9_loses_the_last_flush_at_most(sqlite_url):
    tests = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, sqlite_url, tests], stdout=subprocess.PIPE, text=True
    ) as child:
        recorded = 0
        while recorded < 2000:
            recorded = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
    with closing(sqlite3.connect(parse_url(sqlite_url).database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = [
            row[0] for row in connection.execute("SELECT request_id FROM usage_records ORDER BY request_id")
        ]
        counted = connection.execute("SELECT sum(requests) FROM spending").fetchone()[0]
    # Whole batches in order, none twice, and the sums are those of the records.
    assert found == [f"req_{number:06}" for number in range(len(found))]
    assert 0 < len(found) == counted
