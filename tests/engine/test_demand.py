from __future__ import annotations

import unicodedata
from typing import Any

import msgspec
import pytest

from roundhouse.core import wire
from roundhouse.core.errors import BadInput
from roundhouse.core.types import Caller, ModelRequest
from roundhouse.engine.demand import Demand, demand_of, language_of


def _demand(operation: Any = "chat", **fields: Any) -> Demand:
    return demand_of(
        ModelRequest(operation, "auto", wire.open_object(msgspec.json.encode(fields)), Caller("key_1"))
    )


def _chat(text: Any, **fields: Any) -> Demand:
    return _demand(
        messages=[{"role": "system", "content": "Be kind."}, {"role": "user", "content": text}], **fields
    )


VIETNAMESE = "Thủ đô của Việt Nam là gì? Hãy trả lời thật ngắn gọn."


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the capital of France?", "en"),
        ("", "en"),
        ("12345 !?", "en"),
        (VIETNAMESE, "vi"),
        (unicodedata.normalize("NFD", VIETNAMESE), "vi"),
        ("Où est l'hôtel, s'il vous plaît? Ça a été créé à Noël.", "en"),
        ("Não, a decisão não está pronta ainda, irmão.", "en"),
        ("Ce mai faci? Eu învăț română în fiecare dimineață.", "en"),
        ("法国的首都是哪里?", "zh"),
        ("请解释 Python 的 GIL", "zh"),
        ("フランスの首都はどこですか?", "ja"),
        ("프랑스의 수도는 어디입니까?", "ko"),
        ("מהי בירת צרפת?", "he"),
        ("תסביר לי מה זה API", "he"),
        ("ما هي عاصمة فرنسا؟", "ar"),
        ("Столица Франции?", "ru"),
        ("Translate this word to English please, it stands on the door: שלום", "en"),
    ],
)
def test_languages(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("text", "task"),
    [
        ("Hello, how are you?", "chat"),
        ("Write a Python function that reverses a list", "code"),
        ("Why does this fail?\n```\nx = 1 +\n```", "code"),
        ("Summarize the following report: …", "summarize"),
        ("Tóm tắt văn bản sau", "summarize"),
        ("סכם את הטקסט הבא", "summarize"),
        ("请总结以下内容", "summarize"),
        ("Translate to French: good morning", "translate"),
        ("תרגם לאנגלית: שלום", "translate"),
        ("Prove that the square root of 2 is irrational", "reasoning"),
        ("Giải phương trình x^2 = 4 từng bước", "reasoning"),
        (
            [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "x"}}],
            "vision",
        ),
    ],
)
def test_tasks(text: Any, task: str) -> None:
    assert _chat(text).task == task


def test_a_pasted_text_does_not_speak_for_the_user() -> None:
    pasted = (
        "The lecture was long. " * 100 + "He had to prove and to translate it. " + "More was said. " * 100
    )
    assert _chat(f"What did they eat?\n{pasted}\nAnswer shortly.").task == "chat"


def test_complexity() -> None:
    assert _chat("Hi").complexity == "low"
    assert _chat("Tell me about the history of Hanoi. " * 10).complexity == "medium"
    assert _chat("Prove Fermat's little theorem").complexity == "high"
    assert _chat("Write a rust function that parses CSV, with tests").complexity == "medium"
    assert _chat("word " * 4000).complexity == "high"
    assert _chat("Hi", tools=[{"type": "function", "function": {"name": "f"}}]).complexity == "medium"
    long_talk = [{"role": "user", "content": "And then?"}, {"role": "assistant", "content": "So."}] * 10
    assert _demand(messages=long_talk).complexity == "medium"


def test_what_it_needs() -> None:
    asked = _chat(
        [
            {"type": "text", "text": "Listen"},
            {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
        ],
        tools=[{"type": "function"}],
        max_tokens=500,
    )
    assert asked.tools_needed and asked.inputs_needed == ("audio",) and asked.context_tokens >= 1500
    assert not _chat("x", tools=[]).tools_needed and not _chat("x", tools=None).tools_needed
    assert _chat("x", max_completion_tokens=9000, max_tokens=5).context_tokens == pytest.approx(9000, abs=10)
    assert _chat("四" * 1000, max_tokens=1).context_tokens == pytest.approx(1000, abs=10)
    assert _chat("four" * 1000, max_tokens=1).context_tokens == pytest.approx(1000, abs=10)


def test_other_operations() -> None:
    assert _demand("embeddings", input=["xin chào các bạn ở Việt Nam"]) == Demand("embedding", "vi")
    assert _demand("embeddings", input="hello").task == "embedding"
    assert _demand("embeddings", input=[[1, 2, 3]]).language == "en"
    assert _demand("embeddings", input=[{"image": "https://x/y.png"}]).inputs_needed == ("image",)
    assert _demand("rerank", query="מהי בירת צרפת?", documents=["a"]) == Demand("rerank", "he")
    assert _demand("completions", prompt="def main(): return 1;").task == "code"
    assert _demand("completions", prompt=["Hallo", "du"]).task == "chat"


@pytest.mark.parametrize(
    "fields",
    [{"messages": "hello"}, {"messages": [1]}, {"messages": [], "tools": 5}],
)
def test_broken_members_are_bad_input(fields: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        _demand(**fields)


def test_odd_content_is_no_error() -> None:
    assert _demand().task == "chat"
    assert (
        _demand(messages=[{"content": "no role"}, {"role": "user"}, {"role": "user", "content": 5}]).task
        == "chat"
    )
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    assert _chat(deep).task == "chat"
    assert _chat([{"type": 5, "text": None}]).task == "chat"
