"""The job of every candidate: tell when it runs. Loaded by Roundhouse as a plugin, by the peers as a module."""

from __future__ import annotations

import asyncio
import os
import struct
import sys
import time
from collections.abc import Callable
from typing import Any


def stamp(path: str) -> None:
    """Append the time of the clock that all processes of a machine share, 8 bytes."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(file, struct.pack("d", time.monotonic()))
    os.close(file)


def submit_on_demand(submit: Callable[[], Any]) -> None:
    """For each line `N` of the standard input submit so many jobs, then say so."""
    print("ready", flush=True)
    for line in sys.stdin:
        for _ in range(int(line)):
            submit()
        print("done", flush=True)


async def _run(context: Any) -> None:
    stamp(context.job.input["path"])
    await asyncio.sleep(context.job.input.get("hold_s", 0.0))


def __getattr__(name: str) -> Any:
    # Roundhouse alone asks for it: the peers have none of its modules.
    if name != "PIPELINE":
        raise AttributeError(name)
    from roundhouse.core.jobs import Pipeline, Step

    return Pipeline("bench.stamp", (Step("stamp", _run),), "io")
