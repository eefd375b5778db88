"""The room over both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from features.knowledge.house import KnowledgeHouse
from roundhouse.infra.db import Database


@pytest.fixture
async def house(db: Database, tmp_path: Path, turned_clock: Any) -> AsyncIterator[KnowledgeHouse]:
    made = KnowledgeHouse(db, tmp_path, turned_clock)
    yield made
    await made.close()
