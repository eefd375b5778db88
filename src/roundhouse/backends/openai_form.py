"""OpenAI's answer objects, for vendors whose own answers have another form.

Source:
    OpenAI API reference (2026-11): chat completion, chat completion chunk, completion, embeddings list.
"""

from __future__ import annotations

import array
import base64
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from roundhouse.core.ids import new_id
from roundhouse.core.types import Answer, Operation, Usage
from roundhouse.core.wire import event

_encode = msgspec.json.Encoder().encode


def usage_object(usage: Usage, **details: dict[str, int]) -> dict[str, Any]:
    """The member `usage`; `details` adds members such as `completion_tokens_details`."""
    told: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }
    for name, members in details.items():
        told[name] = {**told.get(name, {}), **members}
    return told


class AnswerForm:
    """Writes one answer, whole or in pieces; every piece has the same id.

    Args:
        operation: `chat` or `completions`.
        model: Name told in the answer.
        created_s: Unix time told in the answer.

    Attributes:
        chat: Whether it writes a chat completion.
    """

    __slots__ = ("_created_s", "_id", "chat", "model")

    def __init__(self, operation: Operation, model: str, created_s: float) -> None:
        self.chat = operation == "chat"
        self._id = new_id("chatcmpl" if self.chat else "cmpl").replace("_", "-", 1)
        self._created_s = int(created_s)
        self.model = model

    def chunk(
        self, content: dict[str, Any], *, finish_reason: str | None = None, logprobs: Any = None
    ) -> bytes:
        """One event: `content` is the `delta` of a chat, or `{"text": …}` of a completion."""
        choice: dict[str, Any] = {"index": 0}
        if self.chat:
            choice["delta"] = content
        else:
            choice["text"] = content.get("text", "")
        choice["logprobs"] = logprobs
        choice["finish_reason"] = finish_reason
        return event(self._object("chat.completion.chunk", [choice]))

    def usage_chunk(self, usage: dict[str, Any]) -> bytes:
        """The event after the last choice, for who asked for `include_usage`."""
        return event(self._object("chat.completion.chunk", [], usage=usage))

    def whole(
        self,
        content: dict[str, Any],
        *,
        finish_reason: str,
        logprobs: Any,
        usage: Usage,
        told: dict[str, Any],
    ) -> Answer:
        """The whole answer: `content` is a chat's message, or `{"text": …}`; `told` is the member `usage`."""
        place = {"message": content} if self.chat else content
        choice = {"index": 0, **place, "logprobs": logprobs, "finish_reason": finish_reason}
        return Answer(_encode(self._object("chat.completion", [choice], usage=told)), usage)

    def _object(self, kind: str, choices: list[Any], **more: Any) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": kind if self.chat else "text_completion",
            "created": self._created_s,
            "model": self.model,
            "choices": choices,
            **more,
        }


def pack_floats(vector: Sequence[float]) -> str:
    """A vector as OpenAI's `encoding_format: base64`: little-endian float32."""
    packed = array.array("f", vector)
    if sys.byteorder == "big":
        packed.byteswap()
    return base64.b64encode(packed.tobytes()).decode("ascii")


def unpack_floats(packed: str) -> list[float]:
    """The vector of a base64 text; raises ValueError when it is not one."""
    vector = array.array("f", base64.b64decode(packed, validate=True))
    if sys.byteorder == "big":
        vector.byteswap()
    return vector.tolist()


def embeddings_answer(model: str, embeddings: Sequence[Any], prompt_tokens: int) -> Answer:
    """The list object of `/v1/embeddings`; an embedding is a list of floats, a base64 text, or raw JSON."""
    body = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": embedding}
            for index, embedding in enumerate(embeddings)
        ],
        "model": model,
        "usage": {"prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens},
    }
    return Answer(_encode(body), Usage(prompt_tokens))
