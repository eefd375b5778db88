"""Writes events, a process of its own: ``python -m bench.events.write URL PER_SECOND SECONDS``.

Prints a JSON list with the monotonic time of each commit's return. The pauses are drawn by chance, so that no two
clocks run in step.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time

from roundhouse.core.settings import DbSettings
from roundhouse.infra.db import Database
from roundhouse.infra.event_loop import run
from roundhouse.infra.events.store import NewEvent, append


async def _main(url: str, per_second: float, seconds: float) -> None:
    db = Database(DbSettings(), url)
    chance = random.Random(1)
    committed_s: list[float] = []
    ends_at_s = time.monotonic() + seconds
    while time.monotonic() < ends_at_s:
        told = NewEvent("default", "job_bench", "job.progress", {"n": len(committed_s)}, time.time())
        async with db.begin() as tx:
            await append(tx, told)
        committed_s.append(time.monotonic())
        await asyncio.sleep(chance.uniform(0.5, 1.5) / per_second)
    await db.close()
    print(json.dumps(committed_s))


if __name__ == "__main__":
    run(_main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])))
