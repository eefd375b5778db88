"""Separating what is asked from what it may be answered by."""

import pytest

from roundhouse.backends.extractive import conversation, phrases
from roundhouse.backends.extractive.conversation import MAX_CHARS, Turn
from roundhouse.core.errors import Cancelled

DOCUMENT = (
    "The tower was built in 1889. It is 330 metres high. Many people visit it. Seven million came last year. "
    "It was painted twenty times. A lift goes to the top. The second floor has a restaurant. At night it is lit. "
    "Who would not like to see it?"
)


def read(*turns: Turn | str) -> conversation.Reading:
    made = [turn if isinstance(turn, Turn) else Turn("user", turn) for turn in turns]
    return conversation.read(made, lambda: False)


@pytest.mark.parametrize(
    ("message", "asked"),
    [
        (DOCUMENT.rsplit(". ", 1)[0] + ".\n\nHow high is the tower?", "How high is the tower?"),
        ("How high is the tower?\n\n" + DOCUMENT.rsplit(". ", 1)[0] + ".", "How high is the tower?"),
        ("Summarize the following text: " + DOCUMENT, "Summarize the following text:"),
        ("Summarize this!\n\n" + DOCUMENT, "Summarize this!"),
        (DOCUMENT + "\n\nTL;DR", "TL;DR"),
        ("请总结以下内容：" + "塔建于1889年。塔高330米。" * 6, "请总结以下内容："),
        (
            "Use the context to answer.\n\nContext: " + DOCUMENT + "\n\nQuestion: How high?\nAnswer:",
            "How high?",
        ),
        ("资料：塔建于1889年。塔高330米。\n\n问题：塔有多高？\n回答：", "塔有多高？"),
        ("Tài liệu: Tháp cao 330 mét.\n\nCâu hỏi: Tháp cao bao nhiêu?", "Tháp cao bao nhiêu?"),
        ("הקשר: המגדל גבוה 330 מטר.\n\nשאלה: מה גובה המגדל?\nתשובה:", "מה גובה המגדל?"),
        ("## Question: How high?\n\n" + DOCUMENT, "How high?"),
    ],
)
def test_question_and_document_in_one_message(message: str, asked: str) -> None:
    reading = read(message)
    assert asked in " ".join(reading.questions)
    texts = [sentence.text for sentence in reading.material]
    assert asked not in texts
    assert any("1889" in text or "330" in text for text in texts)
    assert not any(text.startswith(("Context", "资料", "Tài liệu", "הקשר")) for text in texts)


def test_a_last_question_of_the_document_is_not_the_instruction() -> None:
    reading = read("Summarize this text:\n\n" + DOCUMENT)
    assert reading.summarise
    assert reading.questions == ["Summarize this text:"]


def test_statement_and_question_in_one_short_message() -> None:
    reading = read("My name is Lan. What is my name?")
    assert reading.questions == ["What is my name?"]
    assert [sentence.text for sentence in reading.material] == ["My name is Lan."]


def test_a_long_text_without_any_question_is_to_be_summarised() -> None:
    assert read(DOCUMENT.rsplit(". ", 1)[0] + ".").summarise
    assert not read("My name is Lan.").summarise


def test_own_phrases_and_repeated_sentences_are_no_material() -> None:
    reading = read(
        "My name is Lan.",
        Turn("assistant", phrases.NOTHING["en"]),
        "What is my name?",
        Turn("assistant", phrases.answer(["My name is Lan."], "en")),
        "And what is my name?",
    )
    assert [sentence.text for sentence in reading.material if not sentence.question] == ["My name is Lan."]


def test_rules_and_questions_are_marked() -> None:
    reading = read(
        Turn("system", "You are a bot. The shop opens at 9."),
        "Does it rain? It is cold.",
        "When does it open?",
    )
    assert [(item.text, item.rule, item.question) for item in reading.material] == [
        ("You are a bot.", True, False),
        ("The shop opens at 9.", False, False),
        ("Does it rain?", False, True),
        ("It is cold.", False, False),
    ]
    assert reading.earlier_question == "Does it rain?"


def test_the_language_is_the_users() -> None:
    assert read(Turn("system", DOCUMENT), "塔有多高？").language == "zh"
    assert read("Xin chào các bạn", "👍").language == "vi"
    assert read("👍").language == "en"
    assert read().language == "en"


def test_without_a_user_the_last_message_that_is_not_the_models_asks() -> None:
    reading = read(Turn("system", "The shop opens at 9. When does the shop open?"), Turn("assistant", "Hm."))
    assert reading.questions == ["When does the shop open?"]


def test_the_most_recent_text_of_a_long_conversation_is_read() -> None:
    reading = read(
        "The old code is 1111.",
        Turn("assistant", "word " * (MAX_CHARS // 5)),
        "The new code is 2222.",
        "Which code?",
    )
    texts = [sentence.text for sentence in reading.material]
    assert "The new code is 2222." in texts
    assert "The old code is 1111." not in texts


def test_the_beginning_of_a_too_long_message_is_read_too() -> None:
    reading = read(
        "Summarize this: it begins. "
        + "Filler number one here. " * (MAX_CHARS // 20)
        + "Last words are these."
    )
    assert reading.summarise
    texts = {sentence.text for sentence in reading.material}
    assert {"it begins.", "Last words are these."} <= texts


def test_reading_stops_when_told() -> None:
    with pytest.raises(Cancelled):
        conversation.read([Turn("user", "Hello there.")], lambda: True)
