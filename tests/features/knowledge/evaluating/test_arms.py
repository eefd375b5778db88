"""Both sides in memory."""

from __future__ import annotations

import numpy as np

from features.knowledge.seeking import unit
from roundhouse.features.knowledge.evaluating.arms import VectorArm, WordArm

TEXTS = [
    "The harbour was closed in winter.",
    "Thời tiết hôm nay đẹp, cảng mở cửa.",
    "北京的天气很好。",
    "Nothing of that kind.",
]


def test_words_find_in_every_writing() -> None:
    arm = WordArm(TEXTS)
    found = [arm.best(query) for query in ("harbour in winter", "thoi tiet", "天气", "that")]
    assert [some[0].passage for some in found] == [0, 1, 2, 3]
    assert arm.best("unheard") == []
    assert WordArm([]).best("harbour") == []


def test_the_best_chunk_speaks_for_its_passage() -> None:
    arm = VectorArm([0, 0, 2], np.stack([unit(1, 0), unit(0, 1), unit(1, 1)]))
    found = arm.best(unit(0, 1))
    assert [one.passage for one in found] == [0, 2]
    assert abs(found[0].score - 1) < 1e-6
    assert arm.best(unit(0, 1), limit=1) == found[:1]
