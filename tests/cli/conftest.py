"""The command line, run in this process in an empty place."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from roundhouse.cli.tree import commands
from roundhouse.core.settings import LEGACY_ENV
from running_server import KEY, Running, running

Cli = Callable[..., Result]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, without any setting in the environment."""
    for name in list(os.environ):
        if name.startswith("ROUNDHOUSE_") or name in LEGACY_ENV:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cli(place: Path) -> Cli:
    """`cli("models", "ls")` runs a command and returns how it ended and what it said."""

    def run(*words: str, env: dict[str, str] | None = None, input: str | None = None) -> Result:
        result = CliRunner().invoke(commands, words, env=env, input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server with its executor for all commands; a test removes what it made."""
    with running(
        tmp_path_factory.mktemp("server"),
        ROUNDHOUSE_JOBS__EXECUTOR="true",
        ROUNDHOUSE_ASR__PULL_ON_FIRST_USE="false",
    ) as started:
        yield started


@pytest.fixture
def ask(cli: Cli, server: Running) -> Any:
    """`ask("models", "ls")` with the address and the first key of the server."""
    (key,) = KEY.findall(server.out)

    def run(*words: str, key: str = key, input: str | None = None) -> Result:
        return cli(*words, env={"ROUNDHOUSE_URL": server.url, "ROUNDHOUSE_API_KEY": key}, input=input)

    return run
