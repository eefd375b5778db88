"""The expressions of flows: what they say, and that nothing hostile is more than refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.errors import Unprocessable
from roundhouse.features.tasks.flows.expressions import Expression
from roundhouse.features.tasks.flows.templates import Template

ROOTS = {
    "input": {"text": "Nước mắm", "n": 3, "full name": "An", "none": None},
    "output": {"confidence": 0.8, "tags": ["a", "b"], "items": [{"price": 2}, {"price": 5}, {}], "ok": True},
    "last": None,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$.input.text", "Nước mắm"),
        ("input['full name']", "An"),
        ("output.tags[0]", "a"),
        ("output.tags[-1]", "b"),
        ("output.tags[9]", None),
        ("output.items[*].price", [2, 5, None]),
        ("output.confidence >= 0.7", True),
        ("output.confidence >= 0.7 and not output.ok", False),
        ("output.confidence < 0.7 or output.ok == true", True),
        ("(output.confidence < 0.7 or output.ok) and input.n == 3", True),
        ("'b' in output.tags", True),
        ('"mắm" in input.text', True),
        ("len(output.tags) == 2", True),
        ("exists(input.none)", False),
        ("join(output.tags, ', ')", "a, b"),
        ("join(input.text, ', ')", None),
        ("exists(output.nowhere.at.all)", False),
        ("last.output == null", True),
        ("input.n == '3'", False),
        ("input.text > 2", False),
        ("input.n == true", False),
        ("-1 < input.n", True),
        ("not not output.ok", True),
    ],
)
def test_value(text, value):
    assert Expression(text).value(ROOTS) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "a b",
        "a.",
        "a[",
        "a[b]",
        "a ==",
        "== 1",
        "(a",
        "a)",
        "a..b",
        "$",
        "$.",
        "'a",
        "a; b",
        "f(1)",
        "__import__('os').system('x')",
        "a.b = 1",
        "[1]",
        "a | b",
        "lambda: 1",
        "(" * 30 + "a" + ")" * 30,
        "len(" * 200 + "a" + ")" * 200,
        "a" * 2000,
        "not",
        "and",
        "a and",
        "true.x",
    ],
)
def test_what_is_none(text):
    with pytest.raises(Unprocessable):
        Expression(text)


def test_truth_alone_holds():
    assert Expression("output.ok").holds(ROOTS)
    assert not Expression("input.text").holds(ROOTS)
    assert not Expression("input.n").holds(ROOTS)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(Unprocessable):
        Expression(text).value(ROOTS)


@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                ".",
                "b",
                "[",
                "]",
                "0",
                "*",
                "(",
                ")",
                "==",
                "<",
                "and",
                "or",
                "not",
                "in",
                "'x'",
                "1.5",
                "len",
                "exists",
                "$",
                "true",
                "null",
            ]
        ),
        max_size=25,
    )
)
def test_any_words_are_read_or_refused(words):
    with contextlib.suppress(Unprocessable):
        Expression(" ".join(words)).value(ROOTS)


def test_templates():
    template = Template(
        {
            "whole": "$.output.items",
            "text": "Say {{ input.text }} {{ input.n }} times: {{ output.tags }}{{ input.none }}",
            "dollars": "$$.input",
            "plain": ["costs $5", 1, None, True],
        }
    )
    assert template.fill(ROOTS) == {
        "whole": ROOTS["output"]["items"],
        "text": 'Say Nước mắm 3 times: ["a","b"]',
        "dollars": "$.input",
        "plain": ["costs $5", 1, None, True],
    }
    assert template.roots == {"input", "output"}


def test_a_text_does_not_grow_without_end():
    template = Template("{{ input.t }}" * 100)
    with pytest.raises(Unprocessable):
        template.fill({"input": {"t": "x" * 20_000}})


@pytest.mark.parametrize("value", ["$.", "{{ }}", "{{ a b }}", {"a": ["$.x["]}])
def test_templates_that_cannot_be_read(value):
    with pytest.raises(Unprocessable):
        Template(value)
