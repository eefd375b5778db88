"""A scripted Ollama: its native API, close enough to the real one that the official client works against it.

Source:
    Ollama API reference, docs.ollama.com/api (2026-11); the official Python client 0.6 reads its answers.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from peers.scripted import Asked, ScriptedServer, served

CREATED = "2026-08-15T22:55:08.508208329Z"
GIB = 1024**3


@dataclass
class Has:
    """One model on its disk."""

    capabilities: list[str] | None = None
    family: str = "llama"
    parameters: int = 8_030_261_248
    context: int = 8192
    size: int = 4 * GIB
    on_card: float = 1.0
    digest: str = "sha256:aa"


@dataclass
class Says:
    """What a model answers; its tool calls only to who sent tools and no result yet."""

    pieces: list[str] = field(default_factory=lambda: ["Hel", "lo", " wörld ", "🙂"])
    thinking: list[str] = field(default_factory=list)
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    done_reason: str = "stop"
    prompt_tokens: int = 11
    tokens: int = 7

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class OllamaPeer(ScriptedServer):
    content_type = "application/x-ndjson"

    def __init__(self) -> None:
        super().__init__()
        self.models = {
            "tiny:latest": Has(["completion", "tools", "vision", "thinking"]),
            "embedder:latest": Has(
                ["embedding"], family="bert", parameters=22_000_000, context=512, size=46_000_000
            ),
        }
        self.library = {"qwen:0.5b": Has(["completion"])}
        self.running: dict[str, str] = {}
        self.says = Says()

    async def handle(self, asked: Asked) -> tuple[int, Any]:
        name = asked.path.removeprefix("/api/")
        action = getattr(self, f"_{name}", None)
        if action is None:
            return 404, {"error": "404 page not found"}
        body = asked.body or {}
        if name in ("chat", "generate", "embed", "show"):
            model = self._named(body.get("model", ""))
            if model is None:
                return 404, {"error": f"model '{body.get('model')}' not found"}
            answer: tuple[int, Any] = action(body, model)
        else:
            answer = action(body)
        return answer

    def _named(self, name: str) -> str | None:
        full = name if ":" in name else f"{name}:latest"
        return full if full in self.models else None

    def _version(self, _body: dict[str, Any]) -> tuple[int, Any]:
        return 200, {"version": "0.24.0"}

    def _tags(self, _body: dict[str, Any]) -> tuple[int, Any]:
        listed = [
            {
                "name": name,
                "model": name,
                "modified_at": CREATED,
                "size": has.size,
                "digest": has.digest,
                "details": self._details(has),
            }
            for name, has in self.models.items()
        ]
        return 200, {"models": listed}

    def _details(self, has: Has) -> dict[str, Any]:
        return {
            "parent_model": "",
            "format": "gguf",
            "family": has.family,
            "families": [has.family],
            "parameter_size": f"{has.parameters / 1e9:.1f}B",
            "quantization_level": "Q4_K_M",
        }

    def _show(self, _body: dict[str, Any], model: str) -> tuple[int, Any]:
        has = self.models[model]
        shown = {
            "modelfile": "",
            "template": "{{ .Prompt }}",
            "details": self._details(has),
            "model_info": {
                "general.architecture": has.family,
                "general.parameter_count": has.parameters,
                f"{has.family}.context_length": has.context,
                "tokenizer.ggml.tokens": None,
            },
            "modified_at": CREATED,
        }
        if has.capabilities is not None:
            shown["capabilities"] = has.capabilities
        return 200, shown

    def _ps(self, _body: dict[str, Any]) -> tuple[int, Any]:
        listed = []
        for name, expires_at in self.running.items():
            has = self.models[name]
            listed.append(
                {
                    "name": name,
                    "model": name,
                    "size": has.size,
                    "size_vram": int(has.size * has.on_card),
                    "digest": has.digest,
                    "details": self._details(has),
                    "expires_at": expires_at,
                    "context_length": 4096,
                }
            )
        return 200, {"models": listed}

    def _hold(self, body: dict[str, Any], model: str) -> None:
        keep = body.get("keep_alive", 300)
        if keep == 0:
            self.running.pop(model, None)
        elif isinstance(keep, int | float) and keep < 0:
            self.running[model] = "2318-12-01T10:00:00.123456789+01:00"
        else:
            self.running[model] = "2027-01-15T08:05:00.5+00:00"

    def _generate(self, body: dict[str, Any], model: str) -> tuple[int, Any]:
        if not body.get("prompt"):
            if body.get("keep_alive") != 0 and "completion" not in (
                self.models[model].capabilities or ["completion"]
            ):
                return 400, {"error": f'"{model}" does not support generate'}
            self._hold(body, model)
            reason = "unload" if body.get("keep_alive") == 0 else "load"
            done = {
                "model": model,
                "created_at": CREATED,
                "response": "",
                "done": True,
                "done_reason": reason,
            }
            return 200, done
        return self._answer(body, model, chat=False)

    def _chat(self, body: dict[str, Any], model: str) -> tuple[int, Any]:
        for message in body.get("messages", ()):
            for image in message.get("images", ()):
                try:
                    base64.b64decode(image, validate=True)
                except binascii.Error:
                    return 400, {"error": "illegal base64 data at input byte 4"}
        return self._answer(body, model, chat=True)

    def _answer(self, body: dict[str, Any], model: str, *, chat: bool) -> tuple[int, Any]:
        asked = "completion" if not body.get("tools") else "tools"
        if asked not in (self.models[model].capabilities or [asked]):
            return 400, {
                "error": f"registry.ollama.ai/library/{model} does not support {'chat' if chat else asked}"
            }
        self._hold(body, model)
        answered = any(message["role"] == "tool" for message in body.get("messages", ()))
        calls = self.says.tool_calls if body.get("tools") and not answered else []
        pieces = cut(self.says.pieces, body.get("options", {}).get("stop") or [])
        lines = [self._line(model, chat, thinking=piece) for piece in self.says.thinking]
        lines += [
            self._line(model, chat, text=piece, logprobs=bool(body.get("logprobs"))) for piece in pieces
        ]
        lines += [self._line(model, chat, tool_calls=[call]) for call in calls]
        end = {
            "done": True,
            "done_reason": self.says.done_reason,
            "total_duration": 5_000_000,
            "load_duration": 1_000_000,
            "prompt_eval_count": self.says.prompt_tokens,
            "prompt_eval_duration": 1_000_000,
            "eval_count": self.says.tokens,
            "eval_duration": 3_000_000,
        }
        if body.get("stream", True):
            lines.append({**self._line(model, chat), **end})
            return 200, [json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines]
        whole = {
            **self._line(model, chat, text="".join(pieces), thinking="".join(self.says.thinking)),
            **end,
        }
        if calls:
            whole["message"]["tool_calls"] = calls
        if body.get("logprobs"):
            whole["logprobs"] = [token for line in lines for token in line.get("logprobs", ())]
        return 200, whole

    def _line(
        self,
        model: str,
        chat: bool,
        *,
        text: str = "",
        thinking: str = "",
        tool_calls: list[dict[str, Any]] | None = None,
        logprobs: bool = False,
    ) -> dict[str, Any]:
        line: dict[str, Any] = {"model": model, "created_at": CREATED}
        place: dict[str, Any] = line
        if chat:
            place = line["message"] = {"role": "assistant", "content": text}
        else:
            line["response"] = text
        if thinking:
            place["thinking"] = thinking
        if tool_calls:
            place["tool_calls"] = tool_calls
        line["done"] = False
        if logprobs:
            line["logprobs"] = [
                {"token": text, "logprob": -0.5, "top_logprobs": [{"token": text, "logprob": -0.5}]},
            ]
        return line

    def _embed(self, body: dict[str, Any], model: str) -> tuple[int, Any]:
        if "embedding" not in (self.models[model].capabilities or ["embedding"]):
            return 400, {"error": f'"{model}" does not support embeddings'}
        self._hold(body, model)
        given = body.get("input") or []
        texts = [given] if isinstance(given, str) else given
        if body.get("truncate") is False and any(len(text) > 2000 for text in texts):
            return 400, {"error": "the input length exceeds the context length"}
        size = body.get("dimensions", 8)
        vectors = []
        for text in texts:
            raw = [float(sum(text.encode()) % (place + 7) + 1) for place in range(size)]
            norm = math.sqrt(sum(number * number for number in raw))
            vectors.append([number / norm for number in raw])
        return 200, {"model": model, "embeddings": vectors, "prompt_eval_count": sum(map(len, texts))}

    def _pull(self, body: dict[str, Any]) -> tuple[int, Any]:
        name = body["model"]
        if name not in self.library:
            lines: list[dict[str, Any]] = [
                {"status": "pulling manifest"},
                {"error": "pull model manifest: file does not exist"},
            ]
        else:
            self.models[name] = self.library[name]
            lines = [
                {"status": "pulling manifest"},
                {"status": "pulling 1111", "digest": "sha256:1111", "total": 1000},
                {"status": "pulling 1111", "digest": "sha256:1111", "total": 1000, "completed": 400},
                {"status": "pulling 1111", "digest": "sha256:1111", "total": 1000, "completed": 1000},
                {"status": "pulling 2222", "digest": "sha256:2222", "total": 50, "completed": 50},
                {"status": "verifying sha256 digest"},
                {"status": "writing manifest"},
                {"status": "success"},
            ]
        if body.get("stream", True):
            return 200, [json.dumps(line).encode() + b"\n" for line in lines]
        return (500 if "error" in lines[-1] else 200), lines[-1]


def cut(pieces: list[str], stops: list[str]) -> list[str]:
    """The pieces up to the first of the stop texts."""
    text = "".join(pieces)
    end = min((text.find(stop) for stop in stops if stop in text), default=len(text))
    kept: list[str] = []
    for piece in pieces:
        kept.append(piece[: max(0, end)])
        end -= len(piece)
    return [piece for piece in kept if piece]


@asynccontextmanager
async def ollama_peer() -> AsyncIterator[OllamaPeer]:
    peer = OllamaPeer()
    async with served(peer):
        yield peer
