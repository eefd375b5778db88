"""`roundhouse doctor` shows what the checks found."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setenv("ROUNDHOUSE_ENGINE__DISCOVER", "false")
    monkeypatch.setenv("ROUNDHOUSE_SERVER__PORT", "0")


def test_all_is_well(cli: Any, place: Path) -> None:
    result = cli("doctor")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "fail  " not in result.stdout
    assert result.stdout.splitlines()[-1].endswith(" ok, 0 warnings, 0 failed")
    assert list(place.iterdir()) == []


def test_json(cli: Any) -> None:
    shown = json.loads(cli("doctor", "--json").stdout)
    assert shown["ok"] is True
    assert set(shown["checks"][0]) == {"name", "state", "detail", "fix"}


def test_a_failed_check_ends_with_1_and_names_the_fix(cli: Any, place: Path) -> None:
    (place / "data").write_text("")
    result = cli("doctor")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    (place_of,) = [number for number, line in enumerate(lines) if line.startswith("fail")]
    assert "data folder" in lines[place_of]
    assert lines[place_of + 1].lstrip().startswith("fix: ")
    assert json.loads(cli("doctor", "--json").stdout)["ok"] is False
    assert cli("doctor", "--data-dir", "elsewhere").exit_code == 0


def test_wrong_settings_do_not_stop_it(cli: Any, place: Path) -> None:
    (place / "own.toml").write_text("[server]\nprot = 1\n")
    result = cli("doctor", "--config", "own.toml")
    assert result.exit_code == 1
    assert "server.prot: no such setting; did you mean port?" in result.stdout
    assert "python" in result.stdout


def test_a_service_that_is_away(cli: Any, place: Path) -> None:
    (place / "roundhouse.toml").write_text("[cache]\nurl = 'redis://127.0.0.1:1'\n")
    shown = json.loads(cli("doctor", "--json").stdout)
    assert [check["name"] for check in shown["checks"] if check["state"] == "fail"] == ["cache"]
