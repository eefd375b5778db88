"""Queries that a language model makes over, or that stay as they are."""

from __future__ import annotations

import msgspec
import pytest

from features.knowledge.answering.voices import ANN, Setting
from roundhouse.core.errors import BackendDown, BudgetExceeded
from roundhouse.features.knowledge.answering.rewriting import QueryRewriter

ASKED = "hi, could you please tell me when that iron bridge was opened?"


def rewriter(setting: Setting, model: str = "say/m") -> QueryRewriter:
    return QueryRewriter(setting.voice, model)


async def test_each_query_is_put_as_one_looks_for_it() -> None:
    setting = Setting(lambda messages: f"{messages[-1]['content'].split()[-1]} opening\n")
    found = await rewriter(setting).rewrite(ANN, (ASKED, "the frog"), "req_1")
    assert found == ("opened? opening", "frog opening")
    assert [prompt[-1]["content"] for prompt in setting.engine.prompts] == [ASKED, "the frog"]
    assert (setting.counted.admitted, len(setting.counted.records)) == (2, 2)


@pytest.mark.parametrize(
    ("says", "model"),
    [
        ("anything", "extractive"),
        ("anything", "nobody"),
        (BackendDown("Away."), "say/m"),
        ("", "say/m"),
        ("Of course! " * 60, "say/m"),
    ],
)
async def test_without_a_model_that_does_so_they_stay(says: object, model: str) -> None:
    setting = Setting(lambda _: says)  # type: ignore[arg-type, return-value]  # an error is raised by the engine
    assert await rewriter(setting, model).rewrite(ANN, (ASKED,), "req_1") is None


async def test_who_may_not_ask_models_and_who_has_no_budget() -> None:
    setting = Setting("when was it opened")
    reader = msgspec.structs.replace(ANN, scopes=frozenset({"knowledge:read"}))
    assert await rewriter(setting).rewrite(reader, (ASKED,), "req_1") is None
    assert setting.engine.requests == []
    setting.counted.refusal = BudgetExceeded("No more.")
    with pytest.raises(BudgetExceeded):
        await rewriter(setting).rewrite(ANN, (ASKED,), "req_1")
