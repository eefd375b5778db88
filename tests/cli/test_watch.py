"""`roundhouse watch`: straight in the database, without a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from roundhouse.cli.tree import commands
from running_server import as_json, good

CLIP = Path(__file__).parents[1] / "audio_clips" / "monday.ogg"


def test_one_look_takes_what_lies_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "monday.ogg").write_bytes(CLIP.read_bytes())
    where = ["--data-dir", str(tmp_path / "data")]
    assert "No folder" in good(CliRunner().invoke(commands, ["watch", "status", *where]))
    watched = [{"path": str(inbox), "stable_s": 0.0}]
    monkeypatch.setenv("ROUNDHOUSE_WATCHED_FOLDERS", json.dumps(watched))
    (one,) = as_json(CliRunner().invoke(commands, ["watch", "once", *where, "--json"]))["folders"]
    assert (one["is_held"], one["waiting"], one["error"]) == (True, 0, None)
    assert "1 worked on" in good(CliRunner().invoke(commands, ["watch", "status", *where]))
    assert "0 taken" in good(CliRunner().invoke(commands, ["watch", "once", *where]))
