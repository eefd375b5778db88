"""A chat without a model, for tests and for trying the house: it says what its script says.

Tokens are words. It honours `n`, `stop`, `max_tokens`, tools and `include_usage` as a real one would.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncGenerator, Iterator
from typing import Any, ClassVar

import msgspec

from roundhouse.backends.fake_script import FakeScript, FaultPlayer, read_script
from roundhouse.core.errors import BadInput, ContextTooLong
from roundhouse.core.ports import BackendContext, Clock
from roundhouse.core.types import Answer, ModelRequest, Provider, Usage
from roundhouse.core.wire import event, read

_WORD = re.compile(r"\S+\s*|\s+")


class FakeChat:
    """`core.ports.ChatBackend` for the kind `fake`; options: `FakeScript`.

    Attributes:
        requests: Requests it was given, with the provider's model.
        open_streams: Streams that are running and not closed.
    """

    operations: ClassVar[frozenset[str]] = frozenset({"chat", "completions"})

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._script = read_script(provider)
        self._faults = FaultPlayer(self._script.fault)
        self._clock = context.clock
        self.requests: list[tuple[str, ModelRequest]] = []
        self.open_streams = 0

    async def chat(self, request: ModelRequest, model: str) -> Answer:
        """The whole answer; raises the scripted error, BadInput, ContextTooLong."""
        saying = self._prepare(request, model)
        self._faults.play()
        if self._script.delay_s:
            await self._clock.sleep(self._script.delay_s)
        return saying.whole()

    async def stream(self, request: ModelRequest, model: str) -> FakeStream:
        """The answer as events; raises like `chat`, in mid-stream if the script says so."""
        saying = self._prepare(request, model)
        if not self._faults.after_pieces:
            self._faults.play()
        return FakeStream(self, saying, self._script, self._faults, self._clock)

    def _prepare(self, request: ModelRequest, model: str) -> _Saying:
        self.requests.append((model, request))
        saying = _Saying(request, model, self._script, self._clock.now_s())
        limit = self._script.context_tokens
        if limit is not None and saying.usage.prompt_tokens > limit:
            raise ContextTooLong(f"This model's maximum context length is {limit} tokens.", param="messages")
        return saying

    async def close(self) -> None:
        """Nothing is held."""


class FakeStream:
    """`core.ports.AnswerStream` of a fake."""

    def __init__(
        self, chat: FakeChat, saying: _Saying, script: FakeScript, faults: FaultPlayer, clock: Clock
    ) -> None:
        self._chat = chat
        self._saying = saying
        self._script = script
        self._faults = faults
        self._clock = clock
        self._closed = False
        self.usage = Usage()
        chat.open_streams += 1

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        try:
            for number, piece in enumerate(self._saying.events(endless=self._script.endless)):
                if self._faults.after_pieces and number == self._faults.after_pieces:
                    self._faults.play()
                # An endless one must let others run even when it does not wait.
                if self._script.delay_s or self._script.endless:
                    await self._clock.sleep(self._script.delay_s)
                if self._closed:
                    return
                yield piece
            self.usage = self._saying.usage
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Stop. Idempotent."""
        if not self._closed:
            self._closed = True
            self._chat.open_streams -= 1


class _Saying:
    """What is answered to one request, whole or in pieces."""

    def __init__(self, request: ModelRequest, model: str, script: FakeScript, now_s: float) -> None:
        fields = request.fields
        self._chat = request.operation == "chat"
        self._model = model
        self._created_s = int(now_s)
        self._wants_usage = request.include_usage
        self._count = read(fields, "n", int) or 1
        self._call: dict[str, Any] | None = None
        if self._chat:
            messages = read(fields, "messages", list[dict[str, Any]])
            if not messages:
                raise BadInput("'messages' must hold at least one message.", param="messages")
            prompt = "\n".join(_text(message.get("content")) for message in messages)
            self._call = _tool_call(request, messages[-1], script.tool_arguments)
            heard = _text(messages[-1].get("content"))
        else:
            prompt = heard = _text(read(fields, "prompt"))
        limit = read(fields, "max_completion_tokens", int) or read(fields, "max_tokens", int)
        text = script.reply if script.reply is not None else f"You said: {heard}"
        self._pieces, self._reason = _cut(text, read(fields, "stop", str | list[str]), limit)
        if self._call is not None:
            self._pieces, self._reason = [], "tool_calls"
        said = len(self._pieces) if self._call is None else 1
        self.usage = Usage(len(prompt.split()), said * self._count)

    def whole(self) -> Answer:
        """The completion object."""
        text = "".join(self._pieces)
        choices: list[dict[str, Any]] = []
        for index in range(self._count):
            said: dict[str, Any] = {"text": text}
            if self._chat:
                message: dict[str, Any] = {
                    "role": "assistant",
                    "content": text if self._call is None else None,
                }
                if self._call is not None:
                    message["tool_calls"] = [self._call]
                said = {"message": message}
            choices.append({"index": index, **said, "logprobs": None, "finish_reason": self._reason})
        body = self._object("chat.completion", choices) | {"usage": _usage_object(self.usage)}
        return Answer(msgspec.json.encode(body), self.usage)

    def events(self, *, endless: bool) -> Iterator[bytes]:
        """The stream of chunks."""
        if self._chat:
            yield self._chunk({"role": "assistant", "content": "" if self._call is None else None})
        pieces = itertools.cycle(self._pieces or ["… "]) if endless else self._pieces
        for piece in pieces:
            yield self._chunk({"content": piece})
        if self._call is not None:
            yield from self._call_chunks(self._call)
        yield self._chunk({}, self._reason)
        if self._wants_usage:
            yield event(self._object("chat.completion.chunk", []) | {"usage": _usage_object(self.usage)})

    def _call_chunks(self, call: dict[str, Any]) -> Iterator[bytes]:
        """A tool call as OpenAI streams it: its head, then its arguments in parts."""
        function = call["function"]
        head = {"name": function["name"], "arguments": ""}
        yield self._chunk({"tool_calls": [{"index": 0, **call, "function": head}]})
        arguments: str = function["arguments"]
        half = len(arguments) // 2
        for part in (arguments[:half], arguments[half:]):
            yield self._chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        said = {"delta": delta} if self._chat else {"text": delta.get("content", "")}
        choices = [
            {"index": index, **said, "logprobs": None, "finish_reason": reason}
            for index in range(self._count)
        ]
        return event(self._object("chat.completion.chunk", choices))

    def _object(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": "chatcmpl-fake" if self._chat else "cmpl-fake",
            "object": kind if self._chat else "text_completion",
            "created": self._created_s,
            "model": self._model,
            "choices": choices,
        }


def _text(content: Any) -> str:
    """The text of a message's content or of a prompt, other parts left out."""
    if isinstance(content, list):
        return " ".join(part if isinstance(part, str) else _text(part) for part in content)
    if isinstance(content, dict):
        content = content.get("text")
    return content if isinstance(content, str) else ""


def _tool_call(
    request: ModelRequest, last: dict[str, Any], arguments: dict[str, Any]
) -> dict[str, Any] | None:
    """A call of the first tool; none when the tool has answered already, or none is wanted."""
    tools = read(request.fields, "tools", list[dict[str, Any]])
    if not tools or last.get("role") == "tool" or read(request.fields, "tool_choice") == "none":
        return None
    name = str(tools[0].get("function", {}).get("name", ""))
    return {
        "id": "call_fake",
        "type": "function",
        "function": {"name": name, "arguments": msgspec.json.encode(arguments).decode()},
    }


def _cut(text: str, stop: str | list[str] | None, limit: int | None) -> tuple[list[str], str]:
    """Words of `text` up to a stop text and at most `limit`, and why it ends there."""
    for end in [stop] if isinstance(stop, str) else stop or ():
        text = text.partition(end)[0] if end else text
    pieces = _WORD.findall(text)
    if limit is not None and len(pieces) > limit:
        return pieces[:limit], "length"
    return pieces, "stop"


def _usage_object(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
