"""Watched folders through the whole product: files that are laid there while executors are killed -9."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from roundhouse.cli.tree import commands
from running_server import KEY, Running, as_json, running

CLIP = Path(__file__).parents[1] / "audio_clips" / "monday.ogg"
FAKE = [
    {
        "name": "ears",
        "kind": "fake",
        "models": ["tiny"],
        "options": {"reply": "we start on monday|we hire two engineers"},
    }
]


def environment(inbox: Path, **more: str) -> dict[str, str]:
    watched = [
        {
            "path": str(inbox),
            "fields": {"asr_backend": "ears/tiny", "model": "roundhouse/extractive"},
            "results": ["txt"],
            "stable_s": 0.3,
        }
    ]
    return {
        "ROUNDHOUSE_JOBS__EXECUTOR": "true",
        "ROUNDHOUSE_AUDIO__QUEUE": "io",
        "ROUNDHOUSE_AUDIO__WATCH_EVERY_S": "0.1",
        "ROUNDHOUSE_PROVIDERS": json.dumps(FAKE),
        "ROUNDHOUSE_LOG__LEVEL": "error",
        "ROUNDHOUSE_WATCHED_FOLDERS": json.dumps(watched),
        **more,
    }


def kill_executor(server: Running, key: str) -> int:
    killed = 0
    for one in server.get("/v1/jobs/stats", key)[1]["executors"]:
        with suppress(ProcessLookupError):
            os.kill(one["pid"], signal.SIGKILL)
            killed += 1
    return killed


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir() if one.is_file()) if folder.is_dir() else []


def until_empty(inbox: Path, within_s: float) -> None:
    """Wait until every file is dealt with; one at least in every so many seconds."""
    left, ends_s = names(inbox), time.monotonic() + within_s
    while left and time.monotonic() < ends_s:
        time.sleep(0.05)
        before, left = left, names(inbox)
        if left != before:
            ends_s = time.monotonic() + within_s
    assert left == []


def each_once(server: Running, key: str, inbox: Path, wanted: list[str]) -> None:
    listed = server.get("/v1/recordings?source=watch&limit=200", key)[1]["data"]
    assert sorted(one["title"] for one in listed) == wanted
    # A job that ran in each of several executors that died is blamed for it, and given up.
    blamed = [one for one in listed if one["status"] != "COMPLETE"]
    assert {one["error"]["code"] for one in blamed} <= {"executor_lost"}
    failed = sorted(one["title"] for one in blamed)
    done = sorted(set(wanted) - set(failed))
    assert names(inbox / "done") == done
    assert names(inbox / "out") == [f"{name}.txt" for name in done]
    assert [name for name in names(inbox / "failed") if name.startswith("call")] == sorted(
        [*failed, *(f"{name}.error.json" for name in failed)]
    )
    files = server.get("/v1/files?purpose=audio&limit=500", key)[1]["data"]
    assert len(files) == len(wanted)


def test_each_file_once_though_its_executor_is_killed(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    with running(tmp_path, **environment(inbox)) as server:
        (key,) = KEY.findall(server.out)
        wanted = [f"call {one}.ogg" for one in range(6)]
        for name in wanted:
            shutil.copy(CLIP, inbox / name)
        (inbox / "notes.txt").write_text("No sound at all.\n")
        while not server.get("/v1/recordings?source=watch", key)[1]["data"]:
            time.sleep(0.02)
        assert kill_executor(server, key) == 1
        until_empty(inbox, 40.0)
        each_once(server, key, inbox, wanted)
        assert names(inbox / "done") == wanted
        assert names(inbox / "failed") == ["notes.txt", "notes.txt.error.json"]
        asked = ["watch", "status", "--data-dir", str(tmp_path / "data"), "--json"]
        (folder,) = as_json(CliRunner().invoke(commands, asked))["folders"]
        assert (folder["is_watched"], folder["done"], folder["failed"], folder["waiting"]) == (True, 6, 1, 0)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_many_kills(tmp_path: Path, database: str, request: pytest.FixtureRequest) -> None:
    more = {}
    if database == "postgresql":
        more["ROUNDHOUSE_DB__URL"] = request.getfixturevalue("postgres_server").make()
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    chance = random.Random(3)
    wanted: list[str] = []
    with running(tmp_path, **environment(inbox, **more)) as server:
        (key,) = KEY.findall(server.out)
        killed = 0
        while killed < 30:
            for _ in range(3):
                name = f"call {len(wanted):03}.ogg"
                shutil.copy(CLIP, inbox / name)
                wanted.append(name)
            time.sleep(chance.uniform(0.0, 6.0))
            killed += kill_executor(server, key)
        until_empty(inbox, 120.0)
        each_once(server, key, inbox, wanted)
