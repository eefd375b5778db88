"""The whole built-in answerer: how often it is right in four languages, and what always holds."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roundhouse.backends.extractive import phrases
from roundhouse.backends.extractive.answer import Reply, count_tokens, cut, pieces, reply
from roundhouse.backends.extractive.conversation import MAX_CHARS, Turn
from roundhouse.core.errors import Cancelled

CASES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in (Path(__file__).parent / "cases").glob("*.json")
}
LANGUAGES = sorted(CASES)
LEAST_RIGHT = 0.85

WORDS = [
    *(
        "My name is Lan.",
        "What is it?",
        "Summarize",
        "Question:",
        "Answer:",
        "https://a.b/c?d",
        "3.5",
        "e.g.",
        "Dr.",
        "you",
    ),
    *(
        "tôi tên là gì?",
        "Xin chào",
        "đường",
        "我叫张三。",
        "什么？",
        "总结",
        "今年25岁",
        "名字",
        "שלום",
        "קוראים לי",
        "מה שמי?",
        "סכם",
    ),
    *(
        'ש"ח',
        "\u200f",
        "\n",
        "\n\n",
        "- ",
        "* ",
        "1. ",
        "“",
        "”",
        "😀",
        "```",
        "\t",
        "\u0301",
        "\x00",
        ".",
        "?",
        ",",
    ),
]
texts = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join))
roles = st.sampled_from(["system", "developer", "user", "assistant", "tool", "function"])
conversations = st.lists(st.builds(Turn, role=roles, text=texts), max_size=6)


def alternating(said: list[str]) -> list[Turn]:
    return [Turn("assistant" if place % 2 else "user", text) for place, text in enumerate(said)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("place", ["system", "same message", "earlier message"])
def test_questions_are_answered_from_documents(language: str, place: str) -> None:
    table: dict[str, Any] = CASES[language]
    wrong: list[str] = []
    for name, question, expected in table["questions"]:
        document = table["documents"][name]
        assert expected in document
        if place == "system":
            turns = [Turn("system", document), Turn("user", question)]
        elif place == "same message":
            turns = [Turn("user", f"{document}\n\n{question}")]
        else:
            turns = [Turn("user", document), Turn("assistant", "OK."), Turn("user", question)]
        found = reply(turns)
        assert found.language == language, question
        if not any(expected in quote for quote in found.quotes):
            wrong.append(f"{question} -> {found.quotes}")
    assert len(table["questions"]) >= 12
    assert len(wrong) <= (1 - LEAST_RIGHT) * len(table["questions"]), wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_said_before_is_remembered(language: str) -> None:
    wrong: list[str] = []
    for said, question, expected in CASES[language]["dialogues"]:
        found = reply([*alternating(said), Turn("user", question)])
        if not any(expected in quote for quote in found.quotes):
            wrong.append(f"{question} -> {found.quotes}")
    assert len(wrong) <= (1 - LEAST_RIGHT) * len(CASES[language]["dialogues"]), wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_nothing_bears_on_is_not_answered(language: str) -> None:
    for name, question in CASES[language]["silent"]:
        found = reply([Turn("system", CASES[language]["documents"][name]), Turn("user", question)])
        assert found.quotes == (), question
        assert found.text == phrases.NOTHING[found.language]
        assert found.language == language


def test_name_and_age_from_the_first_turn() -> None:
    first = reply([Turn("user", "我叫张三,今年25岁")])
    assert first.text == phrases.NOTHING["zh"]
    turns = [
        Turn("user", "我叫张三,今年25岁"),
        Turn("assistant", first.text),
        Turn("user", "我叫什么名字?多大了?"),
    ]
    found = reply(turns)
    assert found.quotes == ("我叫张三,今年25岁",)
    assert found.text == "“我叫张三,今年25岁”\n\n" + phrases.QUOTED["zh"]
    again = reply([*turns, Turn("assistant", found.text), Turn("user", "再说一遍，我叫什么名字？")])
    assert again.quotes == ("我叫张三,今年25岁",)


@pytest.mark.parametrize(
    ("message", "language"),
    [
        ("Xin chào!", "vi"), ("Hello, AI!", "en"), ("Tell me a story", "en"), ("什么是Python？", "zh"), ("שלום!", "he"),
        ("Who are you?", "en"), ("", "en"), ("😀", "en"), ("\u200f\u202e", "en"), ("?", "en"),
    ],
)  # fmt: skip
def test_with_nothing_to_quote_it_says_how_to_add_a_model(message: str, language: str) -> None:
    assert reply([Turn("user", message)]) == Reply(phrases.NOTHING[language], (), language)


@pytest.mark.parametrize(
    ("order", "language", "count"),
    [
        ("Summarize the following text in two sentences:", "en", 2), ("Tóm tắt đoạn văn sau thành 3 câu:", "vi", 3),
        ("请用三句话总结以下内容：", "zh", 3), ("סכם את הטקסט הבא בשלושה משפטים:", "he", 3), ("TL;DR:", "en", 2),
    ],
)  # fmt: skip
@pytest.mark.parametrize("first", [True, False])
def test_summaries_keep_sentences_and_order(order: str, language: str, count: int, first: bool) -> None:
    document = list(CASES[language]["documents"].values())[1]
    message = f"{order}\n\n{document}" if first else f"{document}\n\n{order}"
    found = reply([Turn("user", message)])
    assert len(found.quotes) == count
    assert found.text.endswith(phrases.SUMMARISED[language])
    places = [document.index(quote) for quote in found.quotes]
    assert places == sorted(places)


def test_a_summary_of_the_conversation() -> None:
    found = reply(
        alternating(
            [
                "I grow tea in Hue.",
                "Good.",
                "Tea from Hue needs much rain.",
                "I see.",
                "Summarize our conversation",
            ]
        )
    )
    assert found.quotes
    assert set(found.quotes) <= {"I grow tea in Hue.", "Tea from Hue needs much rain."}


@given(conversations)
@settings(deadline=None)
def test_it_never_fails_and_every_quote_is_verbatim(turns: list[Turn]) -> None:
    found = reply(turns)
    for quote in found.quotes:
        assert any(quote in turn.text for turn in turns)
        assert quote in found.text
    assert found.text.endswith(
        (phrases.QUOTED[found.language], phrases.SUMMARISED[found.language], phrases.NOTHING[found.language])
    )
    assert reply(turns) == found


@given(texts)
def test_pieces_joined_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text
    assert all(pieces(text))


@given(texts, st.integers(1, 40))
def test_tokens_are_counted_and_cut_alike(text: str, most: int) -> None:
    short = cut(text, most)
    assert text.startswith(short)
    assert count_tokens(short) == min(most, count_tokens(text))


def test_tokens_are_about_what_a_model_would_count() -> None:
    assert count_tokens("") == 0
    assert count_tokens("你好，世界") == 5
    assert count_tokens("Hello, world!") == 6


SHAPES = {
    "letters": "a" * MAX_CHARS,
    "stops": ". " * (MAX_CHARS // 2),
    "lines": "Ab\n" * (MAX_CHARS // 3),
    "spaces": " " * MAX_CHARS,
    "labels": "Question: x\n" * (MAX_CHARS // 12),
    "addresses": "http://a.b/c?d=1 " * (MAX_CHARS // 17),
    "prose": "The quick brown fox jumps over the lazy dog. It rains in Hue today! " * (MAX_CHARS // 68),
    "chinese": "天地玄黄宇宙洪荒，日月盈昃辰宿列张。" * (MAX_CHARS // 18),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_megabyte_takes_linear_time(shape: str) -> None:
    began = time.monotonic()
    for order in ("What does the word xyz mean?", "Summarize this text."):
        reply([Turn("user", f"{SHAPES[shape]}\n\n{order}")])
    # Some two seconds; anything quadratic would take minutes.
    assert time.monotonic() - began < 40


@pytest.mark.parametrize("order", ["What is number 7?", "Summarize it all"])
def test_it_stops_in_the_middle_when_told(order: str) -> None:
    turns = [Turn("system", " ".join(f"Number {n} is here." for n in range(3000))), Turn("user", order)]
    asked = 0

    def enough() -> bool:
        nonlocal asked
        asked += 1
        return asked > 14

    with pytest.raises(Cancelled):
        reply(turns, enough)
    assert asked == 15
