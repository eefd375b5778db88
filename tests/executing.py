"""An executor in the test's event loop, beside a `House` on the same database and data folder.

async with House(tmp_path, providers=[…]) as house, executing(house):
    ...
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from roundhouse.app import ExecutorProcess, create_executor
from roundhouse.core.types import Device
from roundhouse.infra.jobs.durable_memory import Disk, MemoryDurable
from roundhouse.infra.probe import FakeProbe
from serving import Answered, Client, House

ENDED = ("completed", "failed", "cancelled")


@asynccontextmanager
async def executing(house: House, disk: Disk | None = None) -> AsyncIterator[ExecutorProcess]:
    """Run the house's jobs; finished steps are kept in memory, on `disk` where one is given."""
    durable = MemoryDurable({} if disk is None else disk)
    probe = FakeProbe([Device("cpu", "CPU", 32_768, 4_096)])
    process = create_executor(house.settings, probe=probe, durable=durable)
    stop = asyncio.Event()
    running = asyncio.create_task(process.run(stop))
    try:
        yield process
    finally:
        process.executor.hurry()
        stop.set()
        await running


async def ended(house: Client, job_id: str, *, within_s: float = 30.0) -> dict[str, Any]:
    """The job once it has ended."""
    return await in_state(house, job_id, *ENDED, within_s=within_s)


async def in_state(house: Client, job_id: str, *states: str, within_s: float = 30.0) -> dict[str, Any]:
    """The job once it is in one of these states."""
    async with asyncio.timeout(within_s):
        while True:
            answer = await house.get(f"/v1/jobs/{job_id}")
            assert answer.status == 200, answer.body
            job: dict[str, Any] = answer.json()
            if job["state"] in states:
                return job
            await asyncio.sleep(0.02)


def submitted(answer: Answered) -> str:
    """The id of the job that a request was answered with."""
    assert answer.status == 202, answer.body
    job_id = answer.json()["id"]
    assert answer.headers["location"] == f"/v1/jobs/{job_id}"
    return str(job_id)


class Stream:
    """A running stream of server-sent events."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.status = answer.status
        self._answer = answer

    async def next(self, within_s: float = 30.0) -> dict[str, Any] | None:
        """The next event: `id`, `type` and its `data`; None at the end of the stream."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(within_s):
            async for raw in self._answer.content:
                name, _, value = raw.decode().rstrip("\r\n").partition(":")
                if name:
                    fields[name] = value.removeprefix(" ")
                elif "data" in fields:
                    found = json.loads(fields["data"])
                    return {"id": fields["id"], "type": fields["event"], "data": found}
        return None

    async def rest(self) -> list[dict[str, Any]]:
        """All events up to the end."""
        found = []
        while (one := await self.next()) is not None:
            found.append(one)
        return found


@asynccontextmanager
async def streaming(
    house: Client, path: str, *, key: str | None = None, last_id: str | None = None
) -> AsyncIterator[Stream]:
    """Open a stream of events."""
    headers = {"Authorization": f"Bearer {house.key if key is None else key}"}
    if last_id is not None:
        headers["Last-Event-ID"] = last_id
    async with aiohttp.ClientSession() as session, session.get(house.url + path, headers=headers) as answer:
        yield Stream(answer)
