"""Measuring an index version on questions made of the store's own passages, all in memory."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from roundhouse.core.ports import Clock
from roundhouse.features.knowledge.embedding.model import Input, Role
from roundhouse.features.knowledge.evaluating.calibration import Calibration
from roundhouse.features.knowledge.evaluating.cloze import SEED, Cloze, Source, make_questions
from roundhouse.features.knowledge.evaluating.metrics import Quality
from roundhouse.features.knowledge.evaluating.trials import (
    Trial,
    ask_vectors,
    ask_words,
    qualities,
    trials_of,
    weights,
)
from roundhouse.features.knowledge.fusion import Found
from roundhouse.features.knowledge.indexing import passages as stored
from roundhouse.features.knowledge.indexing.ports import Embedder, Preparing
from roundhouse.features.knowledge.stores.model import IndexVersion, Passage, Store
from roundhouse.infra.db import Database
from roundhouse.infra.search.analyser import VERSION as ANALYSER

if TYPE_CHECKING:
    from roundhouse.features.knowledge.embedding.model import Vectors

MOST_PASSAGES = 1_000
"""A sample of so many passages is measured on."""


class Sample(NamedTuple):
    """Passages of a store, and the questions that are made of them.

    Attributes:
        passages: In the order of their numbers.
        questions: Of some of them.
        store_passages: How many the store has in all.
        lexical: What words found.
    """

    passages: list[Passage]
    questions: list[Cloze]
    store_passages: int
    lexical: list[list[Found]]

    @property
    def languages(self) -> dict[int, str]:
        """Of the passages, by place."""
        return {place: one.language for place, one in enumerate(self.passages)}


class Measurement(NamedTuple):
    """What was measured of a version.

    Attributes:
        calibration: What it is weighed by from now on.
        trials: All questions with what was found.
    """

    calibration: Calibration
    trials: list[Trial]


class Measuring:
    """Measures.

    Args:
        db: The database.
        embedder: Gives vectors; of most chunks it has them already.
        preparing: Knows the chunks.
        clock: Time.
    """

    def __init__(self, db: Database, embedder: Embedder, preparing: Preparing, clock: Clock) -> None:
        self._db = db
        self._embedder = embedder
        self._preparing = preparing
        self._clock = clock

    async def sample(
        self, store: Store, most_passages: int = MOST_PASSAGES, most_questions: int = 120
    ) -> Sample:
        """Passages and questions of a store, the same ones as long as its passages are the same."""
        async with self._db.read() as tx:
            numbers = await stored.numbers_with_words(tx, store.id)
            total = len(numbers)
            if total > most_passages:
                # Nothing secret: the same ones each time.
                numbers = sorted(random.Random(SEED).sample(numbers, most_passages))  # noqa: S311 - nothing secret: the same sample each time
            passages = await stored.numbered(tx, numbers)
        sources = [Source(one.number, one.text, one.language) for one in passages]
        questions = make_questions(sources, most_questions)
        headings = [_headed(one) for one in passages]
        read = [one._replace(text=head + one.text) for one, head in zip(sources, headings, strict=True)]
        asked = [one._replace(text=headings[one.place] + one.text) for one in questions]
        return Sample(passages, questions, total, await ask_words(read, asked))

    async def measure(self, store: Store, version: IndexVersion, sample: Sample) -> Measurement:
        """How well a version's model finds passages of a sample, and what it should count.

        Raises:
            EmbeddingChanged: Another model stands behind the name by now.
            RoundhouseError: And whatever asking the model raises.
        """

        async def embed(texts: Sequence[str], role: Role) -> Vectors:
            given: list[Input] = list(texts)
            return await self._embedder.embed(
                store.owner, version.model, given, role, fingerprint=version.fingerprint
            )

        def cut(place: int, text: str) -> list[str]:
            passage = msgspec.structs.replace(sample.passages[place], text=text)
            return [piece for _chunk, piece in self._preparing.chunks(passage)]

        sources = [Source(one.number, one.text, one.language) for one in sample.passages]
        dense = await ask_vectors(sources, sample.questions, cut, embed)
        trials = trials_of(sample.questions, dense, sample.lexical)
        overall, languages = weights(trials, len(sample.passages))
        calibration = Calibration(
            alpha=overall.alpha,
            dense=overall.dense,
            lexical=overall.lexical,
            questions=overall.questions,
            passages=len(sample.passages),
            store_passages=sample.store_passages,
            model=version.model,
            fingerprint=version.fingerprint,
            analyser=ANALYSER,
            at_s=self._clock.now_s(),
            languages=languages,
        )
        recall = {
            name: one.recall_at_10 for name, one in qualities(trials, calibration, sample.languages).items()
        }
        return Measurement(msgspec.structs.replace(calibration, recall_at_10=recall), trials)

    def qualities(
        self, sample: Sample, found: Measurement, language: str | None = None
    ) -> dict[str, Quality]:
        """How well each side answers, and both together; of one language, or of all."""
        trials = [one for one in found.trials if language is None or one.language == language]
        return qualities(trials, found.calibration, sample.languages)


def _headed(passage: Passage) -> str:
    return "".join(f"{heading}\n" for heading in passage.headings)
