from __future__ import annotations

import pytest

from roundhouse.core.types import ModelInfo
from roundhouse.engine.families import (
    FAMILIES,
    LANGUAGE_NAMES,
    MANY,
    family_of,
    hosted_billions,
    language_name,
)


@pytest.mark.parametrize(
    ("name", "told", "family"),
    [
        ("llama2:7b", "llama", "Llama 2"),
        ("meta-llama/Llama-3.1-8B-Instruct", None, "Llama"),
        ("codellama:13b", "llama", "Code Llama"),
        ("qwen2.5-coder:7b", "qwen2", "Qwen Coder"),
        ("qwen2.5:7b", "qwen2", "Qwen"),
        ("qwen3:30b-a3b", "qwen3moe", "Qwen 3"),
        ("my-finetune", "qwen3moe", "Qwen 3"),
        ("deepseek-r1:8b", "llama", "DeepSeek R1"),
        ("aya-expanse:8b", "command-r", "Aya"),
        ("hf.co/dicta-il/dictalm2.0-instruct-GGUF", "llama", "DictaLM"),
        ("Vistral-7B-Chat", "llama", "Vistral"),
        ("sailor2:8b", "qwen2", "Sailor"),
        ("gemma3:4b", "gemma3", "Gemma 3"),
        ("gemma2:9b", "gemma2", "Gemma"),
        ("phi4:14b", "phi3", "Phi"),
        ("gpt-4o-mini", None, "GPT"),
        ("gpt-oss:20b", "gptoss", "gpt-oss"),
        ("o3-mini", None, "OpenAI o-series"),
        ("claude-sonnet-4-5", None, "Claude"),
        ("bge-m3:latest", "bert", "BGE M3"),
        ("nomic-embed-text", "nomic-bert", "English embeddings"),
        ("text-embedding-3-small", None, "OpenAI embeddings"),
    ],
)
def test_families_are_recognised(name: str, told: str | None, family: str) -> None:
    found = family_of(ModelInfo(name, family=told))
    assert found is not None and found.name == family


@pytest.mark.parametrize(
    "name", ["dolphin", "philosopher", "yielding", "o12", "wayang", "mystery:7b", "", "/"]
)
def test_words_that_only_look_like_one_are_not(name: str) -> None:
    assert family_of(ModelInfo(name)) is None


def test_the_table_is_in_order() -> None:
    marks = [mark for family in FAMILIES for mark in family.marks]
    assert len(marks) == len(set(marks))
    assert all(mark == mark.lower() for mark in marks)
    assert {one for family in FAMILIES for one in family.languages} - {MANY} <= LANGUAGE_NAMES.keys()
    assert all(family.focus is None or family.focus in family.languages for family in FAMILIES)


def test_small_lines_of_hosted_models() -> None:
    assert hosted_billions(ModelInfo("gpt-4o-mini")) < hosted_billions(ModelInfo("gpt-4o"))
    assert hosted_billions(ModelInfo("gemini-2.5-pro")) == hosted_billions(ModelInfo("gpt-5"))
    assert language_name("vi") == "Vietnamese"
