"""`roundhouse clean …`, without a server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from roundhouse.cli.exits import BUSY, FAILED, USAGE
from roundhouse.infra.file_lock import FileLock
from running_server import as_json, good
from upkeep_folder import leave, recordings

DATA = Path("data")


def test_recordings_on_each_database(cli: Any, place: Path, db_url: str) -> None:
    left = leave(place / "data", db_url)
    env = {"ROUNDHOUSE_DB__URL": db_url}
    told = as_json(cli("clean", "audio", "--dry-run", "--json", env=env))
    assert (told["dry_run"], [one["name"] for one in told["removed"]]) == (
        True,
        [left.recordings[10], left.recordings[20]],
    )
    assert len(recordings(DATA, db_url)) == 4
    done = as_json(cli("clean", "audio", "--json", env=env))
    assert done == {**told, "dry_run": False}
    assert recordings(DATA, db_url) == {left.recordings[3], left.needed}
    nothing = cli("clean", "audio", env=env)
    assert (nothing.exit_code, nothing.stdout, nothing.stderr) == (0, "", "Nothing to delete.\n")
    assert left.recordings[3] in good(cli("clean", "all", "--days", "0", env=env))
    assert recordings(DATA, db_url) == {left.needed}
    assert (DATA / "jobs" / left.job / "audio.wav").exists()


def test_what_people_and_cron_see(cli: Any, place: Path) -> None:
    left = leave(place / "data")
    result = cli("clean", "all", "--days", "15", "--dry-run")
    kind, name, size, _, label = result.stdout.splitlines()[0].split("\t")
    assert (kind, name, size, label) == ("recording", left.recordings[20], "17 B", "call.wav")
    assert result.stderr == "1 would be deleted, 17 B\n"
    # The variables of old do the same; and what is only told is told, quiet or not.
    env = {"DRY_RUN": "true", "RETENTION_DAYS": "15"}
    assert cli("clean", "audio", "--quiet", env=env).stdout == result.stdout
    quiet = cli("clean", "all", "--quiet")
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")
    assert not left.log.exists()


def test_the_variables_of_the_old_scripts(cli: Any, place: Path) -> None:
    left = leave(place / "data")
    elsewhere = place / "old-logs"
    elsewhere.mkdir()
    moved = left.log.rename(elsewhere / left.log.name)
    env = {"LOG_DIR": "old-logs", "DAYS_TO_KEEP": "11"}
    assert cli("clean", "logs", env=env).stdout == ""
    assert str(moved) in good(cli("clean", "logs", env={**env, "DAYS_TO_KEEP": "9"}))
    partial = place / "data" / "models" / "x.part"
    partial.parent.mkdir()
    partial.touch()
    os.utime(partial, (1.0, 1.0))
    for words in (["clean", "all", "--skip-cache"], ["clean", "all"]):
        good(cli(*words, env={} if "--skip-cache" in words else {"SKIP_CACHE": "true"}))
    assert partial.exists()
    assert "partial_model" in good(cli("clean", "cache"))
    assert not partial.exists()


def test_one_at_a_time(cli: Any, place: Path) -> None:
    leave(place / "data")
    lock = FileLock(place / "data" / "clean.lock")
    assert lock.take()
    busy = cli("clean", "all", "--quiet")
    assert (busy.exit_code, busy.stderr) == (BUSY, "error: Another clean-up is at it.\n")
    assert cli("clean", "all", "--dry-run").exit_code == 0
    lock.give_back()
    assert cli("clean", "all", "--quiet").exit_code == 0


def test_nothing_is_made_where_nothing_is(cli: Any, place: Path) -> None:
    for words in (["clean", "all"], ["clean", "all", "--dry-run"], ["disk"], ["disk", "--emergency"]):
        assert cli(*words).exit_code == 0
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("folder", ["/", "..", ".", "data"])
def test_a_folder_of_more_than_logs_is_refused(cli: Any, place: Path, folder: str) -> None:
    left = leave(place / "data")
    result = cli("clean", "all", env={"LOG_DIR": folder})
    assert result.exit_code == FAILED
    assert "is no folder of logs" in result.stderr
    # The rest is done all the same.
    assert left.recordings[20] not in recordings(DATA)


def test_a_schema_of_another_version_is_left_alone(cli: Any, place: Path) -> None:
    left = leave(place / "data")
    engine = sa.create_engine(f"sqlite:///{place / 'data' / 'roundhouse.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))
    result = cli("clean", "all")
    assert (result.exit_code, not left.log.exists()) == (FAILED, True)
    assert "not deleted: recording: The database's schema is 0000" in result.stderr
    assert len(recordings(DATA)) == 4


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_folder_without_permission(cli: Any, place: Path) -> None:
    leave(place / "data")
    for folder in (place, *place.parents):
        if folder.stat().st_mode & 0o077 == 0:
            folder.chmod(0o755)
    (place / "data").chmod(0o755)
    os.seteuid(65534)
    try:
        result = cli("clean", "logs")
    finally:
        os.seteuid(0)
    assert result.exit_code == FAILED
    assert f"error: {place / 'data' / 'clean.lock'} cannot be opened: permission denied." in result.stderr
    assert "as the user of the service" in result.stderr


@pytest.mark.parametrize("words", [["--days", "-1"], ["--days", "x"]])
def test_days_are_a_number(cli: Any, words: list[str]) -> None:
    assert cli("clean", "logs", *words).exit_code == USAGE
