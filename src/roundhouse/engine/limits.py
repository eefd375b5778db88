"""What a model takes: its window and how its tokens are counted."""

from __future__ import annotations

from typing import Protocol

import msgspec

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.types import Caller, ModelInfo, ModelRequest
from roundhouse.engine.engine import AUTO, Engine
from roundhouse.engine.model import Target
from roundhouse.engine.tokens import Count, counter

UNKNOWN_WINDOW_TOKENS = 8192
"""Window of a model whose provider does not tell it."""

OLLAMA_WINDOW_TOKENS = 4096
"""What Ollama loads a model with unless it is told otherwise, whatever the model could; the rest of a prompt is cut
off without a word.

Source: Ollama's docs/context-length.mdx, 2026: 4k below 24 GiB of graphics memory.
"""


class ModelLimit(msgspec.Struct, frozen=True):
    """What a model takes.

    Attributes:
        window_tokens: Prompt and answer together.
        count: Tokens of a text.
    """

    window_tokens: int
    count: Count


class Limits(Protocol):
    """Knows models; never waits."""

    def of(self, caller: Caller, model: str, question: str = "") -> ModelLimit:
        """What a model takes; for an unknown one a careful guess.

        Args:
            caller: Who asks.
            model: Name as clients write it; `auto` is chosen for the question.
            question: Text of the question.
        """
        ...


class EngineLimits:
    """Limits from what the providers say.

    Args:
        engine: Every model.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, caller: Caller, model: str, question: str = "") -> ModelLimit:
        """See `Limits.of`; behind an alias the narrowest model counts that may have to answer."""
        try:
            targets = [self._engine.target(name) for name in self._names(caller, model, question)]
        except RoundhouseError:
            # Who is told that the model is unknown, or away, is who asks it.
            targets = []
        if not targets:
            return ModelLimit(UNKNOWN_WINDOW_TOKENS, counter(None))
        narrow = min(targets, key=window_tokens)
        return ModelLimit(
            window_tokens(narrow), _widest([one.info or ModelInfo(one.model) for one in targets])
        )

    def _names(self, caller: Caller, model: str, question: str) -> tuple[str, ...]:
        if model == AUTO and AUTO not in self._engine.router.aliases:
            messages = msgspec.Raw(msgspec.json.encode([{"role": "user", "content": question}]))
            request = ModelRequest("chat", model, {"messages": messages}, caller)
            return tuple(self._engine.chooser.choose(request)[0][:1])
        return self._engine.router.route(model).targets


def window_tokens(target: Target) -> int:
    """Prompt and answer together, of one target."""
    told = target.info.context_tokens if target.info is not None else None
    provider = target.backends.provider
    if provider.kind == "ollama" and not isinstance(provider.options.get("num_ctx"), int):
        return min(told or OLLAMA_WINDOW_TOKENS, OLLAMA_WINDOW_TOKENS)
    return told or UNKNOWN_WINDOW_TOKENS


def _widest(infos: list[ModelInfo]) -> Count:
    """The most that any of the models makes of a text."""
    counts = [counter(info) for info in infos]
    if len(counts) == 1:
        return counts[0]
    return lambda text: max(count(text) for count in counts)
