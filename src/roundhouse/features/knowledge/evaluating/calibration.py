"""How much vectors count beside words: measured on questions of which the answers are known.

`d` is the MRR@10 of the vectors, `l` that of the words, both on the same cloze questions. The square favours the
better side. The words keep half of the weight, unless the vectors are far better: then half would spoil them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from roundhouse.features.knowledge.evaluating.metrics import mean_by_chance

MOST_ALPHA = 0.5
FAR_BETTER = 0.8
"""From this share of the squares on the vectors get it all: d is twice l."""

UNMEASURED_ALPHA = 0.2
"""Weight of vectors while there is nothing to measure with.

Source: on five sets of questions (English, Vietnamese, Chinese twice, Hebrew) with a model that knows English only,
0.2 lost at most 0.002 of recall against the words alone where the model does not know the language, and gained 0.015
where it does; 0.3 lost up to 0.010.
"""

FEWEST_QUESTIONS = 12
"""With fewer the figures are chance."""

FEWEST_OF_LANGUAGE = 20
"""With fewer a language has no weight of its own."""


class Measured(msgspec.Struct, frozen=True):
    """What some questions gave.

    Attributes:
        alpha: Weight of the vectors, 0 to 1.
        dense: MRR@10 of the vectors.
        lexical: MRR@10 of the words.
        questions: How many.
    """

    alpha: float
    dense: float
    lexical: float
    questions: int


class Calibration(msgspec.Struct, frozen=True):
    """What was measured of an index version.

    Attributes:
        alpha: Weight of the vectors where the language of a question is not known, 0 to 1.
        dense: MRR@10 of the vectors; 0 where nothing was measured.
        lexical: MRR@10 of the words; 0 likewise.
        questions: How many there were.
        passages: Among so many passages they were asked.
        store_passages: So many the store had.
        model: Embedding model.
        fingerprint: What tells another model of that name.
        analyser: Version of the analyser of words.
        at_s: When, Unix time.
        languages: Of languages with questions enough, by ISO 639-1 code.
        recall_at_10: Of each side and of both together: `dense`, `lexical`, `fused`.
    """

    alpha: float
    dense: float
    lexical: float
    questions: int
    passages: int
    store_passages: int
    model: str
    fingerprint: str
    analyser: int
    at_s: float
    languages: dict[str, Measured] = {}
    recall_at_10: dict[str, float] = {}


def alpha_of(dense: float, lexical: float, candidates: int) -> float:
    """The weight of the vectors.

    Args:
        dense: MRR@10 of the vectors.
        lexical: MRR@10 of the words.
        candidates: Among how many passages. What chance alone gives is taken off: among 10 passages that is 0.29,
            among 1,000 hardly anything.
    """
    chance = mean_by_chance(candidates)
    if chance >= 1:
        return UNMEASURED_ALPHA
    better_d = max(0.0, (dense - chance) / (1 - chance))
    better_l = max(0.0, (lexical - chance) / (1 - chance))
    squares = better_d**2 + better_l**2
    if squares == 0:
        return UNMEASURED_ALPHA
    share = better_d**2 / squares
    return share if share >= FAR_BETTER else min(MOST_ALPHA, share)


def measured(dense: float, lexical: float, questions: int, candidates: int) -> Measured:
    """The weight that so many questions give."""
    few = questions < FEWEST_QUESTIONS
    alpha = UNMEASURED_ALPHA if few else alpha_of(dense, lexical, candidates)
    return Measured(alpha, dense, lexical, questions)


def read_calibration(value: Any) -> Calibration | None:
    """A calibration as it stands in its column; None = none, or one of another form."""
    if value is None:
        return None
    try:
        return msgspec.convert(value, Calibration)
    except msgspec.ValidationError:
        return None


def weight_for(calibration: Calibration | None, languages: Mapping[str, float]) -> float:
    """The weight of the vectors for one question.

    A question without diacritics does not show its language, and one may mix two: so it is taken to be in the languages
    of what its words find.

    Args:
        calibration: Of the index version; None = not measured yet.
        languages: Of what the words found, and how much each of them counts; empty = they found nothing.
    """
    if calibration is None:
        return UNMEASURED_ALPHA
    total = sum(languages.values())
    if total <= 0:
        return calibration.alpha
    return sum(share * _of_language(calibration, one) for one, share in languages.items()) / total


def _of_language(calibration: Calibration, language: str) -> float:
    known = calibration.languages.get(language)
    if known is not None:
        return known.alpha
    # What holds for other languages says little about one that is rare in the store.
    return UNMEASURED_ALPHA if language and calibration.languages else calibration.alpha


def is_due(calibration: Calibration | None, passages: int, fingerprint: str, analyser: int) -> bool:
    """Whether it is time to measure (again): never measured, another model or analyser, or the store has grown.

    Args:
        calibration: The last one.
        passages: How many the store has now.
        fingerprint: Of the model now.
        analyser: Version of the analyser now.
    """
    if passages == 0:
        return False
    if calibration is None:
        return True
    if calibration.fingerprint != fingerprint or calibration.analyser != analyser:
        return True
    # A small store is measured quickly, and each file may change much in it.
    growth = 2 if calibration.store_passages < _SMALL else 3
    shrunk = passages * 3 <= calibration.store_passages
    return passages >= growth * calibration.store_passages or shrunk


_SMALL = 1_000
