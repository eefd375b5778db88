"""The models of a server that speaks OpenAI's API, with what each kind of server tells of them.

Source:
    OpenAI API reference (2026-11): `GET /models`. Beyond it: vLLM `max_model_len`; llama.cpp server `meta`;
    LM Studio `type`, `arch`, `quantization`, `max_context_length`; Groq `context_window`; OpenRouter
    `context_length`, `architecture`, `supported_parameters`; Mistral `capabilities`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from roundhouse.backends.answers import reader_of
from roundhouse.backends.control.listed import (
    CHAT,
    EMBEDS,
    RERANKS,
    listed_models,
    operations_of,
    refusal,
    told_by_operator,
)
from roundhouse.backends.openai_provider import provider_url, read_options, request_headers
from roundhouse.core.errors import BackendBadAnswer, NotSupported
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import ModelInfo, Operation, Provider, PullProgress, RunningModel
from roundhouse.core.wire import raise_error_object

_BY_TYPE: dict[str, tuple[Operation, ...]] = {
    "llm": CHAT,
    "vlm": CHAT,
    "chat": CHAT,
    "language": CHAT,
    "code": CHAT,
    "embedding": EMBEDS,
    "embeddings": EMBEDS,
    "rerank": RERANKS,
    "reranker": RERANKS,
}
_CONTEXT_NAMES = ("max_model_len", "context_window", "context_length", "max_context_length")
_MODALITIES = ("image", "audio", "video")


class _List(msgspec.Struct):
    data: list[dict[str, Any]] | None = None
    error: Any = None


class OpenAIControl:
    """`core.ports.ModelControl` for the kind `openai`: it lists, and manages no memory."""

    manages_memory = False
    can_pull = False

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        options = read_options(provider)
        self._provider = provider
        self._listed = listed_models(provider)
        self._reader = reader_of(provider, context.clock)
        self._models = context.http.endpoint(
            "GET", f"{provider_url(provider)}/models", request_headers(provider, options)
        )

    async def models(self) -> list[ModelInfo]:
        """The models listed by hand, if any; else those that the server lists.

        Raises:
            BackendFailed: And its kin.
        """
        if self._listed:
            return self._listed
        response = await self._models.send(timeouts=self._provider.timeouts)
        found = _read(await self._reader.collect(response))
        return [
            told_by_operator(self._provider, _info(entry))
            for entry in found
            if isinstance(entry.get("id"), str) and entry["id"]
        ]

    async def running(self) -> list[RunningModel]:
        """Not known."""
        return []

    async def load(self, model: str, *, keep_alive_s: float | None = None) -> None:
        """Raises NotSupported."""
        raise NotSupported(refusal(self._provider))

    async def unload(self, model: str) -> None:
        """Raises NotSupported."""
        raise NotSupported(refusal(self._provider))

    def pull(self, model: str) -> AsyncIterator[PullProgress]:
        """Raises NotSupported."""
        raise NotSupported(refusal(self._provider))

    async def close(self) -> None:
        """Nothing is held; the connections belong to the context's client."""


def _read(body: bytes) -> list[dict[str, Any]]:
    """The entries; some servers (Together) give a bare list."""
    try:
        if body.lstrip().startswith(b"["):
            return msgspec.json.decode(body, type=list[dict[str, Any]])
        answer = msgspec.json.decode(body, type=_List)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BackendBadAnswer("The model server's list of models is not what its protocol says.") from None
    if answer.data is None:
        if answer.error:
            raise_error_object(body)
        raise BackendBadAnswer("The model server's list of models has no data.")
    return answer.data


def _info(entry: dict[str, Any]) -> ModelInfo:
    meta = _part(entry, "meta")
    # llama.cpp: `n_ctx` is what a request gets, `n_ctx_train` what the model could take in another server.
    told = [entry.get(name) for name in _CONTEXT_NAMES] + [meta.get("n_ctx"), meta.get("n_ctx_train")]
    context = next(filter(_whole, told), None)
    parameters = meta.get("n_params")
    size = meta.get("size")
    return ModelInfo(
        id=entry["id"],
        operations=_operations(entry),
        inputs=_inputs(entry),
        context_tokens=_whole(context),
        parameters_b=parameters / 1e9 if isinstance(parameters, int) else None,
        size_bytes=_whole(size),
        quantization=_text(entry.get("quantization")),
        family=_text(entry.get("arch")),
        tools=_tools(entry),
        created_s=_whole(entry.get("created")) or 0,
    )


def _operations(entry: dict[str, Any]) -> tuple[Operation, ...]:
    kind = entry.get("type")
    told = _BY_TYPE.get(kind) if isinstance(kind, str) else None
    return told or operations_of(entry["id"])


def _inputs(entry: dict[str, Any]) -> tuple[str, ...]:
    told = _part(entry, "architecture").get("input_modalities")
    if isinstance(told, list):
        return tuple(name for name in _MODALITIES if name in told)
    vision = entry.get("type") == "vlm" or _part(entry, "capabilities").get("vision") is True
    return ("image",) if vision else ()


def _tools(entry: dict[str, Any]) -> bool | None:
    told = entry.get("supported_parameters")
    if isinstance(told, list):
        return "tools" in told
    calls = _part(entry, "capabilities").get("function_calling")
    return calls if isinstance(calls, bool) else None


def _part(entry: dict[str, Any], name: str) -> dict[str, Any]:
    value = entry.get(name)
    return value if isinstance(value, dict) else {}


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
