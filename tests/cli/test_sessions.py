"""`roundhouse sessions …` against a real server."""

from typing import Any

from running_server import as_json, good


def test_old_sessions_are_told_before_they_are_ended(ask: Any) -> None:
    old = ("sessions", "cleanup", "--days", "90")
    assert good(ask(*old)) == "0 sessions with 0 messages would be archived; --yes does it\n"
    assert good(ask(*old, "--delete", "--yes")) == "deleted 0 sessions with 0 messages\n"
    told = as_json(ask(*old, "--delete", "--user", "ada", "--json"))
    assert (told["dry_run"], told["action"], told["sessions"]) == (True, "delete", 0)


def test_days_must_be_named(ask: Any) -> None:
    assert ask("sessions", "cleanup").exit_code == 2
    assert ask("sessions", "cleanup", "--days", "0").exit_code == 2
