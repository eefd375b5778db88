"""A provider that cannot list its models: what the operator wrote down is what there is."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from roundhouse.core.errors import BadInput, NotSupported
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import ModelInfo, Operation, Provider, PullProgress, RunningModel

CHAT: tuple[Operation, ...] = ("chat", "completions")
EMBEDS: tuple[Operation, ...] = ("embeddings",)
RERANKS: tuple[Operation, ...] = ("rerank",)
HEARS: tuple[Operation, ...] = ("transcriptions", "translations")
SPEAKS: tuple[Operation, ...] = ("speech",)
DIARIZES: tuple[Operation, ...] = ("diarization",)
_RERANK_NAMES = ("rerank",)
_HEAR_NAMES = re.compile(r"whisper|transcribe|parakeet|(^|[-_/])asr([-_.]|$)")
_DIARIZE_NAMES = re.compile(r"diari[sz]")
_SPEAK_NAMES = re.compile(r"kokoro|piper|(^|[-_/])tts([-_.]|$)")
_PICTURE_NAMES = re.compile(r"jina-(embeddings-v4|clip|reranker-m)")
_EMBED_NAMES = ("embed", "minilm", "bge-", "e5-", "gte-", "jina-clip", "colbert")


class ListedControl:
    """`core.ports.ModelControl` over `provider.models`; the option `model_info` tells more of single models."""

    manages_memory = False
    can_pull = False

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._models = listed_models(provider)
        self._refusal = refusal(provider)

    async def models(self) -> list[ModelInfo]:
        """Models that the operator listed."""
        return self._models

    async def running(self) -> list[RunningModel]:
        """Not known."""
        return []

    async def load(self, model: str, *, keep_alive_s: float | None = None) -> None:
        """Raises NotSupported."""
        raise NotSupported(self._refusal)

    async def unload(self, model: str) -> None:
        """Raises NotSupported."""
        raise NotSupported(self._refusal)

    def pull(self, model: str) -> AsyncIterator[PullProgress]:
        """Raises NotSupported."""
        raise NotSupported(self._refusal)

    async def close(self) -> None:
        """Nothing is held."""


def refusal(provider: Provider) -> str:
    """What is said to who wants to load, unload or pull at a provider that cannot."""
    return f"Provider {provider.name} does not let its models be loaded, unloaded or pulled from outside."


def listed_models(provider: Provider) -> list[ModelInfo]:
    """Models of `provider.models`.

    Raises:
        BadInput: The option `model_info` is malformed.
    """
    return [
        told_by_operator(provider, ModelInfo(name, operations_of(name), inputs_of(name)))
        for name in provider.models
    ]


def told_by_operator(provider: Provider, found: ModelInfo) -> ModelInfo:
    """`found` with what the option `model_info` says of it, which wins.

    Raises:
        BadInput: The option is malformed.
    """
    told: Any = provider.options.get("model_info", {})
    told = told.get(found.id) if isinstance(told, dict) else told
    if not told:
        return found
    try:
        return msgspec.convert({**msgspec.to_builtins(found), **told, "id": found.id}, ModelInfo)
    except (msgspec.ValidationError, TypeError) as error:
        raise BadInput(
            f"options.model_info of provider {provider.name}: {found.id}: {error}", param="options"
        ) from None


def operations_of(name: str) -> tuple[Operation, ...]:
    """What a model of this name most likely does, where nobody says it."""
    low = name.lower()
    if _DIARIZE_NAMES.search(low):
        return DIARIZES
    if _HEAR_NAMES.search(low):
        return HEARS
    if _SPEAK_NAMES.search(low):
        return SPEAKS
    if any(part in low for part in _RERANK_NAMES):
        return RERANKS
    if any(part in low for part in _EMBED_NAMES):
        return EMBEDS
    return CHAT


def inputs_of(name: str) -> tuple[str, ...]:
    """What a model of this name takes besides text as an embedder or reranker, where nobody says it."""
    return ("image",) if _PICTURE_NAMES.search(name.lower()) else ()
