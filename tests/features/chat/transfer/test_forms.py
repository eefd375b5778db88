"""Markdown, text and CSV."""

import csv
import io

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.chat.context.making import message, session
from roundhouse.features.chat.transfer import table, text

ANSWER = message(
    1,
    "assistant",
    "It is *fast*.",
    model="llama3",
    attachments=["file_1"],
    citations=[{"title": "Wiki", "url": "https://example.org"}, {}],
    state="stopped",
    created_at_s=1_700_000_000.0,
)
SESSION = session(title="Py # <b>\nthon", model="llama3", tags=("a", "b"), system="Be brief.\nAnd kind.")


def test_markdown():
    assert text.markdown_head(SESSION).splitlines() == [
        r"# Py \# \<b\> thon",
        "",
        "- Begun: 1970-01-01 00:16:40 UTC",
        "- Changed: 1970-01-01 00:16:40 UTC",
        "- Model: llama3",
        "- Tags: a, b",
        "",
        "> Be brief.",
        "> And kind.",
    ]
    assert text.markdown_message(ANSWER) == (
        "\n## Assistant (llama3) · 2023-11-14 22:13:20 UTC\n\nIt is *fast*.\n\n*Attachment: file\\_1*\n\n"
        "*Source 1: Wiki https://example.org*\n\n*Source 2: without a name*\n\n*This message is stopped.*\n"
    )


def test_text():
    assert text.text_head(SESSION).splitlines()[:2] == ["Py # <b> thon", "============="]
    assert text.text_message(ANSWER) == (
        "\n[2023-11-14 22:13:20 UTC] Assistant (llama3):\nIt is *fast*.\n(Attachment: file_1)\n"
        "(Source 1: Wiki https://example.org)\n(Source 2: without a name)\n(This message is stopped.)\n"
    )


def test_a_summary_is_called_so():
    summary = message(1, "system", "They talked.", kind="summary")
    assert "] Summary:" in text.text_message(summary)


def rows(*messages):
    written = table.head() + "".join(table.message(one) for one in messages)
    assert written.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(written[1:], newline="")))


def test_csv():
    (row,) = rows(msgspec.structs.replace(ANSWER, content='a "b",\nc', cost_usd=0.25))
    assert row["content"] == 'a "b",\nc'
    assert (row["role"], row["cost_usd"], row["created_at"]) == (
        "assistant",
        "0.25",
        "2023-11-14T22:13:20.000+00:00",
    )
    assert table.message(ANSWER).endswith("\r\n")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30))
def test_any_content_is_one_cell_and_no_formula(content: str):
    (row,) = rows(message(0, content=content))
    cell = row["content"]
    assert cell in (content, f"'{content}")
    assert not cell.lstrip(" \u3000\u00a0").startswith(
        ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
    )


@pytest.mark.parametrize(
    "content", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "\u00a0=1"]
)
def test_formulas_become_text(content):
    (row,) = rows(message(0, content=content, model="=cmd|' /C calc'!A0"))
    assert row["content"] == f"'{content}"
    assert row["model"].startswith("'=")
