"""The front door: builds every part once, in order, and hands it to the rooms.

`create_app(settings)` makes any number of independent applications in one process: nothing is global.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
from fastapi import FastAPI

from roundhouse import __version__
from roundhouse.core.ports import Authenticator, BackendContext, Cache, DeviceProbe
from roundhouse.core.settings import Settings
from roundhouse.core.types import Operation
from roundhouse.engine.engine import Engine
from roundhouse.engine.residency import Residency
from roundhouse.features.access import routes as access_routes
from roundhouse.features.access.authenticator import KeyAuthenticator, OpenAuthenticator
from roundhouse.features.access.first_key import ensure_first_key, open_hasher
from roundhouse.features.access.limits import LimitGatekeeper
from roundhouse.features.access.prices import PriceTable
from roundhouse.features.access.reports import ReportService
from roundhouse.features.access.service import KeyService
from roundhouse.features.access.usage import UsageWriter
from roundhouse.features.gateway import openapi
from roundhouse.features.gateway import routes as gateway_routes
from roundhouse.features.gateway.inference import Desk, InferenceEndpoint
from roundhouse.features.gateway.media import MediaGuard
from roundhouse.features.gateway.responses import ResponsesAdapter
from roundhouse.features.gateway.service import Footprints, ModelService, ProviderService
from roundhouse.features.ops import routes as ops_routes
from roundhouse.features.ops.service import OpsService
from roundhouse.infra.cache import MemoryCache, RedisCache
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database
from roundhouse.infra.egress.guard import GuardedFetcher
from roundhouse.infra.egress.lean import LeanClient
from roundhouse.infra.egress.resolving import Lookup, system_lookup
from roundhouse.infra.probe import MachineProbe
from roundhouse.infra.rate_limit import MemoryRateLimiter, RedisRateLimiter
from roundhouse.infra.redis_link import RedisLink
from roundhouse.infra.revision import RevisionWatcher
from roundhouse.infra.rooms import describe, mount_docs, render_errors, with_cors
from roundhouse.infra.telemetry.logs import RequestLog
from roundhouse.infra.telemetry.metrics import BREAKER, IN_FLIGHT, MODEL_MEMORY, USAGE_DROPPED, Metrics
from roundhouse.infra.vault import Vault
from roundhouse.infra.web import App, Front, RequestIds

if TYPE_CHECKING:
    from roundhouse.infra.egress.pooled import AiohttpClient

_log = structlog.get_logger(__name__)

HOT_PATHS: dict[str, Operation] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/embeddings": "embeddings",
    "/v1/rerank": "rerank",
}
"""Paths of the lean endpoints and the operation of each."""


class Roundhouse:
    """One application: its parts, its life, and the ASGI callable `asgi`.

    Args:
        settings: All of them.
        probe: The machine's memories; a fake in tests.
        lookup: How names in users' URLs are looked up; a fake in tests.

    Attributes:
        first_key: The admin key, when `start` made it.
    """

    def __init__(self, settings: Settings, probe: DeviceProbe, lookup: Lookup) -> None:
        self.settings = settings
        self.first_key: str | None = None
        self.clock = SystemClock()
        self.db = Database(settings.db, settings.db_url)
        self.watcher = RevisionWatcher(self.db, settings.access.revocation_poll_s, self.clock)
        self.metrics = Metrics()
        self.vault = Vault(settings.data_dir)
        self.cache, self.limiter = _shared(settings, self.clock)
        self.http = _http(settings)
        self.media = GuardedFetcher(settings.outbound, lookup)
        context = BackendContext(self.http, self.media, settings.data_dir, self.clock)
        residency = Residency(settings.engine, probe, self.clock, Footprints(self.db, self.clock))
        self.engine = Engine(settings.engine, settings.cache, context, self.cache, residency, self.metrics)
        self._build_access()
        self.providers = ProviderService(
            self.db,
            self.engine,
            self.vault,
            self.clock,
            settings.providers,
            settings.aliases,
            self.watcher.check_now,
        )
        self.models = ModelService(self.engine, self.db, self.clock)
        cache_kind = "redis" if settings.cache.url else "memory"
        self.ops = OpsService(self.db, self.engine, probe, settings.data_dir, cache_kind)
        self.asgi: App = self._build_web()

    def _build_access(self) -> None:
        settings = self.settings
        hasher = open_hasher(settings.access, settings.data_dir)
        self.keys = KeyService(self.db, hasher, clock=self.clock, watcher=self.watcher)
        self.authenticator: Authenticator = (
            OpenAuthenticator()
            if settings.server.open
            else KeyAuthenticator(self.db, hasher, settings.access, self.watcher, self.clock)
        )
        self.usage = UsageWriter(self.db, settings.access, self.clock)
        self.gatekeeper = LimitGatekeeper(self.db, self.limiter, self.usage, self.clock)
        self.reports = ReportService(self.db, self.gatekeeper, self.clock)
        self.prices = PriceTable(settings.prices)

    def _build_web(self) -> App:
        rooms = FastAPI(
            title="Roundhouse",
            version=__version__,
            docs_url=None,
            redoc_url=None,
            # A redirect would be built from the client's Host header.
            redirect_slashes=False,
            lifespan=self._lifespan,
            servers=[{"url": "/"}, {"url": "/api", "description": "The same paths under /api/v1."}],
        )
        rooms.state.authenticator = self.authenticator
        render_errors(rooms)
        rooms.include_router(gateway_routes.router(self.models, self.providers))
        rooms.include_router(access_routes.router(self.keys, self.reports))
        rooms.include_router(ops_routes.router(self.ops, self.metrics))
        mount_docs(rooms)
        describe(rooms, openapi.inference_paths, openapi.inference_components)
        desk = Desk(
            self.engine,
            self.authenticator,
            self.gatekeeper,
            self.usage,
            self.prices,
            RequestLog(self.settings.log.requests, self.metrics),
            MediaGuard(
                self.media, self.settings.outbound.media_max_bytes, self.settings.server.max_body_bytes
            ),
            self.settings.server.max_body_bytes,
            self.settings.server.body_timeout_s,
        )
        self._watch(desk)
        hot: dict[str, App] = {
            path: InferenceEndpoint(desk, operation, path) for path, operation in HOT_PATHS.items()
        }
        hot["/v1/responses"] = InferenceEndpoint(desk, "chat", "/v1/responses", ResponsesAdapter())
        self.rooms = rooms
        front: App = Front(rooms, hot, self.settings.server, RequestIds(), _log_fault)
        return with_cors(front, self.settings.server)

    def _watch(self, desk: Desk) -> None:
        """What is read at the moment of a scrape instead of being counted."""
        engine, watch = self.engine, self.metrics.watch
        watch(IN_FLIGHT, lambda: {(): desk.in_flight})
        watch(USAGE_DROPPED, lambda: {(): self.usage.dropped})
        watch(BREAKER, lambda: dict.fromkeys(((name,) for name in engine.router.open_circuits()), 1))
        watch(
            MODEL_MEMORY,
            lambda: {(one.target, one.device): one.footprint_mib for one in engine.residency.status()},
        )

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        await self.start()
        try:
            yield
        finally:
            await self.close()

    async def start(self) -> None:
        """Open the database, make the first key if there is none, put the configuration in force.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        if not self.settings.server.open:
            self.first_key = await ensure_first_key(self.keys, self.settings.access, self.settings.data_dir)
        await self.watcher.start()
        self.watcher.on_change(self.providers.apply)
        await self.engine.start(*await self.providers.configuration())
        self.usage.start()
        self.gatekeeper.start()

    def drain(self) -> None:
        """Say from now on that this process is not ready."""
        self.ops.draining = True

    @property
    def found(self) -> list[tuple[str, list[str]]]:
        """Models by provider, for the operator's first look."""
        listings = self.engine.catalog.listings
        return [(name, list(listings[name].models)) for name in self.engine.catalog.backends]

    async def close(self) -> None:
        """Stop background work, write what is still in memory, close connections."""
        await self.watcher.close()
        await self.engine.close()
        await self.gatekeeper.close()
        await self.usage.close()
        await self.limiter.close()
        await self.cache.close()
        await self.http.close()
        await self.db.close()


def create_app(
    settings: Settings, probe: DeviceProbe | None = None, lookup: Lookup = system_lookup
) -> Roundhouse:
    """Build an application; its database must be at the newest revision (`infra.migrate.upgrade_blocking`).

    Raises:
        BadInput: A setting is unusable.
        MissingExtra: A setting needs a part that is not installed.
    """
    return Roundhouse(settings, probe if probe is not None else MachineProbe(), lookup)


def _shared(settings: Settings, clock: SystemClock) -> tuple[Cache, MemoryRateLimiter | RedisRateLimiter]:
    if settings.cache.url:
        link = RedisLink(settings.cache.url, clock)
        return RedisCache(link), RedisRateLimiter(link, clock)
    return MemoryCache(settings.cache.max_mib * 1024 * 1024, clock), MemoryRateLimiter(clock)


def _http(settings: Settings) -> LeanClient | AiohttpClient:
    if settings.outbound.client == "aiohttp":
        from roundhouse.infra.egress.pooled import AiohttpClient

        return AiohttpClient(settings.outbound)
    return LeanClient(settings.outbound)


def _log_fault(error: BaseException, request_id: str) -> None:
    _log.error("request_failed", request_id=request_id, exc_info=error)
