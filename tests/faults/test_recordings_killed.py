"""Executors are killed -9 at every boundary of a recording's stages, and within them: nothing is lost or done again."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from faults.product import Product, wait_until
from faults.recordings import (
    CLIP,
    STAGES,
    Watch,
    ears,
    heard_one_at_a_time,
    outcome,
    send,
    settings,
    slow_server,
)
from faults.truth import Truth, check

DELAY_S = 0.12
LENGTHS_S = {
    "fetch": 0.4, "prepare": 0.7, "transcribe": 3 * DELAY_S, "clean": DELAY_S, "summarise": DELAY_S, "finish": 0.01,
}  # fmt: skip
LONGEST_S = 30.0


class Moment(NamedTuple):
    """When to kill: within a stage, once it is recorded as finished, or once users are told so."""

    stage: str
    when: str


MOMENTS = [Moment(stage, when) for stage in STAGES for when in ("within", "recorded", "told")][:-1]


def strike(watch: Watch, moment: Moment, chance: random.Random) -> bool:
    """Wait for the moment and kill whoever has the job; False when it passed before anybody could be killed."""
    ends_s = time.monotonic() + LONGEST_S
    while time.monotonic() < ends_s:
        if moment.when == "recorded":
            reached = moment.stage in watch.recorded()
        else:
            state = watch.states()[moment.stage]
            reached = state == ("running" if moment.when == "within" else "completed")
        if reached:
            if moment.when == "within":
                time.sleep(chance.uniform(0, LENGTHS_S[moment.stage]))
            return watch.ended() is None and watch.kill()
        if watch.ended() is not None:
            return False
        time.sleep(0.001)
    raise AssertionError(f"{watch.job_id} does not come to {moment}")


def survive(
    product: Product, truth: Truth, url: str, moments: list[Moment], chance: random.Random
) -> Counter[str]:
    """One recording, whose executor is killed at these moments; which of them were met, and in what state."""
    by_url = any(one.stage == "fetch" for one in moments)
    watch = Watch(product, truth, send(product, url=url) if by_url else send(product, CLIP.read_bytes()))
    met: Counter[str] = Counter()
    finished: dict[str, int] = {}
    heard: int | None = None
    for moment in moments:
        if not strike(watch, moment, chance):
            met["missed"] += 1
            continue
        recorded = watch.recorded()
        told = [stage for stage, state in watch.states().items() if state == "completed"]
        met[f"{moment.stage} {moment.when}"] += 1
        met["between the record and the word"] += len(recorded) > len(told)
        assert finished.items() <= recorded.items()
        assert set(told) <= recorded.keys()
        finished = recorded
        if heard is None and "transcribe" in finished:
            heard = hearings(product, watch)
    state = wait_until(watch.ended, LONGEST_S, f"{watch.job_id} ends")
    assert state == "completed", truth.jobs()[watch.job_id]["error"]
    # By the run that finished it, which is the run that had finished it when the executor was killed.
    assert finished.items() <= watch.recorded().items()
    if heard is not None:
        assert hearings(product, watch) == heard
    met[outcome(product, watch.job_id)] += 1
    return met


def hearings(product: Product, watch: Watch) -> int:
    """How often a recognizer began to hear it."""
    return sum(one.job_id == watch.job_id and one.what == "hear" for one in ears(product.folder))


def campaign(product: Product, kills: int, seed: int, executors: int) -> Counter[str]:
    """So many kills, each moment as often as any other; what was met, and how often each outcome came.

    Args:
        product: Whose executors are killed.
        kills: How often.
        seed: Of everything random.
        executors: Besides the one that the API process supervises.
    """
    chance = random.Random(seed)
    truth = Truth(product.db_url, kept=True)
    waiting: list[Moment] = []
    met: Counter[str] = Counter()
    product.start(executors=executors)
    with slow_server(CLIP.read_bytes()) as url:
        while (left := kills - sum(met[" ".join(one)] for one in MOMENTS)) > 0:
            if len(waiting) < 2:
                waiting += chance.sample(MOMENTS, len(MOMENTS))
            count = min(left, 2)
            # The later moment is waited for in the run that follows.
            moments = sorted((waiting.pop() for _ in range(count)), key=MOMENTS.index)
            met += survive(product, truth, url, moments, chance)
    check(truth, product.ledger, {})
    heard_one_at_a_time(product.folder)
    # One that is still starting ends by the signal itself, not by what it does with it.
    wait_until(lambda: len(truth.executors()) == executors + 1, LONGEST_S, "all executors are back")
    assert product.stop() == 0
    return met


def outcomes(met: Counter[str]) -> list[str]:
    return [one for one in met if one.startswith("[")]


def report(met: Counter[str]) -> str:
    told = ", ".join(f"{name} {count}" for name, count in sorted(met.items()) if not name.startswith("["))
    return f"{sum(met[one] for one in outcomes(met))} recordings: {told}"


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "house_db",
    # On SQLite recordings lose their executor in `flows/test_watched.py` as well.
    [pytest.param("sqlite", marks=pytest.mark.slow), pytest.param("postgresql", marks=pytest.mark.postgres)],
    indirect=True,
)
def test_a_few_kills(tmp_path: Path, house_db: str) -> None:
    with Product(tmp_path, house_db, **settings(tmp_path, DELAY_S)) as product:
        met = campaign(product, 2, 1, executors=0)
    assert len(outcomes(met)) == 1


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(4))
def test_fifty_kills(tmp_path: Path, house_db: str, part: int, tell: Callable[[str], None]) -> None:
    """Four parts of fifty."""
    with Product(tmp_path, house_db, **settings(tmp_path, DELAY_S)) as product:
        met = campaign(product, 50, 100 + part, executors=1)
    tell(f"50 kills, {house_db.partition(':')[0] or 'sqlite'}, {report(met)}")
    assert len(outcomes(met)) == 1
