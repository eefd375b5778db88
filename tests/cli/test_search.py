"""`roundhouse search`: straight in the database, without a server."""

import json

from typer.testing import CliRunner

from roundhouse.cli.tree import commands


def asked(*words):
    answer = CliRunner().invoke(commands, ["search", *words])
    return answer.exit_code, answer.output


def test_an_index_is_made_anew_and_tells_its_state(tmp_path):
    where = ("--data-dir", str(tmp_path))
    assert asked("rebuild", *where, "--json")[0] == 0
    code, said = asked("status", *where, "--json")
    assert code == 0
    found = json.loads(said)
    assert {one["kind"]: one["state"] for one in found["kinds"]} == dict.fromkeys(
        ("message", "passage", "recording", "session"), "ready"
    )
    assert found["waiting"] == 0
    assert "message: ready, analyser version 1" in asked("status", *where)[1]


def test_an_unknown_kind_is_refused(tmp_path):
    code, _said = asked("rebuild", "--kind", "nothing", "--data-dir", str(tmp_path))
    assert code != 0
