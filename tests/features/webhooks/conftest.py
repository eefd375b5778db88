import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import TurnedClock
from features.webhooks.receiving import Desk
from roundhouse.infra.db import Database


@pytest.fixture
async def desk(db: Database, tmp_path: Path, turned_clock: TurnedClock) -> Desk:
    made = Desk(db, tmp_path, turned_clock)
    await made.join("exe_a")
    return made


@pytest.fixture
def eventually():
    """Waits until something is so."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while True:
                if condition():
                    return
                await asyncio.sleep(0.005)

    return wait
