"""A desk over an engine with the built-in model, fakes and scripted servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from peers.asking import FakeMedia
from roundhouse.core.ports import BackendContext
from roundhouse.core.settings import CacheSettings, EngineSettings, OutboundSettings
from roundhouse.core.types import Alias, Caller, Device, Provider, Usage, UsageRecord
from roundhouse.engine.engine import Engine
from roundhouse.engine.metering import Accounts
from roundhouse.engine.own import BUILTIN_PROVIDER
from roundhouse.engine.residency import Residency
from roundhouse.features.knowledge.embedding.desk import EmbeddingDesk
from roundhouse.infra.cache import MemoryCache
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database
from roundhouse.infra.egress.lean import LeanClient
from roundhouse.infra.hosting.hosts import Hosts
from roundhouse.infra.probe import FakeProbe

ANN = Caller(key_id="key_ann", site_id="one", scopes=frozenset({"inference"}))


class Unheard:
    def attempted(self, target: str, error: object) -> None:
        pass


class Prices:
    def cost_usd(self, target: str, usage: Usage) -> float:
        return usage.total_tokens / 1000


class Used:
    def __init__(self) -> None:
        self.records: list[UsageRecord] = []

    def record(self, record: UsageRecord) -> None:
        self.records.append(record)


class House:
    def __init__(self, folder: Path, db: Database, clock: Any) -> None:
        settings = EngineSettings(discover=False)
        real = SystemClock()
        self.hosts = Hosts(folder / "hosts")
        self.http = LeanClient(OutboundSettings())
        context = BackendContext(self.http, FakeMedia(), folder, real, self.hosts)
        residency = Residency(settings, FakeProbe([Device("cpu", "CPU", 32_768, 1024)]), real)
        cache = MemoryCache(1024, real)
        self.engine = Engine(
            settings, CacheSettings(), context, cache, residency, Unheard(), (BUILTIN_PROVIDER,)
        )
        self.db = db
        self.clock = clock
        self.accounts = Accounts(self.engine, Prices(), clock)
        self.used = self.accounts.usage = Used()
        self.desk = self.another_desk()

    def another_desk(self) -> EmbeddingDesk:
        """As another process has it."""
        return EmbeddingDesk(self.engine, self.db, self.accounts, self.clock)

    def sent(self, provider: str = "desk") -> list[Any]:
        """`input` of every request that a fake provider was given."""
        requests = self.engine.catalog.backends[provider].embedding.requests
        return [msgspec.json.decode(request.fields["input"]) for request in requests]

    async def configure(self, *providers: Provider, aliases: tuple[Alias, ...] = ()) -> None:
        await self.engine.configure(providers, aliases)
        await self.engine.catalog.refresh(older_than_s=0)

    async def close(self) -> None:
        await self.engine.close()
        await self.hosts.close()
        await self.http.close()


def fake(*models: str, **options: Any) -> Provider:
    return Provider("desk", "fake", models=models, options=options, retries=0)
