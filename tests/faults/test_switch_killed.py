"""Executors are killed -9 while a store gets another index version: it is searched all the time, by one whole version.

Within one process, `test_versions` kills at every single write; here it is a real process, with real vectors.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faults.ingestion import LONGEST_S, ask, check_whole, settings, strike, text_of, upload
from faults.product import Product, wait_until
from faults.recordings import Watch
from faults.truth import Truth

DELAY_S = 0.05
LENGTHS_S = {"build": 0.6, "compare": 0.6, "switch": 0.02, "tidy": 0.1}
STAGES = tuple(LENGTHS_S)
MODELS = ("slow/words", "slow/others")


def searched_by(truth: Truth, store_id: str) -> dict[str, Any]:
    """The one version that is searched; versions that nobody wants any more have no vectors."""
    (store,) = truth.rows(f"SELECT active_index FROM vector_stores WHERE id = '{store_id}'")
    versions = truth.rows(f"SELECT number, state, model FROM index_versions WHERE store_id = '{store_id}'")
    (active,) = [dict(one) for one in versions if one["state"] == "active"]
    assert active["number"] == store["active_index"]
    return active


def check_found(product: Product, store_id: str) -> None:
    """By words, by vectors, and by both, nothing fits better than the passage that says it."""
    for part, mode in ((7, "hybrid"), (211, "dense"), (390, "lexical")):
        said = f"Text 1 says {part} here."
        body = {"query": said, "mode": mode, "max_num_results": 10}
        results = ask(product, "POST", f"/v1/vector_stores/{store_id}/search", body)["data"]
        # The fake model has one place for several words: others may fit as well.
        best = [one for one in results if one["score"] >= results[0]["score"] - 1e-6]
        assert any(said in one["content"][0]["text"] for one in best), (mode, results)


def campaign(product: Product, rounds: int, seed: int) -> Counter[str]:
    """So many switches from one model to another and back, each killed once or twice; in which stages."""
    chance = random.Random(seed)
    truth = Truth(product.db_url, kept=True)
    product.start()
    store_id = str(ask(product, "POST", "/v1/vector_stores", {"name": "switched"})["id"])
    path = f"/v1/vector_stores/{store_id}"
    added = ask(product, "POST", f"{path}/files", {"file_id": upload(product, text_of(1))})
    wait_until(Watch(product, truth, added["job_id"]).ended, LONGEST_S, "the document is there")
    met: Counter[str] = Counter()
    for number in range(rounds):
        model = MODELS[1 - number % 2]
        begun = ask(product, "POST", f"{path}/reindex", {"embedding_model": model})
        watch = Watch(product, truth, begun["job_id"])
        for stage in sorted(chance.sample(STAGES, chance.choice((1, 1, 2))), key=STAGES.index):
            met[stage] += strike(watch, stage, chance, LENGTHS_S[stage])
            assert searched_by(truth, store_id)["model"] in MODELS
            check_whole(truth, store_id)
            check_found(product, store_id)
        state = wait_until(watch.ended, LONGEST_S, f"{watch.job_id} ends")
        assert state == "completed", truth.jobs()[watch.job_id]["error"]
        assert searched_by(truth, store_id)["model"] == model
        assert check_whole(truth, store_id) > 0
        check_found(product, store_id)
        states = Counter(
            one["state"]
            for one in truth.rows(f"SELECT state FROM index_versions WHERE store_id = '{store_id}'")
        )
        assert states == {"active": 1, "retired": 1}
    assert product.stop() == 0
    return met


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_switches(tmp_path: Path, house_db: str, tell: Callable[[str], None]) -> None:
    with Product(tmp_path, house_db, **settings(DELAY_S)) as product:
        met = campaign(product, 15, 7)
    told = ", ".join(f"{name} {count}" for name, count in sorted(met.items()))
    tell(f"15 switches, {house_db.partition(':')[0] or 'sqlite'}: kills in {told}")
    assert all(met[stage] for stage in ("build", "compare"))
