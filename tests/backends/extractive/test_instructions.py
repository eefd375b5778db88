"""Telling instructions from text."""

import pytest

from roundhouse.backends.extractive import instructions
from roundhouse.core.language.detection import Language


@pytest.mark.parametrize(
    ("text", "language", "count"),
    [
        ("Summarize the text.", "en", None), ("Please summarise it in 3 sentences.", "en", 3),
        ("Give me a summary in five short bullet points", "en", 5), ("tl;dr", "en", None),
        ("Tóm tắt văn bản sau thành 3 câu", "vi", 3), ("Hãy tóm tắt bằng hai câu.", "vi", 2), ("tom tat", "vi", None),
        ("请用三句话总结以下内容", "zh", 3), ("概括一下", "zh", None), ("写一个100字的摘要", "zh", None),
        ("סכם את הטקסט בשלושה משפטים", "he", 3), ("סכמי ב-2 משפטים", "he", 2), ("כתוב תקציר במשפט אחד", "he", 1),
        ("Summarize in 999 sentences", "en", 20), ("Summarize in 0 sentences", "en", None),
    ],
)  # fmt: skip
def test_orders_to_summarise(text: str, language: Language, count: int | None) -> None:
    assert instructions.wants_summary(text, language)
    assert instructions.asks(text, language)
    assert instructions.sentences_asked(text) == count


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("In summary, the harbour is growing.", "en"), ("The book was sold out.", "en"),
        ("Tóm lại, cảng đang lớn lên.", "vi"),
        ("总之，港口在发展。", "zh"), ("לסיכום, הנמל גדל.", "he"),
    ],
)  # fmt: skip
def test_text_that_sums_itself_up_is_no_order(text: str, language: Language) -> None:
    assert not instructions.wants_summary(text, language)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is it", "en"), ("please tell me the price", "en"),
        ("Based on the text, who paid.", "en"), ("Is it open?", "en"),
        ("Hãy cho biết giá", "vi"), ("Chủ quán là ai", "vi"), ("请告诉我价格", "zh"), ("图书馆在哪里", "zh"),
        ("תגיד לי את המחיר", "he"), ("כמה זה עולה", "he"),
    ],
)  # fmt: skip
def test_what_asks(text: str, language: Language) -> None:
    assert instructions.asks(text, language)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("My name is Lan.", "en"),
        ("Tôi tên là Minh.", "vi"),
        ("我叫张三,今年25岁", "zh"),
        ("קוראים לי דנה", "he"),
    ],
)
def test_what_tells(text: str, language: Language) -> None:
    assert not instructions.asks(text, language)


def test_rules_for_the_model() -> None:
    for rule in (
        "You are a helpful assistant.",
        "Bạn là trợ lý.",
        "你是一个助手。",
        "אתה עוזר מועיל.",
        "Never lie.",
    ):
        assert instructions.is_assistant_rule(rule)
    for fact in ("The shop opens at 9.", "Quán mở cửa lúc 7 giờ.", "商店九点开门。", "החנות נפתחת בתשע."):
        assert not instructions.is_assistant_rule(fact)


def test_what_is_left_of_an_order_is_its_topic() -> None:
    assert instructions.topic_of("summarize the text in 3 sentences").split() == ["the", "in"]
    assert "prices" in instructions.topic_of("summarize what the text says about prices")


def test_repeated_openings_take_no_time() -> None:
    assert not instructions.asks("based on " * 60, "en")
