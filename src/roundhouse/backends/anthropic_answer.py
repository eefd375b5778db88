"""Answers of Anthropic's Messages API in OpenAI's wire form. Pure: events in, events out.

Source:
    Claude API reference, platform.claude.com/docs/en/api/messages and …/build-with-claude/streaming (2026-11):
    message object, content blocks, event types, stop reasons, usage.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from roundhouse.backends.openai_form import AnswerForm, usage_object
from roundhouse.backends.translated import BROKEN, Translator, decode_strictly
from roundhouse.core.errors import BackendBadAnswer
from roundhouse.core.types import Answer, Usage
from roundhouse.core.wire import raise_error_object

STREAM_TYPES = frozenset({"", "text/event-stream", "text/plain", "application/octet-stream"})
"""Content types that events come with; proxies rename them."""

MAX_EVENT_BYTES = 16 * 1024 * 1024

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


_Tokens = Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]


class _OutputDetails(msgspec.Struct):
    thinking_tokens: _Tokens | None = None


class _Usage(msgspec.Struct):
    input_tokens: _Tokens | None = None
    output_tokens: _Tokens | None = None
    cache_creation_input_tokens: _Tokens | None = None
    cache_read_input_tokens: _Tokens | None = None
    output_tokens_details: _OutputDetails | None = None


class _Block(msgspec.Struct):
    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    # `Raw | None` would accept nothing but null.
    input: msgspec.Raw = msgspec.Raw(b"null")
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


class _Message(msgspec.Struct):
    content: list[_Block]
    model: str | None = None
    stop_reason: str | None = None
    usage: _Usage | None = None


class _Head(msgspec.Struct):
    type: str | None = None


class _Delta(msgspec.Struct):
    type: str | None = None
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    signature: str | None = None
    stop_reason: str | None = None


class _Event(msgspec.Struct):
    type: str
    index: int = 0
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_message = msgspec.json.Decoder(_Message).decode
_decode_head = msgspec.json.Decoder(_Head).decode


class Counted:
    """Tokens as the API tells them, in parts and cumulative."""

    __slots__ = ("cache_creation", "cache_read", "given", "output", "thinking")

    def __init__(self) -> None:
        self.given = 0
        self.output = 0
        self.cache_creation = 0
        self.cache_read = 0
        self.thinking: int | None = None

    def update(self, told: _Usage | None) -> None:
        """Take over what is told; the rest stays."""
        if told is None:
            return
        if told.input_tokens is not None:
            self.given = told.input_tokens
        if told.output_tokens is not None:
            self.output = told.output_tokens
        if told.cache_creation_input_tokens is not None:
            self.cache_creation = told.cache_creation_input_tokens
        if told.cache_read_input_tokens is not None:
            self.cache_read = told.cache_read_input_tokens
        if told.output_tokens_details is not None and told.output_tokens_details.thinking_tokens is not None:
            self.thinking = told.output_tokens_details.thinking_tokens

    @property
    def usage(self) -> Usage:
        """In our form: the prompt includes what came from the cache or went into it."""
        return Usage(self.given + self.cache_creation + self.cache_read, self.output, self.cache_read)

    def told(self) -> dict[str, Any]:
        """In OpenAI's form."""
        details: dict[str, dict[str, int]] = {}
        if self.cache_creation:
            details["prompt_tokens_details"] = {"cache_creation_tokens": self.cache_creation}
        if self.thinking is not None:
            details["completion_tokens_details"] = {"reasoning_tokens": self.thinking}
        return usage_object(self.usage, **details)


def whole_answer(body: bytes, form: AnswerForm) -> Answer:
    """The whole answer of `/v1/messages`.

    Raises:
        BackendBadAnswer: The body is not a message.
        BackendFailed: The body is an error, though the status was 200; its kin, by the error's type.
    """
    try:
        head: _Head = decode_strictly(body, _decode_head)
        if head.type == "error":
            raise_error_object(body)
        message = _decode_message(body)
    except BROKEN:
        raise BackendBadAnswer("Anthropic's answer is not the JSON of its protocol.") from None
    counted = Counted()
    counted.update(message.usage)
    form.model = message.model or form.model
    return form.whole(
        _message(message.content),
        finish_reason=_FINISH.get(message.stop_reason or "", "stop"),
        logprobs=None,
        usage=counted.usage,
        told=counted.told(),
    )


def _message(blocks: list[_Block]) -> dict[str, Any]:
    calls = [
        {"id": block.id, "type": "function", "function": {"name": block.name, "arguments": _arguments(block)}}
        for block in blocks
        if block.type == "tool_use"
    ]
    text = "".join(block.text or "" for block in blocks if block.type == "text")
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text or (None if calls else ""),
        "refusal": None,
    }
    if calls:
        message["tool_calls"] = calls
    thinking = [block for block in blocks if block.type in ("thinking", "redacted_thinking")]
    if thinking:
        message["reasoning_content"] = "".join(block.thinking or "" for block in thinking)
        message["thinking_blocks"] = [_thinking_block(block) for block in thinking]
    return message


def _thinking_block(block: _Block) -> dict[str, Any]:
    """As it must be sent back in the next turn."""
    if block.type == "redacted_thinking":
        return {"type": "redacted_thinking", "data": block.data}
    return {"type": "thinking", "thinking": block.thinking or "", "signature": block.signature or ""}


def _arguments(block: _Block) -> str:
    arguments = bytes(block.input).decode()
    return "{}" if arguments == "null" else arguments


class EventSplitter:
    """Cuts a stream into the data of its events, wherever the reads end.

    Source:
        WHATWG HTML, section 9.2 (2026): framing of server-sent events.
    """

    __slots__ = ("_carry",)

    def __init__(self) -> None:
        self._carry = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of each event that `piece` completes; comments and names of events are dropped.

        Raises:
            BackendBadAnswer: An event is larger than `MAX_EVENT_BYTES`.
        """
        data = self._carry + piece
        # A trailing \r may be half of \r\n: it waits for the next read.
        tail = b"\r" if data.endswith(b"\r") else b""
        if b"\r" in data:
            data = data[: len(data) - len(tail)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *events, rest = data.split(b"\n\n")
        self._carry = rest + tail
        if len(self._carry) > MAX_EVENT_BYTES:
            raise BackendBadAnswer("The model server sent an endless event.")
        return [found for found in map(_data, events) if found]

    def end(self) -> list[bytes]:
        """The last event, if it has no blank line after it."""
        return self.feed(b"\n\n")


def _data(event: bytes) -> bytes:
    lines = (line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:"))
    return b"\n".join(lines).strip()


class AnthropicEvents(Translator):
    """Translates the events of a streamed message into chunks.

    Args:
        form: Writes the chunks.
        wants_usage: Whether the client asked for a usage chunk.
    """

    def __init__(self, form: AnswerForm, *, wants_usage: bool) -> None:
        super().__init__(EventSplitter())
        self._form = form
        self._wants_usage = wants_usage
        self._counted = Counted()
        self._blocks: dict[int, _Open] = {}
        self._calls = 0
        self._stop: str | None = None
        self._actions: dict[str, Callable[[_Event], bytes]] = {
            "message_start": self._begin,
            "content_block_start": self._open,
            "content_block_delta": self._add,
            "content_block_stop": self._close,
            "message_delta": self._finish,
            "message_stop": self._stop_message,
        }

    def translate(self, part: bytes) -> bytes:
        """Chunks for the data of one event."""
        try:
            event: _Event = decode_strictly(part, _decode_event)
        except BROKEN:
            raise BackendBadAnswer("Anthropic sent a broken event.") from None
        if event.type == "error":
            raise_error_object(part)
        # The API adds event types over time (and pings): what is not known changes nothing.
        action = self._actions.get(event.type)
        return action(event) if action is not None else b""

    def _count(self, told: _Usage | None) -> None:
        self._counted.update(told)
        self.usage = self._counted.usage

    def _begin(self, event: _Event) -> bytes:
        if event.message is not None:
            self._count(event.message.usage)
            self._form.model = event.message.model or self._form.model
        return self._form.chunk({"role": "assistant", "content": ""})

    def _open(self, event: _Event) -> bytes:
        block = event.content_block
        if block is None:
            return b""
        opened = self._blocks[event.index] = _Open(block, self._calls)
        if block.type == "tool_use":
            self._calls += 1
            call = {"id": block.id, "type": "function", "function": {"name": block.name, "arguments": ""}}
            return self._form.chunk({"tool_calls": [{"index": opened.call, **call}]})
        delta = {"content": block.text} if block.type == "text" and block.text else {}
        if block.type == "thinking" and block.thinking:
            delta = {"reasoning_content": block.thinking}
        return self._form.chunk(delta) if delta else b""

    def _add(self, event: _Event) -> bytes:
        opened, delta = self._blocks.get(event.index), event.delta
        if opened is None or delta is None:
            return b""
        if delta.text:
            return self._form.chunk({"content": delta.text})
        if delta.partial_json:
            opened.has_arguments = True
            return self._form.chunk(opened.arguments(delta.partial_json))
        if delta.thinking:
            opened.block.thinking = (opened.block.thinking or "") + delta.thinking
            return self._form.chunk({"reasoning_content": delta.thinking})
        if delta.signature:
            opened.block.signature = (opened.block.signature or "") + delta.signature
        return b""

    def _close(self, event: _Event) -> bytes:
        opened = self._blocks.pop(event.index, None)
        if opened is None:
            return b""
        if opened.block.type == "tool_use" and not opened.has_arguments:
            # A call without arguments streams none; OpenAI's clients parse an object.
            return self._form.chunk(opened.arguments(_arguments(opened.block)))
        if opened.block.type in ("thinking", "redacted_thinking"):
            return self._form.chunk({"thinking_blocks": [_thinking_block(opened.block)]})
        return b""

    def _finish(self, event: _Event) -> bytes:
        self._count(event.usage)
        if event.delta is not None and event.delta.stop_reason:
            self._stop = event.delta.stop_reason
        return b""

    def _stop_message(self, event: _Event) -> bytes:
        self.done = True
        events = self._form.chunk({}, finish_reason=_FINISH.get(self._stop or "", "stop"))
        if self._wants_usage:
            events += self._form.usage_chunk(self._counted.told())
        return events


class _Open:
    """A content block that is being streamed."""

    __slots__ = ("block", "call", "has_arguments")

    def __init__(self, block: _Block, call: int) -> None:
        self.block = block
        self.call = call
        self.has_arguments = False

    def arguments(self, text: str) -> dict[str, Any]:
        return {"tool_calls": [{"index": self.call, "function": {"arguments": text}}]}
