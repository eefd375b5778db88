"""Asking a language model from within a job: which one that is, what it takes, and the record of what it used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from roundhouse.core import wire
from roundhouse.core.errors import BackendBadAnswer, Cancelled, RoundhouseError
from roundhouse.core.ids import new_id
from roundhouse.core.ports import Clock, Prices, UsageSink
from roundhouse.core.types import Caller, Decision, ModelRequest, Usage, UsageRecord
from roundhouse.engine.engine import Engine
from roundhouse.engine.own import BUILTIN_PROVIDER

UNKNOWN_WINDOW_TOKENS = 8192
"""Window of a model whose provider does not tell it."""

OLLAMA_WINDOW_TOKENS = 4096
"""What Ollama loads a model with unless it is told otherwise; it cuts off the rest of a prompt without a word."""

_MODEL_CHARS = 200

Message = dict[str, Any]


class Reply(msgspec.Struct, frozen=True):
    """What a model said.

    Attributes:
        text: It.
        target: `provider/model` that said it.
        cut: Whether it stopped because it had said as much as it may.
    """

    text: str
    target: str
    cut: bool


class ModelDesk:
    """The language models, for jobs.

    Args:
        engine: Every model.
        prices: What it costs.
        clock: Time.

    Attributes:
        usage: Where use is recorded; set in a process that runs jobs.
    """

    def __init__(self, engine: Engine, prices: Prices, clock: Clock) -> None:
        self.usage: UsageSink | None = None
        self._engine = engine
        self._prices = prices
        self._clock = clock

    async def ask(
        self,
        caller: Caller,
        model: str,
        messages: Sequence[Message],
        *,
        response_format: dict[str, Any] | None = None,
        request_id: str = "",
    ) -> Reply:
        """One answer.

        Args:
            caller: Who asks; its key says which models it may use.
            model: Name as clients write it.
            messages: In OpenAI's form.
            response_format: In OpenAI's form; None = text.
            request_id: For logs and the record of use; empty = a new one.

        Raises:
            BackendBadAnswer: The answer holds no text.
            RoundhouseError: And whatever else the engine raises.
        """
        body: dict[str, Any] = {"model": model, "messages": list(messages), "temperature": 0}
        if response_format is not None:
            body["response_format"] = response_format
        request = ModelRequest("chat", model, wire.open_object(msgspec.json.encode(body)), caller)
        request.request_id = request_id or new_id("req")
        decision = Decision(requested=model)
        said = await self._answer(request, decision)
        try:
            choice = msgspec.json.decode(said, type=_Answer).choices[0]
        except (msgspec.MsgspecError, IndexError):
            raise BackendBadAnswer("The model's answer has no message.") from None
        return Reply(choice.message.content or "", decision.target, choice.finish_reason == "length")

    async def quotes_only(self, caller: Caller, model: str) -> bool:
        """Whether the model behind a name is the built-in one, which quotes and never writes.

        Raises:
            ModelNotFound: Nobody knows the name.
            NotAllowed: The caller's key is not for it.
        """
        targets = await self._targets(caller, model)
        return targets[0].partition("/")[0] == BUILTIN_PROVIDER.name

    async def window_tokens(self, caller: Caller, model: str) -> int:
        """Prompt and answer together, of the narrowest model that may have to answer."""
        return min(self._window(name) for name in await self._targets(caller, model))

    async def _targets(self, caller: Caller, model: str) -> tuple[str, ...]:
        messages = msgspec.Raw(msgspec.json.encode([{"role": "user", "content": "Summarise this text."}]))
        request = ModelRequest("chat", model, {"messages": messages}, caller)
        route = await self._engine.resolve(request)
        if caller.models:
            self._engine.router.check_allowed(caller, model, route)
        return route.targets

    def _window(self, name: str) -> int:
        target = self._engine.target(name)
        told = target.info.context_tokens if target.info is not None else None
        provider = target.backends.provider
        if provider.kind == "ollama" and not isinstance(provider.options.get("num_ctx"), int):
            return min(told or OLLAMA_WINDOW_TOKENS, OLLAMA_WINDOW_TOKENS)
        return told or UNKNOWN_WINDOW_TOKENS

    async def _answer(self, request: ModelRequest, decision: Decision) -> bytes:
        began_s, usage = self._clock.monotonic_s(), Usage()
        error: RoundhouseError | None = Cancelled("The job was stopped.")
        try:
            answer = await self._engine.answer(request, decision)
            usage, error = answer.usage, None
            return answer.body
        except RoundhouseError as failed:
            error = failed
            raise
        finally:
            self._record(request, decision, usage, error, self._clock.monotonic_s() - began_s)

    def _record(
        self,
        request: ModelRequest,
        decision: Decision,
        usage: Usage,
        error: RoundhouseError | None,
        duration_s: float,
    ) -> None:
        if self.usage is None:
            return
        caller = request.caller
        cost_usd = self._prices.cost_usd(decision.target, usage)
        self.usage.record(
            UsageRecord(
                request_id=request.request_id,
                at_s=self._clock.now_s(),
                key_id=caller.key_id,
                site_id=caller.site_id,
                user_id=caller.user_id,
                app_id=caller.app_id,
                operation="chat",
                requested_model=decision.requested[:_MODEL_CHARS],
                target=decision.target,
                reason=decision.reason,
                attempts=len(decision.attempts),
                cache=decision.cache,
                status=200 if error is None else error.status,
                error_code=None if error is None else error.code,
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
                cost_usd=cost_usd,
                first_byte_ms=0,
                duration_ms=int(duration_s * 1000),
                stream=False,
            )
        )


class _Said(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Said
    finish_reason: str | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice]
