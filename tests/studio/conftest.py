"""Studios over both databases, with models that do what their script says."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from roundhouse.core.settings import LEGACY_ENV
from roundhouse.studio import Studio

WORDS = " ".join(f"word{number}" for number in range(40))
PROVIDERS: dict[str, dict[str, Any]] = {
    "slow": {"reply": WORDS, "delay_s": 0.01},
    "quick": {"reply": "A quick answer."},
    "echo": {},
    "endless": {"endless": True, "delay_s": 0.01},
    "broken": {"reply": WORDS, "fault": {"code": "backend_down", "after_pieces": 3}},
    "deaf": {"fault": {"code": "backend_timeout"}},
}


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty working folder, no setting in the environment, and the log as it was before."""
    for name in list(os.environ):
        if name.startswith("ROUNDHOUSE_") or name in LEGACY_ENV:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[[str], Path]:
    """`write_config(url)` makes a settings file for a database."""

    def write(url: str) -> Path:
        lines = [f"[db]\nurl = {msgspec.json.encode(url).decode()}", "[engine]\ndiscover = false"]
        lines.append('[chat]\ndefault_model = "quick/m"')
        for name, options in PROVIDERS.items():
            lines.append(
                f'[[providers]]\nname = "{name}"\nkind = "fake"\nmodels = ["m"]\n[providers.options]'
            )
            for option, value in options.items():
                inner = value if not isinstance(value, dict) else None
                if inner is not None:
                    lines.append(f"{option} = {msgspec.json.encode(inner).decode()}")
                else:
                    members = ", ".join(
                        f"{one} = {msgspec.json.encode(what).decode()}" for one, what in value.items()
                    )
                    lines.append(f"{option} = {{ {members} }}")
        path = tmp_path / "studio.toml"
        path.write_text("\n".join(lines), "utf-8")
        return path

    return write


@pytest.fixture
def config(write_config: Callable[[str], Path], db_url: str) -> Path:
    """The settings of a studio, on both databases."""
    return write_config(db_url)


@pytest.fixture
def sqlite_config(write_config: Callable[[str], Path], sqlite_url: str) -> Path:
    """The same for what needs no second dialect."""
    return write_config(sqlite_url)


@pytest.fixture
def studio(tmp_path: Path, config: Path) -> Iterator[Studio]:
    """On both databases."""
    with Studio(tmp_path / "data", config=config) as opened:
        yield opened


@pytest.fixture
def lite(tmp_path: Path, sqlite_config: Path) -> Iterator[Studio]:
    """On SQLite."""
    with Studio(tmp_path / "data", config=sqlite_config) as opened:
        yield opened
