"""A job that dies at any of its transactions goes on where it was: nothing is lost, doubled, or half of it seen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from features.knowledge.house import ANN, KnowledgeHouse
from roundhouse.core.jobs import Job
from roundhouse.features.knowledge.ingesting.jobs import KnowledgeJobs
from roundhouse.features.knowledge.stores.rows import documents, passages
from roundhouse.features.knowledge.stores.schemas import FileCreate, StaticChunking
from roundhouse.infra.db import Database

STATIC = StaticChunking.model_validate(
    {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}
)
# Two batches of every step.
TEXT = "\n\n".join(f"# Part {number}\n\nSentence number {number} stands here." for number in range(210))


class Death(BaseException):
    """The process is gone."""


class DyingDatabase:
    """Dies at one of its transactions: before it is committed, or behind.

    Attributes:
        left: Transactions until then.
        behind: Whether it is committed.
    """

    def __init__(self, db: Database, left: int, *, behind: bool) -> None:
        self._db = db
        self.left = left
        self._behind = behind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        self.left -= 1
        async with self._db.begin() as tx:
            yield tx
            if not self.left and not self._behind:
                raise Death
        if not self.left:
            raise Death


class Context:
    """What a step is given, without a runner."""

    def __init__(self, job: Job, folder: Path, results: dict[str, Any]) -> None:
        self.job, self.folder, self.results = job, folder, results
        self.idempotency_key = f"{job.id}:step"

    def progress(self, fraction: float, message: str = "") -> None:
        assert 0 <= fraction <= 1


async def run(house: KnowledgeHouse, db: Any, job: Job, results: dict[str, Any]) -> None:
    pipeline = KnowledgeJobs(house.desk(db), house.cleaning).pipelines[0]
    folder = house.folder / "jobs" / job.id
    folder.mkdir(parents=True, exist_ok=True)
    for step in pipeline.steps:
        if step.name not in results:
            results[step.name] = await step.run(Context(job, folder, results))


@pytest.mark.parametrize("behind", [False, True])
async def test_wherever_it_dies(house: KnowledgeHouse, behind: bool) -> None:
    store = await house.make_store()
    added = await house.add(store.id, TEXT)
    await house.work()
    before = await house.texts(store.id, added.id)
    deaths = 0
    for number in range(1, 40):
        chunking = {"chunking_strategy": STATIC} if number % 2 else {"chunking_strategy": {"type": "auto"}}
        await house.in_stores.add(ANN, store.id, FileCreate.model_validate({"file_id": added.id, **chunking}))
        job = await house.job_of(store.id, added.id)
        results: dict[str, Any] = {}
        dying = DyingDatabase(house.db, number, behind=behind)
        try:
            await run(house, dying, job, results)
        except Death:
            deaths += 1
            # Either all of the old, or all of the new is found.
            found = await house.texts(store.id, added.id)
            assert found == before or (await house.file(store.id, added.id)).status == "completed"
            await house.check_whole(store.id)
            again = msgspec.structs.replace(job, run=2)
            await run(house, house.db, again, results)
        await house.cleaning.remove_documents()
        assert (await house.file(store.id, added.id)).status == "completed"
        before = await house.texts(store.id, added.id)
        await house.check_whole(store.id)
        (document,) = await house.rows(documents)
        rows = await house.rows(passages)
        assert sorted(one["place"] for one in rows) == list(range(document["passages"]))
        if dying.left > 0:
            assert deaths == number - 1 > 4
            return
    raise AssertionError("It never came to its end.")
