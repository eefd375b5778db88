"""Jobs of vector stores: `document.ingest` takes a file in, `vector_store.cleanup` removes what nobody sees."""

from __future__ import annotations

from functools import partial

from roundhouse.core.jobs import NewJob, Pipeline, RetryPolicy, Schedule, Step, StepContext
from roundhouse.features.knowledge.ingesting.cleaning import Cleaning
from roundhouse.features.knowledge.ingesting.embedding import embed
from roundhouse.features.knowledge.ingesting.ports import Desk
from roundhouse.features.knowledge.ingesting.publishing import finish, publish
from roundhouse.features.knowledge.ingesting.reading import parse
from roundhouse.features.knowledge.ingesting.writing import write_passages
from roundhouse.features.knowledge.stores.work import CLEANUP, INGEST

_STAGES = (
    ("parse", parse),
    ("passages", write_passages),
    ("embed", embed),
    ("publish", publish),
    ("index", finish),
)


class KnowledgeJobs:
    """What the room has done in the background.

    Args:
        desk: What the steps of an ingestion work with.
        cleaning: Cleans up.

    Attributes:
        pipelines: Of both kinds.
        schedule: When the clean-up comes.
    """

    def __init__(self, desk: Desk, cleaning: Cleaning) -> None:
        self._cleaning = cleaning
        work = Pipeline(
            INGEST,
            tuple(Step(name, partial(run, desk)) for name, run in _STAGES),
            queue="cpu",
            # A server that is away for some minutes is waited for.
            retry=RetryPolicy(max_attempts=8, base_s=2.0, factor=2.5, max_s=120.0),
            timeout_s=desk.settings.job_timeout_s,
        )
        steps = (
            Step("settle", self._settle),
            Step("expire", self._expire),
            Step("stores", self._delete_stores),
            Step("documents", self._remove_documents),
        )
        self.pipelines = (work, Pipeline(CLEANUP, steps))
        self.schedule = Schedule("vector-store-clean-up", "*/10 * * * *", NewJob(CLEANUP))

    async def _settle(self, _: StepContext) -> int:
        return await self._cleaning.settle()

    async def _expire(self, _: StepContext) -> int:
        return await self._cleaning.expire()

    async def _delete_stores(self, _: StepContext) -> int:
        return await self._cleaning.delete_stores()

    async def _remove_documents(self, context: StepContext) -> dict[str, int]:
        removed = await self._cleaning.remove_documents()
        done = context.results
        return {
            "settled": done["settle"],
            "expired": done["expire"],
            "stores": done["stores"],
            "documents": removed,
        }
