"""Cutting texts at sentences, lines and spaces, never wider than asked."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.features.knowledge.chunking.chunks import CHUNK_CHARS, chunks_of
from roundhouse.features.knowledge.chunking.chunks import DENSE as CHUNK_DENSE
from roundhouse.features.knowledge.chunking.cutting import evenly, lines, pack, sentences, width
from roundhouse.features.knowledge.chunking.languages import language_of

TEXTS = st.text(
    st.sampled_from(
        ["a", "B", "é", "\u0301", " ", "\n", ".", "!", "。", "中", "あ", "ש", "ا", "-", "1", "😀"]
    ),
    max_size=400,
) | st.lists(
    st.sampled_from(
        ["A short one.", "Is it? ", "\n\n", "今天天气很好。", "Dr. No has 3.5 kg. ", "-" * 90, " "]
    )
).map("".join)


@given(TEXTS, st.integers(3, 60), st.sampled_from([1.0, 2.0, CHUNK_DENSE]))
def test_pieces_follow_each_other_and_are_not_too_wide(text: str, most: int, dense: float) -> None:
    for starts in (sentences(text), lines(text), [0]):
        for cut in (pack, evenly):
            spans = cut(text, starts, most, dense)
            assert "".join(text[start:end] for start, end in spans) == text
            assert all(start < end for start, end in spans)
            assert all(width(text[start:end], dense) <= max(most, dense) for start, end in spans)


@given(TEXTS, st.sampled_from(["text", "table", "code"]))
def test_chunks_hold_all_that_is_no_space(text: str, kind: str) -> None:
    chunks = chunks_of(text, kind)
    assert [one.place for one in chunks] == list(range(len(chunks)))
    assert (
        "".join(text[one.start : one.end] for one in chunks).split()
        == "".join(text[one.start : one.end] + " " for one in chunks).split()
        or chunks
    )
    covered = "".join("".join(text[one.start : one.end].split()) for one in chunks)
    assert covered == "".join(text.split())
    for one, after in pairwise(chunks):
        assert one.end <= after.start
    for one in chunks:
        piece = text[one.start : one.end]
        assert piece == piece.strip()
        assert width(piece, CHUNK_DENSE) <= CHUNK_CHARS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Dr. Smith paid 3.50 dollars on Jan. 5. He was glad! Was he? Yes.",
            ["Dr. Smith paid 3.50 dollars on Jan. 5. ", "He was glad! ", "Was he? ", "Yes."],
        ),
        ("J. R. R. Tolkien wrote it. We read it.", ["J. R. R. Tolkien wrote it. ", "We read it."]),
        (
            "TP. Hồ Chí Minh có 9 triệu dân. Thành phố rất lớn.",
            ["TP. Hồ Chí Minh có 9 triệu dân. ", "Thành phố rất lớn."],
        ),
        ("今天天气很好。你去哪里？我去北京！", ["今天天气很好。", "你去哪里？", "我去北京！"]),
        ("これは本です。あれは何ですか？", ["これは本です。", "あれは何ですか？"]),
        ("ד\"ר כהן גר ברח' הרצל. הוא רופא.", ["ד\"ר כהן גר ברח' הרצל. ", "הוא רופא."]),
        ("ما اسمك؟ اسمي علي.", ["ما اسمك؟ ", "اسمي علي."]),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    starts = sentences(text)
    assert [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)] == expected


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The weather is fine today.", "en"),
        ("Hôm nay trời đẹp lắm.", "vi"),
        ("今天天气很好。", "zh"),
        ("今日は天気がいいです。", "ja"),
        ("오늘은 날씨가 좋다.", "ko"),
        ("מזג האוויר יפה היום.", "he"),
        ("الطقس جميل اليوم", "ar"),
        ("12 + 30 = 42", ""),
        ("", ""),
    ],
)
def test_languages(text: str, language: str) -> None:
    assert language_of(text) == language


def test_a_chinese_character_counts_as_several() -> None:
    sentence = "这是一个很长的句子用来测试分段的方法。"
    chunks = chunks_of(sentence * 30, "text")
    assert max(one.end - one.start for one in chunks) <= 120
    assert min(one.end - one.start for one in chunks[:-1]) > 100
