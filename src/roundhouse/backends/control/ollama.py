"""What an Ollama has and holds: list, running, load, unload, pull.

Source:
    Ollama API reference, docs.ollama.com/api (2026-11): `/api/tags`, `/api/show`, `/api/ps`, `/api/pull`;
    its FAQ for `keep_alive` and for loading with an empty prompt.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from roundhouse.backends.ollama_answer import ABSENT, STREAM_TYPES, LineSplitter, raise_line_error, refine
from roundhouse.backends.ollama_request import read_options
from roundhouse.backends.ollama_server import server_headers, server_url
from roundhouse.backends.translated import BROKEN, VendorCalls, decode_strictly
from roundhouse.core.errors import (
    BackendBadAnswer,
    BackendFailed,
    ModelNotFound,
    NotSupported,
    RoundhouseError,
)
from roundhouse.core.ports import BackendContext, Endpoint
from roundhouse.core.types import ModelInfo, Operation, Provider, PullProgress, RunningModel

_MIB = 1024 * 1024
_SHOWS_AT_A_TIME = 8
_PULL_TOTAL_S = 24 * 3600.0
_PULL_IDLE_S = 600.0
_FOREVER_S = 10 * 365 * 86400.0
_NO_MODEL = re.compile(r"file does not exist|model\b.{0,300}\bnot found", re.IGNORECASE | re.DOTALL)
_BILLIONS = {"K": 1e-6, "M": 1e-3, "B": 1.0, "T": 1e3}


class _Details(msgspec.Struct):
    family: str | None = None
    parameter_size: str | None = None
    quantization_level: str | None = None


class _Tag(msgspec.Struct):
    name: str
    modified_at: str | None = None
    size: int | None = None
    digest: str = ""
    details: _Details | None = None


class _Tags(msgspec.Struct):
    models: list[_Tag] | None = None


class _Shown(msgspec.Struct):
    model_info: dict[str, Any] | None = None
    capabilities: list[str] | None = None


class _Process(msgspec.Struct):
    name: str
    size: int = 0
    size_vram: int = 0
    expires_at: str | None = None


class _Processes(msgspec.Struct):
    models: list[_Process] | None = None


class _Done(msgspec.Struct):
    error: msgspec.Raw = ABSENT


class _Progress(msgspec.Struct):
    status: str | None = None
    digest: str | None = None
    total: int | None = None
    completed: int | None = None
    error: msgspec.Raw = ABSENT


_decode_tags = msgspec.json.Decoder(_Tags).decode
_decode_shown = msgspec.json.Decoder(_Shown).decode
_decode_processes = msgspec.json.Decoder(_Processes).decode
_decode_done = msgspec.json.Decoder(_Done).decode
_decode_progress = msgspec.json.Decoder(_Progress).decode


class OllamaControl:
    """`core.ports.ModelControl` for a provider of kind `ollama`; its options are `OllamaOptions`."""

    can_pull = True

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._context = context
        self._timeouts = provider.timeouts
        self._lists = VendorCalls(provider, context, refine)
        self._calls = VendorCalls(provider, context, _refine_control)
        self._options = read_options(provider.options)
        self.manages_memory = self._options.manages_memory
        self._shown: dict[tuple[str, str], _Shown] = {}
        url, headers = server_url(provider), server_headers(provider)
        self._tags = context.http.endpoint("GET", f"{url}/api/tags", headers)
        self._show = context.http.endpoint("POST", f"{url}/api/show", headers)
        self._ps = context.http.endpoint("GET", f"{url}/api/ps", headers)
        self._generate = context.http.endpoint("POST", f"{url}/api/generate", headers)
        self._embed = context.http.endpoint("POST", f"{url}/api/embed", headers)
        self._pull = context.http.endpoint("POST", f"{url}/api/pull", headers)

    async def models(self) -> list[ModelInfo]:
        """Models on its disk; what each can do is asked once per version of a model."""
        found: _Tags = await self._lists.decoded(self._tags, b"", _decode_tags)
        tags = found.models or []
        gate = asyncio.Semaphore(_SHOWS_AT_A_TIME)
        shown = await asyncio.gather(*(self._details(tag, gate) for tag in tags))
        self._shown = {
            (tag.name, tag.digest): one for tag, one in zip(tags, shown, strict=True) if one is not None
        }
        return [self._info(tag, one or _Shown()) for tag, one in zip(tags, shown, strict=True)]

    async def running(self) -> list[RunningModel]:
        """Models in its memory."""
        found: _Processes = await self._lists.decoded(self._ps, b"", _decode_processes)
        now_s = self._context.clock.now_s()
        return [
            RunningModel(
                id=process.name,
                vram_mib=-(-process.size_vram // _MIB),
                ram_mib=-(-max(0, process.size - process.size_vram) // _MIB),
                expires_at_s=_expiry(process.expires_at, now_s),
            )
            for process in found.models or ()
        ]

    async def load(self, model: str, *, keep_alive_s: float | None = None) -> None:
        """Load with an empty prompt; raises ModelNotFound, DoesNotFit, BackendFailed."""
        body: dict[str, Any] = {"model": model, "stream": False, "options": self._options.runner()}
        keep_alive = keep_alive_s if keep_alive_s is not None else self._options.keep_alive_s
        if keep_alive is not None:
            body["keep_alive"] = keep_alive
        try:
            await self._call(self._generate, body)
        except NotSupported:
            # A model that only embeds refuses to generate, even nothing.
            await self._call(self._embed, {**body, "input": []})

    async def unload(self, model: str) -> None:
        """Unload with `keep_alive` 0; a model that is not in memory is no error. Raises ModelNotFound."""
        await self._call(self._generate, {"model": model, "stream": False, "keep_alive": 0})

    async def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """Download a model; bytes are summed over its layers. Raises ModelNotFound, BackendFailed."""
        timeouts = msgspec.structs.replace(
            self._timeouts,
            idle_s=max(self._timeouts.idle_s, _PULL_IDLE_S),
            total_s=max(self._timeouts.total_s, _PULL_TOTAL_S),
        )
        body = msgspec.json.encode({"model": model, "stream": True})
        response = await self._calls.stream(self._pull, body, STREAM_TYPES, timeouts)
        steps = _PullSteps()
        try:
            async for piece in response.pieces():
                for step in steps.feed(piece):
                    yield step
            for step in steps.end():
                yield step
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Nothing is held."""

    async def _call(self, endpoint: Endpoint, body: dict[str, Any]) -> None:
        done: _Done = await self._calls.decoded(endpoint, msgspec.json.encode(body), _decode_done)
        _raise_control_error(done.error)

    async def _details(self, tag: _Tag, gate: asyncio.Semaphore) -> _Shown | None:
        known = self._shown.get((tag.name, tag.digest))
        if known is not None:
            return known
        body = msgspec.json.encode({"model": tag.name})
        async with gate:
            try:
                shown: _Shown = await self._lists.decoded(self._show, body, _decode_shown)
            except RoundhouseError:
                # One broken model must not hide the others; it is asked again next time.
                return None
        return shown

    def _info(self, tag: _Tag, shown: _Shown) -> ModelInfo:
        details = tag.details or _Details()
        facts = shown.model_info or {}
        can = shown.capabilities
        context = next((facts[name] for name in facts if name.endswith(".context_length")), None)
        if isinstance(context, int) and self._options.num_ctx is not None:
            context = min(context, self._options.num_ctx)
        count = facts.get("general.parameter_count")
        return ModelInfo(
            id=tag.name,
            operations=_operations(can, details.family),
            inputs=("image",) if can and "vision" in can else (),
            context_tokens=context if isinstance(context, int) else self._options.num_ctx,
            parameters_b=count / 1e9
            if isinstance(count, int) and count
            else _billions(details.parameter_size),
            size_bytes=tag.size,
            quantization=details.quantization_level or None,
            family=details.family or None,
            tools=None if can is None else "tools" in can,
            created_s=int(_unix_s(tag.modified_at) or 0),
        )


class _PullSteps:
    """Progress over all layers of a model, from lines that each tell of one layer."""

    def __init__(self) -> None:
        self._splitter = LineSplitter()
        self._layers: dict[str, tuple[int, int]] = {}
        self._success = False

    def feed(self, piece: bytes) -> Iterator[PullProgress]:
        """Steps of the whole lines in `piece`; raises ModelNotFound, BackendFailed, BackendBadAnswer."""
        for line in self._splitter.feed(piece):
            yield self._step(line)

    def end(self) -> Iterator[PullProgress]:
        """Last steps; raises like `feed`, and BackendFailed when the download was cut."""
        for line in self._splitter.end():
            yield self._step(line)
        if not self._success:
            raise BackendFailed("Ollama ended the download before it was complete.")

    def _step(self, raw: bytes) -> PullProgress:
        try:
            line: _Progress = decode_strictly(raw, _decode_progress)
        except BROKEN:
            raise BackendBadAnswer("Ollama's progress is not the JSON of its protocol.") from None
        _raise_control_error(line.error)
        if line.digest:
            self._layers[line.digest] = (line.completed or 0, line.total or 0)
        self._success = line.status == "success"
        completed = sum(layer[0] for layer in self._layers.values())
        total = sum(layer[1] for layer in self._layers.values())
        return PullProgress(line.status or "", completed, total)


def _refine_control(error: BackendFailed) -> RoundhouseError:
    """As `refine`; a model that is not there is ModelNotFound here, since the model is what was asked for."""
    if error.status == 404 or _NO_MODEL.search(error.detail):
        return ModelNotFound("Ollama has no such model.", param="model")
    return refine(error)


def _raise_control_error(error: msgspec.Raw) -> None:
    try:
        raise_line_error(error)
    except BackendFailed as found:
        raise _refine_control(found) from None


def _operations(can: list[str] | None, family: str | None) -> tuple[Operation, ...]:
    if can is None:
        # An Ollama before 0.6.4 does not tell; its embedding models are of BERT's family.
        return ("embeddings",) if "bert" in (family or "") else ("chat", "completions", "embeddings")
    found: tuple[Operation, ...] = ()
    if "completion" in can:
        found += ("chat", "completions")
    if "embedding" in can:
        found += ("embeddings",)
    return found


def _billions(text: str | None) -> float | None:
    """Parameters in billions from Ollama's `parameter_size`, e.g. `7.2B` or `22M`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMBT])", (text or "").strip().upper())
    return float(match[1]) * _BILLIONS[match[2]] if match else None


def _unix_s(text: str | None) -> float | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


def _expiry(text: str | None, now_s: float) -> float | None:
    """When a model leaves; Ollama writes "never" as a time far away, or as the year 1."""
    at_s = _unix_s(text)
    return None if at_s is None or at_s <= 0 or at_s > now_s + _FOREVER_S else at_s
