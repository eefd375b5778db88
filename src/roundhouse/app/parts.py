"""What the API process and an executor have in common: database, vault, ways out, the engine with its providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roundhouse.app.knowledge_parts import KnowledgeParts
from roundhouse.app.knowledge_search import KnowledgeSearch
from roundhouse.app.recordings import RecordingTranscripts, recording_service
from roundhouse.app.search import search_sources
from roundhouse.app.task_parts import TaskParts
from roundhouse.app.task_verbs import OwnVerbs
from roundhouse.app.upkeep import cleaning_service, file_users
from roundhouse.core import registry
from roundhouse.core.errors import RoundhouseError
from roundhouse.core.jobs import NewJob
from roundhouse.core.ports import BackendContext, Cache, DeviceProbe
from roundhouse.core.settings import Settings
from roundhouse.core.types import Caller, UsageRecord
from roundhouse.engine.engine import Engine
from roundhouse.engine.metering import Accounts
from roundhouse.engine.own import own_providers, pyannote_provider, sentence_transformers_provider
from roundhouse.engine.residency import Residency
from roundhouse.engine.wrappers import Attempts
from roundhouse.features.access.plans.quotas import PlanQuotas
from roundhouse.features.access.prices import PriceTable
from roundhouse.features.audio.asking import ModelDesk
from roundhouse.features.audio.indexing import SearchIndex as RecordingIndex
from roundhouse.features.audio.jobs import RecordingJobs
from roundhouse.features.audio.ports import Desk
from roundhouse.features.audio.service import Retention
from roundhouse.features.chat.indexing import SearchIndex
from roundhouse.features.chat.jobs import ChatCleanUp
from roundhouse.features.chat.service import UpkeepService
from roundhouse.features.gateway.jobs import ModelPull
from roundhouse.features.gateway.service import Footprints, ProviderService
from roundhouse.features.gateway.service.pulls import PULL
from roundhouse.features.knowledge.files.service import FileService
from roundhouse.features.knowledge.stores.model import Store
from roundhouse.features.knowledge.stores.schemas import FileCreate
from roundhouse.features.ops.jobs import CleanUp, DiskClean
from roundhouse.infra.audio import filter_segments, prepare
from roundhouse.infra.cache import MemoryCache, RedisCache
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.egress.guard import GuardedFetcher
from roundhouse.infra.egress.lean import LeanClient
from roundhouse.infra.egress.resolving import Lookup
from roundhouse.infra.events.tail import EventTail
from roundhouse.infra.hosting.hosts import Hosts
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.redis_link import RedisLink
from roundhouse.infra.rendezvous import Rendezvous
from roundhouse.infra.revision import RevisionWatcher
from roundhouse.infra.search.indexer import Indexer
from roundhouse.infra.vault import Vault

if TYPE_CHECKING:
    from roundhouse.infra.egress.pooled import AiohttpClient


class Parts:
    """The shared parts of one process.

    Args:
        settings: All of them.
        probe: The machine's memories; a fake in tests.
        lookup: How names in users' URLs are looked up; a fake in tests.
        heard: Hears of every try at a model server.
        patience_s: It leaves it so long to another process to keep the books of this machine's memory.

    Attributes:
        plugin_kinds: Kinds of jobs whose pipelines are a plugin's.

    Raises:
        BadInput: A setting is unusable.
        MissingExtra: A setting needs a part that is not installed.
    """

    def __init__(
        self,
        settings: Settings,
        probe: DeviceProbe,
        lookup: Lookup,
        heard: Attempts,
        *,
        patience_s: float = 0.0,
    ) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.db = Database(settings.db, settings.db_url)
        self.watcher = RevisionWatcher(self.db, settings.access.revocation_poll_s, self.clock)
        self.tail = EventTail(self.db, settings.events, self.clock)
        self.vault = Vault(settings.data_dir)
        self.redis = RedisLink(settings.cache.url, self.clock) if settings.cache.url else None
        self.cache = _cache(settings, self.redis, self.clock)
        self.http = _http(settings)
        self.quotas = PlanQuotas(self.clock)
        self.media = GuardedFetcher(settings.outbound, lookup)
        self.hosts = Hosts(settings.data_dir / "hosts")
        self._build_engine(probe, heard, patience_s, lookup)
        self.providers = ProviderService(
            self.db,
            self.engine,
            self.vault,
            self.clock,
            settings.providers,
            settings.aliases,
            self.watcher.check_now,
        )
        users = file_users(self.db)
        self.files = FileService.open(settings.files, settings.data_dir, self.db, self.clock, users)
        self.indexer = Indexer(self.db, search_sources())
        self._build_knowledge()
        self._build_tasks(lookup)
        self.recording_index = RecordingIndex()
        self.chat_index = SearchIndex()
        self.chat_upkeep = UpkeepService(self.db, self.chat_index, self.clock)
        self._build_jobs()

    def _build_engine(self, probe: DeviceProbe, heard: Attempts, patience_s: float, lookup: Lookup) -> None:
        settings = self.settings
        context = BackendContext(self.http, self.media, settings.data_dir, self.clock, self.hosts)
        residency = Residency(
            settings.engine,
            probe,
            self.clock,
            Footprints(self.db, self.clock),
            Rendezvous(settings.data_dir, "residency"),
            patience_s=patience_s,
        )
        self.engine = Engine(
            settings.engine,
            settings.cache,
            context,
            self.cache,
            residency,
            heard,
            (
                sentence_transformers_provider(settings.sentence_transformers, settings.asr),
                *own_providers(settings.asr),
                pyannote_provider(settings.diarization),
            ),
            settings.asr.model,
            lookup,
        )
        self.accounts = Accounts(self.engine, PriceTable(settings.prices), self.clock)

    def _build_knowledge(self) -> None:
        settings = self.settings
        self.knowledge = KnowledgeParts(
            settings,
            self.db,
            self.engine,
            self.accounts,
            self.files,
            self.media,
            self.indexer,
            self.clock,
            grown=self._store_grew,
        )
        self.knowledge_search = KnowledgeSearch(
            settings,
            self.db,
            self.accounts,
            self.files,
            self.knowledge.vectors,
            self.knowledge.embedding,
            self.indexer,
            self.clock,
        )

    def _build_tasks(self, lookup: Lookup) -> None:
        settings = self.settings
        own = OwnVerbs(
            self.engine,
            self.accounts,
            self.knowledge_search.searching,
            self.files,
            settings.audio,
            settings.data_dir / "sound",
        )
        self.tasks = TaskParts(
            self.db,
            self.watcher,
            self.vault,
            self.files,
            own.table(),
            settings.outbound,
            settings.mcp_servers,
            lookup,
            self.clock,
            settings.jobs.keep_days,
            self.quotas,
        )

    def _build_jobs(self) -> None:
        """What jobs there are: in the API process to accept them, in an executor to run them."""
        settings = self.settings
        self.model_pull = ModelPull(self.engine, self.watcher.check_now)
        self.cleaning = cleaning_service(settings, self.db, self.files, self.redis, self.clock)
        self.clean_up = CleanUp(self.cleaning)
        self.chat_clean_up = ChatCleanUp(self.chat_upkeep, settings.chat)
        self.models_of_jobs = ModelDesk(self.engine, self.accounts)
        self.recording_jobs = self._recording_jobs()
        plugged = registry.pipelines()
        self.plugin_kinds = frozenset(one.kind for one in plugged)
        own = [self.model_pull.pipeline, self.clean_up.pipeline, self.chat_clean_up.pipeline]
        own.append(DiskClean(self.cleaning).pipeline)
        own += (*self.recording_jobs.pipelines, *self.knowledge.jobs.pipelines)
        own += (*self.knowledge_search.jobs.pipelines, *self.tasks.pipelines)
        self.pipelines = PipelineTable([*own, *plugged])
        planned = (
            self.clean_up.schedule,
            self.chat_clean_up.schedule,
            self.recording_jobs.schedule,
            self.knowledge.jobs.schedule,
            self.tasks.imported.jobs.schedule,
            self.tasks.mcp.jobs.schedule,
        )
        self.schedules = [one for one in planned if one is not None]
        self.jobs = JobQueue(self.db, self.pipelines, settings.jobs, self.clock)

    def _recording_jobs(self) -> RecordingJobs:
        settings, index = self.settings, self.recording_index
        desk = Desk(
            db=self.db,
            files=self.files,
            downloads=self.media,
            prepare=prepare,
            sift=filter_segments,
            recogniser=self.engine,
            speakers=self.engine,
            models=self.models_of_jobs,
            accounts=self.models_of_jobs,
            refresh=self._refresh_models,
            pull=self._pull_model if settings.asr.pull_on_first_use else None,
            index=index,
            settings=settings.audio,
            recognisers={"whisper": settings.asr.model, "chunkformer": "chunkformer"},
            clock=self.clock,
            share=self._share_transcript,
        )
        folders = settings.data_dir / "jobs"
        retention = Retention(self.db, self.files, index, folders, settings.audio, self.clock)
        return RecordingJobs(desk, retention)

    async def _share_transcript(self, caller: Caller, store_id: str, recording_id: str) -> None:
        recordings = recording_service(
            self.settings, self.db, self.files, self.jobs, self.indexer, self.engine, self.clock
        )
        files = self.knowledge.files(self.jobs, RecordingTranscripts(recordings))
        await files.add(caller, store_id, FileCreate(recording_id=recording_id))

    async def _store_grew(self, tx: Tx, store: Store) -> None:
        await self.knowledge_search.grown(self.jobs, tx, store)

    async def _pull_model(self, caller: Caller, model: str) -> None:
        async with self.db.begin() as tx:
            await self.jobs.submit_once(tx, caller, NewJob(PULL, {"model": model}), "model")

    async def _refresh_models(self) -> None:
        await self.engine.catalog.refresh(older_than_s=0)

    async def start(self) -> None:
        """Put the configuration in force, and follow its changes and the events.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        await self.watcher.start()
        self.watcher.on_change(self.providers.apply)
        self.tail.on_event(self.model_pull.heard, ("job.completed",))
        self.tail.on_event(self.knowledge.settling.heard, ("job.failed", "job.cancelled"))
        await self.tail.start()
        await self.tasks.start()
        await self.engine.start(*await self.providers.configuration())

    async def stop(self) -> None:
        """Stop all background work; the connections stay open for what is still to be written."""
        await self.tail.close()
        await self.watcher.close()
        await self.engine.close()

    async def close(self) -> None:
        """Close all connections."""
        await self.hosts.close()
        await self.tasks.close()
        await self.knowledge.close()
        await self.files.close()
        await self.cache.close()
        await self.http.close()
        await self.db.close()


class Unheard:
    """What a process without metrics tells its figures to."""

    def attempted(self, target: str, error: RoundhouseError | None) -> None:
        """One try at a model server ended."""

    def observe(self, record: UsageRecord) -> None:
        """One request ended."""


def _cache(settings: Settings, redis: RedisLink | None, clock: SystemClock) -> Cache:
    if redis is not None:
        return RedisCache(redis)
    return MemoryCache(settings.cache.max_mib * 1024 * 1024, clock)


def _http(settings: Settings) -> LeanClient | AiohttpClient:
    if settings.outbound.client == "aiohttp":
        from roundhouse.infra.egress.pooled import AiohttpClient

        return AiohttpClient(settings.outbound)
    return LeanClient(settings.outbound)
