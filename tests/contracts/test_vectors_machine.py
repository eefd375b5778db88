"""Random walks: two readers of one database always find what a plain model of it finds."""

import asyncio
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from conftest import emptied
from roundhouse.core.vectors import VectorIndex, VectorQuery, VectorRow
from vector_house import VectorHouse, unit

PASSAGES = st.integers(1, 12)
DOCUMENTS = st.integers(0, 3)
# Few directions, so that many are equal.
VECTORS = st.tuples(st.integers(-2, 2), st.integers(-2, 2), st.sampled_from([1, 2]))
CHUNKS = st.lists(st.tuples(PASSAGES, st.integers(0, 2), VECTORS), min_size=1, max_size=8)

STORES = [
    ("fake", "sqlite"),
    ("embedded", "sqlite"),
    pytest.param(("embedded", "postgresql"), marks=pytest.mark.postgres),
    ("pgvector", "pgvector"),
    ("milvus", "sqlite"),
]
EXAMPLES = {"milvus": 3}


class VectorMachine(RuleBasedStateMachine):
    """One house for all walks, each in an index of its own."""

    walks = 0

    def __init__(self, runner: asyncio.Runner, house: VectorHouse) -> None:
        super().__init__()
        self.runner = runner
        self.house = house
        self.other = house.open()
        self.model: dict[tuple[int, int], np.ndarray] = {}

    @initialize()
    def begin(self) -> None:
        VectorMachine.walks += 1
        self.index = VectorIndex(100 + VectorMachine.walks, 3)
        self.run(self.house.create(self.index))

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    @staticmethod
    def document(passage: int) -> int:
        return passage % 4

    @rule(chunks=CHUNKS, is_kept=st.sampled_from([True, True, True, False]))
    def upsert(self, chunks: list[tuple[int, int, tuple[int, int, int]]], is_kept: bool) -> None:
        rows = [VectorRow(one, two, self.document(one), unit(*numbers)) for one, two, numbers in chunks]

        async def write() -> None:
            async with self.house.db.begin() as tx:
                await self.house.store.upsert(tx, self.index, rows)
                if not is_kept:
                    await tx.rollback()

        self.run(write())
        if is_kept:
            self.model |= {(row.passage, row.place): row.vector for row in rows}

    @rule(documents=st.lists(DOCUMENTS, max_size=2, unique=True))
    def delete(self, documents: list[int]) -> None:
        self.run(self.house.delete(documents, self.index))
        self.model = {key: one for key, one in self.model.items() if self.document(key[0]) not in documents}

    @rule()
    def drop(self) -> None:
        self.run(self.house.drop(self.index))
        self.model = {}
        assert self.found(self.house.store, VectorQuery(3), (1, 0, 1)) == []
        self.begin()

    @rule(
        vector=VECTORS,
        limit=st.integers(1, 8),
        only=st.none() | st.frozensets(DOCUMENTS, max_size=3),
        hidden=st.frozensets(DOCUMENTS, max_size=2),
        is_other=st.booleans(),
    )
    def search(
        self,
        vector: tuple[int, int, int],
        limit: int,
        only: frozenset[int] | None,
        hidden: frozenset[int],
        is_other: bool,
    ) -> None:
        query = VectorQuery(limit, only, hidden)
        found = self.found(self.other if is_other else self.house.store, query, vector)
        best: dict[int, float] = {}
        for (passage, _), one in self.model.items():
            document = self.document(passage)
            if document not in hidden and (only is None or document in only):
                best[passage] = max(best.get(passage, -1.0), float(one @ unit(*vector)))
        assert len(found) == min(limit, len(best))
        # What differs in the last digits may change places.
        assert [match.similarity for match in found] == pytest.approx(
            sorted(best.values(), reverse=True)[:limit], abs=1e-5
        )
        assert [best[match.passage] for match in found] == pytest.approx(
            [match.similarity for match in found], abs=1e-5
        )
        assert len({match.passage for match in found}) == len(found)

    def found(self, store: Any, query: VectorQuery, vector: tuple[int, int, int]) -> list[Any]:
        return self.run(self.house.search(unit(*vector), query, self.index, store))

    @invariant()
    def as_many_as_there_are(self) -> None:
        if self.model:
            assert self.run(self.house.count(self.index)) == len(self.model)


@pytest.mark.parametrize("store", STORES, ids=lambda store: "-".join(store))
def test_every_reader_finds_what_the_model_finds(request, store, sqlite_url, tmp_path):
    kind, database = store
    url = sqlite_url
    if database == "postgresql":
        url = emptied(request.getfixturevalue("postgres_url"))
    elif database == "pgvector":
        url = emptied(request.getfixturevalue("pgvector_url"))
    with asyncio.Runner() as runner:

        async def opened() -> VectorHouse:
            return VectorHouse(kind, url, tmp_path)

        house = runner.run(opened())
        run_state_machine_as_test(
            lambda: VectorMachine(runner, house),
            settings=settings(
                max_examples=EXAMPLES.get(kind, 15),
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        runner.run(house.close())
