"""Values that stand in the source as they are."""

from __future__ import annotations

import ast
from typing import Any

import msgspec

from roundhouse.features.tasks.importing.scanning.sources import Module, Sources

_MOST_HOPS = 5


class _Unknown:
    """What a value is that only running the program would tell."""


UNKNOWN = _Unknown()


def literal(sources: Sources, module: Module, node: ast.AST | None, hops: int = _MOST_HOPS) -> Any:
    """The JSON value of an expression, names of constants followed; `UNKNOWN` when it is none."""
    if node is None:
        return UNKNOWN
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _named(sources, module, node, hops)
    if value is ...:
        return UNKNOWN
    try:
        return msgspec.json.decode(msgspec.json.encode(value))
    except (TypeError, ValueError):
        return UNKNOWN


def _named(sources: Sources, module: Module, node: ast.AST, hops: int) -> Any:
    """A constant of this file or another one, or a container that names some."""
    if hops <= 0:
        return UNKNOWN
    if isinstance(node, ast.Dict):
        keys = [literal(sources, module, key, hops) for key in node.keys]
        values = [literal(sources, module, value, hops) for value in node.values]
        if any(not isinstance(key, str) for key in keys) or UNKNOWN in values:
            return UNKNOWN
        return dict(zip(keys, values, strict=True))
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        values = [literal(sources, module, value, hops) for value in node.elts]
        return UNKNOWN if UNKNOWN in values else values
    if not isinstance(node, (ast.Name, ast.Attribute)):
        return UNKNOWN
    found = sources.find(sources.origin(module, node))
    if found is None or not isinstance(found[1], (ast.Assign, ast.AnnAssign)):
        return UNKNOWN
    return literal(sources, found[0], found[1].value, hops - 1)


def keywords(call: ast.AST) -> dict[str, ast.expr]:
    """The named arguments of a call."""
    found = call.keywords if isinstance(call, ast.Call) else []
    return {one.arg: one.value for one in found if one.arg is not None}


def text(sources: Sources, module: Module, node: ast.AST | None, default: str = "") -> str:
    """A literal text, or the default."""
    found = literal(sources, module, node)
    return found if isinstance(found, str) else default


def texts(sources: Sources, module: Module, node: ast.AST | None) -> list[str]:
    """A literal list of texts; empty when it is none."""
    found = literal(sources, module, node)
    return [str(one) for one in found] if isinstance(found, list) else []
