"""The events of a response, made of the chunks of a chat.

Source:
    OpenAI API reference (2026-11): streaming events of the Responses API. There is no `[DONE]`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import Any, Protocol

import msgspec

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.ids import new_id
from roundhouse.core.types import Fields
from roundhouse.engine.model import Running
from roundhouse.features.gateway.responses.answer import (
    CallPart,
    Chat,
    ChatChoice,
    ChatUsage,
    FunctionPart,
    ResponseObject,
    Status,
    arguments_text,
    call_item,
    item_status,
    message_item,
    read_chat,
    read_logprobs,
    reasoning_item,
    reasoning_part,
    refusal_part,
    text_part,
    usage_object,
)
from roundhouse.features.gateway.responses.request import wants_logprobs
from roundhouse.infra.web import error_object

_encoder = msgspec.json.Encoder()


class _Events:
    """Numbers the events and writes them, named as the API names them."""

    def __init__(self) -> None:
        self._count = 0

    def write(self, kind: str, **members: Any) -> bytes:
        """One event."""
        body = _encoder.encode({"type": kind, "sequence_number": self._count, **members})
        self._count += 1
        return b"event: %s\ndata: %s\n\n" % (kind.encode(), body)


class _Item(Protocol):
    """One item of the output, while it grows."""

    thought: bool
    """Whether it is reasoning, which is no answer yet."""

    def close(self, status: Status) -> Iterator[bytes]:
        """The events of its end; none when it has ended before."""
        ...

    def whole(self, status: Status) -> dict[str, Any]:
        """The item as far as it came, or as it ended."""
        ...


class _TextPart:
    """One part of a message or of reasoning: its pieces are joined once, at the end."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._pieces: list[str] = []
        self._logprobs: list[msgspec.Raw] = []

    def add(self, text: str, logprobs: list[msgspec.Raw]) -> dict[str, Any]:
        """Grow; returns the members of the delta's event."""
        self._pieces.append(text)
        self._logprobs += logprobs
        return {"delta": text, "logprobs": logprobs} if self.kind == "output_text" else {"delta": text}

    def whole(self) -> dict[str, Any]:
        """The part as far as it came."""
        text = "".join(self._pieces)
        if self.kind == "output_text":
            return text_part(text, self._logprobs)
        return refusal_part(text) if self.kind == "refusal" else reasoning_part(text)


_EVENTS_OF = {
    "output_text": "response.output_text",
    "refusal": "response.refusal",
    "reasoning_text": "response.reasoning_text",
}


class _TextItem:
    """A message, or reasoning: parts of text.

    Args:
        events: Writes them.
        place: Index in the output.
        thought: Whether it is reasoning.
    """

    def __init__(self, events: _Events, place: int, *, thought: bool) -> None:
        self._events = events
        self._place = place
        self._id = new_id("rs" if thought else "msg")
        self._form = reasoning_item if thought else message_item
        self._parts: list[_TextPart] = []
        self._ended: Status | None = None
        self.thought = thought

    def open(self) -> bytes:
        """The event of its begin."""
        item = self._form(self._id, [], "in_progress")
        return self._events.write("response.output_item.added", output_index=self._place, item=item)

    def add(self, kind: str, text: str, logprobs: list[msgspec.Raw]) -> Iterator[bytes]:
        """Grow the last part, or begin one of another kind."""
        if not self._parts or self._parts[-1].kind != kind:
            yield from self._close_part()
            self._parts.append(_TextPart(kind))
            yield self._write("response.content_part.added", part=self._parts[-1].whole())
        if text:
            yield self._write(f"{_EVENTS_OF[kind]}.delta", **self._parts[-1].add(text, logprobs))

    def close(self, status: Status) -> Iterator[bytes]:
        """The events of its end; none when it has ended before."""
        if self._ended is not None:
            return
        yield from self._close_part()
        self._ended = status
        yield self._events.write(
            "response.output_item.done", output_index=self._place, item=self.whole(status)
        )

    def whole(self, status: Status) -> dict[str, Any]:
        """The item as far as it came, or as it ended."""
        return self._form(self._id, [part.whole() for part in self._parts], self._ended or status)

    def _close_part(self) -> Iterator[bytes]:
        if not self._parts:
            return
        part = self._parts[-1].whole()
        told = {name: part[name] for name in ("text", "refusal", "logprobs") if name in part}
        yield self._write(f"{_EVENTS_OF[part['type']]}.done", **told)
        yield self._write("response.content_part.done", part=part)

    def _write(self, kind: str, **members: Any) -> bytes:
        place = {"item_id": self._id, "output_index": self._place, "content_index": len(self._parts) - 1}
        return self._events.write(kind, **place, **members)


class _CallItem:
    """A function call.

    Args:
        events: Writes them.
        place: Index in the output.
        call: Its first piece.
    """

    def __init__(self, events: _Events, place: int, call: CallPart) -> None:
        self._events = events
        self._place = place
        self._id = new_id("fc")
        self._name = ""
        self._pieces: list[str] = []
        self._ended: Status | None = None
        self.thought = False
        self.call_id = call.id or new_id("call")

    def open(self, function: FunctionPart) -> bytes:
        """The event of its begin."""
        self._name = function.name or ""
        return self._events.write(
            "response.output_item.added", output_index=self._place, item=self.whole("in_progress")
        )

    def add(self, function: FunctionPart) -> Iterator[bytes]:
        """Grow by a piece of the arguments."""
        self._name = self._name or function.name or ""
        piece = arguments_text(function.arguments)
        if piece:
            self._pieces.append(piece)
            yield self._write("response.function_call_arguments.delta", delta=piece)

    def close(self, status: Status) -> Iterator[bytes]:
        """The events of its end; none when it has ended before."""
        if self._ended is not None:
            return
        self._ended = status
        item = self.whole(status)
        yield self._write(
            "response.function_call_arguments.done", name=self._name, arguments=item["arguments"]
        )
        yield self._events.write("response.output_item.done", output_index=self._place, item=item)

    def whole(self, status: Status) -> dict[str, Any]:
        """The item as far as it came, or as it ended."""
        arguments = "".join(self._pieces)
        return call_item(self._id, self.call_id, self._name, arguments, self._ended or status)

    def _write(self, kind: str, **members: Any) -> bytes:
        return self._events.write(kind, item_id=self._id, output_index=self._place, **members)


class ResponseStream:
    """One response as events. Iterate once; when that raises, `failed` gives the last events.

    Texts follow each other; calls stay open to the end, because model servers may send theirs interleaved.

    Args:
        running: The chat's chunks.
        asked: The request.
    """

    def __init__(self, running: Running, asked: Fields) -> None:
        self._running = running
        self._events = _Events()
        self._response = ResponseObject(asked)
        self._with_logprobs = wants_logprobs(asked)
        self._items: list[_Item] = []
        self._text: _TextItem | None = None
        self._calls: dict[int, _CallItem] = {}
        self._begun = False
        self._finish_reason: str | None = None
        self._usage: ChatUsage | None = None

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        """Whole events; raises what the running chat raises, and BackendBadAnswer."""
        async for piece in self._running:
            written = b"".join(self._take_piece(piece))
            if written:
                yield written
        yield b"".join(self._end())

    def failed(self, error: RoundhouseError) -> bytes:
        """The last events of a response that broke off.

        `error` holds its object a second time under that name: so the official clients raise it, even for a
        reader who looks at texts only.
        """
        begun = b"".join(self._begin())
        output = [item.whole("incomplete") for item in self._items]
        failed = self._events.write("response.failed", response=self._response.failed(output, error))
        told = error_object(error)
        flat = {name: told[name] for name in ("code", "message", "param")}
        return begun + failed + self._events.write("error", **flat, error=told)

    def _take_piece(self, piece: bytes) -> Iterator[bytes]:
        for line in piece.split(b"\n\n"):
            if line.startswith(b"data:"):
                yield from self._take(read_chat(line[5:]))
            elif line.startswith(b":"):
                # A comment keeps the connection alive on its whole way.
                yield line + b"\n\n"

    def _take(self, chat: Chat) -> Iterator[bytes]:
        self._response.note(chat)
        yield from self._begin()
        self._usage = chat.usage or self._usage
        for choice in chat.choices or ():
            if not choice.index:
                yield from self._take_choice(choice)

    def _begin(self) -> Iterator[bytes]:
        if not self._begun:
            self._begun = True
            for kind in ("response.created", "response.in_progress"):
                yield self._events.write(kind, response=self._response.running())

    def _take_choice(self, choice: ChatChoice) -> Iterator[bytes]:
        self._finish_reason = choice.finish_reason or self._finish_reason
        delta = choice.delta
        if delta is None:
            return
        if delta.thought:
            yield from self._say("reasoning_text", delta.thought, [])
        if delta.content:
            logprobs = read_logprobs(choice) if self._with_logprobs else []
            yield from self._say("output_text", delta.content, logprobs)
        if delta.refusal:
            yield from self._say("refusal", delta.refusal, [])
        for call in delta.tool_calls or ():
            yield from self._take_call(call)

    def _say(self, kind: str, text: str, logprobs: list[msgspec.Raw]) -> Iterator[bytes]:
        thought = kind == "reasoning_text"
        item = self._text
        if item is None or item.thought != thought:
            yield from self._close_text()
            item = self._text = _TextItem(self._events, len(self._items), thought=thought)
            self._items.append(item)
            yield item.open()
        yield from item.add(kind, text, logprobs)

    def _close_text(self) -> Iterator[bytes]:
        if self._text is not None:
            yield from self._text.close("completed")
            self._text = None

    def _take_call(self, call: CallPart) -> Iterator[bytes]:
        index = call.index or 0
        function = call.function or FunctionPart()
        item = self._calls.get(index)
        # Servers that leave the index out, or send 0 for each, tell the next call by its name and another id.
        if item is None or (call.id and function.name and call.id != item.call_id):
            yield from self._close_text()
            item = self._calls[index] = _CallItem(self._events, len(self._items), call)
            self._items.append(item)
            yield item.open(function)
        yield from item.add(function)

    def _end(self) -> Iterator[bytes]:
        yield from self._begin()
        if all(item.thought for item in self._items):
            yield from self._say("output_text", "", [])
        status = item_status(self._finish_reason)
        for item in self._items:
            yield from item.close(status)
        output = [item.whole(status) for item in self._items]
        usage = usage_object(self._usage, self._running.usage)
        response = self._response.ended(output, self._finish_reason, usage)
        yield self._events.write(f"response.{response['status']}", response=response)
