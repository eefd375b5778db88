"""Settings as a person would have written them, in an empty place."""

import os
from pathlib import Path

import pytest

from roundhouse.core.settings import LEGACY_ENV


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("ROUNDHOUSE_") or name in LEGACY_ENV:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path
