"""Secrets taken out of what is kept: members that a schema calls `writeOnly`, headers that carry credentials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HIDDEN = "***"

SECRET_HEADERS = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "api-key",
        "x-auth-token",
        "x-csrf-token",
        "x-core-signature",
        "x-signature",
        "x-amz-security-token",
    }
)
"""Headers whose values are never kept, in lower case."""

_DEPTH = 40
_BRANCHES = ("allOf", "anyOf", "oneOf")


def redacted(value: Any, schema: Mapping[str, Any] | None) -> Any:
    """A JSON value without what its schema calls `writeOnly`; of several branches of a schema each counts."""
    return value if schema is None else _by_schema(value, schema, schema, 0)


def without_credentials(value: Any, depth: int = 0) -> Any:
    """A JSON value whose members called `headers` hide what carries credentials."""
    if depth > _DEPTH:
        return HIDDEN
    if isinstance(value, dict):
        return {
            name: _headers(one) if str(name).lower() == "headers" else without_credentials(one, depth + 1)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [without_credentials(one, depth + 1) for one in value]
    return value


def _headers(value: Any) -> Any:
    if not isinstance(value, dict):
        return without_credentials(value)
    return {name: HIDDEN if str(name).lower() in SECRET_HEADERS else one for name, one in value.items()}


def _by_schema(value: Any, schema: Any, root: Mapping[str, Any], depth: int) -> Any:
    if not isinstance(schema, Mapping):
        return value
    if schema.get("writeOnly") is True or depth > _DEPTH:
        return HIDDEN
    reference = schema.get("$ref")
    if isinstance(reference, str):
        value = _by_schema(value, _target(reference, root), root, depth + 1)
    for branch in _BRANCHES:
        for one in schema.get(branch) or ():
            value = _by_schema(value, one, root, depth + 1)
    if isinstance(value, dict):
        return _members(value, schema, root, depth)
    if isinstance(value, list):
        items = schema.get("items")
        return [_by_schema(one, items, root, depth + 1) for one in value]
    return value


def _members(
    value: dict[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any], depth: int
) -> dict[str, Any]:
    named, others = schema.get("properties") or {}, schema.get("additionalProperties")
    return {name: _by_schema(one, named.get(name, others), root, depth + 1) for name, one in value.items()}


def _target(reference: str, root: Mapping[str, Any]) -> Any:
    """What a reference within the schema names; others are never followed."""
    if not reference.startswith("#/"):
        return root if reference == "#" else None
    found: Any = root
    for part in reference[2:].split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
