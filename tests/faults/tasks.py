"""Tasks in an installation that is to be broken: a module that counts, and clients that insist."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from faults.product import KEY, Product

SAFE, ONCE = "mod.safe", "mod.once"
_PAUSE_S = 0.05


class Module:
    """Does what it is asked, after a while.

    Attributes:
        url: Where it is.
        calls: Idempotency keys of all calls, in order.
    """

    def __init__(self, delay_s: float) -> None:
        self.url = ""
        self.calls: list[str] = []
        self._delay_s = delay_s

    async def solve(self, request: web.Request) -> web.Response:
        given = await request.json()
        self.calls.append(request.headers["Idempotency-Key"])
        await asyncio.sleep(self._delay_s)
        return web.json_response({"result": given["n"] * 2})


@asynccontextmanager
async def module(delay_s: float) -> AsyncIterator[Module]:
    """A running module; it outlives everything that calls it."""
    served = Module(delay_s)
    app = web.Application()
    app.router.add_post("/solve", served.solve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}/solve"
    try:
        yield served
    finally:
        await runner.cleanup()


class Clients:
    """Order tasks one after the other, each until it is accepted.

    Attributes:
        accepted: Ids of tasks by the key they were ordered under.
        asked: What was ordered under it.
    """

    def __init__(self, product: Product, seed: int) -> None:
        self.accepted: dict[str, str] = {}
        self.asked: dict[str, dict[str, Any]] = {}
        self._product = product
        self._seed = seed
        self._stopping = False
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Clients:
        timeout = aiohttp.ClientTimeout(total=5.0)
        headers = {"Authorization": f"Bearer {KEY}"}
        self._session = aiohttp.ClientSession(timeout=timeout, headers=headers)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def register(self, url: str) -> None:
        """Have the module known."""
        for name, idempotent in ((SAFE, True), (ONCE, False)):
            body = {"name": name, "endpoint": {"method": "POST", "url": url}, "idempotent": idempotent}
            status, told = await self._insist("POST", "/v1/capabilities", body)
            assert status == 201, told

    async def work(self, client: int) -> None:
        """Order until told to stop."""
        chance, number = random.Random(self._seed * 100 + client), 0
        while not self._stopping:
            key = f"client-{client}-{number}"
            number += 1
            body = {"capability": chance.choice((SAFE, ONCE)), "input": {"n": number}}
            self.asked[key] = body
            headers = {"Idempotency-Key": key, "Prefer": f"wait={chance.choice((0, 1))}"}
            status, told = await self._insist("POST", "/v1/tasks", body, headers)
            assert status in (200, 202), told
            self.accepted[key] = told["id"]

    def stop(self) -> None:
        """Order no more."""
        self._stopping = True

    async def ended(self, task_id: str) -> dict[str, Any]:
        """A task's trace, once it has ended."""
        while True:
            _, told = await self._insist("GET", f"/v1/tasks/{task_id}/trace")
            if told["task"]["ended_at"] is not None:
                return dict(told)
            await asyncio.sleep(_PAUSE_S)

    async def _insist(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Ask until there is an answer that is one: a server that is not there is asked again."""
        while True:
            try:
                url = self._product.url + path
                async with self._session.request(method, url, json=body, headers=headers) as answer:
                    if answer.status not in (409, 429, 503):
                        return answer.status, await answer.json()
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
            await asyncio.sleep(_PAUSE_S)


def check(traces: list[dict[str, Any]], calls: list[str]) -> dict[str, int]:
    """Fail unless each task ended as it must, with every call in its trace; how many ended how."""
    made = defaultdict(list)
    for key in calls:
        made[key.partition(":")[0]].append(key)
    found: dict[str, int] = defaultdict(int)
    for trace in traces:
        task, attempts = trace["task"], trace["steps"][0]["attempts"]
        assert [one["n"] for one in attempts] == list(range(1, len(attempts) + 1)), trace
        assert all(one["ended_at"] is not None for one in attempts), trace
        assert set(made[task["id"]]) <= {f"{task['id']}:call:1"}, made[task["id"]]
        ends = [one["type"] for one in trace["events"] if one["type"] in ("task.completed", "task.failed")]
        *before, last = (one["state"] for one in attempts)
        if task["state"] == "completed":
            assert task["output"] == {"result": trace["input"]["n"] * 2}
            assert (ends, last) == (["task.completed"], "ok"), trace
            assert set(before) <= {"abandoned", "late"}, trace
        else:
            assert (task["state"], task["error"]["code"]) == ("failed", "unknown_outcome"), trace
            assert (ends, task["capability"], len(attempts)) == (["task.failed"], ONCE, 1), trace
        if task["capability"] == ONCE:
            assert len(made[task["id"]]) <= 1, made[task["id"]]
        found[task["state"]] += 1
        found["repeated"] += len(attempts) > 1
    return dict(found)
