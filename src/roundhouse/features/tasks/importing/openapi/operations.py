"""One operation of a document as a proposal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from roundhouse.core.errors import Unprocessable
from roundhouse.features.tasks.importing.openapi.addresses import PLACEHOLDER
from roundhouse.features.tasks.importing.openapi.flattening import (
    Flat,
    Slot,
    chosen,
    file_schema,
    told_examples,
)
from roundhouse.features.tasks.importing.openapi.pointers import Pointers
from roundhouse.features.tasks.importing.openapi.schemas import SchemaMaker, is_binary
from roundhouse.features.tasks.importing.openapi.swagger import METHODS
from roundhouse.features.tasks.importing.proposed import Proposed
from roundhouse.features.tasks.model import Example

MOST_SCHEMA_BYTES = 256 * 1024
MOST_EXAMPLES = 20

_SAFE_METHODS = frozenset({"get", "head", "options", "put", "delete"})
_WITH_BODY = frozenset({"post", "put", "patch"})
_CALLED = frozenset({*_WITH_BODY, "get", "delete"})
_TITLE_CHARS = 200
_ABOUT_CHARS = 8000


class Operation(msgspec.Struct, frozen=True):
    """An operation where it stands in its document.

    Attributes:
        method: Lower case.
        path: Template.
        item: The path item around it.
        told: The operation itself.
    """

    method: str
    path: str
    item: Mapping[str, Any]
    told: Mapping[str, Any]

    @property
    def label(self) -> str:
        """`POST /solve`."""
        return f"{self.method.upper()} {self.path}"

    @property
    def id(self) -> str:
        """Its `operationId`, empty where it has none."""
        return str(self.told.get("operationId") or "")


def operations(pointers: Pointers, document: Mapping[str, Any]) -> list[Operation]:
    """All operations, in the order of the document; raises for a reference that cannot be followed."""
    found = []
    paths = document.get("paths")
    for path, given in paths.items() if isinstance(paths, dict) else ():
        item = pointers.resolved(given)
        for method, told in item.items() if isinstance(item, dict) else ():
            if method in METHODS and isinstance(told, dict):
                found.append(Operation(method, str(path), item, told))
    return found


def propose_operation(pointers: Pointers, operation: Operation, name: str, url: str) -> Proposed:
    """The proposal of one operation.

    Args:
        pointers: Of the document.
        operation: The operation.
        name: Full name of the capability.
        url: Address that its path is put behind.

    Raises:
        RemoteReference: A schema of it refers to another document.
        Unprocessable: It cannot be called by JSON, or is larger than a capability may be.
    """
    if operation.method not in _CALLED:
        raise Unprocessable(f"Its method, {operation.method.upper()}, is not one that is called.")
    told, flat = operation.told, Flat(pointers)
    parameters = _parameters(pointers, operation)
    for parameter in parameters:
        flat.add_parameter(parameter)
    body = pointers.resolved(told.get("requestBody"))
    if isinstance(body, dict):
        flat.add_body(body)
    for placeholder in PLACEHOLDER.findall(operation.path):
        if not any(slot.place == "path" and slot.name == placeholder for slot in flat.slots):
            flat.add_parameter({"name": placeholder, "in": "path", "schema": {"type": "string"}})
    schema, answer = flat.schema(), _answer(pointers, told)
    for one in (schema, answer.schema):
        if one is not None and len(msgspec.json.encode(one)) > MOST_SCHEMA_BYTES:
            raise Unprocessable(f"Its schema is larger than {MOST_SCHEMA_BYTES} bytes.")
    return Proposed(
        name=name,
        operation=operation.label,
        title=str(told.get("summary") or operation.item.get("summary") or "").strip()[:_TITLE_CHARS],
        description=str(told.get("description") or operation.item.get("description") or "").strip()[
            :_ABOUT_CHARS
        ],
        tags=_tags(told),
        input_schema=schema,
        output_schema=answer.schema,
        examples=_examples(pointers, flat, parameters, body),
        endpoint=_endpoint(operation, flat, url, answer),
        idempotent=_idempotent(operation),
    )


def _parameters(pointers: Pointers, operation: Operation) -> list[dict[str, Any]]:
    """Of the path and of the operation; the operation's own stand above those of the path."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for holder in (operation.item, operation.told):
        given = holder.get("parameters")
        for one in given if isinstance(given, list) else []:
            parameter = pointers.resolved(one)
            if isinstance(parameter, dict):
                found[str(parameter.get("in")), str(parameter.get("name"))] = parameter
    used = set(PLACEHOLDER.findall(operation.path))
    return [one for (place, name), one in found.items() if place != "path" or name in used]


def _tags(told: Mapping[str, Any]) -> tuple[str, ...]:
    given = told.get("tags")
    found = [str(one) for one in given] if isinstance(given, list) else []
    return tuple(dict.fromkeys([*found, "deprecated"] if told.get("deprecated") is True else found))


def _idempotent(operation: Operation) -> bool:
    told = operation.told.get("x-roundhouse-idempotent")
    return told if isinstance(told, bool) else operation.method in _SAFE_METHODS


class Answer(msgspec.Struct, frozen=True):
    """What comes back: `kind` is `json`, `text` or `file`."""

    kind: str = "json"
    schema: dict[str, Any] | None = None


def _answer(pointers: Pointers, told: Mapping[str, Any]) -> Answer:
    """Of the first answer that is a success."""
    responses = told.get("responses")
    found = responses if isinstance(responses, dict) else {}
    statuses = sorted(str(one) for one in found if str(one).startswith("2"))
    for status in (*statuses, "default"):
        response = pointers.resolved(found.get(status))
        content = response.get("content") if isinstance(response, dict) else None
        if not isinstance(content, dict) or not content:
            continue
        kind, media = chosen(content)
        schema = (media or {}).get("schema", {})
        if kind.startswith("text/"):
            return Answer("text", {"type": "string"})
        if is_binary(pointers.resolved(schema)) or not ("json" in kind or kind == "*/*"):
            made = {"type": "object", "properties": {"file_id": file_schema({})}, "required": ["file_id"]}
            return Answer("file", made)
        maker = SchemaMaker(pointers, "output")
        # Its own place in the document would only stand around it.
        made = maker.convert(pointers.resolved(schema))
        return Answer("json", maker.closed(made) if isinstance(made, dict) and made else None)
    return Answer()


def _endpoint(operation: Operation, flat: Flat, url: str, answer: Answer) -> dict[str, Any]:
    made: dict[str, Any] = {
        "url": url + operation.path,
        "method": operation.method.upper(),
        "places": {slot.property: _place(slot) for slot in flat.slots},
    }
    if operation.method in _WITH_BODY:
        made["body"] = flat.body
    elif flat.body != "none" and any(slot.place in ("body", "whole") for slot in flat.slots):
        raise Unprocessable(f"Its method, {operation.method.upper()}, is sent without a body.")
    files = [slot.name for slot in flat.slots if slot.is_file]
    if files:
        made["files"] = files
    if answer.kind != "json":
        made["answer"] = answer.kind
    return made


def _place(slot: Slot) -> dict[str, str] | str:
    if slot.name in ("", slot.property):
        return slot.place
    return {"place": slot.place, "name": slot.name}


def _examples(
    pointers: Pointers, flat: Flat, parameters: list[dict[str, Any]], body: Any
) -> tuple[Example, ...]:
    """Named examples of body and parameters, those of the same name together; what lacks takes its first one."""
    told: dict[str, dict[str, Any]] = {}
    summaries: dict[str, str] = {}
    places: dict[str, Any] = {}
    for parameter in parameters:
        slot = next(
            (
                one
                for one in flat.slots
                if (one.place, one.name) == (parameter.get("in"), parameter.get("name"))
            ),
            None,
        )
        if slot is not None:
            _gather(slot.property, told_examples(parameter, pointers), told, summaries)
            places[slot.property] = flat.properties[slot.property]
    for name, summary, value in _body_examples(pointers, body):
        spread = _spread(flat, value)
        if spread is not None:
            told.setdefault(name, {}).update(spread)
            summaries[name] = summary or summaries.get(name, "")
    fill = _fill(flat, told)
    if not told and fill and set(flat.required) <= fill.keys():
        told["example"] = {}
    made = []
    for name, values in list(told.items())[:MOST_EXAMPLES]:
        whole = {one: fill[one] for one in flat.required if one in fill} | values
        ordered = {one: whole[one] for one in flat.properties if one in whole}
        made.append(Example(name, ordered | whole, summaries.get(name, "")))
    return tuple(made)


def _gather(
    prop: str,
    examples: list[tuple[str, str, Any]],
    told: dict[str, dict[str, Any]],
    summaries: dict[str, str],
) -> None:
    for name, summary, value in examples:
        told.setdefault(name, {})[prop] = value
        summaries[name] = summaries.get(name) or summary


def _body_examples(pointers: Pointers, body: Any) -> list[tuple[str, str, Any]]:
    content = body.get("content") if isinstance(body, dict) else None
    media = chosen(content)[1] if isinstance(content, dict) else None
    if media is None:
        return []
    found = told_examples(media, pointers)
    schema = pointers.resolved(media.get("schema"))
    return found or (told_examples(schema, pointers) if isinstance(schema, dict) else [])


def _spread(flat: Flat, value: Any) -> dict[str, Any] | None:
    """The value of a body as properties of the input; None when it cannot be one."""
    slots = [one for one in flat.slots if one.place in ("body", "whole")]
    if any(one.place == "whole" for one in slots):
        return {next(one.property for one in slots): value}
    if not isinstance(value, dict):
        return None
    labels = {one.name: one.property for one in slots if not one.is_file}
    files = {one.name for one in slots if one.is_file}
    return {labels.get(str(name), str(name)): one for name, one in value.items() if name not in files}


def _fill(flat: Flat, told: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """For each property a value that was told somewhere."""
    found: dict[str, Any] = {}
    for name, schema in flat.properties.items():
        mentioned = next((one[name] for one in told.values() if name in one), None)
        if mentioned is not None:
            found[name] = mentioned
        elif isinstance(schema, dict) and isinstance(schema.get("examples"), list) and schema["examples"]:
            found[name] = schema["examples"][0]
        elif isinstance(schema, dict) and "default" in schema:
            found[name] = schema["default"]
    return found
