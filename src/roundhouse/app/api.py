"""The API process: the shared parts, access, the rooms, and the ASGI application over them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import APIRouter, FastAPI

from roundhouse import __version__
from roundhouse.app.answers import Answers
from roundhouse.app.audio import AudioRoom
from roundhouse.app.chat import ChatRoom
from roundhouse.app.chat_web import chat_router, large_chat_bodies
from roundhouse.app.knowledge import KnowledgeRoom
from roundhouse.app.parts import Parts
from roundhouse.app.tasks import TaskRoom
from roundhouse.app.upkeep import disk_service
from roundhouse.app.webhooks import WebhookRoom
from roundhouse.core.audio import SpeechTask
from roundhouse.core.ports import Authenticator, DeviceProbe
from roundhouse.core.settings import Settings
from roundhouse.core.types import Operation
from roundhouse.engine.metering import Meter
from roundhouse.engine.own import ESPEAK_PROVIDER, OWN_NAMES
from roundhouse.features.access import routes as access_routes
from roundhouse.features.access.authenticator import KeyAuthenticator, OpenAuthenticator
from roundhouse.features.access.first_key import ensure_first_key, open_hasher
from roundhouse.features.access.limits import LimitGatekeeper
from roundhouse.features.access.plans import routes as plan_routes
from roundhouse.features.access.plans.places import PlaceGiver
from roundhouse.features.access.plans.service import PlanService
from roundhouse.features.access.plans.telling import QuotaTeller
from roundhouse.features.access.prices import PriceTable
from roundhouse.features.access.reports import ReportService
from roundhouse.features.access.service import KeyService
from roundhouse.features.access.usage import UsageWriter
from roundhouse.features.console import routes as console_routes
from roundhouse.features.console.files import UI_DIR, ConsoleFiles
from roundhouse.features.gateway import openapi
from roundhouse.features.gateway import routes as gateway_routes
from roundhouse.features.gateway.call import Desk
from roundhouse.features.gateway.inference import InferenceEndpoint
from roundhouse.features.gateway.media import MediaGuard
from roundhouse.features.gateway.realtime.endpoint import RealtimeEndpoint
from roundhouse.features.gateway.responses import ResponsesAdapter
from roundhouse.features.gateway.service import ModelService, PullService
from roundhouse.features.gateway.sound.speech import SpeechEndpoint
from roundhouse.features.gateway.sound.transcriptions import TranscriptionEndpoint, Workshop
from roundhouse.features.knowledge.files import routes as knowledge_routes
from roundhouse.features.ops import routes as ops_routes
from roundhouse.features.ops.service import HistoryService, JobService, OpsService, UpkeepService
from roundhouse.infra.egress.resolving import Lookup, system_lookup
from roundhouse.infra.jobs.frozen import FrozenWatch
from roundhouse.infra.jobs.metrics import JobMetrics
from roundhouse.infra.jobs.roster import Roster
from roundhouse.infra.jobs.supervisor import ChildState, Supervisor
from roundhouse.infra.probe import MachineProbe
from roundhouse.infra.rate_limit import MemoryRateLimiter, RedisRateLimiter
from roundhouse.infra.rooms import describe, gathered, mount_docs, render_errors, with_cors
from roundhouse.infra.telemetry.logs import RequestLog
from roundhouse.infra.telemetry.metrics import BREAKER, IN_FLIGHT, MODEL_MEMORY, USAGE_DROPPED, Metrics
from roundhouse.infra.watching.report import WatchMetrics
from roundhouse.infra.web import App, Front, RequestIds

_log = structlog.get_logger(__name__)

HOT_PATHS: dict[str, Operation] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/embeddings": "embeddings",
    "/v1/rerank": "rerank",
}
"""Paths of the lean endpoints and the operation of each."""

SPEECH_PATHS: dict[str, SpeechTask] = {
    "/v1/audio/transcriptions": "transcribe",
    "/v1/audio/translations": "translate",
}
"""Paths that take a recording, and what is done with it."""

LIVE_PATH = "/v1/realtime"
SOCKET_PATHS = frozenset({LIVE_PATH, f"/api{LIVE_PATH}"})
"""Paths that are WebSockets."""

ROOMS = ("gateway", "chat", "audio", "knowledge", "tasks", "webhooks", "access", "ops")
"""Rooms that are on, by the names that the console knows them by."""


class Roundhouse:
    """One application: its parts, its life, and the ASGI callable `asgi`.

    Args:
        settings: All of them.
        probe: The machine's memories; a fake in tests.
        lookup: How names in users' URLs are looked up; a fake in tests.

    Attributes:
        first_key: The admin key, when `start` made it.
        supervisor: Of the executor beside this process, where there is one; made by whoever serves the application.
    """

    def __init__(self, settings: Settings, probe: DeviceProbe, lookup: Lookup) -> None:
        self.settings = settings
        self.first_key: str | None = None
        self.supervisor: Supervisor | None = None
        self.metrics = Metrics()
        parts = self.parts = Parts(settings, probe, lookup, self.metrics)
        self.clock, self.db, self.engine = parts.clock, parts.db, parts.engine
        self.limiter = (
            RedisRateLimiter(parts.redis, self.clock) if parts.redis else MemoryRateLimiter(self.clock)
        )
        self._build_access()
        self.models = ModelService(self.engine, self.db, self.clock)
        self.pulls = PullService(self.engine, parts.jobs, parts.tail, self.db, self.clock)
        roster = Roster(self.db, self.clock)
        self.jobs = JobService(
            self.db,
            parts.jobs,
            roster,
            self.clock,
            plugin_kinds=parts.plugin_kinds,
            child=self._child,
            pipelines=parts.pipelines.current,
        )
        self.frozen = FrozenWatch(roster, self.clock)
        job_metrics = JobMetrics(self.db, roster, self.clock)
        job_metrics.attach(self.metrics, parts.tail)
        WatchMetrics(self.db, self.clock).attach(self.metrics)
        self.ops = OpsService(self.db, self.engine, probe, settings)
        self.history = HistoryService(
            probe,
            settings.data_dir,
            lambda: sum(self.metrics.values(IN_FLIGHT).values()),
            job_metrics.depths,
            self.clock,
        )
        self.upkeep = UpkeepService(
            self.db,
            parts.jobs,
            parts.cleaning,
            disk_service(settings, self.db, parts.files, parts.cleaning),
            self.clock,
            is_dry=settings.upkeep.dry_run,
        )
        log = RequestLog(settings.log.requests, self.metrics)
        self.meter = Meter(self.gatekeeper, self.usage, self.prices, log, self.clock)
        self._media = MediaGuard(
            parts.media, settings.outbound.media_max_bytes, settings.server.max_body_bytes
        )
        answers = Answers(parts, self.meter)
        self.chat = ChatRoom(parts, self.meter, self._media, answers.grounder)
        self.audio = AudioRoom(parts, self.gatekeeper)
        self.knowledge = KnowledgeRoom(parts, self.audio.transcripts, answers)
        self.webhooks = WebhookRoom(parts, lookup)
        self.webhooks.attach(self.metrics)
        self.tasks = TaskRoom(parts, self.gatekeeper, self.webhooks.following)
        self.asgi: App = self._build_web()

    def _build_access(self) -> None:
        settings = self.settings
        hasher = open_hasher(settings.access, settings.data_dir)
        self.keys = KeyService(self.db, hasher, clock=self.clock, watcher=self.parts.watcher)
        self.authenticator: Authenticator = (
            OpenAuthenticator()
            if settings.server.open
            else KeyAuthenticator(self.db, hasher, settings.access, self.parts.watcher, self.clock)
        )
        self.usage = self.parts.accounts.usage = UsageWriter(self.db, settings.access, self.clock)
        self.gatekeeper = LimitGatekeeper(self.db, self.limiter, self.usage, self.clock)
        self.plans = PlanService(self.db, self.clock)
        self.quota_events = self.parts.quotas.listener = QuotaTeller(self.db, self.clock)
        self.quota_places = PlaceGiver(self.db, self.clock)
        self.reports = ReportService(self.db, self.gatekeeper, self.plans, self.clock)
        self.prices = PriceTable(settings.prices)

    def _build_web(self) -> App:
        rooms = FastAPI(
            title="Roundhouse",
            version=__version__,
            docs_url=None,
            # Each tenant has a document of its own.
            openapi_url=None,
            redoc_url=None,
            # A redirect would be built from the client's Host header.
            redirect_slashes=False,
            lifespan=self._lifespan,
            servers=[{"url": "/"}, {"url": "/api", "description": "The same paths under /api/v1."}],
        )
        rooms.state.authenticator = self.authenticator
        render_errors(rooms)
        files = self.parts.files
        all_routes = gathered(
            gateway_routes.router(self.models, self.parts.providers, self.pulls),
            access_routes.router(self.keys, self.reports),
            plan_routes.router(self.plans),
            ops_routes.router(self.ops, self.metrics, self.jobs, self.parts.tail, self.upkeep, self.history),
            knowledge_routes.router(files, self.settings.server.body_timeout_s),
            chat_router(self.chat, self.parts),
            self.audio.router(),
            self.knowledge.router(),
            self.tasks.router(),
            self.webhooks.router(),
            self._console(),
        )
        rooms.router.routes.extend(all_routes.routes)
        mount_docs(rooms)
        describe(rooms, openapi.inference_paths, openapi.inference_components)
        self.webhooks.describe(rooms)
        desk = Desk(
            self.engine,
            self.authenticator,
            self.meter,
            self._media,
            self.settings.server.max_body_bytes,
            self.settings.server.body_timeout_s,
        )
        self._watch(desk)
        hot: dict[str, App] = {
            path: InferenceEndpoint(desk, operation, path) for path, operation in HOT_PATHS.items()
        }
        hot["/v1/responses"] = InferenceEndpoint(desk, "chat", "/v1/responses", ResponsesAdapter())
        workshop = self._workshop()
        for path, task in SPEECH_PATHS.items():
            hot[path] = TranscriptionEndpoint(desk, task, path, workshop)
        hot["/v1/audio/speech"] = SpeechEndpoint(desk, "/v1/audio/speech")
        self.rooms = rooms
        large = {knowledge_routes.UPLOAD_PATH: files.largest_body_bytes} | large_chat_bodies(self.chat)
        large |= self.audio.large_bodies
        large |= dict.fromkeys(SPEECH_PATHS, workshop.largest_body_bytes)
        sockets = {LIVE_PATH: RealtimeEndpoint(desk, LIVE_PATH, workshop, self.settings.live)}
        self.tasks.attach(rooms, (*hot, *sockets))
        front: App = Front(rooms, hot, self.settings.server, RequestIds(), _log_fault, large, sockets)
        return with_cors(front, self.settings.server)

    def _console(self) -> APIRouter:
        access = self.settings.access
        return console_routes.router(
            self.authenticator,
            ConsoleFiles(UI_DIR),
            rooms=ROOMS,
            is_open=self.settings.server.open,
            takes_jwt=bool(access.jwt_secret or access.jwt_public_key),
        )

    def _workshop(self) -> Workshop:
        """Where recordings are heard that come with a request and are not kept."""
        pulls = self.pulls if self.settings.asr.pull_on_first_use else None
        return Workshop(self.settings.audio, self.settings.data_dir / "sound", pulls)

    def _child(self) -> ChildState | None:
        return None if self.supervisor is None else self.supervisor.state

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
        await self.parts.start()
        await self.tasks.start()
        await self.chat.start()
        self.usage.start()
        self.gatekeeper.start()
        self.quota_events.start()
        self.quota_places.start()
        self.frozen.start()
        self.history.start()

    def drain(self) -> None:
        """Say from now on that this process is not ready."""
        self.ops.draining = True
        self.tasks.drain()
        self.parts.tail.drain()

    @property
    def found(self) -> list[tuple[str, list[str]]]:
        """Models by provider, for the operator's first look."""
        listings = self.engine.catalog.listings
        # Of what is always there only what has something to show; a program that speaks is no model.
        shown = [
            name
            for name in self.engine.catalog.backends
            if name != ESPEAK_PROVIDER.name and (listings[name].models or name not in OWN_NAMES)
        ]
        return [(name, list(listings[name].models)) for name in shown]

    async def close(self) -> None:
        """Stop background work, write what is still in memory, close connections."""
        await self.tasks.close()
        await self.chat.close()
        await self.parts.stop()
        await self.history.close()
        await self.frozen.close()
        await self.gatekeeper.close()
        await self.quota_places.close()
        await self.quota_events.close()
        await self.usage.close()
        await self.limiter.close()
        await self.parts.close()


def create_app(
    settings: Settings, probe: DeviceProbe | None = None, lookup: Lookup = system_lookup
) -> Roundhouse:
    """Build an application; its database must be at the newest revision (`infra.migrate.upgrade_blocking`).

    Raises:
        BadInput: A setting is unusable.
        MissingExtra: A setting needs a part that is not installed.
    """
    return Roundhouse(settings, probe if probe is not None else MachineProbe(), lookup)


def _log_fault(error: BaseException, request_id: str) -> None:
    _log.error("request_failed", request_id=request_id, exc_info=error)
