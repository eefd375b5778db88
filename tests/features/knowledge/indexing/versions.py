"""Index versions over the house of the knowledge room: two kinds of vectors, several models, jobs that a test runs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from features.knowledge.house import ANN, KnowledgeHouse
from features.knowledge.seeking import SeekingHouse, WholePassages
from features.knowledge.vectors_in_memory import FakeEmbedding, FakeModel, MemoryVectors
from roundhouse.core.errors import EmbeddingChanged, ModelNotFound, Unprocessable
from roundhouse.core.jobs import NewJob
from roundhouse.core.types import Caller
from roundhouse.features.knowledge.indexing.building import Building
from roundhouse.features.knowledge.indexing.calibrating import Calibrating
from roundhouse.features.knowledge.indexing.comparing import Comparing
from roundhouse.features.knowledge.indexing.jobs import IndexJobs
from roundhouse.features.knowledge.indexing.measuring import Measuring
from roundhouse.features.knowledge.indexing.service import IndexService
from roundhouse.infra.db import Database

STEPS = ("build", "compare", "switch", "tidy")


class Killed(BaseException):
    """The process ends here."""


class Fuse:
    """Ends the process at the n-th touch of something that lasts; None = never."""

    def __init__(self) -> None:
        self.left: int | None = None

    def touch(self) -> None:
        if self.left is None:
            return
        if self.left == 0:
            self.left = None
            raise Killed
        self.left -= 1


class FusedVectors(MemoryVectors):
    """Vectors in memory; a kill comes before or after what is written."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    async def upsert(self, tx: Any, index: Any, rows: Any) -> None:
        self._fuse.touch()
        await super().upsert(tx, index, rows)
        self._fuse.touch()

    async def delete(self, tx: Any, index: Any, documents: Any) -> None:
        self._fuse.touch()
        await super().delete(tx, index, documents)

    async def drop(self, tx: Any, index: Any) -> None:
        self._fuse.touch()
        await super().drop(tx, index)
        self._fuse.touch()

    async def settle(self) -> None:
        self._fuse.touch()
        await super().settle()


class TwoHomes:
    """Vectors of the kinds `embedded` and `pgvector`."""

    def __init__(self, fuse: Fuse) -> None:
        self.vectors = FusedVectors(fuse)
        self.others = FusedVectors(fuse)

    async def kind(self) -> str:
        return "embedded"

    def get(self, kind: str) -> MemoryVectors:
        found = {"embedded": self.vectors, "pgvector": self.others}.get(kind)
        if found is None:
            raise Unprocessable(f"There are no {kind} vectors here.", param="vectors")
        return found


class SeveralModels(FakeEmbedding):
    """`builtin/words` counts words, `other/words` does so in another space, `other/deaf` hears nothing."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse
        self.models = {
            "builtin/words": FakeModel(),
            "other/words": FakeModel("other/words", 96, False, "words-2"),
            "other/deaf": FakeModel("other/deaf", 32, False, "deaf"),
        }

    async def describe(self, caller: Caller, model: str = "") -> FakeModel:
        found = self.models.get(model or "builtin/words")
        if found is None:
            raise ModelNotFound(f"No model {model}.")
        return found

    async def embed(
        self, caller: Caller, model: str, inputs: Sequence[Any], role: str, *, fingerprint: str | None = None
    ) -> Any:
        self._fuse.touch()
        if self.faults:
            raise self.faults.pop(0)
        found = await self.describe(caller, model)
        if fingerprint not in (None, found.fingerprint):
            raise EmbeddingChanged("another")
        self.embedded += inputs
        return np.stack([self._of(found, one) for one in inputs])

    def _of(self, model: FakeModel, text: str) -> Any:
        if model.fingerprint == "deaf":
            seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
            made = np.random.default_rng(seed).normal(size=model.dimensions).astype(np.float32)
        else:
            made = np.full(model.dimensions, 1e-3, np.float32)
            for word in text.lower().replace(".", " ").split():
                digest = hashlib.sha256((model.fingerprint + word).encode()).digest()
                made[int.from_bytes(digest[:4]) % model.dimensions] += 1
        return made / np.linalg.norm(made)


class KeptJobs:
    """Jobs that nobody runs but the test."""

    def __init__(self) -> None:
        self.jobs: list[tuple[str, Caller, NewJob]] = []

    async def submit_once(self, tx: Any, caller: Caller, new: NewJob, same: str) -> Any:
        for job_id, _caller, one in self.jobs:
            if one.kind == new.kind and one.input[same] == new.input[same]:
                return SimpleNamespace(id=job_id)
        job_id = f"job_{len(self.jobs)}"
        self.jobs.append((job_id, caller, new))
        return SimpleNamespace(id=job_id)


class VersionHouse:
    """Everything that index versions need.

    Attributes:
        knowledge: Stores and documents.
        seeking: Finds what is there.
        service: The verbs.
        kept: Jobs that were taken.
        fuse: When the process ends.
    """

    def __init__(self, db: Database, folder: Path, clock: Any) -> None:
        self.fuse = Fuse()
        self.homes = TwoHomes(self.fuse)
        self.embedding = SeveralModels(self.fuse)
        self.knowledge = KnowledgeHouse(db, folder, clock, embedding=self.embedding, homes=self.homes)
        self.seeking = SeekingHouse(self.knowledge)
        self.kept = KeptJobs()
        self.db, self.clock = db, clock
        self.service = IndexService(db, self.homes, self.embedding, self.measuring(), self.kept, clock)

    def jobs(self) -> IndexJobs:
        """As in a process that has just begun."""
        preparing = WholePassages()
        measuring = Measuring(self.db, self.embedding, preparing, self.clock)
        return IndexJobs(
            self.db,
            self.homes,
            Building(self.db, self.homes, self.embedding, preparing),
            Comparing(self.db, self.homes, measuring, self.clock),
            Calibrating(self.db, measuring),
            self.clock,
            3600.0,
        )

    def measuring(self) -> Measuring:
        return Measuring(self.db, self.embedding, WholePassages(), self.clock)

    def calibrating(self) -> Calibrating:
        return Calibrating(self.db, self.measuring())

    async def run(self, results: dict[str, Any] | None = None, number: int = -1) -> dict[str, Any]:
        """Run the steps of a reindexing job that are not among the results yet."""
        _id, caller, new = [one for one in self.kept.jobs if one[2].kind == "store.reindex"][number]
        results = {} if results is None else results
        context = Context(new, caller, results)
        jobs = self.jobs()
        for name in STEPS:
            if name not in results:
                results[name] = await getattr(jobs, name)(context)
        return results


class Context:
    """What a step is given."""

    def __init__(self, new: NewJob, caller: Caller, results: dict[str, Any]) -> None:
        self.job = SimpleNamespace(input=new.input, caller=caller)
        self.results = results
        self.told: list[float] = []

    def progress(self, fraction: float, message: str = "") -> None:
        assert 0 <= fraction <= 1
        self.told.append(fraction)


_THINGS = ("harbour", "orchard", "railway", "library", "glacier", "market", "bakery", "castle")
_DEEDS = ("opened", "closed", "burned", "flooded", "painted", "measured", "sold", "praised")


def article(number: int) -> str:
    """A passage of four sentences, unlike all others."""
    thing, deed = _THINGS[number % 8], _DEEDS[(number // 8) % 8]
    name = f"name{number}"
    return (
        f"The {thing} of {name} was {deed} by the council in the year {1800 + number} after a long debate. "
        f"People of {name} still tell how the {thing} looked before, when {name} had no road to the coast. "
        f"A book about {name} says that the {thing} had {number + 3} windows and a keeper who never slept. "
        f"Today the {thing} in {name} is looked after by volunteers who count the {deed} stones every spring."
    )


async def filled(house: VersionHouse, count: int = 30) -> str:
    """A store with so many passages, five in each document."""
    store_id = (await house.knowledge.make_store(name="articles")).id
    for first in range(0, count, 5):
        texts = [article(number) for number in range(first, min(first + 5, count))]
        await house.seeking.put(store_id, f"{first}.txt", texts)
    return store_id


OWNER = ANN
