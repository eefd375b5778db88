"""Follow-ups get what they leave out from the question before."""

import pytest

from roundhouse.features.knowledge.answering.standalone import MOST_CHARS, Turn, by_rules, whole_as


def turns(*texts: str) -> list[Turn]:
    return [Turn("user" if place % 2 == 0 else "assistant", text) for place, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("before", "asked", "takes"),
    [
        ("Where is the Eiffel Tower?", "When was it built?", "Eiffel"),
        ("How many players has a football team?", "And in handball?", "players"),
        ("Who wrote Hamlet?", "Why?", "Hamlet"),
        ("Thủ đô của Nhật Bản là gì?", "Còn Hàn Quốc?", "Nhật"),
        ("北京大学是什么时候成立的？", "它在哪里？", "北京大学"),
        ("מי כתב את התנ״ך?", "ומתי הוא נכתב?", "התנ״ך"),
    ],
)
def test_a_follow_up_takes_the_question_before_along(before, asked, takes):
    found = by_rules(asked, turns(before, "Something."))
    assert takes in found.text and asked in found.text
    assert found.asked == asked
    alone = by_rules(asked, ())
    assert alone.text == asked
    assert len(found.question.terms) > len(alone.question.terms)


@pytest.mark.parametrize(
    "asked",
    [
        "Who invented the electric telegraph in 1837?",
        "What did Marie Curie discover?",
        "Ai là tổng thống đầu tiên của Hoa Kỳ?",
        "长江有多长？",
    ],
)
def test_a_question_that_is_whole_stays(asked):
    assert by_rules(asked, turns("Where is the Eiffel Tower?", "In Paris.")).text == asked


def test_a_chain_of_follow_ups_goes_back_to_the_topic():
    found = by_rules(
        "And why?", turns("Who built the Eiffel Tower?", "Gustave.", "When was it built?", "1889.")
    )
    assert "Eiffel" in found.text


def test_what_it_asks_for_is_told_by_the_question_alone():
    found = by_rules("When was it built?", turns("Where is the Eiffel Tower?", "In Paris."))
    assert found.question.kinds == ["time"]


def test_a_rewritten_question_keeps_its_own_words():
    found = whole_as("When was it built?", "When was the Eiffel Tower built?")
    assert {key for term in found.question.terms for key in term.keys} >= {"built", "eiffel", "tower"}


def test_nothing_grows_without_end():
    found = by_rules("Why?", turns("x" * 100_000))
    assert len(found.text) <= MOST_CHARS
