"""Executors that freeze, die, lose their parent, or are killed by what they run; how soon others go on."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from faults.clients import Clients
from faults.product import Product, freeze, thaw, wait_until
from faults.truth import Line, Truth, check, read_ledger

NO_CHILD = {"JOBS__EXECUTOR": "false"}
SHORT_LEASE = {"JOBS__LEASE_S": "6", "JOBS__RENEW_S": "2", "DB__BUSY_TIMEOUT_S": "2"}
LONG = ("chain", {"pause_s": 6.0})
SOON_S = 30.0


def starts(product: Product, job_id: str, run: int | None = None) -> list[Line]:
    """Begins of a job's steps."""
    lines = [one for one in read_ledger(product.ledger) if one.job_id == job_id and one.what == "start"]
    return [one for one in lines if run is None or one.run == run]


async def begun(product: Product, job_id: str, run: int, within_s: float = SOON_S) -> Line:
    """The first step that a run begins."""
    found = await asyncio.to_thread(
        wait_until, lambda: starts(product, job_id, run), within_s, f"run {run} of {job_id}"
    )
    return found[0]


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_frozen_executor_is_replaced_and_ends_itself(tmp_path: Path, house_db: str):
    with Product(tmp_path, house_db, **NO_CHILD, **SHORT_LEASE) as product:
        product.start()
        frozen = product.start_executor()
        async with Clients(product, 1, inputs=[]) as clients:
            jobs = [await clients.submit("chain", {"pause_s": 2.0}) for _ in range(4)]
            jobs.append(await clients.submit("heavy", {"pause_s": 1.0, "child": True}))
            readers = [clients.follow(job_id) for job_id in jobs]
            for job_id in jobs:
                assert (await begun(product, job_id, 1)).pid == frozen.pid
            await asyncio.sleep(2.0)
            freeze(frozen)
            other = product.start_executor()
            for job_id in jobs:
                assert (await begun(product, job_id, 2)).pid == other.pid
            thaw(frozen)
            # Who found it frozen killed it; had it woken before, it would have ended itself.
            assert await asyncio.to_thread(frozen.wait, SOON_S) in (-9, 75)
            await clients.finish(60)
            truth = Truth(product.db_url)
            found = check(truth, product.ledger, clients.accepted)
            clients.check_readers(truth.events())
            assert found["completed"] == len(readers)
            assert [one["pid"] for one in truth.executors()] == [other.pid]
            product.extras.remove(frozen)
            # Its heavy child went with it.
            assert not [one for one in product.processes() if "-m roundhouse" not in " ".join(one.cmdline())]
        product.stop()


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_executors_are_frozen_again_and_again(
    tmp_path: Path, house_db: str, tell: Callable[[str], None]
):
    """At random moments of short steps, so in the middle of transactions too."""
    chance = random.Random(7)
    with Product(tmp_path, house_db, **NO_CHILD, **SHORT_LEASE) as product:
        product.start(executors=2)
        inputs = [("chain", {"pause_s": 0.02}), ("chain", {"pause_s": 0.5})]
        async with Clients(product, 7, inputs=inputs) as clients:
            clients.begin()
            for number in range(15):
                await asyncio.sleep(chance.uniform(0.5, 3.0))
                frozen = product.extras.pop(0)
                freeze(frozen)
                if number % 3:
                    product.start_executor()
                await asyncio.sleep(chance.uniform(0.0, 12.0))
                thaw(frozen)
                if number % 3 == 0:
                    product.start_executor()
            await clients.finish(120)
            truth = Truth(product.db_url)
            found = check(truth, product.ledger, clients.accepted)
            clients.check_readers(truth.events())
    tell(f"15 executors frozen, {house_db or 'sqlite'}: {found}")


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_only_executor_is_frozen_for_good(tmp_path: Path, house_db: str):
    """Nobody wakes it: the API process finds it."""
    with Product(tmp_path, house_db, **SHORT_LEASE) as product:
        product.start()
        async with Clients(product, 1, inputs=[]) as clients:
            job_id = await clients.submit("chain", {"pause_s": 1.0})
            await begun(product, job_id, 1)
            product.kill_supervised(signal.SIGSTOP)
            clients.follow(job_id)
            await clients.finish(60)
            found = check(Truth(product.db_url), product.ledger, clients.accepted)
            assert found["completed"] == 1
        assert product.stop() == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_an_executor_that_was_frozen_for_a_moment_goes_on(tmp_path: Path, house_db: str):
    with Product(tmp_path, house_db, **NO_CHILD, **SHORT_LEASE) as product:
        product.start()
        frozen, _ = product.start_executor(), product.start_executor()
        async with Clients(product, 1, inputs=[]) as clients:
            jobs = [await clients.submit("chain", {"pause_s": 0.8}) for _ in range(6)]
            for job_id in jobs:
                clients.follow(job_id)
                await begun(product, job_id, 1)
            freeze(frozen)
            await asyncio.sleep(1.2)
            thaw(frozen)
            await clients.finish(60)
            found = check(Truth(product.db_url), product.ledger, clients.accepted)
            assert found["runs"] == found["completed"] == len(jobs)
            assert frozen.poll() is None


@pytest.mark.parametrize("who", ["another executor", "the supervisor"])
async def test_a_killed_executor_is_replaced_at_once(
    tmp_path: Path, house_db: str, who: str, tell: Callable[[str], None]
):
    alone = who == "the supervisor"
    with Product(tmp_path, house_db, **({} if alone else NO_CHILD)) as product:
        product.start(executors=0 if alone else 2)
        async with Clients(product, 1, inputs=[]) as clients:
            job_id = await clients.submit(*LONG)
            pid = (await begun(product, job_id, 1)).pid
            killed_s = time.monotonic()
            psutil.Process(pid).kill()
            again = await begun(product, job_id, 2)
            assert again.pid != pid
            took_s = again.at_s - killed_s
            if took_s > 2.0:
                tell(f"{house_db or 'sqlite'}: taken over by {who} in {took_s:.2f} s")
            await clients.until("POST", f"/v1/jobs/{job_id}/cancel")


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_executor_ends_with_its_api_and_gives_its_jobs_back(tmp_path: Path, house_db: str):
    with Product(tmp_path, house_db) as product:
        product.start()
        async with Clients(product, 1, inputs=[]) as clients:
            jobs = [await clients.submit("chain", {"pause_s": 2.0}) for _ in range(3)]
            jobs.append(await clients.submit("heavy", {"pause_s": 2.0, "child": True}))
            for job_id in jobs:
                await begun(product, job_id, 1)
            assert product.api is not None
            product.api.kill()
            product.api.wait(10)
            await asyncio.to_thread(wait_until, lambda: not product.processes(), SOON_S, "all have ended")
            truth = Truth(product.db_url)
            assert {one["state"] for one in truth.jobs().values()} == {"queued"}
            assert truth.executors() == []
            product.start_api()
            for job_id in jobs:
                clients.follow(job_id)
            await clients.finish(60)
            found = check(truth, product.ledger, clients.accepted)
            clients.check_readers(truth.events())
            assert found["completed"] == len(jobs)
        assert product.stop() == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_job_that_kills_its_executor_fails_and_the_others_are_done(tmp_path: Path, house_db: str):
    """Its neighbours run in the same process each time it dies."""
    with Product(tmp_path, house_db) as product:
        product.start()
        async with Clients(product, 1, inputs=[]) as clients:
            around = [await clients.submit("plain", {"pause_s": 3.0}) for _ in range(3)]
            for job_id in around:
                await begun(product, job_id, 1)
            bad = await clients.submit("poison", {})
            for job_id in [bad, *around]:
                clients.follow(job_id)
            await clients.finish(90)
            jobs = Truth(product.db_url).jobs()
            assert jobs[bad]["state"] == "failed"
            assert "executor_lost" in str(jobs[bad]["error"])
            assert jobs[bad]["attempts"] == 3
            assert [jobs[one]["state"] for one in around] == ["completed"] * 3
        assert product.stop() == 0
