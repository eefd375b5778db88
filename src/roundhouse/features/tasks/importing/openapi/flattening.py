"""Parameters and body of one operation as one flat input, and where each of its properties goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from roundhouse.core.errors import Unprocessable
from roundhouse.features.tasks.importing.openapi.pointers import Pointers
from roundhouse.features.tasks.importing.openapi.schemas import SchemaMaker, is_binary
from roundhouse.features.tasks.importing.proposed import Place

BodyForm = Literal["json", "form", "multipart", "none"]

WHOLE = "body"
"""The property that holds a body that is no object."""

_NOT_SENT = frozenset({"accept", "content-type", "authorization", "content-length", "host", "cookie"})
_JSON = "application/json"
_FORMS: dict[str, BodyForm] = {
    "multipart/form-data": "multipart",
    "application/x-www-form-urlencoded": "form",
}


class Slot(msgspec.Struct, frozen=True):
    """Where one property goes.

    Attributes:
        property: In the input.
        place: In the request.
        name: There.
        is_file: Whether its value is the id of a kept file, or a list of them.
    """

    property: str
    place: Place
    name: str
    is_file: bool = False


class Flat:
    """The flat input of one operation, as it grows.

    Args:
        pointers: Of the document.
    """

    def __init__(self, pointers: Pointers) -> None:
        self.pointers = pointers
        self.schemas = SchemaMaker(pointers, "input")
        self.properties: dict[str, Any] = {}
        self.required: list[str] = []
        self.slots: list[Slot] = []
        self.body: BodyForm = "none"
        self.open: Any = False
        self.description = ""

    def add_parameter(self, parameter: Mapping[str, Any]) -> None:
        """One parameter; cookies and what is ours to say are left out."""
        name, place = str(parameter.get("name", "")), parameter.get("in")
        if place not in ("path", "query", "header") or (place == "header" and name.lower() in _NOT_SENT):
            return
        schema = self.schemas.convert(_schema_of(parameter))
        schema = schema if isinstance(schema, dict) else {}
        if parameter.get("description"):
            schema["description"] = str(parameter["description"])
        told = told_examples(parameter, self.pointers)
        if told and "examples" not in schema:
            schema["examples"] = [value for _, _, value in told]
        if schema.get("type") == "array" and not _is_repeated(parameter, place):
            about = str(schema.get("description", ""))
            schema = {"type": "string", "description": f"{about} Several are joined by commas.".strip()}
        required = place == "path" or parameter.get("required") is True
        self._put(name, place, name, schema, required=required)

    def add_body(self, body: Mapping[str, Any]) -> None:
        """The body, by the kind of content that says most of its parts.

        Raises:
            Unprocessable: It is neither JSON nor a form.
        """
        content = body.get("content")
        kind, media = chosen(content if isinstance(content, dict) else {})
        if media is None:
            return
        needed = body.get("required") is True
        if self.description == "" and body.get("description"):
            self.description = str(body["description"])
        given = media.get("schema", {})
        if kind in _FORMS:
            self.body = _FORMS[kind]
            self._add_form(given, needed)
        elif _is_json(kind) or kind == "*/*":
            self.body = "json"
            self._add_json(given, needed)
        else:
            raise Unprocessable(f"Its body is {kind}, neither JSON nor a form.")

    def _add_json(self, given: Any, needed: bool) -> None:
        members = self._members(given)
        if members is None:
            self._put(WHOLE, "whole", "", self.schemas.convert(given), required=needed)
            return
        properties, required, self.open = members
        if needed and self.open is not False:
            self.required += sorted(required - properties.keys())
        for name, schema in properties.items():
            if self.schemas.visible(schema):
                self._put(
                    name, "body", name, self.schemas.convert(schema), required=needed and name in required
                )

    def _add_form(self, given: Any, needed: bool) -> None:
        members = self._members(given)
        if members is None:
            return
        properties, required = members[0], members[1]
        for name, schema in properties.items():
            must = needed and name in required
            inner = self.pointers.resolved(schema)
            inner = _without_null(inner, self.pointers)
            items = self.pointers.resolved(inner.get("items")) if isinstance(inner, dict) else None
            if is_binary(inner):
                self._put(_file_name(name), "body", name, file_schema(inner), required=must, is_file=True)
            elif is_binary(items):
                many = {"type": "array", "items": file_schema(items)}
                self._put(f"{_file_name(name)}s", "body", name, many, required=must, is_file=True)
            else:
                self._put(name, "body", name, self.schemas.convert(schema), required=must)

    def _members(self, given: Any) -> tuple[dict[str, Any], set[str], Any] | None:
        """Properties, required ones, and what else may be there, of a schema that is plainly an object."""
        schema = self.pointers.resolved(given)
        if not isinstance(schema, dict) or any(
            name in schema for name in ("anyOf", "oneOf", "not", "if", "enum")
        ):
            return None
        properties: dict[str, Any] = {}
        required = set(_texts(schema.get("required")))
        free = schema.get("additionalProperties", True)
        for part in schema.get("allOf", []):
            inner = self._members(part)
            if inner is None:
                return None
            properties |= inner[0]
            required |= inner[1]
            free = free if inner[2] is True else inner[2]
        own = schema.get("properties")
        properties |= own if isinstance(own, dict) else {}
        if schema.get("type", "object") != "object" or ("patternProperties" in schema):
            return None
        if not properties and not {"type", "allOf", "properties"} & schema.keys():
            # Anything at all, not just an object.
            return None
        self.description = self.description or str(schema.get("description", ""))
        return properties, required, free if isinstance(free, bool) else self.schemas.convert(free)

    def _put(
        self, wanted: str, place: Place, name: str, schema: Any, *, required: bool, is_file: bool = False
    ) -> None:
        label = wanted if wanted not in self.properties else f"{place}_{wanted}"
        while label in self.properties:
            label += "_"
        self.properties[label] = schema
        self.slots.append(Slot(label, place, name, is_file))
        if required:
            self.required.append(label)

    def schema(self) -> dict[str, Any]:
        """The whole input."""
        made: dict[str, Any] = {"type": "object", "properties": self.properties}
        if self.description:
            made["description"] = self.description
        if self.required:
            made["required"] = self.required
        made["additionalProperties"] = self.open
        return self.schemas.closed(made)


def chosen(content: Mapping[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """The kind of content that is used, and what is said of it; None = there is none."""
    kinds = {str(kind): media for kind, media in content.items() if isinstance(media, dict)}
    for wanted in (
        _is_json,
        lambda kind: kind in _FORMS,
        lambda kind: kind.startswith("text/"),
        lambda _: True,
    ):
        for kind, media in kinds.items():
            plain = kind.partition(";")[0].strip().lower()
            if wanted(plain):
                return plain, media
    return "", None


def _is_json(kind: str) -> bool:
    return kind == _JSON or kind.endswith("+json")


def file_schema(given: Any) -> dict[str, Any]:
    """The schema of a property that names a kept file."""
    about = given.get("description") if isinstance(given, dict) else None
    told = "Id of a file that was uploaded to `POST /v1/files`; its bytes are sent."
    return {"type": "string", "format": "file-id", "description": f"{about} {told}" if about else told}


def told_examples(holder: Mapping[str, Any], pointers: Pointers) -> list[tuple[str, str, Any]]:
    """Name, summary and value of the examples of a parameter or a kind of content."""
    found = []
    named = holder.get("examples")
    for name, given in named.items() if isinstance(named, dict) else ():
        one = pointers.resolved(given)
        if isinstance(one, dict) and ("value" in one or "dataValue" in one):
            found.append((str(name), str(one.get("summary", "")), one.get("value", one.get("dataValue"))))
    if not found and "example" in holder:
        found.append(("example", "", holder["example"]))
    if not found and isinstance(named, list):
        found = [(_numbered(index), "", value) for index, value in enumerate(named)]
    return found


def _numbered(index: int) -> str:
    return "example" if index == 0 else f"example {index + 1}"


def _schema_of(parameter: Mapping[str, Any]) -> Any:
    content = parameter.get("content")
    if "schema" not in parameter and isinstance(content, dict):
        return chosen(content)[1] and (chosen(content)[1] or {}).get("schema", {})
    return parameter.get("schema", {})


def _without_null(schema: Any, pointers: Pointers) -> Any:
    """The one schema of `anyOf` besides null, as FastAPI writes an optional file."""
    options = schema.get("anyOf") if isinstance(schema, dict) else None
    if not isinstance(options, list):
        return schema
    rest = [one for one in options if not (isinstance(one, dict) and one.get("type") == "null")]
    return pointers.resolved(rest[0]) if len(rest) == 1 else schema


def _file_name(name: str) -> str:
    if name in ("file", "files"):
        return "file_id"
    return name if name.endswith("file_id") else f"{name}_file_id"


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _is_repeated(parameter: Mapping[str, Any], place: str) -> bool:
    """Whether each item of a list is sent by itself; the other ways are written as a text."""
    style = parameter.get("style", "form" if place == "query" else "simple")
    return place == "query" and style == "form" and parameter.get("explode", True) is not False
