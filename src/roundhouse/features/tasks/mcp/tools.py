"""A capability as a tool: its name, schemas and hints, and what goes in and comes out."""

from __future__ import annotations

import json
from typing import Any

from roundhouse.features.tasks.capabilities.names import tool_name
from roundhouse.features.tasks.model import Capability

WRAPPED = "input"
"""Arguments of a tool are an object: an input that is none is its one member of this name."""

TASK_GET = "task_get"
TASK_WAIT = "task_wait"
LONGEST_WAIT_S = 50.0
"""A minute is as long as clients usually wait for a tool."""

_MOST_DESCRIPTION_CHARS = 8000


def takes_object(schema: dict[str, Any]) -> bool:
    """Whether inputs of a schema are objects; one that says nothing of a type is taken for it."""
    return bool(schema.get("type", "object") == "object")


def input_schema(capability: Capability) -> dict[str, Any]:
    """The schema of a tool's arguments."""
    schema = capability.input_schema
    if takes_object(schema):
        return {**schema, "type": "object"}
    return {"type": "object", "properties": {WRAPPED: schema}, "required": [WRAPPED]}


def given_of(capability: Capability, arguments: dict[str, Any] | None) -> Any:
    """The capability's input in the arguments of a call."""
    arguments = arguments or {}
    if takes_object(capability.input_schema):
        return arguments
    # Without the member the whole is no valid input either, and the check says so.
    return arguments.get(WRAPPED, arguments)


def output_schema(capability: Capability) -> dict[str, Any] | None:
    """The schema of a tool's structured answer, which is an object in both eras of the protocol; None = it has none."""
    schema = capability.output_schema
    return schema if schema is not None and schema.get("type") == "object" else None


def described(capability: Capability) -> str:
    """What a model reads before it chooses the tool; with the first example."""
    parts = [capability.description or capability.title or capability.name]
    if capability.examples:
        example = json.dumps(capability.examples[0].input, ensure_ascii=False)
        parts.append(f"Example: {example}")
    return "\n\n".join(parts)[:_MOST_DESCRIPTION_CHARS]


def text_of(output: Any) -> str:
    """An output as a text."""
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)


def shown(capabilities: list[Capability]) -> list[Capability]:
    """Those that are tools, in the order of their tools' names, each name once."""
    by_name = {tool_name(one.name): one for one in reversed(capabilities) if one.expose_mcp}
    return [by_name[name] for name in sorted(by_name)]


TASK_TOOLS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        TASK_GET,
        "How a task stands that a tool began: its state, and its output or error when it has ended.",
        {"type": "object", "properties": {"task_id": {"type": "string"}}, "required": ["task_id"]},
    ),
    (
        TASK_WAIT,
        "Waits for the end of a task that a tool began, and tells how it stands then. Call it again while it runs.",
        {
            "type": "object",
            "properties": {
                "task_id": {"type": "string"},
                "wait_s": {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT_S, "default": 20},
            },
            "required": ["task_id"],
        },
    ),
)
"""Name, description and schema of the tools that look at tasks."""
