"""The response object, and how it is made of a chat completion.

Source:
    OpenAI API reference (2026-11): the response object; the chat completion object.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from roundhouse.core.errors import BackendBadAnswer, BackendBusy, Busy, RoundhouseError
from roundhouse.core.ids import new_id
from roundhouse.core.types import Fields, Usage
from roundhouse.features.gateway.responses.reading import ABSENT
from roundhouse.features.gateway.responses.request import wants_logprobs

Status = Literal["in_progress", "completed", "incomplete"]

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_ECHO: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": None,
    "user": None,
    "metadata": {},
}
"""Members of a request that its answer repeats, with what they mean when they are not given."""


class FunctionPart(msgspec.Struct):
    """What a call calls, whole or a piece of it."""

    name: str | None = None
    arguments: Any = None


class CallPart(msgspec.Struct):
    """A tool call of a chat, whole or a piece of it."""

    id: str | None = None
    index: int | None = None
    function: FunctionPart | None = None


class MessagePart(msgspec.Struct):
    """A chat's `message` or `delta`; model servers call reasoning by two names."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: list[CallPart] | None = None

    @property
    def thought(self) -> str:
        """Reasoning, empty when there is none."""
        told = self.reasoning_content or self.reasoning
        return told if isinstance(told, str) else ""


class ChatChoice(msgspec.Struct):
    """One choice of a chat completion or chunk."""

    index: int | None = None
    message: MessagePart | None = None
    delta: MessagePart | None = None
    finish_reason: str | None = None
    logprobs: msgspec.Raw = ABSENT


class _Details(msgspec.Struct):
    cached_tokens: float | None = None
    cache_write_tokens: float | None = None
    reasoning_tokens: float | None = None


class ChatUsage(msgspec.Struct):
    """A chat's `usage`."""

    prompt_tokens: float | None = None
    completion_tokens: float | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


class Chat(msgspec.Struct):
    """A chat completion, or a chunk of one."""

    choices: list[ChatChoice] | None = None
    usage: ChatUsage | None = None
    model: str | None = None
    service_tier: str | None = None


class _Logprobs(msgspec.Struct):
    content: list[msgspec.Raw] | None = None


_decoder = msgspec.json.Decoder(Chat)
_logprobs_decoder = msgspec.json.Decoder(_Logprobs)


def read_chat(body: bytes) -> Chat:
    """A chat completion or chunk; raises BackendBadAnswer when it is none."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BackendBadAnswer("The model server's answer is not a chat completion.") from None


def read_logprobs(choice: ChatChoice) -> list[msgspec.Raw]:
    """The logprobs of a choice's text, which both APIs write alike; raises BackendBadAnswer."""
    if choice.logprobs == ABSENT:
        return []
    try:
        return _logprobs_decoder.decode(choice.logprobs).content or []
    except msgspec.DecodeError:
        raise BackendBadAnswer("The model server's logprobs are not those of a chat completion.") from None


class ResponseObject:
    """Writes one response object at every stage of its life.

    Args:
        asked: The request.

    Attributes:
        model: Name told in the object.
        service_tier: As the model server told it.
    """

    def __init__(self, asked: Fields) -> None:
        self._asked = asked
        self._id = new_id("resp")
        self._created_s = int(time.time())
        self.model: Any = asked.get("model", ABSENT)
        self.service_tier: str | None = None

    def note(self, chat: Chat) -> None:
        """Take over which model answered, and how."""
        self.model = chat.model or self.model
        self.service_tier = chat.service_tier or self.service_tier

    def running(self) -> dict[str, Any]:
        """The object at its begin."""
        return self._at("in_progress", [])

    def ended(
        self, output: list[dict[str, Any]], finish_reason: str | None, usage: dict[str, Any] | None
    ) -> dict[str, Any]:
        """The object of an answer that came to its end."""
        reason = _INCOMPLETE.get(finish_reason or "")
        if reason is None:
            return self._at("completed", output, usage=usage, completed_at=int(time.time()))
        return self._at("incomplete", output, usage=usage, incomplete_details={"reason": reason})

    def failed(self, output: list[dict[str, Any]], error: RoundhouseError) -> dict[str, Any]:
        """The object of an answer that broke off."""
        return self._at("failed", output, error=_error(error))

    def _at(self, status: str, output: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        echo = {
            name: given if (given := self._asked.get(name, ABSENT)) != ABSENT else meant
            for name, meant in _ECHO.items()
        }
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created_s,
            "status": status,
            "background": False,
            "completed_at": None,
            "error": None,
            "incomplete_details": None,
            "model": self.model,
            "output": output,
            "previous_response_id": None,
            "service_tier": self.service_tier,
            "store": False,
            "truncation": "disabled",
            "usage": None,
            **echo,
            **more,
        }


def _error(error: RoundhouseError) -> dict[str, Any]:
    """`code` is of the API's own short list; our own is in the event `error`."""
    code = "server_error" if error.status >= 500 else "invalid_prompt"
    if isinstance(error, (Busy, BackendBusy)):
        code = "rate_limit_exceeded"
    return {"code": code, "message": error.detail, "type": error.kind, "param": error.param}


def item_status(finish_reason: str | None) -> Status:
    """Status of the items of an answer that ended so."""
    return "incomplete" if finish_reason in _INCOMPLETE else "completed"


def text_part(text: str, logprobs: Sequence[msgspec.Raw] = ()) -> dict[str, Any]:
    """Text of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


def refusal_part(refusal: str) -> dict[str, Any]:
    """The model's refusal, in a message."""
    return {"type": "refusal", "refusal": refusal}


def reasoning_part(text: str) -> dict[str, Any]:
    """Reasoning as it came."""
    return {"type": "reasoning_text", "text": text}


def message_item(item_id: str, parts: list[dict[str, Any]], status: Status) -> dict[str, Any]:
    """The assistant's message."""
    return {"type": "message", "id": item_id, "role": "assistant", "status": status, "content": parts}


def reasoning_item(item_id: str, parts: list[dict[str, Any]], status: Status) -> dict[str, Any]:
    """What the model thought before it answered."""
    return {"type": "reasoning", "id": item_id, "summary": [], "content": parts, "status": status}


def call_item(item_id: str, call_id: str, name: str, arguments: str, status: Status) -> dict[str, Any]:
    """A call of one of the client's functions."""
    return {
        "type": "function_call",
        "id": item_id,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
        "status": status,
    }


def arguments_text(arguments: Any) -> str:
    """Arguments as the text they have to be; some model servers send the object itself."""
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return msgspec.json.encode(arguments).decode()


def usage_object(usage: ChatUsage | None, counted: Usage | None = None) -> dict[str, Any] | None:
    """The member `usage`, None when nothing was told.

    Args:
        usage: As the model server told it.
        counted: What was counted of it on the way, when that is all there is.
    """
    if usage is None:
        if counted is None or not counted.total_tokens:
            return None
        usage = ChatUsage(counted.prompt_tokens, counted.completion_tokens, _Details(counted.cached_tokens))
    prompt, completion = int(usage.prompt_tokens or 0), int(usage.completion_tokens or 0)
    read = usage.prompt_tokens_details or _Details()
    written = usage.completion_tokens_details or _Details()
    return {
        "input_tokens": prompt,
        "input_tokens_details": {
            "cached_tokens": int(read.cached_tokens or 0),
            "cache_write_tokens": int(read.cache_write_tokens or 0),
        },
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": int(written.reasoning_tokens or 0)},
        "total_tokens": prompt + completion,
    }


def response_from_chat(body: bytes, asked: Fields) -> bytes:
    """The whole response of a chat completion.

    Raises:
        BackendBadAnswer: It is not a chat completion.
    """
    chat = read_chat(body)
    if not chat.choices or chat.choices[0].message is None:
        raise BackendBadAnswer("The model server's answer has no message.")
    choice = chat.choices[0]
    logprobs = read_logprobs(choice) if wants_logprobs(asked) else []
    written = ResponseObject(asked)
    written.note(chat)
    output = _output(chat.choices[0].message, logprobs, item_status(choice.finish_reason))
    response = written.ended(output, choice.finish_reason, usage_object(chat.usage))
    return msgspec.json.encode(response)


def _output(message: MessagePart, logprobs: list[msgspec.Raw], status: Status) -> list[dict[str, Any]]:
    output: list[dict[str, Any]] = []
    if message.thought:
        output.append(reasoning_item(new_id("rs"), [reasoning_part(message.thought)], status))
    calls = message.tool_calls or []
    if message.content or message.refusal or not calls:
        parts = [text_part(message.content or "", logprobs)] if message.content or not message.refusal else []
        if message.refusal:
            parts.append(refusal_part(message.refusal))
        output.append(message_item(new_id("msg"), parts, status))
    for call in calls:
        function = call.function or FunctionPart()
        arguments = arguments_text(function.arguments)
        call_id = call.id or new_id("call")
        output.append(call_item(new_id("fc"), call_id, function.name or "", arguments, status))
    return output
