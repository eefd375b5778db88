"""From blocks to passages: nothing is lost, in order, within sections."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.types import ModelInfo
from roundhouse.engine.tokens import counter
from roundhouse.features.knowledge.chunking.cutting import width
from roundhouse.features.knowledge.chunking.passages import DENSE, MOST_CHARS, TARGET_CHARS, passages_of
from roundhouse.features.knowledge.documents import SEPARATOR, Block, BlockKind, Chunking, NewPassage

AUTO = Chunking()


def blocks_of(*parts: tuple[Any, ...]) -> list[Block]:
    """Blocks of (kind, text) or (kind, text, level), with their places and headings."""
    found: list[Block] = []
    path: list[tuple[int, str]] = []
    start = 0
    for kind, text, *more in parts:
        level = more[0] if more else None
        if kind == "heading":
            path = [one for one in path if one[0] < level]
        headings = tuple(one for _, one in path)
        image = "p.png" if kind == "image" else None
        found.append(Block(kind, text, start, start + len(text), None, headings, level, image))
        if kind == "heading":
            path.append((level, text))
        start += len(text) + len(SEPARATOR)
    return found


def cut(blocks: Sequence[Block], chunking: Chunking = AUTO) -> list[NewPassage]:
    return list(passages_of(blocks, chunking, lambda block: hashlib.sha256(block.text.encode()).hexdigest()))


def whole(blocks: Sequence[Block]) -> str:
    return SEPARATOR.join(one.text for one in blocks)


WORDS = st.sampled_from(["word ", "Sentence. ", "这是句子。", "no-space", "\n", "שלום. ", "x" * 300])
PROSE = st.lists(WORDS, min_size=1, max_size=60).map("".join).filter(lambda text: bool(text.strip()))
PARTS = st.lists(
    st.tuples(st.sampled_from(["text", "table", "code"]), PROSE)
    | st.tuples(st.just("image"), st.just("") | PROSE)
    | st.tuples(st.just("heading"), st.text("ab", min_size=1, max_size=20), st.integers(1, 3)),
    max_size=12,
)
CHUNKINGS = st.just(AUTO) | st.integers(100, 400).flatmap(
    lambda most: st.integers(0, most // 2).map(lambda overlap: Chunking("static", most, overlap))
)


@given(PARTS, CHUNKINGS)
def test_nothing_is_lost(parts: list[tuple[Any, ...]], chunking: Chunking) -> None:
    blocks = blocks_of(*parts)
    text = whole(blocks)
    passages = cut(blocks, chunking)
    covered = [False] * len(text)
    for place, one in enumerate(passages):
        assert one.place == place
        assert text[one.start : one.end] == one.text
        covered[one.start : one.end] = [True] * (one.end - one.start)
    assert all(seen or character.isspace() for seen, character in zip(covered, text, strict=True))
    assert [one.start for one in passages] == sorted(one.start for one in passages)


@given(PARTS)
def test_auto_passages_do_not_overlap_and_are_not_too_long(parts: list[tuple[Any, ...]]) -> None:
    passages = cut(blocks_of(*parts))
    for one, after in pairwise(passages):
        assert one.end <= after.start
    for one in passages:
        if one.kind != "image":
            assert width(one.text, DENSE) <= MOST_CHARS + 100


@given(PARTS, st.integers(100, 400), st.integers(0, 200))
def test_static_passages_have_so_many_tokens(parts: list[tuple[Any, ...]], most: int, overlap: int) -> None:
    overlap = min(overlap, most // 2)
    count = counter(ModelInfo(id="gpt-4o"))
    passages = cut(blocks_of(*parts), Chunking("static", most, overlap))
    assert all(count(one.text) <= most for one in passages)
    for one, after in pairwise(passages):
        assert after.end > one.end
        shared = one.end - after.start
        assert shared <= 0 or count(one.text[-shared:]) <= overlap


def test_short_paragraphs_of_a_section_are_put_together() -> None:
    blocks = blocks_of(
        ("heading", "Guide", 1),
        ("heading", "Start", 2),
        ("text", "One. " * 20),
        ("text", "Two. " * 20),
        ("heading", "End", 2),
        ("text", "Three."),
    )
    first, second = cut(blocks)
    assert first.text == "Guide\n\nStart\n\n" + "One. " * 20 + "\n\n" + "Two. " * 20
    assert (first.headings, second.headings) == (("Guide", "Start"), ("Guide", "End"))
    assert second.text == "End\n\nThree."


def test_a_paragraph_is_not_torn_without_need() -> None:
    long = "A sentence of some length. " * 60
    passages = cut(blocks_of(("text", "Short. " * 30), ("text", long), ("text", "After.")))
    assert [one.text for one in passages] == ["Short. " * 30, long, "After."]


def test_a_long_paragraph_is_cut_evenly_at_sentences() -> None:
    passages = cut(blocks_of(("text", "A sentence of some length. " * 90)))
    assert len(passages) == 3
    assert all(one.text.rstrip().endswith(".") for one in passages)
    assert all(600 < len(one.text) <= TARGET_CHARS for one in passages)


def test_an_empty_section_stands_alone() -> None:
    blocks = blocks_of(("heading", "One", 1), ("heading", "Two", 1), ("text", "Words."))
    assert [(one.text, one.headings) for one in cut(blocks)] == [("One", ()), ("Two\n\nWords.", ("Two",))]


def test_rows_that_are_cut_off_stand_under_the_first_row() -> None:
    table = "\n".join(["Name | Price", *(f"Thing {number} | {number} dollars" for number in range(200))])
    passages = cut(blocks_of(("heading", "Prices", 1), ("table", table)))
    assert passages[0].text.startswith("Prices\n\nName | Price\nThing 0")
    assert passages[0].headings == ("Prices",)
    assert len(passages) > 1
    assert all(one.headings == ("Prices", "Name | Price") for one in passages[1:])
    assert all(one.kind == "table" and one.text.startswith("Thing") for one in passages[1:])


def test_pictures_are_passages_of_their_own() -> None:
    blocks = blocks_of(("text", "Before."), ("image", "a plan"), ("text", "After."))
    before, picture, after = cut(blocks)
    assert (picture.kind, picture.text, picture.image) == ("image", "a plan", "p.png")
    assert picture.sha256 == hashlib.sha256(b"a plan").hexdigest()
    assert (before.text, after.text) == ("Before.", "After.")


def test_the_hash_is_of_what_is_embedded() -> None:
    one, again = (
        cut(blocks_of(("text", "x. "), ("heading", name, 1), ("text", "Same.")))[1] for name in "ab"
    )
    assert one.sha256 != again.sha256
    moved = cut(blocks_of(("text", "longer before. "), ("heading", "a", 1), ("text", "Same.")))[1]
    assert moved.sha256 == one.sha256


def on_pages(*parts: tuple[int, BlockKind, str]) -> list[Block]:
    """Blocks of (page, kind, text), with their places; headings are of the first level."""
    found: list[Block] = []
    headings: tuple[str, ...] = ()
    start = 0
    for page, kind, text in parts:
        path = () if kind == "heading" else headings
        level = 1 if kind == "heading" else None
        found.append(Block(kind, text, start, start + len(text), page, path, level))
        headings = (text,) if kind == "heading" else headings
        start += len(text) + len(SEPARATOR)
    return found


def test_what_stands_on_another_page_is_another_passage() -> None:
    blocks = on_pages(
        (1, "text", "The kettle boils."),
        (1, "text", "It whistles."),
        (2, "text", "The lid costs nine euros."),
        (3, "text", "The filter costs four."),
    )
    found = cut(blocks)
    assert [(one.page, one.text) for one in found] == [
        (1, "The kettle boils.\n\nIt whistles."),
        (2, "The lid costs nine euros."),
        (3, "The filter costs four."),
    ]
    assert [whole(blocks)[one.start : one.end] for one in found] == [one.text for one in found]


def test_a_heading_at_the_foot_of_a_page_goes_with_what_it_is_about() -> None:
    (found,) = cut(on_pages((1, "heading", "Prices"), (2, "text", "The lid costs nine euros.")))
    assert (found.page, found.text, found.headings) == (2, "Prices\n\nThe lid costs nine euros.", ("Prices",))


def test_a_table_has_its_own_page_under_a_heading_of_the_one_before() -> None:
    (found,) = cut(on_pages((1, "heading", "Prices"), (2, "table", "lid | 9")))
    assert (found.page, found.kind) == (2, "table")
