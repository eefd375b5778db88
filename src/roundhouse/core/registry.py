"""Finds a backend by seam and name; nothing is imported before it is named.

Built-in backends stand in a table of strings; others come from the entry-point group `roundhouse.<seam>` of any
installed distribution. Both are loaded in the same way. Pipelines of other distributions come from the group
`roundhouse.pipelines`; those of the house are collected by `app`.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoints, entry_points
from typing import Any, Literal

from roundhouse.core.errors import BadInput, MissingExtra
from roundhouse.core.jobs import Pipeline
from roundhouse.core.transports import Transport, TransportContext
from roundhouse.core.vectors import VectorContext, VectorStore

Seam = Literal["chat", "embedding", "rerank", "asr", "speech", "diarization", "control"]

BUILTIN: dict[Seam, dict[str, str]] = {
    "chat": {
        "openai": "roundhouse.backends.chat.openai_compat:OpenAIChat",
        "vllm": "roundhouse.backends.chat.openai_compat:OpenAIChat",
        "ollama": "roundhouse.backends.chat.ollama:OllamaChat",
        "anthropic": "roundhouse.backends.chat.anthropic:AnthropicChat",
        "builtin": "roundhouse.backends.chat.extractive:ExtractiveChat",
        "fake": "roundhouse.backends.chat.fake:FakeChat",
    },
    "embedding": {
        "openai": "roundhouse.backends.embedding.openai_compat:OpenAIEmbedding",
        "vllm": "roundhouse.backends.embedding.openai_compat:OpenAIEmbedding",
        "ollama": "roundhouse.backends.embedding.ollama:OllamaEmbedding",
        "jina": "roundhouse.backends.embedding.jina:JinaEmbedding",
        "sentence_transformers": "roundhouse.backends.embedding.sentence_transformers:SentenceTransformersEmbedding",
        "builtin": "roundhouse.backends.embedding.minilm:MiniLMEmbedding",
        "fake": "roundhouse.backends.embedding.fake:FakeEmbedding",
    },
    "rerank": {
        "openai": "roundhouse.backends.rerank.jina_compat:JinaRerank",
        "vllm": "roundhouse.backends.rerank.jina_compat:JinaRerank",
        "jina": "roundhouse.backends.rerank.jina_compat:JinaRerank",
        "sentence_transformers": "roundhouse.backends.rerank.sentence_transformers:SentenceTransformersRerank",
        "builtin": "roundhouse.backends.rerank.minilm:MiniLMRerank",
        "fake": "roundhouse.backends.rerank.fake:FakeRerank",
    },
    "asr": {
        "whisper": "roundhouse.backends.asr.faster_whisper:WhisperTranscription",
        "chunkformer": "roundhouse.backends.asr.chunkformer:ChunkFormerTranscription",
        "openai": "roundhouse.backends.asr.openai_compat:OpenAITranscription",
        "vllm": "roundhouse.backends.asr.openai_compat:OpenAITranscription",
        "fake": "roundhouse.backends.asr.fake:FakeTranscription",
    },
    "speech": {
        "espeak": "roundhouse.backends.speech.espeak:EspeakSpeech",
        "openai": "roundhouse.backends.speech.openai_compat:OpenAISpeech",
        "vllm": "roundhouse.backends.speech.openai_compat:OpenAISpeech",
        "fake": "roundhouse.backends.speech.fake:FakeSpeech",
    },
    "diarization": {
        "pyannote": "roundhouse.backends.diarization.pyannote:PyannoteDiarization",
        "fake": "roundhouse.backends.diarization.fake:FakeDiarization",
    },
    "control": {
        "pyannote": "roundhouse.backends.control.pyannote:PyannoteControl",
        "whisper": "roundhouse.backends.control.whisper:WhisperControl",
        "chunkformer": "roundhouse.backends.control.chunkformer:ChunkFormerControl",
        "sentence_transformers": "roundhouse.backends.control.sentence_transformers:SentenceTransformersControl",
        "espeak": "roundhouse.backends.control.espeak:EspeakControl",
        "openai": "roundhouse.backends.control.openai_compat:OpenAIControl",
        "vllm": "roundhouse.backends.control.vllm:VllmControl",
        "ollama": "roundhouse.backends.control.ollama:OllamaControl",
        "anthropic": "roundhouse.backends.control.anthropic:AnthropicControl",
        "jina": "roundhouse.backends.control.listed:ListedControl",
        "builtin": "roundhouse.backends.control.builtin:BuiltinControl",
        "fake": "roundhouse.backends.control.fake:FakeControl",
    },
}

TRANSPORTS: dict[str, str] = {
    "http": "roundhouse.backends.transports.http:HttpTransport",
    "inproc": "roundhouse.backends.transports.inproc:InprocTransport",
    "mcp": "roundhouse.backends.transports.mcp:McpTransport",
    "fake": "roundhouse.backends.transports.fake:FakeTransport",
}
"""Ways to whoever does a capability; no provider has one. Others come from the group `roundhouse.transport`."""

VECTORS: dict[str, str] = {
    "embedded": "roundhouse.backends.vectors.embedded:EmbeddedVectors",
    "pgvector": "roundhouse.backends.vectors.pgvector:PgVectors",
    "milvus": "roundhouse.backends.vectors.milvus:MilvusVectors",
    "fake": "roundhouse.backends.vectors.fake:FakeVectors",
}
"""Kinds of vector store; no provider has one."""


def _plugins(group: str) -> EntryPoints:
    """What installed distributions name in a group."""
    return _installed(group, tuple(sys.path))


@lru_cache(maxsize=32)
def _installed(group: str, path: tuple[str, ...]) -> EntryPoints:
    """Entry points on a path: the metadata of every distribution is read for them, which takes some 10 ms."""
    del path  # It says when to look again.
    return entry_points(group=group)


def kinds() -> list[str]:
    """Kinds of provider that can be configured, sorted; `fake` is for tests and not listed."""
    found = {name for table in BUILTIN.values() for name in table}
    for seam in BUILTIN:
        found.update(point.name for point in _plugins(f"roundhouse.{seam}"))
    return sorted(found - {"fake"})


def find(seam: Seam, kind: str) -> Any | None:
    """The backend class of a kind at a seam, None when that kind has none there.

    Raises:
        MissingExtra: Its library is not installed.
    """
    path = BUILTIN[seam].get(kind)
    try:
        if path is not None:
            module, _, name = path.partition(":")
            return getattr(import_module(module), name)
        for point in _plugins(f"roundhouse.{seam}"):
            if point.name == kind:
                return point.load()
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("roundhouse"):
            raise
        raise MissingExtra(
            f"The {kind} backend needs the library {error.name!r}: pip install {error.name}"
        ) from None
    return None


def open_vectors(kind: str, context: VectorContext) -> VectorStore:
    """A vector store of a kind.

    Raises:
        BadInput: There is no such kind, or a setting that it needs is missing.
        MissingExtra: Its library is not installed.
    """
    path = VECTORS.get(kind)
    if path is None:
        raise BadInput(f"There are no vectors of the kind {kind!r}; known: {', '.join(VECTORS)}.")
    module, _, name = path.partition(":")
    store: VectorStore = getattr(import_module(module), name)(context)
    return store


def open_transport(name: str, context: TransportContext) -> Transport:
    """A way to whoever does a capability.

    Raises:
        BadInput: There is no such transport.
        MissingExtra: Its library is not installed.
    """
    path = TRANSPORTS.get(name)
    try:
        if path is not None:
            module, _, kind = path.partition(":")
            made: Transport = getattr(import_module(module), kind)(context)
            return made
        for point in _plugins("roundhouse.transport"):
            if point.name == name:
                found: Transport = point.load()(context)
                return found
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("roundhouse"):
            raise
        raise MissingExtra(f"The transport {name} needs the library {error.name!r}.") from None
    raise BadInput(f"There is no transport {name!r}.", param="transport")


def require_kind(kind: str) -> None:
    """Raise BadInput unless `kind` is known at one seam at least."""
    if kind not in kinds() and kind != "fake":
        raise BadInput(f"Unknown kind {kind!r}; known: {', '.join(kinds())}.", param="kind")


def pipelines() -> list[Pipeline]:
    """The pipelines of other installed distributions; each entry point names one `core.jobs.Pipeline`.

    Raises:
        BadInput: An entry point names something else.
        MissingExtra: A library that one of them needs is not installed.
    """
    found = []
    for point in _plugins("roundhouse.pipelines"):
        try:
            one = point.load()
        except ModuleNotFoundError as error:
            raise MissingExtra(f"The pipeline {point.name} needs the library {error.name!r}.") from None
        if not isinstance(one, Pipeline):
            raise BadInput(f"The entry point {point.name} of {point.group} names no pipeline.")
        found.append(one)
    return found
