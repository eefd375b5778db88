"""Processes killed at random moments, under load: nothing accepted is lost, nothing finished is done again."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.clients import Clients
from faults.product import Product, wait_until
from faults.truth import Truth, check

SEED = int(os.environ.get("ROUNDHOUSE_TEST_SEED", "20260101"))
INPUTS = [
    ("chain", {"pause_s": 0.02}),
    ("chain", {"pause_s": 0.1}),
    ("chain", {"pause_s": 0.3}),
    ("heavy", {"pause_s": 0.15, "child": True}),
    ("chain", {"pause_s": 0.05, "fail": {"step": "two", "how": "for a while", "times": 2}}),
    ("chain", {"pause_s": 0.05, "fail": {"step": "three", "how": "for good"}}),
]
KINDS = ["supervised", "supervised", "extra", "extra", "api", "all", "stop extra", "stop api"]


def strike(product: Product, kind: str) -> None:
    """One round."""
    if kind == "supervised":
        product.kill_supervised()
    elif kind == "extra":
        product.kill_extra()
    elif kind == "api":
        product.kill_api()
    elif kind == "all":
        product.kill_all()
    elif kind == "stop extra":
        product.kill_extra(signal.SIGTERM)
    else:
        product.kill_api(signal.SIGTERM)


def needless(product: Product, truth: Truth) -> list[str]:
    """Folders of jobs that are completed; one that failed or was cancelled may be retried."""
    jobs = truth.jobs()
    names = [one.name for one in (product.data_dir / "jobs").glob("*")]
    return [name for name in names if name not in jobs or jobs[name]["state"] == "completed"]


async def campaign(product: Product, rounds: int, seed: int) -> dict[str, int]:
    """So many rounds; everything is checked at the end."""
    chance, small = random.Random(seed), rounds < 2 * len(KINDS)
    product.start(executors=1)
    async with Clients(product, seed, inputs=INPUTS) as clients:
        clients.begin()
        for number in range(rounds):
            # Also while the last victim's successor is starting.
            await asyncio.sleep(chance.uniform(0.05, 1.5 if small else 3.0))
            kind = KINDS[number % len(KINDS)] if small else chance.choice(KINDS)
            await asyncio.to_thread(strike, product, kind)
        await clients.finish(within_s=120)
        truth = Truth(product.db_url)
        found = check(truth, product.ledger, clients.accepted)
        found["events read"] = clients.check_readers(truth.events())
        await clients.check_site(truth.site_events(), 30)
        found["connections"] = sum(one.connections for one in clients.readers.values())
    if not small:
        # Who was killed between a job's end and the removal of its folder left that to the others.
        await asyncio.to_thread(wait_until, lambda: not needless(product, truth), 60, "no needless folder")
    assert product.stop() == 0
    wait_until(lambda: not product.processes(), 10, "every process has ended")
    assert truth.executors() == []
    assert list((product.data_dir / "executors").glob("*.lock")) == []
    return found


@pytest.mark.timeout(180)
async def test_five_kills(tmp_path: Path, house_db: str, tell: Callable[[str], None]):
    with Product(tmp_path, house_db) as product:
        found = await campaign(product, 5, SEED)
    assert found["jobs"] > 5, found
    assert found["completed"] > 2, found


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_two_hundred_kills(tmp_path: Path, house_db: str, tell: Callable[[str], None]):
    began_s = time.monotonic()
    with Product(tmp_path, house_db) as product:
        found = await campaign(product, 200, SEED)
    tell(f"200 kills, {house_db or 'sqlite'}, {time.monotonic() - began_s:.0f} s: {found}")
