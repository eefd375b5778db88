"""`roundhouse ingest` against a running server: what it takes, what it leaves alone, what it says."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from roundhouse.cli.exits import FAILED, INTERRUPTED, USAGE
from running_server import KEY, Running, as_json, environment, good


@pytest.fixture
def manuals(place: Path) -> Path:
    folder = place / "manuals"
    (folder / "pumps").mkdir(parents=True)
    (folder / "guide.md").write_text("# Guide\n\nThe valve opens at six bar.\n")
    (folder / "pumps" / "guide.md").write_text("# Pumps\n\nThe pump starts by the green key.\n")
    (folder / "prices.csv").write_text("part,price\nvalve,12\n")
    (folder / ".hidden.md").write_text("Nobody reads this.")
    (folder / "empty.txt").write_text("")
    (folder / "sound.wav").write_bytes(b"RIFF\x24\0\0\0WAVEfmt " + bytes(400))
    return folder


def outcomes(report: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["outcome"] for one in report["files"]}


def test_a_folder_comes_in_once_and_what_changed_is_replaced(ask: Any, manuals: Path) -> None:
    first = as_json(ask("ingest", "manuals", "--store", "first", "--json"))
    assert first["vector_store"]["is_new"]
    assert outcomes(first) == {
        "manuals/guide.md": "added",
        "manuals/prices.csv": "added",
        "manuals/pumps/guide.md": "added",
        "manuals/sound.wav": "skipped",
    }
    assert first["unread"] == [{"name": "manuals/empty.txt", "reason": "it is empty"}]

    (manuals / "pumps" / "guide.md").write_text("# Pumps\n\nThe pump starts by the red key.\n")
    second = as_json(ask("ingest", "manuals", "--store", first["vector_store"]["id"], "--json"))
    assert not second["vector_store"]["is_new"]
    assert outcomes(second) == {
        "manuals/guide.md": "unchanged",
        "manuals/prices.csv": "unchanged",
        "manuals/pumps/guide.md": "replaced",
        "manuals/sound.wav": "skipped",
    }
    again = ask("ingest", "manuals", "--store", "first", "--exclude", "*.wav")
    assert good(again) == f"first ({first['vector_store']['id']}): 3 unchanged, 1 unread\n"
    assert "unread  manuals/empty.txt: it is empty" in again.stderr


def test_attributes_stay_with_what_takes_the_place_of_a_file(ask: Any, place: Path) -> None:
    (place / "a.md").write_text("The kettle is red.")
    (one,) = as_json(ask("ingest", "a.md", "--store", "red", "--attribute", "product=kettle", "--json"))[
        "files"
    ]
    (place / "a.md").write_text("The kettle is blue.")
    assert good(ask("ingest", "a.md", "--store", "red")).startswith("replaced  a.md\n")
    (place / "a.md").write_text("The kettle is green.")
    (two,) = as_json(ask("ingest", "a.md", "--store", "red", "--attribute", "year=2026", "--json"))["files"]
    assert (two["outcome"], two["file_id"] == one["file_id"]) == ("replaced", False)
    refused = ask("ingest", "a.md", "--store", "red", "--attribute", "kettle")
    assert (refused.exit_code, "product=kettle" in refused.stderr) == (USAGE, True)


def test_patterns_choose_within_folders(ask: Any, manuals: Path) -> None:
    report = as_json(
        ask("ingest", "manuals", "--store", "some", "--include", "*.md", "--exclude", "pumps/*", "--json")
    )
    assert outcomes(report) == {"manuals/guide.md": "added"}


def test_what_fails_is_told_and_the_rest_comes_in(ask: Any, manuals: Path) -> None:
    (manuals / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing of a PDF\n")
    result = ask("ingest", "manuals/broken.pdf", "manuals/guide.md", "--store", "broken")
    assert result.exit_code == FAILED
    assert "added  guide.md" in result.stdout
    assert "failed  broken.pdf: " in result.stderr
    report = json.loads(ask("ingest", "manuals/broken.pdf", "--store", "broken", "--json").stdout)
    assert report["files"][0]["error_code"] == "document_unreadable"


def test_a_change_that_fails_leaves_the_former_and_the_next_replaces_that(
    ask: Any, server: Running, place: Path
) -> None:
    states = []
    for body in (b"A first text.", b"%PDF-1.7\nnothing of a PDF\n", b"A second text."):
        (place / "a.md").write_bytes(body)
        (one,) = json.loads(ask("ingest", "a.md", "--store", "changed", "--json").stdout)["files"]
        states.append(one["outcome"])
    assert states == ["added", "failed", "replaced"]
    (last,) = as_json(ask("ingest", "a.md", "--store", "changed", "--json"))["files"]
    assert (last["outcome"], last["file_id"]) == ("unchanged", one["file_id"])
    (key,) = KEY.findall(server.out)
    store_id = as_json(ask("ingest", "a.md", "--store", "changed", "--json"))["vector_store"]["id"]
    _, listed = server.get(f"/v1/vector_stores/{store_id}/files", key)
    assert [file["id"] for file in listed["data"]] == [one["file_id"]]


def test_a_type_that_is_not_read_fails_where_it_is_named(ask: Any, manuals: Path) -> None:
    result = ask("ingest", "manuals/sound.wav", "--store", "sounds")
    assert result.exit_code == FAILED
    assert "unsupported_media_type" in result.stderr


def test_an_address_that_leads_inside_is_refused(ask: Any, place: Path) -> None:
    result = ask("ingest", "http://127.0.0.1:9/a.html", "--store", "inside")
    assert result.exit_code == FAILED
    assert "address_refused" in result.stderr


def test_what_is_not_there_is_wrong_usage_and_makes_no_store(ask: Any, place: Path) -> None:
    result = ask("ingest", "missing.pdf", "--store", "never")
    assert (result.exit_code, "missing.pdf" in result.stderr) == (USAGE, True)
    (place / "a.md").write_text("A text.")
    made = as_json(ask("ingest", "a.md", "--store", "never", "--json"))
    assert made["vector_store"]["is_new"]


def test_who_has_enough_leaves_the_work_to_the_server(ask: Any, server: Running, place: Path) -> None:
    (key,) = KEY.findall(server.out)
    words = " ".join(f"Sentence {number} of a long text is here." for number in range(40_000))
    (place / "long.md").write_text(words)
    process = subprocess.Popen(
        [sys.executable, "-m", "roundhouse", "ingest", "long.md", "--store", "long"],
        cwd=place,
        env=environment(ROUNDHOUSE_URL=server.url, ROUNDHOUSE_API_KEY=key),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = ""
    while "sending" not in said or said.count("\n") < 2:
        said += process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (INTERRUPTED, "")
    assert "go on at the server: job_" in err
    job_id = err[err.index("job_") :].split(".")[0]
    shown = json.loads(good(ask("jobs", "show", job_id, "--json")))
    assert shown["state"] in ("queued", "running")
    good(ask("jobs", "cancel", job_id))
