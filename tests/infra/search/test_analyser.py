import itertools
import re
import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.infra.search.analyser import (
    EXACT,
    FOLDED,
    MAX_TERMS,
    MAX_TEXT_CHARS,
    TAIL,
    Analysis,
    analyse,
    cleaned,
    encode,
    forms_of,
    is_identifier,
    tokens,
    without_prefixes,
)


def words(text, kind=FOLDED):
    return {term[1:].decode() for term in analyse(cleaned(text)).terms if term[:1] == kind}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Đăng ký tài khoản", {"dang", "ky", "tai", "khoan"}),
        (unicodedata.normalize("NFD", "Đăng ký tài khoản"), {"dang", "ky", "tai", "khoan"}),
        ("THỜI TIẾT", {"thoi", "tiet"}),
        ("天气", {"天", "气", "天气"}),
        ("Python编程", {"python", "编", "程", "编程"}),
        ("ＡＢＣ１２", {"abc12", "abc", "12"}),
        ("straße", {"strasse"}),
        ("ﬁnal", {"final"}),
        ("İstanbul ILGAZ ılgaz", {"istanbul", "ilgaz"}),
        ("Łódź smørrebrød", {"lodz", "smorrebrod"}),
        ("בְּרֵאשִׁית", {"בראשית", "ראשית"}),
        ("בית־ספר", {"בית", "ספר"}),
        ("שלום", {"שלומ", "לומ"}),
        ("한국어", {"한", "국", "어", "한국", "국어"}),
        ("हिन्दी", {"हिनदी"}),
        ("🚀 ok", {"🚀", "ok"}),
        ("getUserName", {"getusername", "get", "user", "name"}),
        ("HTTPServer2", {"httpserver2", "http", "server", "2"}),
        ("user_account_id", {"user_account_id", "user", "account", "id"}),
        ("550e8400-e29b", {"550e8400", "550", "e", "8400", "e29b", "29", "b"}),
        ("  ...!?  ", set()),
        ("\ud800x\x00y", {"x", "y"}),
    ],
)
def test_folded_words(text, expected):
    assert words(text) == expected


def test_katakana_is_found_with_and_without_its_marks():
    assert {"カ", "ス", "カス"} <= words("ガス")
    assert {"ガ", "ガス"} <= words("ガス", EXACT)
    assert words("ｶﾞｽ") == words("ガス")


def test_exact_words_stand_beside_the_folded_ones():
    assert words("Đăng ký", EXACT) == {"đăng", "ký"}


def test_words_without_marks_are_exact_only_where_marks_are_written():
    assert words("ba má đi chợ mua cá", EXACT) == {"ba", "má", "đi", "chợ", "mua", "cá"}
    assert words("ba ma di cho mua ca", EXACT) == set()
    assert words("the one café in a street of eleven or more other houses", EXACT) == {"café"}


def test_identifiers_are_entered_by_each_of_their_ends():
    assert words("user_id", TAIL) == {"ser_id", "er_id", "r_id", "_id"}
    assert words("weather", TAIL) == set()


@pytest.mark.parametrize("raw", ["user_id", "a1b2", "getUser", "20260101", "x_"[:2] + "yz"])
def test_identifiers(raw):
    assert is_identifier(raw)


@pytest.mark.parametrize("raw", ["weather", "2026", "Weather", "IBM", "a1", "thời", "天气"])
def test_ordinary_words(raw):
    assert not is_identifier(raw)


def test_hebrew_prefixes():
    assert without_prefixes("האוויר") == ("אוויר",)
    assert without_prefixes("ושהבית") == ("שהבית", "הבית")
    assert without_prefixes("בית") == ()
    assert without_prefixes("weather") == ()


def test_a_huge_text_is_bounded_work():
    distinct = " ".join(f"w{number:x}q" for number in range(60_000))
    assert len(analyse(cleaned(distinct)).terms) <= MAX_TERMS
    assert len(cleaned("x " * MAX_TEXT_CHARS)) == MAX_TEXT_CHARS
    one_word = analyse(cleaned("a1" * MAX_TEXT_CHARS))
    assert max(map(len, one_word.terms)) <= 65


def test_hostile_texts_end_quickly():
    marks = "a" + "\u0301" * 100_000
    assert analyse(cleaned(marks)).length == 1
    assert analyse(cleaned("\u0301" * 100_000)).terms == {}
    assert len(analyse(cleaned("\ufdfa" * 20_000)).terms) < 20


anything = st.text(max_size=60) | st.text(
    st.sampled_from('aZ1_ -"đĐăằ\u0301\u05b0בוהםשת气天ガｶﾞ한ก่\u1100\u1161\ud800\x00🚀½ﷺß'), max_size=40
)


@given(anything)
def test_any_text_is_analysed_and_its_tokens_lie_in_it(text):
    text = cleaned(text)
    text.encode()
    analysis = analyse(text)
    assert all(count >= 1 for count in analysis.terms.values())
    before = (0, 0)
    for token in tokens(text):
        assert before[1] <= token.start < token.end <= len(text) or (token.start, token.end) == before
        before = (token.start, token.end)
        assert set(token.terms) <= analysis.terms.keys()
        assert FOLDED + token.form.folded.encode() in analysis.terms


@given(anything)
def test_folding_again_changes_nothing(text):
    for token in tokens(cleaned(text)):
        again = [form.folded for form in forms_of(token.form.folded)]
        assert "".join(again) == token.form.folded or not token.form.folded.isalnum()


@pytest.mark.parametrize("text", ["北京的天气", "天天", "天", "天气 天气很好 カタカナ天気", "𠀀天"])
def test_chinese_characters_and_pairs_are_counted_wherever_they_stand(text):
    counted = Counter()
    for run in re.findall(r"\w+", text):
        counted.update(run)
        counted.update(one + other for one, other in itertools.pairwise(run))
    assert analyse(text) == Analysis(
        {encode(b"w", one): often for one, often in counted.items()}, counted.total()
    )


def test_a_plain_word_is_found_as_any_other():
    assert analyse("Word WORD word wOrd").terms[b"wword"] == 4
    assert analyse("word " * 30 + "má").terms == {b"wword": 30, b"wma": 1, "emá".encode(): 1}
    long = "a" * 100
    assert analyse(long).terms == {b"w" + b"a" * 64: 1}
