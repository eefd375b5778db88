"""Wire shapes of models, providers and aliases."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)

_MOST_OPTIONS_BYTES = 65_536
ProviderName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
"""Anything but control characters."""
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PRINTABLE)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")]
HeaderValue = Annotated[str, StringConstraints(max_length=4096, pattern=r"^[\x20-\x7e]*$")]


def _storable(value: Any) -> Any:
    """Free JSON that can be kept: no lone surrogates, no endless numbers, not too deep, not too large."""
    try:
        kept = msgspec.json.encode(value)
        msgspec.json.decode(kept)
    except (msgspec.DecodeError, OverflowError, RecursionError, UnicodeEncodeError):
        raise ValueError("holds a number or a text that cannot be kept") from None
    if len(kept) > _MOST_OPTIONS_BYTES:
        raise ValueError(f"is larger than {_MOST_OPTIONS_BYTES} bytes")
    return value


Options = Annotated[dict[str, Any], AfterValidator(_storable)]


class Wire(BaseModel):
    """An unknown field is refused, so that a typing mistake is told; and `true` is no number, nor is `"5"`."""

    model_config = ConfigDict(extra="forbid", strict=True)


class TimeoutsWire(Wire):
    """Time limits of one call, in seconds."""

    connect_s: float = Field(5.0, gt=0, le=600)
    first_byte_s: float = Field(300.0, gt=0, le=86_400)
    idle_s: float = Field(120.0, gt=0, le=86_400)
    total_s: float = Field(1800.0, gt=0, le=604_800)


class ProviderCreate(Wire):
    """A new provider."""

    name: ProviderName
    kind: str = Field(
        max_length=64, description="`openai`, `ollama`, `vllm`, `anthropic`, `jina` or a plugin's."
    )
    url: str = Field(max_length=2000, description="Address of its API; with the `/v1` for `openai`.")
    key: SecretStr | None = Field(None, max_length=4096, description="Kept encrypted, never returned.")
    headers: dict[HeaderName, HeaderValue] = Field(
        {}, max_length=50, description="Kept encrypted, never returned."
    )
    models: list[ModelName] = Field(
        [], max_length=10_000, description="Its models, when it cannot list them."
    )
    options: Options = Field({}, max_length=100, description="Settings of its kind.")
    timeouts: TimeoutsWire = TimeoutsWire()
    max_concurrent: int = Field(64, ge=1, le=100_000)
    max_waiting: int = Field(1024, ge=0, le=1_000_000)
    retries: int = Field(1, ge=0, le=10)


class ProviderPatch(Wire):
    """Changes of a provider; what is left out stays."""

    url: str | None = Field(None, max_length=2000)
    key: SecretStr | None = Field(None, max_length=4096)
    headers: dict[HeaderName, HeaderValue] | None = Field(None, max_length=50)
    models: list[ModelName] | None = Field(None, max_length=10_000)
    options: Options | None = Field(None, max_length=100)
    timeouts: TimeoutsWire | None = None
    max_concurrent: int | None = Field(None, ge=1, le=100_000)
    max_waiting: int | None = Field(None, ge=0, le=1_000_000)
    retries: int | None = Field(None, ge=0, le=10)


class ProviderRead(BaseModel):
    """A provider, without its secrets."""

    object: Literal["provider"] = "provider"
    name: str
    kind: str
    url: str
    has_key: bool
    header_names: list[str]
    models: list[str]
    options: dict[str, Any]
    timeouts: TimeoutsWire
    max_concurrent: int
    max_waiting: int
    retries: int
    source: Literal["api", "config", "discovered", "builtin"] = Field(
        description="`config` and `discovered` ones are changed in the file, or not at all."
    )
    state: str = Field(description="`ok`, `not asked yet`, or why its models could not be listed.")
    model_count: int


class ProviderTest(BaseModel):
    """What a provider answered."""

    ok: bool
    latency_ms: int
    models: list[str]
    error: dict[str, Any] | None = None


class AliasWrite(Wire):
    """What stands behind a name."""

    targets: list[ModelName] = Field(min_length=1, max_length=50, description="In order of preference.")
    context_fallbacks: list[ModelName] = Field(
        [], max_length=50, description="For requests too long for the targets."
    )
    cache_ttl_s: float | None = Field(None, ge=0, le=31_536_000, description="Response cache; 0 = never.")


class AliasCreate(AliasWrite):
    """A new alias."""

    name: ModelName


class AliasRead(AliasWrite):
    """An alias."""

    object: Literal["alias"] = "alias"
    name: str
    source: Literal["api", "config"]


class ModelRead(BaseModel):
    """OpenAI's model object, with what else is known."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    provider: str | None = None
    aliases: list[str] = []
    targets: list[str] | None = Field(None, description="Of an alias: the models behind it.")
    operations: list[str] = []
    inputs: list[str] = []
    context_tokens: int | None = None
    parameters_b: float | None = None
    size_bytes: int | None = None
    quantization: str | None = None
    family: str | None = None


class ModelList(BaseModel):
    """OpenAI's list of models."""

    object: Literal["list"] = "list"
    data: list[ModelRead]
    has_more: bool = False
    next_cursor: str | None = None


class ProviderList(BaseModel):
    """Providers, all at once: there are few."""

    object: Literal["list"] = "list"
    data: list[ProviderRead]
    has_more: bool = False
    next_cursor: str | None = None


class AliasList(BaseModel):
    """Aliases, all at once: there are few."""

    object: Literal["list"] = "list"
    data: list[AliasRead]
    has_more: bool = False
    next_cursor: str | None = None


class ModelAction(Wire):
    """Which model; `model_id` and `model` mean the same."""

    model_id: ModelName | None = None
    model: ModelName | None = None
    pin: bool | None = Field(
        None,
        description="Load: true keeps it until it is unloaded, false lets it leave again; null = as it is.",
    )
    stream: bool = Field(False, description="Pull: answer with its progress as server-sent events.")

    @model_validator(mode="after")
    def _named(self) -> ModelAction:
        if self.model_id is None and self.model is None:
            raise ValueError("model_id is missing")
        return self

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model_id or self.model or ""


class ModelState(BaseModel):
    """A model after load or unload."""

    model_id: str
    state: str
    device: str | None = None
    footprint_mib: int | None = None


class PullRead(BaseModel):
    """One step of a download; the last one has status `success`."""

    status: str
    completed_bytes: int = Field(description="As exact as the job's progress.")
    total_bytes: int = Field(description="0 = not known yet.")
    job_id: str


class ResidentRead(BaseModel):
    """A model in memory, or on its way."""

    model_id: str
    provider: str
    state: str = Field(
        description="`absent`, `loading`, `loaded`, `unloading`; `external` = not managed by us."
    )
    device: str | None
    footprint_mib: int | None
    footprint_measured: bool
    leases: int
    pinned: bool
    last_used_at: str | None
    expires_at: str | None
    queue_length: int


class BudgetRead(BaseModel):
    """One memory and what models may use of it."""

    device: str
    budget_mib: int | None = Field(description="Most that models may fill; null = that server alone decides.")
    used_mib: int
    unmanaged_mib: int
    queue_length: int
    queue: list[str | None] = Field(
        description="Which model each of the first 50 that wait wants, the next one first; null = none of yours."
    )


class ModelsStatus(BaseModel):
    """Who is in memory, and how much of it is left."""

    object: Literal["models.status"] = "models.status"
    data: list[ResidentRead]
    devices: list[BudgetRead]


class RecommendationRead(BaseModel):
    """A model for a task, and why."""

    model_id: str
    score: float
    reason: str


class Recommendations(BaseModel):
    """Best first; `recommended_model` and `reason` are those of the first."""

    object: Literal["list"] = "list"
    recommended_model: str
    reason: str
    data: list[RecommendationRead]
    has_more: bool = False
    next_cursor: str | None = None
