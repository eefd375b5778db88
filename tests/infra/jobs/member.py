"""An executor's membership in a process of its own: `member.py <database> <data folder> <lease_s> <renew_s>`.

Prints its id once it has joined, then does what its standard input says: `block` the event loop, or `leave`.
"""

import asyncio
import sys
import time
from pathlib import Path

from roundhouse.core.settings import DbSettings, JobSettings
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database
from roundhouse.infra.jobs.membership import Membership


async def main(url: str, folder: str, lease_s: str, renew_s: str) -> None:
    settings = JobSettings(lease_s=float(lease_s), renew_s=float(renew_s))
    db = Database(DbSettings(), url)
    member = Membership(
        db, settings, Path(folder), SystemClock(), queues=["io", "gpu"], pipelines=["a@1"], version="test"
    )
    await member.join()
    member.try_gpu()
    print(member.id, flush=True)  # noqa: T201 - to the test
    while (line := await asyncio.to_thread(sys.stdin.readline)) not in ("leave\n", ""):
        if line == "block\n":
            time.sleep(60)  # noqa: ASYNC251 - that is the fault
    await member.leave()
    await db.close()


asyncio.run(main(*sys.argv[1:]))
