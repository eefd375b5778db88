"""Annotations and classes of data as JSON Schema, as far as the source tells."""

from __future__ import annotations

import ast
from typing import Any

from roundhouse.features.tasks.importing.scanning.literals import UNKNOWN, keywords, literal
from roundhouse.features.tasks.importing.scanning.sources import Key, Module, Sources

_SCALARS: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "bytes": {"type": "string", "format": "binary"},
    "None": {"type": "null"},
    "datetime": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "time"},
    "timedelta": {"type": "string", "format": "duration"},
    "UUID": {"type": "string", "format": "uuid"},
    "Decimal": {"type": "number"},
    "Path": {"type": "string"},
    "EmailStr": {"type": "string", "format": "email"},
    "AnyUrl": {"type": "string", "format": "uri"},
    "HttpUrl": {"type": "string", "format": "uri"},
    "SecretStr": {"type": "string"},
    "UploadFile": {"type": "string", "format": "binary"},
    "PositiveInt": {"type": "integer", "exclusiveMinimum": 0},
    "NonNegativeInt": {"type": "integer", "minimum": 0},
    "PositiveFloat": {"type": "number", "exclusiveMinimum": 0},
    "NonNegativeFloat": {"type": "number", "minimum": 0},
}
_LISTS = frozenset({"list", "List", "Sequence", "Iterable", "Collection", "MutableSequence", "deque"})
_SETS = frozenset({"set", "Set", "frozenset", "FrozenSet"})
_MAPS = frozenset({"dict", "Dict", "Mapping", "MutableMapping", "OrderedDict", "defaultdict"})
_CHECKS = {
    "ge": "minimum",
    "le": "maximum",
    "gt": "exclusiveMinimum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "min_length": "minLength",
    "max_length": "maxLength",
    "pattern": "pattern",
    "regex": "pattern",
    "title": "title",
    "description": "description",
}
_MODELS = frozenset({"BaseModel", "TypedDict", "NamedTuple", "Struct", "SQLModel"})
_ENUMS = frozenset({"Enum", "IntEnum", "StrEnum"})
_MOST_DEPTH = 30


class Types:
    """Schemas of annotations; classes of data become components that are referred to.

    Args:
        sources: All files.

    Attributes:
        components: Schemas by name.
    """

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.components: dict[str, Any] = {}
        self._names: dict[Key, str] = {}

    def schema(self, module: Module, node: ast.AST | None, depth: int = _MOST_DEPTH) -> dict[str, Any]:
        """The schema of an annotation; anything where it cannot be told."""
        if node is None or depth <= 0:
            return {}
        if isinstance(node, ast.Constant):
            return self._constant(module, node.value, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._union(module, [node.left, node.right], depth)
        if isinstance(node, ast.Subscript):
            return self._generic(module, node, depth)
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self._named(module, node, depth)
        return {}

    def is_model(self, schema: dict[str, Any]) -> bool:
        """Whether a schema is one of a class of data."""
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        return bool(self.components.get(name, {}).get("type") == "object")

    def checks(self, module: Module, call: ast.AST) -> dict[str, Any]:
        """What `Field(...)`, `Query(...)` and the like say about a value."""
        made: dict[str, Any] = {}
        for name, node in keywords(call).items():
            value = literal(self.sources, module, node)
            if value is UNKNOWN:
                continue
            if name in _CHECKS and value is not None:
                made[_CHECKS[name]] = value
            elif name == "examples" and isinstance(value, list):
                made["examples"] = value
            elif name == "example":
                made["examples"] = [value]
        return made

    def default(self, module: Module, node: ast.AST | None) -> Any:
        """The value that a parameter or a field has by itself; `UNKNOWN` = none, or not to be told."""
        if isinstance(node, ast.Call):
            named = keywords(node)
            return literal(
                self.sources, module, named.get("default") or (node.args[0] if node.args else None)
            )
        return literal(self.sources, module, node)

    def _constant(self, module: Module, value: Any, depth: int) -> dict[str, Any]:
        if value is None:
            return {"type": "null"}
        if isinstance(value, str):
            try:
                return self.schema(module, ast.parse(value, mode="eval").body, depth - 1)
            except (SyntaxError, ValueError):
                return {}
        return {}

    def _union(self, module: Module, nodes: list[ast.expr], depth: int) -> dict[str, Any]:
        options: list[dict[str, Any]] = []
        for node in nodes:
            found = self.schema(module, node, depth - 1)
            options += found["anyOf"] if list(found) == ["anyOf"] else [found]
        if {} in options:
            return {}
        return options[0] if len(options) == 1 else {"anyOf": options}

    def _generic(self, module: Module, node: ast.Subscript, depth: int) -> dict[str, Any]:
        name = last_name(node.value)
        inner = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        if name == "Annotated":
            made = self.schema(module, inner[0], depth - 1)
            for one in inner[1:]:
                made = {**made, **self.checks(module, one)}
            return made
        if name == "Optional":
            return self._union(module, [inner[0], ast.Constant(None)], depth)
        if name == "Union":
            return self._union(module, inner, depth)
        if name == "Literal":
            return {
                "enum": [
                    value for one in inner if (value := literal(self.sources, module, one)) is not UNKNOWN
                ]
            }
        if name in _LISTS or name in _SETS:
            made = {"type": "array", "items": self.schema(module, inner[0], depth - 1)}
            return {**made, "uniqueItems": True} if name in _SETS else made
        if name in ("tuple", "Tuple"):
            return self._tuple(module, inner, depth)
        if name in _MAPS:
            values = self.schema(module, inner[1], depth - 1) if len(inner) > 1 else {}
            return {"type": "object", "additionalProperties": values or True}
        if name in ("Required", "NotRequired", "ReadOnly", "ClassVar", "Final"):
            return self.schema(module, inner[0], depth - 1)
        return self._named(module, node.value, depth)

    def _tuple(self, module: Module, inner: list[ast.expr], depth: int) -> dict[str, Any]:
        if len(inner) > 1 and isinstance(inner[1], ast.Constant) and inner[1].value is ...:
            return {"type": "array", "items": self.schema(module, inner[0], depth - 1)}
        items = [self.schema(module, one, depth - 1) for one in inner]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}

    def _named(self, module: Module, node: ast.expr, depth: int) -> dict[str, Any]:
        found = self.sources.find(self.sources.origin(module, node))
        if found is not None:
            where, definition = found
            if isinstance(definition, ast.ClassDef):
                return self._class(where, definition, depth)
            if isinstance(definition, (ast.Assign, ast.AnnAssign)):
                return self.schema(where, definition.value, depth - 1)
            return {}
        name = last_name(node)
        if name in _SCALARS:
            return dict(_SCALARS[name])
        if name in _LISTS or name in _SETS or name in ("tuple", "Tuple"):
            return {"type": "array"}
        return {"type": "object", "additionalProperties": True} if name in _MAPS else {}

    def _class(self, module: Module, node: ast.ClassDef, depth: int) -> dict[str, Any]:
        key = (module.dotted, node.name)
        if key not in self._names:
            if self._is_enum(module, node):
                return self._enum(module, node)
            if not self._is_data(module, node):
                return {}
            name, number = node.name, 2
            while name in self.components:
                name, number = f"{node.name}_{number}", number + 1
            self._names[key] = name
            self.components[name] = {"type": "object"}
            self.components[name] = self._fields(module, node, depth)
        return {"$ref": f"#/components/schemas/{self._names[key]}"}

    def _bases(self, module: Module, node: ast.ClassDef) -> list[tuple[Module, ast.ClassDef]]:
        found = [self.sources.find(self.sources.origin(module, base)) for base in node.bases]
        return [
            (where, one)
            for where, one in filter(None, found)
            if isinstance(one, ast.ClassDef) and one is not node
        ]

    def _is_data(self, module: Module, node: ast.ClassDef, depth: int = 10) -> bool:
        if any(last_name(one) in ("dataclass", "define", "attrs") for one in node.decorator_list):
            return True
        if any(last_name(base) in _MODELS for base in node.bases):
            return True
        return depth > 0 and any(
            self._is_data(where, one, depth - 1) for where, one in self._bases(module, node)
        )

    def _is_enum(self, module: Module, node: ast.ClassDef) -> bool:
        return any(last_name(base) in _ENUMS for base in node.bases)

    def _enum(self, module: Module, node: ast.ClassDef) -> dict[str, Any]:
        values = [
            literal(self.sources, module, one.value)
            for one in node.body
            if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)
        ]
        known = [value for value in values if value is not UNKNOWN]
        return (
            {"enum": known, "title": node.name}
            if known and len(known) == len(values)
            else {"title": node.name}
        )

    def _fields(self, module: Module, node: ast.ClassDef, depth: int) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        required: list[str] = []
        for where, base in self._bases(module, node):
            if depth > 0 and self._is_data(where, base):
                inherited = self._fields(where, base, depth - 1)
                properties |= inherited.get("properties", {})
                required += inherited.get("required", [])
        for one in node.body:
            if not isinstance(one, ast.AnnAssign) or not isinstance(one.target, ast.Name):
                continue
            if one.target.id.startswith("_") or last_name(one.annotation) == "ClassVar":
                continue
            name, schema, needed = self._field(module, one, depth)
            properties[name] = schema
            required = [other for other in required if other != name] + ([name] if needed else [])
        made: dict[str, Any] = {"type": "object", "title": node.name, "properties": properties}
        if required:
            made["required"] = required
        if ast.get_docstring(node):
            made["description"] = ast.get_docstring(node)
        examples = self._extra(module, node)
        return {**made, "examples": examples} if examples else made

    def _field(self, module: Module, node: ast.AnnAssign, depth: int) -> tuple[str, dict[str, Any], bool]:
        assert isinstance(node.target, ast.Name)
        name, schema = node.target.id, self.schema(module, node.annotation, depth - 1)
        call = node.value if isinstance(node.value, ast.Call) else None
        if call is not None:
            schema = {**schema, **self.checks(module, call)}
        for one in (call, *_annotations(node.annotation)):
            alias = literal(self.sources, module, keywords(one).get("alias")) if one is not None else UNKNOWN
            name = alias if isinstance(alias, str) else name
        default = self.default(module, node.value)
        if default is not UNKNOWN:
            schema = {**schema, "default": default}
        made = call is not None and ("default_factory" in keywords(call) or "factory" in keywords(call))
        plain = node.value is not None and call is None
        optional = made or default is not UNKNOWN or (plain and not _is_ellipsis(node.value))
        return name, schema, not optional and last_name(node.annotation) != "NotRequired"

    def _extra(self, module: Module, node: ast.ClassDef) -> list[Any]:
        """Examples of `model_config`, or of the `Config` of old."""
        for one in ast.walk(node):
            if not isinstance(one, ast.Assign) or not isinstance(one.targets[0], ast.Name):
                continue
            value: ast.expr | None = one.value
            if one.targets[0].id == "model_config" and isinstance(value, ast.Call):
                value = keywords(value).get("json_schema_extra")
            elif one.targets[0].id not in ("model_config", "schema_extra", "json_schema_extra"):
                continue
            found = literal(self.sources, module, value)
            told = found.get("json_schema_extra", found) if isinstance(found, dict) else {}
            if isinstance(told, dict) and isinstance(told.get("examples"), list):
                return list(told["examples"])
            if isinstance(told, dict) and "example" in told:
                return [told["example"]]
        return []


def last_name(node: ast.AST) -> str:
    """The last name of a dotted one, of a call or a subscript; empty when it has none."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Call):
        return last_name(node.func)
    if isinstance(node, ast.Subscript):
        return last_name(node.value)
    return node.id if isinstance(node, ast.Name) else ""


def _is_ellipsis(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _annotations(node: ast.expr) -> list[ast.expr]:
    """What `Annotated[...]` says besides the type."""
    if not isinstance(node, ast.Subscript) or last_name(node.value) != "Annotated":
        return []
    return list(node.slice.elts[1:]) if isinstance(node.slice, ast.Tuple) else []
