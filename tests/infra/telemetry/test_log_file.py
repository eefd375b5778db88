"""The log file: rotation by size and day, deletion, several writers, a full disk."""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path

import pytest

from roundhouse.infra.telemetry.log_file import RotatedFile


def write(handler: RotatedFile, text: str) -> None:
    handler.handle(logging.LogRecord("a", logging.INFO, "f", 1, text, (), None))


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("roundhouse-*.log"))


def test_by_size(tmp_path: Path) -> None:
    handler = RotatedFile(tmp_path / "roundhouse.log", 1000, 7)
    for number in range(50):
        write(handler, f"{number:03d} {'x' * 95}")
    handler.close()
    files = [*parts(tmp_path), tmp_path / "roundhouse.log"]
    assert len(files) == 5
    assert all(file.stat().st_size <= 1000 for file in files)
    numbers = [int(line[:3]) for file in files for line in file.read_text().splitlines()]
    assert numbers == list(range(50)), "no line is lost or doubled"


def test_a_line_larger_than_a_part(tmp_path: Path) -> None:
    handler = RotatedFile(tmp_path / "roundhouse.log", 100, 7)
    for _ in range(3):
        write(handler, "x" * 500)
    handler.close()
    assert len(parts(tmp_path)) == 2


def test_by_day(tmp_path: Path) -> None:
    path = tmp_path / "roundhouse.log"
    path.write_text("yesterday\n")
    day_ago = time.time() - 86_400
    os.utime(path, (day_ago, day_ago))
    handler = RotatedFile(path, 1000, 7)
    write(handler, "today")
    handler.close()
    assert [part.read_text() for part in parts(tmp_path)] == ["yesterday\n"]
    assert path.read_text() == "today\n"


def test_old_parts_are_deleted_and_nothing_else(tmp_path: Path) -> None:
    kept = ["roundhouse-20250102T000000-1.log", "other-20250101T000000-1.log", "notes.txt"]
    for name in [*kept, "roundhouse-20250101T000000-1.log"]:
        (tmp_path / name).write_text("x")
        age_days = 6 if name == kept[0] else 8
        os.utime(tmp_path / name, (time.time() - age_days * 86_400,) * 2)
    RotatedFile(tmp_path / "roundhouse.log", 1000, 7).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, "roundhouse.log"])


def test_going_on_with_an_existing_file(tmp_path: Path) -> None:
    for text in ("one", "two"):
        handler = RotatedFile(tmp_path / "roundhouse.log", 1000, 7)
        write(handler, text)
        handler.close()
    assert (tmp_path / "roundhouse.log").read_text() == "one\ntwo\n"


def test_two_writers(tmp_path: Path) -> None:
    """Each follows when the other starts a new part."""
    first = RotatedFile(tmp_path / "roundhouse.log", 500, 7)
    second = RotatedFile(tmp_path / "roundhouse.log", 500, 7)
    for number in range(40):
        write(first, f"a{number:02d} {'x' * 40}")
        write(second, f"b{number:02d} {'x' * 40}")
    first.close()
    second.close()
    found = [
        line[:3]
        for file in [*parts(tmp_path), tmp_path / "roundhouse.log"]
        for line in file.read_text().splitlines()
    ]
    assert sorted(found) == sorted(f"{who}{number:02d}" for who in "ab" for number in range(40))


def test_a_full_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    resource = pytest.importorskip("resource")
    handler = RotatedFile(tmp_path / "roundhouse.log", 10_000, 7)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150, before[1]))
    try:
        for number in range(5):
            write(handler, f"{number} {'x' * 50}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert handler.lost == 3
    write(handler, "again")
    handler.close()
    assert (tmp_path / "roundhouse.log").read_text().splitlines()[-1] == "again"
    assert capsys.readouterr().err.count("cannot be written") == 1
