"""Schemas of a document as JSON Schema 2020-12 that stand on their own.

What a schema refers to is put into its `$defs`, so that recursion stays what it was. What only documents know
(`xml`, `discriminator`, extensions) is left out.

Source:
    OpenAPI Specification 3.0.3 (2020), 3.1.1 (2024): Schema Object. JSON Schema 2020-12.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from roundhouse.core.errors import RemoteReference, Unprocessable
from roundhouse.features.tasks.importing.openapi.pointers import Pointers

Mode = Literal["input", "output"]

_MAPS = ("properties", "patternProperties", "dependentSchemas")
_SINGLE = (
    "items",
    "additionalProperties",
    "not",
    "contains",
    "propertyNames",
    "if",
    "then",
    "else",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_KEPT = frozenset(
    {
        *("type", "title", "description", "default", "enum", "const", "format", "pattern", "required"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minContains", "maxContains"),
        *("minProperties", "maxProperties", "dependentRequired", "deprecated", "examples"),
        *("contentMediaType", "contentEncoding"),
    }
)
_HIDDEN: dict[Mode, str] = {"input": "readOnly", "output": "writeOnly"}
_MOST_DEFINITIONS = 300


def is_binary(schema: Any) -> bool:
    """Whether a schema means bytes: `format: binary`, or 3.1's `contentMediaType` of an unencoded string."""
    if not isinstance(schema, dict):
        return False
    if schema.get("format") == "binary":
        return True
    return (
        "contentMediaType" in schema
        and "json" not in schema["contentMediaType"]
        and "contentEncoding" not in schema
    )


class SchemaMaker:
    """Makes one schema that stands on its own; ask anew for the next one.

    Args:
        pointers: Of the document.
        mode: What it is for: members that are read only are no input, those that are write only no output.
    """

    def __init__(self, pointers: Pointers, mode: Mode) -> None:
        self._pointers = pointers
        self._hidden = _HIDDEN[mode]
        self._names: dict[str, str] = {}
        self._definitions: dict[str, Any] = {}

    def closed(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A converted schema together with all that it refers to."""
        if not self._definitions:
            return schema
        return {**schema, "$defs": dict(sorted(self._definitions.items()))}

    def convert(self, schema: Any) -> Any:
        """A schema of the document; what it refers to is kept for `closed`.

        Raises:
            RemoteReference: It refers to another document.
            Unprocessable: A reference leads nowhere, or there are too many.
        """
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            return {}
        if "$dynamicRef" in schema or "$recursiveRef" in schema:
            raise RemoteReference(
                "References that are resolved when a value is looked at are not taken.", param="$ref"
            )
        made = {name: schema[name] for name in schema if name in _KEPT}
        self._subschemas(schema, made)
        self._hide(schema, made)
        _modernize(schema, made)
        if isinstance(schema.get("$ref"), str):
            made = {"$ref": self._refer(schema["$ref"]), **made}
        if schema.get("nullable") is True:
            made = _nullable(made)
        return made

    def visible(self, schema: Any) -> bool:
        """Whether a property is one at all, for what this is for."""
        return not (isinstance(schema, dict) and schema.get(self._hidden) is True)

    def _subschemas(self, schema: dict[str, Any], made: dict[str, Any]) -> None:
        for name in _MAPS:
            if isinstance(schema.get(name), dict):
                made[name] = {key: self.convert(one) for key, one in schema[name].items()}
        for name in _SINGLE:
            if isinstance(schema.get(name), (dict, bool)):
                made[name] = self.convert(schema[name])
        for name in _LISTS:
            if isinstance(schema.get(name), list):
                made[name] = [self.convert(one) for one in schema[name]]

    def _hide(self, schema: dict[str, Any], made: dict[str, Any]) -> None:
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return
        gone = {name for name, one in properties.items() if not self.visible(one)}
        if gone:
            made["properties"] = {name: one for name, one in made["properties"].items() if name not in gone}
            made["required"] = [name for name in schema.get("required", []) if name not in gone]
            if not made["required"]:
                del made["required"]

    def _refer(self, reference: str) -> str:
        known = self._names.get(reference)
        if known is None:
            if len(self._names) >= _MOST_DEFINITIONS:
                raise Unprocessable(
                    f"One schema refers to more than {_MOST_DEFINITIONS} others.", param="$ref"
                )
            target = self._pointers.target(reference)
            known = self._names[reference] = self._free(reference)
            # Its name stands before its content is looked at: it may refer to itself.
            self._definitions[known] = {}
            self._definitions[known] = self.convert(target)
        return f"#/$defs/{known}"

    def _free(self, reference: str) -> str:
        wanted = re.sub(r"[^A-Za-z0-9._-]", "_", reference.rpartition("/")[2]) or "schema"
        taken, name, number = set(self._names.values()), wanted, 2
        while name in taken:
            name, number = f"{wanted}_{number}", number + 1
        return name


def _modernize(schema: dict[str, Any], made: dict[str, Any]) -> None:
    """What 3.0 writes in another way than JSON Schema."""
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(schema.get(exclusive), bool):
            del made[exclusive]
            if schema[exclusive] and bound in made:
                made[exclusive] = made.pop(bound)
    if not isinstance(made.get("examples", []), list):
        # A map of named examples, as media types have it, is none of a schema's.
        made["examples"] = list(made["examples"].values()) if isinstance(made["examples"], dict) else []
    if "example" in schema and "examples" not in made:
        made["examples"] = [schema["example"]]
    if not isinstance(made.get("required", []), list):
        del made["required"]


def _nullable(made: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in made or any(name in made for name in _LISTS):
        return {"anyOf": [made, {"type": "null"}]}
    if isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    if isinstance(made.get("enum"), list) and None not in made["enum"]:
        made["enum"] = [*made["enum"], None]
    return made
