"""The scripts that cron runs: the lines of old as they stand, from any folder, with and without a server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from running_server import environment, running
from upkeep_folder import leave, recordings

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path.name for path in (ROOT / "scripts").glob("*.sh"))
PAGE = ROOT / "docs" / "maintenance.md"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="shell scripts")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An installation whose program is found by PATH."""
    (tmp_path / "scripts").mkdir()
    for name in SCRIPTS:
        shutil.copy2(ROOT / "scripts" / name, tmp_path / "scripts" / name)
    return tmp_path


def sh(line: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    env = {name: value for name, value in environment(**more).items() if name != "PATH"}
    return subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=folder,
        env={"PATH": path, **env},
        text=True,
        capture_output=True,
        check=False,
    )


def test_the_lines_of_old_work_as_they_stand(root: Path) -> None:
    left = leave(root / "data")
    told = sh("DRY_RUN=true RETENTION_DAYS=14 ./scripts/clean-audio.sh", root)
    assert (told.returncode, [line.split("\t")[1] for line in told.stdout.splitlines()]) == (
        0,
        [left.recordings[20]],
    )
    assert len(recordings(root / "data")) == 4
    watched = sh("DISK_THRESHOLD=80 EMERGENCY_CLEANUP=true ./scripts/disk-monitor.sh", root)
    assert watched.returncode in (0, 1), watched.stderr
    done = sh("SKIP_CACHE=true ./scripts/clean-all.sh", root)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert recordings(root / "data") == {left.recordings[3], left.needed}
    assert not left.log.exists()


def test_from_any_folder_beside_a_server(root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    (elsewhere / "link.sh").symlink_to(root / "scripts" / "clean-all.sh")
    left = leave(root / "data")
    with running(root):
        done = sh("./link.sh", elsewhere)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert recordings(root / "data") == {left.recordings[3], left.needed}
    assert [path.name for path in elsewhere.iterdir()] == ["link.sh"]


def test_a_program_that_is_not_there_is_told(root: Path) -> None:
    for name in SCRIPTS:
        ended = sh(f"PATH=/usr/bin:/bin exec ./scripts/{name}", root)
        assert (ended.returncode, ended.stdout) == (127, "")
        assert "make setup" in ended.stderr


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_is_a_program_of_any_shell(name: str) -> None:
    path = ROOT / "scripts" / name
    assert os.access(path, os.X_OK)
    assert path.read_text("utf-8").startswith("#!/bin/sh\n# ")
    subprocess.run(["/bin/sh", "-n", str(path)], check=True)


def test_the_page_tells_of_each() -> None:
    page = PAGE.read_text("utf-8")
    assert [name for name in SCRIPTS if name not in page] == []
    named: set[Any] = set(re.findall(r"\b[a-z-]+\.sh\b", page))
    assert named == set(SCRIPTS)
