"""Executors are killed -9 while they take documents in: everything is there once, and nothing half of it is seen."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faults.ingestion import (
    AUTO,
    LONGEST_S,
    STAGES,
    STATIC,
    ask,
    check_whole,
    found,
    settings,
    strike,
    text_of,
    upload,
)
from faults.product import Product, wait_until
from faults.recordings import Watch
from faults.truth import Truth

DELAY_S = 0.05
LENGTHS_S = {"parse": 0.1, "passages": 0.4, "embed": 0.6, "publish": 0.02, "index": 0.5}


def campaign(product: Product, rounds: int, seed: int, stages: tuple[str, ...] = STAGES) -> Counter[str]:
    """So many ingestions, each killed once or twice; in which stages.

    Each but the first takes the one file of a store in anew, cut in another way, or takes in another file in its
    place: what was found before is found until all of the new is.
    """
    chance = random.Random(seed)
    truth = Truth(product.db_url, kept=True)
    product.start()
    store_id = str(ask(product, "POST", "/v1/vector_stores", {"name": "killed"})["id"])
    path = f"/v1/vector_stores/{store_id}/files"
    added = ask(product, "POST", path, {"file_id": upload(product, text_of(1))})
    met: Counter[str] = Counter()
    before: list[str] = []
    for number in range(rounds):
        if number:
            added = ask(product, "POST", path, _changed(product, added, number))
        watch = Watch(product, truth, added["job_id"])
        old_id = added["replaces"] or added["id"]
        for stage in sorted(
            chance.sample(stages, chance.choice((1, 1, min(2, len(stages))))), key=STAGES.index
        ):
            met[stage] += strike(watch, stage, chance, LENGTHS_S[stage])
            check_whole(truth, store_id)
            new_is_found = ask(product, "GET", f"{path}/{added['id']}")["status"] == "completed"
            assert new_is_found or found(product, store_id, old_id) == before
        state = wait_until(watch.ended, LONGEST_S, f"{watch.job_id} ends")
        assert state == "completed", truth.jobs()[watch.job_id]["error"]
        before = found(product, store_id, added["id"])
        assert check_whole(truth, store_id) == len(before)
    (counts,) = [ask(product, "GET", f"/v1/vector_stores/{store_id}")["file_counts"]]
    assert counts == {"in_progress": 0, "completed": 1, "failed": 0, "cancelled": 0, "total": 1}
    assert product.stop() == 0
    return met


def _changed(product: Product, added: dict[str, Any], number: int) -> dict[str, Any]:
    """What takes the place of what was added."""
    if number % 2:
        return {"file_id": upload(product, text_of(number + 1)), "replaces": added["id"]}
    again = AUTO if added["chunking_strategy"]["type"] == "static" else STATIC
    return {"file_id": added["id"], "chunking_strategy": again}


@pytest.mark.parametrize("house_db", ["sqlite"], indirect=True)
def test_a_kill(tmp_path: Path, house_db: str) -> None:
    """The campaign goes over both databases; in memory, `test_death` dies at every transaction of both."""
    with Product(tmp_path, house_db, **settings(DELAY_S)) as product:
        assert campaign(product, 1, 1, ("embed",)) == {"embed": 1}


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
