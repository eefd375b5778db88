"""FastAPI applications: routers with their prefixes, parameters, bodies, answers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from roundhouse.features.tasks.importing.scanning.fastapi_inputs import Inputs
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
from roundhouse.features.tasks.importing.scanning.types import Types, last_name

_MOST_NESTED = 10
_ROUTE_TEXTS = {"summary": "summary", "description": "description", "operation_id": "operationId"}


class FastApiScan:
    """Finds applications and routers, and what hangs on them.

    Args:
        sources: All files.
        types: Schemas.
    """

    def __init__(self, sources: Sources, types: Types) -> None:
        self._sources = sources
        self._types = types
        self._made: dict[Key, tuple[Module, ast.Call]] = {}
        self._routes: dict[Key, list[tuple[Module, ast.Call, Function]]] = {}
        self._included: dict[Key, list[tuple[Module, ast.Call]]] = {}
        self._seen: set[Key] = set()

    def applications(self) -> list[Application]:
        """All of them; routers that none includes are told as warnings."""
        for module in self._sources.modules.values():
            self._collect(module)
        found = []
        for key, (module, call) in self._made.items():
            if last_name(call) == "FastAPI":
                found.append(self._application(key, module, call))
        for key, (module, _) in self._made.items():
            if key not in self._seen and key in self._routes:
                self._sources.warnings.append(
                    f"{module.path}: the router {key[1]} is included nowhere, left out"
                )
        return found

    def _collect(self, module: Module) -> None:
        for node in ast.walk(module.tree):
            if isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if isinstance(node.value, ast.Call) and isinstance(targets[0], ast.Name):
                    self._make(module, targets[0].id, node.value)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._decorated(module, node)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                self._called(module, node)

    def _make(self, module: Module, name: str, call: ast.Call) -> None:
        dotted, made = self._sources.origin(module, call.func)
        if made in ("FastAPI", "APIRouter") and dotted.partition(".")[0] == "fastapi":
            self._made[module.dotted, name] = (module, call)

    def _decorated(self, module: Module, function: Function) -> None:
        for one in function.decorator_list:
            if not isinstance(one, ast.Call) or not isinstance(one.func, ast.Attribute):
                continue
            if one.func.attr in (*METHODS, "api_route"):
                key = self._sources.origin(module, one.func.value)
                self._routes.setdefault(key, []).append((module, one, function))

    def _called(self, module: Module, call: ast.Call) -> None:
        assert isinstance(call.func, ast.Attribute)
        key = self._sources.origin(module, call.func.value)
        if call.func.attr in ("include_router", "mount"):
            self._included.setdefault(key, []).append((module, call))
        elif call.func.attr == "add_api_route" and len(call.args) > 1:
            found = self._sources.find(self._sources.origin(module, call.args[1]))
            if found is not None and isinstance(found[1], (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._routes.setdefault(key, []).append((module, call, found[1]))

    def _application(self, key: Key, module: Module, call: ast.Call) -> Application:
        named, factory = keywords(call), holder_of(module, call)
        return Application(
            framework="fastapi",
            module=module.dotted,
            path=module.path,
            name=factory or key[1],
            factory=bool(factory),
            title=text(self._sources, module, named.get("title")),
            version=text(self._sources, module, named.get("version"), "0.1.0"),
            description=text(self._sources, module, named.get("description")),
            port=port_of(module),
            routes=list(self._under(key, "", [], _MOST_NESTED)),
        )

    def _under(self, key: Key, prefix: str, tags: list[str], depth: int) -> Iterator[Route]:
        """All routes of an application or a router, behind the prefixes on the way to it."""
        if key not in self._made or depth == 0:
            return
        self._seen.add(key)
        module, call = self._made[key]
        named = keywords(call)
        is_router = last_name(call) == "APIRouter"
        prefix += text(self._sources, module, named.get("prefix")) if is_router else ""
        tags = tags + (texts(self._sources, module, named.get("tags")) if is_router else [])
        for where, route, function in self._routes.get(key, []):
            yield from self._route(where, route, function, prefix, tags)
        for where, include in self._included.get(key, []):
            yield from self._include(where, include, prefix, tags, depth)

    def _include(
        self, module: Module, call: ast.Call, prefix: str, tags: list[str], depth: int
    ) -> Iterator[Route]:
        assert isinstance(call.func, ast.Attribute)
        named, mounted = keywords(call), call.func.attr == "mount"
        argument = "app" if mounted else "router"
        position = 1 if mounted else 0
        node = call.args[position] if len(call.args) > position else named.get(argument)
        if node is None:
            return
        begins = named.get("path") or (call.args[0] if mounted and call.args else None)
        below = text(self._sources, module, begins if mounted else named.get("prefix"))
        more = texts(self._sources, module, named.get("tags"))
        yield from self._under(self._sources.origin(module, node), prefix + below, tags + more, depth - 1)

    def _route(
        self, module: Module, call: ast.Call, function: Function, prefix: str, tags: list[str]
    ) -> Iterator[Route]:
        named = keywords(call)
        if literal(self._sources, module, named.get("include_in_schema")) is False:
            return
        path = literal(self._sources, module, call.args[0] if call.args else named.get("path"))
        if not isinstance(path, str):
            self._sources.warnings.append(
                f"{module.path}:{call.lineno}: the path of {function.name} is not a text"
            )
            return
        assert isinstance(call.func, ast.Attribute)
        verb = call.func.attr
        methods = [verb] if verb in METHODS else texts(self._sources, module, named.get("methods")) or ["GET"]
        plain = _plain(prefix + path)
        for method in methods:
            told = self._operation(module, named, function, plain)
            every = [*tags, *texts(self._sources, module, named.get("tags"))]
            if every:
                told["tags"] = list(dict.fromkeys(every))
            yield Route(method.lower(), plain, told)

    def _operation(
        self, module: Module, named: dict[str, ast.expr], function: Function, path: str
    ) -> dict[str, Any]:
        told: dict[str, Any] = {"operationId": function.name}
        for argument, name in _ROUTE_TEXTS.items():
            value = text(self._sources, module, named.get(argument))
            if value:
                told[name] = value
        if literal(self._sources, module, named.get("deprecated")) is True:
            told["deprecated"] = True
        # The function may stand in another file than the decorator: its names are that one's.
        home = next((one for one in self._sources.modules.values() if _holds(one, function)), module)
        described(function, told)
        inputs = Inputs(self._sources, self._types, home, path)
        inputs.add(function)
        told |= inputs.operation()
        told["responses"] = self._responses(module, home, named, function)
        return told

    def _responses(
        self, module: Module, home: Module, named: dict[str, ast.expr], function: Function
    ) -> dict[str, Any]:
        status = literal(self._sources, module, named.get("status_code"))
        code = str(status) if isinstance(status, int) and 200 <= status < 300 else "200"
        answer: dict[str, Any] = {"description": "Successful answer."}
        if code == "204":
            return {code: answer}
        answered = named.get("response_class") or function.returns
        kind = "" if answered is None else last_name(answered)
        if kind in ("FileResponse", "StreamingResponse", "Response"):
            schema = {"type": "string", "format": "binary"}
            return {code: {**answer, "content": {"application/octet-stream": {"schema": schema}}}}
        if kind in ("PlainTextResponse", "HTMLResponse"):
            return {code: {**answer, "content": {"text/plain": {"schema": {"type": "string"}}}}}
        model = named.get("response_model")
        found = (
            self._types.schema(module, model)
            if model is not None
            else self._types.schema(home, function.returns)
        )
        return {code: {**answer, "content": {"application/json": {"schema": found}}}}


def _holds(module: Module, function: Function) -> bool:
    return module.defined.get(function.name) is function


def _plain(path: str) -> str:
    """The path as OpenAPI has it: `{file:path}` is `{file}`."""
    pieces = [
        piece if not piece.startswith("{") else "{" + piece[1:-1].partition(":")[0] + "}"
        for piece in path.replace("{", "\x00{").replace("}", "}\x00").split("\x00")
    ]
    return "".join(pieces) or "/"
