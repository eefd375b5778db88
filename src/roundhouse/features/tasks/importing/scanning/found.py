"""What a scan finds: applications and their routes."""

from __future__ import annotations

import ast
from typing import Any, Literal

import msgspec

from roundhouse.features.tasks.importing.scanning.sources import Module

Framework = Literal["fastapi", "flask"]
Function = ast.FunctionDef | ast.AsyncFunctionDef

METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
"""Decorators of both frameworks that are a method each."""


class Route(msgspec.Struct):
    """One path and method, with its operation as OpenAPI has it."""

    method: str
    path: str
    operation: dict[str, Any]


class Application(msgspec.Struct):
    """One application.

    Attributes:
        framework: Whose.
        module: Dotted name of its file.
        path: Of its file.
        name: Of the variable; of the function that makes it, where `factory`.
        factory: Whether a function makes it.
        title: As it calls itself.
        version: Of its interface.
        description: As it tells.
        port: That its own start names, None = none.
        routes: In the order of the source.
    """

    framework: Framework
    module: str
    path: str
    name: str
    factory: bool = False
    title: str = ""
    version: str = "0.1.0"
    description: str = ""
    port: int | None = None
    routes: list[Route] = []

    @property
    def target(self) -> str:
        """What a server is told to serve: `app.main:app`."""
        return f"{self.module}:{self.name}"


def holder_of(module: Module, node: ast.AST) -> str:
    """The name of the function of a file that a node is in; empty = none."""
    line = getattr(node, "lineno", 0)
    for one in module.tree.body:
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)) and one.lineno <= line <= (
            one.end_lineno or 0
        ):
            return one.name
    return ""


def port_of(module: Module) -> int | None:
    """The port that `uvicorn.run(…, port=…)` or `app.run(port=…)` of a file names."""
    for node in ast.walk(module.tree):
        if not (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "run"
        ):
            continue
        for keyword in node.keywords:
            if keyword.arg == "port" and isinstance(keyword.value, ast.Constant):
                value = keyword.value.value
                if isinstance(value, int) and 0 < value < 65536:
                    return value
    return None


def described(function: Function, route: dict[str, Any]) -> dict[str, Any]:
    """A route's summary and description, from its docstring where it says none itself."""
    told = ast.get_docstring(function) or ""
    first, _, rest = told.partition("\n\n")
    route.setdefault(
        "summary", " ".join(first.split()) or function.name.replace("_", " ").strip().capitalize()
    )
    if rest.strip():
        route.setdefault("description", rest.strip())
    return route
