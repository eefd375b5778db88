"""Wire shapes of capabilities."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from roundhouse.features.tasks.model import (
    Capability,
    CapabilityState,
    Example,
    Kept,
    NewCapability,
    Origin,
    Visibility,
)

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Title = Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\x00]*$")]
Description = Annotated[str, StringConstraints(max_length=20_000, pattern=r"^[^\x00]*$")]
CapabilityName = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._-]+$")]
TransportName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")]
HeaderValue = Annotated[str, StringConstraints(max_length=4096, pattern=r"^[\x20-\x7e]*$")]
Headers = Annotated[dict[HeaderName, HeaderValue], Field(max_length=50)]
CostUnits = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
TimeoutS = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Label = (
    Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
    | bool
    | Annotated[int, Field(ge=-(2**53), le=2**53)]
    | Annotated[float, Field(allow_inf_nan=False)]
)

_ENDPOINT = "Where it is; its form is the transport's, for `http` see docs/capabilities.md."
_HEADERS = "Headers that the target wants, its key say: kept encrypted, never returned."
_PUBLIC = "`public` = every tenant sees it; needs `admin`."
_COST = "What one call counts for in quota plans; another one makes a new version."
_KEPT = "What is kept of its tasks: all, the result alone, or nothing but usage."


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ExampleWire(_Input):
    """An input to try."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
    input: Any
    summary: Title = ""


class CapabilityCreate(_Input):
    """A capability to register."""

    name: CapabilityName = Field(description="`module.verb`: words joined by dots, without `__`.")
    title: Title = ""
    description: Description = ""
    tags: list[Tag] = Field([], max_length=50)
    labels: dict[Tag, Label] = Field({}, max_length=50)
    input_schema: dict[str, Any] = Field({}, description="JSON Schema; `$ref` only to `#/…`.")
    output_schema: dict[str, Any] | None = Field(None, description="JSON Schema; null = anything.")
    examples: list[ExampleWire] = Field([], max_length=50)
    timeout_s: TimeoutS = 60.0
    idempotent: bool = Field(False, description="Whether a call that was cut off may be repeated.")
    visibility: Visibility = Field("site", description=_PUBLIC)
    expose_mcp: bool = True
    enabled: bool = True
    kept: Kept = Field("full", description=_KEPT)
    cost_units: CostUnits = Field(1.0, description=_COST)
    transport: TransportName = "http"
    endpoint: dict[str, Any] = Field(description=_ENDPOINT)
    headers: Headers = Field({}, description=_HEADERS)

    def new(self) -> NewCapability:
        """As the room has it."""
        fields = {name: getattr(self, name) for name in type(self).model_fields if name not in _SHAPED}
        return NewCapability(**fields, tags=tuple(self.tags), examples=_examples(self.examples))


class CapabilityPatch(_Input):
    """Changes; what is left out stays. New schemas, a new endpoint or another cost make a new version."""

    title: Title | None = None
    description: Description | None = None
    tags: list[Tag] | None = Field(None, max_length=50)
    labels: dict[Tag, Label] | None = Field(None, max_length=50)
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = Field(None, description="null = anything.")
    examples: list[ExampleWire] | None = Field(None, max_length=50)
    timeout_s: TimeoutS | None = None
    idempotent: bool | None = None
    visibility: Visibility | None = Field(None, description=_PUBLIC)
    expose_mcp: bool | None = None
    enabled: bool | None = None
    kept: Kept | None = Field(None, description=_KEPT)
    cost_units: CostUnits | None = Field(None, description=_COST)
    endpoint: dict[str, Any] | None = Field(None, description=_ENDPOINT)
    headers: Headers | None = Field(
        None, description=f"{_HEADERS} They go when the address becomes another host."
    )

    def changes(self) -> dict[str, Any]:
        """Fields of `Capability` and their new values."""
        found: dict[str, Any] = {}
        for name in self.model_fields_set - {"headers"}:
            value = getattr(self, name)
            if value is None and name != "output_schema":
                continue
            found[name] = value
        if "tags" in found:
            found["tags"] = tuple(found["tags"])
        if "examples" in found:
            found["examples"] = _examples(found["examples"])
        return found


_SHAPED = ("tags", "examples")


def _examples(wire: list[ExampleWire]) -> tuple[Example, ...]:
    return tuple(Example(one.name, one.input, one.summary) for one in wire)


class CapabilityRead(BaseModel):
    """A capability."""

    object: Literal["capability"] = "capability"
    id: str
    name: str
    tool_name: str = Field(description="As a tool of a language model: dots are `__`.")
    version: int
    title: str
    description: str
    tags: list[str]
    labels: dict[str, Any]
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    examples: list[ExampleWire]
    timeout_s: float
    idempotent: bool
    visibility: Visibility
    expose_mcp: bool
    enabled: bool
    kept: Kept
    cost_units: float = Field(description="What one call counts for in quota plans.")
    transport: str
    endpoint: dict[str, Any] | None = Field(description="null = it is another tenant's.")
    header_names: list[str]
    trusted: bool = Field(description="Whether an admin gave its address, so that it may be a private one.")
    origin: Origin
    origin_ref: str
    state: CapabilityState = Field(
        description="`drifted` = what it was imported from has changed; what is shown here stays in force."
    )
    own: bool = Field(description="Whether it is of the caller's tenant, who may change it.")
    created_at: datetime | None
    updated_at: datetime | None


class CapabilityList(BaseModel):
    """Capabilities, by name."""

    object: Literal["list"] = "list"
    data: list[CapabilityRead]
    has_more: bool
    next_cursor: str | None


class ToolFunction(BaseModel):
    """What a tool does."""

    name: str
    description: str
    parameters: dict[str, Any]


class ToolRead(BaseModel):
    """A capability as a tool of chat completions."""

    type: Literal["function"] = "function"
    function: ToolFunction


class ToolList(BaseModel):
    """Capabilities as tools: `data` is what chat completions take as `tools`."""

    object: Literal["list"] = "list"
    data: list[ToolRead]
    has_more: bool
    next_cursor: str | None


class VersionRead(BaseModel):
    """What one version says."""

    object: Literal["capability.version"] = "capability.version"
    version: int
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    transport: str
    endpoint: dict[str, Any]
    idempotent: bool
    cost_units: float
    created_at: datetime


class VersionList(BaseModel):
    """Versions, the newest first."""

    object: Literal["list"] = "list"
    data: list[VersionRead]
    has_more: bool
    next_cursor: str | None


class CapabilityDeleted(BaseModel):
    """It is gone."""

    object: Literal["capability.deleted"] = "capability.deleted"
    name: str
    deleted: Literal[True] = True


class TryAsk(_Input):
    """What to try: an example by its name, or an input."""

    example: Text | None = None
    input: Any = None

    @model_validator(mode="after")
    def _one(self) -> TryAsk:
        if (self.example is not None) == ("input" in self.model_fields_set):
            raise ValueError("give `example` or `input`")
        return self


class Trial(BaseModel):
    """What came of it."""

    object: Literal["capability.trial"] = "capability.trial"
    capability: str
    version: int
    ok: bool = False
    input: Any
    output: Any = None
    error: dict[str, Any] | None = None
    request: dict[str, Any] = Field(
        {}, description="What was sent, without secrets; of the tenant's own ones."
    )
    response: dict[str, Any] = Field({}, description="What came back besides the output.")
    duration_ms: float = 0.0


class Filter(msgspec.Struct, frozen=True):
    """Which capabilities are listed; None = whatever it is."""

    tag: str | None = None
    label: str | None = None
    origin: Origin | None = None
    enabled: bool | None = None
    state: CapabilityState | None = None

    def passes(self, one: Capability) -> bool:
        """Whether a capability is one of them."""
        return (
            (self.tag is None or self.tag in one.tags)
            and (self.label is None or _labelled(one, self.label))
            and (self.origin is None or self.origin == one.origin)
            and (self.enabled is None or self.enabled == one.enabled)
            and (self.state is None or self.state == one.state)
        )


def _labelled(one: Capability, wanted: str) -> bool:
    """Whether it has a label `name`, or `name:value` with the value as JSON or as a plain text."""
    name, colon, value = wanted.partition(":")
    if name not in one.labels:
        return False
    kept = one.labels[name]
    return not colon or value == (kept if isinstance(kept, str) else msgspec.json.encode(kept).decode())
