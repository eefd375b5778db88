"""Executors are killed -9 while flows run: every flow ends, nobody is asked twice, no trace has a hole."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from faults.flows import People, check_flows, modules, order, prepare
from faults.product import Product, wait_until
from faults.truth import ENDED, Truth

SEED = int(os.environ.get("ROUNDHOUSE_TEST_SEED", "20260101"))
SETTINGS = {"OUTBOUND__ALLOW_NETWORKS": '["127.0.0.0/8"]', "LOG__LEVEL": "warning"}


def campaign(
    product: Product, flows: int, kills: int, seed: int, *, executors: int, pace_s: float, delay_s: float
) -> Counter[str]:
    """So many flows, and executors killed at random until they are done; what was met.

    Args:
        product: Whose executors are killed.
        flows: How many.
        kills: At most so many.
        seed: Of everything random.
        executors: Besides the one that the API process supervises.
        pace_s: Time from one order to the next.
        delay_s: Time that the modules take.
    """
    chance = random.Random(seed)
    truth = Truth(product.db_url, kept=True)
    product.start(executors=executors)
    tasks: dict[int, str] = {}
    struck = 0

    def accept() -> None:
        for number in range(flows):
            tasks[number] = order(product, number)
            time.sleep(pace_s)

    def left() -> bool:
        states = {job["id"]: job["state"] for job in truth.jobs().values()}
        return len(tasks) < flows or any(states.get(task) not in ENDED for task in tasks.values())

    with modules(delay_s) as (url, heard), People(product) as people, ThreadPoolExecutor(1) as pool:
        prepare(product, url)
        accepting = pool.submit(accept)
        while struck < kills and left():
            time.sleep(chance.uniform(0.2, 2.2))
            struck += 1
            if executors and chance.random() < 0.6:
                product.kill_extra()
            else:
                struck -= not product.kill_supervised()
        accepting.result()
        wait_until(lambda: not left() or people.failures, 240, "every flow ends")
        assert not people.failures
    found = check_flows(truth, tasks, heard)
    found["kills"] = struck
    return found


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "house_db",
    [
        "sqlite",
        pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.chaos]),
    ],
    indirect=True,
)
def test_two_kills(tmp_path: Path, house_db: str) -> None:
    with Product(tmp_path, house_db, **SETTINGS) as product:
        found = campaign(product, 12, 2, SEED, executors=0, pace_s=0.0, delay_s=0.1)
    assert (found["by a"] + found["by b"] + found["by person"], found["kills"] > 0) == (12, True)


@pytest.mark.chaos
@pytest.mark.timeout(1200)
def test_four_hundred_flows(tmp_path: Path, house_db: str, tell: Callable[[str], None]) -> None:
    began_s = time.monotonic()
    with Product(tmp_path, house_db, **SETTINGS) as product:
        found = campaign(product, 400, 70, SEED, executors=2, pace_s=0.25, delay_s=0.3)
    tell(f"{house_db.partition(':')[0] or 'sqlite'}, {time.monotonic() - began_s:.0f} s: {dict(found)}")
    assert found["people"] >= 200
    assert found["calls repeated"] > 20
