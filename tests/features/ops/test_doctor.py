"""All checks together."""

import asyncio
from pathlib import Path
from typing import Any

from roundhouse.core.errors import BadInput
from roundhouse.core.settings import Settings
from roundhouse.core.settings_load import load
from roundhouse.features.ops.doctor import config_failed, examine
from roundhouse.features.ops.schemas import CheckRead
from roundhouse.infra.migrate import upgrade_blocking


def settings(**sections: Any) -> Settings:
    return load({"server": {"port": 0}, "engine": {"discover": False}} | sections)


def states(checks: list[CheckRead]) -> dict[str, str]:
    return {check.name: check.state for check in checks}


def test_a_fresh_machine_is_well_and_stays_untouched(place: Path) -> None:
    found = asyncio.run(examine(settings()))
    assert {check.state for check in found} == {"ok"}
    assert [check.fix for check in found if check.fix] == []
    names = set(states(found))
    assert names >= {"python", "roundhouse", "settings", "data folder", "port", "memory", "open files"}
    assert names >= {"built-in model", "database", "cache", "local model servers"}
    assert list(place.iterdir()) == []


def test_wrong_settings_are_one_failed_check() -> None:
    found = config_failed(BadInput("server.port: wrong\nlog.level: wrong"))
    (failed,) = [check for check in found if check.state == "fail"]
    assert (failed.name, failed.detail) == ("settings", "server.port: wrong\nlog.level: wrong")
    assert failed.fix


async def test_a_used_data_folder(place: Path) -> None:
    wanted = settings(data_dir=place / "data")
    upgrade_blocking(wanted.db_url)
    before = sorted(path.name for path in (place / "data").iterdir())
    assert {check.state for check in await examine(wanted)} == {"ok"}
    assert sorted(path.name for path in (place / "data").iterdir()) == before
