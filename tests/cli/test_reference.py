"""`settings`, `errors`, and the key that needs no server."""

import json
from pathlib import Path
from typing import Any

import pytest

from roundhouse.core import errors_reference, settings_reference
from roundhouse.infra.telemetry import metrics_reference


def test_settings_in_force(cli: Any, place: Path) -> None:
    (place / "roundhouse.toml").write_text("[server]\nport = 7\n[access]\nsecret_api_key = 'hunter2'\n")
    result = cli("settings", "--data-dir", "elsewhere")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert "server.port = 7" in lines
    assert f'data_dir = "{place / "elsewhere"}"' in lines
    assert "hunter2" not in result.stdout
    assert json.loads(cli("settings", "--json").stdout)["server"]["port"] == 7


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["settings", "--markdown"], settings_reference.markdown()),
        (["settings", "--env-template"], settings_reference.env_template()),
        (["errors", "--markdown"], errors_reference.markdown()),
        (["metrics", "--markdown"], metrics_reference.markdown()),
    ],
)
def test_pages(cli: Any, words: list[str], text: str) -> None:
    assert cli(*words).stdout_bytes == text.encode()


def test_one_form_at_a_time(cli: Any) -> None:
    assert cli("settings", "--json", "--markdown").exit_code == 2


def test_errors(cli: Any) -> None:
    assert "model_not_found\t404\tno\tModel not found" in cli("errors").stdout.splitlines()
    assert {"code": "busy", "status": 429, "retryable": True, "title": "Busy"} in json.loads(
        cli("errors", "--json").stdout
    )


def test_metrics(cli: Any) -> None:
    names = [line.split("\t")[0] for line in cli("metrics").stdout.splitlines()]
    assert "roundhouse_requests_total" in names
    assert [one["name"] for one in json.loads(cli("metrics", "--json").stdout)] == names


def test_wrong_settings_are_named(cli: Any, place: Path) -> None:
    (place / "roundhouse.toml").write_text("[server]\nport = 'x'\n")
    result = cli("settings")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "server.port: input should be a valid integer" in result.stderr


def test_the_first_key(cli: Any, place: Path) -> None:
    absent = cli("keys", "show-first")
    assert absent.exit_code == 1
    assert str(place / "data" / "admin.key") in absent.stderr.replace("\n", "")
    (place / "data").mkdir()
    (place / "data" / "admin.key").write_text("rh_a_b\n")
    assert cli("keys", "show-first").stdout == "rh_a_b\n"
    assert json.loads(cli("keys", "show-first", "--json").stdout)["key"] == "rh_a_b"
    assert cli("keys", "show-first", "--data-dir", "other").exit_code == 1


def test_a_key_file_that_cannot_be_read(cli: Any, place: Path) -> None:
    (place / "data" / "admin.key").mkdir(parents=True)
    result = cli("keys", "show-first")
    assert result.exit_code == 1
    assert "cannot be read" in result.stderr
