"""Recordings on one card, on a full disk, and with a database that restarts."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from faults.cluster import Cluster
from faults.product import KEY, Product, wait_until
from faults.recordings import (
    CLIP,
    Watch,
    ask,
    ears,
    form,
    heard_one_at_a_time,
    outcome,
    send,
    settings,
    silence,
)
from faults.truth import Truth, check

SOON_S = 40.0
RUNNING = "SELECT id FROM jobs WHERE kind = 'recording.process' AND state = 'running' AND attempts < 3"


def heard_now(product: Product, truth: Truth) -> list[Watch]:
    """What a recogniser is at; not what has had its turn so often that another death would fail it."""
    running = [Watch(product, truth, one["id"]) for one in truth.rows(RUNNING)]
    return [one for one in running if one.states()["transcribe"] == "running"]


def worked_on_one_at_a_time(truth: Truth) -> None:
    """Assert that no stage of a recording, in the run that finished it, ran while one of another did."""
    spans = []
    for job in truth.jobs().values():
        stages = job["stages"]
        for one in json.loads(stages) if isinstance(stages, str) else stages:
            spans.append((one["started_at_s"], one["ended_at_s"], job["id"], one["name"]))
    spans.sort()
    for before, after in itertools.pairwise(spans):
        assert before[1] <= after[0] or before[2] == after[2], (before, after)


def all_completed(product: Product, truth: Truth, tasks: list[str], within_s: float = SOON_S) -> None:
    """Wait for all of them; each must have the same outcome."""
    for task_id in tasks:
        watch = Watch(product, truth, task_id)
        state = wait_until(watch.ended, within_s, f"{task_id} ends")
        assert state == "completed", truth.jobs()[task_id]["error"]
    assert len({outcome(product, task_id) for task_id in tasks}) == 1


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_executors_share_one_card(tmp_path: Path, house_db: str) -> None:
    """One of them has it; when it dies the other takes it."""
    with Product(tmp_path, house_db, **settings(tmp_path, 0.1)) as product:
        product.start(executors=1)
        truth = Truth(product.db_url)
        tasks = [send(product, CLIP.read_bytes()) for _ in range(4)]
        second = Watch(product, truth, tasks[1])
        wait_until(lambda: tasks[1] in [one.job_id for one in ears(tmp_path)], SOON_S, "the second is heard")
        assert second.kill()
        all_completed(product, truth, tasks)
        by = heard_one_at_a_time(tmp_path)
        worked_on_one_at_a_time(truth)
        assert by.keys() == set(tasks)
        assert by[tasks[0]] < by[tasks[1]]
        assert by[tasks[3]].isdisjoint(by[tasks[0]])
        check(truth, product.ledger, {})
        assert product.stop() == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_products_on_one_data_folder_share_one_card(
    tmp_path: Path, house_db: str, tell: Callable[[str], None]
) -> None:
    """Two API processes, each with an executor, and one more; whoever hears is killed again and again."""
    chance = random.Random(5)
    (tmp_path / "other").mkdir()
    given = settings(tmp_path, 0.1)
    with (
        Product(tmp_path, house_db, **given) as one,
        Product(tmp_path / "other", one.db_url, one.data_dir, **given) as two,
    ):
        one.start()
        two.start_api()
        two.start_executor()
        truth = Truth(one.db_url)
        wait_until(lambda: len(truth.executors()) == 3, SOON_S, "three executors")
        tasks: list[str] = []
        for _ in range(10):
            tasks += [send(product, CLIP.read_bytes()) for product in (one, two)]
            time.sleep(chance.uniform(0.0, 1.5))
            wait_until(lambda: any(one.kill() for one in heard_now(two, truth)), SOON_S, "one is heard")
        all_completed(one, truth, tasks, 120)
        by = heard_one_at_a_time(tmp_path)
        worked_on_one_at_a_time(truth)
        pids = set().union(*by.values())
        tell(f"{len(tasks)} recordings heard by {len(pids)} processes, never two at once")
        assert len(pids) > 3
        check(truth, one.ledger, {})
        assert two.stop() == one.stop() == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_installations_take_turns_with_one_card(tmp_path: Path) -> None:
    """Each has its own data folder and database; they name the same lock."""
    (tmp_path / "other").mkdir()
    given = settings(tmp_path, 0.1) | {"JOBS__GPU_LOCK": str(tmp_path / "gpu.lock")}
    with Product(tmp_path, **given) as one, Product(tmp_path / "other", **given) as two:
        one.start()
        two.start()
        tasks = [[send(product, CLIP.read_bytes()) for _ in range(4)] for product in (one, two)]
        for product, sent in zip((one, two), tasks, strict=True):
            all_completed(product, Truth(product.db_url), sent, 60)
        assert len(heard_one_at_a_time(tmp_path)) == 8
        order = [one.job_id in tasks[0] for one in ears(tmp_path) if one.what == "hear"]
        # Nobody waits until the other has no more to do.
        assert order not in ([True] * 4 + [False] * 4, [False] * 4 + [True] * 4)
        assert two.stop() == one.stop() == 0


# A full disk


@contextmanager
def filled(disk: Path, leave_bytes: int = 0) -> Iterator[None]:
    """Fill a disk but for so much; free it again."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 65536)
    if leave_bytes:
        with filler.open("r+b") as file:
            file.truncate(filler.stat().st_size - leave_bytes)
    try:
        yield
    finally:
        filler.unlink()


def used_bytes(folder: Path) -> int:
    """Of all files below a folder."""
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_disk_fills_up_while_a_recording_is_uploaded(tmp_path: Path, small_disk: Path) -> None:
    data = small_disk / "data"
    with Product(tmp_path, data_dir=data, **settings(tmp_path, 0.05)) as product:
        product.start()
        truth = Truth(product.db_url)
        body, kind = form(CLIP.read_bytes() + bytes(60_000_000))
        connection = http.client.HTTPConnection(urlsplit(product.url).netloc, timeout=30)
        connection.putrequest("POST", "/v1/process")
        connection.putheader("Authorization", f"Bearer {KEY}")
        connection.putheader("Content-Type", kind)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body[:10_000_000])
        time.sleep(0.5)
        with filled(small_disk, leave_bytes=20_000_000):
            with contextlib.suppress(ConnectionError):
                # The server answers, and reads no further.
                connection.send(body[10_000_000:])
            answer = connection.getresponse()
            told = json.loads(answer.read())
            assert (answer.status, told["error"]["code"]) == (507, "storage_full"), told
            # Also what is sent whole, and what names no file.
            assert ask(product, "POST", "/v1/process", body, Content_Type=kind)[0] == 507
        assert not truth.rows("SELECT 1 FROM jobs WHERE kind = 'recording.process'")
        assert not truth.rows("SELECT 1 FROM recordings")
        assert not truth.rows("SELECT 1 FROM files")
        wait_until(lambda: used_bytes(data) < 20_000_000, SOON_S, "nothing half-written is left")
        tasks = [send(product, CLIP.read_bytes())]
        all_completed(product, truth, tasks)
        assert product.stop() == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_disk_fills_up_while_a_recording_is_decoded(tmp_path: Path, small_disk: Path) -> None:
    """Three hours in a small file need more room than there is; what was written by then is given back."""
    data = small_disk / "data"
    long = silence(tmp_path / "long.flac", 3.9)
    with Product(tmp_path, data_dir=data, **settings(tmp_path, 0.05)) as product:
        product.start()
        truth = Truth(product.db_url)
        watch = Watch(product, truth, send(product, long.read_bytes()))
        others = [send(product, CLIP.read_bytes()) for _ in range(2)]
        job = wait_until(lambda: _tried(truth, watch.job_id), SOON_S, "it was tried")
        assert job["history"][-1]["error"]["code"] == "storage_full", job
        assert used_bytes(data / "jobs" / watch.job_id) == 0
        # Those behind it have their turn while it waits for its next one.
        all_completed(product, truth, others)
        assert wait_until(watch.ended, 240, "it ends") == "failed"
        assert used_bytes(data / "jobs" / watch.job_id) == 0
        assert product.stop() == 0


def _tried(truth: Truth, job_id: str) -> dict[str, object] | None:
    row = dict(truth.jobs()[job_id])
    row["history"] = json.loads(row["history"]) if isinstance(row["history"], str) else row["history"]
    return row if row["history"] else None


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("stage", ["prepare", "transcribe", "clean", "summarise"])
def test_a_full_disk_holds_a_stage_up_and_loses_nothing(tmp_path: Path, small_disk: Path, stage: str) -> None:
    data = small_disk / "data"
    with Product(tmp_path, data_dir=data, **settings(tmp_path, 0.3)) as product:
        product.start()
        truth = Truth(product.db_url)
        tasks = [send(product, CLIP.read_bytes())]
        watch = Watch(product, truth, tasks[0])
        wait_until(lambda: watch.states()[stage] == "running", SOON_S, f"it comes to {stage}")
        before = watch.recorded()
        with filled(small_disk):
            time.sleep(4.0)
            assert watch.ended() is None
        tasks.append(send(product, CLIP.read_bytes()))
        all_completed(product, truth, tasks, 90)
        # What was finished before was not done again.
        assert before.items() <= watch.recorded().items()
        assert truth.rows("PRAGMA integrity_check")[0]["integrity_check"] == "ok"
        check(truth, product.ledger, {})
        assert product.stop() == 0


# A database that restarts


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_postgresql_restarts_while_recordings_are_worked_on(
    tmp_path: Path, cluster: Cluster, tell: Callable[[str], None]
) -> None:
    chance = random.Random(9)
    with Product(tmp_path, cluster.url, **settings(tmp_path, 0.1)) as product:
        product.start(executors=1)
        truth = Truth(product.db_url)
        tasks = []
        for mode in ["fast", "immediate"] * 6:
            tasks += [send(product, CLIP.read_bytes()) for _ in range(2)]
            time.sleep(chance.uniform(0.3, 3.0))
            cluster.stop(mode)
            time.sleep(chance.choice([0.0, 0.5, 3.0]))
            cluster.start()
        all_completed(product, truth, tasks, 180)
        heard_one_at_a_time(tmp_path)
        found = check(truth, product.ledger, {})
        tell(f"12 restarts of PostgreSQL, {len(tasks)} recordings: {found}")
        assert product.stop() == 0
