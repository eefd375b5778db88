"""The machine's clock is moved by an hour, forward and back, while jobs run."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from faults.clients import Clients
from faults.conftest import MovedClock
from faults.product import Product
from faults.truth import Truth, check

INPUTS = [
    ("chain", {"pause_s": 0.1}),
    ("chain", {"pause_s": 1.0}),
    ("heavy", {"pause_s": 0.5, "child": True}),
    ("plain", {"pause_s": 0.05, "fail": {"step": "two", "how": "for a while", "times": 1}}),
]
MOVES_S = (3600, 0, -3600, 0)
LEASE = {"JOBS__LEASE_S": "5", "JOBS__RENEW_S": "1"}


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_clock_is_moved_while_jobs_run(tmp_path: Path, house_db: str, moved_clock: MovedClock):
    with Product(tmp_path, house_db, **moved_clock.settings, **LEASE) as product:
        product.start(executors=1)
        async with Clients(product, 5, inputs=INPUTS, meddle=False) as clients:
            clients.begin()
            for by_s in MOVES_S:
                await asyncio.sleep(2.5)
                moved_clock.move(by_s)
            await asyncio.sleep(2.5)
            await clients.finish(within_s=60)
            truth = Truth(product.db_url)
            found = check(truth, product.ledger, clients.accepted)
            clients.check_readers(truth.events())
            hours = {round((one["created_at_s"] - time.time()) / 3600) for one in truth.jobs().values()}
            assert hours == {-1, 0, 1}, "the product believed in the moved clock"
            taken = [one for one in truth.jobs().values() if "lost" in str(one["history"])]
            assert not taken, taken
            assert found["completed"] == found["jobs"]
        assert product.stop() == 0
