"""The `input` of the Responses API as the messages of a chat.

Source:
    OpenAI API reference (2026-11): input items of a response; messages of a chat completion.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from roundhouse.core.errors import BadInput, NotSupported
from roundhouse.core.types import Fields
from roundhouse.core.wire import read
from roundhouse.features.gateway.responses.reading import ABSENT, opened

Message = dict[str, Any]
Content = str | list[msgspec.Raw]


class _Item(msgspec.Struct):
    type: str | None = None
    role: msgspec.Raw = ABSENT
    id: msgspec.Raw = ABSENT


class _Said(msgspec.Struct):
    role: Literal["user", "assistant", "system", "developer"]
    content: Content


class _Call(msgspec.Struct):
    call_id: str
    name: str
    arguments: str


class _CallOutput(msgspec.Struct):
    call_id: str
    output: Content


class _Part(msgspec.Struct):
    type: str


class _Text(msgspec.Struct):
    text: str


class _Refusal(msgspec.Struct):
    refusal: str


class _Image(msgspec.Struct):
    image_url: str | None = None
    detail: str | None = None


class _Audio(msgspec.Struct):
    input_audio: msgspec.Raw


class _File(msgspec.Struct):
    file_data: str | None = None
    filename: str | None = None


def messages(asked: Fields) -> list[Message]:
    """The messages that `instructions` and `input` stand for.

    Raises:
        BadInput: Malformed, or nothing is said.
        NotSupported: An item or a part refers to something stored, or to a tool of OpenAI's own.
    """
    conversation = _Conversation()
    instructions = read(asked, "instructions", str)
    if instructions:
        conversation.say("system", instructions)
    given = read(asked, "input", str | list[msgspec.Raw])
    if given is None or given == []:
        raise BadInput("'input' is missing or empty.", param="input")
    if isinstance(given, str):
        conversation.say("user", given)
    else:
        for place, raw in enumerate(given):
            conversation.take(raw, f"input[{place}]")
    if not conversation.messages:
        raise BadInput("'input' says nothing to the model.", param="input")
    return conversation.messages


class _Conversation:
    """Collects messages; calls join the assistant's message right before them, as models are taught."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._takers: dict[str, Callable[[msgspec.Raw, str], None]] = {
            "message": self._take_message,
            "function_call": self._take_call,
            "function_call_output": self._take_output,
            "reasoning": self._skip,
        }

    def say(self, role: str, content: Any) -> None:
        """Add a message."""
        self.messages.append({"role": role, "content": content})

    def take(self, raw: msgspec.Raw, place: str) -> None:
        """Add one item of `input`."""
        item = opened(raw, _Item, place)
        kind = item.type
        if kind is None:
            if item.role == ABSENT and item.id == ABSENT:
                raise BadInput(f"{place} has neither a 'type' nor a 'role'.", param=f"{place}.type")
            kind = "message" if item.role != ABSENT else "item_reference"
        taker = self._takers.get(kind)
        if taker is None:
            raise NotSupported(
                f"Items of type {kind!r} cannot be part of 'input' here.", param=f"{place}.type"
            )
        taker(raw, place)

    def _take_message(self, raw: msgspec.Raw, place: str) -> None:
        said = opened(raw, _Said, place)
        self.say(said.role, _content(said.content, f"{place}.content"))

    def _take_call(self, raw: msgspec.Raw, place: str) -> None:
        call = opened(raw, _Call, place)
        if not self.messages or self.messages[-1]["role"] != "assistant":
            self.say("assistant", None)
        self.messages[-1].setdefault("tool_calls", []).append(
            {
                "id": call.call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
        )

    def _take_output(self, raw: msgspec.Raw, place: str) -> None:
        told = opened(raw, _CallOutput, place)
        content = _content(told.output, f"{place}.output")
        self.messages.append({"role": "tool", "tool_call_id": told.call_id, "content": content})

    def _skip(self, raw: msgspec.Raw, place: str) -> None:
        """Earlier reasoning is no part of a chat."""


def _content(given: Content, place: str) -> Any:
    """A message's content; a single text is a plain string, which every model server takes."""
    if isinstance(given, str):
        return given
    parts = [_part(raw, f"{place}[{index}]") for index, raw in enumerate(given)]
    if not parts:
        return ""
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _part(raw: msgspec.Raw, place: str) -> dict[str, Any]:
    kind = opened(raw, _Part, place).type
    match kind:
        case "input_text" | "output_text":
            return {"type": "text", "text": opened(raw, _Text, place).text}
        case "refusal":
            return {"type": "refusal", "refusal": opened(raw, _Refusal, place).refusal}
        case "input_image":
            return _image(opened(raw, _Image, place), place)
        case "input_audio":
            return {"type": "input_audio", "input_audio": opened(raw, _Audio, place).input_audio}
        case "input_file":
            return _file(opened(raw, _File, place), place)
    raise NotSupported(f"Parts of type {kind!r} cannot be part of 'input' here.", param=f"{place}.type")


def _image(image: _Image, place: str) -> dict[str, Any]:
    if not image.image_url:
        raise NotSupported(
            "Images are taken by 'image_url' only, an address or a data: URL; none is stored by an id.",
            param=f"{place}.image_url",
        )
    url = {"url": image.image_url, "detail": image.detail}
    return {
        "type": "image_url",
        "image_url": {name: value for name, value in url.items() if value is not None},
    }


def _file(file: _File, place: str) -> dict[str, Any]:
    if not file.file_data:
        raise NotSupported(
            "Files are taken by 'file_data' only; none is stored by an id or fetched.",
            param=f"{place}.file_data",
        )
    content = {"filename": file.filename, "file_data": file.file_data}
    return {"type": "file", "file": {name: value for name, value in content.items() if value is not None}}
