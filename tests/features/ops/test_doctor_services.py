"""What `doctor` finds beyond this process."""

import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from peers.ollama import ollama_peer
from roundhouse.core.settings import Settings
from roundhouse.core.settings_load import load
from roundhouse.core.types import Caller
from roundhouse.features.ops import doctor_services
from roundhouse.features.ops.schemas import CheckRead
from roundhouse.infra import audit
from roundhouse.infra.db import Database
from roundhouse.infra.migrate import head


def settings(**sections: Any) -> Settings:
    return load({"server": {"port": 0}, "engine": {"discover": False}} | sections)


def states(checks: list[CheckRead]) -> dict[str, str]:
    return {check.name: check.state for check in checks}


async def test_a_database_of_each_dialect(db_url: str) -> None:
    found = await doctor_services.database(settings(db={"url": db_url}))
    assert states(found) == {"database": "ok", "clock": "ok"}
    assert head() in found[0].detail


async def test_an_empty_database(empty_db_url: str) -> None:
    first = (await doctor_services.database(settings(db={"url": empty_db_url})))[0]
    assert (first.state, "first start" in first.detail) == ("ok", True)


@pytest.mark.parametrize(("revision", "state"), [("0000", "ok"), ("9999", "fail")])
async def test_a_schema_of_another_version(sqlite_url: str, revision: str, state: str) -> None:
    engine = sa.create_engine(sqlite_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :to"), {"to": revision})
    found = (await doctor_services.database(settings(db={"url": sqlite_url})))[0]
    assert (found.state, revision in found.detail) == (state, True)


async def test_a_clock_that_went_back(sqlite_url: str) -> None:
    wanted = settings(db={"url": sqlite_url})
    database = Database(wanted.db, sqlite_url)
    async with database.begin() as tx:
        later_s = time.time() + 3600
        await audit.append(tx, Caller("key_1"), action="a", object_id="b", detail={}, at_s=later_s)
    await database.close()
    clock = (await doctor_services.database(wanted))[1]
    assert (clock.name, clock.state, "behind" in clock.detail) == ("clock", "fail", True)
    assert "timedatectl" in (clock.fix or "")


@pytest.mark.parametrize(
    "url", ["postgresql://user:hunter2@127.0.0.1:1/none", "mysql://user:hunter2@host/none", "nonsense"]
)
async def test_a_database_that_cannot_be_used(url: str) -> None:
    (found,) = await doctor_services.database(settings(db={"url": url, "busy_timeout_s": 2}))
    assert (found.state, "hunter2" in found.detail) == ("fail", False)
    assert "ROUNDHOUSE_DB__URL" in (found.fix or "")


async def test_a_file_that_is_no_database(place: Path) -> None:
    (place / "roundhouse.db").write_bytes(b"nonsense" * 1000)
    (found,) = await doctor_services.database(settings(data_dir=place))
    assert found.state == "fail"


@pytest.mark.redis
async def test_redis_that_answers(redis_url: str) -> None:
    (found,) = await doctor_services.redis(settings(cache={"url": redis_url}))
    assert (found.state, found.detail.startswith("Redis ")) == ("ok", True)


@pytest.mark.parametrize("url", ["redis://:hunter2@127.0.0.1:1", "http://127.0.0.1"])
async def test_redis_that_does_not(url: str) -> None:
    (found,) = await doctor_services.redis(settings(cache={"url": url}))
    assert (found.state, "hunter2" in found.detail) == ("fail", False)
    assert "ROUNDHOUSE_CACHE__URL" in (found.fix or "")


async def test_providers_and_local_servers() -> None:
    async with ollama_peer() as peer:
        providers = [
            {"name": "desk", "kind": "ollama", "url": peer.url},
            {"name": "away", "kind": "openai", "url": "http://127.0.0.1:1/v1", "key": "hunter2"},
            {"name": "odd", "kind": "nonsense"},
        ]
        engine = {"discover": True, "discover_urls": [peer.url, "http://127.0.0.1:1"]}
        found = await doctor_services.model_servers(settings(providers=providers, engine=engine))
    assert states(found) == {
        "provider desk": "ok",
        "provider away": "fail",
        "provider odd": "fail",
        "local model servers": "ok",
    }
    assert "2 models" in found[0].detail
    assert "hunter2" not in str(found)
    assert "ollama at" in found[3].detail


async def test_no_model_server_is_a_warning() -> None:
    engine = {"discover": True, "discover_urls": ["http://127.0.0.1:1"]}
    (found,) = await doctor_services.model_servers(settings(engine=engine))
    assert (found.state, "providers add" in (found.fix or "")) == ("warn", True)
