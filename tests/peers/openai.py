"""A well-behaved OpenAI-compatible server as a script of `peers.upstream`.

Source:
    OpenAI API reference (2026-11): chat completions, completions, embeddings, models, their streams and errors.
    Jina AI reranker API (2026).
"""

from __future__ import annotations

import array
import base64
import json
from typing import Any

from peers.scripts import DONE, SSE, event, usage
from peers.upstream import Exchange

PIECES = ["Hello", " there,", " wörld", " 🙂."]
CALL = {"name": "weather", "arguments": '{"city":"Huế"}'}


class OpenAIServer:
    """Answers every path of the API; knows the models of `models` only."""

    def __init__(self, *models: str) -> None:
        self.models = list(models or ("tiny",))
        self.dimensions = 4

    async def __call__(self, exchange: Exchange) -> None:
        path = exchange.request.path.removeprefix("/v1")
        if path == "/models":
            listed = [{"id": name, "object": "model", "created": 5, "owned_by": "me"} for name in self.models]
            return await _send(exchange, {"object": "list", "data": listed})
        body = exchange.request.json()
        if body["model"] not in self.models:
            fault = {
                "message": f"No model {body['model']}",
                "type": "invalid_request_error",
                "code": "model_not_found",
            }
            return await _send(exchange, {"error": fault}, 404)
        if path == "/embeddings":
            return await _send(exchange, self._embed(body))
        if path == "/rerank":
            return await _send(exchange, _rerank(body))
        if body.get("stream"):
            await exchange.head(200, SSE)
            for one in _chunks(body, chat=path == "/chat/completions"):
                await exchange.chunk(event(one))
            await exchange.chunk(DONE)
            return await exchange.finish()
        return await _send(exchange, _whole(body, chat=path == "/chat/completions"))

    def _embed(self, body: dict[str, Any]) -> dict[str, Any]:
        inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
        size = body.get("dimensions") or self.dimensions
        vectors = [[float(len(str(text)) + place) for place in range(size)] for text in inputs]
        packed = body.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": index, "embedding": _pack(vector) if packed else vector}
            for index, vector in enumerate(vectors)
        ]
        told = {"prompt_tokens": len(inputs), "total_tokens": len(inputs)}
        return {"object": "list", "data": data, "model": body["model"], "usage": told}


async def _send(exchange: Exchange, value: Any, status: int = 200) -> None:
    await exchange.answer(json.dumps(value).encode(), status, {"Content-Type": "application/json"})


def _pack(vector: list[float]) -> str:
    return base64.b64encode(array.array("f", vector).tobytes()).decode()


def _rerank(body: dict[str, Any]) -> dict[str, Any]:
    scored = [
        {"index": index, "relevance_score": 1 / (1 + abs(len(document) - len(body["query"])))}
        for index, document in enumerate(body["documents"])
    ]
    scored.sort(key=lambda one: -one["relevance_score"])
    return {"model": body["model"], "results": scored[: body.get("top_n")], "usage": {"total_tokens": 9}}


def _said(body: dict[str, Any]) -> tuple[list[str], str, bool]:
    """Pieces of the text, the finish reason, and whether a tool is called instead."""
    messages = body.get("messages") or [{}]
    if body.get("tools") and messages[-1].get("role") != "tool":
        return [], "tool_calls", True
    stop = body.get("stop")
    pieces = []
    for piece in PIECES:
        head, found, _ = piece.partition(stop) if stop else (piece, "", "")
        pieces.append(head)
        if found:
            break
    return [piece for piece in pieces if piece], "stop", False


def _object(body: dict[str, Any], chat: bool, kind: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1" if chat else "cmpl-1",
        "object": kind if chat else "text_completion",
        "created": 1_800_000_000,
        "model": body["model"],
    }


def _whole(body: dict[str, Any], chat: bool) -> dict[str, Any]:
    pieces, reason, calls = _said(body)
    text = "".join(pieces)
    message: dict[str, Any] = {"role": "assistant", "content": None if calls else text}
    if calls:
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": CALL}]
    said = {"message": message} if chat else {"text": text}
    count = body.get("n") or 1
    choices = [{"index": index, **said, "logprobs": None, "finish_reason": reason} for index in range(count)]
    told = usage(5, 4 * count)
    return _object(body, chat, "chat.completion") | {"choices": choices, "usage": told}


def _chunks(body: dict[str, Any], chat: bool) -> list[dict[str, Any]]:
    pieces, reason, calls = _said(body)
    count = body.get("n") or 1
    wants_usage = (body.get("stream_options") or {}).get("include_usage", False)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}] if chat else []
    deltas += [{"content": piece} for piece in pieces]
    if calls:
        head = {"name": CALL["name"], "arguments": ""}
        deltas.append({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": head}]})
        for part in (CALL["arguments"][:5], CALL["arguments"][5:]):
            deltas.append({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
    told: dict[str, Any] = {"usage": None} if wants_usage else {}
    chunks: list[dict[str, Any]] = []
    for number, delta in enumerate([*deltas, {}]):
        finish = reason if number == len(deltas) else None
        for index in range(count):
            said = {"delta": delta} if chat else {"text": delta.get("content", "")}
            choice = {"index": index, **said, "finish_reason": finish}
            chunks.append(_object(body, chat, "chat.completion.chunk") | {"choices": [choice], **told})
    if wants_usage:
        last = _object(body, chat, "chat.completion.chunk")
        chunks.append(last | {"choices": [], "usage": usage(5, 4 * count)})
    return chunks
