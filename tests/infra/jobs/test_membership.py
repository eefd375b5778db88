"""Executors see each other come, go, die and freeze; real processes where the kernel decides."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from conftest import TurnedClock
from roundhouse.core.errors import StorageUnavailable
from roundhouse.core.settings import DbSettings, JobSettings
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database
from roundhouse.infra.events.store import Event
from roundhouse.infra.events.store import events as events_table
from roundhouse.infra.jobs import executors
from roundhouse.infra.jobs.membership import Membership

SETTINGS = JobSettings(lease_s=30, renew_s=10)
SHORT = JobSettings(lease_s=1, renew_s=0.2)
LONGEST_S = 20.0

Join = Callable[..., Any]


class TwoClocks(TurnedClock):
    """A clock on the wall that can be set without time passing."""

    wrong_s = 0.0

    def now_s(self) -> float:
        return super().now_s() + self.wrong_s


@pytest.fixture
def clock() -> TwoClocks:
    return TwoClocks()


@pytest.fixture
async def join(db: Database, tmp_path: Path, clock: TwoClocks) -> AsyncIterator[Join]:
    """`await join()` gives a member; all leave at the end. What would end its process is in `ended`."""
    members: list[Membership] = []

    async def make(folder: str = "", settings: JobSettings = SETTINGS, **more: Any) -> Membership:
        ended: list[int] = []
        options: dict[str, Any] = {"queues": ["io"], "pipelines": ["a@1", "b@2"], "version": "1.2.3"} | more
        used = options.pop("db", db)
        member = Membership(used, settings, tmp_path / folder, clock, end=ended.append, **options)
        member.ended = ended
        await member.join()
        members.append(member)
        return member

    yield make
    for member in members:
        await member.leave()


@pytest.fixture
def process(db_url: str, tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """`process()` starts a member in a process of its own and returns it with its id."""
    started: list[subprocess.Popen[str]] = []

    def start(settings: JobSettings = SETTINGS) -> tuple[subprocess.Popen[str], str]:
        script = str(Path(__file__).with_name("member.py"))
        words = [db_url, str(tmp_path), str(settings.lease_s), str(settings.renew_s)]
        one = subprocess.Popen(
            [sys.executable, script, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(one)
        assert one.stdout is not None
        member_id = one.stdout.readline().strip()
        assert member_id.startswith("exe_"), one.communicate()
        return one, member_id

    yield start
    for one in started:
        one.kill()
        one.communicate()


async def until(holds: Callable[[], Any]) -> Any:
    """Wait until something is so; `holds` may be a coroutine function."""
    ends_at_s = time.monotonic() + LONGEST_S
    while time.monotonic() < ends_at_s:
        found = holds()
        found = await found if asyncio.iscoroutine(found) else found
        if found:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("it never came")


async def lost(member: Membership) -> list[str]:
    return [row.id for row in await member.lost()]


async def living(member: Membership) -> set[str]:
    return {row.id for row in await member.living()}


async def forget(db: Database, member: Membership, executor_id: str) -> bool:
    async with db.begin() as tx:
        return await member.forget(tx, executor_id)


async def news(db: Database) -> list[tuple[str, str, str]]:
    async with db.read() as tx:
        rows = await tx.execute(sa.select(events_table).order_by(events_table.c.seq))
        return [(row.type, row.topic, row.site_id) for row in rows]


def event(kind: str, topic: str) -> Event:
    return Event(1, "evt_1", "", topic, kind, {}, 0.0)


def locks(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "executors").glob("*"))


# Coming and going


async def test_who_joins_is_seen_until_he_leaves(db: Database, join: Join, tmp_path: Path) -> None:
    one = await join(queues=["gpu", "io"])
    two = await join()
    assert one.id != two.id
    assert await living(one) == await living(two) == {one.id, two.id}
    assert await lost(one) == []
    row = next(row for row in await two.living() if row.id == one.id)
    assert (row.pid, row.version, row.lease_s, row.draining) == (os.getpid(), "1.2.3", 30, False)
    assert (row.queues, row.pipelines) == (["gpu", "io"], ["a@1", "b@2"])
    assert abs(row.started_at_s - time.time()) < 60
    assert row.lock_path == str(tmp_path / "executors" / f"{one.id}.lock")
    assert locks(tmp_path) == sorted([one.id, two.id])
    assert (tmp_path / "executors").stat().st_mode & 0o777 == 0o700
    assert (one.slots, two.slots) == ({"gpu": 1, "io": 8}, {"io": 8})

    await two.set_draining()
    assert {row.id: row.draining for row in await one.living()} == {one.id: False, two.id: True}

    await one.leave()
    await one.leave()
    assert await living(two) == {two.id}
    assert locks(tmp_path) == [two.id]
    assert await news(db) == [
        ("executor.joined", one.id, ""),
        ("executor.joined", two.id, ""),
        ("executor.left", one.id, ""),
    ]


async def test_a_folder_that_cannot_be_written_is_told(db: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    member = Membership(
        db, SETTINGS, tmp_path / "file", SystemClock(), queues=["io"], pipelines=[], version="1"
    )
    with pytest.raises(StorageUnavailable, match=r"\.lock"):
        await member.join()
    await member.leave()


async def test_a_database_that_is_away_lets_nobody_in_and_holds_nobody_up(tmp_path: Path) -> None:
    away = Database(DbSettings(), f"sqlite:///{tmp_path / 'none' / 'roundhouse.db'}")
    member = Membership(away, SETTINGS, tmp_path, SystemClock(), queues=["io"], pipelines=[], version="1")
    with pytest.raises(StorageUnavailable):
        await member.join()
    assert locks(tmp_path) == []
    await member.leave()
    await away.close()


async def test_files_that_nobody_stands_behind_are_removed(join: Join, tmp_path: Path) -> None:
    one = await join()
    (tmp_path / "executors" / "exe_dead.lock").touch()
    (tmp_path / "executors" / "other").touch()
    two = await join()
    assert locks(tmp_path) == sorted([one.id, two.id, "other"])


# Death


async def test_a_killed_process_is_found_at_once(
    db: Database, join: Join, process: Any, tmp_path: Path
) -> None:
    one, two = await join(), await join()
    victim, victim_id = process()
    one.told(event("executor.joined", victim_id))
    assert await lost(one) == []
    assert victim_id in await living(one)

    victim.kill()
    victim.wait()
    # No time has passed on this clock, and no row was read again.
    assert await lost(one) == [victim_id]
    assert await living(one) == {one.id, two.id}
    two.told(event("executor.joined", victim_id))
    assert await lost(two) == [victim_id]

    assert await forget(db, one, victim_id)
    assert not await forget(db, two, victim_id)
    two.told(event("executor.left", victim_id))
    assert await lost(two) == []
    assert (await news(db))[-1] == ("executor.left", victim_id, "")
    assert locks(tmp_path) == sorted([one.id, two.id])


async def test_rows_are_read_seldom_unless_one_came_or_went(
    db: Database, join: Join, clock: TwoClocks
) -> None:
    one = await join()
    assert await lost(one) == []
    async with db.begin() as tx:
        await executors.insert(tx, row_of(one, "exe_dead", one.id + "x"))
        await tx.execute(sa.update(executors.executors).values(lease_s=1.0))
    clock.turn(1.5)
    assert await lost(one) == []
    clock.turn(1.0)
    assert await lost(one) == ["exe_dead"]

    await forget(db, one, "exe_dead")
    one.told(event("executor.left", "exe_dead"))
    assert await lost(one) == []


def row_of(member: Membership, executor_id: str, lock: str, **more: Any) -> dict[str, Any]:
    return {
        "id": executor_id,
        "machine_id": member._roster.machine,
        "host": "other",
        "pid": 1,
        "lock_path": f"/nowhere/{lock}.lock",
        "queues": ["io"],
        "pipelines": [],
        "version": "1",
        "renewed_monotonic_s": 0.0,
        "lease_s": 30.0,
    } | more


async def test_a_frozen_process_is_dead_after_its_lease_and_ends_when_it_wakes(
    db: Database, db_url: str, process: Any, tmp_path: Path
) -> None:
    watcher = Membership(db, SETTINGS, tmp_path, SystemClock(), queues=["io"], pipelines=[], version="1")
    await watcher.join()
    frozen, frozen_id = process(SHORT)
    beside, beside_id = process(SHORT)
    frozen.send_signal(signal.SIGSTOP)
    assert await lost(watcher) == []
    assert await until(lambda: lost(watcher)) == [frozen_id]
    assert await living(watcher) == {watcher.id, beside_id}
    assert await forget(db, watcher, frozen_id)

    frozen.send_signal(signal.SIGCONT)
    assert frozen.wait(LONGEST_S) == 75
    assert "executor_ends_itself" in frozen.communicate()[0]
    beside.communicate("leave\n", timeout=LONGEST_S)
    assert beside.returncode == 0
    assert await living(watcher) == {watcher.id}
    await watcher.leave()


async def test_a_process_whose_event_loop_is_blocked_ends_itself(process: Any) -> None:
    blocked, _ = process(SHORT)
    out, _ = await asyncio.to_thread(blocked.communicate, "block\n", LONGEST_S)
    assert blocked.returncode == 75
    assert "lease_expired" in out


async def test_leases_are_renewed(join: Join, db: Database, clock: TwoClocks) -> None:
    one, two = await join(), await join()
    for _ in range(200):
        clock.turn(1.0)
        await until(lambda: renewed_everywhere(db, clock.monotonic_s() - 11.0))
    assert await lost(one) == await lost(two) == []
    assert one.ended == two.ended == []
    assert not one.expired


async def renewed_everywhere(db: Database, monotonic_s: float) -> bool:
    async with db.read() as tx:
        return all(row.renewed_monotonic_s >= monotonic_s for row in await executors.every(tx))


async def test_a_clock_that_is_set_kills_nobody(join: Join, clock: TwoClocks) -> None:
    one, two = await join(), await join(machine="another")
    for wrong_s in (3600.0, -3600.0, 86_400.0 * 365):
        clock.wrong_s = wrong_s
        assert await lost(one) == [] or one._db.is_sqlite
        assert await living(one) >= {one.id}
        assert one.ended == two.ended == []


async def test_one_that_was_forgotten_ends_itself(join: Join, db: Database, clock: TwoClocks) -> None:
    one, two, three = await join(), await join(), await join()
    await forget(db, one, two.id)
    clock.turn(10.0)
    await until(lambda: two.ended == [75])
    await forget(db, one, three.id)
    three.told(event("executor.left", one.id))
    assert three.ended == []
    three.told(event("executor.left", three.id))
    assert three.ended == [75]


async def test_one_that_cannot_renew_ends_before_the_others_take_it_for_dead(
    join: Join, tmp_path: Path, clock: TwoClocks, sqlite_url: str, logged: Any
) -> None:
    db = Database(DbSettings(busy_timeout_s=0.05), sqlite_url)
    settings = JobSettings(lease_s=2, renew_s=1)
    member = await join(settings=settings, db=db)
    blocker = sa.create_engine(sqlite_url, isolation_level="AUTOCOMMIT")
    with blocker.connect() as connection:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
        await asyncio.sleep(0)
        clock.turn(1.0)
        await until(lambda: any(line["event"] == "executor_not_renewed" for line in logged))
        assert member.ended == []
        clock.turn(0.9)
        await until(lambda: member.ended)
        connection.exec_driver_sql("ROLLBACK")
    assert member.ended == [75]
    assert member.expired
    blocker.dispose()
    await member.leave()
    await db.close()


# Other machines


async def test_another_machine_is_judged_by_its_silence_alone(
    db: Database, join: Join, clock: TwoClocks
) -> None:
    """Its lock file may even be seen here, over a network file system that does not pass locks on."""
    if db.is_sqlite:
        pytest.skip("SQLite is on one machine")
    one = await join()
    clock.turn(5.0)
    free = one._folder / "exe_far.lock"
    free.touch()
    async with db.begin() as tx:
        values = row_of(one, "exe_far", "x", machine_id="another", lock_path=str(free))
        await executors.insert(tx, values | {"renewed_monotonic_s": 1e9})
    assert await living(one) == {one.id, "exe_far"}
    clock.turn(29.0)
    assert await lost(one) == []
    async with db.begin() as tx:
        assert await executors.renew(tx, "exe_far", 1e9 + 29)
    clock.turn(29.0)
    assert await lost(one) == []
    clock.turn(2.0)
    assert await lost(one) == []
    clock.turn(29.0)
    assert "exe_far" in await lost(one)
    assert free.exists()


async def test_a_row_from_before_the_machine_was_started_anew(
    db: Database, join: Join, clock: TwoClocks
) -> None:
    one = await join()
    async with db.begin() as tx:
        await executors.insert(tx, row_of(one, "exe_before", "x", machine_id="an earlier boot"))
    assert await lost(one) == (["exe_before"] if db.is_sqlite else [])


async def test_a_container_whose_files_are_not_seen(db: Database, join: Join, clock: TwoClocks) -> None:
    one = await join()
    async with db.begin() as tx:
        await executors.insert(tx, row_of(one, "exe_in_a_box", "x"))
    clock.turn(29.0)
    assert await lost(one) == []
    clock.turn(2.0)
    assert await lost(one) == ["exe_in_a_box"]


# Graphics cards


async def test_one_executor_of_a_machine_has_the_graphics_cards(
    join: Join, process: Any, tmp_path: Path
) -> None:
    one, two = await join(queues=["gpu"]), await join(queues=["gpu", "io"])
    other = await join()
    assert not other.try_gpu()
    assert one.try_gpu()
    assert one.try_gpu()
    assert not two.try_gpu()
    assert (one.holds_gpu, two.holds_gpu) == (True, False)
    await one.leave()
    assert two.try_gpu()
    await two.leave()

    victim, _ = process()
    three = await join(queues=["gpu"])
    assert not three.try_gpu()
    victim.kill()
    victim.wait()
    assert three.try_gpu()


async def test_two_installations_share_a_lock_when_they_name_it(join: Join, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = await join("a", queues=["gpu"]), await join("b", queues=["gpu"])
    assert one.try_gpu()
    assert two.try_gpu()
    common = SETTINGS.model_copy(update={"gpu_lock": tmp_path / "common.lock"})
    three = await join("a", common, queues=["gpu"])
    four = await join("b", common, queues=["gpu"])
    assert three.try_gpu()
    assert not four.try_gpu()
    # It has nothing to do with them.
    three.pass_gpu_on(used=False)
    assert three.try_gpu()
    # After a job of its own the other one comes first.
    three.pass_gpu_on(used=True)
    assert not three.try_gpu()
    assert four.try_gpu()
    # Who has a lock of its own keeps it.
    one.pass_gpu_on(used=True)
    assert one.holds_gpu


async def test_a_lock_that_cannot_be_had_is_told_once(join: Join, tmp_path: Path, logged: Any) -> None:
    settings = SETTINGS.model_copy(update={"gpu_lock": tmp_path / "none" / "gpu.lock"})
    member = await join(settings=settings, queues=["gpu"])
    assert not member.try_gpu()
    assert not member.try_gpu()
    assert [line["event"] for line in logged] == ["gpu_lock_unusable"]
