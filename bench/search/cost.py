"""What one message more costs: in its transaction, and behind the scenes."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import NamedTuple

from bench.search.corpus import Corpus
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.search import Entry, Some, mark
from roundhouse.infra.search.indexer import Indexer
from roundhouse.infra.search.upkeep import tidy

SITE = "cost"
_MESSAGES = 1_200
_TOGETHER = 4


class Cost(NamedTuple):
    """CPU milliseconds of this process for a message.

    Attributes:
        marking: In the transaction of the message, without its commit.
        all: With indexing and upkeep.
    """

    marking: float
    all: float


class Given:
    """A source of messages that were made up."""

    kind = "message"

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    async def entries(self, tx: Tx, ref_ids: Sequence[str], *, lock: bool = False) -> list[Entry]:
        """All that are asked for."""
        return [
            Entry(one, "message", SITE, "u", None, "s", "user", (), self.texts[one], 0.0) for one in ref_ids
        ]

    async def parts(self, tx: Tx, ref_id: str, after: str, limit: int) -> Some | None:
        """None."""
        return None

    async def page(self, tx: Tx, after: str, limit: int) -> Some:
        """None."""
        return Some((), None)

    async def count(self, tx: Tx) -> int:
        """How many."""
        return len(self.texts)


def texts(corpus: Corpus) -> dict[str, list[str]]:
    """Messages of three kinds."""
    chance = random.Random(3)
    # As many words as people use.
    en, zh = corpus.words("en")[:10_000], corpus.words("zh")[:10_000]
    weights = [1 / (rank + 2.7) for rank in range(len(en))]

    def drawn(words: list[str], count: int, joint: str) -> list[str]:
        return [joint.join(chance.choices(words, weights, k=count)) for _ in range(_MESSAGES)]

    return {
        "English, 500 words": drawn(en, 500, " "),
        "English, 20 words": drawn(en, 20, " "),
        "Chinese, 200 characters": drawn(zh, 100, ""),
    }


async def cost(db: Database, name: str, messages: Sequence[str]) -> Cost:
    """Write messages, a few between two looks of the indexer, until all of it has become postings."""
    source = Given()
    indexer = Indexer(db, [source])
    begun = time.process_time()
    marking = 0.0
    for start in range(0, len(messages), _TOGETHER):
        for place, text in enumerate(messages[start : start + _TOGETHER], start):
            ref_id = f"{name} {place}"
            source.texts[ref_id] = text
            async with db.begin() as tx:
                before = time.process_time()
                await mark(tx, SITE, "message", [ref_id])
                marking += time.process_time() - before
        while await indexer.step():
            pass
        for space in indexer.untidy:
            while await tidy(db, space):
                pass
    for space in indexer.untidy:
        await tidy(db, space, fresh=0)
    taken = time.process_time() - begun
    return Cost(marking / len(messages) * 1_000, taken / len(messages) * 1_000)
