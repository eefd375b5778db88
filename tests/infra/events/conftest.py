import asyncio
from collections.abc import Callable

import pytest

from roundhouse.core.settings import EventSettings
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.events.tail import EventTail


@pytest.fixture
async def tail(db):
    """The tail of `db`, started."""
    tail = EventTail(db, EventSettings(poll_ms=5, heartbeat_s=30), SystemClock())
    await tail.start()
    yield tail
    await tail.close()


@pytest.fixture
def eventually():
    """Waits until something is so."""

    async def wait(condition: Callable[[], bool]) -> None:
        for _ in range(6000):
            if condition():
                return
            await asyncio.sleep(0.005)
        raise AssertionError("did not happen within 30 s")

    return wait
