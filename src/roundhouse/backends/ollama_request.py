"""Requests of OpenAI's wire form as bodies of Ollama's native API. Pure: nothing is fetched or sent here.

What Ollama has no form of is refused with a typed error instead of being left out in silence.

Source:
    Ollama API reference, docs.ollama.com/api (2026-11): `/api/chat`, `/api/generate`, options, `think`.
    ollama/ollama pull request 17944 (2026-08): `truncate` and `shift` of `/api/chat` and `/api/generate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from roundhouse.backends.parts import data_url, image_url, is_data_url, text_of
from roundhouse.core.errors import BadInput, NotSupported, UnsupportedContent
from roundhouse.core.types import Fields
from roundhouse.core.wire import read

_SAMPLING = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "repeat_penalty",
)
_EFFORTS: dict[str, bool | str] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
}


class OllamaOptions(msgspec.Struct, frozen=True):
    """What an operator may set for a provider of kind `ollama`.

    Attributes:
        keep_alive_s: A model stays in memory this long after a call; None = Ollama's own, negative = always.
        num_ctx: Context window a model is loaded with, in tokens; None = Ollama's own.
        truncate: Let Ollama drop the oldest text of a prompt that is too long, instead of refusing it.
        options: More of Ollama's own options, e.g. `{"num_gpu": 20}`.
        manages_memory: Whether models are loaded and unloaded from here; false for Ollama's cloud.
    """

    keep_alive_s: float | None = None
    num_ctx: int | None = None
    truncate: bool = False
    options: dict[str, Any] = {}
    manages_memory: bool = True

    def runner(self) -> dict[str, Any]:
        """Ollama's options of every call; other values would make it load the model anew."""
        return self.options if self.num_ctx is None else {**self.options, "num_ctx": self.num_ctx}


def read_options(options: Mapping[str, Any]) -> OllamaOptions:
    """The provider's options.

    Raises:
        BadInput: One of them has the wrong type.
    """
    try:
        return msgspec.convert(dict(options), OllamaOptions)
    except msgspec.ValidationError as error:
        raise BadInput(f"The provider's options: {error}", param="options") from None


def remote_images(fields: Fields) -> list[str]:
    """Addresses of the images that must be fetched before `chat_body` can be called, each once.

    Raises:
        BadInput: `messages` is malformed.
    """
    found: dict[str, None] = {}
    for message in _messages(fields):
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and part.get("type") == "image_url":
                url = image_url(part)
                if not is_data_url(url):
                    found[url] = None
    return list(found)


def chat_body(
    fields: Fields, model: str, options: OllamaOptions, *, stream: bool, images: Mapping[str, str] = {}
) -> bytes:
    """The body of `/api/chat`.

    Args:
        fields: Of the chat request.
        model: Ollama's name of the model.
        options: Of the provider.
        stream: Whether lines are wanted.
        images: Base64 by address, for each address `remote_images` told.

    Raises:
        BadInput: A field is malformed.
        NotSupported: A field asks what Ollama cannot do.
        UnsupportedContent: A message part is neither text nor image.
    """
    _refuse(fields)
    body = _common(fields, model, options, stream=stream)
    body["messages"] = _translate_messages(_messages(fields), images)
    tools = _tools(fields)
    if tools:
        body["tools"] = tools
    shape = _format(fields)
    if shape is not None:
        body["format"] = shape
    if read(fields, "logprobs", bool):
        body["logprobs"] = True
        body["top_logprobs"] = read(fields, "top_logprobs", int) or 0
    return msgspec.json.encode(body)


def generate_body(fields: Fields, model: str, options: OllamaOptions, *, stream: bool) -> bytes:
    """The body of `/api/generate` for a legacy completion. Raises like `chat_body`."""
    _refuse(fields)
    if read(fields, "echo"):
        raise NotSupported("Ollama does not support 'echo'.", param="echo")
    if (read(fields, "best_of", int) or 1) > 1:
        raise NotSupported("Ollama gives one answer per request.", param="best_of")
    prompt = read(fields, "prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if isinstance(prompt, list):
        raise NotSupported("Ollama takes one text prompt per request.", param="prompt")
    if not isinstance(prompt, str) or not prompt:
        # An empty prompt would only load the model and answer nothing.
        raise BadInput("'prompt' must be a text.", param="prompt")
    body = _common(fields, model, options, stream=stream)
    body.update(prompt=prompt, raw=False)
    suffix = read(fields, "suffix", str)
    if suffix:
        body["suffix"] = suffix
    logprobs = read(fields, "logprobs", int)
    if logprobs is not None:
        body.update(logprobs=True, top_logprobs=logprobs)
    return msgspec.json.encode(body)


def _common(fields: Fields, model: str, options: OllamaOptions, *, stream: bool) -> dict[str, Any]:
    chosen = dict(options.runner())
    for name in _SAMPLING:
        number = read(fields, name, int | float)
        if number is not None:
            chosen[name] = number
    limit = read(fields, "max_completion_tokens", int)
    if limit is None:
        limit = read(fields, "max_tokens", int)
    if limit is not None:
        chosen["num_predict"] = limit
    stop = read(fields, "stop", str | list[str])
    if stop:
        chosen["stop"] = [stop] if isinstance(stop, str) else stop
    body: dict[str, Any] = {"model": model, "stream": stream, "options": chosen}
    if not options.truncate:
        body["truncate"] = False
    if options.keep_alive_s is not None:
        body["keep_alive"] = options.keep_alive_s
    think = _think(fields)
    if think is not None:
        body["think"] = think
    return body


def _think(fields: Fields) -> bool | str | None:
    think: bool | str | None = read(fields, "think", bool | str)
    if think is not None:
        return think
    effort = read(fields, "reasoning_effort", str)
    return None if effort is None else _EFFORTS.get(effort, "high")


def _refuse(fields: Fields) -> None:
    if (read(fields, "n", int) or 1) > 1:
        raise NotSupported("Ollama gives one answer per request: n must be 1.", param="n")
    for name in ("logit_bias", "functions", "function_call", "audio", "web_search_options"):
        if read(fields, name):
            raise NotSupported(f"Ollama does not support {name!r}.", param=name)
    if "audio" in (read(fields, "modalities", list[str]) or ()):
        raise NotSupported("Ollama does not answer with audio.", param="modalities")


def _tools(fields: Fields) -> list[Any]:
    tools: list[dict[str, Any]] = read(fields, "tools", list[dict[str, Any]]) or []
    for tool in tools:
        if tool.get("type") != "function":
            raise NotSupported(
                f"Ollama takes tools of type 'function', not {tool.get('type')!r}.", param="tools"
            )
    choice = read(fields, "tool_choice")
    if choice == "none":
        return []
    if choice not in (None, "auto"):
        raise NotSupported("Ollama cannot be made to call a tool: use auto or none.", param="tool_choice")
    return tools


def _format(fields: Fields) -> Any:
    shape = read(fields, "response_format", dict[str, Any])
    if shape is None or shape.get("type") == "text":
        return None
    if shape.get("type") == "json_object":
        return "json"
    schema = shape.get("json_schema")
    if (
        shape.get("type") == "json_schema"
        and isinstance(schema, dict)
        and isinstance(schema.get("schema"), dict)
    ):
        return schema["schema"]
    raise BadInput(
        "'response_format' must be text, json_object or json_schema with a schema.", param="response_format"
    )


def _messages(fields: Fields) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] | None = read(fields, "messages", list[dict[str, Any]])
    if not messages:
        raise BadInput("'messages' must hold at least one message.", param="messages")
    return messages


def _translate_messages(messages: list[dict[str, Any]], images: Mapping[str, str]) -> list[dict[str, Any]]:
    names: dict[str, str] = {}
    return [_translate_message(message, images, names) for message in messages]


def _translate_message(
    message: dict[str, Any], images: Mapping[str, str], names: dict[str, str]
) -> dict[str, Any]:
    role = message.get("role")
    if role not in ("system", "developer", "user", "assistant", "tool"):
        raise BadInput(f"Unknown role {role!r}.", param="messages")
    told: dict[str, Any] = {"role": "system" if role == "developer" else role}
    content = message.get("content")
    if isinstance(content, list):
        pictures = [_image(part, images) for part in content if _kind(part) == "image_url"]
        if pictures:
            told["images"] = pictures
    told["content"] = text_of(content, skip=("image_url",))
    if role == "assistant":
        _add_assistant(told, message, names)
    if role == "tool":
        call_id = message.get("tool_call_id")
        told["tool_call_id"] = call_id
        # Ollama matches a result to its call by the tool's name, OpenAI by the call's id.
        name = names.get(str(call_id)) or message.get("name")
        if name:
            told["tool_name"] = name
    return told


def _add_assistant(told: dict[str, Any], message: dict[str, Any], names: dict[str, str]) -> None:
    thinking = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(thinking, str):
        told["thinking"] = thinking
    calls = message.get("tool_calls")
    if not calls:
        return
    told["tool_calls"] = []
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise BadInput("A tool call must have a function with a name.", param="messages")
        names[str(call.get("id"))] = function["name"]
        told["tool_calls"].append(
            {"id": call.get("id"), "function": {"name": function["name"], "arguments": _arguments(function)}}
        )


def _arguments(function: dict[str, Any]) -> dict[str, Any]:
    try:
        arguments = msgspec.json.decode(function.get("arguments") or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, TypeError, RecursionError):
        raise BadInput(
            "A tool call's arguments must be a JSON object in a string.", param="messages"
        ) from None
    return arguments


def _kind(part: Any) -> Any:
    return part.get("type") if isinstance(part, dict) else None


def _image(part: dict[str, Any], images: Mapping[str, str]) -> str:
    url = image_url(part)
    if not is_data_url(url):
        return images[url]
    media_type, data = data_url(url)
    if not media_type.startswith("image/"):
        raise UnsupportedContent(f"Ollama takes images, not {media_type}.", param="messages")
    return data
