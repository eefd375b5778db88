"""The two kinds of process: each loads what it needs and no more, and an executor comes and goes."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

import roundhouse.app
from roundhouse.app import create_app, create_executor
from roundhouse.core.errors import StorageUnavailable
from roundhouse.core.settings import Settings
from roundhouse.infra.db import Database
from roundhouse.infra.jobs import executors
from roundhouse.infra.migrate import upgrade_blocking

WEB = (
    "fastapi",
    "starlette",
    "uvicorn",
    "prometheus_client",
    "roundhouse.app.api",
    "roundhouse.features.access.service",
    "roundhouse.features.access.routes",
)
WORK = (
    "dbos",
    "croniter",
    "roundhouse.app.executor",
    "roundhouse.infra.jobs.executor",
    "roundhouse.infra.jobs.durable",
)


def loaded(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    return set(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
    )


def test_an_executor_loads_no_web_framework() -> None:
    assert loaded("roundhouse.app.executor") & set(WEB) == set()


def test_chats_inside_another_program_load_neither() -> None:
    assert loaded("roundhouse.app.embedded") & {*WEB, *WORK} == set()


def test_the_api_loads_nothing_that_runs_jobs() -> None:
    assert loaded("roundhouse.app.api") & set(WORK) == set()


def test_the_door_has_these_names_and_no_other() -> None:
    assert {getattr(roundhouse.app, name).__name__ for name in roundhouse.app.__all__} == set(
        roundhouse.app.__all__
    )
    with pytest.raises(AttributeError):
        roundhouse.app.create_nothing  # noqa: B018 - the look itself raises


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, engine={"discover": False})


async def seen(db: Database) -> list[tuple[str, list[str], list[str]]]:
    async with db.read() as tx:
        return [(row.id, row.queues, row.pipelines) for row in await executors.every(tx)]


async def test_both_know_the_same_jobs(settings: Settings) -> None:
    await asyncio.to_thread(upgrade_blocking, settings.db_url)
    api, executor = create_app(settings), create_executor(settings, ["io", "cpu"])
    assert executor.parts.pipelines.labels == api.parts.pipelines.labels != []
    stop = asyncio.Event()
    running = asyncio.create_task(executor.run(stop))
    while not (found := await seen(api.db)):
        await asyncio.sleep(0.02)
        assert not running.done()
    assert found == [(executor.membership.id, ["io", "cpu"], api.parts.pipelines.labels)]
    stop.set()
    executor.hurry()
    await running
    assert await seen(api.db) == []
    await api.close()


async def test_without_a_database_it_does_not_start(settings: Settings) -> None:
    executor = create_executor(settings)
    with pytest.raises((StorageUnavailable, sa.exc.OperationalError)):
        await executor.run(asyncio.Event())
