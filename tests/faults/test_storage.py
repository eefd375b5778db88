"""Databases that restart, disks that are full, while jobs run."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from faults.clients import Clients
from faults.cluster import Cluster
from faults.product import Product, wait_until
from faults.truth import Truth, check, read_ledger

INPUTS = [
    ("chain", {"pause_s": 0.05}),
    ("chain", {"pause_s": 0.3}),
    ("heavy", {"pause_s": 0.3, "child": True}),
    ("chain", {"pause_s": 0.05, "fail": {"step": "two", "how": "for a while", "times": 1}}),
]


async def outages(tmp_path: Path, cluster: Cluster, modes: list[str], seed: int) -> dict[str, int]:
    """The database stops and starts again, once per mode; nothing of ours is restarted."""
    chance = random.Random(seed)
    with Product(tmp_path, cluster.url) as product:
        product.start(executors=1)
        assert product.api is not None
        pids = {product.api.pid, product.extras[0].pid}
        async with Clients(product, seed, inputs=INPUTS) as clients:
            clients.begin()
            await asyncio.to_thread(wait_until, lambda: _working(product) >= 2, 30, "both executors work")
            for mode in modes:
                await asyncio.sleep(chance.uniform(0.5, 2.0))
                await asyncio.to_thread(cluster.stop, mode)
                await asyncio.sleep(chance.choice([0.0, 0.5, 3.0]))
                await asyncio.to_thread(cluster.start)
            await clients.finish(within_s=120)
            truth = Truth(product.db_url)
            found = check(truth, product.ledger, clients.accepted)
            found["events read"] = clients.check_readers(truth.events())
        assert pids <= {one.pid for one in product.processes()}
        assert product.stop() == 0
    assert found["completed"] > len(modes)
    return found


def _working(product: Product) -> int:
    """Processes that have run a step."""
    return len({one.pid for one in read_ledger(product.ledger)})


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_postgresql_restarts_while_jobs_run(tmp_path: Path, cluster: Cluster):
    await outages(tmp_path, cluster, ["fast", "immediate"], 1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_postgresql_restarts_again_and_again(
    tmp_path: Path, cluster: Cluster, tell: Callable[[str], None]
):
    tell(f"30 restarts of PostgreSQL: {await outages(tmp_path, cluster, ['fast', 'immediate'] * 15, 2)}")


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_database_away_longer_than_the_lease(tmp_path: Path, cluster: Cluster):
    """Executors that cannot renew end themselves; new ones come when the database does."""
    lease = {"JOBS__LEASE_S": "3", "JOBS__RENEW_S": "0.5"}
    with Product(tmp_path, cluster.url, **lease) as product:
        product.start()
        async with Clients(product, 3, inputs=INPUTS) as clients:
            clients.begin()
            await asyncio.sleep(2)
            await asyncio.to_thread(cluster.stop, "immediate")
            await asyncio.sleep(8)
            await asyncio.to_thread(cluster.start)
            await asyncio.sleep(2)
            await clients.finish(within_s=90)
            truth = Truth(product.db_url)
            check(truth, product.ledger, clients.accepted)
            clients.check_readers(truth.events())
        assert product.stop() == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_full_disk_holds_jobs_up_and_loses_none(tmp_path: Path, small_disk: Path):
    with Product(tmp_path, data_dir=small_disk / "data") as product:
        product.start()
        async with Clients(product, 4, inputs=INPUTS, meddle=False) as clients:
            clients.begin()
            await asyncio.sleep(1.5)
            filler = small_disk / "filler"
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 65536)
            await asyncio.sleep(1.0)
            body = {"kind": "evidence.chain", "input": {"ledger": str(product.ledger), "note": "x" * 20_000}}
            # The journal may have room of its own from before.
            for _ in range(500):
                status, answer = await clients.ask("POST", "/v1/jobs", body)
                if status == 507:
                    break
            assert answer["error"]["code"] == "storage_full"
            assert (await clients.ask("GET", "/v1/jobs"))[0] == 200
            status, _ = await upload(clients, b"y" * 4_000_000)
            assert status == 507
            await asyncio.sleep(6.0)
            filler.unlink()
            await asyncio.sleep(1.0)
            await clients.finish(within_s=90)
            truth = Truth(product.db_url)
            await asyncio.to_thread(
                wait_until,
                lambda: not truth.rows("SELECT 1 FROM jobs WHERE ended_at_s IS NULL"),
                60,
                "all ended",
            )
            check(truth, product.ledger, clients.accepted)
            clients.check_readers(truth.events())
            assert truth.rows("PRAGMA integrity_check")[0]["integrity_check"] == "ok"
            assert (await upload(clients, b"y" * 100_000))[0] == 200
        assert product.stop() == 0


async def upload(clients: Clients, content: bytes) -> tuple[int, object]:
    """One file."""
    form = aiohttp.FormData()
    form.add_field("purpose", "user_data")
    form.add_field("file", content, filename="some.txt", content_type="text/plain")
    return await clients.post_form("/v1/files", form)
