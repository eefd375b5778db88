"""What a Flask function reads of its request: that is its interface, for it declares none."""

from __future__ import annotations

import ast
from typing import Any

from roundhouse.features.tasks.importing.scanning.found import Function
from roundhouse.features.tasks.importing.scanning.literals import UNKNOWN, keywords, literal
from roundhouse.features.tasks.importing.scanning.sources import Module, Sources
from roundhouse.features.tasks.importing.scanning.types import last_name

_SOURCES = {
    "args": "query",
    "form": "form",
    "files": "file",
    "headers": "header",
    "json": "json",
    "values": "query",
}
_CASTS = {
    "int": "integer",
    "float": "number",
    "str": "string",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
}
_SHAPES = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)


class RequestUse:
    """Reads one function.

    Args:
        sources: All files.
        module: Of the function.
    """

    def __init__(self, sources: Sources, module: Module) -> None:
        self._sources = sources
        self._module = module
        self._held: dict[str, str] = {}
        self._fields: dict[str, dict[str, dict[str, Any]]] = {}
        self._required: dict[str, list[str]] = {}
        self._whole = False

    def read(self, function: Function) -> None:
        """All that its body reads."""
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                place = self._place(node.value)
                if place:
                    self._held[node.targets[0].id] = place
        cast: dict[int, str] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and last_name(node) in _CASTS and len(node.args) == 1:
                cast[id(node.args[0])] = _CASTS[last_name(node)]
            found = self._field(node)
            if found is not None:
                self._keep(*found, cast.get(id(node), ""))

    def operation(self, path: list[dict[str, Any]], *, with_body: bool) -> dict[str, Any]:
        """Parameters and body, as an operation has them."""
        parameters = list(path)
        for place in ("query", "header"):
            for name, schema in self._fields.get(place, {}).items():
                needed = name in self._required.get(place, [])
                parameters.append({"name": name, "in": place, "required": needed, "schema": schema})
        made: dict[str, Any] = {"parameters": parameters} if parameters else {}
        body = self._body() if with_body else None
        return {**made, "requestBody": body} if body else made

    def _place(self, node: ast.AST | None) -> str:
        """What of the request an expression is: `json`, `query`, `form`, `file`, `header`; empty = nothing."""
        if isinstance(node, ast.BoolOp):
            return self._place(node.values[0])
        if isinstance(node, ast.Name):
            return self._held.get(node.id, "")
        if isinstance(node, ast.Call) and last_name(node) == "get_json":
            self._whole = True
            return "json"
        if isinstance(node, ast.Attribute) and last_name(node.value) == "request" and node.attr in _SOURCES:
            self._whole = self._whole or node.attr == "json"
            return _SOURCES[node.attr]
        return ""

    def _field(self, node: ast.AST) -> tuple[str, str, dict[str, Any], bool] | None:
        """Place, name, schema, and whether it must be there, of one reading."""
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            place, name = self._place(node.value), literal(self._sources, self._module, node.slice)
            return (place, name, {}, True) if place and isinstance(name, str) else None
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            return None
        place, name = self._place(node.func.value), literal(self._sources, self._module, node.args[0])
        if node.func.attr not in ("get", "getlist") or not place or not isinstance(name, str):
            return None
        if node.func.attr == "getlist":
            return place, name, {"type": "array"}, False
        named = keywords(node)
        default = literal(
            self._sources, self._module, node.args[1] if len(node.args) > 1 else named.get("default")
        )
        schema: dict[str, Any] = {}
        kind = named.get("type")
        if kind is not None and last_name(kind) in _CASTS:
            schema["type"] = _CASTS[last_name(kind)]
        if default is not UNKNOWN and default is not None:
            schema = {"type": _shape(default), **schema, "default": default}
        return place, name, schema, False

    def _keep(self, place: str, name: str, schema: dict[str, Any], needed: bool, cast: str) -> None:
        if cast:
            schema = {"type": cast, **schema}
        if place == "file":
            schema = {"type": "string", "format": "binary"}
        elif place in ("query", "form", "header"):
            schema = {"type": "string", **schema}
        held = self._fields.setdefault(place, {})
        held[name] = {**held.get(name, {}), **schema}
        required = self._required.setdefault(place, [])
        if needed and name not in required:
            required.append(name)

    def _body(self) -> dict[str, Any] | None:
        files, form = self._fields.get("file", {}), self._fields.get("form", {})
        if files or form:
            kind = "multipart/form-data" if files else "application/x-www-form-urlencoded"
            required = [*self._required.get("file", []), *self._required.get("form", [])]
            return _body_of(kind, {**files, **form}, required)
        if "json" in self._fields or self._whole:
            return _body_of("application/json", self._fields.get("json", {}), self._required.get("json", []))
        return None


def _body_of(kind: str, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return {"required": True, "content": {kind: {"schema": schema}}}


def _shape(value: Any) -> str:
    return next((name for kind, name in _SHAPES if isinstance(value, kind)), "string")
