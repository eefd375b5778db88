"""Answers of Ollama's native API, in OpenAI's wire form. Pure: lines in, events out.

Source:
    Ollama API reference, docs.ollama.com/api (2026-11): `/api/chat`, `/api/generate`, streaming, errors.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec

from roundhouse.backends.openai_form import AnswerForm, usage_object
from roundhouse.backends.translated import BROKEN, Translator, decode_strictly
from roundhouse.core.errors import (
    BackendBadAnswer,
    BackendFailed,
    ContextTooLong,
    DoesNotFit,
    NotSupported,
    RoundhouseError,
)
from roundhouse.core.ids import new_id
from roundhouse.core.types import Answer, Usage
from roundhouse.core.wire import raise_error_object

STREAM_TYPES = frozenset(
    {"", "application/x-ndjson", "application/json", "text/plain", "application/octet-stream"}
)
"""Content types that lines come with; proxies rename them."""

MAX_LINE_BYTES = 16 * 1024 * 1024

_TOO_LONG = re.compile(
    r"exceed\w* (the )?(model's |available |maximum )*context|prompt (is )?too long", re.IGNORECASE
)
_NO_MEMORY = re.compile(r"requires more (system )?memory", re.IGNORECASE)
_CANNOT = re.compile(r"does not support", re.IGNORECASE)


ABSENT = msgspec.Raw(b"null")
"""A member that was not sent; `Raw | None` would accept nothing but null."""

Tokens = Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]


class _Function(msgspec.Struct):
    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class _ToolCall(msgspec.Struct):
    function: _Function
    id: str | None = None


class _Token(msgspec.Struct):
    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: list[_Token] | None = None


class _Message(msgspec.Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Line(msgspec.Struct):
    model: str | None = None
    message: _Message | None = None
    response: str | None = None
    thinking: str | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: Tokens | None = None
    eval_count: Tokens | None = None
    logprobs: list[_Token] | None = None
    error: msgspec.Raw = ABSENT


_decode_line = msgspec.json.Decoder(_Line).decode


def refine(error: BackendFailed) -> RoundhouseError:
    """The same error, or the more telling one that Ollama's words mean."""
    if _NO_MEMORY.search(error.detail):
        return DoesNotFit(error.detail)
    if _TOO_LONG.search(error.detail):
        return ContextTooLong(error.detail, param="messages")
    if error.status == 400 and _CANNOT.search(error.detail):
        return NotSupported(error.detail)
    return error


def raise_line_error(error: msgspec.Raw) -> None:
    """Raise what the member `error` of an answer or a line says, if it says anything.

    Raises:
        BackendFailed: And its kin, or what `refine` makes of it.
    """
    if bytes(error) in (b"null", b'""'):
        return
    try:
        raise_error_object(bytes(error))
    except BackendFailed as found:
        raise refine(found) from None


class LineSplitter:
    """Cuts a body into its lines, wherever the reads end."""

    __slots__ = ("_carry",)

    def __init__(self) -> None:
        self._carry = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """The whole lines that `piece` completes, without blank ones.

        Raises:
            BackendBadAnswer: A line is longer than `MAX_LINE_BYTES`.
        """
        *lines, self._carry = (self._carry + piece).split(b"\n")
        if len(self._carry) > MAX_LINE_BYTES:
            raise BackendBadAnswer("The model server sent an endless line.")
        return [line for line in lines if line.strip()]

    def end(self) -> list[bytes]:
        """The last line, if it has no line break."""
        return self.feed(b"\n")


class OllamaLines(Translator):
    """Translates the lines of `/api/chat` or `/api/generate` into events.

    Args:
        form: Writes the events.
        wants_usage: Whether the client asked for a usage chunk.
        one_call: Whether only the first tool call may pass (`parallel_tool_calls: false`).
    """

    def __init__(self, form: AnswerForm, *, wants_usage: bool, one_call: bool = False) -> None:
        super().__init__(LineSplitter())
        self._form = form
        self._wants_usage = wants_usage
        self._one_call = one_call
        self._started = False
        self._calls = 0
        self._offset = 0

    def translate(self, part: bytes) -> bytes:
        """Events for one line."""
        line = _decode(part)
        events = self._chat(line) if self._form.chat else self._text(line)
        if not line.done:
            return events
        self.done = True
        self.usage = _usage(line)
        events += self._form.chunk({}, finish_reason=_finish(line, self._calls))
        if self._wants_usage:
            events += self._form.usage_chunk(usage_object(self.usage))
        return events

    def _chat(self, line: _Line) -> bytes:
        message = line.message or _Message()
        delta: dict[str, Any] = {}
        if not self._started:
            self._started = True
            delta = {"role": "assistant", "content": ""}
        if message.content:
            delta["content"] = message.content
        if message.thinking:
            delta["reasoning_content"] = message.thinking
        calls = _calls(message, self._calls, one_call=self._one_call)
        if calls:
            self._calls += len(calls)
            delta["tool_calls"] = calls
        logprobs = _chat_logprobs(line)
        return self._form.chunk(delta, logprobs=logprobs) if delta or logprobs else b""

    def _text(self, line: _Line) -> bytes:
        if not line.response and not line.logprobs:
            return b""
        told = _text_logprobs(line, self._offset)
        self._offset += len(line.response or "")
        return self._form.chunk({"text": line.response or ""}, logprobs=told)


def whole_answer(body: bytes, form: AnswerForm, *, one_call: bool = False) -> Answer:
    """The whole answer of `/api/chat` or `/api/generate` with `stream: false`.

    Raises:
        BackendBadAnswer: The body is not JSON of the protocol.
        BackendFailed: The body is an error or half an answer; its kin, or what `refine` makes of it.
    """
    line = _decode(body)
    if not line.done:
        raise BackendFailed("Ollama's answer is not complete.")
    usage = _usage(line)
    calls: list[dict[str, Any]] = []
    if not form.chat:
        content: dict[str, Any] = {"text": line.response or ""}
        logprobs = _text_logprobs(line, 0)
    else:
        message = line.message or _Message()
        calls = _calls(message, 0, one_call=one_call)
        content = {
            "role": "assistant",
            "content": message.content or (None if calls else ""),
            "refusal": None,
        }
        if message.thinking:
            content["reasoning_content"] = message.thinking
        if calls:
            content["tool_calls"] = [{name: call[name] for name in call if name != "index"} for call in calls]
        logprobs = _chat_logprobs(line)
    return form.whole(
        content,
        finish_reason=_finish(line, len(calls)),
        logprobs=logprobs,
        usage=usage,
        told=usage_object(usage),
    )


def _decode(raw: bytes) -> _Line:
    try:
        line: _Line = decode_strictly(raw, _decode_line)
    except BROKEN:
        raise BackendBadAnswer("Ollama's answer is not the JSON of its protocol.") from None
    raise_line_error(line.error)
    if line.message is None and line.response is None and not line.done:
        raise BackendBadAnswer("Ollama's answer has neither a message nor a response.")
    return line


def _usage(line: _Line) -> Usage:
    return Usage(line.prompt_eval_count or 0, line.eval_count or 0)


def _finish(line: _Line, calls: int) -> str:
    if calls:
        return "tool_calls"
    # The other reasons (stop, load, unload) all mean that nothing was cut off.
    return "length" if line.done_reason == "length" else "stop"


def _calls(message: _Message, before: int, *, one_call: bool) -> list[dict[str, Any]]:
    calls = message.tool_calls or []
    if one_call:
        calls = calls[: max(0, 1 - before)]
    return [
        {
            "index": index,
            "id": call.id or new_id("call"),
            "type": "function",
            # Ollama writes the arguments as an object, OpenAI as its text.
            "function": {"name": call.function.name, "arguments": _arguments(call.function)},
        }
        for index, call in enumerate(calls, before)
    ]


def _arguments(function: _Function) -> str:
    arguments = bytes(function.arguments).decode()
    return "{}" if arguments == "null" else arguments


def _chat_logprobs(line: _Line) -> dict[str, Any] | None:
    if not line.logprobs:
        return None
    return {
        "content": [
            {**_token(token), "top_logprobs": [_token(other) for other in token.top_logprobs or ()]}
            for token in line.logprobs
        ]
    }


def _token(token: _Token) -> dict[str, Any]:
    spelled = token.bytes if token.bytes is not None else list(token.token.encode("utf-8", "surrogatepass"))
    return {"token": token.token, "logprob": token.logprob, "bytes": spelled}


def _text_logprobs(line: _Line, offset: int) -> dict[str, Any] | None:
    if not line.logprobs:
        return None
    offsets: list[int] = []
    for token in line.logprobs:
        offsets.append(offset)
        offset += len(token.token)
    return {
        "tokens": [token.token for token in line.logprobs],
        "token_logprobs": [token.logprob for token in line.logprobs],
        "top_logprobs": [
            {other.token: other.logprob for other in token.top_logprobs or ()} for token in line.logprobs
        ],
        "text_offset": offsets,
    }
