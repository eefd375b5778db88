"""Processes of the access room over one database."""

import pytest

from features.access.process import Process, make_process


@pytest.fixture
async def start(db_url, turned_clock):
    """Start processes on one database; they are ended after the test."""
    started: list[Process] = []

    async def make(clock=turned_clock, **settings: object) -> Process:
        process = make_process(db_url, clock, **settings)
        started.append(process)
        await process.watcher.start()
        return process

    yield make
    for process in started:
        await process.watcher.close()
        await process.gatekeeper.close()
        await process.usage.close()
        await process.db.close()


@pytest.fixture
async def process(start) -> Process:
    return await start()
