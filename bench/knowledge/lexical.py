"""Whole questions on one shelf of passages: how fast, how much work, and how near to plain OR.

`python -m bench.knowledge.lexical` from the root of the repository; see README.md there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from bench.search.plain_or import plain_or
from bench.search.run import databases, percentiles
from roundhouse.cli.starting import settle
from roundhouse.core.types import Caller
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.search import Entry, Query, Some, mark, search, store
from roundhouse.infra.search.indexer import Indexer
from roundhouse.infra.search.parsing import parse
from roundhouse.infra.search.rows import search_postings

_SITE, _KIND, _SHELF = "bench", "passage", "vs_bench"
_PARTS = 40
_LIMIT = 50
_VOCABULARY = 60_000
_TOPICS = 2_000
_COMMON = 150
_VI_HEADS = "c đ l m ng th v kh b h n t tr nh ch ph gi qu s r x g"
_VI_TAILS = "a à ê ơi anh ông ươi ước á ai ăn an ang iên ình ó ô ơ ừ ữ ua uyên ập ất ộc ỏ uổi"
_SYLLABLES = {
    "en": "ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi ze ch sh th er in an or st al en ing ed ly",
    "vi": " ".join(head + tail for tail in _VI_TAILS.split() for head in _VI_HEADS.split()),
}
Question = str


class Corpus:
    """Passages and questions of three languages, the same for the same arguments.

    A third of each language's words come by 1 / rank from all its words, the others from few words of a topic; a
    question has some rarer words of a passage and as many common ones.

    Args:
        passages: How many.
    """

    def __init__(self, passages: int) -> None:
        self._chance = random.Random(5)
        self._numbers = np.random.default_rng(5)
        self._words = {language: self._vocabulary(language) for language in ("en", "vi", "zh")}
        weights = 1 / (np.arange(_VOCABULARY) + 2.7)
        self._bounds = np.cumsum(weights / weights.sum())
        self._topics = self._numbers.integers(_COMMON, _VOCABULARY, (_TOPICS, 200))
        self._drawn = [self._passage(number) for number in range(passages)]
        self.texts = [self._text(language, words) for language, words in self._drawn]

    def questions(self, count: int) -> list[Question]:
        """Whole questions: four to eight words of a passage, with four to eight common ones between them."""
        found = []
        for place in self._numbers.integers(0, len(self._drawn), count).tolist():
            language, words = self._drawn[place]
            rarer = [word for word in words if word >= _COMMON] or words
            chosen = self._chance.choices(rarer, k=self._chance.randint(4, 8))
            chosen += self._chance.choices(range(_COMMON), k=self._chance.randint(4, 8))
            self._chance.shuffle(chosen)
            found.append(self._text(language, chosen) + "?")
        return found

    def _vocabulary(self, language: str) -> list[str]:
        if language == "zh":
            # Few characters are in most words, as in real texts.
            syllables = [chr(0x4E00 + place) for place in range(4_000)]
            drawn = (len(syllables) * self._numbers.random((4 * _VOCABULARY, 2)) ** 2).astype(int)
        else:
            syllables = _SYLLABLES[language].split()
            width = 4 if language == "en" else 3
            drawn = (len(syllables) * self._numbers.random((4 * _VOCABULARY, width)) ** 2).astype(int)
        sizes = self._numbers.integers(1, drawn.shape[1] + 1, len(drawn)).tolist()
        joint = " " if language == "vi" else ""
        rows = zip(drawn.tolist(), sizes, strict=True)
        words = dict.fromkeys(joint.join([syllables[one] for one in row[:size]]) for row, size in rows)
        return list(words)[:_VOCABULARY]

    def _passage(self, number: int) -> tuple[str, list[int]]:
        language = ("en", "vi", "zh")[number % 3]
        size = int(np.clip(self._numbers.lognormal(4.3, 0.4), 20, 250))
        common = np.searchsorted(self._bounds, self._numbers.random(size))
        # A topic is what the passages of a document are about.
        topic = self._topics[number // _PARTS % _TOPICS]
        own = topic[np.minimum(self._numbers.geometric(0.02, size), 200) - 1]
        words = np.where(self._numbers.random(size) < 0.7, common, own)
        return language, np.minimum(words, _VOCABULARY - 1).tolist()

    def _text(self, language: str, words: Sequence[int]) -> str:
        joint = "" if language == "zh" else " "
        return joint.join([self._words[language][word] for word in words])


def resampled(folder: Path, passages: int, questions: int) -> tuple[list[str], list[Question]]:
    """Passages of sentences that are drawn from paragraphs of SQuAD's format, and questions of them.

    Args:
        folder: Its files end in `.json`.
        passages: How many.
        questions: At most so many.
    """
    chance = random.Random(5)
    files: list[list[str]] = []
    asked: list[str] = []
    for path in sorted(folder.glob("*.json")):
        articles = json.loads(path.read_text(encoding="utf-8"))["data"]
        paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
        cut = [re.split(r"(?<=[.!?])\s+|(?<=。)", paragraph["context"]) for paragraph in paragraphs]
        files.append([one for sentences in cut for one in sentences if one.strip()])
        asked += [one["question"] for paragraph in paragraphs for one in paragraph["qas"]]
    texts = [" ".join(chance.sample(files[place % len(files)], k=4)) for place in range(passages)]
    return texts, chance.sample(asked, k=min(questions, len(asked)))


class Passages:
    """All passages as a source of the index.

    Args:
        texts: In order.
    """

    kind = _KIND

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    def ref_ids(self) -> list[str]:
        """In the order of the passages."""
        return [f"psg_{place:08}" for place in range(len(self._texts))]

    async def entries(self, tx: Tx, ref_ids: Sequence[str], *, lock: bool = False) -> list[Entry]:
        """What there is of them."""
        return [self._entry(int(ref_id[4:])) for ref_id in ref_ids]

    async def parts(self, tx: Tx, ref_id: str, after: str, limit: int) -> Some | None:
        """Nothing is marked as a whole here."""
        return None

    async def page(self, tx: Tx, after: str, limit: int) -> Some:
        """The index is not made anew here."""
        return Some([], None)

    async def count(self, tx: Tx) -> int:
        """How many there are."""
        return len(self._texts)

    def _entry(self, place: int) -> Entry:
        ref_id, document = f"psg_{place:08}", f"doc_{place // _PARTS}"
        text = self._texts[place]
        return Entry(
            ref_id, _KIND, _SITE, None, None, document, None, (), text, float(place // _PARTS), _SHELF
        )


class Counted:
    """Statements that a database is told.

    Args:
        db: The database.
    """

    def __init__(self, db: Database) -> None:
        self._engine = db._engine.sync_engine
        self.statements = 0

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count within the block."""
        sa.event.listen(self._engine, "before_cursor_execute", self._count)
        try:
            yield
        finally:
            sa.event.remove(self._engine, "before_cursor_execute", self._count)

    def _count(self, *_given: Any) -> None:
        self.statements += 1


async def build(db: Database, texts: Sequence[str]) -> str:
    """Index all as the product does; how long it took."""
    source = Passages(texts)
    indexer = Indexer(db, [source])
    async with db.begin() as tx:
        await mark(tx, _SITE, _KIND, source.ref_ids())
    begun, begun_cpu = time.perf_counter(), time.process_time()
    await indexer.catch_up_all(_SITE, lambda _share, _said: None)
    taken, cpu = time.perf_counter() - begun, time.process_time() - begun_cpu
    return f"indexed {len(texts) / taken:8,.0f} passages/s; CPU {cpu / len(texts) * 1000:.2f} ms a passage"


async def ask(db: Database, question: Question) -> list[str]:
    """Our search."""
    query = Query(question, _KIND, limit=_LIMIT, shelf=_SHELF, match="any", snippets=False)
    async with db.read() as tx:
        return [hit.ref_id for hit in (await search(tx, Caller("bench", site_id=_SITE), query)).hits]


async def rows_under(db: Database, questions: Sequence[Question]) -> float:
    """Rows of postings under the words of a question, on an average."""
    total = 0
    columns = search_postings.c
    async with db.read() as tx:
        space = await store.find_space(tx, _SITE, _KIND, _SHELF)
        for question in questions:
            terms = sorted(parse(question, quotes=False).terms)
            rows = sa.select(sa.func.count()).where(columns.space == space, columns.term.in_(terms))
            total += (await tx.execute(rows)).scalar_one()
    return total / len(questions)


async def recalls(db: Database, questions: Sequence[Question]) -> tuple[float, float]:
    """How much of the first 10 and 50 of plain OR is found."""
    shares: dict[int, list[float]] = {10: [], _LIMIT: []}
    for question in questions:
        async with db.read() as tx:
            truth = await plain_or(tx, _SITE, _KIND, question, _LIMIT, shelf=_SHELF)
        found = await ask(db, question)
        for most, of_all in shares.items():
            if truth:
                of_all.append(len(set(found[:most]) & set(truth[:most])) / len(truth[:most]))
    ten, fifty = (sum(of_all) / max(1, len(of_all)) for of_all in shares.values())
    return ten, fifty


async def show(name: str, db: Database, texts: Sequence[str], questions: Sequence[Question]) -> None:
    """Print what one database does."""
    print(f"{name}: {await build(db, texts)}", flush=True)
    # As a process of the product does behind its start.
    settle()
    counted = Counted(db)
    for question in questions[:20]:
        await ask(db, question)
    taken: list[float] = []
    cpu: list[float] = []
    with counted.counting():
        for question in questions:
            begun, begun_cpu = time.perf_counter(), time.process_time()
            await ask(db, question)
            cpu.append((time.process_time() - begun_cpu) * 1000)
            taken.append((time.perf_counter() - begun) * 1000)
    p50, p95 = percentiles(taken)
    cpu50, cpu95 = percentiles(cpu)
    print(f"  a question: p50 {p50:.1f} ms, p95 {p95:.1f} ms; CPU p50 {cpu50:.1f} ms, p95 {cpu95:.1f} ms")
    rows = await rows_under(db, questions)
    print(f"  {counted.statements / len(questions):.1f} statements, {rows:.0f} rows under its words")
    ten, fifty = await recalls(db, questions[:100])
    print(f"  of plain OR: recall@10 {ten:.4f}, recall@50 {fifty:.4f}", flush=True)


async def run(arguments: argparse.Namespace) -> None:
    """All databases, one after the other."""
    if arguments.data:
        texts, questions = resampled(Path(arguments.data), arguments.passages, arguments.questions)
    else:
        corpus = Corpus(arguments.passages)
        texts, questions = corpus.texts, corpus.questions(arguments.questions)
    words = sum(len(parse(question, quotes=False).words) for question in questions) / len(questions)
    print(f"{len(texts):,} passages, {len(questions)} questions of {words:.1f} words", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-lexical-") as folder:
        async with databases(Path(folder), arguments.databases) as opened:
            for name, db in opened.items():
                await show(name, db, texts, questions)


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m bench.knowledge.lexical", description=__doc__)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--data", help="a folder of files in SQuAD's format, resampled instead of made up")
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    asyncio.run(run(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
