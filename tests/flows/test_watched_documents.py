"""A folder that a vector store follows, through the whole product, while its executor is killed -9."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from running_server import KEY, Running, running


def environment(manuals: Path) -> dict[str, str]:
    watched = [{"path": str(manuals), "store": "handbook", "stable_s": 0.2, "removed": "take_out"}]
    return {
        "ROUNDHOUSE_JOBS__EXECUTOR": "true",
        "ROUNDHOUSE_KNOWLEDGE__WATCH_EVERY_S": "0.1",
        "ROUNDHOUSE_LOG__LEVEL": "error",
        "ROUNDHOUSE_WATCHED_DOCUMENTS": json.dumps(watched),
    }


def kill_executor(server: Running, key: str) -> int:
    killed = 0
    for one in server.get("/v1/jobs/stats", key)[1]["executors"]:
        with suppress(ProcessLookupError):
            os.kill(one["pid"], signal.SIGKILL)
            killed += 1
    return killed


def files_of(server: Running, key: str) -> list[dict[str, Any]]:
    stores = server.get("/v1/vector_stores", key)[1]["data"]
    if not stores:
        return []
    found: list[dict[str, Any]] = server.get(f"/v1/vector_stores/{stores[0]['id']}/files", key)[1]["data"]
    return found


def until(server: Running, key: str, wanted: dict[str, str], within_s: float = 40.0) -> None:
    """Wait until the files of the store, and what is found of each, are these."""
    ends_s = time.monotonic() + within_s
    found: dict[str, str] = {}
    while time.monotonic() < ends_s:
        files = files_of(server, key)
        (store,) = server.get("/v1/vector_stores", key)[1]["data"] or [None]
        found = {}
        for one in files:
            if one["status"] == "completed":
                path = f"/v1/vector_stores/{store['id']}/files/{one['id']}/content"
                # It may have left the store since it was listed.
                passages = server.get(path, key)[1].get("data", [])
                found[one["attributes"]["path"]] = " ".join(passage["text"] for passage in passages)
        if found == wanted and len(files) == len(wanted):
            return
        time.sleep(0.05)
    assert found == wanted


def until_kept(server: Running, key: str, wanted: list[str], within_s: float = 40.0) -> None:
    """Wait until the house keeps these files and no others."""
    ends_s = time.monotonic() + within_s
    names: list[str] = []
    while names != wanted and time.monotonic() < ends_s:
        kept = server.get("/v1/files?limit=100", key)[1]["data"]
        names = sorted(one["filename"] for one in kept)
        time.sleep(0.05)
    assert names == wanted


def test_the_store_follows_its_folder_though_the_executor_is_killed(tmp_path: Path) -> None:
    manuals = tmp_path / "manuals"
    manuals.mkdir()
    wanted = {f"{one}.md": f"Kettle {one} boils." for one in range(3)}
    with running(tmp_path, **environment(manuals)) as server:
        (key,) = KEY.findall(server.out)
        for name, text in wanted.items():
            (manuals / name).write_text(text)
        while not files_of(server, key):
            time.sleep(0.02)
        assert kill_executor(server, key) == 1
        until(server, key, wanted)
        wanted["0.md"] = "Kettle 0 whistles."
        (manuals / "0.md").write_text(wanted["0.md"])
        del wanted["2.md"]
        (manuals / "2.md").unlink()
        until(server, key, wanted)
        # Each content once: what changed, and what is gone, is deleted at the look after its successor is found.
        until_kept(server, key, sorted(wanted))
        jobs = server.get("/v1/jobs?kind=document.ingest&limit=100", key)[1]["data"]
        assert len(jobs) == 4
