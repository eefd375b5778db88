"""Asking cloze questions of both sides, and what follows from what they found."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from roundhouse.features.knowledge.evaluating.calibration import (
    FEWEST_OF_LANGUAGE,
    Calibration,
    Measured,
    measured,
    weight_for,
)
from roundhouse.features.knowledge.evaluating.cloze import Cloze, Source
from roundhouse.features.knowledge.evaluating.metrics import Quality, Rank, mrr, quality
from roundhouse.features.knowledge.fusion import Found, fuse, ranks

if TYPE_CHECKING:
    from roundhouse.features.knowledge.embedding.model import Role, Vectors

WORDS_TELL = 10
"""So many of the first passages that the words find say in which language a question is."""


class Embed(Protocol):
    """Vectors of texts by one model."""

    def __call__(self, texts: Sequence[str], role: Role) -> Awaitable[Vectors]:
        """Float32 [texts, dimensions], of length 1."""
        ...


Cut = Callable[[int, str], Sequence[str]]
"""What is embedded of a passage whose text is another one: its place and its text -> texts of its chunks."""


class Trial(NamedTuple):
    """A question, and what each side found, by places of passages.

    Attributes:
        language: Of the passage.
        right: Its place.
        dense: Found by vectors.
        lexical: Found by words.
    """

    language: str
    right: int
    dense: list[Found]
    lexical: list[Found]


async def ask_words(passages: Sequence[Source], questions: Sequence[Cloze]) -> list[list[Found]]:
    """What words find of passages from which the sentences of the questions were taken out."""

    def ask() -> list[list[Found]]:
        # Not at the top: it needs numpy, without which the product starts.
        from roundhouse.features.knowledge.evaluating.arms import WordArm

        arm = WordArm(_texts(passages, questions))
        return [arm.best(question.query) for question in questions]

    return await asyncio.to_thread(ask)


async def ask_vectors(
    passages: Sequence[Source], questions: Sequence[Cloze], cut: Cut, embed: Embed
) -> list[list[Found]]:
    """What vectors find of the same."""
    owners: list[int] = []
    pieces: list[str] = []
    for place, text in enumerate(_texts(passages, questions)):
        of_passage = [piece for piece in cut(place, text) if piece.strip()]
        owners += [place] * len(of_passage)
        pieces += of_passage
    if not pieces or not questions:
        return [[] for _ in questions]
    vectors = await embed(pieces, "passage")
    asked = await embed([question.query for question in questions], "query")

    def ask() -> list[list[Found]]:
        from roundhouse.features.knowledge.evaluating.arms import VectorArm

        arm = VectorArm(owners, vectors)
        return [arm.best(asked[place]) for place in range(len(questions))]

    return await asyncio.to_thread(ask)


def trials_of(
    questions: Sequence[Cloze], dense: Sequence[list[Found]], lexical: Sequence[list[Found]]
) -> list[Trial]:
    """Both put together."""
    return [
        Trial(question.language, question.place, near, said)
        for question, near, said in zip(questions, dense, lexical, strict=True)
    ]


def rank_of(right: int, found: Sequence[Found]) -> Rank:
    """Where the right passage is in a list."""
    return ranks(one.passage for one in found).get(right)


def weights(trials: Sequence[Trial], candidates: int) -> tuple[Measured, dict[str, Measured]]:
    """What the trials say of the weight of vectors: of all, and of each language with questions enough.

    Args:
        trials: Of an index version.
        candidates: Among so many passages they were asked.
    """
    of_language: dict[str, list[Trial]] = {}
    for trial in trials:
        of_language.setdefault(trial.language, []).append(trial)
    return _weight(trials, candidates), {
        language: _weight(some, candidates)
        for language, some in sorted(of_language.items())
        if language and len(some) >= FEWEST_OF_LANGUAGE
    }


def _weight(trials: Sequence[Trial], candidates: int) -> Measured:
    dense = mrr([rank_of(one.right, one.dense) for one in trials])
    lexical = mrr([rank_of(one.right, one.lexical) for one in trials])
    return measured(dense, lexical, len(trials), candidates)


def qualities(
    trials: Sequence[Trial], calibration: Calibration | None, languages: Mapping[int, str]
) -> dict[str, Quality]:
    """How well each side answers, and both together: `dense`, `lexical`, `fused`.

    Args:
        trials: Of an index version.
        calibration: What both are weighed by.
        languages: Of the passages, by place.
    """
    fused: list[Rank] = []
    for one in trials:
        alpha = weight_for(calibration, shares(one.lexical, languages))
        order = [found.passage for found in fuse(one.dense, one.lexical, alpha)]
        fused.append(ranks(order).get(one.right))
    return {
        "dense": quality([rank_of(one.right, one.dense) for one in trials]),
        "lexical": quality([rank_of(one.right, one.lexical) for one in trials]),
        "fused": quality(fused),
    }


def shares(lexical: Sequence[Found], languages: Mapping[int, str]) -> dict[str, float]:
    """What each language counts among the first passages that words found; for `weight_for`."""
    found: dict[str, float] = {}
    for one in lexical[:WORDS_TELL]:
        language = languages.get(one.passage, "")
        found[language] = found.get(language, 0.0) + one.score
    return found


def _texts(passages: Sequence[Source], questions: Sequence[Cloze]) -> list[str]:
    texts = [one.text for one in passages]
    for question in questions:
        texts[question.place] = question.text
    return texts
