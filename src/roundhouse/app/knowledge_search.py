"""What every process has of searching vector stores, and of their index versions."""

from __future__ import annotations

from roundhouse.core.ports import Clock
from roundhouse.core.settings import Settings
from roundhouse.engine.metering import Accounts
from roundhouse.features.knowledge.embedding.desk import EmbeddingDesk
from roundhouse.features.knowledge.files.service import FileService
from roundhouse.features.knowledge.indexing.building import Building
from roundhouse.features.knowledge.indexing.calibrating import Calibrating, Growth
from roundhouse.features.knowledge.indexing.comparing import Comparing
from roundhouse.features.knowledge.indexing.jobs import IndexJobs
from roundhouse.features.knowledge.indexing.measuring import Measuring
from roundhouse.features.knowledge.indexing.preparing import StoredPassages
from roundhouse.features.knowledge.indexing.service import IndexService
from roundhouse.features.knowledge.indexing.vectors import VectorStores
from roundhouse.features.knowledge.picturing import DocumentPictures
from roundhouse.features.knowledge.searching.picturing import AskedPictures
from roundhouse.features.knowledge.searching.reranking import EngineReranker
from roundhouse.features.knowledge.searching.service import SearchService
from roundhouse.features.knowledge.stores.model import Store
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.search.indexer import Indexer


class KnowledgeSearch:
    """Searches vector stores, and looks after their index versions.

    Args:
        settings: All of them.
        db: The database.
        accounts: Asks models, and records what was used.
        files: The house's files.
        vectors: Kinds of vector store.
        embedding: Gives texts and pictures their vectors.
        indexer: Indexes texts.
        clock: Time.

    Attributes:
        searching: The verb of searching.
        jobs: What is done in the background.
    """

    def __init__(
        self,
        settings: Settings,
        db: Database,
        accounts: Accounts,
        files: FileService,
        vectors: VectorStores,
        embedding: EmbeddingDesk,
        indexer: Indexer,
        clock: Clock,
    ) -> None:
        self._db, self._vectors, self._embedding, self._clock = db, vectors, embedding, clock
        self._reranker = EngineReranker(accounts)
        passages = StoredPassages()
        self._measuring = Measuring(db, embedding, passages, clock)
        self.searching = SearchService(
            db,
            vectors,
            embedding,
            passages,
            indexer,
            self._reranker,
            AskedPictures(files),
            clock,
            settings.knowledge.rerank_model,
        )
        self.jobs = IndexJobs(
            db,
            vectors,
            Building(db, vectors, embedding, passages),
            Comparing(db, vectors, self._measuring, clock),
            Calibrating(db, self._measuring),
            clock,
            settings.knowledge.job_timeout_s,
            DocumentPictures(db, files, settings.knowledge),
        )

    async def grown(self, jobs: JobQueue, tx: Tx, store: Store) -> None:
        """A store has another document."""
        await Growth(jobs).grown(tx, store)

    def versions(self, jobs: JobQueue) -> IndexService:
        """The verbs of index versions."""
        return IndexService(self._db, self._vectors, self._embedding, self._measuring, jobs, self._clock)
