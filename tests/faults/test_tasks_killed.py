"""Servers and executors killed in the middle of calls: each task ends, no call that may not be repeated is."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.product import Product, wait_until
from faults.tasks import Clients, check, module
from faults.truth import Truth

SEED = int(os.environ.get("ROUNDHOUSE_TEST_SEED", "20260101"))
CLIENTS = 4
STRIKES = ("api", "all", "supervised", "extra")


def strike(product: Product, kind: str) -> None:
    if kind == "api":
        product.kill_api()
    elif kind == "all":
        product.kill_all()
    elif kind == "supervised":
        product.kill_supervised()
    else:
        product.kill_extra()


def all_there(product: Product) -> bool:
    """Whether every process that was started again has come in: before, it cannot be stopped as it should."""
    pids = {one.pid for one in product.extras}
    return pids <= {one["pid"] for one in Truth(product.db_url).executors()}


async def campaign(folder: Path, db_url: str, kinds: list[str], seed: int, **settings: str) -> dict[str, int]:
    """One strike after the other while clients order; everything is checked at the end."""
    chance = random.Random(seed)
    with Product(folder, db_url, **settings) as product:
        async with module(0.15) as served, Clients(product, seed) as clients:
            await asyncio.to_thread(product.start, executors=int("extra" in kinds))
            await clients.register(served.url)
            working = [asyncio.create_task(clients.work(number)) for number in range(CLIENTS)]
            for kind in kinds:
                await asyncio.sleep(chance.uniform(0.3, 1.0))
                await asyncio.to_thread(strike, product, kind)
            await asyncio.sleep(0.5)
            clients.stop()
            await asyncio.wait_for(asyncio.gather(*working), 90)
            assert len(set(clients.accepted.values())) == len(clients.accepted) == len(clients.asked)
            traces = [await asyncio.wait_for(clients.ended(one), 90) for one in clients.accepted.values()]
            found = check(traces, served.calls)
        await asyncio.to_thread(wait_until, lambda: all_there(product), 60, "every executor is there")
        assert await asyncio.to_thread(product.stop) == 0
    return found | {"tasks": len(traces)}


@pytest.mark.timeout(180)
async def test_a_server_is_killed_in_the_middle_of_calls(tmp_path: Path, house_db: str):
    found = await campaign(tmp_path, house_db, ["api", "all"], SEED)
    assert found["completed"] > 0, found


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("at_once", ["16", "0"])
async def test_many_kills(tmp_path: Path, house_db: str, at_once: str, tell: Callable[[str], None]):
    chance = random.Random(SEED)
    kinds = [chance.choice(STRIKES) for _ in range(40)] + ["extra"]
    found = await campaign(tmp_path, house_db, kinds, SEED, TASKS__AT_ONCE=at_once)
    tell(f"41 kills, {house_db or 'sqlite'}, {at_once} calls in the server: {found}")
    assert found["repeated"] + found.get("failed", 0) > 0, found
