"""The backends that the contract suites run over. To add one, add one entry to the list of its seam.

An entry opens its backend against a peer that behaves (`works`), and, where that makes sense, against one that
fails with an HTTP status (`fails`) and one whose stream never ends (`endless`). `features` names what the backend
can do beyond the minimum; the suites skip what is not named.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from peers.anthropic import KEY as ANTHROPIC_KEY
from peers.anthropic import anthropic_peer, tool_block
from peers.asking import backend_context, provider_of
from peers.jina import KEY as JINA_KEY
from peers.jina import jina_peer
from peers.ollama import Has, ollama_peer
from peers.openai import OpenAIServer
from peers.scripted import Fault
from peers.scripts import chunk, endless, error_answer, event
from peers.upstream import Script, Upstream
from roundhouse.core.registry import Seam, find


async def _never() -> bool:
    return False


@dataclass
class Bench:
    """A backend, a model of its peer, and how to learn that the peer saw its client leave."""

    backend: Any
    model: str = "tiny"
    stopped: Callable[[], Awaitable[bool]] = _never


@dataclass(frozen=True)
class Case:
    """One entry.

    Attributes:
        works: Opens it against a peer that behaves.
        features: Chat: `n`, `stop`, `tools`, `completions`. Embedding: `base64`, `dimensions`, `images`.
            Control: `memory`, `pull`.
        fails: Opens it against a peer that answers with this HTTP status, 429 with `Retry-After: 7`.
        endless: Opens it against a peer whose stream never ends.
    """

    name: str
    works: Callable[[], AbstractAsyncContextManager[Bench]]
    features: frozenset[str] = frozenset()
    fails: Callable[[int], AbstractAsyncContextManager[Bench]] | None = None
    endless: Callable[[], AbstractAsyncContextManager[Bench]] | None = None


@asynccontextmanager
async def _openai(seam: Seam, kind: str, script: Script, **options: Any) -> AsyncIterator[Bench]:
    async with Upstream(script) as upstream, backend_context() as context:
        yield Bench(
            find(seam, kind)(provider_of(kind, upstream.url, options=options), context),
            stopped=upstream.client_left,
        )


def _error(status: int) -> Script:
    return error_answer(status, **({"Retry_After": "7"} if status == 429 else {}))


_CODES = {400: "backend_refused", 404: "backend_refused", 429: "backend_busy", 500: "backend_failed"}


@asynccontextmanager
async def _fake(seam: Seam, **options: Any) -> AsyncIterator[Bench]:
    async with backend_context() as context:
        backend = find(seam, "fake")(provider_of("fake", "", models=("tiny",), options=options), context)

        async def stopped() -> bool:
            return bool(backend.requests) and backend.open_streams == 0

        yield Bench(backend, stopped=stopped)


def _fake_failing(seam: Seam) -> Callable[[int], AbstractAsyncContextManager[Bench]]:
    return lambda status: _fake(seam, fault={"code": _CODES[status], "retry_after_s": 7.0})


def _fake_case(seam: Seam, *features: str, **options: Any) -> Case:
    return Case("fake", lambda: _fake(seam, **options), frozenset(features), _fake_failing(seam))


def _openai_case(seam: Seam, *features: str) -> Case:
    return Case(
        "openai",
        lambda: _openai(seam, "openai", OpenAIServer()),
        frozenset(features),
        lambda status: _openai(seam, "openai", _error(status)),
    )


@asynccontextmanager
async def _ollama(
    seam: Seam, model: str = "tiny:latest", always: Fault | None = None
) -> AsyncIterator[Bench]:
    async with ollama_peer() as peer, backend_context() as context:
        peer.always = always
        peer.library["new"] = Has(["completion"])
        peer.says.tool_calls = [{"function": {"name": "weather", "arguments": {"city": "Huế"}}}]
        backend = find(seam, "ollama")(provider_of("ollama", peer.url), context)
        yield Bench(backend, model, peer.saw_client_leave)


@asynccontextmanager
async def _anthropic(seam: Seam, always: Fault | None = None) -> AsyncIterator[Bench]:
    async with anthropic_peer() as peer, backend_context() as context:
        peer.always = always
        peer.models.append("tiny")
        peer.calls = [tool_block("weather", {"city": "Huế"})]
        backend = find(seam, "anthropic")(provider_of("anthropic", peer.url, key=ANTHROPIC_KEY), context)
        yield Bench(backend, stopped=peer.saw_client_leave)


@asynccontextmanager
async def _jina(always: Fault | None = None) -> AsyncIterator[Bench]:
    async with jina_peer() as peer, backend_context() as context:
        peer.always = always
        backend = find("embedding", "jina")(provider_of("jina", f"{peer.url}/v1", key=JINA_KEY), context)
        yield Bench(backend)


def _refusal(status: int) -> Fault:
    return Fault(status, {"error": "No."}, {"Retry-After": "7"} if status == 429 else {})


_ENDLESS = Fault(after=3, hang=True)


CHAT = [
    Case(
        "fake",
        lambda: _fake("chat", tool_arguments={"city": "Huế"}),
        frozenset({"n", "stop", "tools", "completions"}),
        _fake_failing("chat"),
        lambda: _fake("chat", endless=True),
    ),
    Case(
        "openai",
        lambda: _openai("chat", "openai", OpenAIServer()),
        frozenset({"n", "stop", "tools", "completions"}),
        lambda status: _openai("chat", "openai", _error(status)),
        lambda: _openai("chat", "openai", endless(event(chunk("again ")))),
    ),
    Case(
        "ollama",
        lambda: _ollama("chat"),
        frozenset({"stop", "tools", "completions"}),
        lambda status: _ollama("chat", always=_refusal(status)),
        lambda: _ollama("chat", always=_ENDLESS),
    ),
    Case(
        "anthropic",
        lambda: _anthropic("chat"),
        frozenset({"stop", "tools"}),
        lambda status: _anthropic("chat", _refusal(status)),
        lambda: _anthropic("chat", _ENDLESS),
    ),
]
EMBEDDING = [
    _fake_case("embedding", "base64", "dimensions", "images"),
    _openai_case("embedding", "base64", "dimensions"),
    Case(
        "ollama",
        lambda: _ollama("embedding", "embedder:latest"),
        frozenset({"base64", "dimensions"}),
        lambda status: _ollama("embedding", always=_refusal(status)),
    ),
    Case(
        "jina", _jina, frozenset({"base64", "dimensions", "images"}), lambda status: _jina(_refusal(status))
    ),
]
RERANK = [_fake_case("rerank"), _openai_case("rerank")]
CONTROL = [
    _fake_case("control", "memory", "pull", manages_memory=True),
    _openai_case("control"),
    Case("vllm", lambda: _openai("control", "vllm", OpenAIServer())),
    Case(
        "ollama",
        lambda: _ollama("control"),
        frozenset({"memory", "pull"}),
        lambda status: _ollama("control", always=_refusal(status)),
    ),
    Case(
        "anthropic",
        lambda: _anthropic("control"),
        fails=lambda status: _anthropic("control", _refusal(status)),
    ),
]
