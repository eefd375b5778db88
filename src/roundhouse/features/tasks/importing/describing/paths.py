"""Capabilities and served paths as OpenAPI has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from roundhouse.features.tasks.importing.gateway.model import GatewayRoute
from roundhouse.features.tasks.importing.openapi.addresses import PLACEHOLDER
from roundhouse.features.tasks.model import Capability

RUN = "/v1/run/{capability}"
"""The path that stands for all of them where nobody is known."""

_DATA = frozenset({"examples", "default", "const", "enum"})
_PROBLEMS = {
    "4XX": "The request cannot be served; `error.code` says why.",
    "5XX": "Roundhouse or the module failed; `x-should-retry` says whether to ask again.",
}
_ENVELOPE = "#/components/schemas/GatewayEnvelope"
ENVELOPE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "GatewayEnvelope",
    "description": "Around the answers of registered modules.",
    "required": ["success", "data", "error", "tracking_id", "site_id", "user_id", "app_id"],
    "properties": {
        "success": {"type": "boolean"},
        "data": {"description": "What the module answered; null where it failed."},
        "error": {
            "anyOf": [
                {
                    "type": "object",
                    "properties": {
                        "message": {"type": "string"},
                        "type": {"type": "string"},
                        "param": {"type": ["string", "null"]},
                        "code": {"type": "string"},
                    },
                },
                {"type": "null"},
            ]
        },
        "tracking_id": {"type": "string"},
        "site_id": {"type": "string"},
        "user_id": {"type": ["string", "null"]},
        "app_id": {"type": ["string", "null"]},
    },
}


def described(
    capabilities: Iterable[Capability], served: Iterable[GatewayRoute]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Path items, and the schemas that they name.

    Args:
        capabilities: Enabled ones, by name.
        served: Paths of registrations.
    """
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    by_name = {}
    for one in capabilities:
        by_name[one.name] = one
        for kind, schema in (("input", one.input_schema), ("output", one.output_schema)):
            if schema is not None:
                name = _component(one, kind)
                schemas[name] = _moved(schema, f"#/components/schemas/{name}")
        paths[RUN.replace("{capability}", one.name)] = {"post": _operation(one)}
    for route in served:
        capability = by_name.get(route.capability)
        if capability is not None:
            schemas["GatewayEnvelope"] = ENVELOPE_SCHEMA
            paths.setdefault(route.gateway_path, {})[route.method.lower()] = _served(route, capability)
    return paths, schemas


def _component(one: Capability, kind: str) -> str:
    return f"capability.{one.name}.{kind}"


def _moved(schema: Any, place: str) -> Any:
    """A schema whose references into itself go on leading there, now that it stands inside a document."""
    if isinstance(schema, list):
        return [_moved(one, place) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "$ref" and isinstance(value, str) and value.startswith("#"):
            made[name] = place + value[1:]
        elif name not in ("$schema", "$id"):
            made[name] = value if name in _DATA else _moved(value, place)
    return made


def _told(one: Capability) -> str:
    return "\n\n".join(
        text for text in (one.description, f"Capability `{one.name}`, version {one.version}.") if text
    )


def _content(schema: dict[str, Any], one: Capability | None = None) -> dict[str, Any]:
    media: dict[str, Any] = {"schema": schema}
    if one is not None and one.examples:
        media["examples"] = {
            each.name: {"value": each.input} | ({"summary": each.summary} if each.summary else {})
            for each in one.examples
        }
    return {"application/json": media}


def _answers(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answers: dict[str, Any] = {"200": {"description": description, "content": _content(schema)}}
    return answers | {
        status: {"description": about, "content": problem} for status, about in _PROBLEMS.items()
    }


def _reference(one: Capability, kind: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{_component(one, kind)}"}


def _output(one: Capability) -> dict[str, Any]:
    return {} if one.output_schema is None else _reference(one, "output")


def _operation(one: Capability) -> dict[str, Any]:
    return {
        "tags": [one.name.rpartition(".")[0] or "capabilities"],
        "summary": one.title or one.name,
        "description": _told(one),
        "operationId": f"run_{one.name}",
        "deprecated": "deprecated" in one.tags,
        "security": [{"bearer": []}, {"apiKey": []}],
        "requestBody": {"required": True, "content": _content(_reference(one, "input"), one)},
        "responses": _answers("The output.", _output(one)),
    }


def _served(route: GatewayRoute, one: Capability) -> dict[str, Any]:
    """A path of a registration, as the module's callers see it."""
    output = _output(one)
    if not route.raw:
        output = {"allOf": [{"$ref": _ENVELOPE}, {"type": "object", "properties": {"data": output}}]}
    made = _operation(one) | {
        "summary": route.summary or one.title or one.name,
        "operationId": f"{route.method.lower()}_{one.name}",
        "responses": _answers("The module's answer." if route.raw else "In the envelope.", output),
    }
    names = PLACEHOLDER.findall(route.gateway_path)
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    ]
    if route.method in ("GET", "DELETE"):
        del made["requestBody"]
        parameters += _query(one, names)
    if parameters:
        made["parameters"] = parameters
    return made


def _query(one: Capability, names: list[str]) -> list[dict[str, Any]]:
    properties = one.input_schema.get("properties")
    required = one.input_schema.get("required")
    known = properties if isinstance(properties, dict) else {}
    needed = required if isinstance(required, list) else []
    place = f"#/components/schemas/{_component(one, 'input')}"
    return [
        {"name": name, "in": "query", "required": name in needed, "schema": _moved(schema, place)}
        for name, schema in known.items()
        if name not in names
    ]
