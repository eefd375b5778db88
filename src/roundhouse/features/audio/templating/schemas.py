"""JSON Schemas of templates: which may be, and whether a value fits.

A schema comes from a user, so it names nothing outside itself and holds nothing that takes long: no references to
other documents, no regular expressions.

Source:
    JSON Schema, draft 2020-12. `x-fill` and `x-quote` are ours: what the extractive summary fills in, and objects
    that quote.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from roundhouse.core.errors import Unprocessable

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

MOST_SCHEMA_BYTES = 65_536
MOST_DEPTH = 24
MOST_NODES = 20_000
MOST_FAULTS = 8

KEYWORDS = frozenset(
    {
        *("$schema", "$id", "$comment", "$defs", "$ref", "title", "description", "default", "examples"),
        *("type", "enum", "const", "properties", "required", "additionalProperties", "minProperties"),
        *("maxProperties", "items", "prefixItems", "minItems", "maxItems", "uniqueItems", "minLength"),
        *("maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "anyOf"),
        *("oneOf", "allOf", "format", "deprecated", "readOnly", "writeOnly"),
    }
)
"""Keywords that a schema may have, and any that begin with `x-`."""

_NAMED = ("properties", "$defs")
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("items", "additionalProperties")


def check_schema(schema: Any) -> dict[str, Any]:
    """The schema, if a template may have it.

    Raises:
        Unprocessable: It may not; the text names the place.
    """
    # Not at the top: the product starts without it.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    if not isinstance(schema, dict):
        raise Unprocessable("schema must be a JSON object.", param="schema")
    if len(msgspec.json.encode(schema)) > MOST_SCHEMA_BYTES:
        raise Unprocessable(f"schema is larger than {MOST_SCHEMA_BYTES} bytes.", param="schema")
    _check_node(schema, "schema", 0)
    if schema.get("type") != "object":
        raise Unprocessable("schema must describe an object: its type is not 'object'.", param="schema")
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        place = "/".join(map(str, error.absolute_path))
        raise Unprocessable(
            f"schema is none: at {place or 'its top'}: {error.message[:300]}", param="schema"
        ) from None
    expanded(schema)
    return schema


def expanded(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with what its references lead to in their places: not every model server follows them.

    Raises:
        Unprocessable: One leads out of the schema, nowhere, or back to itself; or the whole becomes too large.
    """
    definitions = schema.get("$defs", {})
    left = MOST_NODES

    def expand(node: Any, inside: tuple[str, ...]) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Unprocessable(f"schema has more than {MOST_NODES} parts.", param="schema")
        if isinstance(node, list):
            return [expand(item, inside) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" not in node:
            return {key: expand(value, inside) for key, value in node.items() if key != "$defs"}
        name = str(node["$ref"]).removeprefix("#/$defs/")
        if str(node["$ref"]) == name or name not in definitions:
            raise Unprocessable(f"The $ref {name[:100]!r} is none of #/$defs/… here.", param="schema")
        if name in inside:
            raise Unprocessable(f"The $ref {name[:100]!r} leads back to itself.", param="schema")
        found = expand(definitions[name], (*inside, name))
        beside = {key: expand(value, inside) for key, value in node.items() if key != "$ref"}
        return {**found, **beside} if isinstance(found, dict) else found

    whole: dict[str, Any] = expand(schema, ())
    return whole


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    """Why a value does not fit a checked schema, one line each, the first few; empty = it fits."""
    found: list[str] = []
    errors: Iterator[ValidationError] = _validator(schema).iter_errors(value)
    try:
        for error in errors:
            place = "/".join(map(str, error.absolute_path))
            found.append(f"at {place or 'the top'}: {error.message[:300]}")
            if len(found) == MOST_FAULTS:
                break
    except RecursionError:
        found.append("at the top: it is nested too deep")
    return found


def asked_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema as a model server is given it: without what is ours."""

    def bare(node: Any) -> Any:
        if isinstance(node, list):
            return [bare(item) for item in node]
        if not isinstance(node, dict):
            return node
        return {
            key: bare(value) for key, value in node.items() if not key.startswith("x-") and key != "$schema"
        }

    found: dict[str, Any] = bare(schema)
    return found


def emptiest(schema: dict[str, Any]) -> Any:
    """A value that claims as little as the schema allows; it may still not fit."""
    if "const" in schema:
        return schema["const"]
    options = schema.get("enum")
    if isinstance(options, list):
        return None if None in options else (options[0] if len(options) == 1 else None)
    kinds = _kinds(schema)
    if not kinds or "null" in kinds:
        return None
    if kinds[0] == "object":
        required = schema.get("required", [])
        properties = schema.get("properties", {})
        return {name: emptiest(properties.get(name, {})) for name in required}
    return {"array": [], "string": ""}.get(kinds[0])


def _kinds(schema: dict[str, Any]) -> Sequence[str]:
    told = schema.get("type", [])
    kinds = [told] if isinstance(told, str) else list(told)
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if isinstance(option, dict):
            kinds += _kinds(option)
    return kinds


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    from jsonschema import Draft202012Validator
    from referencing import Registry

    # An empty registry: nothing is ever fetched.
    return Draft202012Validator(schema, registry=Registry())


def _check_node(node: Any, place: str, depth: int) -> None:
    if depth > MOST_DEPTH:
        raise Unprocessable(f"schema is nested deeper than {MOST_DEPTH}.", param="schema")
    if not isinstance(node, dict):
        if isinstance(node, bool):
            return
        raise Unprocessable(f"{place} must be a schema.", param="schema")
    for key, value in node.items():
        if key not in KEYWORDS and not key.startswith("x-"):
            raise Unprocessable(f"{place} has the keyword {key[:60]!r}, which is not taken.", param="schema")
        for name, inner in _inside(key, value):
            _check_node(inner, f"{place}/{key}{name}", depth + 1)


def _inside(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Schemas under a keyword, each with its place there."""
    if key in _NAMED and isinstance(value, dict):
        yield from ((f"/{name[:60]}", inner) for name, inner in value.items())
    elif key in _LISTED and isinstance(value, list):
        yield from ((f"/{number}", inner) for number, inner in enumerate(value))
    elif key in _SINGLE:
        yield "", value
