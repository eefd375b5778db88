"""Cutting text into sentences in four languages."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.language.sentences import MAX_SENTENCE_CHARS, split

CASES = {
    "plain": ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
    "titles": ("Dr. Smith met Mrs. Jones. They talked.", ["Dr. Smith met Mrs. Jones.", "They talked."]),
    "initials": ("J. R. Smith wrote it. It sold well.", ["J. R. Smith wrote it.", "It sold well."]),
    "letter at the end": ("She chose plan B. It failed.", ["She chose plan B.", "It failed."]),
    "decimals": (
        "It costs 3.50 dollars. Version 2.1.7 is out.",
        ["It costs 3.50 dollars.", "Version 2.1.7 is out."],
    ),
    "e.g.": ("Bring fruit, e.g. apples. Thanks.", ["Bring fruit, e.g. apples.", "Thanks."]),
    "country": (
        "The U.S. economy grew. The U.K. followed.",
        ["The U.S. economy grew.", "The U.K. followed."],
    ),
    "hours": ("He left at 5 p.m. on Monday.", ["He left at 5 p.m. on Monday."]),
    "url": (
        "See https://example.com/a.b?c=1!d. Then go. Or www.example.org/x? Yes.",
        ["See https://example.com/a.b?c=1!d.", "Then go.", "Or www.example.org/x?", "Yes."],
    ),
    "address": ("Write to a.b@example.com. Wait.", ["Write to a.b@example.com.", "Wait."]),
    "speech": ("“Really?” he said. “Yes.” She nodded.", ["“Really?” he said.", "“Yes.”", "She nodded."]),
    "ellipsis": ("Wait... what? No… Yes.", ["Wait... what?", "No…", "Yes."]),
    "list": (
        "Buy:\n- milk\n- two eggs\n1. First. \n2) Second",
        ["Buy:", "milk", "two eggs", "1. First.", "2) Second"],
    ),
    "wrapped": (
        "This line is long and goes on over its end because of\nhard wrapping. Next.",
        ["This line is long and goes on over its end because of\nhard wrapping.", "Next."],
    ),
    "headings": ("# Title\n\nText here\n\n\nMore", ["Title", "Text here", "More"]),
    "windows lines": ("First line.\r\nSecond line.\r\n\r\nThird.", ["First line.", "Second line.", "Third."]),
    "vi": (
        "TP. Hồ Chí Minh rất đông. Giá là 1.500.000 đồng.",
        ["TP. Hồ Chí Minh rất đông.", "Giá là 1.500.000 đồng."],
    ),
    "vi degrees": ("PGS. TS. Lan nói v.v. và cười. Rồi đi!", ["PGS. TS. Lan nói v.v. và cười.", "Rồi đi!"]),
    "zh": ("今天天气很好。我们去公园吧！好吗？好的", ["今天天气很好。", "我们去公园吧！", "好吗？", "好的"]),
    "zh speech": ("他说：“你好！”她问道。然后走了。", ["他说：“你好！”她问道。", "然后走了。"]),
    "zh quotes": ("“我来了。”“好。”天黑了。", ["“我来了。”", "“好。”", "天黑了。"]),
    "zh ascii marks": (
        "我叫什么名字?多大了?温度是3.5度.很冷.",
        ["我叫什么名字?", "多大了?", "温度是3.5度.", "很冷."],
    ),
    "zh url": ("看https://a.cn/s?查询=1。好的", ["看https://a.cn/s?查询=1。", "好的"]),
    "zh list": ("一、苹果\n二、梨", ["一、苹果", "二、梨"]),
    "he": ("זה משפט אחד. וזה עוד אחד! מה השעה? כן.", ["זה משפט אחד.", "וזה עוד אחד!", "מה השעה?", "כן."]),
    "he acronym": ('ד"ר כהן הגיעה. צה"ל הודיע.', ['ד"ר כהן הגיעה.', 'צה"ל הודיע.']),
    "marks only": ("... !!! 😀 — \u200f\u200e", []),
    "empty": ("", []),
}


@pytest.mark.parametrize("name", CASES)
def test_sentences_are_cut_where_they_end(name: str) -> None:
    text, expected = CASES[name]
    assert [text[start:end] for start, end in split(text)] == expected


def test_a_run_without_end_is_cut_at_clauses() -> None:
    text = "alpha beta gamma, " * 200
    spans = split(text)
    assert all(0 < end - start <= MAX_SENTENCE_CHARS for start, end in spans)
    assert all(text[end - 1] == "," for _, end in spans)
    assert "".join(text[start:end] for start, end in spans).count("alpha") == 200


def test_a_run_without_any_gap_is_cut_hard() -> None:
    assert split("x" * 1500) == [(0, 600), (600, 1200), (1200, 1500)]


@given(
    st.text(
        alphabet=st.sampled_from(list('aB1.!?。！？…"”「」()（）:,， \n\t\r·-*#|/ệđאבש中文字\u0301\u200f😀')),
        max_size=300,
    )
)
def test_spans_are_in_order_apart_and_lose_no_letter(text: str) -> None:
    spans = split(text)
    assert all(start < end for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    kept = "".join(text[start:end] for start, end in spans)
    assert [c for c in kept if c.isalnum()] == [c for c in text if c.isalnum()]
