"""Clients as they should be: they retry with the same key, and read on from the last event they saw."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from faults.product import KEY, Product

PAUSE_S = 0.1
TERMINAL = ("job.completed", "job.failed", "job.cancelled")
AWAY = (aiohttp.ClientError, TimeoutError, ConnectionError)
AUTH = {"Authorization": f"Bearer {KEY}"}


@dataclass
class Reader:
    """Follows one job's events; `seen` holds number and type of each."""

    job_id: str
    seen: list[tuple[int, str]] = field(default_factory=list)
    connections: int = 0
    reading: bool = False

    @property
    def done(self) -> bool:
        return bool(self.seen) and self.seen[-1][1] in TERMINAL


class Clients:
    """A crowd of clients of one installation.

    Args:
        product: Whom they call.
        seed: Of everything random.
        most: Jobs that are under way at a time.
        inputs: What a job is given besides the ledger, and its kind; drawn at random.
        meddle: Whether some jobs are cancelled or, once failed or cancelled, retried.
    """

    def __init__(
        self,
        product: Product,
        seed: int,
        *,
        most: int = 12,
        inputs: list[tuple[str, dict[str, Any]]],
        meddle: bool = True,
    ) -> None:
        self.product = product
        self.accepted: dict[str, str] = {}
        self.readers: dict[str, Reader] = {}
        self.site: list[tuple[int, str]] = []
        self.wrong: list[str] = []
        self._random = random.Random(seed)
        self._inputs = inputs
        self._meddling = meddle
        self._most = most
        self._numbers = itertools.count(1)
        self._over = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._site_reader: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession

    # Life

    async def __aenter__(self) -> Clients:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20, sock_read=20))
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [*self._tasks, *([self._site_reader] if self._site_reader else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._session.close()

    def begin(self) -> None:
        """Submit, read and meddle from now on."""
        self._site_reader = asyncio.create_task(self._read_site())
        self._go(self._submit_on())
        if self._meddling:
            self._go(self._meddle_on())

    async def finish(self, within_s: float) -> None:
        """Submit no more; wait until every job has ended and every reader has read that."""
        self._over = True
        ends = time.monotonic() + within_s
        while self._tasks:
            _, pending = await asyncio.wait(self._tasks, timeout=max(0.0, ends - time.monotonic()))
            if pending and time.monotonic() >= ends:
                open_ = [one.job_id for one in self.readers.values() if not one.done]
                raise AssertionError(f"{len(pending)} clients wait for ever; not ended: {open_}")
        async with asyncio.timeout(within_s):
            for one in self.readers.values():
                # A retry whose answer was lost may have been made twice.
                await self._read_on(one, at_least=0)
        assert not self.wrong, self.wrong

    def check_readers(self, told: dict[str, list[tuple[int, str]]]) -> int:
        """Every reader saw every event of its job, once and in order; returns how many events that were."""
        for one in self.readers.values():
            numbers = [number for number, _ in one.seen]
            rising = all(first < second for first, second in itertools.pairwise(numbers))
            assert rising, f"{one.job_id}: not rising: {numbers}"
            assert one.seen == told[one.job_id], f"{one.job_id}: read {one.seen}, told {told[one.job_id]}"
        return sum(len(one.seen) for one in self.readers.values())

    # Calls

    async def submit(self, kind: str, more: dict[str, Any], key: str | None = None) -> str:
        """Submit until it is accepted; returns the job's id."""
        used = key or f"key-{next(self._numbers)}"
        body = {"kind": f"evidence.{kind}", "input": {"ledger": str(self.product.ledger), **more}}
        answer = await self.until("POST", "/v1/jobs", body, headers={"Idempotency-Key": used})
        if used in self.accepted and self.accepted[used] != answer["id"]:
            self.wrong.append(f"{used} was {self.accepted[used]} and is {answer['id']}")
        self.accepted[used] = answer["id"]
        return str(answer["id"])

    async def until(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Any:
        """Ask until there is an answer that is not 5xx or 429; any other than 2xx is wrong, but for a conflict."""
        while True:
            with suppress(*AWAY):
                status, found = await self.ask(method, path, body, headers)
                if status < 500 and status != 429:
                    if status >= 300 and status != 409:
                        self.wrong.append(f"{method} {path}: {status} {found}")
                    return found
            await asyncio.sleep(PAUSE_S)

    async def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """One request; status and JSON."""
        sent = AUTH | (headers or {})
        async with self._session.request(method, self.product.url + path, json=body, headers=sent) as answer:
            return answer.status, await answer.json(content_type=None)

    async def post_form(self, path: str, form: aiohttp.FormData) -> tuple[int, Any]:
        """One request with a form; status and JSON."""
        async with self._session.post(self.product.url + path, data=form, headers=AUTH) as answer:
            return answer.status, await answer.json(content_type=None)

    # Crowd

    def follow(self, job_id: str) -> Reader:
        """A reader of this job from now on."""
        self.readers[job_id] = Reader(job_id)
        self._go(self._read_on(self.readers[job_id]))
        return self.readers[job_id]

    def _go(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def under_way(self) -> int:
        return sum(not one.done for one in self.readers.values())

    async def _submit_on(self) -> None:
        while not self._over:
            if self.under_way >= self._most:
                await asyncio.sleep(0.02)
                continue
            kind, more = self._random.choice(self._inputs)
            key = f"key-{next(self._numbers)}"
            job_id = await self.submit(kind, more, key)
            self.follow(job_id)
            if self._random.random() < 0.1:
                # A client that did not get the answer asks again.
                await self.submit(kind, more, key)

    async def _meddle_on(self) -> None:
        while not self._over:
            await asyncio.sleep(self._random.uniform(0.1, 0.6))
            if not self.readers:
                continue
            one = self._random.choice(list(self.readers.values())[-30:])
            if not one.done:
                await self.until("POST", f"/v1/jobs/{one.job_id}/cancel")
            elif one.seen[-1][1] != "job.completed" and not one.reading:
                await self.until("POST", f"/v1/jobs/{one.job_id}/retry")
                self._go(self._read_on(one))

    async def _read_on(self, reader: Reader, at_least: int = 1) -> None:
        """Read until the job's end, and so many events at least, through as many connections as it takes."""
        reader.reading = True
        before = len(reader.seen)
        while True:
            with suppress(*AWAY):
                reader.connections += 1
                after = reader.seen[-1][0] if reader.seen else 0
                async for one in self.events(f"/v1/jobs/{reader.job_id}/events", after):
                    reader.seen.append(one)
                if reader.done and len(reader.seen) >= before + at_least:
                    break
            await asyncio.sleep(PAUSE_S)
        reader.reading = False

    async def _read_site(self) -> None:
        """Read every event of the site, for ever."""
        while True:
            with suppress(*AWAY):
                # Without a number it would begin with what comes next.
                after = self.site[-1][0] if self.site else 0
                async for one in self.events("/v1/events?after=0", after):
                    self.site.append(one)
            await asyncio.sleep(PAUSE_S)

    async def check_site(self, told: list[tuple[int, str]], within_s: float) -> None:
        """The reader of the whole site saw all of it, once and in order."""
        async with asyncio.timeout(within_s):
            # Another task reads, nothing tells it.
            while not self.site or self.site[-1][0] < told[-1][0]:  # noqa: ASYNC110 - see above
                await asyncio.sleep(PAUSE_S)
        assert self.site == told

    async def events(self, path: str, after: int) -> AsyncIterator[tuple[int, str]]:
        """One connection's events, until the server closes it."""
        headers = AUTH | ({"Last-Event-ID": str(after)} if after else {})
        async with self._session.get(self.product.url + path, headers=headers) as answer:
            if answer.status == 204:
                return
            if answer.status != 200:
                if answer.status < 500 and answer.status != 429:
                    self.wrong.append(f"{path}: {answer.status} {await answer.text()}")
                raise aiohttp.ClientError
            number, kind = 0, ""
            async for line in answer.content:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "id":
                    number = int(value)
                elif name == "event":
                    kind = value
                elif name == "data":
                    json.loads(value)
                elif not name and kind:
                    yield number, kind
                    number, kind = 0, ""
