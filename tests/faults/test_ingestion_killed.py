"""Executors are killed -9 while they take documents in: everything is there once, and nothing half of it is seen."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.ingestion import AUTO, STAGES, STATIC, ask, check_whole, found, settings, text_of, upload
from faults.product import Product, wait_until
from faults.recordings import Watch
from faults.truth import Truth

DELAY_S = 0.05
LENGTHS_S = {"parse": 0.1, "passages": 0.4, "embed": 0.6, "publish": 0.02, "index": 0.5}
LONGEST_S = 40.0


def strike(watch: Watch, stage: str, chance: random.Random) -> bool:
    """Wait for a stage and kill whoever has the job within it; False when it passed before."""
    ends_s = time.monotonic() + LONGEST_S
    while time.monotonic() < ends_s:
        if watch.states()[stage] != "pending":
            time.sleep(chance.uniform(0, LENGTHS_S[stage]))
            return watch.ended() is None and watch.kill()
        if watch.ended() is not None:
            return False
        time.sleep(0.002)
    raise AssertionError(f"{watch.job_id} does not come to {stage}")


def campaign(product: Product, rounds: int, seed: int) -> Counter[str]:
    """So many ingestions, each killed once or twice; in which stages.

    Each takes the one file of a store in anew, cut in another way, or takes in another file in its place: what was
    found before is found until all of the new is.
    """
    chance = random.Random(seed)
    truth = Truth(product.db_url, kept=True)
    product.start()
    store_id = str(ask(product, "POST", "/v1/vector_stores", {"name": "killed"})["id"])
    path = f"/v1/vector_stores/{store_id}/files"
    file_id = upload(product, text_of(1))
    added = ask(product, "POST", path, {"file_id": file_id})
    met: Counter[str] = Counter()
    before: list[str] = []
    for number in range(rounds):
        watch = Watch(product, truth, added["job_id"])
        old_id = added["replaces"] or added["id"]
        for stage in sorted(chance.sample(STAGES, chance.choice((1, 1, 2))), key=STAGES.index):
            met[stage] += strike(watch, stage, chance)
            check_whole(truth, store_id)
            new_is_found = ask(product, "GET", f"{path}/{added['id']}")["status"] == "completed"
            assert new_is_found or found(product, store_id, old_id) == before
        state = wait_until(watch.ended, LONGEST_S, f"{watch.job_id} ends")
        assert state == "completed", truth.jobs()[watch.job_id]["error"]
        before = found(product, store_id, added["id"])
        assert check_whole(truth, store_id) == len(before)
        if number % 2:
            again = AUTO if added["chunking_strategy"]["type"] == "static" else STATIC
            added = ask(product, "POST", path, {"file_id": added["id"], "chunking_strategy": again})
        else:
            other = upload(product, text_of(number + 2))
            added = ask(product, "POST", path, {"file_id": other, "replaces": added["id"]})
    last = Watch(product, truth, added["job_id"])
    wait_until(last.ended, LONGEST_S, "the last one ends")
    (counts,) = [ask(product, "GET", f"/v1/vector_stores/{store_id}")["file_counts"]]
    assert counts == {"in_progress": 0, "completed": 1, "failed": 0, "cancelled": 0, "total": 1}
    assert product.stop() == 0
    return met


@pytest.mark.timeout(180)
def test_a_few_kills(tmp_path: Path, house_db: str) -> None:
    with Product(tmp_path, house_db, **settings(DELAY_S)) as product:
        met = campaign(product, 2, 1)
    assert sum(met.values()) >= 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(4))
def test_fifty_rounds(tmp_path: Path, house_db: str, part: int, tell: Callable[[str], None]) -> None:
    """Four parts of fifty."""
    with Product(tmp_path, house_db, **settings(DELAY_S)) as product:
        met = campaign(product, 50, 100 + part)
    told = ", ".join(f"{name} {count}" for name, count in sorted(met.items()))
    tell(f"50 rounds, {house_db.partition(':')[0] or 'sqlite'}: kills in {told}")
    assert all(met[stage] for stage in STAGES)
