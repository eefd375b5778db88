"""A search over passages in memory: BM25 by words, cosine where vectors are given. For tests of answers alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from roundhouse.core.errors import NotFound
from roundhouse.core.language.detection import detect
from roundhouse.core.language.terms import normalise, text_keys, words
from roundhouse.core.types import Caller
from roundhouse.features.knowledge.answering.ports import Found, Passage, Wanted


def passage(text: str, number: int = 1, **told: Any) -> Passage:
    """A passage of a file of its own."""
    given: dict[str, Any] = {
        "number": number,
        "store_id": "vs_1",
        "file_id": f"file_{number}",
        "filename": f"text-{number}.txt",
        "page": None,
        "headings": (),
        "start": 0,
        "end": len(text),
        "text": text,
        "kind": "text",
        "language": detect(text),
        "score": 1.0,
    }
    return Passage(**(given | told))


class MemorySearch:
    """`Searching` over some passages.

    Args:
        stores: Passages by store.
        alpha: How much vectors count.

    Attributes:
        asked: What was looked for.
        vectors: Of chunks by passage number, and `query` by text; empty = none.
    """

    def __init__(self, stores: dict[str, Sequence[Passage]], alpha: float = 0.0) -> None:
        self._alpha = alpha
        self.stores = {
            name: [msgspec.structs.replace(one, store_id=name) for one in some]
            for name, some in stores.items()
        }
        self.asked: list[Wanted] = []
        self.vectors: dict[int, Any] = {}
        self.queries: dict[str, Any] = {}
        self.warnings: tuple[str, ...] = ()
        self._counts: dict[int, Counter[str]] = {}
        self._lengths: dict[int, int] = {}

    async def visible(self, caller: Caller, store_ids: Sequence[str]) -> Sequence[str]:
        return [one for one in store_ids if one in self.stores]

    async def search(self, caller: Caller, store_ids: Sequence[str], wanted: Wanted) -> Found:
        self.asked.append(wanted)
        if any(one not in self.stores for one in store_ids):
            raise NotFound("No such vector store.", param="vector_store_id")
        passages = [one for store in store_ids for one in self.stores[store]]
        if wanted.file_ids is not None:
            passages = [one for one in passages if one.file_id in wanted.file_ids]
        lexical = self._lexical(passages, wanted.query)
        query = self.queries.get(wanted.query)
        near = {
            one.number: max(float(vector @ query) for vector in self.vectors[one.number])
            for one in passages
            if query is not None and one.number in self.vectors
        }
        lows, highs = min(near.values(), default=0.0), max(near.values(), default=0.0)
        best = max(lexical.values(), default=0.0)
        found = []
        for one in passages:
            lex = lexical.get(one.number, 0.0) / best if best else 0.0
            dense = (near.get(one.number, lows) - lows) / ((highs - lows) or 1.0)
            score = (1 - self._alpha) * lex + self._alpha * dense
            if score > 0:
                similarity = near.get(one.number)
                found.append(
                    msgspec.structs.replace(
                        one, score=score, similarity=similarity, lexical=lex or None, alpha=self._alpha
                    )
                )
        found.sort(key=lambda one: (-one.score, one.number))
        return Found(found[: wanted.limit], self.warnings)

    def _lexical(self, passages: Sequence[Passage], query: str) -> dict[int, float]:
        for one in passages:
            if one.number not in self._counts:
                keys = (key for word in words(normalise(one.text)) for key in text_keys(word))
                self._counts[one.number] = Counter(keys)
                self._lengths[one.number] = self._counts[one.number].total()
        asked = {text_keys(word)[-1] for word in words(normalise(query))}
        mean = sum(self._lengths[one.number] for one in passages) / max(len(passages), 1)
        holding = {key: sum(key in self._counts[one.number] for one in passages) for key in asked}
        scores: dict[int, float] = {}
        for one in passages:
            counts = self._counts[one.number]
            score = 0.0
            for key in asked:
                often = counts.get(key, 0)
                rare = math.log(1 + (len(passages) - holding[key] + 0.5) / (holding[key] + 0.5))
                score += (
                    rare
                    * often
                    * 2.2
                    / (often + 1.2 * (0.25 + 0.75 * self._lengths[one.number] / (mean or 1)))
                )
            if score:
                scores[one.number] = score
        return scores
