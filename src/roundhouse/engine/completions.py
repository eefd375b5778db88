"""The legacy completions API over a backend that only chats.

Source:
    OpenAI API reference (2026-11): completion object, streamed with the same object.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from roundhouse.core.errors import BadInput, NotSupported
from roundhouse.core.ports import AnswerStream
from roundhouse.core.types import Answer, ModelRequest, Usage
from roundhouse.core.wire import event, read

_NOT_CHAT = ("prompt", "suffix", "echo", "best_of", "logprobs")


def chat_from_completion(request: ModelRequest) -> ModelRequest:
    """The chat request with the prompt as its only user message.

    Raises:
        BadInput: `prompt` is missing or not text.
        NotSupported: Several prompts, tokens, or a field that chat has no form of.
    """
    prompt = read(request.fields, "prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if isinstance(prompt, list):
        raise NotSupported("This model takes one text prompt per request.", param="prompt")
    if not isinstance(prompt, str) or not prompt:
        raise BadInput("'prompt' must be a text.", param="prompt")
    for name in ("suffix", "echo", "logprobs"):
        if read(request.fields, name):
            raise NotSupported(f"This model does not support {name!r}.", param=name)
    fields = {name: value for name, value in request.fields.items() if name not in _NOT_CHAT}
    fields["messages"] = msgspec.Raw(msgspec.json.encode([{"role": "user", "content": prompt}]))
    return msgspec.structs.replace(request, operation="chat", fields=fields)


def completion_from_chat(answer: Answer) -> Answer:
    """The completion object with the text of a chat answer."""
    return Answer(msgspec.json.encode(_completion(msgspec.json.decode(answer.body), "message")), answer.usage)


class CompletionStream:
    """The stream of a completion, from the stream of a chat."""

    def __init__(self, source: AnswerStream) -> None:
        self._source = source

    @property
    def usage(self) -> Usage:
        """Tokens as the backend told them."""
        return self._source.usage

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        async for piece in self._source:
            for line in piece.split(b"\n\n"):
                if line.startswith(b"data:"):
                    yield event(_completion(msgspec.json.decode(line[5:]), "delta"))

    async def aclose(self) -> None:
        """Stop the chat."""
        await self._source.aclose()


def _completion(chat: dict[str, Any], place: str) -> dict[str, Any]:
    """One completion object from a chat completion (`message`) or chunk (`delta`)."""
    choices = [
        {
            "index": choice.get("index", 0),
            "text": (choice.get(place) or {}).get("content") or "",
            "logprobs": None,
            "finish_reason": choice.get("finish_reason"),
        }
        for choice in chat.get("choices", [])
    ]
    kept: dict[str, Any] = {
        name: chat[name] for name in ("created", "model", "usage", "system_fingerprint") if name in chat
    }
    name = str(chat.get("id", "")).replace("chatcmpl-", "cmpl-")
    return {"id": name, "object": "text_completion", **kept, "choices": choices}
