"""Swagger 2.0 in the form of OpenAPI 3.0, as far as capabilities are made of it.

Source:
    OpenAPI Specification 2.0 (2014) and 3.0.3 (2020).
"""

from __future__ import annotations

from typing import Any

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
"""Members of a path item that are operations."""

_ABOUT = frozenset(
    {"name", "in", "description", "required", "allowEmptyValue", "collectionFormat", "x-example"}
)
_STYLES = {
    "csv": {"style": "form", "explode": False},
    "ssv": {"style": "spaceDelimited", "explode": False},
    "pipes": {"style": "pipeDelimited", "explode": False},
    "multi": {"style": "form", "explode": True},
}


def upgraded(document: dict[str, Any]) -> dict[str, Any]:
    """The document in the form of OpenAPI 3.0; its references go on pointing where they did."""
    shared = _members(document, "parameters")
    consumes, produces = document.get("consumes"), document.get("produces")
    paths: dict[str, Any] = {}
    for path, item in _members(document, "paths").items():
        if not isinstance(item, dict):
            continue
        common = _parameters(item.get("parameters"), shared)
        paths[path] = {
            method: _operation(operation, common, shared, consumes, produces)
            for method, operation in item.items()
            if method in METHODS and isinstance(operation, dict)
        }
    rest = {name: value for name, value in document.items() if name not in ("swagger", "paths")}
    return {**rest, "openapi": "3.0.3", "servers": _servers(document), "paths": paths}


def _members(holder: dict[str, Any], name: str) -> dict[str, Any]:
    found = holder.get(name)
    return found if isinstance(found, dict) else {}


def _servers(document: dict[str, Any]) -> list[dict[str, Any]]:
    base = str(document.get("basePath") or "/")
    host = document.get("host")
    if not host:
        return [{"url": base}]
    schemes = document.get("schemes") or ["https"]
    return [{"url": f"{scheme}://{host}{base}"} for scheme in schemes]


def _parameters(given: Any, shared: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for one in given if isinstance(given, list) else []:
        if isinstance(one, dict) and str(one.get("$ref", "")).startswith("#/parameters/"):
            one = shared.get(str(one["$ref"]).removeprefix("#/parameters/"))
        if isinstance(one, dict):
            found.append(one)
    return found


def _operation(
    operation: dict[str, Any],
    common: list[dict[str, Any]],
    shared: dict[str, Any],
    consumes: Any,
    produces: Any,
) -> dict[str, Any]:
    own = _parameters(operation.get("parameters"), shared)
    named = {(one.get("name"), one.get("in")) for one in own}
    every = [one for one in common if (one.get("name"), one.get("in")) not in named] + own
    made = {name: value for name, value in operation.items() if name not in ("parameters", "responses")}
    made["parameters"] = [_parameter(one) for one in every if one.get("in") not in ("body", "formData")]
    body = _body(every, operation.get("consumes") or consumes)
    if body is not None:
        made["requestBody"] = body
    kinds = operation.get("produces") or produces or ["application/json"]
    made["responses"] = {
        status: _response(answer, kinds)
        for status, answer in _members(operation, "responses").items()
        if isinstance(answer, dict)
    }
    return made


def _schema(parameter: dict[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in parameter.items() if name not in _ABOUT}
    return {"type": "string", "format": "binary"} if found.get("type") == "file" else found


def _parameter(given: dict[str, Any]) -> dict[str, Any]:
    kept = frozenset({"name", "in", "description", "required"})
    made: dict[str, Any] = {name: value for name, value in given.items() if name in kept}
    if "x-example" in given:
        made["example"] = given["x-example"]
    if given.get("type") == "array":
        made |= _STYLES.get(str(given.get("collectionFormat", "csv")), {})
    return {**made, "schema": _schema(given)}


def _body(parameters: list[dict[str, Any]], consumes: Any) -> dict[str, Any] | None:
    whole = next((one for one in parameters if one.get("in") == "body"), None)
    if whole is not None:
        kinds = [kind for kind in consumes or [] if "json" in str(kind)] or ["application/json"]
        content = {str(kind): {"schema": whole.get("schema", {})} for kind in kinds}
        return {"required": bool(whole.get("required")), "content": content}
    fields = [one for one in parameters if one.get("in") == "formData"]
    if not fields:
        return None
    with_files = any(one.get("type") == "file" for one in fields)
    simple = "application/x-www-form-urlencoded"
    kind = (
        simple
        if not with_files and "multipart/form-data" not in (consumes or [simple])
        else "multipart/form-data"
    )
    schema = {
        "type": "object",
        "properties": {
            str(one.get("name")): {**_schema(one), "description": one.get("description", "")}
            for one in fields
        },
        "required": [str(one.get("name")) for one in fields if one.get("required")],
    }
    return {"required": bool(schema["required"]), "content": {kind: {"schema": schema}}}


def _response(given: dict[str, Any], kinds: Any) -> dict[str, Any]:
    made = {name: value for name, value in given.items() if name not in ("schema", "examples")}
    if "schema" in given:
        made["content"] = {str(kind): {"schema": given["schema"]} for kind in kinds}
    return made
