"""Summarising by ranking sentences."""

import pytest

from roundhouse.backends.extractive import conversation, summary
from roundhouse.backends.extractive.conversation import Sentence, Turn
from roundhouse.core.errors import Cancelled
from roundhouse.core.language.terms import query_terms

MEETING = (
    "The sun was shining when we met. The budget of the project was the main matter of the meeting. "
    "The board wants to cut the budget of the project by ten percent. Coffee was served with a plate of cakes. "
    "Anna explained that a smaller budget delays the project. A dog barked outside."
)


def material(text: str) -> list[Sentence]:
    return conversation.read([Turn("system", text), Turn("user", "tl;dr")], lambda: False).material


def chosen(text: str, count: int | None, topic: str = "") -> list[str]:
    items = material(text)
    return [
        items[place].text for place in summary.choose(items, query_terms(topic, "en"), count, lambda: False)
    ]


def test_the_central_sentences_are_chosen_in_order() -> None:
    assert chosen(MEETING, 3) == [
        "The budget of the project was the main matter of the meeting.",
        "The board wants to cut the budget of the project by ten percent.",
        "Anna explained that a smaller budget delays the project.",
    ]


@pytest.mark.parametrize(("sentences", "expected"), [(1, 1), (5, 1), (6, 2), (20, 4), (100, 7)])
def test_a_fifth_when_no_length_is_told(sentences: int, expected: int) -> None:
    text = " ".join(f"Town number{n} sells fruit{n} to its neighbour town{n + 1}." for n in range(sentences))
    assert len(chosen(text, None)) == expected


def test_more_than_there_is_gives_all() -> None:
    assert len(chosen(MEETING, 20)) == 6


def test_a_topic_decides() -> None:
    assert chosen(MEETING, 1, "coffee") == ["Coffee was served with a plate of cakes."]


def test_the_same_thing_is_not_said_twice() -> None:
    text = (
        "The harbour grows every year in the north. The harbour grows every year in the north too. Ships"
        " bring tea."
    )
    assert "Ships bring tea." in chosen(text, 2)


def test_nothing_in_nothing_out() -> None:
    assert summary.choose([], [], None, lambda: False) == []
    assert chosen("Why? How? Who?", 2) == []


def test_more_sentences_than_are_ranked() -> None:
    text = " ".join(f"Item{n} costs {n} coins in shop{n % 7}." for n in range(summary.MAX_RANKED + 500))
    assert len(chosen(text, 4)) == 4


def test_it_stops_when_told() -> None:
    with pytest.raises(Cancelled):
        summary.choose(material(MEETING), [], None, lambda: True)
