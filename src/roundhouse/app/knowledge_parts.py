"""What every process has of the knowledge room."""

from __future__ import annotations

from roundhouse.core.ports import Clock
from roundhouse.core.settings import Settings
from roundhouse.engine.engine import Engine
from roundhouse.engine.metering import Accounts
from roundhouse.features.knowledge.embedding.desk import EmbeddingDesk
from roundhouse.features.knowledge.files.service import FileService
from roundhouse.features.knowledge.indexing.source import PassageIndex
from roundhouse.features.knowledge.indexing.vectors import VectorStores
from roundhouse.features.knowledge.ingesting.cleaning import Cleaning
from roundhouse.features.knowledge.ingesting.jobs import KnowledgeJobs
from roundhouse.features.knowledge.ingesting.ports import Desk, Grown
from roundhouse.features.knowledge.ingesting.reading import read_here
from roundhouse.features.knowledge.ingesting.settling import Settling
from roundhouse.features.knowledge.stores.ports import Transcripts
from roundhouse.features.knowledge.stores.service import Adding, StoreFileService, StoreService
from roundhouse.infra.db import Database
from roundhouse.infra.egress.guard import GuardedFetcher
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.search.indexer import Indexer


class KnowledgeParts:
    """What every process has of the room: who embeds, where vectors are, the jobs.

    Args:
        settings: All of them.
        db: The database.
        engine: Every model.
        accounts: Asks models, and records what was used.
        files: The house's files.
        downloads: Fetches what users' addresses point to.
        indexer: Indexes texts.
        clock: Time.
        grown: Is told, in a transaction, that a store has another document.

    Attributes:
        vectors: Kinds of vector store.
        embedding: Gives texts and pictures their vectors.
        index: Is told what the full text index finds.
        settling: Hears of jobs that end.
        jobs: What the room has done in the background.
    """

    def __init__(
        self,
        settings: Settings,
        db: Database,
        engine: Engine,
        accounts: Accounts,
        files: FileService,
        downloads: GuardedFetcher,
        indexer: Indexer,
        clock: Clock,
        *,
        grown: Grown | None = None,
    ) -> None:
        self._settings, self._db, self._clock = settings, db, clock
        self._files, self._downloads = files, downloads
        self.vectors = VectorStores(db, settings.db, settings.knowledge, clock)
        self.embedding = EmbeddingDesk(engine, db, accounts, clock, settings.knowledge.embedding_model)
        self.index = PassageIndex(indexer)
        self.settling = Settling(db, clock)
        desk = Desk(
            db=db,
            files=files,
            downloads=downloads,
            embedder=self.embedding,
            homes=self.vectors,
            index=self.index,
            read_text=read_here,
            grown=grown,
            settings=settings.knowledge,
            clock=clock,
        )
        cleaning = Cleaning(db, self.vectors, self.index, self.settling, clock)
        self.jobs = KnowledgeJobs(desk, cleaning)

    def files(self, jobs: JobQueue, transcripts: Transcripts | None) -> StoreFileService:
        """The verbs of files in stores."""
        adding = Adding(jobs, self._settings.knowledge, self._clock)
        return StoreFileService(
            self._db, self._files, self._downloads, transcripts, adding, self.index, jobs, self._clock
        )

    def stores(self, jobs: JobQueue, files: StoreFileService) -> StoreService:
        """The verbs of vector stores."""
        adding = Adding(jobs, self._settings.knowledge, self._clock)
        return StoreService(self._db, self.embedding, self.vectors, files, adding, jobs, self._clock)

    async def close(self) -> None:
        """Close what holds connections; jobs have ended."""
        await self.settling.close()
        await self.vectors.close()
