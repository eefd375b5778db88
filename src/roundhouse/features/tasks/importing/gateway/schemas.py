"""Wire shapes of registrations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from roundhouse.features.tasks.importing.gateway.model import Described, GatewayRoute, Registration
from roundhouse.infra.moments import moment

ModuleName = Annotated[
    str, StringConstraints(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
]
PathText = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^/[\x21-\x7e]*$")]
Url = Annotated[str, StringConstraints(min_length=1, max_length=1500, pattern=r"^[\x21-\x7e]+$")]
Line = Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\x00]*$")]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")]
HeaderValue = Annotated[str, StringConstraints(max_length=4096, pattern=r"^[\x20-\x7e]*$")]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class GatewayExample(_Input):
    """An input to try."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
    input: Any
    summary: Line = ""


class GatewayRouteCreate(_Input):
    """A path of ours that leads to one of the module."""

    name: ModuleName = Field(description="The capability is called `<module>.<name>`.")
    method: Method = "POST"
    gateway_path: PathText | None = Field(None, description="Here; otherwise `/<module><upstream_path>`.")
    upstream_path: PathText = Field(description="There; `{name}` is a parameter in both.")
    summary: Line = ""
    input_schema: dict[str, Any] | None = Field(
        None, description="Otherwise as the module's own document says."
    )
    output_schema: dict[str, Any] | None = None
    examples: list[GatewayExample] | None = Field(None, max_length=50)


class GatewayRegister(_Input):
    """A module to register; registered again, it takes the place of what was there under its name."""

    name: ModuleName
    base_url: Url = Field(description="Where the module is; of an admin it may be a private address.")
    routes: list[GatewayRouteCreate] = Field(min_length=1, max_length=200)
    raw: bool = Field(False, description="Answers come as they are, instead of in the envelope.")
    headers: dict[HeaderName, HeaderValue] | None = Field(
        None, max_length=50, description="What the module wants, its key say: kept encrypted, never returned."
    )


class GatewayRouteRead(BaseModel):
    """A path that is served."""

    name: str
    method: str
    gateway_path: str
    upstream_path: str
    summary: str
    capability: str
    schema_from: Described = Field(description="`given`, the module's own `openapi`, or `none`.")


class RegistrationRead(BaseModel):
    """A registered module."""

    object: Literal["gateway.registration"] = "gateway.registration"
    id: str
    name: str
    base_url: str
    raw: bool
    routes: list[GatewayRouteRead]
    created_at: datetime
    updated_at: datetime


class RegistrationList(BaseModel):
    """Registered modules, by name."""

    object: Literal["list"] = "list"
    data: list[RegistrationRead]
    has_more: bool
    next_cursor: str | None


class RegistrationDeleted(BaseModel):
    """It is gone, with its paths and its capabilities."""

    object: Literal["gateway.registration.deleted"] = "gateway.registration.deleted"
    name: str
    deleted: Literal[True] = True


class RegistrationCheck(BaseModel):
    """What a look at a registered module found."""

    object: Literal["gateway.registration.check"] = "gateway.registration.check"
    name: str
    status: int | None = Field(
        description="What its address answers with, whatever it is; null = nobody does."
    )
    took_ms: float = Field(description="Until it answered, or did not.")
    described: bool = Field(
        description="Whether schemas are from its own document, which is compared with what was approved."
    )
    error: str | None = Field(
        description="Code of why it, or its document, could not be looked at; null = it could."
    )
    drifted: list[str] = Field(description="Capabilities that are drifted now and were not before.")
    settled: list[str] = Field(description="Capabilities that its document describes again as approved.")


def read_registration(one: Registration, routes: Sequence[GatewayRoute]) -> RegistrationRead:
    """A registration."""
    return RegistrationRead(
        id=one.id,
        name=one.name,
        base_url=one.base_url,
        raw=one.raw,
        routes=[
            GatewayRouteRead(
                name=each.name,
                method=each.method,
                gateway_path=each.gateway_path,
                upstream_path=each.upstream_path,
                summary=each.summary,
                capability=each.capability,
                schema_from=each.described,
            )
            for each in routes
        ],
        created_at=moment(one.created_at_s),
        updated_at=moment(one.updated_at_s),
    )
