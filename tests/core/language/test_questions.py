"""Taking questions apart."""

import pytest

from roundhouse.core.language import questions
from roundhouse.core.language.detection import Language

KINDS = [
    ("What is my name?", "en", ["name"], True),
    ("What’s my name", "en", ["name"], True),
    ("whats my name", "en", ["name"], True),
    ("How old am I?", "en", ["age"], True),
    ("Where is the station?", "en", ["place"], False),
    ("When does it open?", "en", ["time"], False),
    ("How many books are there?", "en", ["count"], False),
    ("How much does it cost?", "en", ["money"], False),
    ("Why did it fail?", "en", ["why"], False),
    ("Who wrote it?", "en", ["who"], False),
    ("Can you tell me where the station is?", "en", ["place"], False),
    ("Tên tôi là gì?", "vi", ["name"], True),
    ("toi bao nhieu tuoi", "vi", ["age"], True),
    ("Cho tôi biết quán mở cửa lúc mấy giờ?", "vi", ["time"], False),
    ("Nhà ga ở đâu?", "vi", ["place"], False),
    ("Tại sao trời mưa?", "vi", ["why"], False),
    ("我叫什么名字?", "zh", ["name"], True),
    ("多大了?", "zh", ["age"], False),
    ("请告诉我车站在哪里", "zh", ["place"], False),
    ("几点开门？", "zh", ["time"], False),
    ("多少钱？", "zh", ["money"], False),
    ("מה שמי?", "he", ["name"], True),
    ("בת כמה אני?", "he", ["age"], True),
    ("איפה התחנה?", "he", ["place"], False),
    ("מתי נפתח?", "he", ["time"], False),
    ("למה ירד גשם?", "he", ["why"], False),
]


@pytest.mark.parametrize(("text", "language", "kinds", "own"), KINDS)
def test_kind_and_person(text: str, language: Language, kinds: list[str], own: bool) -> None:
    read = questions.read(text, language)
    assert read.kinds == kinds
    assert read.own is own


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is my name?", "en"),
        ("How old am I?", "en"),
        ("Tên tôi là gì?", "vi"),
        ("我叫什么名字?", "zh"),
        ("מה שמי?", "he"),
    ],
)
def test_a_question_of_oneself_has_no_other_topic(text: str, language: Language) -> None:
    assert questions.read(text, language).terms == []


def test_the_models_own_name_is_another_question() -> None:
    for text, language in (
        ("What is your name?", "en"),
        ("Bạn tên là gì?", "vi"),
        ("你叫什么名字？", "zh"),
        ("מה שמך?", "he"),
    ):
        read = questions.read(text, language)
        assert read.yours or language == "he"
        assert not read.own


def test_names_are_marked() -> None:
    terms = questions.read("What is the capital of Mongolia?", "en").terms
    assert [term.name for term in terms] == [False, True]


def test_a_pronoun_makes_a_follow_up() -> None:
    assert questions.read("When was it built?", "en").follow_up
    assert not questions.read("When was the tower built?", "en").follow_up


@pytest.mark.parametrize(
    ("sentence", "language", "surety"),
    [
        ("My name is Lan.", "en", 1.0), ("I'm Peter.", "en", 0.5), ("I am tired.", "en", 0.0),
        ("Tôi tên là Minh.", "vi", 1.0), ("Mình là Hoa.", "vi", 0.5), ("我叫张三", "zh", 1.0), ("我是学生", "zh", 0.5),
        ("קוראים לי דנה", "he", 1.0), ("אני בת 30", "he", 0.0),
    ],
)  # fmt: skip
def test_telling_ones_name(sentence: str, language: Language, surety: float) -> None:
    assert questions.tells_own_name(sentence, language) == surety


def test_every_pattern_compiles_for_every_language() -> None:
    for kind in questions.ASKED:
        for language in ("en", "vi", "zh", "he"):
            questions.read(f"{kind}?", language)
            assert isinstance(questions.can_answer(kind, "12", language), bool)
    assert questions.can_answer("time", "On 3 May 1999.", "en")
    assert not questions.can_answer("time", "It is blue.", "en")
