"""Chat requests of OpenAI's wire form as bodies of Anthropic's Messages API. Pure: nothing is sent here.

What the API has no form of is refused with a typed error instead of being left out in silence.

Source:
    Claude API reference, platform.claude.com/docs/en/api/messages (2026-11): messages, tools, images, thinking,
    `output_config`.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any

import msgspec

from roundhouse.backends.anthropic_server import AnthropicOptions
from roundhouse.backends.parts import data_url, image_url, is_data_url, refuse_part, text_of
from roundhouse.core.errors import BadInput, NotSupported, UnsupportedContent
from roundhouse.core.types import Fields
from roundhouse.core.wire import read

SAMPLING = ("temperature", "top_p", "top_k")
"""Fields that newer models refuse."""

_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_UNKNOWN_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")
_EFFORTS = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}


def remote_urls(fields: Fields) -> list[str]:
    """Addresses that Anthropic would fetch for this request, each once.

    Raises:
        BadInput: `messages` is malformed.
    """
    found: dict[str, None] = {}
    for message in _messages(fields):
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            if (
                isinstance(part, dict)
                and part.get("type") == "image_url"
                and not is_data_url(image_url(part))
            ):
                found[image_url(part)] = None
    return list(found)


def messages_body(
    fields: Fields, model: str, options: AnthropicOptions, *, stream: bool, without: Container[str] = ()
) -> bytes:
    """The body of `/v1/messages`.

    Args:
        fields: Of the chat request.
        model: Anthropic's name of the model.
        options: Of the provider.
        stream: Whether events are wanted.
        without: Names of `SAMPLING` to leave out.

    Raises:
        BadInput: A field is malformed.
        NotSupported: A field asks what the API cannot do.
        UnsupportedContent: A message part it does not take.
    """
    _refuse(fields)
    body: dict[str, Any] = {"model": model, "stream": stream, "max_tokens": _limit(fields, options)}
    system, messages = _split_messages(_messages(fields))
    if system:
        body["system"] = system
    body["messages"] = messages
    if options.sampling != "drop":
        body.update({name: value for name, value in _sampling(fields).items() if name not in without})
    stop = read(fields, "stop", str | list[str])
    if stop:
        body["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    _add_tools(body, fields)
    _add_output(body, fields, options)
    user = read(fields, "safety_identifier", str) or read(fields, "user", str)
    if user:
        body["metadata"] = {"user_id": user}
    return msgspec.json.encode(body)


def _limit(fields: Fields, options: AnthropicOptions) -> int:
    limit: int | None = read(fields, "max_completion_tokens", int)
    if limit is None:
        limit = read(fields, "max_tokens", int)
    return options.max_tokens if limit is None else limit


def _sampling(fields: Fields) -> dict[str, Any]:
    """Sampling fields that differ from the default, which is the same in both APIs and may be left out."""
    chosen: dict[str, Any] = {}
    temperature = read(fields, "temperature", int | float)
    if temperature is not None and temperature != 1:
        # OpenAI's scale ends at 2, Anthropic's at 1.
        chosen["temperature"] = min(temperature, 1)
    top_p = read(fields, "top_p", int | float)
    if top_p is not None and top_p != 1:
        chosen["top_p"] = top_p
    top_k = read(fields, "top_k", int)
    if top_k is not None:
        chosen["top_k"] = top_k
    return chosen


def _refuse(fields: Fields) -> None:
    if (read(fields, "n", int) or 1) > 1:
        raise NotSupported("Anthropic gives one answer per request: n must be 1.", param="n")
    for name in ("logprobs", "top_logprobs", "logit_bias", "functions", "function_call", "audio"):
        if read(fields, name):
            raise NotSupported(f"Anthropic does not support {name!r}.", param=name)
    for name in ("frequency_penalty", "presence_penalty"):
        if read(fields, name, int | float):
            raise NotSupported(f"Anthropic does not support {name!r}.", param=name)
    if "audio" in (read(fields, "modalities", list[str]) or ()):
        raise NotSupported("Anthropic does not answer with audio.", param="modalities")


def _add_tools(body: dict[str, Any], fields: Fields) -> None:
    tools = read(fields, "tools", list[dict[str, Any]])
    if not tools:
        return
    body["tools"] = [_tool(tool) for tool in tools]
    choice = _tool_choice(read(fields, "tool_choice"))
    if read(fields, "parallel_tool_calls", bool) is False:
        choice = choice or {"type": "auto"}
        if choice["type"] != "none":
            choice["disable_parallel_tool_use"] = True
    if choice:
        body["tool_choice"] = choice


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, dict):
        raise NotSupported(
            f"Anthropic takes tools of type 'function', not {tool.get('type')!r}.", param="tools"
        )
    if not isinstance(function.get("name"), str):
        raise BadInput("A tool must have a function with a name.", param="tools")
    told: dict[str, Any] = {
        "name": function["name"],
        "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
    }
    if function.get("description"):
        told["description"] = function["description"]
    if function.get("strict"):
        told["strict"] = True
    if "cache_control" in tool:
        told["cache_control"] = tool["cache_control"]
    return told


def _tool_choice(choice: Any) -> dict[str, Any] | None:
    if choice is None:
        return None
    named = (
        {"none": "none", "auto": "auto", "required": "any"}.get(choice) if isinstance(choice, str) else None
    )
    if named is not None:
        return {"type": named}
    function = choice.get("function") if isinstance(choice, dict) else None
    if isinstance(function, dict) and isinstance(function.get("name"), str):
        return {"type": "tool", "name": function["name"]}
    raise NotSupported(
        "Anthropic knows tool_choice none, auto, required or one function.", param="tool_choice"
    )


def _add_output(body: dict[str, Any], fields: Fields, options: AnthropicOptions) -> None:
    config: dict[str, Any] = {}
    thinking = read(fields, "thinking", dict[str, Any]) or options.thinking
    effort = read(fields, "reasoning_effort", str)
    if effort == "none":
        thinking = {"type": "disabled"}
    elif effort is not None:
        config["effort"] = _EFFORTS.get(effort, "high")
    if thinking is not None:
        body["thinking"] = thinking
    schema = _schema(fields)
    if schema is not None:
        config["format"] = {"type": "json_schema", "schema": schema}
    if config:
        body["output_config"] = config


def _schema(fields: Fields) -> dict[str, Any] | None:
    shape = read(fields, "response_format", dict[str, Any])
    if shape is None or shape.get("type") == "text":
        return None
    if shape.get("type") == "json_object":
        raise NotSupported(
            "Anthropic needs a schema: use response_format json_schema.", param="response_format"
        )
    outer = shape.get("json_schema")
    schema = outer.get("schema") if isinstance(outer, dict) else None
    if shape.get("type") != "json_schema" or not isinstance(schema, dict):
        raise BadInput(
            "'response_format' must be text or json_schema with a schema.", param="response_format"
        )
    return schema


def _messages(fields: Fields) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] | None = read(fields, "messages", list[dict[str, Any]])
    if not messages:
        raise BadInput("'messages' must hold at least one message.", param="messages")
    return messages


def _split_messages(messages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The system prompt's blocks, and the turns: neighbours of the same role become one turn."""
    system: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = message.get("role")
        if role in ("system", "developer"):
            system += _blocks(message.get("content"))
            continue
        if role == "user":
            blocks = _blocks(message.get("content"))
        elif role == "assistant":
            blocks = _assistant_blocks(message)
        elif role == "tool":
            role, blocks = "user", [_tool_result(message)]
        else:
            raise BadInput(f"Unknown role {role!r}.", param="messages")
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    _trim_begun_answer(turns)
    if not turns:
        raise BadInput("Anthropic needs a message of the user that is not empty.", param="messages")
    return system, turns


def _trim_begun_answer(turns: list[dict[str, Any]]) -> None:
    """An answer that is to be written on may not end with white space: the API refuses that."""
    while turns and turns[-1]["role"] == "assistant":
        blocks = turns[-1]["content"]
        text = blocks[-1].get("text")
        if not isinstance(text, str):
            return
        kept = text.rstrip()
        if kept:
            blocks[-1] = {**blocks[-1], "text": kept}
            return
        blocks.pop()
        if not blocks:
            turns.pop()


def _assistant_blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    # Thinking goes back only as the signed blocks it came in: the API refuses it otherwise.
    thinking = message.get("thinking_blocks")
    blocks = [block for block in thinking if isinstance(block, dict)] if isinstance(thinking, list) else []
    blocks += _blocks(message.get("content"))
    calls = message.get("tool_calls")
    return blocks + [_tool_use(call) for call in (calls if isinstance(calls, list) else ())]


def _tool_use(call: Any) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise BadInput("A tool call must have a function with a name.", param="messages")
    try:
        arguments = msgspec.json.decode(function.get("arguments") or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, TypeError, RecursionError):
        raise BadInput(
            "A tool call's arguments must be a JSON object in a string.", param="messages"
        ) from None
    return {"type": "tool_use", "id": _tool_id(call.get("id")), "name": function["name"], "input": arguments}


def _tool_result(message: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "tool_result", "tool_use_id": _tool_id(message.get("tool_call_id"))}
    content = message.get("content")
    if isinstance(content, list):
        told["content"] = _blocks(content)
    elif content:
        told["content"] = text_of(content)
    return told


def _tool_id(value: Any) -> str:
    """The id with the characters that Anthropic allows: it may come from a call of another vendor."""
    if not isinstance(value, str) or not value:
        raise BadInput("A tool call and its result must have an id.", param="messages")
    return _UNKNOWN_IN_ID.sub("_", value)


def _blocks(content: Any) -> list[dict[str, Any]]:
    if not isinstance(content, list):
        text = text_of(content)
        return [{"type": "text", "text": text}] if text else []
    found: list[dict[str, Any]] = []
    for part in content:
        block = _block(part)
        if block.get("text") != "":
            if "cache_control" in part:
                block["cache_control"] = part["cache_control"]
            found.append(block)
    return found


def _block(part: Any) -> dict[str, Any]:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in ("text", "refusal"):
        return {"type": "text", "text": text_of([part])}
    if kind == "image_url":
        return {"type": "image", "source": _image_source(image_url(part))}
    if kind == "file":
        return _document(part.get("file"))
    raise refuse_part(kind)


def _image_source(url: str) -> dict[str, Any]:
    if not is_data_url(url):
        return {"type": "url", "url": url}
    media_type, data = data_url(url)
    if media_type not in _IMAGES:
        raise UnsupportedContent(f"Anthropic takes {', '.join(_IMAGES)}, not {media_type}.", param="messages")
    return {"type": "base64", "media_type": media_type, "data": data}


def _document(file: Any) -> dict[str, Any]:
    given = file.get("file_data") if isinstance(file, dict) else None
    if not isinstance(given, str):
        raise UnsupportedContent(
            "A file must be sent as 'file_data', a data: URL of a PDF.", param="messages"
        )
    media_type, data = data_url(given)
    if media_type != "application/pdf":
        raise UnsupportedContent(f"Anthropic takes PDF files, not {media_type}.", param="messages")
    block: dict[str, Any] = {
        "type": "document",
        "source": {"type": "base64", "media_type": media_type, "data": data},
    }
    if isinstance(file.get("filename"), str):
        block["title"] = file["filename"]
    return block
