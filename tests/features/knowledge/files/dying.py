"""Processes that make a file, or delete one, and are killed -9 at a point.

`python dying.py` starts one for each line `POINT<tab>URL<tab>FOLDER` of its input, and answers how it ended: a fork of
a process that has loaded everything is there at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))

from features.knowledge.files.house import ANN, FileHouse
from roundhouse.core.settings import DbSettings
from roundhouse.core.types import NewFile
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database

POINTS = [
    *("writing", "before keep", "after keep", "entered"),
    *("before removal", "after removal", "deleted"),
]
CONTENT = b"the content"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Dying:
    """A store around another that kills the process before or after a call."""

    def __init__(self, inner: Any, point: str) -> None:
        self._inner = inner
        self._point = point

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def keep(self, key: str, source: Path) -> None:
        if self._point == "before keep":
            die()
        await self._inner.keep(key, source)
        if self._point == "after keep":
            die()

    async def delete(self, key: str) -> None:
        if self._point == "before removal":
            die()
        await self._inner.delete(key)
        if self._point == "after removal":
            die()


async def arriving(point: str) -> AsyncIterator[bytes]:
    yield CONTENT[:5] * (20_000 if point == "writing" else 1)
    if point == "writing":
        yield b"x" * 2_000_000
        await asyncio.sleep(0.2)
        die()
    yield CONTENT[5:]


async def main(point: str, url: str, folder: Path) -> None:
    db = Database(DbSettings(), url)
    house = FileHouse(db, folder, SystemClock())
    house = FileHouse(db, folder, SystemClock(), blobs=Dying(house.blobs, point))
    info = await house.service.create(ANN, NewFile("a.txt", "user_data"), arriving(point))
    if point == "entered":
        die()
    await house.service.delete(ANN, info.id)
    if point == "deleted":
        die()


if __name__ == "__main__":
    for line in sys.stdin:
        asked_point, asked_url, asked_folder = line.rstrip("\n").split("\t")
        child = os.fork()
        if not child:
            asyncio.run(main(asked_point, asked_url, Path(asked_folder)))
            os._exit(0)
        _pid, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()
