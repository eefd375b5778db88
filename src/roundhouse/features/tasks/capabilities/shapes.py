"""Capabilities as the API shows them."""

from __future__ import annotations

from roundhouse.features.tasks.capabilities.names import tool_name
from roundhouse.features.tasks.capabilities.schemas import (
    CapabilityRead,
    ExampleWire,
    ToolFunction,
    ToolRead,
    VersionRead,
)
from roundhouse.features.tasks.capabilities.store import Version
from roundhouse.features.tasks.model import Capability
from roundhouse.infra.moments import moment

_TOLD_CHARS = 1024


def read_capability(one: Capability, header_names: list[str], *, own: bool) -> CapabilityRead:
    """A capability.

    Args:
        one: It.
        header_names: Of its secret headers.
        own: Whether it is of the reader's tenant: where it is, is nobody else's business.
    """
    shown = {name: getattr(one, name) for name in _PLAIN}
    return CapabilityRead(
        **shown,
        tool_name=tool_name(one.name),
        tags=list(one.tags),
        examples=[
            ExampleWire(name=each.name, input=each.input, summary=each.summary) for each in one.examples
        ],
        endpoint=one.endpoint if own else None,
        header_names=header_names,
        origin_ref=one.origin_ref if own else "",
        own=own,
        created_at=moment(one.created_at_s) if one.created_at_s else None,
        updated_at=moment(one.updated_at_s) if one.updated_at_s else None,
    )


_PLAIN = (
    *(
        "id",
        "name",
        "version",
        "title",
        "description",
        "labels",
        "input_schema",
        "output_schema",
        "timeout_s",
    ),
    *(
        "idempotent",
        "visibility",
        "expose_mcp",
        "enabled",
        "kept",
        "cost_units",
        "transport",
        "trusted",
        "origin",
        "state",
    ),
)


def read_tool(one: Capability) -> ToolRead | None:
    """A capability as a tool of chat completions; None = its input is no object, and a tool takes nothing else."""
    if one.input_schema.get("type", "object") != "object":
        return None
    told = "\n\n".join(text for text in (one.title, one.description) if text)
    parameters = {"type": "object", "properties": {}, **one.input_schema}
    parameters.pop("$schema", None)
    return ToolRead(
        function=ToolFunction(
            name=tool_name(one.name), description=told[:_TOLD_CHARS] or one.name, parameters=parameters
        )
    )


def read_version(one: Version) -> VersionRead:
    """A version."""
    return VersionRead(
        version=one.version,
        input_schema=one.input_schema,
        output_schema=one.output_schema,
        transport=one.transport,
        endpoint=one.endpoint,
        idempotent=one.idempotent,
        cost_units=one.cost_units,
        created_at=moment(one.created_at_s),
    )
