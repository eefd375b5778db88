"""Calls of language models: admitted, counted and recorded under the caller's key like any other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from roundhouse.core import wire
from roundhouse.core.errors import BackendBadAnswer, Cancelled, RoundhouseError
from roundhouse.core.types import Caller, Decision, ModelRequest, Usage
from roundhouse.engine.chunks import read_events
from roundhouse.engine.engine import Engine
from roundhouse.engine.metering import Meter
from roundhouse.engine.own import BUILTIN_PROVIDER

QUOTING_TARGET = f"{BUILTIN_PROVIDER.name}/extractive"
"""The built-in model: it quotes, and what it would quote the house chooses itself."""

Message = dict[str, Any]


class Spoken(msgspec.Struct):
    """What became of one call; filled while it runs.

    Attributes:
        decision: Which model answered.
        usage: Its tokens.
        finish_reason: Why it ended.
    """

    decision: Decision
    usage: Usage
    finish_reason: str = "stop"


class Voice:
    """The language models.

    Args:
        engine: Every model.
        meter: Whether a caller may ask now, and what that costs it.
    """

    def __init__(self, engine: Engine, meter: Meter) -> None:
        self._engine = engine
        self._meter = meter

    async def quotes_only(self, caller: Caller, model: str, question: str) -> bool:
        """Whether the model behind a name is the built-in one, which quotes and never writes.

        Raises:
            ModelNotFound: Nobody knows the name.
            NotAllowed: The caller's key is not for it.
        """
        messages = msgspec.Raw(msgspec.json.encode([{"role": "user", "content": question}]))
        route = await self._engine.resolve(ModelRequest("chat", model, {"messages": messages}, caller))
        if caller.models:
            self._engine.router.check_allowed(caller, model, route)
        return route.targets[0] == QUOTING_TARGET

    def spoken(self, model: str) -> Spoken:
        """The record of a call that is about to begin."""
        return Spoken(Decision(requested=model), Usage())

    async def say(self, caller: Caller, model: str, messages: Sequence[Message], request_id: str) -> str:
        """A whole answer; raises BackendBadAnswer where it holds no text, and what the engine raises."""
        spoken = self.spoken(model)
        pieces = [
            piece async for piece in self.stream(caller, model, messages, request_id, spoken, stream=False)
        ]
        return "".join(pieces)

    async def stream(
        self,
        caller: Caller,
        model: str,
        messages: Sequence[Message],
        request_id: str,
        spoken: Spoken,
        *,
        stream: bool = True,
    ) -> AsyncGenerator[str, None]:
        """An answer in pieces. No tools are offered, and what a model says besides text is not looked at.

        Args:
            caller: Who asks; its key says which models it may use.
            model: Name as clients write it.
            messages: In OpenAI's form.
            request_id: For logs and the record of use.
            spoken: Is told what became of it.
            stream: Whether the model is asked to answer in pieces.

        Raises:
            RateLimited, BudgetExceeded: Not now.
            RoundhouseError: And whatever the engine raises.
        """
        body: dict[str, Any] = {"model": model, "messages": list(messages), "temperature": 0}
        if stream:
            body["stream"] = True
        request = ModelRequest("chat", model, wire.open_object(msgspec.json.encode(body)), caller, stream)
        request.request_id = request_id
        await self._meter.admit(caller)
        clock = self._meter.clock
        began_s, first_s = clock.monotonic_s(), None
        error: RoundhouseError | None = Cancelled("The answer was not waited for.")
        try:
            said = self._streamed(request, spoken) if stream else self._whole(request, spoken)
            async with aclosing(said):
                async for piece in said:
                    first_s = clock.monotonic_s() - began_s if first_s is None else first_s
                    yield piece
            error = None
        except GeneratorExit:
            # Enough was said.
            error = None
            raise
        except RoundhouseError as failed:
            error = failed
            raise
        finally:
            self._meter.settle(
                caller,
                spoken.decision,
                spoken.usage,
                error,
                request_id=request_id,
                duration_s=clock.monotonic_s() - began_s,
                first_byte_s=first_s,
                stream=stream,
            )

    async def _whole(self, request: ModelRequest, spoken: Spoken) -> AsyncGenerator[str, None]:
        answer = await self._engine.answer(request, spoken.decision)
        spoken.usage = answer.usage
        try:
            choice = msgspec.json.decode(answer.body, type=_Answer).choices[0]
        except (msgspec.MsgspecError, IndexError):
            raise BackendBadAnswer("The model's answer has no message.") from None
        spoken.finish_reason = choice.finish_reason or "stop"
        yield (choice.message.content or "").replace("\0", "�")

    async def _streamed(self, request: ModelRequest, spoken: Spoken) -> AsyncGenerator[str, None]:
        running = await self._engine.stream(request, spoken.decision)
        try:
            async for piece in running:
                said = read_events(piece)
                spoken.finish_reason = said.finish_reason or spoken.finish_reason
                if said.text:
                    yield said.text
        finally:
            spoken.usage = running.usage
            await running.aclose()

    async def quote(self, caller: Caller, model: str, request_id: str, tokens: int) -> Spoken:
        """Record an answer that the house quoted itself.

        Args:
            caller: Who asked.
            model: Name as the client wrote it.
            request_id: For logs and the record of use.
            tokens: Of what was quoted.

        Raises:
            RateLimited, BudgetExceeded: Not now.
        """
        await self._meter.admit(caller)
        spoken = self.spoken(model)
        spoken.decision.target = QUOTING_TARGET
        spoken.usage = Usage(0, tokens)
        self._meter.settle(caller, spoken.decision, spoken.usage, None, request_id=request_id, duration_s=0.0)
        return spoken


class _Said(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Said
    finish_reason: str | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice]
