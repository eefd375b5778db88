"""A request of the Responses API as the members of a chat completion.

Source:
    OpenAI API reference (2026-11): create a model response; create a chat completion.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from roundhouse.core.errors import BadInput, NotSupported
from roundhouse.core.types import Fields
from roundhouse.core.wire import read
from roundhouse.features.gateway.responses.conversation import messages
from roundhouse.features.gateway.responses.reading import ABSENT, opened

_LOGPROBS = "message.output_text.logprobs"
_PASSED: dict[str, Any] = {
    "model": str,
    "stream": bool,
    "temperature": float,
    "top_p": float,
    "user": str,
    "safety_identifier": str,
    "service_tier": str,
    "prompt_cache_key": str,
    "prompt_cache_options": dict[str, Any],
    "prompt_cache_retention": str,
}
"""Members that both APIs have. `metadata` is not one: a chat completion takes it only to store it."""

_ECHOED: dict[str, Any] = {
    "instructions": str,
    "max_tool_calls": int,
    "metadata": dict[str, str],
    "store": bool,
    "truncation": Literal["auto", "disabled"],
}
"""Members that the answer repeats, so that their types must be right, but no chat completion has."""

_REFUSED = {
    "previous_response_id": "Answers are not stored: send the whole conversation as 'input'.",
    "conversation": "Conversations are not stored here: send the whole conversation as 'input'.",
    "prompt": "Prompt templates are not stored here: send 'instructions' and 'input'.",
    "background": "Responses do not run in the background; use 'stream'.",
    "context_management": "The input is never compacted.",
    "moderation": "Moderation is not part of this API here.",
}


class _Tool(msgspec.Struct):
    type: str
    name: str | None = None
    description: str | None = None
    parameters: msgspec.Raw = ABSENT
    strict: bool | None = None


class _Named(msgspec.Struct):
    type: str
    name: str | None = None
    mode: str | None = None
    tools: list[_Tool] | None = None


class _Format(msgspec.Struct):
    type: str = "text"
    name: str | None = None
    description: str | None = None
    schema: msgspec.Raw = ABSENT
    strict: bool | None = None


class _Text(msgspec.Struct):
    format: _Format | None = None
    verbosity: str | None = None


class _Reasoning(msgspec.Struct):
    effort: str | None = None


def chat_fields(asked: Fields) -> Fields:
    """The chat completion that answers a request.

    Raises:
        BadInput: A member is malformed.
        NotSupported: It asks for stored state, or for a tool that is not the client's own.
    """
    for name, why in _REFUSED.items():
        if read(asked, name):
            raise NotSupported(why, param=name)
    for name, kind in _ECHOED.items():
        read(asked, name, kind)
    for name, kind in _PASSED.items():
        read(asked, name, kind)
    members: dict[str, Any] = {
        "messages": messages(asked),
        **_limits(asked),
        **_text(asked),
        **_tools(asked),
        **_logprobs(asked),
    }
    if read(asked, "stream", bool):
        # The last event tells the usage.
        members["stream_options"] = {"include_usage": True}
    passed = {name: asked[name] for name in _PASSED if name in asked}
    return passed | {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in members.items()}


def wants_logprobs(asked: Fields) -> bool:
    """Whether the answer's text is to have its logprobs."""
    return _LOGPROBS in (read(asked, "include", list[str]) or ())


def _limits(asked: Fields) -> dict[str, Any]:
    members: dict[str, Any] = {}
    limit = read(asked, "max_output_tokens", int)
    if limit is not None:
        if limit < 1:
            raise BadInput("'max_output_tokens' must be at least 1.", param="max_output_tokens")
        members["max_completion_tokens"] = limit
    reasoning = read(asked, "reasoning", _Reasoning)
    if reasoning is not None and reasoning.effort is not None:
        members["reasoning_effort"] = reasoning.effort
    return members


def _text(asked: Fields) -> dict[str, Any]:
    text = read(asked, "text", _Text)
    if text is None:
        return {}
    members: dict[str, Any] = {}
    if text.verbosity is not None:
        members["verbosity"] = text.verbosity
    form = text.format
    if form is None or form.type == "text":
        return members
    if form.type == "json_object":
        members["response_format"] = {"type": "json_object"}
    elif form.type == "json_schema":
        if not form.name or form.schema == ABSENT:
            raise BadInput("'text.format' needs a 'name' and a 'schema'.", param="text.format")
        members["response_format"] = {"type": "json_schema", "json_schema": _described(form, "schema")}
    else:
        raise NotSupported(f"Texts have no format {form.type!r} here.", param="text.format.type")
    return members


def _described(given: _Format | _Tool, schema: str) -> dict[str, Any]:
    """Name, description, schema and strictness; what was not given stays away."""
    members = {
        "name": given.name,
        "description": given.description,
        schema: getattr(given, schema),
        "strict": given.strict,
    }
    return {name: value for name, value in members.items() if value is not None and value != ABSENT}


def _tools(asked: Fields) -> dict[str, Any]:
    given = read(asked, "tools", list[msgspec.Raw]) or []
    tools = [
        _tool(opened(raw, _Tool, f"tools[{place}]"), f"tools[{place}]") for place, raw in enumerate(given)
    ]
    choice = _tool_choice(read(asked, "tool_choice", str | _Named))
    parallel = read(asked, "parallel_tool_calls", bool)
    if not tools:
        if choice not in (None, "auto", "none"):
            raise BadInput("'tool_choice' asks for a tool and 'tools' has none.", param="tool_choice")
        # Model servers refuse both members where there are no tools.
        return {}
    members = {"tools": tools, "tool_choice": choice, "parallel_tool_calls": parallel}
    return {name: value for name, value in members.items() if value is not None}


def _tool(tool: _Tool, place: str) -> dict[str, Any]:
    if tool.type != "function":
        raise NotSupported(
            f"Tools of type {tool.type!r} are not served, only functions.", param=f"{place}.type"
        )
    if not tool.name:
        raise BadInput(f"{place} has no 'name'.", param=f"{place}.name")
    return {"type": "function", "function": _described(tool, "parameters")}


def _tool_choice(choice: str | _Named | None) -> Any:
    if choice is None or choice in ("none", "auto", "required"):
        return choice
    if isinstance(choice, str):
        raise BadInput("'tool_choice' is none, auto, required or an object.", param="tool_choice")
    if choice.type == "function" and choice.name:
        return _function_name(choice.name)
    if choice.type == "allowed_tools":
        allowed = [_allowed(tool) for tool in choice.tools or ()]
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode or "auto", "tools": allowed}}
    raise NotSupported(f"'tool_choice' cannot be of type {choice.type!r} here.", param="tool_choice")


def _allowed(tool: _Tool) -> dict[str, Any]:
    if tool.type != "function" or not tool.name:
        raise NotSupported("'tool_choice' can allow named functions only.", param="tool_choice.tools")
    return _function_name(tool.name)


def _function_name(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def _logprobs(asked: Fields) -> dict[str, Any]:
    for place, name in enumerate(read(asked, "include", list[str]) or ()):
        # Encrypted reasoning belongs to reasoning items of OpenAI's models; there are none, so none lacks it.
        if name not in (_LOGPROBS, "reasoning.encrypted_content"):
            raise NotSupported(f"An answer cannot include {name!r}.", param=f"include[{place}]")
    most = read(asked, "top_logprobs", int)
    if not wants_logprobs(asked):
        return {}
    return {"logprobs": True} if most is None else {"logprobs": True, "top_logprobs": most}
