import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from peers.proxy import Wire
from roundhouse.core.errors import BadInput, RoundhouseError, StorageFull, StorageUnavailable
from roundhouse.infra.jobs.durable import DbosDurable
from roundhouse.infra.jobs.durable_engine import make_engine


@contextlib.asynccontextmanager
async def opened(url: str, **patience: float):
    durable = DbosDurable(url, "exe_1", **patience)
    await durable.start()
    try:
        yield durable
    finally:
        await durable.close()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'roundhouse.db'}"


@pytest.fixture
def locked(tmp_path: Path):
    """Another program holds SQLite's write lock while the context lasts."""

    @contextlib.contextmanager
    def lock():
        connection = sqlite3.connect(
            tmp_path / "roundhouse.db", isolation_level=None, check_same_thread=False
        )
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.close()

    return lock


@pytest.fixture
def run_id() -> str:
    return f"job_{secrets.token_hex(8)}.1"


async def give():
    return "output"


async def one_step(record):
    return await record("step", give)


def dbos_threads(before: set[threading.Thread]) -> list[str]:
    """Of the threads begun since: other tests of the process may have left some of their own."""
    begun = set(threading.enumerate()) - before
    return [one.name for one in begun if "asyncio" not in one.name]


async def until(true) -> None:
    for _ in range(1500):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError


async def test_only_one_per_process_and_another_after_it(url, run_id):
    before = set(threading.enumerate())
    async with opened(url) as durable:
        with pytest.raises(RoundhouseError, match="singleton"):
            await DbosDurable(url, "exe_2").start()
        assert await durable.run(run_id, "kind@1", one_step) == "output"
    async with opened(url) as durable:
        assert await durable.finished([run_id]) == {"step": "output"}
    await until(lambda: not dbos_threads(before))


@pytest.mark.parametrize("url", ["sqlite:////nowhere/x.db", "postgresql://postgres@127.0.0.1:1/none"])
async def test_a_start_that_fails_leaves_nothing_behind(url, tmp_path, run_id):
    with pytest.raises(StorageUnavailable):
        await DbosDurable(url, "exe_1").start()
    with pytest.raises(BadInput):
        await DbosDurable("mysql://a/b", "exe_1").start()
    async with opened(f"sqlite:///{tmp_path / 'y.db'}") as durable:
        assert await durable.run(run_id, "kind@1", one_step) == "output"


async def test_nothing_of_dbos_works_by_itself(url, tmp_path, run_id):
    """No thread of it looks for work; what another start left unfinished stays as it is."""

    before = set(threading.enumerate())
    stands = asyncio.Event()

    async def stand(record):
        await record("step", give)
        stands.set()
        await asyncio.sleep(3600)

    async with opened(url) as durable:
        task = asyncio.create_task(durable.run(run_id, "kind@1", stand))
        await asyncio.wait_for(stands.wait(), 30)
    task.cancel()
    await asyncio.wait({task})
    names = {"queue_thread", "dynamic_scheduler_loop", "background-jobs", "queue-worker"}
    async with opened(url):
        await until(lambda: not [one for one in dbos_threads(before) if any(name in one for name in names)])
        connection = sqlite3.connect(tmp_path / "roundhouse.db")
        version = connection.execute("PRAGMA data_version").fetchone()
        # Longer than any of its intervals, were they alive.
        await asyncio.sleep(1.5)
        assert connection.execute("PRAGMA data_version").fetchone() == version
        kept = connection.execute("SELECT status, recovery_attempts, queue_name FROM workflow_status")
        assert kept.fetchall() == [("PENDING", 1, None)]
        connection.close()


async def test_it_prints_and_logs_nothing_of_its_own(url, run_id, capfd, caplog):
    async def fail(record):
        await record("step", give)
        raise ValueError("secret")

    logging.getLogger("dbos").setLevel(logging.DEBUG)
    async with opened(url, patience_s=0.5) as durable:
        with pytest.raises(ValueError, match="secret"):
            await durable.run(run_id, "kind@1", fail)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


async def test_errors_are_kept_without_details(url, tmp_path, run_id, locked):
    """Where DBOS notes that a recording failed."""

    async def body(record):
        with locked():
            recording = asyncio.create_task(record("step", give))
            await asyncio.sleep(0.3)
        assert await recording == "output"
        return await record("other", give)

    async with opened(url, busy_timeout_s=0.2) as durable:
        await durable.run(run_id, "kind@1", body)
        assert await durable.finished([run_id]) == {"step": "output", "other": "output"}
    connection = sqlite3.connect(tmp_path / "roundhouse.db")
    kept = connection.execute(
        "SELECT DISTINCT error FROM operation_outputs WHERE error IS NOT NULL"
    ).fetchall()
    assert kept in ([], [('{"error":"StorageUnavailable"}',)])
    connection.close()


async def test_a_locked_database_is_waited_for_and_given_up(url, run_id, locked):
    done = []

    async def work():
        done.append("work")
        return "output"

    async def body(record):
        with locked():
            await record("step", work)

    async with opened(url, patience_s=1.0, busy_timeout_s=0.1) as durable:
        with pytest.raises(StorageUnavailable):
            await durable.run(run_id, "kind@1", body)
        assert done == ["work"]
        with locked():
            for call in (durable.fence, durable.delete):
                with pytest.raises(StorageUnavailable):
                    await call([run_id])
            with pytest.raises(StorageUnavailable):
                await durable.run(f"{run_id}0", "kind@1", one_step)
            assert await durable.finished([run_id]) == {}
        await durable.fence([run_id])
        assert await durable.run(f"{run_id}1", "kind@1", one_step) == "output"


async def test_the_end_of_a_run_is_no_matter_of_life(url, run_id, locked):
    """All steps are recorded: the run is done, whether DBOS can note that or not."""
    with contextlib.ExitStack() as stack:

        async def body(record):
            await record("step", give)
            stack.enter_context(locked())
            return "result"

        async with opened(url, busy_timeout_s=0.1) as durable:
            assert await durable.run(run_id, "kind@1", body) == "result"
            assert await durable.finished([run_id]) == {"step": "output"}


@pytest.fixture
def small_disk(tmp_path: Path):
    """A disk of a few MiB; only root may make one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if os.geteuid() != 0 or not shutil.which("mount") or subprocess.run(command, check=False).returncode != 0:
        pytest.skip("no right to mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


async def test_a_full_disk_is_waited_for_and_given_up(small_disk, run_id):
    filler = small_disk / "filler"

    def fill() -> None:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)

    async def big():
        return "x" * 500_000

    async def body(record):
        fill()
        await record("step", big)

    async def patient(record):
        fill()
        asyncio.get_running_loop().call_later(0.5, filler.unlink)
        return len(await record("step", big))

    async with opened(f"sqlite:///{small_disk / 'x.db'}", patience_s=1.0, busy_timeout_s=0.1) as durable:
        with pytest.raises(StorageFull):
            await durable.run(run_id, "kind@1", body)
        assert await durable.finished([run_id]) == {}
        filler.unlink()
        await durable.fence([run_id])
    async with opened(f"sqlite:///{small_disk / 'x.db'}") as durable:
        assert await durable.run(f"{run_id}1", "kind@1", patient) == 500_000
        assert len((await durable.finished([f"{run_id}1"]))["step"]) == 500_000


@contextlib.asynccontextmanager
async def wired(postgres_url: str):
    """A database behind a wire."""
    url = make_url(postgres_url)
    async with Wire(url.host or "127.0.0.1", url.port or 5432) as wire:
        yield wire, url.set(host="127.0.0.1", port=wire.port).render_as_string(hide_password=False)


@pytest.mark.postgres
async def test_a_server_that_was_away_is_waited_for(postgres_url, run_id):
    async with wired(postgres_url) as (wire, url), opened(url) as durable:
        wire.cut()
        with pytest.raises(StorageUnavailable):
            await durable.finished([run_id])
        wire.mend()

        async def body(record):
            await record("before", give)
            wire.cut()
            asyncio.get_running_loop().call_later(0.5, wire.mend)
            return await record("step", give)

        assert await durable.run(run_id, "kind@1", body) == "output"
        assert await durable.finished([run_id]) == {"before": "output", "step": "output"}


@pytest.mark.postgres
async def test_a_frozen_server_is_given_up_and_holds_up_no_end(postgres_url, run_id):
    async with wired(postgres_url) as (wire, url):
        durable = DbosDurable(url, "exe_1", patience_s=1.0)
        await durable.start()

        async def body(record):
            await record("before", give)
            wire.freeze()
            await record("step", give)

        with pytest.raises(StorageUnavailable):
            await durable.run(run_id, "kind@1", body)
        with pytest.raises(StorageUnavailable):
            await durable.finished([run_id])
        began_s = time.monotonic()
        await durable.close()
        assert time.monotonic() - began_s < 10
    async with opened(postgres_url) as durable:
        assert (await durable.finished([run_id]))["before"] == "output"


@pytest.mark.postgres
def test_a_frozen_process_keeps_no_lock_for_ever(postgres_url):
    """Its transaction is ended by the server, so that a take-over can fence its run."""
    engine = make_engine(postgres_url, 1, 5.0)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").one() == ("10s",)
    engine.dispose()
