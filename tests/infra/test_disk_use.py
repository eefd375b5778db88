"""Sizes of folders, and how full a disk is."""

from __future__ import annotations

import shutil
from pathlib import Path

from roundhouse.infra.disk_use import Fill, fill_of, size_bytes


def test_a_folder_is_the_sum_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_bytes(b"x" * 10)
    (tmp_path / "a" / "b" / "two").write_bytes(b"x" * 5)
    (tmp_path / "a" / "again").hardlink_to(tmp_path / "a" / "one")
    (tmp_path / "outside").write_bytes(b"x" * 1000)
    (tmp_path / "a" / "link").symlink_to(tmp_path / "outside")
    assert size_bytes(tmp_path / "a") == 15
    assert size_bytes(tmp_path / "a", but=tmp_path / "a" / "b") == 10
    assert size_bytes(tmp_path / "a", tmp_path / "outside", tmp_path / "absent") == 1015


def test_the_disk_of_a_folder_that_is_not_made_yet(tmp_path: Path) -> None:
    found = fill_of(tmp_path / "not" / "yet")
    assert found.total_bytes == shutil.disk_usage(tmp_path).total
    assert found.device == tmp_path.stat().st_dev


def test_a_share_is_of_what_an_ordinary_user_may_fill() -> None:
    assert Fill(1, total_bytes=100, used_bytes=45, free_bytes=45).percent == 50.0
    assert Fill(1, 0, 0, 0).percent == 0.0
