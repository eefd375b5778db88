"""Small words for JSON Schema.

Source:
    OpenAPI Specification 3.1.1 (2024); JSON Schema 2020-12.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def text(about: str = "", **more: Any) -> Schema:
    """A string."""
    return _typed("string", about, more)


def number(about: str = "", **more: Any) -> Schema:
    """A number."""
    return _typed("number", about, more)


def integer(about: str = "", **more: Any) -> Schema:
    """A whole number."""
    return _typed("integer", about, more)


def flag(about: str = "", **more: Any) -> Schema:
    """True or false."""
    return _typed("boolean", about, more)


def items(of: Schema, about: str = "", **more: Any) -> Schema:
    """A list."""
    return _typed("array", about, {"items": of, **more})


def record(about: str, properties: dict[str, Schema], *required: str) -> Schema:
    """An object; members beyond `properties` are taken and passed on."""
    more: Schema = {"properties": properties, "additionalProperties": True}
    if required:
        more["required"] = list(required)
    return _typed("object", about, more)


def free(about: str = "") -> Schema:
    """An object of any members."""
    return _typed("object", about, {"additionalProperties": True})


def tags(about: str) -> Schema:
    """An object of texts."""
    return _typed("object", about, {"additionalProperties": {"type": "string"}})


def constant(value: str, about: str = "") -> Schema:
    """One text and no other."""
    return _typed("string", about, {"const": value})


def ref(name: str) -> Schema:
    """A schema of the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def either(*of: Schema, about: str = "") -> Schema:
    """One of several."""
    return {"anyOf": list(of), **({"description": about} if about else {})}


def optional(schema: Schema) -> Schema:
    """The same, or null."""
    if "type" in schema and "enum" not in schema and "const" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    about = schema.get("description", "")
    return either(
        {name: value for name, value in schema.items() if name != "description"}, null(), about=about
    )


def null() -> Schema:
    """Null."""
    return {"type": "null"}


def told_by(member: str, **names: str) -> Schema:
    """One of several components; `member` tells which, `names` maps its values to them."""
    return {
        "oneOf": [ref(name) for name in dict.fromkeys(names.values())],
        "discriminator": {
            "propertyName": member,
            "mapping": {value: f"#/components/schemas/{name}" for value, name in names.items()},
        },
    }


def _typed(kind: str, about: str, more: dict[str, Any]) -> Schema:
    return {"type": kind, **({"description": about} if about else {}), **more}
