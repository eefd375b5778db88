from __future__ import annotations

from typing import Any

import pytest

from roundhouse.core.types import ModelInfo
from roundhouse.engine.recommend import EXTRACTIVE, LAST_SCORE, MINILM, Candidate, recommend

EMBEDDINGS = ("embeddings",)


def _candidate(target: str, **how: Any) -> Candidate:
    loaded, hosted = how.pop("loaded", False), how.pop("hosted", None)
    return Candidate(target, ModelInfo(target.partition("/")[2], **how), loaded, hosted)


SHELF = [
    _candidate(EXTRACTIVE, context_tokens=100_000, family="extractive", tools=False),
    _candidate(MINILM, operations=("embeddings", "rerank"), parameters_b=0.0227, family="bert"),
    _candidate("desk/llama3.2:3b", parameters_b=3.2, context_tokens=131_072, tools=True, family="llama"),
    _candidate("desk/llama3.1:8b", parameters_b=8, context_tokens=131_072, tools=True, family="llama"),
    _candidate(
        "desk/qwen2.5-coder:14b", parameters_b=14.8, context_tokens=32_768, tools=True, family="qwen2"
    ),
    _candidate("desk/vistral:7b", parameters_b=7.3, context_tokens=8192, tools=False, family="llama"),
    _candidate("desk/dictalm2.0:7b", parameters_b=7.3, context_tokens=8192, family="llama"),
    _candidate("desk/qwen2.5:14b", parameters_b=14.8, context_tokens=32_768, tools=True, family="qwen2"),
    _candidate("desk/deepseek-r1:32b", parameters_b=32.8, context_tokens=65_536, family="qwen2"),
    _candidate("desk/llava:13b", parameters_b=13, inputs=("image",), context_tokens=4096, family="llama"),
    _candidate("desk/bge-m3", operations=EMBEDDINGS, parameters_b=0.567, family="bert"),
    _candidate("desk/mxbai-embed-large", operations=EMBEDDINGS, parameters_b=0.334, family="bert"),
]


def _first(models: list[Candidate] = SHELF, **asked: Any) -> str:
    return recommend(models, **asked)[0].target


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"task": "chat", "language": "vi"}, "desk/vistral:7b"),
        ({"task": "chat", "language": "he"}, "desk/dictalm2.0:7b"),
        ({"task": "chat", "language": "zh"}, "desk/qwen2.5:14b"),
        ({"task": "chat", "language": "en", "complexity": "low"}, "desk/llama3.2:3b"),
        ({"task": "code", "language": "en"}, "desk/qwen2.5-coder:14b"),
        ({"task": "reasoning", "complexity": "high"}, "desk/deepseek-r1:32b"),
        ({"task": "vision"}, "desk/llava:13b"),
        ({"task": "embedding", "language": "vi"}, "desk/bge-m3"),
        ({"task": "rerank", "language": "en"}, MINILM),
    ],
)
def test_who_is_first(asked: dict[str, Any], expected: str) -> None:
    assert _first(**asked) == expected


def test_reasons_are_sentences_for_people() -> None:
    (first, *rest) = recommend(SHELF, task="chat", language="vi")
    assert (
        first.reason
        == "Vistral is made for Vietnamese; 7.3B parameters suit medium complexity; fits in memory."
    )
    assert all(one.reason[0].isupper() or one.reason[0].isdigit() for one in rest)
    assert all(one.reason.endswith(".") for one in rest)
    loaded = _candidate("desk/llama3.1:8b", parameters_b=8, loaded=True)
    assert "already in memory" in recommend([loaded], task="chat")[0].reason.lower()


@pytest.mark.parametrize("task", ["chat", "code", "summarize", "translate", "reasoning"])
@pytest.mark.parametrize("complexity", ["low", "medium", "high"])
def test_the_extractive_built_in_is_always_there_and_always_last(task: Any, complexity: Any) -> None:
    found = recommend(SHELF, task=task, language="he", complexity=complexity)
    assert found[-1].target == EXTRACTIVE
    assert found[-1].score == LAST_SCORE
    assert [one.target for one in recommend(SHELF[:2], task=task)] == [EXTRACTIVE]


def test_minilm_is_for_english() -> None:
    shelf = [SHELF[1], _candidate("desk/strange", operations=EMBEDDINGS)]
    assert _first(shelf, task="embedding", language="en") == MINILM
    found = recommend(shelf, task="embedding", language="vi")
    assert [one.target for one in found] == ["desk/strange", MINILM]
    assert "English only" in found[1].reason
    assert [one.target for one in recommend(SHELF[:2], task="embedding", language="he")] == [MINILM]


def test_what_cannot_do_the_work_is_not_offered() -> None:
    assert "desk/vistral:7b" not in {one.target for one in recommend(SHELF, task="chat", tools_needed=True)}
    tools = recommend(SHELF, task="chat", tools_needed=True)
    assert EXTRACTIVE not in {one.target for one in tools}
    assert "calls tools" in tools[0].reason
    long = recommend(SHELF, task="chat", context_tokens=50_000)
    assert {one.target for one in long} == {
        "desk/llama3.2:3b", "desk/llama3.1:8b", "desk/deepseek-r1:32b", EXTRACTIVE
    }  # fmt: skip
    assert recommend(SHELF, task="chat", inputs_needed=["audio"]) == []
    assert [one.target for one in recommend(SHELF, task="chat", inputs_needed=["image"])] == [
        "desk/llava:13b"
    ]
    assert recommend(SHELF[2:], task="rerank") == []
    assert recommend([], task="chat") == []


def test_what_does_not_fit_is_not_offered_unless_it_is_in_memory_already() -> None:
    shelf = [
        _candidate("desk/llama3.1:70b", parameters_b=70, loaded=True),
        _candidate("desk/llama3.3:70b", parameters_b=70),
        _candidate("desk/llama3.1:8b", parameters_b=8),
    ]
    found = recommend(
        shelf, task="chat", complexity="high", fits=lambda one: (one.info.parameters_b or 0) < 20
    )
    assert [one.target for one in found] == ["desk/llama3.1:70b", "desk/llama3.1:8b"]


def test_of_equals_the_one_in_memory_is_first() -> None:
    twins = [_candidate("a/qwen3:8b", parameters_b=8), _candidate("b/qwen3:8b", parameters_b=8, loaded=True)]
    assert _first(twins, task="chat") == "b/qwen3:8b"
    assert _first([*twins[:1], _candidate("0/qwen3:8b", parameters_b=8)], task="chat") == "0/qwen3:8b"


def test_coarse_quantisation_costs() -> None:
    twins = [
        _candidate("a/qwen3:8b", parameters_b=8, quantization="Q2_K"),
        _candidate("b/qwen3:8b", parameters_b=8, quantization="Q4_K_M"),
    ]
    found = recommend(twins, task="chat")
    assert [one.target for one in found] == ["b/qwen3:8b", "a/qwen3:8b"]
    assert "Q2_K" in found[1].reason


def test_hosted_models_are_told_and_wanted_for_what_is_hard() -> None:
    shelf = [_candidate("openai/gpt-5"), _candidate("desk/llama3.1:8b", parameters_b=8)]
    assert _first(shelf, task="chat", complexity="low") == "desk/llama3.1:8b"
    hard = recommend(shelf, task="chat", complexity="high", language="vi")
    assert hard[0].target == "openai/gpt-5"
    assert "the text leaves this house" in hard[0].reason
    in_house = _candidate("rack/qwen3:8b", parameters_b=8, hosted=False)
    assert "leaves this house" not in recommend([in_house], task="chat")[0].reason


def test_a_name_alone_decides_nothing() -> None:
    shelf = [
        _candidate("desk/super-vision-coder-vietnamese-gpt", parameters_b=0.1),
        _candidate("desk/qwen2.5:14b", parameters_b=14),
    ]
    assert "desk/super-vision-coder-vietnamese-gpt" not in {
        one.target for one in recommend(shelf, task="vision")
    }
    assert _first(shelf, task="code") == "desk/qwen2.5:14b"
    assert _first(shelf, task="chat", language="vi") == "desk/qwen2.5:14b"


def test_unknown_languages_and_sizes_are_no_error() -> None:
    found = recommend([_candidate("desk/mystery")], task="chat", language="tlh")
    assert "not known how well it does the language 'tl'" in found[0].reason
    assert "size is not known" in found[0].reason
