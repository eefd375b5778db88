"""Everything `roundhouse doctor` looks at. No running server is needed, and nothing is changed or made."""

from __future__ import annotations

import asyncio

from roundhouse.core.errors import BadInput
from roundhouse.core.settings import Settings
from roundhouse.features.ops import doctor_machine, doctor_services
from roundhouse.features.ops.schemas import CheckRead


def config_failed(error: BadInput) -> list[CheckRead]:
    """What can be told when the settings cannot be read: the machine, and which setting is wrong."""
    fix = "Mend the lines named; docs/reference/settings.md lists every setting."
    failed = CheckRead(name="settings", state="fail", detail=error.detail, fix=fix)
    return [*doctor_machine.versions(), failed, *doctor_machine.built_in_models()]


async def examine(settings: Settings) -> list[CheckRead]:
    """Every check, in the order in which a fault would show at a start."""
    machine, database, redis, servers = await asyncio.gather(
        asyncio.to_thread(doctor_machine.examine_blocking, settings),
        doctor_services.database(settings),
        doctor_services.redis(settings),
        doctor_services.model_servers(settings),
    )
    return [*machine, *database, *redis, *servers]
