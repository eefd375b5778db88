"""A scripted engine and what counts its calls, for tests of answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from features.knowledge.answering.in_memory import MemorySearch, passage
from roundhouse.core.errors import ModelNotFound, RoundhouseError
from roundhouse.core.types import Answer, Caller, ModelRequest, Usage, UsageRecord
from roundhouse.engine.limits import ModelLimit
from roundhouse.engine.metering import Meter
from roundhouse.features.knowledge.answering.grounding import Grounder
from roundhouse.features.knowledge.answering.service import AskService
from roundhouse.features.knowledge.answering.voice import QUOTING_TARGET, Voice
from roundhouse.infra.clock import SystemClock

ANN = Caller(key_id="key_ann", site_id="one", scopes=frozenset({"knowledge:read", "inference"}))

BRIDGE = (
    "The Iron Bridge crosses the River Severn in Shropshire. It was opened in 1781. "
    "Abraham Darby III cast its parts in his works at Coalbrookdale. Today only people on foot may cross it."
)
FROG = (
    "Tree frogs live in rain forests. Their skin is wet, and they sleep by day. They eat insects and spiders."
)


class Route:
    def __init__(self, *targets: str) -> None:
        self.targets = targets


class Router:
    def check_allowed(self, caller: Caller, model: str, route: Route) -> None:
        return None


class ScriptedEngine:
    """Answers with what a function makes of the messages, in pieces of three characters.

    Args:
        says: Makes the answer; an error that it gives is raised, in a stream behind the first piece.
    """

    def __init__(self, says: Callable[[list[dict[str, Any]]], str | RoundhouseError]) -> None:
        self._says = says
        self.router = Router()
        self.requests: list[ModelRequest] = []
        self.closed = 0

    @property
    def prompts(self) -> list[list[dict[str, Any]]]:
        """Messages of each request."""
        return [msgspec.json.decode(one.fields["messages"]) for one in self.requests]

    async def resolve(self, request: ModelRequest) -> Route:
        if request.model == "nobody":
            raise ModelNotFound("Nobody knows it.")
        return Route(QUOTING_TARGET if request.model == "extractive" else "say/m")

    async def answer(self, request: ModelRequest, decision: Any) -> Answer:
        said = self._said(request, decision)
        if isinstance(said, RoundhouseError):
            raise said
        choice = {"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
        return Answer(msgspec.json.encode({"choices": [choice]}), Usage(7, 3))

    async def stream(self, request: ModelRequest, decision: Any) -> ScriptedStream:
        return ScriptedStream(self, self._said(request, decision))

    def _said(self, request: ModelRequest, decision: Any) -> str | RoundhouseError:
        self.requests.append(request)
        decision.target = "say/m"
        return self._says(msgspec.json.decode(request.fields["messages"]))


class ScriptedStream:
    def __init__(self, engine: ScriptedEngine, said: str | RoundhouseError) -> None:
        self._engine = engine
        self._said = said
        self.usage = Usage()

    async def __aiter__(self):
        text = "It is" if isinstance(self._said, RoundhouseError) else self._said
        for start in range(0, len(text), 3):
            yield _chunk({"content": text[start : start + 3]}, None)
        if isinstance(self._said, RoundhouseError):
            raise self._said
        # What a model does that was told to call a tool, though none was offered.
        yield _chunk(
            {"tool_calls": [{"index": 0, "function": {"name": "delete_all", "arguments": "{}"}}]}, None
        )
        self.usage = Usage(20, 5)
        yield _chunk({}, "stop")

    async def aclose(self) -> None:
        self._engine.closed += 1


def _chunk(delta: dict[str, Any], reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return b"data: " + msgspec.json.encode({"choices": [choice]}) + b"\n\n"


class Counted:
    """Gatekeeper, record of use, prices and metrics."""

    def __init__(self) -> None:
        self.refusal: RoundhouseError | None = None
        self.settled = 0
        self.admitted = 0
        self.records: list[UsageRecord] = []
        self.meter = Meter(self, self, self, self, SystemClock())

    def admit(self, caller: Caller) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.admitted += 1

    def settle(self, caller: Caller, tokens: int, cost_usd: float) -> None:
        self.settled += 1

    def cost_usd(self, target: str, usage: Usage) -> float:
        return 0.0

    def record(self, record: UsageRecord) -> None:
        self.records.append(record)

    def observe(self, record: UsageRecord) -> None:
        assert record is self.records[-1]


class WordLimits:
    """Every word is a token.

    Args:
        window_tokens: Of every model.
    """

    def __init__(self, window_tokens: int = 8192) -> None:
        self.window_tokens = window_tokens

    def of(self, caller: Caller, model: str, question: str = "") -> ModelLimit:
        return ModelLimit(self.window_tokens, lambda text: len(text.split()))


class Setting:
    """Everything `ask` and chats need, scripted.

    Args:
        says: See `ScriptedEngine`.
        texts: Passages of the store `vs_1`.
        window_tokens: Of every model.
    """

    def __init__(
        self,
        says: Callable[[list[dict[str, Any]]], str | RoundhouseError] | str,
        texts: Sequence[str] = (BRIDGE, FROG),
        window_tokens: int = 8192,
    ) -> None:
        self.engine = ScriptedEngine((lambda _: says) if isinstance(says, str) else says)
        self.counted = Counted()
        self.search = MemorySearch(
            {"vs_1": [passage(text, number) for number, text in enumerate(texts, start=1)], "vs_empty": []}
        )
        limits = WordLimits(window_tokens)
        voice = Voice(self.engine, self.counted.meter)  # type: ignore[arg-type]  # the two verbs that are used
        self.asking = AskService(self.search, voice, limits, "say/m")
        self.grounder = Grounder(self.search, voice, limits)
        self.voice = voice
