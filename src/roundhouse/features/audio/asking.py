"""Asking a language model from within a job: which one that is, what it takes, and the record of what jobs used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from roundhouse.core import wire
from roundhouse.core.audio import TranscriptionRequest
from roundhouse.core.errors import BackendBadAnswer, RoundhouseError
from roundhouse.core.ids import new_id
from roundhouse.core.types import Caller, Decision, ModelRequest, Usage
from roundhouse.engine.engine import Engine
from roundhouse.engine.limits import window_tokens
from roundhouse.engine.metering import Accounts
from roundhouse.engine.own import BUILTIN_PROVIDER

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
        accounts: Asks, and records what was used.
    """

    def __init__(self, engine: Engine, accounts: Accounts) -> None:
        self._engine = engine
        self._accounts = accounts

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
        said = await self._accounts.answer(request, decision)
        try:
            choice = msgspec.json.decode(said.body, type=_Answer).choices[0]
        except (msgspec.MsgspecError, IndexError):
            raise BackendBadAnswer("The model's answer has no message.") from None
        return Reply(choice.message.content or "", decision.target, choice.finish_reason == "length")

    def heard(
        self,
        request: TranscriptionRequest,
        decision: Decision,
        error: RoundhouseError | None,
        *,
        duration_s: float,
    ) -> None:
        """Record that a model has heard a track, or failed, and how long that took."""
        usage = Usage(audio_s=request.duration_s if error is None else 0.0)
        self._accounts.record(
            request.caller, request.request_id, "transcriptions", decision, usage, error, duration_s
        )

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
        return min(window_tokens(self._engine.target(name)) for name in await self._targets(caller, model))

    async def _targets(self, caller: Caller, model: str) -> tuple[str, ...]:
        messages = msgspec.Raw(msgspec.json.encode([{"role": "user", "content": "Summarise this text."}]))
        request = ModelRequest("chat", model, {"messages": messages}, caller)
        route = await self._engine.resolve(request)
        if caller.models:
            self._engine.router.check_allowed(caller, model, route)
        return route.targets


class _Said(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Said
    finish_reason: str | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice]
