"""How well the built-in parts find paragraphs on public sets of questions; needs the sets, which are not ours.

Each paragraph is a file. Right is the paragraph a question was written for.
"""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.knowledge.house import ANN, KnowledgeHouse
from features.knowledge.seeking import SeekingHouse
from features.knowledge.vectors_in_memory import FakeHomes, FakeModel, MemoryVectors
from roundhouse.backends.embedding.minilm import MiniLM
from roundhouse.core.settings import DbSettings
from roundhouse.core.vectors import Match
from roundhouse.features.knowledge.chunking.languages import language_of
from roundhouse.features.knowledge.evaluating.calibration import read_calibration
from roundhouse.features.knowledge.evaluating.metrics import Quality, quality
from roundhouse.features.knowledge.indexing.building import Building, Target
from roundhouse.features.knowledge.indexing.calibrating import Calibrating
from roundhouse.features.knowledge.indexing.measuring import Measuring
from roundhouse.features.knowledge.indexing.preparing import StoredPassages
from roundhouse.features.knowledge.indexing.source import PASSAGE, PassageIndex
from roundhouse.features.knowledge.searching.shapes import SearchAsk
from roundhouse.infra.db import Database

_FOLDER = os.environ.get("ROUNDHOUSE_RETRIEVAL_DATA", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not Path(_FOLDER, "xquad.en.json").is_file(), reason="ROUNDHOUSE_RETRIEVAL_DATA names no sets"
    ),
]

_QUESTIONS = int(os.environ.get("ROUNDHOUSE_RETRIEVAL_QUESTIONS", "100000"))


class RealMiniLM:
    """The built-in model, asked as the desk of embeddings asks it; texts are embedded once."""

    def __init__(self) -> None:
        self.model = FakeModel("builtin/minilm", 384, False, "minilm")
        self._minilm = MiniLM()
        self._known: dict[str, Any] = {}

    async def describe(self, caller: Any, model: str = "") -> FakeModel:
        return self.model

    async def embed(
        self, caller: Any, model: str, inputs: Sequence[str], role: str, *, fingerprint: str | None = None
    ) -> Any:
        await self._minilm.load()
        new = [one for one in dict.fromkeys(inputs) if one not in self._known]
        for start in range(0, len(new), 128):
            some = new[start : start + 128]
            vectors, _tokens = await self._minilm.vectors(some)
            self._known |= dict(zip(some, vectors, strict=True))
        return np.array([self._known[one] for one in inputs], np.float32)


class Matrix(MemoryVectors):
    """All vectors of an index in one matrix."""

    def __init__(self) -> None:
        super().__init__()
        self._packed: dict[int, tuple[int, Any, Any]] = {}

    async def search(self, tx: Any, index: Any, vector: Any, query: Any) -> list[Match]:
        assert query.only is None and not query.hidden
        rows = self.rows[index.number]
        if self._packed.get(index.number, (0,))[0] != len(rows):
            ordered = [rows[key] for key in sorted(rows)]
            owners = np.array([row.passage for row in ordered])
            self._packed[index.number] = len(rows), owners, np.stack([row.vector for row in ordered])
        _count, owners, matrix = self._packed[index.number]
        numbers, starts = np.unique(owners, return_index=True)
        best = np.maximum.reduceat(matrix @ vector, starts)
        order = np.lexsort((numbers, -best))[: query.limit]
        return [Match(int(numbers[one]), float(best[one])) for one in order]


class MatrixHomes(FakeHomes):
    def __init__(self) -> None:
        super().__init__()
        self.vectors = Matrix()


class Asked(SeekingHouse):
    """A store of paragraphs, and questions about them."""

    def __init__(self, knowledge: KnowledgeHouse) -> None:
        super().__init__(knowledge)
        self.preparing = StoredPassages()

    async def fill(self, paragraphs: Sequence[str]) -> tuple[str, dict[str, str]]:
        """The store, and the paragraph of each file."""
        knowledge = self.knowledge
        store_id = (await knowledge.make_store(name="set")).id
        files: dict[str, str] = {}
        for place, text in enumerate(paragraphs):
            document = await knowledge.write_document(
                store_id, f"{place}.txt", [text], language=language_of(text), embedded=False
            )
            files[document.file_id] = text
            async with knowledge.db.begin() as tx:
                await PassageIndex(self.indexer).published(tx, ANN.site_id, store_id, [document.number])
        store, version = await knowledge.store(store_id), await knowledge.active_index(store_id)
        building = Building(knowledge.db, knowledge.homes, knowledge.embedding, self.preparing)
        await building.fill(Target(store, version, None), lambda _done, _total: None)
        while await self.indexer.catch_up(ANN.site_id, PASSAGE) != "ready":
            pass
        measuring = Measuring(knowledge.db, knowledge.embedding, self.preparing, knowledge.clock)
        await Calibrating(knowledge.db, measuring).calibrate(store_id)
        return store_id, files

    async def ask(
        self, store_id: str, files: dict[str, str], questions: Sequence[tuple[str, str]], mode: Any
    ) -> Quality:
        ranks: list[int | None] = []
        for question, right in questions:
            found = await self.service.search(
                ANN, [store_id], SearchAsk(queries=(question,), limit=10, mode=mode, rerank="none")
            )
            places = [place for place, one in enumerate(found.passages, 1) if files[one.file_id] == right]
            ranks.append(places[0] if places else None)
        return quality(ranks)


def read_set(name: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Paragraphs, and questions each with its paragraph."""
    articles = json.loads(Path(_FOLDER, name).read_text())["data"]
    paragraphs = [one for article in articles for one in article["paragraphs"]]
    questions = [(asked["question"], one["context"]) for one in paragraphs for asked in one["qas"]]
    step = max(1, len(questions) // _QUESTIONS)
    return [one["context"] for one in paragraphs], questions[::step]


def bare(text: str) -> str:
    """Without diacritics."""
    apart = unicodedata.normalize("NFKD", text.casefold().replace("\u0111", "d"))
    return "".join(char for char in apart if not unicodedata.combining(char))


async def _check(
    house: Asked, store_id: str, files: dict[str, str], questions: Sequence[tuple[str, str]], least: float
) -> None:
    found = {
        mode: await house.ask(store_id, files, questions, mode) for mode in ("hybrid", "dense", "lexical")
    }
    version = await house.knowledge.active_index(store_id)
    calibration = read_calibration(version.calibration)
    assert calibration is not None
    lines = [f"alpha {calibration.alpha:.3f} d {calibration.dense:.3f} l {calibration.lexical:.3f}"]
    lines += [
        f"{mode:8} {one.recall_at_1:.3f} / {one.recall_at_5:.3f} / {one.recall_at_10:.3f} mrr {one.mrr_at_10:.3f}"
        for mode, one in found.items()
    ]
    # Shown with -s.
    sys.stdout.write("\n".join(["", *lines, ""]))
    assert found["hybrid"].recall_at_5 >= least
    better = max(found["dense"].recall_at_5, found["lexical"].recall_at_5)
    assert found["hybrid"].recall_at_5 >= better - 0.01


@pytest.fixture
async def house(sqlite_url, tmp_path, turned_clock):
    db = Database(DbSettings(), sqlite_url)
    knowledge = KnowledgeHouse(db, tmp_path, turned_clock, embedding=RealMiniLM(), homes=MatrixHomes())
    yield Asked(knowledge)
    await knowledge.close()
    await db.close()


async def test_english(house: Asked) -> None:
    paragraphs, questions = read_set("xquad.en.json")
    store_id, files = await house.fill(paragraphs)
    await _check(house, store_id, files, questions, 0.98)


async def test_vietnamese_with_diacritics_and_without(house: Asked) -> None:
    paragraphs, questions = read_set("xquad.vi.json")
    store_id, files = await house.fill(paragraphs)
    await _check(house, store_id, files, questions, 0.97)
    await _check(house, store_id, files, [(bare(asked), right) for asked, right in questions], 0.95)


async def test_chinese(house: Asked) -> None:
    paragraphs, questions = read_set("cmrc2018_dev.json")
    store_id, files = await house.fill(paragraphs)
    await _check(house, store_id, files, questions, 0.98)


async def test_english_and_vietnamese_in_one_store(house: Asked) -> None:
    english, asked_english = read_set("xquad.en.json")
    vietnamese, asked_vietnamese = read_set("xquad.vi.json")
    store_id, files = await house.fill([*english, *vietnamese])
    await _check(house, store_id, files, asked_english, 0.98)
    await _check(house, store_id, files, asked_vietnamese, 0.97)
    await _check(house, store_id, files, [(bare(one), right) for one, right in asked_vietnamese], 0.95)
