"""Which model for a task, and why. Pure: it is given the models and what is known of them.

Models that cannot do the work at all (operation, inputs, tools, context, memory) are out. The others are scored:
size against complexity, language, what the family is good at, in memory already, how coarsely quantised, hosted
elsewhere. Every point that counted becomes a part of the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import msgspec

from roundhouse.core.types import ModelInfo, Operation
from roundhouse.engine.demand import Complexity, Demand, Task
from roundhouse.engine.families import Family, family_of, hosted_billions, language_name
from roundhouse.engine.footprint import billions, bits_per_weight

EXTRACTIVE = "roundhouse/extractive"
"""The built-in that quotes and never invents: the last choice for every text task."""

MINILM = "roundhouse/minilm"
"""The built-in for embeddings; English only."""

LAST_SCORE = -100.0
"""Score of the last choice."""

_IDEAL_B: dict[Complexity, float] = {"low": 4.0, "medium": 12.0, "high": 70.0}
"""Billions of parameters that suit a complexity."""

_OPERATIONS: dict[Task, Operation] = {"embedding": "embeddings", "rerank": "rerank"}
_LONG_CONTEXT_TOKENS = 32_000

Point = tuple[float, str]


class Candidate(msgspec.Struct, frozen=True):
    """A model that could be chosen.

    Attributes:
        target: `provider/model`.
        info: What its provider says of it.
        loaded: It is in memory now.
        hosted: It runs outside this house; None = as its family does.
    """

    target: str
    info: ModelInfo
    loaded: bool = False
    hosted: bool | None = None


class Recommendation(msgspec.Struct, frozen=True):
    """A model with its score (only for comparison within one list) and the reason, for people."""

    target: str
    score: float
    reason: str


def recommend(
    models: Sequence[Candidate],
    *,
    task: Task,
    language: str = "en",
    complexity: Complexity = "medium",
    tools_needed: bool = False,
    inputs_needed: Sequence[str] = (),
    context_tokens: int = 0,
    fits: Callable[[Candidate], bool] = lambda _: True,
) -> list[Recommendation]:
    """Models that can do the work, best first.

    Args:
        models: All there are.
        task: Kind of work.
        language: ISO 639 code.
        complexity: How able a model it takes.
        tools_needed: It must call tools.
        inputs_needed: Modalities besides text that it must take.
        context_tokens: Room that question and answer take.
        fits: Whether a model that is not loaded could be, in the memory there is.
    """
    needed = {*inputs_needed, "image"} if task == "vision" else set(inputs_needed)
    demand = Demand(
        task, language.lower()[:2], complexity, tools_needed, tuple(sorted(needed)), context_tokens
    )
    able = [one for one in models if _is_able(one, demand) and (one.loaded or fits(one))]
    found = [_judge(one, demand) for one in able]
    return sorted(found, key=lambda one: (-one.score, one.target))


def _is_able(one: Candidate, demand: Demand) -> bool:
    info = one.info
    if _OPERATIONS.get(demand.task, "chat") not in info.operations:
        return False
    if not set(demand.inputs_needed) <= set(info.inputs):
        return False
    if demand.tools_needed and info.tools is False:
        return False
    return info.context_tokens is None or demand.context_tokens <= info.context_tokens


def _judge(one: Candidate, demand: Demand) -> Recommendation:
    if one.target == EXTRACTIVE:
        reason = "Built in and always there: it answers by quoting the text it is given; the last choice."
        return Recommendation(one.target, LAST_SCORE, reason)
    family = family_of(one.info)
    points = [*_general_points(one, demand, family)]
    if demand.task in _OPERATIONS:
        points += _vector_points(one, demand, family)
    else:
        points += _text_points(one, demand, family)
    told = [text for _, text in sorted(points, key=lambda point: -abs(point[0])) if text]
    reason = "; ".join(told) or "nothing speaks for or against it"
    return Recommendation(
        one.target, round(sum(score for score, _ in points), 2), f"{reason[0].upper()}{reason[1:]}."
    )


def _general_points(one: Candidate, demand: Demand, family: Family | None) -> Iterator[Point]:
    hosted = _is_hosted(one, family)
    if one.loaded:
        yield 1.5, "already in memory"
    elif not hosted:
        yield 0.0, "fits in memory"
    if hosted:
        yield (0.0 if demand.complexity == "high" else -1.0), "hosted elsewhere: the text leaves this house"
    if demand.context_tokens and one.info.context_tokens is None:
        yield -0.5, "its context window is not known"
    if demand.inputs_needed:
        yield 0.0, f"takes {' and '.join(demand.inputs_needed)}"
    if demand.tools_needed:
        yield (0.5, "calls tools") if one.info.tools else (-1.0, "not known to call tools")


def _text_points(one: Candidate, demand: Demand, family: Family | None) -> Iterator[Point]:
    yield _size_point(one, demand, family)
    yield from _language_points(demand, family)
    if family is not None:
        yield from _skill_points(demand, family)
    if demand.task == "summarize" and (one.info.context_tokens or 0) >= _LONG_CONTEXT_TOKENS:
        yield 0.5, f"reads long texts ({one.info.context_tokens} tokens)"
    if one.info.quantization and bits_per_weight(one.info.quantization) < 4.0:
        yield -1.0, f"coarsely quantised ({one.info.quantization})"


def _size_point(one: Candidate, demand: Demand, family: Family | None) -> Point:
    size_b = billions(one.info)
    if size_b is None and _is_hosted(one, family):
        size_b = hosted_billions(one.info)
        words = f"a {'smaller' if size_b < 100 else 'large'} hosted model"
    elif size_b is None:
        return -0.5, "its size is not known"
    else:
        words = f"{size_b:.3g}B parameters"
    ideal_b = _IDEAL_B[demand.complexity]
    away = math.log2(max(size_b, 0.01) / ideal_b)
    if demand.complexity == "high" and away >= 0:
        return 3.0, f"{words}: able enough for high complexity"
    score = max(-3.0, 3.0 - abs(away))
    if abs(away) <= 1.5:
        return score, f"{words} suit {demand.complexity} complexity"
    if away < 0:
        return score, f"{words}: small for {demand.complexity} complexity"
    return score, f"{words}: larger, so slower, than {demand.complexity} complexity needs"


def _language_points(demand: Demand, family: Family | None) -> Iterator[Point]:
    language = language_name(demand.language)
    if family is None:
        yield -0.5, ("" if demand.language == "en" else f"not known how well it does {language}")
    elif family.focus is not None and family.focus == demand.language:
        yield 3.5, f"{family.name} is made for {language}"
    elif demand.language == "en":
        yield (
            (-0.5, f"{family.name} is made for {language_name(family.focus)}") if family.focus else (0.0, "")
        )
    elif family.speaks(demand.language):
        yield 2.0, f"{family.name} does {language}"
    else:
        yield -2.5, f"{family.name} is not made for {language}"


def _skill_points(demand: Demand, family: Family) -> Iterator[Point]:
    if demand.task == "code":
        if family.code:
            yield 1.5 * family.code, f"{family.name} is {'made for' if family.code == 2 else 'good at'} code"
    elif family.code == 2 and not family.hosted:
        yield -1.5, f"{family.name} is made for code"
    if demand.task == "reasoning":
        if family.reasoning:
            yield (
                1.5 * family.reasoning,
                f"{family.name} {'thinks before it answers' if family.reasoning == 2 else 'reasons well'}",
            )
    elif family.reasoning == 2 and demand.complexity != "high":
        yield -1.0, f"{family.name} thinks long before it answers"


def _vector_points(one: Candidate, demand: Demand, family: Family | None) -> Iterator[Point]:
    what = "embeddings" if demand.task == "embedding" else "reranking"
    language = language_name(demand.language)
    size_b = billions(one.info)
    if size_b is not None and one.target != MINILM:
        yield (
            min(1.5, max(-1.0, math.log2(size_b / 0.1) / 2)) * (0.5 if demand.complexity == "low" else 1.0),
            "",
        )
    if one.target == MINILM:
        if demand.language == "en":
            yield 1.0, f"built in and always there: quick {what} in English"
        else:
            yield -3.0, f"built in; knows English only, not {language}"
    elif family is not None and family.speaks(demand.language):
        yield 1.5, f"{family.name} does {what} in {language}"
    elif family is not None:
        yield -2.5, f"{family.name} is not made for {language}"
    else:
        yield -0.5, f"does {what}; not known how well in {language}"


def _is_hosted(one: Candidate, family: Family | None) -> bool:
    return one.hosted if one.hosted is not None else family is not None and family.hosted
