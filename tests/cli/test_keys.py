"""`roundhouse keys …` against a real server."""

import json
from pathlib import Path
from typing import Any

from roundhouse.cli.exits import REFUSED
from running_server import KEY, Running, as_json, good


def test_keys(ask: Any) -> None:
    words = (
        "--scope",
        "models:read",
        "--scope",
        "usage:read",
        "--model",
        "roundhouse/*",
        "--expires-in",
        "30d",
    )
    made = ask("keys", "create", "phone", *words, "--budget-usd", "5", "--requests-per-minute", "60")
    key = good(made).strip()
    assert KEY.fullmatch(key)
    assert key not in made.stderr
    assert "shown this once" in made.stderr
    (row,) = [row for row in as_json(ask("keys", "ls", "--json"))["data"] if row["name"] == "phone"]
    assert (row["scopes"], row["models"]) == (["models:read", "usage:read"], ["roundhouse/*"])
    assert (row["budget_usd"], row["requests_per_minute"], row["budget_period"]) == (5.0, 60, "month")
    assert key not in json.dumps(row)
    assert f"{row['id']}\tphone\tmodels:read, usage:read\tdefault\tactive until " in good(ask("keys", "ls"))

    assert "extractive" in good(ask("models", "ls", key=key))
    refused = ask("models", "load", "small", key=key)
    assert (refused.exit_code, "not_allowed" in refused.stderr) == (REFUSED, True)

    rotated = as_json(ask("keys", "rotate", row["id"], "--overlap", "0m", "--json"))
    assert rotated["rotated_from"] == row["id"]
    good(ask("models", "ls", key=rotated["key"]))
    assert good(ask("keys", "revoke", rotated["id"])) == f"revoked {rotated['id']}\n"
    gone = ask("models", "ls", key=rotated["key"])
    assert (gone.exit_code, gone.stdout) == (REFUSED, "")
    assert "--key" in gone.stderr


def test_keys_come_in_pages(ask: Any) -> None:
    before = len(as_json(ask("keys", "ls", "--json"))["data"])
    names = {f"many {number}" for number in range(105)}
    for name in names:
        good(ask("keys", "create", name))
    found = as_json(ask("keys", "ls", "--json"))["data"]
    assert len(found) == before + 105
    assert names <= {row["name"] for row in found}


def test_the_key_of_the_data_folder_is_enough(cli: Any, server: Running, place: Path) -> None:
    (key,) = KEY.findall(server.out)
    (place / "data").mkdir()
    (place / "data" / "admin.key").write_text(key)
    assert "extractive" in good(cli("models", "ls", "--url", server.url))
