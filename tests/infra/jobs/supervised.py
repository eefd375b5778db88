"""A supervised child, `supervised.py child <folder> <how>`, and a parent that has one, `supervised.py parent …`.

How: `good` ends 0.2 s after SIGTERM, `stubborn` never does, `brief` ends at once, `orphan` asks for a signal as well.
What happens is told in `<folder>/told`. A child that finds another one alive tells `two`.
"""

import asyncio
import fcntl
import os
import signal
import sys
import time
from pathlib import Path

from roundhouse.infra.clock import SystemClock
from roundhouse.infra.jobs.supervisor import Supervisor
from roundhouse.infra.lifeline import die_with_parent, hold_on


def child(folder: Path, how: str) -> None:
    def tell(what: str) -> None:
        with (folder / "told").open("a") as file:
            file.write(f"{what} {os.getpid()}\n")

    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        tell("two")
    if how == "brief":
        sys.exit(3)
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append("term"))
    if how == "stubborn":
        hold_on(lambda: tell("cut"), 60.0)
    else:
        hold_on(lambda: told.append("cut"), 1.0)
    if how == "orphan":
        die_with_parent()
    tell("started")
    while not told or how == "stubborn":
        time.sleep(0.01)
    tell(told[0])
    time.sleep(0.2)


async def parent(folder: Path, how: str) -> None:
    supervisor = Supervisor(command(folder, how), drain_s=5.0, clock=SystemClock())
    supervisor.start()
    await asyncio.sleep(60)


def command(folder: Path, how: str) -> list[str]:
    return [sys.executable, __file__, "child", str(folder), how]


if __name__ == "__main__":
    if sys.argv[1] == "child":
        child(Path(sys.argv[2]), sys.argv[3])
    else:
        asyncio.run(parent(Path(sys.argv[2]), sys.argv[3]))
