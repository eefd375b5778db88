"""The HTTP suite runs on both event loops that the product runs on; the suite of jobs in a house of executors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from contracts.job_house import House, cleared
from roundhouse.core.jobs import Pipeline
from roundhouse.infra.db import Database


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if item.path.name == "test_http.py":
        try:
            import uvloop
        except ImportError:
            return factories
        factories["uvloop"] = uvloop.new_event_loop
    return factories


@pytest.fixture
async def build(db: Database, turned_clock, tmp_path: Path, logged):
    """Makes a house of executors over `db`, whose clock the test turns.

    Its log is not printed: with their traces the lines take longer than most tests.
    """

    def make(*pipelines: Pipeline, **more) -> House:
        return House(db, turned_clock, tmp_path, pipelines, **more)

    async with cleared():
        yield make
