"""Chats inside somebody else's program: the same parts as the API process, without its web server, keys and metrics."""

from __future__ import annotations

from roundhouse.app.answers import Answers
from roundhouse.app.chat import ChatRoom
from roundhouse.app.parts import Parts, Unheard
from roundhouse.core.ports import DeviceProbe
from roundhouse.core.settings import Settings
from roundhouse.engine.metering import Meter
from roundhouse.features.access.limits import LimitGatekeeper
from roundhouse.features.access.prices import PriceTable
from roundhouse.features.access.usage import UsageWriter
from roundhouse.features.gateway.media import MediaGuard
from roundhouse.features.gateway.service import ModelService
from roundhouse.infra.egress.resolving import Lookup, system_lookup
from roundhouse.infra.probe import MachineProbe
from roundhouse.infra.rate_limit import MemoryRateLimiter


class EmbeddedChats:
    """Chats and models of one data folder. Make it inside a running event loop, `start` it, `stop` it, `close` it.

    It runs beside a server on the same folder, and beside others of its kind, as two servers do.

    Args:
        settings: All of them.
        probe: The machine's memories; a fake in tests.
        lookup: How names in users' URLs are looked up; a fake in tests.

    Attributes:
        parts: What every process has.
        chat: The chat room.
        models: Models as users see them.
    """

    def __init__(self, settings: Settings, probe: DeviceProbe, lookup: Lookup) -> None:
        unheard = Unheard()
        parts = self.parts = Parts(settings, probe, lookup, unheard)
        self._usage = parts.accounts.usage = UsageWriter(parts.db, settings.access, parts.clock)
        # Whoever has the folder has no limits; it counts what is in flight.
        gatekeeper = LimitGatekeeper(parts.db, MemoryRateLimiter(parts.clock), self._usage, parts.clock)
        media = MediaGuard(parts.media, settings.outbound.media_max_bytes, settings.server.max_body_bytes)
        meter = Meter(gatekeeper, self._usage, PriceTable(settings.prices), unheard, parts.clock)
        self.chat = ChatRoom(parts, meter, media, Answers(parts, meter).grounder)
        self.models = ModelService(parts.engine, parts.db, parts.clock)

    async def start(self) -> None:
        """Open the database, put the configuration in force, take questions.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        await self.parts.start()
        await self.chat.start()
        self._usage.start()

    async def stop(self) -> None:
        """End what is being answered as interrupted, and all background work; what was said is kept."""
        await self.chat.close()
        await self.parts.stop()

    async def close(self) -> None:
        """Write what is still in memory and close all connections."""
        await self._usage.close()
        await self.parts.close()


def create_embedded(
    settings: Settings, probe: DeviceProbe | None = None, lookup: Lookup = system_lookup
) -> EmbeddedChats:
    """Build chats; their database must be at the newest revision (`infra.migrate.upgrade_blocking`).

    Raises:
        BadInput: A setting is unusable.
        MissingExtra: A setting needs a part that is not installed.
    """
    return EmbeddedChats(settings, probe if probe is not None else MachineProbe(), lookup)
