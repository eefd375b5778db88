"""Wire shapes of imports."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from roundhouse.features.tasks.importing.diffing import Difference
from roundhouse.features.tasks.importing.model import Drift, DriftReason, Source
from roundhouse.features.tasks.importing.proposed import Proposal, Proposed
from roundhouse.features.tasks.model import Origin
from roundhouse.infra.moments import moment

Url = Annotated[str, StringConstraints(min_length=1, max_length=1500, pattern=r"^[\x21-\x7e]+$")]
Prefix = Annotated[str, StringConstraints(max_length=60, pattern=r"^[^\x00]*$")]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00]+$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")]
HeaderValue = Annotated[str, StringConstraints(max_length=4096, pattern=r"^[\x20-\x7e]*$")]
Headers = Annotated[dict[HeaderName, HeaderValue], Field(max_length=50)]

_BASE_URL = "Address that paths are put behind; otherwise the first server of the document."
_PREFIX = "First part of all names; otherwise made of the title."
_INCLUDE = "Only what matches one of these globs: a name, an `operationId`, a path, `POST /solve`."
_APPLY = "false = only tell what would change."
_HEADERS = "Headers that the module wants, its key say: kept encrypted, never returned."


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class OpenApiImport(_Input):
    """An OpenAPI 3 or Swagger 2.0 document, by its URL or as it is."""

    url: Url | None = Field(None, description="Where the document is; looked at again each night.")
    document: dict[str, Any] | None = Field(None, description="The document itself.")
    base_url: Url | None = Field(None, description=_BASE_URL)
    prefix: Prefix = Field("", description=_PREFIX)
    include: list[Pattern] = Field([], max_length=100, description=_INCLUDE)
    headers: Headers | None = Field(None, description=_HEADERS)
    apply: bool = Field(False, description=_APPLY)

    @model_validator(mode="after")
    def _one_of_them(self) -> OpenApiImport:
        if (self.url is None) == (self.document is None):
            raise ValueError("give either url or document")
        return self


class PostmanImport(_Input):
    """A Postman collection of the format 2.1."""

    collection: dict[str, Any]
    base_url: Url | None = Field(None, description="In place of the host of every request.")
    prefix: Prefix = Field("", description=_PREFIX)
    include: list[Pattern] = Field([], max_length=100, description=_INCLUDE)
    headers: Headers | None = Field(None, description=_HEADERS)
    apply: bool = Field(False, description=_APPLY)


class ProposedRead(BaseModel):
    """A capability as its source describes it."""

    name: str
    operation: str = Field(description="What the source calls it, e.g. `POST /solve`.")
    title: str
    description: str
    tags: list[str]
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    examples: list[dict[str, Any]]
    endpoint: dict[str, Any]
    idempotent: bool


class ChangeRead(BaseModel):
    """One field that is another."""

    field: str = Field(description="JSON Pointer without its first slash.")
    before: Any
    after: Any


class ChangedRead(BaseModel):
    """A capability that would be, or now is, another."""

    name: str
    operation: str
    changes: list[ChangeRead]


class SkippedRead(BaseModel):
    """An operation of which no capability can be made."""

    operation: str
    reason: str


class ImportRead(BaseModel):
    """What an import changes, or would change."""

    object: Literal["capability.import"] = "capability.import"
    applied: bool
    source_id: str | None = Field(description="`src_…` of what is remembered; null until it is applied.")
    title: str
    version: str
    added: list[ProposedRead]
    changed: list[ChangedRead]
    removed: list[str] = Field(description="The source tells of them no more; applied, they are disabled.")
    unchanged: list[str]
    conflicts: list[str] = Field(description="Names that are taken by what came from elsewhere.")
    skipped: list[SkippedRead]


class SourceRead(BaseModel):
    """Where capabilities came from."""

    object: Literal["capability.source"] = "capability.source"
    id: str
    origin: Origin
    url: str | None
    base_url: str | None
    prefix: str
    include: list[str]
    title: str
    version: str
    trusted: bool
    checked_at: datetime
    error: str | None = Field(description="Code of why it could not be looked at; null = it could.")
    created_at: datetime
    updated_at: datetime


class SourceList(BaseModel):
    """Sources, the oldest first."""

    object: Literal["list"] = "list"
    data: list[SourceRead]
    has_more: bool
    next_cursor: str | None


class SourceDeleted(BaseModel):
    """It is forgotten; its capabilities stay as they are."""

    object: Literal["capability.source.deleted"] = "capability.source.deleted"
    id: str
    deleted: Literal[True] = True


class DriftRead(BaseModel):
    """What the source of a capability says now."""

    object: Literal["capability.drift"] = "capability.drift"
    name: str
    reason: DriftReason
    changes: list[ChangeRead]
    found_at: datetime


class DriftCheck(BaseModel):
    """What a look at all sources found."""

    object: Literal["capability.drift_check"] = "capability.drift_check"
    sources: int
    failed: int
    drifted: list[str] = Field(description="Names that are drifted now and were not before.")
    settled: list[str] = Field(description="Names whose sources say again what was approved.")


def read_proposed(one: Proposed) -> ProposedRead:
    """A proposal."""
    return ProposedRead(
        name=one.name,
        operation=one.operation,
        title=one.title,
        description=one.description,
        tags=list(one.tags),
        input_schema=one.input_schema,
        output_schema=one.output_schema,
        examples=[{"name": each.name, "input": each.input, "summary": each.summary} for each in one.examples],
        endpoint=one.endpoint,
        idempotent=one.idempotent,
    )


def read_import(
    proposal: Proposal, found: Difference, conflicts: list[str], source_id: str | None, *, applied: bool
) -> ImportRead:
    """What an import changes."""
    return ImportRead(
        applied=applied,
        source_id=source_id,
        title=proposal.title,
        version=proposal.version,
        added=[read_proposed(one) for one in found.added],
        changed=[
            ChangedRead(
                name=one.proposed.name,
                operation=one.proposed.operation,
                changes=[ChangeRead(field=it.field, before=it.before, after=it.after) for it in one.changes],
            )
            for one in found.changed
        ],
        removed=list(found.removed),
        unchanged=list(found.unchanged),
        conflicts=conflicts,
        skipped=[SkippedRead(operation=one.operation, reason=one.reason) for one in proposal.skipped],
    )


def read_source(one: Source) -> SourceRead:
    """A source."""
    return SourceRead(
        id=one.id,
        origin=one.origin,
        url=one.url or None,
        base_url=one.base_url or None,
        prefix=one.prefix,
        include=list(one.include),
        title=one.title,
        version=one.source_version,
        trusted=one.trusted,
        checked_at=moment(one.checked_at_s),
        error=one.error_code,
        created_at=moment(one.created_at_s),
        updated_at=moment(one.updated_at_s),
    )


def read_drift(one: Drift, changes: list[ChangeRead]) -> DriftRead:
    """A drift."""
    return DriftRead(name=one.name, reason=one.reason, changes=changes, found_at=moment(one.found_at_s))
