"""Summaries by a model: a call like any other, admitted, counted and recorded under the caller's key."""

from __future__ import annotations

from typing import Any

import msgspec

from roundhouse.core import wire
from roundhouse.core.errors import BackendBadAnswer, Cancelled, RoundhouseError
from roundhouse.core.ids import new_id
from roundhouse.core.types import Caller, Decision, ModelRequest, Usage
from roundhouse.engine.engine import Engine
from roundhouse.engine.metering import Meter


class EngineSummary:
    """Calls the summarising model through the engine.

    Args:
        engine: Every model.
        meter: Counts the call.
    """

    def __init__(self, engine: Engine, meter: Meter) -> None:
        self._engine = engine
        self._meter = meter

    async def __call__(self, caller: Caller, model: str, messages: list[dict[str, Any]]) -> str:
        """See `Summarise`; raises RateLimited and BudgetExceeded besides."""
        body = {"model": model, "messages": messages}
        request = ModelRequest("chat", model, wire.open_object(msgspec.json.encode(body)), caller)
        request.request_id = new_id("req")
        return _text(await self._answer(caller, request))

    async def _answer(self, caller: Caller, request: ModelRequest) -> bytes:
        await self._meter.admit(caller)
        decision, usage = Decision(requested=request.model), Usage()
        began_s = self._meter.clock.monotonic_s()
        error: RoundhouseError | None = Cancelled("The summary was not waited for.")
        try:
            answer = await self._engine.answer(request, decision)
            usage, error = answer.usage, None
            return answer.body
        except RoundhouseError as failed:
            error = failed
            raise
        finally:
            duration_s = self._meter.clock.monotonic_s() - began_s
            self._meter.settle(
                caller, decision, usage, error, request_id=request.request_id, duration_s=duration_s
            )


class _Said(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Said


class _Answer(msgspec.Struct):
    choices: list[_Choice]


def _text(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Answer).choices[0].message.content or ""
    except (msgspec.MsgspecError, IndexError):
        raise BackendBadAnswer("The summarising model's answer has no message.") from None
