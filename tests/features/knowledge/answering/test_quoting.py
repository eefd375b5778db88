"""Which sentences are quoted."""

from __future__ import annotations

from features.knowledge.answering.in_memory import passage
from roundhouse.features.knowledge.answering import material
from roundhouse.features.knowledge.answering.quoting import Composed, compose
from roundhouse.features.knowledge.answering.standalone import by_rules

LID = "The lid costs nine euros."


def quoted(question: str, *texts: str) -> Composed:
    """Quotes from passages of a file each."""
    asked = by_rules(question, [])
    passages = [passage(text, number) for number, text in enumerate(texts, start=1)]
    return compose(asked.question, material.read(asked.question.terms, asked.text, passages))


def test_what_several_files_say_is_quoted_once() -> None:
    composed = quoted("How much does the lid cost?", LID, "The lid costs\nnine euros.", LID)
    assert composed.text == f"“{LID}” [1]"
    assert [one.passage.file_id for one in composed.numbered] == ["file_1"]


def test_nothing_weaker_comes_in_the_place_of_what_was_said_twice() -> None:
    composed = quoted("How much does the lid cost?", LID, LID, LID, "Lids of all kinds. The lid.")
    assert composed.text == f"“{LID}” [1]"


def test_what_only_another_file_says_is_quoted_beside_it() -> None:
    other = "In Japan the lid costs 900 yen."
    composed = quoted("How much does the lid cost?", LID, LID, other)
    assert composed.text == f"“{LID}” [1]\n“{other}” [2]"
    assert composed.quoted == {1: [(0, len(LID))], 2: [(0, len(other))]}
