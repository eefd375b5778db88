"""Rules and guard of clean text: what goes, what never goes."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.features.audio.cleaning.guard import compare, distance, words_of
from roundhouse.features.audio.cleaning.joining import by_rules, paragraphs
from roundhouse.features.audio.cleaning.rules import clean, with_end
from roundhouse.features.audio.languages import language_of
from roundhouse.features.audio.model import LANGUAGES, Said

CASES = [
    (
        "en",
        "um so i think, uh, we should , you know, meet the the team at 10:30 . ok",
        "So I think, we should, meet the team at 10:30. Ok",
    ),
    ("en", "uh-huh", "Uh-huh"),
    ("en", "version 3.5 is e.g. good", "Version 3.5 is e.g. good"),
    ("en", "no no no it is 7 7 7", "No it is 7 7 7"),
    ("vi", "ờm thì chúng ta , ừm họp lúc 9 giờ", "Thì chúng ta, họp lúc 9 giờ"),
    ("vi", "đi từ từ thôi", "Đi từ từ thôi"),
    ("zh", "嗯，我们 今天 呃 开会, 讨论 预算. 好的", "我们今天开会，讨论预算。好的"),
    ("zh", "额度是 500 元", "额度是 500 元"),
    ("zh", "嗯", "嗯"),
    ("he", "אממ אז אני אני חושב , אה שזה טוב", "אז אני חושב, שזה טוב"),
    ("fr", "euh , bonjour", "Euh, bonjour"),
]


@pytest.mark.parametrize(("language", "heard", "wanted"), CASES)
def test_rules(language: str, heard: str, wanted: str) -> None:
    assert clean(heard, language) == wanted
    assert language_of(heard) == language or language == "fr"


@pytest.mark.parametrize(
    ("language", "texts", "wanted"),
    [
        (
            "zh",
            ["我们决定招聘两名工程师。", "预算是一万元", "好吗？"],
            "我们决定招聘两名工程师。预算是一万元好吗？",
        ),
        ("zh", ["会议结束。", "OK."], "会议结束。OK."),
        ("vi", ["Họp lúc chín giờ.", "Hết giờ."], "Họp lúc chín giờ. Hết giờ."),
    ],
)
def test_sentences_of_a_paragraph_are_parted_as_their_script_parts_them(
    language: str, texts: list[str], wanted: str
) -> None:
    said = [
        Said(number=number, track="text", start_s=None, end_s=None, text=text)
        for number, text in enumerate(texts, start=1)
    ]
    assert by_rules(said, language).text == wanted


PIECES = st.sampled_from(
    [
        *("um", "uh,", "the", "meeting", "Monday", "10:30", "3.5", ",", ".", "?", "i", "", "\n"),
        *("ờ", "ừm", "họp", "Hà", "Nội", "嗯", "我们", "预算", "，", "。", "אממ", "אני", "שלום"),
    ]
)


@given(st.lists(PIECES, max_size=30).map(" ".join), st.sampled_from([*LANGUAGES, "fr", None]))
def test_cleaning_twice_is_cleaning_once_and_keeps_numbers(text: str, language: str | None) -> None:
    once = clean(text, language)
    assert clean(once, language) == once
    numbers = re.compile(r"\d+")
    assert Counter(numbers.findall(once)) == Counter(numbers.findall(text))
    assert any(map(str.isalnum, once)) == any(map(str.isalnum, text))


@given(st.text(max_size=200), st.sampled_from([*LANGUAGES, None]))
def test_no_text_breaks_the_rules(text: str, language: str | None) -> None:
    once = clean(text, language)
    assert "\n" not in once
    assert with_end(with_end(once, language), language) == with_end(once, language)


def said(number: int, start_s: float, end_s: float, text: str, speaker: str | None = None) -> Said:
    return Said(number=number, track="mix", start_s=start_s, end_s=end_s, text=text, speaker=speaker)


def test_pauses_and_speakers_make_paragraphs() -> None:
    given_ = [
        said(1, 0, 1, "we meet"),
        said(2, 1.1, 2, "on monday"),
        said(3, 3.0, 4, "is that right?"),
        said(4, 4.1, 5, "yes", "right"),
        said(5, 9.0, 9.5, "good", "right"),
    ]
    groups = paragraphs(given_, "en")
    assert [[one.number for one in group] for group in groups] == [[1, 2, 3], [4], [5]]
    first = by_rules(groups[0], "en")
    assert (first.text, first.start_s, first.end_s) == ("We meet on monday. Is that right?", 0, 4)
    assert by_rules(groups[1], "en").speaker == "right"


def test_long_talk_is_parted_at_ends_of_sentences() -> None:
    talk = [said(number, number, number + 1, "this is one sentence of the talk.") for number in range(100)]
    groups = paragraphs(talk, "en")
    assert len(groups) > 3
    assert sum(map(len, groups)) == 100


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ("We met Anna on Monday at 10 and decided to hire.", None),
        ("We met Anna on Monday at 11 and decided to hire.", "a number is lost"),
        ("We met Anna on Monday at 10 and decided to hire 2.", "a number is new"),
        ("We met her on Monday at 10 and decided to hire.", "a name is lost"),
        ("Anna Monday 10.", "too much was changed"),
        ("Sure, here is your text: We met Anna on Monday at 10 and decided to hire.", "too much was changed"),
        ("", "nothing is left"),
    ],
)  # fmt: skip
def test_the_guard(after: str, reason: str | None) -> None:
    heard = "um we met Anna on Monday at 10 and decided to to hire"
    assert compare(heard, after, "en", most_rate=0.25).reason == reason


def test_words_of_the_vocabulary_survive() -> None:
    told = compare("roundhouse runs here", "round house runs here", "en", most_rate=1.0, names=["Roundhouse"])
    assert told.reason == "a name is lost"


def test_chinese_is_counted_by_characters() -> None:
    assert words_of("嗯，我们开会。", "zh") == ["我", "们", "开", "会"]
    assert compare("我们今天开会", "我们明天开会。", "zh", most_rate=0.5).edits == 1


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8))
def test_the_distance_is_one(old: list[str], new: list[str]) -> None:
    found = distance(old, new)
    assert found == distance(new, old)
    assert (found == 0) == (old == new)
    assert abs(len(old) - len(new)) <= found <= max(len(old), len(new))
