"""Databases for whole installations, and servers and disks that may be broken."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import DIALECTS, SERVERS_REQUIRED
from faults.cluster import Cluster
from faults.product import free_port


@pytest.fixture(params=DIALECTS)
def house_db(request: pytest.FixtureRequest) -> str:
    """An empty database of its own; `""` = SQLite in the data folder."""
    if request.param == "sqlite":
        return ""
    return str(request.getfixturevalue("postgres_server").make())


def missing(what: str) -> None:
    """Skip, unless everything must be there."""
    if SERVERS_REQUIRED:
        raise AssertionError(f"{what} is missing")
    pytest.skip(f"{what} is missing")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server of this test alone, which it may break."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: int(one.parent.name))
    if not programs:
        missing("a PostgreSQL server (Debian: postgresql)")
    with tempfile.TemporaryDirectory(prefix="roundhouse-pg-", ignore_cleanup_errors=True) as folder:
        own = Cluster(programs[-1], Path(folder), free_port())
        own.create()
        yield own
        own.stop("immediate")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 400 MiB, on which less than 256 MiB free are too few; only root may make one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(place)]
    if os.geteuid() != 0 or not shutil.which("mount") or subprocess.run(command, check=False).returncode != 0:
        missing("the right to mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


class MovedClock:
    """What time it is for the programs that are started with `settings`."""

    def __init__(self, library: Path, told: Path) -> None:
        self._told = told
        self.move(0)
        self.settings = {"ld_preload": str(library), "moved_clock": str(told)}

    def move(self, by_s: int) -> None:
        """From now on the clock is so many seconds before or behind the true time."""
        file = os.open(self._told, os.O_WRONLY | os.O_CREAT)
        os.write(file, struct.pack("l", by_s))
        os.close(file)


@pytest.fixture
def moved_clock(tmp_path: Path) -> MovedClock:
    """A clock that tests move, for programs that they start."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        missing("Linux with a C compiler (Debian: gcc)")
    library = tmp_path / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run([str(compiler), "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
    return MovedClock(library, tmp_path / "moved")


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Writes a line of a campaign's report past pytest."""

    def write(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")

    return write
