"""Folding words to terms."""

import unicodedata
from typing import Literal

import pytest

from roundhouse.core.language.terms import (
    MAX_QUERY_TERMS,
    fold,
    normalise,
    overlap,
    query_terms,
    stem,
    text_keys,
    topic_words,
    words,
)


@pytest.mark.parametrize(
    ("word", "root"),
    [
        ("books", "book"), ("libraries", "library"), ("classes", "class"), ("boxes", "box"), ("running", "run"),
        ("stopped", "stop"), ("making", "mak"), ("make", "mak"), ("opens", "open"), ("opened", "open"),
        ("wrote", "write"), ("children", "child"), ("bus", "bus"), ("glass", "glass"), ("is", "is"),
    ],
)  # fmt: skip
def test_english_stem(word: str, root: str) -> None:
    assert stem(word) == root


def test_folding_removes_every_diacritic() -> None:
    assert fold(normalise("Đường Phố THỜI TIẾT")) == "duong pho thoi tiet"
    assert normalise("שָׁלוֹם") == "שלום"
    assert normalise('צה"ל') == "צהל"
    assert normalise("Café") == "café"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_forms_of_unicode_are_the_same(form: Literal["NFC", "NFD"]) -> None:
    assert words(normalise(unicodedata.normalize(form, "Tiếng Việt"))) == ["tiếng", "việt"]


def test_chinese_becomes_pairs_cut_at_function_words() -> None:
    assert words("北京的天气") == ["北京", "天气"]
    assert words("图书馆在哪里") == ["图书", "书馆"]
    assert words("用Python写") == ["用", "python", "写"] or words("用python写") == ["用", "python", "写"]


def test_hebrew_is_found_with_and_without_prefix_ending_and_vowel_letters() -> None:
    for one, other in (
        ("הספרייה", "ספרייה"),
        ("ספרים", "ספר"),
        ("ובבית", "בית"),
        ("תוכנן", "תכנן"),
        ("נפתחת", "פתוחה"),
    ):
        assert set(text_keys(one)) & set(text_keys(other)), (one, other)
    assert not set(text_keys("ספרייה")) & set(text_keys("חתולים"))


def test_question_words_are_no_terms() -> None:
    assert query_terms("what is it and where are they", "en") == []
    assert query_terms("nó là gì và ở đâu", "vi") == []
    assert query_terms("no la gi va o dau", "vi") == []
    assert query_terms("这是什么", "zh") == []
    assert query_terms("מה זה ואיפה הוא", "he")[0].keys.keys() >= {"ואיפה"}


def test_at_most_so_many_terms() -> None:
    assert len(query_terms(" ".join(f"word{number}" for number in range(500)), "en")) == MAX_QUERY_TERMS


def test_vietnamese_diacritics_count_when_typed() -> None:
    typed = "thời tiết"
    assert overlap(typed, "thời tiết hôm nay", "vi") == 1.0
    assert 0.5 < overlap(typed, "thoi tiet hom nay", "vi") < 1.0
    assert overlap("thoi tiet", "thời tiết hôm nay", "vi") > 0.9


def test_overlap_is_a_share() -> None:
    assert overlap("library opening hours", "The library is open", "en") == pytest.approx(
        (1 + 0.9) / 3, abs=0.05
    )
    assert overlap("图书馆开门", "图书馆九点开门", "zh") > 0.7
    assert overlap("???", "anything", "en") == 0.0
    assert overlap("library", "", "en") == 0.0


def test_topic_words_leave_out_function_words() -> None:
    assert topic_words("The books are in the libraries of Hue", "en") == ["book", "library", "hue"]
    assert "là" not in topic_words("Đây là một cuốn sách", "vi")
