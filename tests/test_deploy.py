"""The files of `deploy/` fit the product: names, ports, options, paths. Nothing is built here."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from roundhouse.app import create_app
from roundhouse.cli.tree import commands
from roundhouse.core import registry
from roundhouse.core.settings import LEGACY_ENV, Settings
from roundhouse.core.settings_load import load
from roundhouse.core.settings_reference import sections

DEPLOY = Path(__file__).parents[1] / "deploy"
ROOT = DEPLOY.parent
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICE = (DEPLOY / "roundhouse.service").read_text("utf-8")
EXECUTOR = (DEPLOY / "roundhouse-executor@.service").read_text("utf-8")
EXAMPLE = DEPLOY / "roundhouse.toml.example"
BESIDE = ("executor", "worker", "cleanup", "monitor")
"""Services that have the image and the data of the server."""

DEFAULTS = Settings.model_construct(
    **{name: field.get_default() for name, field in Settings.model_fields.items()}
)

OURS = {row.env for section in sections() for row in section.rows if row.env} | {"ROUNDHOUSE_CONFIG"}


def environment_names() -> set[str]:
    """Every variable that the files set for the service."""
    given = set(re.findall(r"\b(ROUNDHOUSE_\w+)=", DOCKERFILE + SERVICE + EXECUTOR))
    return given.union(*(COMPOSE["services"][name]["environment"] for name in ("api", *BESIDE)))


def options(*words: str) -> set[str]:
    command: Any = get_command(commands)
    for word in words:
        command = command.commands[word]
    return {name for part in command.params for name in part.opts}


def started(unit: str) -> list[str]:
    return shlex.split(re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)[0])


def instruction(name: str) -> str:
    """The last of its kind in the Dockerfile, its lines joined."""
    joined = DOCKERFILE.replace("\\\n", " ")
    return re.findall(rf"^\s*{name}\s+(.+)$", joined, re.MULTILINE)[-1]


def test_every_variable_is_a_setting() -> None:
    names = environment_names()
    assert {"ROUNDHOUSE_DB__URL", "ROUNDHOUSE_CACHE__URL", "ROUNDHOUSE_DATA_DIR", "SECRET_API_KEY"} <= names
    assert names - OURS - set(LEGACY_ENV) == set()


@pytest.mark.parametrize(
    ("words", "verb"),
    [
        (json.loads(instruction("CMD")), "run"),
        (started(SERVICE), "run"),
        (started(EXECUTOR), "executor"),
        (COMPOSE["services"]["executor"]["command"], "executor"),
        (COMPOSE["services"]["worker"]["command"], "executor"),
    ],
)
def test_what_is_started_exists(words: list[str], verb: str) -> None:
    assert [Path(words[0]).name, words[1]] == ["roundhouse", verb]
    assert {word for word in words if word.startswith("--")} <= options(verb)


@pytest.mark.parametrize(("service", "words"), [("cleanup", ["clean", "all"]), ("monitor", ["disk"])])
def test_what_is_started_again_and_again_exists(service: str, words: list[str]) -> None:
    shell, option, script = COMPOSE["services"][service]["command"]
    assert (shell, option) == ("sh", "-c")
    (line,) = re.findall(r"^while :; do roundhouse (.+?); sleep \d+; done$", script)
    said = line.split()
    assert said[: len(words)] == words
    assert set(said[len(words) :]) <= options(*words)
    assert COMPOSE["services"][service]["profiles"] == [service]


def test_the_worker_has_the_card_and_the_queue_of_the_card() -> None:
    worker, executor = COMPOSE["services"]["worker"], COMPOSE["services"]["executor"]
    (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    assert worker["command"][-2:] == ["--queues", "gpu"]
    assert worker["environment"] == executor["environment"]
    # Without the worker somebody does its jobs; with it, nobody who has no card.
    queues = re.fullmatch(r"\$\{EXECUTOR_QUEUES:-(.+)\}", executor["command"][-1])
    assert queues is not None
    assert queues[1].split(",") == DEFAULTS.jobs.queues
    page = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    assert "EXECUTOR_QUEUES=cpu,io,flow" in page
    assert "--profile gpu" in page


def test_ports_are_the_default() -> None:
    port = str(DEFAULTS.server.port)
    assert instruction("EXPOSE") == port
    (published,) = COMPOSE["services"]["api"]["ports"]
    address, outside, inside = published.split(":")
    # To this machine only: a proxy with TLS stands in front.
    assert (address, outside, inside) == ("127.0.0.1", port, port)


def test_health_is_asked_where_it_is_told(tmp_path: Path) -> None:
    (path,) = re.findall(rf"http://127\.0\.0\.1:{DEFAULTS.server.port}(/\w+)", DOCKERFILE)
    assert path in create_app(Settings(data_dir=tmp_path)).rooms.openapi()["paths"]


def test_the_image_runs_as_an_ordinary_user_and_keeps_its_data() -> None:
    assert instruction("USER") == "roundhouse"
    assert instruction("VOLUME") == "/data"
    assert re.search(r"ROUNDHOUSE_DATA_DIR=/data\b", DOCKERFILE)
    assert f"{COMPOSE['name']}" == "roundhouse"
    assert COMPOSE["services"]["api"]["volumes"] == ["data:/data"]


def test_what_the_image_copies_is_there() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert {"pyproject.toml", "requirements.lock", "src"} <= set(names)
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert [name for name in names if not (ROOT / name).exists() or name in ignored] == []
    assert "--require-hashes -r requirements.lock" in DOCKERFILE


def test_the_services_of_compose() -> None:
    services: dict[str, Any] = COMPOSE["services"]
    assert set(services) == {"api", *BESIDE, "postgres", "redis"}
    # Who starts it without a profile gets the service and no more.
    assert [name for name, one in services.items() if "profiles" not in one] == [
        *("api", "executor", "postgres", "redis")
    ]
    assert services["postgres"]["image"].startswith("pgvector/pgvector:pg")
    assert (ROOT / services["api"]["build"]["dockerfile"]).is_file()
    assert (DEPLOY / services["api"]["build"]["context"]).resolve() == ROOT
    for name in services["api"]["depends_on"]:
        assert services[name]["healthcheck"]["test"]
    used = {mount.split(":")[0] for one in services.values() for mount in one.get("volumes", ())}
    assert used == set(COMPOSE["volumes"])
    environment = services["api"]["environment"]
    # The same database and files; nothing but the key is the server's alone.
    own = {"SECRET_API_KEY", "ROUNDHOUSE_JOBS__EXECUTOR"}
    assert services["executor"]["environment"].items() == environment.items() - {
        (name, environment[name]) for name in own
    }
    for name in BESIDE:
        assert services[name]["volumes"] == services["api"]["volumes"]
        assert services[name]["environment"].items() >= services["executor"]["environment"].items()
        assert services[name]["init"] is True
        assert services[name]["build"] == services["api"]["build"]
    assert "@postgres:5432/" in environment["ROUNDHOUSE_DB__URL"]
    assert environment["ROUNDHOUSE_CACHE__URL"].startswith("redis://redis:6379")


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_a_stop_waits_longer_than_requests_may_take_to_drain() -> None:
    assert seconds(COMPOSE["services"]["api"]["stop_grace_period"]) > DEFAULTS.server.drain_s
    assert seconds(re.findall(r"^TimeoutStopSec=(.+)$", SERVICE, re.MULTILINE)[0]) > DEFAULTS.server.drain_s
    for name in ("executor", "worker"):
        assert seconds(COMPOSE["services"][name]["stop_grace_period"]) > 2 * DEFAULTS.jobs.drain_s
    assert (
        seconds(re.findall(r"^TimeoutStopSec=(.+)$", EXECUTOR, re.MULTILINE)[0]) > 2 * DEFAULTS.jobs.drain_s
    )
    assert instruction("STOPSIGNAL") == "SIGTERM"


def test_no_secret_is_written_down() -> None:
    """Passwords come from whoever starts it, and it does not start without."""
    for service in COMPOSE["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|KEY|SECRET", name) or "password" in str(value).lower():
                assert re.search(r"\$\{\w+:\?", str(value)), name
    for text in (DOCKERFILE, SERVICE, EXAMPLE.read_text("utf-8")):
        assert re.findall(r"(?im)^\s*[\w.]*(?:key|password|secret)\s*=\s*\S+", text) == []


def test_the_service_reads_and_writes_where_the_page_says() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    for path in (
        "/opt/roundhouse",
        "/var/lib/roundhouse",
        "/etc/roundhouse/roundhouse.toml",
        "/etc/roundhouse/environment",
    ):
        assert path in SERVICE, path
        assert path in page, path
    assert "StateDirectory=roundhouse" in SERVICE
    same = (
        "LoadCredential",
        "EnvironmentFile",
        "StateDirectory",
        "WorkingDirectory",
        "UMask",
        "ProtectSystem",
    )
    for name in same:
        pattern = rf"^{name}=.+$"
        assert re.findall(pattern, SERVICE, re.M) == re.findall(pattern, EXECUTOR, re.M), name
    assert "User=roundhouse" in EXECUTOR
    limit = int(re.findall(r"^LimitNOFILE=(\d+)$", SERVICE, re.MULTILINE)[0])
    assert limit > 2 * DEFAULTS.server.max_connections


def test_the_example_is_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(config=EXAMPLE)
    assert [provider.name for provider in settings.providers] == ["ollama", "rack"]
    assert {provider.kind for provider in settings.providers} <= set(registry.kinds())
    known = {provider.name for provider in settings.providers} | {"roundhouse"}
    assert {target.split("/")[0] for alias in settings.aliases for target in alias.targets} <= known
    # What is shown and not taken away is the default.
    for name in ("server", "cache", "log", "access", "engine"):
        assert getattr(settings, name) == getattr(DEFAULTS, name), name


def test_the_example_is_settings_with_its_comments_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = re.sub(r"(?m)^# (?=(?:\[\[\w+\]\]|\w+ = ))", "", EXAMPLE.read_text("utf-8"))
    (tmp_path / "all.toml").write_text(text, encoding="utf-8")
    settings = load(config=tmp_path / "all.toml")
    assert [provider.name for provider in settings.providers] == ["ollama", "rack", "cloud"]
    assert settings.db.url.startswith("postgresql://")
    assert settings.cache.url.startswith("redis://")
