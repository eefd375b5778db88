"""A scripted Anthropic: `/v1/messages` whole and streamed, `/v1/models` by pages; it refuses what the real one refuses.

Source:
    Claude API reference, platform.claude.com/docs/en/api (2026-11); the official Python client 2 reads its answers.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from peers.scripted import Asked, ScriptedServer, served

KEY = "sk-ant-test"


def text_block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text, "citations": None}


def tool_block(name: str, arguments: dict[str, Any], call_id: str = "toolu_01") -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def thinking_block(text: str, signature: str = "sig==") -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": signature}


class AnthropicPeer(ScriptedServer):
    """Attributes:
    content: Blocks of the next answers.
    calls: Blocks that are added, with stop reason tool_use, for who sent tools and no result yet.
    stop_reason: Of the next answers.
    usage: Of the next answers.
    no_sampling: Models that refuse temperature, top_p and top_k.
    one_of_two: Models that take temperature or top_p, not both.
    """

    content_type = "text/event-stream; charset=utf-8"

    def __init__(self) -> None:
        super().__init__()
        self.content: list[dict[str, Any]] = [text_block("Hello wörld 🙂!")]
        self.calls: list[dict[str, Any]] = []
        self.stop_reason = "end_turn"
        self.usage: dict[str, Any] = {
            "input_tokens": 10,
            "output_tokens": 5,
            "cache_creation_input_tokens": 3,
            "cache_read_input_tokens": 20,
        }
        self.no_sampling = {"claude-new"}
        self.one_of_two = {"claude-mid"}
        self.models = [f"claude-{number}" for number in range(25)]
        self.page_limit = 10

    async def handle(self, asked: Asked) -> tuple[int, Any]:
        bearer = asked.headers.get("authorization")
        if asked.headers.get("x-api-key") != KEY and bearer != f"Bearer {KEY}":
            return 401, fault("authentication_error", "invalid x-api-key")
        if "anthropic-version" not in asked.headers:
            return 400, fault("invalid_request_error", "anthropic-version: header is required")
        if asked.path == "/v1/models":
            return self._list(asked)
        if asked.path != "/v1/messages":
            return 404, fault("not_found_error", "Not Found")
        refused = self._refusal(asked.body)
        if refused:
            return 400, fault("invalid_request_error", refused)
        message = {
            "id": "msg_01",
            "type": "message",
            "role": "assistant",
            "model": asked.body["model"],
            "stop_sequence": None,
            "usage": self.usage,
            **self._said(asked.body),
        }
        return 200, events(message) if asked.body.get("stream") else message

    def _said(self, body: dict[str, Any]) -> dict[str, Any]:
        answered = any(
            isinstance(block, dict) and block["type"] == "tool_result"
            for block in body["messages"][-1]["content"]
        )
        if self.calls and body.get("tools") and not answered:
            return {"content": [*self.content, *self.calls], "stop_reason": "tool_use"}
        content = []
        for block in self.content:
            for stop in body.get("stop_sequences", ()):
                if stop in block.get("text", ""):
                    kept = text_block(block["text"].partition(stop)[0])
                    return {
                        "content": [*content, kept],
                        "stop_reason": "stop_sequence",
                        "stop_sequence": stop,
                    }
            content.append(block)
        return {"content": content, "stop_reason": self.stop_reason}

    def _refusal(self, body: dict[str, Any]) -> str | None:
        model = body.get("model")
        if not isinstance(body.get("max_tokens"), int):
            return "max_tokens: Field required"
        if body.get("temperature", 0) > 1:
            return "temperature: range: 0..1"
        sampling = [name for name in ("temperature", "top_p", "top_k") if name in body]
        if model in self.no_sampling and sampling:
            return f"`{sampling[0]}` is deprecated for this model."
        if model in self.one_of_two and {"temperature", "top_p"} <= set(sampling):
            return "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
        return _bad_messages(body.get("messages") or [])

    def _list(self, asked: Asked) -> tuple[int, Any]:
        limit = min(int(asked.query.get("limit", 20)), self.page_limit)
        after = asked.query.get("after_id")
        start = self.models.index(after) + 1 if after else 0
        page = self.models[start : start + limit]
        data = [
            {
                "type": "model",
                "id": name,
                "display_name": name,
                "created_at": "2026-02-04T00:00:00Z",
                "lifecycle": "active",
                "max_input_tokens": 200_000,
                "max_tokens": 64_000,
            }
            for name in page
        ]
        more = start + limit < len(self.models)
        first, last = (page[0], page[-1]) if page else (None, None)
        return 200, {"data": data, "has_more": more, "first_id": first, "last_id": last}


def fault(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011"}


def _bad_messages(messages: list[dict[str, Any]]) -> str | None:
    if not messages:
        return "messages: at least one message is required"
    open_calls: set[str] = set()
    for message in messages:
        if message["role"] not in ("user", "assistant"):
            return f"messages: Unexpected role {message['role']!r}"
        blocks = message["content"]
        blocks = [{"type": "text", "text": blocks}] if isinstance(blocks, str) else blocks
        if any(block["type"] == "text" and not block["text"] for block in blocks):
            return "messages: text content blocks must be non-empty"
        results = {block["tool_use_id"] for block in blocks if block["type"] == "tool_result"}
        if results != open_calls:
            return "messages: each tool_use must have a tool_result in the next message"
        open_calls = {block["id"] for block in blocks if block["type"] == "tool_use"}
    return None


def events(message: dict[str, Any]) -> list[bytes]:
    """The stream of a message, texts in pieces of three characters."""
    start = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    found = [_event("message_start", message=start), _event("ping")]
    for index, block in enumerate(message["content"]):
        found += _block_events(index, block)
    found.append(
        _event(
            "message_delta",
            delta={"stop_reason": message["stop_reason"], "stop_sequence": None},
            usage={"output_tokens": message["usage"]["output_tokens"]},
        )
    )
    return [*found, _event("message_stop")]


def _block_events(index: int, block: dict[str, Any]) -> list[bytes]:
    kind = block["type"]
    deltas: list[dict[str, Any]] = []
    opened = dict(block)
    if kind == "text":
        opened["text"] = ""
        deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(block["text"])]
    elif kind == "tool_use":
        opened["input"] = {}
        told = json.dumps(block["input"]) if block["input"] else ""
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *_pieces(told)]]
    elif kind == "thinking":
        opened.update(thinking="", signature="")
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in _pieces(block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    return [
        _event("content_block_start", index=index, content_block=opened),
        *(_event("content_block_delta", index=index, delta=delta) for delta in deltas),
        _event("content_block_stop", index=index),
    ]


def _pieces(text: str) -> list[str]:
    return [text[at : at + 3] for at in range(0, len(text), 3)]


def _event(kind: str, **members: Any) -> bytes:
    data = json.dumps({"type": kind, **members}, ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n".encode()


@asynccontextmanager
async def anthropic_peer() -> AsyncIterator[AnthropicPeer]:
    peer = AnthropicPeer()
    async with served(peer):
        yield peer
