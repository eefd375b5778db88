"""Choosing sentences for a question."""

import pytest

from roundhouse.backends.extractive import conversation, ranking
from roundhouse.backends.extractive.conversation import Turn
from roundhouse.core.errors import Cancelled
from roundhouse.core.language import questions


def chosen(question: str, *turns: Turn | str) -> list[str]:
    made = [turn if isinstance(turn, Turn) else Turn("user", turn) for turn in turns]
    reading = conversation.read([*made, Turn("user", question)], lambda: False)
    places = ranking.choose(questions.read(question, reading.language), reading.material, lambda: False)
    return [reading.material[place].text for place in places]


def test_the_sentence_that_holds_the_rare_word_is_first() -> None:
    text = "The hall is big. The hall is old. The hall has an organ. The hall is cold."
    assert chosen("Does the hall have an organ?", Turn("system", text))[0] == "The hall has an organ."


def test_the_kind_of_answer_decides_between_equals() -> None:
    text = "The bridge over the river opened in 1902. The bridge over the river opened with a great feast."
    assert chosen("When did the bridge over the river open?", Turn("system", text))[0].endswith("1902.")


def test_an_answer_is_led_by_its_question() -> None:
    text = "How do I delete my account? Write to support.\n\nHow do I export? Press the button."
    assert chosen("How can I delete an account?", Turn("system", text)) == ["Write to support."]


def test_the_latest_name_counts() -> None:
    assert chosen("What is my name?", "My name is Lan.", "Sorry, my name is Mai.") == [
        "Sorry, my name is Mai."
    ]


def test_the_users_name_is_not_the_models() -> None:
    assert chosen("What is your name?", "My name is Lan.") == []
    assert chosen("What is your name?", Turn("system", "Your name is Robo."), "My name is Lan.") == [
        "Your name is Robo."
    ]


def test_another_persons_words_are_not_the_users() -> None:
    assert (
        chosen("What is my name?", Turn("system", "My name is Robo."), Turn("assistant", "I am Robo.")) == []
    )


def test_an_unknown_name_is_about_something_else() -> None:
    assert chosen("What is the capital of Mongolia?", Turn("system", "The capital of France is Paris.")) == []
    assert chosen("What is the capital of France?", Turn("system", "The capital of France is Paris."))


def test_a_pronoun_is_helped_by_the_earlier_question() -> None:
    reading = conversation.read(
        [
            Turn("system", "The mill was built in 1800. The bridge was built in 1902."),
            Turn("user", "When was it built?"),
        ],
        lambda: False,
    )
    question = questions.read("When was it built?", "en")
    question.hints = questions.read("Where is the bridge?", "en").terms
    best = ranking.choose(question, reading.material, lambda: False)[0]
    assert reading.material[best].text == "The bridge was built in 1902."


def test_at_most_the_limit() -> None:
    text = " ".join(f"Room {number} has a window." for number in range(30))
    assert len(chosen("Which room has a window?", Turn("system", text))) == ranking.MAX_QUOTES


def test_nothing_to_choose_from() -> None:
    assert chosen("What is my name?") == []
    assert chosen("What is the tower?") == []


def test_it_stops_when_told() -> None:
    reading = conversation.read(
        [Turn("system", "The tower is high."), Turn("user", "How high is the tower?")], lambda: False
    )
    with pytest.raises(Cancelled):
        ranking.choose(questions.read("How high is the tower?", "en"), reading.material, lambda: True)
