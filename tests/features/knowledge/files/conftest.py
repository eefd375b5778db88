"""The file service over both databases, with bytes in a folder of the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from features.knowledge.files.house import FileHouse
from roundhouse.infra.db import Database


@pytest.fixture
async def files(db: Database, tmp_path: Path, turned_clock: Any) -> AsyncIterator[FileHouse]:
    made = FileHouse(db, tmp_path / "data", turned_clock)
    yield made
    await made.service.close()
