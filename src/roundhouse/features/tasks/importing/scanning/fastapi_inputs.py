"""What a function of a FastAPI route takes, by FastAPI's own rules of what comes from where."""

from __future__ import annotations

import ast
from typing import Any

from roundhouse.features.tasks.importing.scanning.found import Function
from roundhouse.features.tasks.importing.scanning.literals import UNKNOWN, keywords, literal
from roundhouse.features.tasks.importing.scanning.sources import Module, Sources
from roundhouse.features.tasks.importing.scanning.types import Types, last_name

_PLACES = {"Path": "path", "Query": "query", "Header": "header", "Cookie": "cookie"}
_BODIES = frozenset({"Body", "Form", "File"})
_NO_INPUT = frozenset(
    {"Request", "Response", "WebSocket", "HTTPConnection", "BackgroundTasks", "SecurityScopes", "Session"}
)
_DEPENDS = frozenset({"Depends", "Security"})
_MOST_NESTED = 5
_JSON, _FORM, _FILES = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"


class Inputs:
    """Gathers parameters and body of one route.

    Args:
        sources: All files.
        types: Schemas.
        module: Of the function.
        path: Template of the route.
    """

    def __init__(self, sources: Sources, types: Types, module: Module, path: str) -> None:
        self._sources = sources
        self._types = types
        self._module = module
        self._path = path
        self._parameters: list[dict[str, Any]] = []
        self._bodies: list[tuple[str, dict[str, Any], bool, ast.AST | None]] = []
        self._form: dict[str, Any] = {}
        self._form_required: list[str] = []
        self._with_files = False

    def add(self, function: Function, depth: int = _MOST_NESTED) -> None:
        """All arguments of a function; those of what it depends on as well."""
        arguments = function.args
        plain = [*arguments.posonlyargs, *arguments.args]
        given: list[ast.expr | None] = [*[None] * (len(plain) - len(arguments.defaults)), *arguments.defaults]
        for argument, default in [
            *zip(plain, given, strict=True),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]:
            if argument.arg not in ("self", "cls"):
                self._argument(argument, default, depth)

    def operation(self) -> dict[str, Any]:
        """Parameters and body, as an operation has them."""
        made: dict[str, Any] = {}
        if self._parameters:
            made["parameters"] = self._parameters
        body = self._body()
        return {**made, "requestBody": body} if body else made

    def _argument(self, argument: ast.arg, default: ast.expr | None, depth: int) -> None:
        annotation = argument.annotation
        marks: list[ast.expr] = [default] if isinstance(default, ast.Call) else []
        value = None if marks else default
        if isinstance(annotation, ast.Subscript) and last_name(annotation.value) == "Annotated":
            inner = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
            annotation, marks = inner[0], [*inner[1:], *marks]
        if annotation is not None and last_name(annotation) in _NO_INPUT:
            return
        mark = next((one for one in marks if last_name(one) in {*_PLACES, *_BODIES, *_DEPENDS}), None)
        if mark is not None and last_name(mark) in _DEPENDS:
            self._dependency(mark, annotation, depth)
            return
        schema = self._types.schema(self._module, argument.annotation)
        if mark is not None:
            schema = {**schema, **self._types.checks(self._module, mark)}
        needed = self._needed(mark, default if mark is default else value)
        told = self._types.default(self._module, default) if default is not None else UNKNOWN
        if mark is not None and told is UNKNOWN:
            told = literal(self._sources, self._module, keywords(mark).get("default"))
        if told is not UNKNOWN and not needed:
            schema = {**schema, "default": told}
        self._place(argument.arg, mark, schema, needed)

    def _needed(self, mark: ast.AST | None, default: ast.AST | None) -> bool:
        """Whether a value must be given."""
        if isinstance(mark, ast.Call):
            first = keywords(mark).get("default") or (mark.args[0] if mark.args else None)
            if first is not None and not (isinstance(first, ast.Constant) and first.value is ...):
                return False
            if "default_factory" in keywords(mark):
                return False
        if default is None or default is mark:
            return True
        return isinstance(default, ast.Constant) and default.value is ...

    def _dependency(self, mark: ast.AST, annotation: ast.AST | None, depth: int) -> None:
        node = mark.args[0] if isinstance(mark, ast.Call) and mark.args else annotation
        found = self._sources.find(self._sources.origin(self._module, node)) if node is not None else None
        if found is None or depth == 0:
            return
        where, definition = found
        if isinstance(definition, ast.ClassDef):
            made = [
                one for one in definition.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"
            ]
            function: Function | None = made[0] if made else None
        else:
            function = definition if isinstance(definition, (ast.FunctionDef, ast.AsyncFunctionDef)) else None
        if function is not None:
            home, self._module = self._module, where
            self.add(function, depth - 1)
            self._module = home

    def _place(self, name: str, mark: ast.AST | None, schema: dict[str, Any], needed: bool) -> None:
        kind = last_name(mark) if mark is not None else ""
        alias = (
            literal(self._sources, self._module, keywords(mark).get("alias")) if mark is not None else UNKNOWN
        )
        shown = alias if isinstance(alias, str) else name
        if "{" + name + "}" in self._path:
            self._parameter(name, "path", schema, needed=True)
        elif kind in _PLACES:
            place = _PLACES[kind]
            shown = shown.replace("_", "-") if place == "header" and shown == name else shown
            self._parameter(shown, place, schema, needed=needed)
        elif kind in ("Form", "File") or _has_file(schema):
            self._form[shown] = schema
            self._with_files = self._with_files or kind == "File" or _has_file(schema)
            if needed:
                self._form_required.append(shown)
        elif kind == "Body" or self._is_body(schema):
            self._bodies.append((shown, schema, needed, mark))
        else:
            self._parameter(shown, "query", schema, needed=needed)

    def _parameter(self, name: str, place: str, schema: dict[str, Any], *, needed: bool) -> None:
        made: dict[str, Any] = {"name": name, "in": place, "required": needed, "schema": schema}
        if not any((one["name"], one["in"]) == (name, place) for one in self._parameters):
            self._parameters.append(made)

    def _is_body(self, schema: dict[str, Any]) -> bool:
        options = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
        return any(self._types.is_model(one) or one.get("type") in ("object", "array") for one in options)

    def _body(self) -> dict[str, Any] | None:
        if self._form:
            schema: dict[str, Any] = {"type": "object", "properties": self._form}
            if self._form_required:
                schema["required"] = self._form_required
            kind = _FILES if self._with_files else _FORM
            return {"required": bool(self._form_required), "content": {kind: {"schema": schema}}}
        if not self._bodies:
            return None
        _, only, needed, mark = self._bodies[0]
        embedded = (
            mark is not None and literal(self._sources, self._module, keywords(mark).get("embed")) is True
        )
        media: dict[str, Any]
        if len(self._bodies) == 1 and not embedded:
            media = {"schema": only}
        else:
            media = {"schema": {"type": "object", "properties": {one[0]: one[1] for one in self._bodies}}}
            media["schema"]["required"] = [one[0] for one in self._bodies if one[2]]
            needed = any(one[2] for one in self._bodies)
        examples = self._examples(mark)
        return {"required": needed, "content": {_JSON: {**media, **examples}}}

    def _examples(self, mark: ast.AST | None) -> dict[str, Any]:
        if mark is None:
            return {}
        named = literal(self._sources, self._module, keywords(mark).get("openapi_examples"))
        if isinstance(named, dict):
            return {"examples": named}
        return {}


def _has_file(schema: dict[str, Any]) -> bool:
    options = schema.get("anyOf", [schema])
    return any(
        one.get("format") == "binary" or one.get("items", {}).get("format") == "binary" for one in options
    )
