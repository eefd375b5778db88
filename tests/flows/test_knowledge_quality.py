"""How well the whole product finds and answers, over HTTP, with its built-in models and every kind of vectors.

Each paragraph of a set is a file. Right is the paragraph a question was written for.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from conftest import emptied
from executing import ended, executing
from question_sets import NEEDS_SETS, Asked, read_set, some
from roundhouse.features.knowledge.evaluating.metrics import Quality, quality
from serving import House

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600), NEEDS_SETS]

ENGLISH, VIETNAMESE, CHINESE = "xquad.en.json", "xquad.vi.json", "cmrc2018_dev.json"
MODES = ("hybrid", "dense", "lexical")
_AT_ONCE = 4
_BATCH = 500
_ANSWERS = 300

One = TypeVar("One")
Made = TypeVar("Made")


async def all_of(things: Iterable[One], each: Callable[[One], Awaitable[Made]]) -> list[Made]:
    """What each became, in order; some at a time."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(thing: One) -> Made:
        async with turns:
            return await each(thing)

    return await asyncio.gather(*(one(thing) for thing in things))


class Library:
    """One store of paragraphs in a running house.

    Attributes:
        paragraphs: Of each file, by its id.
    """

    def __init__(self, house: House, store_id: str) -> None:
        self.house, self.store_id = house, store_id
        self.paragraphs: dict[str, str] = {}

    async def _post(self, path: str, body: Any) -> Any:
        answer = await self.house.post(path, body)
        assert answer.status == 200, answer.body
        return answer.json()

    async def take(self, texts: Sequence[str]) -> None:
        """Upload each as a file; return when all are found and the store was measured."""
        ids = await all_of(enumerate(texts), self._upload)
        self.paragraphs |= dict(zip(ids, texts, strict=True))
        path = f"/v1/vector_stores/{self.store_id}/file_batches"
        for start in range(0, len(ids), _BATCH):
            batch = await self._post(path, {"file_ids": ids[start : start + _BATCH]})
            while batch["status"] == "in_progress":
                await asyncio.sleep(0.2)
                batch = (await self.house.get(f"{path}/{batch['id']}")).json()
            assert batch["file_counts"]["completed"] == batch["file_counts"]["total"], batch
        for job in (await self.house.get("/v1/jobs?kind=index.calibrate")).json()["data"]:
            await ended(self.house, job["id"], within_s=1200)

    async def _upload(self, numbered: tuple[int, str]) -> str:
        number, text = numbered
        edge = "quality-edge"
        body = (
            f'--{edge}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n--{edge}\r\n'
            f'Content-Disposition: form-data; name="file"; filename="{number}.txt"\r\n\r\n{text}\r\n--{edge}--\r\n'
        )
        headers = {"Content-Type": f"multipart/form-data; boundary={edge}"}
        answer = await self.house.post("/v1/files", data=body.encode(), headers=headers)
        assert answer.status == 200, answer.body
        return str(answer.json()["id"])

    async def quality(self, questions: Sequence[Asked], mode: str) -> Quality:
        """Ranks of the right paragraphs among the files that are found."""

        async def rank(one: Asked) -> int | None:
            body = {
                "query": one.text,
                "max_num_results": 10,
                "mode": mode,
                "ranking_options": {"ranker": "none"},
            }
            found = (await self._post(f"/v1/vector_stores/{self.store_id}/search", body))["data"]
            files = list(dict.fromkeys(result["file_id"] for result in found))
            places = [place for place, file in enumerate(files, 1) if self.paragraphs[file] == one.paragraph]
            return places[0] if places else None

        return quality(await all_of(questions, rank))

    async def answers(self, questions: Sequence[Asked]) -> tuple[float, float]:
        """Shares of questions that are refused, and whose quotes hold what answers them."""

        async def ask(one: Asked) -> tuple[bool, bool]:
            body = {"question": one.text, "model": "extractive"}
            told = await self._post(f"/v1/vector_stores/{self.store_id}/ask", body)
            quotes = "\n".join(quote["text"] for cited in told["citations"] for quote in cited["quotes"])
            return not told["found"], any(answer in quotes for answer in one.answers)

        found = await all_of(questions, ask)
        return sum(refused for refused, _ in found) / len(found), sum(gold for _, gold in found) / len(found)

    async def weights(self) -> str:
        """What was measured of the version that is searched."""
        versions = (await self.house.get(f"/v1/vector_stores/{self.store_id}/index_versions")).json()["data"]
        (active,) = [one for one in versions if one["state"] == "active"]
        measured = active["calibration"]
        assert measured is not None
        numbers = {name: round(measured[name], 3) for name in ("alpha", "dense", "lexical")}
        return f"{active['vectors']}, {measured['passages']} passages, {numbers}"


@pytest.fixture(params=["embedded", "pgvector", "milvus"])
async def library(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Library]:
    """An empty store whose vectors are of that kind."""
    knowledge = {"vectors": request.param, "milvus_url": str(tmp_path / "milvus.db")}
    settings: dict[str, Any] = {"knowledge": knowledge}
    if request.param == "pgvector":
        settings["db"] = {"url": emptied(request.getfixturevalue("pgvector_url"))}
    async with House(tmp_path / "data", **settings) as house, executing(house):
        made = await house.post("/v1/vector_stores", {"name": "set"})
        assert made.status == 200, made.body
        yield Library(house, made.json()["id"])


Tell = Callable[[str], None]


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Writes a line past pytest."""

    def write(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"{line}\n")

    return write


async def found_well(
    library: Library, questions: Sequence[Asked], least: float, tell: Tell, name: str
) -> None:
    """Assert the share of questions whose paragraph is among the first five, also beside each arm alone."""
    measured = {mode: await library.quality(questions, mode) for mode in MODES}
    tell(f"\n{name}: {len(questions)} questions; {await library.weights()}")
    for mode, one in measured.items():
        recalls = f"{one.recall_at_1:.3f} / {one.recall_at_5:.3f} / {one.recall_at_10:.3f}"
        tell(f"  {mode:8} {recalls} mrr {one.mrr_at_10:.3f}")
    assert measured["hybrid"].recall_at_5 >= least
    better = max(measured["dense"].recall_at_5, measured["lexical"].recall_at_5)
    assert measured["hybrid"].recall_at_5 >= better - 0.01


async def test_english_is_found_answered_and_refused(library: Library, tell: Tell) -> None:
    paragraphs, questions = read_set(ENGLISH)
    await library.take(paragraphs)
    await found_well(library, questions, 0.98, tell, "en")
    refused, gold = await library.answers(some(ENGLISH, _ANSWERS))
    tell(f"  answers: refused {refused:.3f}, gold in the quotes {gold:.3f}")
    foreign = {name: (await library.answers(some(name, _ANSWERS)))[0] for name in (CHINESE, VIETNAMESE)}
    tell(f"  questions in other languages, refused: {foreign}")
    assert (refused <= 0.1, gold >= 0.6) == (True, True)
    assert min(foreign.values()) >= 0.9


async def test_vietnamese_is_found_with_diacritics_and_without(library: Library, tell: Tell) -> None:
    paragraphs, questions = read_set(VIETNAMESE)
    await library.take(paragraphs)
    await found_well(library, questions, 0.97, tell, "vi")
    await found_well(library, [one.bare() for one in questions], 0.95, tell, "vi without diacritics")


async def test_chinese_is_found(library: Library, tell: Tell) -> None:
    paragraphs, questions = read_set(CHINESE)
    await library.take(paragraphs)
    await found_well(library, questions, 0.98, tell, "zh")


@pytest.mark.parametrize("library", ["embedded"], indirect=True)
async def test_two_languages_in_one_store(library: Library, tell: Tell) -> None:
    english, asked_english = read_set(ENGLISH)
    vietnamese, asked_vietnamese = read_set(VIETNAMESE)
    await library.take([*english, *vietnamese])
    await found_well(library, asked_english, 0.98, tell, "en of en and vi")
    await found_well(library, asked_vietnamese, 0.97, tell, "vi of en and vi")
    bare = [one.bare() for one in asked_vietnamese]
    await found_well(library, bare, 0.95, tell, "vi of en and vi, without diacritics")
