"""The values that pass between floors. All are msgspec structs: cheap to make, compared by value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

Operation = Literal[
    "chat", "completions", "embeddings", "rerank", "transcriptions", "translations", "speech", "diarization"
]
Fields = dict[str, msgspec.Raw]
"""A JSON object whose values are still the client's bytes."""

ALL_SCOPES: tuple[str, ...] = (
    "inference",
    "models:read",
    "models:write",
    "providers",
    "jobs:read",
    "jobs:write",
    "files:read",
    "files:write",
    "knowledge:read",
    "knowledge:write",
    "chats:read",
    "chats:write",
    "audio:read",
    "audio:write",
    "tasks",
    "capabilities",
    "flows",
    "human",
    "webhooks",
    "mcp",
    "usage:read",
    "keys",
    "audit:read",
    "ops",
    "admin",
)
"""Scopes a key may hold; `admin` includes every other."""


_SECRET_CHARS = 8


class Limits(msgspec.Struct, frozen=True):
    """What a key may use. None means no limit.

    Attributes:
        requests_per_minute: Requests in any minute.
        tokens_per_minute: Prompt plus completion tokens in any minute.
        concurrent_requests: Requests in flight, in one process.
        budget_usd: Cost by the price table in one budget period.
        budget_tokens: Tokens in one budget period.
        budget_period: Calendar period (UTC) after which the budgets start anew.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_requests: int | None = None
    budget_usd: float | None = None
    budget_tokens: int | None = None
    budget_period: Literal["day", "month", "total"] = "month"


class Caller(msgspec.Struct, frozen=True):
    """Who asks: a tenant and what it may do. First argument of every service verb.

    Attributes:
        key_id: `key_…`, or `open` with `--open`, or `core` / `jwt` for an outer system's signature.
        site_id: Tenant; every row carries it.
        user_id: User of the outer core system, if told.
        app_id: App of the outer core system, if told.
        scopes: Subset of `ALL_SCOPES`.
        models: Glob patterns of model names it may use; empty = all.
        routes: Glob patterns of paths (without `/api`) it may call; empty = all.
        limits: Rate limits and budgets.
        expires_at_s: Unix time at which the credential ends; None = never. Bounds the keys it may make.
        local_only: Whether nothing that it asks may leave the house: models and modules outside are left alone.
        counts_as: Id under which limits and budgets are counted: the first key of a chain of rotations.
    """

    key_id: str
    site_id: str = "default"
    user_id: str | None = None
    app_id: str | None = None
    scopes: frozenset[str] = frozenset()
    models: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    limits: Limits = Limits()
    expires_at_s: float | None = None
    counts_as: str = ""
    local_only: bool = False

    def may(self, scope: str) -> bool:
        """Whether `scope` is held, directly or by `admin`."""
        return scope in self.scopes or "admin" in self.scopes


class Timeouts(msgspec.Struct, frozen=True):
    """Time limits of one call to a model server, in seconds; each must be positive.

    Attributes:
        connect_s: Until the connection (and TLS) stands.
        first_byte_s: From the request sent until the headers of the answer.
        idle_s: Between two reads of the answer's body.
        total_s: From start to end, streams included.
    """

    connect_s: float = 5.0
    first_byte_s: float = 300.0
    idle_s: float = 120.0
    total_s: float = 1800.0


class Usage(msgspec.Struct, gc=False):
    """What one call took: tokens as the backend counted them (0 = not told), seconds of sound that were heard."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    audio_s: float = 0.0

    @property
    def total_tokens(self) -> int:
        """Prompt plus completion."""
        return self.prompt_tokens + self.completion_tokens


Beat = Callable[[Callable[[], None]], None]
"""Calls what it is given, once, at its next beat: within some ten milliseconds."""


class ModelRequest(msgspec.Struct):
    """One request on its way to a model, in OpenAI's wire form.

    Attributes:
        operation: Which API.
        model: Name as the client wrote it.
        fields: Top-level members of the JSON body; values are raw bytes, duplicates already resolved.
        caller: Who asks.
        stream: Whether server-sent events are wanted.
        include_usage: Whether the client itself asked for a usage chunk (`stream_options.include_usage`).
        request_id: `req_…`, for logs and the usage record.
        cache: `use` the response cache, `refresh` it (no read), or leave it `off`.
        continues: Whether the last message is the beginning of the answer, to be written on; a server may say it again.
        beat: Where the reader of a stream takes what came at this beat only; a backend may hold pieces back for it.
    """

    operation: Operation
    model: str
    fields: Fields
    caller: Caller
    stream: bool = False
    include_usage: bool = False
    request_id: str = ""
    cache: Literal["use", "refresh", "off"] = "use"
    continues: bool = False
    beat: Beat | None = None


class Answer(msgspec.Struct):
    """A whole answer of a backend: OpenAI's JSON as bytes, and what it cost."""

    body: bytes
    usage: Usage


class ModelInfo(msgspec.Struct):
    """What a provider says of one of its models. None = unknown.

    Attributes:
        id: The provider's own name, e.g. `llama2:7b`.
        operations: Operations it serves.
        inputs: Modalities it takes besides text: `image`, `audio`, `video`.
        context_tokens: Context window.
        parameters_b: Parameters in billions (1e9).
        size_bytes: Size of its weights on disk.
        quantization: e.g. `Q4_K_M`.
        family: e.g. `llama`.
        tools: Whether it takes tools.
        languages: ISO 639-1 codes of the languages it knows; empty = not told.
        created_s: Unix time, for `/v1/models`.
    """

    id: str
    operations: tuple[Operation, ...] = ("chat", "completions")
    inputs: tuple[str, ...] = ()
    context_tokens: int | None = None
    parameters_b: float | None = None
    size_bytes: int | None = None
    quantization: str | None = None
    family: str | None = None
    tools: bool | None = None
    languages: tuple[str, ...] = ()
    created_s: int = 0


class RunningModel(msgspec.Struct):
    """A model that a server holds in memory now.

    Attributes:
        id: The provider's own name.
        vram_mib: Memory it holds on the accelerator, MiB.
        ram_mib: Memory it holds in RAM, MiB.
        expires_at_s: Unix time at which the server will drop it by itself, if it will.
    """

    id: str
    vram_mib: int = 0
    ram_mib: int = 0
    expires_at_s: float | None = None


class Device(msgspec.Struct):
    """One memory a model can be put in.

    Attributes:
        id: `cuda:0` … or `cpu`.
        name: As the driver tells it.
        total_mib: Its memory.
        used_mib: In use now, by anybody.
        utilization_percent: Of its cores, None = not told.
    """

    id: str
    name: str
    total_mib: int
    used_mib: int
    utilization_percent: float | None = None


class PullProgress(msgspec.Struct):
    """One step of a download: `total_bytes` 0 = not known yet; the last one has status `success`.

    `licence` is that of the weights, as their hub tells it; empty = not told.
    """

    status: str
    completed_bytes: int = 0
    total_bytes: int = 0
    licence: str = ""


class Provider(msgspec.Struct, frozen=True):
    """A place that serves models.

    Attributes:
        name: Unique; `provider/model` addresses one model.
        kind: Key of the registry: `openai`, `ollama`, `anthropic`, `jina`, `vllm`, `builtin` …
        url: Address of its API (for `openai` with the `/v1`).
        key: Secret sent to it, if any; never shown.
        headers: Extra request headers, e.g. Azure's `api-key`.
        models: Models it serves, when it cannot list them.
        options: Settings of its kind, e.g. `{"keep_alive_s": 300}`.
        timeouts: Time limits of a call.
        max_concurrent: Requests in flight at a time per process; more wait their turn.
        max_waiting: Requests that may wait; one more is answered 429.
        retries: Further tries at the same target after a retryable error.
    """

    name: str
    kind: str
    url: str = ""
    key: str | None = None
    headers: dict[str, str] = {}
    models: tuple[str, ...] = ()
    options: dict[str, Any] = {}
    timeouts: Timeouts = Timeouts()
    max_concurrent: int = 64
    max_waiting: int = 1024
    retries: int = 1

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that nobody may be told: the key, and the values of its headers unless they are short words."""
        # A header may hold a scheme before its secret.
        found = {part for value in self.headers.values() for part in (value, value.rpartition(" ")[2])}
        told = [part for part in found if len(part) >= _SECRET_CHARS] + [self.key or ""]
        # The longest first: a part that is gone would leave the rest of its whole.
        return tuple(sorted(filter(None, told), key=len, reverse=True))

    def __repr__(self) -> str:
        """Without the key and the headers: a provider may end up in a log."""
        return f"Provider(name={self.name!r}, kind={self.kind!r}, url={self.url!r})"


class Alias(msgspec.Struct, frozen=True):
    """A name of the operator's for one or more models.

    Attributes:
        name: What clients write.
        targets: Models in order of preference: `provider/model`, or another alias.
        context_fallbacks: Models for requests that do not fit the context of the targets.
        cache_ttl_s: How long answers are kept; None = the general setting, 0 = not.
    """

    name: str
    targets: tuple[str, ...]
    context_fallbacks: tuple[str, ...] = ()
    cache_ttl_s: float | None = None


class NewFile(msgspec.Struct, frozen=True):
    """A file that is to be kept.

    Attributes:
        filename: As its sender calls it; made safe before it is kept.
        purpose: One of OpenAI's, or `audio`; it decides which types are taken.
        expires_after_s: Deleted this long after its creation; None = by the general setting.
        idempotency_key: A second file of the same caller under the same key is the first one.
        file_id: Its id, where somebody was told it before the file was there; None = a new one.
    """

    filename: str
    purpose: str
    expires_after_s: float | None = None
    idempotency_key: str | None = None
    file_id: str | None = None


class FileInfo(msgspec.Struct, frozen=True):
    """A kept file; times are Unix seconds.

    Attributes:
        id: `file_…`.
        site_id: Tenant.
        user_id: User it belongs to, if its creator had one.
        app_id: App it belongs to, likewise.
        filename: Safe name without any folder.
        purpose: See `NewFile`.
        content_type: What its bytes are, whatever its name says.
        size_bytes: Its size, at least 1.
        sha256: Of its bytes, hex.
        created_at_s: When it was complete.
        expires_at_s: When it is deleted, None = never.
    """

    id: str
    site_id: str
    user_id: str | None
    app_id: str | None
    filename: str
    purpose: str
    content_type: str
    size_bytes: int
    sha256: str
    created_at_s: float
    expires_at_s: float | None


class Attempt(msgspec.Struct, gc=False):
    """One try at one target: `error` is the code of the error tree, None = it answered."""

    target: str
    error: str | None = None
    duration_ms: int = 0


class Decision(msgspec.Struct):
    """Why a request went where it went; sent as headers and kept in the usage record.

    Attributes:
        requested: Name the client wrote.
        target: `provider/model` that answered (or was tried last).
        reason: `direct`, `alias`, `auto: …`.
        attempts: Tries in order.
        cache: `hit`, `miss`, or `off`.
        queued_ms: Time spent waiting for a slot or for memory.
    """

    requested: str
    target: str = ""
    reason: str = "direct"
    attempts: list[Attempt] = []
    cache: Literal["hit", "miss", "off"] = "off"
    queued_ms: int = 0


class UsageRecord(msgspec.Struct, gc=False):
    """What one request used; times are Unix seconds, cost is in US dollars by the price table.

    It holds scalars only and thousands wait to be written, so the garbage collector need not know of them.
    """

    request_id: str
    at_s: float
    key_id: str
    site_id: str
    user_id: str | None
    app_id: str | None
    operation: str
    requested_model: str
    target: str
    reason: str
    attempts: int
    cache: str
    status: int
    error_code: str | None
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    first_byte_ms: int
    duration_ms: int
    stream: bool
    audio_s: float = 0.0
