"""Whoever delivers is killed again and again: every event reaches its receiver, at most some tries are made twice."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import aiohttp
import pytest

from faults.product import KEY, Product, wait_until
from faults.truth import ENDED, Truth

SEED = int(os.environ.get("ROUNDHOUSE_TEST_SEED", "20260101"))
TYPES = ("job.queued", "job.started", "job.completed")


class Received:
    """What came, in order of its coming: the ids, and the event of each."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.events: dict[str, bytes] = {}
        self.url = ""

    def beyond(self, count: int) -> bool:
        return len(self.ids) > count


@contextmanager
def receiving() -> Iterator[Received]:
    """A receiver that takes some 30 ms, so that the killed have tries on their way."""
    found = Received()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found.ids.append(self.headers["webhook-id"])
            found.events.setdefault(self.headers["webhook-id"], body)
            time.sleep(0.03)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    found.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def submit(url: str, stop: asyncio.Event) -> int:
    """Jobs one after the other; how many were accepted."""
    accepted = 0
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session:
        while not stop.is_set():
            async with session.post(f"{url}/v1/jobs", json={"kind": "evidence.nothing"}) as answer:
                accepted += answer.status == 202
            await asyncio.sleep(0.02)
    return accepted


async def wanted(product: Product, received: Received) -> None:
    body = {"url": received.url, "events": list(TYPES)}
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{product.url}/v1/webhooks", json=body) as answer,
    ):
        assert answer.status == 201, await answer.text()


def kill_deliverer(product: Product, truth: Truth) -> None:
    """Kill the process that delivers, and start another one."""
    owner = "SELECT pid FROM executors JOIN webhook_deliverer ON webhook_deliverer.owner = executors.id"

    def found() -> list[subprocess.Popen[bytes]]:
        pids = {row["pid"] for row in truth.rows(owner)}
        return [one for one in product.extras if one.pid in pids]

    (victim,) = wait_until(found, 60, "somebody delivers")
    product.extras.remove(victim)
    victim.send_signal(signal.SIGKILL)
    victim.wait(40)
    product.start_executor()


async def campaign(product: Product, rounds: int, seed: int) -> dict[str, int]:
    chance, truth = random.Random(seed), Truth(product.db_url)
    product.start(executors=2)
    with receiving() as received:
        await wanted(product, received)
        stop = asyncio.Event()
        submitting = asyncio.create_task(submit(product.url, stop))
        for _ in range(rounds):
            # Each has delivered something, and has more on its way.
            before = len(received.ids)
            await asyncio.to_thread(wait_until, partial(received.beyond, before), 60, "it delivers")
            await asyncio.sleep(chance.uniform(0.0, 0.3))
            await asyncio.to_thread(kill_deliverer, product, truth)
        stop.set()
        accepted = await submitting
        unended = f"SELECT id FROM jobs WHERE kind = 'evidence.nothing' AND state NOT IN {ENDED}"
        await asyncio.to_thread(wait_until, lambda: not truth.rows(unended), 60, "jobs end")
        # The house's own jobs come by the clock, at any moment, and tell of themselves to the same receiver.
        mine = f"FROM events JOIN jobs ON jobs.id = events.topic WHERE type IN {TYPES} AND kind = 'evidence.nothing'"
        ids = {one["id"] for one in truth.rows(f"SELECT events.id {mine}")}
        deliveries = (
            f"SELECT event_id, state FROM webhook_deliveries WHERE event_id IN (SELECT events.id {mine})"
        )
        waiting = f"{deliveries} AND state = 'pending'"
        await asyncio.to_thread(
            wait_until, lambda: ids <= set(received.ids) and not truth.rows(waiting), 60, "all is delivered"
        )
        rows = truth.rows(deliveries)
    assert accepted > 0
    # Each was queued and started at least; how it ended is not the question here.
    assert len(ids) >= 2 * accepted
    assert ids <= set(received.ids)
    assert set(received.ids) <= {
        one["id"] for one in truth.rows(f"SELECT id FROM events WHERE type IN {TYPES}")
    }
    assert sorted(one["event_id"] for one in rows) == sorted(ids)
    assert {one["state"] for one in rows} == {"delivered"}
    assert all(json.loads(body)["id"] == one for one, body in received.events.items())
    doubled = sum(count - 1 for count in Counter(received.ids).values())
    # What one had on its way when it was killed: ten at most.
    assert doubled <= 10 * rounds
    return {"jobs": accepted, "events": len(ids), "tries made twice": doubled, "kills": rounds}


def product_of(folder: Path, db_url: str) -> Product:
    settings = {"JOBS__EXECUTOR": "false", "OUTBOUND__ALLOW_NETWORKS": '["127.0.0.0/8"]'}
    return Product(folder, db_url, **settings)


@pytest.mark.timeout(180)
async def test_three_kills_of_who_delivers(tmp_path: Path, house_db: str):
    with product_of(tmp_path, house_db) as product:
        found = await campaign(product, 3, SEED)
        assert product.stop() == 0
    assert found["events"] > 9, found


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_twenty_kills_of_who_delivers(tmp_path: Path, house_db: str, tell: Callable[[str], None]):
    with product_of(tmp_path, house_db) as product:
        found = await campaign(product, 20, SEED)
    tell(f"{house_db or 'sqlite'}: {found}")
