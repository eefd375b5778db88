"""Flask applications: blueprints with their prefixes, and what their functions read of a request."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from roundhouse.features.tasks.importing.scanning.flask_inputs import RequestUse
from roundhouse.features.tasks.importing.scanning.found import (
    METHODS,
    Application,
    Function,
    Route,
    described,
    holder_of,
    port_of,
)
from roundhouse.features.tasks.importing.scanning.literals import keywords, literal, text, texts
from roundhouse.features.tasks.importing.scanning.sources import Key, Module, Sources
from roundhouse.features.tasks.importing.scanning.types import last_name

_VARIABLE = re.compile(r"<(?:(?P<kind>[a-z]+)(?:\([^>]*\))?:)?(?P<name>[A-Za-z_]\w*)>")
_KINDS: dict[str, dict[str, Any]] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "uuid": {"type": "string", "format": "uuid"},
}
_MOST_NESTED = 10


class FlaskScan:
    """Finds applications and blueprints, and what hangs on them.

    Args:
        sources: All files.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._made: dict[Key, tuple[Module, ast.Call]] = {}
        self._routes: dict[Key, list[tuple[Module, ast.Call, Function]]] = {}
        self._registered: dict[Key, list[tuple[Module, ast.Call]]] = {}

    def applications(self) -> list[Application]:
        """All of them."""
        for module in self._sources.modules.values():
            self._collect(module)
        found = []
        for key, (module, call) in self._made.items():
            if last_name(call) != "Flask":
                continue
            factory = holder_of(module, call)
            found.append(
                Application(
                    framework="flask",
                    module=module.dotted,
                    path=module.path,
                    name=factory or key[1],
                    factory=bool(factory),
                    description=ast.get_docstring(module.tree) or "",
                    port=port_of(module),
                    routes=list(self._under(key, "", _MOST_NESTED)),
                )
            )
        return found

    def _collect(self, module: Module) -> None:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                dotted, made = self._sources.origin(module, node.value.func)
                target = node.targets[0]
                ours = made in ("Flask", "Blueprint") and dotted.partition(".")[0] == "flask"
                if ours and isinstance(target, ast.Name):
                    self._made[module.dotted, target.id] = (module, node.value)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._decorated(module, node)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                key = self._sources.origin(module, node.func.value)
                if node.func.attr == "register_blueprint":
                    self._registered.setdefault(key, []).append((module, node))

    def _decorated(self, module: Module, function: Function) -> None:
        for one in function.decorator_list:
            if not isinstance(one, ast.Call) or not isinstance(one.func, ast.Attribute):
                continue
            if one.func.attr in (*METHODS, "route"):
                key = self._sources.origin(module, one.func.value)
                self._routes.setdefault(key, []).append((module, one, function))

    def _under(self, key: Key, prefix: str, depth: int) -> Iterator[Route]:
        if key not in self._made or depth == 0:
            return
        for module, call, function in self._routes.get(key, []):
            yield from self._route(module, call, function, prefix)
        for module, call in self._registered.get(key, []):
            child = self._sources.origin(module, call.args[0])
            if child not in self._made:
                continue
            where, made = self._made[child]
            own = text(self._sources, where, keywords(made).get("url_prefix"))
            # A prefix that is said where it is registered takes the place of its own.
            below = text(self._sources, module, keywords(call).get("url_prefix"), own)
            yield from self._under(child, prefix + below, depth - 1)

    def _route(self, module: Module, call: ast.Call, function: Function, prefix: str) -> Iterator[Route]:
        rule = literal(self._sources, module, call.args[0] if call.args else keywords(call).get("rule"))
        if not isinstance(rule, str):
            self._sources.warnings.append(
                f"{module.path}:{call.lineno}: the path of {function.name} is not a text"
            )
            return
        assert isinstance(call.func, ast.Attribute)
        verb = call.func.attr
        methods = (
            [verb]
            if verb in METHODS
            else texts(self._sources, module, keywords(call).get("methods")) or ["GET"]
        )
        path, parameters = _path(prefix + rule)
        for method in methods:
            told: dict[str, Any] = {"operationId": function.name}
            described(function, told)
            use = RequestUse(self._sources, module)
            use.read(function)
            told |= use.operation(parameters, with_body=method.upper() in ("POST", "PUT", "PATCH", "DELETE"))
            told["responses"] = {
                "200": {"description": "Successful answer.", "content": {"application/json": {}}}
            }
            yield Route(method.lower(), path, told)


def _path(rule: str) -> tuple[str, list[dict[str, Any]]]:
    """The rule as OpenAPI has it, and its parameters."""
    parameters = [
        {
            "name": one["name"],
            "in": "path",
            "required": True,
            "schema": dict(_KINDS.get(one["kind"] or "", {"type": "string"})),
        }
        for one in _VARIABLE.finditer(rule)
    ]
    return _VARIABLE.sub(lambda one: "{" + one["name"] + "}", rule) or "/", parameters
