"""Killed at every point, a file never lacks its bytes, and no bytes stay without a file."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from features.knowledge.files import dying
from features.knowledge.files.house import FileHouse
from roundhouse.core.errors import StorageUnavailable
from roundhouse.infra.db import Database

DAY_S = 86_400.0
KEPT = {"entered"}


@pytest.fixture(scope="module")
def die_at() -> Iterator[Callable[[str, str, Path], int]]:
    """`die_at(point, database, folder)` runs a process to its death; how it ended."""
    command = [sys.executable, dying.__file__]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    told, answers = process.stdin, process.stdout

    def run(point: str, url: str, folder: Path) -> int:
        told.write(f"{point}\t{url}\t{folder}\n")
        told.flush()
        return int(answers.readline())

    yield run
    process.communicate()


@pytest.mark.parametrize("point", dying.POINTS)
async def test_killed(
    point: str,
    die_at: Callable[[str, str, Path], int],
    db: Database,
    db_url: str,
    tmp_path: Path,
    turned_clock: Any,
) -> None:
    assert die_at(point, db_url, tmp_path / "data") == -signal.SIGKILL
    # The process that died had the real time, and this clock goes on from there.
    turned_clock.time_s = max(turned_clock.time_s, 4_000_000_000.0)
    files = FileHouse(db, tmp_path / "data", turned_clock)

    listed = (await files.list()).data
    assert len(listed) == (1 if point in KEPT else 0)
    for one in listed:
        assert await files.read(one.id) == dying.CONTENT

    again = await files.create(dying.CONTENT)
    assert await files.read(again.id) == dying.CONTENT
    swept = await files.service.sweep()
    assert swept.failed == 0
    assert await files.blob_states() == ["live"]
    assert len(files.on_disk()) == 1
    assert await files.read(again.id) == dying.CONTENT
    assert files.staged() == []

    for one in (await files.list()).data:
        await files.service.delete(dying.ANN, one.id)
    assert await files.blob_states() == []
    assert files.on_disk() == []
    await files.service.close()


async def test_what_is_being_put_into_the_storage_is_left_alone_for_a_day(
    files: FileHouse, turned_clock: Any
) -> None:
    """A clean-up beside a slow upload must not take its bytes; and once it has, the upload must hear of it."""

    class Slow:
        """A store in which a day passes."""

        def __init__(self, hours: float) -> None:
            self._hours = hours

        def __getattr__(self, name: str) -> Any:
            return getattr(files.blobs, name)

        async def keep(self, key: str, source: Path) -> None:
            await files.blobs.keep(key, source)
            turned_clock.turn(self._hours * 3600)
            await files.service.sweep()

    slow: Any = Slow(23)
    house = FileHouse(files.db, files.folder.parent, turned_clock, slow)
    info = await house.create(b"slow")
    assert await house.read(info.id) == b"slow"
    slower: Any = Slow(25)
    frozen = FileHouse(files.db, files.folder.parent, turned_clock, slower)
    with pytest.raises(StorageUnavailable, match="too long"):
        await frozen.create(b"frozen")
    assert len((await files.list()).data) == 1
    assert len(files.on_disk()) == 1
    await house.service.close()
    await frozen.service.close()
