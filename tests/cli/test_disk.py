"""`roundhouse disk`, without a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from roundhouse.cli.exits import FAILED
from running_server import as_json, good
from upkeep_folder import leave, recordings

FULLEST, EMPTIEST = "100", "1"
"""Thresholds: under the one every disk is, over the other every disk of a machine that works."""


@pytest.fixture
def place(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on a disk; that of the other tests may be in memory, which is all but empty."""
    with TemporaryDirectory() as folder:
        monkeypatch.chdir(folder)
        yield Path(folder)
        monkeypatch.chdir(place)


def test_who_fills_the_disk(cli: Any, place: Path, db_url: str) -> None:
    leave(place / "data", db_url)
    env = {"ROUNDHOUSE_DB__URL": db_url}
    told = as_json(cli("disk", "--threshold", FULLEST, "--json", env=env))
    sizes = {part["name"]: part["size_bytes"] for part in told["parts"]}
    assert set(sizes) == {"database", "files", "jobs", "logs", "models", "cache"}
    assert (sizes["jobs"], sizes["logs"], sizes["models"]) == (100, 6, 0)
    assert sizes["files"] == 3 * 17 + 22
    assert sizes["database"] > 10_000
    assert (told["over"], told["disks"][0]["path"]) == (False, str(place / "data"))
    lines = good(cli("disk", "--threshold", FULLEST, env=env)).splitlines()
    assert lines[0].startswith(f"{place / 'data'}: ")
    assert lines[0].endswith("threshold 100 %: ok")
    assert lines[1].startswith("database\t")


def test_a_disk_that_is_too_full_ends_with_1(cli: Any, place: Path) -> None:
    leave(place / "data")
    quiet = cli("disk", "--quiet", env={"DISK_THRESHOLD": FULLEST})
    assert (quiet.exit_code, quiet.output) == (0, "")
    over = cli("disk", "--quiet", env={"DISK_THRESHOLD": EMPTIEST})
    assert (over.exit_code, "threshold 1 %: too full" in over.stdout) == (FAILED, True)


def test_an_emergency_deletes_what_may_go_and_no_more(cli: Any, place: Path) -> None:
    left = leave(place / "data")
    env = {"DISK_THRESHOLD": EMPTIEST, "EMERGENCY_CLEANUP": "true"}
    told = cli("disk", "--json", env={**env, "DRY_RUN": "true"})
    done = cli("disk", "--emergency", "--threshold", EMPTIEST, "--json")
    assert (told.exit_code, done.exit_code) == (FAILED, FAILED)
    before, after = json.loads(told.stdout)["cleaned"], json.loads(done.stdout)["cleaned"]
    assert after == {**before, "dry_run": False}
    assert [one["kind"] for one in after["removed"]] == ["log", "recording", "recording"]
    assert recordings(place / "data") == {left.recordings[3], left.needed}
    assert cli("disk", env={**env, "DISK_THRESHOLD": FULLEST}).exit_code == 0


def test_the_folder_of_logs_is_not_counted_beyond_the_logs(cli: Any, place: Path) -> None:
    """Or a wrong LOG_DIR would have it walk through the whole machine."""
    told = as_json(cli("disk", "--threshold", FULLEST, "--json", env={"LOG_DIR": "/"}))
    assert {part["name"]: part["size_bytes"] for part in told["parts"]}["logs"] == 0


@pytest.mark.parametrize("threshold", ["0", "101", "x"])
def test_a_threshold_is_a_share(cli: Any, threshold: str) -> None:
    assert cli("disk", "--threshold", threshold).exit_code == 2
    assert "disk_threshold_percent" in cli("disk", env={"DISK_THRESHOLD": threshold}).stderr
