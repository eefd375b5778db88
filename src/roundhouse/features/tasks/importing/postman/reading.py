"""A Postman collection as a proposal.

Requests of one method and path are one operation: what they send are its examples, and its schema is what those have
in common with what saved answers tell.

Source:
    Postman Collection Format 2.1.0 (2017).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from roundhouse.core.errors import Unprocessable
from roundhouse.features.tasks.importing.naming import part
from roundhouse.features.tasks.importing.openapi.proposing import Wanted, propose
from roundhouse.features.tasks.importing.openapi.reading import check_depth
from roundhouse.features.tasks.importing.postman.inferring import inferred
from roundhouse.features.tasks.importing.proposed import Proposal, Skipped

_VARIABLE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_MOST_NESTED = 20
_MOST_REPLACED = 5
_FORMS = {"urlencoded": "application/x-www-form-urlencoded", "formdata": "multipart/form-data"}
_OK = range(200, 300)


class Request(msgspec.Struct):
    """One request of a collection.

    Attributes:
        name: As the collection calls it.
        folders: That it is in.
        told: The request itself.
        answers: Saved ones.
    """

    name: str
    folders: tuple[str, ...]
    told: Mapping[str, Any]
    answers: list[Any]


def propose_collection(collection: dict[str, Any], wanted: Wanted) -> Proposal:
    """What a collection proposes.

    Raises:
        Unprocessable: It is no collection, or nested too deep.
        BadInput: See `openapi.proposing.propose`.
    """
    check_depth(collection)
    info = collection.get("info")
    if not isinstance(info, dict) or not isinstance(collection.get("item"), list):
        raise Unprocessable("It is not a Postman collection of the format 2.1.", param="collection")
    variables = _variables(collection)
    paths: dict[str, Any] = {}
    skipped = []
    for request in _requests(collection["item"], (), _MOST_NESTED):
        reason = _add(paths, request, variables, wanted)
        if reason:
            skipped.append(Skipped(request.name, reason))
    document = {
        "openapi": "3.1.0",
        "info": {"title": str(info.get("name", "")), "version": str(info.get("version", ""))},
        "paths": paths,
    }
    made = propose(document, wanted)
    return msgspec.structs.replace(made, skipped=(*made.skipped, *skipped))


def _requests(items: Any, folders: tuple[str, ...], depth: int) -> Iterator[Request]:
    for one in items if isinstance(items, list) and depth else []:
        if not isinstance(one, dict):
            continue
        name = str(one.get("name", ""))
        if isinstance(one.get("item"), list):
            yield from _requests(one["item"], (*folders, name), depth - 1)
        elif "request" in one:
            told = one["request"]
            answers = one.get("response")
            yield Request(
                name,
                folders,
                told if isinstance(told, dict) else {"url": str(told), "method": "GET"},
                answers if isinstance(answers, list) else [],
            )


def _variables(collection: Mapping[str, Any]) -> dict[str, str]:
    given = collection.get("variable")
    told = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    return {str(one.get("key", one.get("id", ""))): str(one.get("value", "")) for one in told}


def _add(paths: dict[str, Any], request: Request, variables: dict[str, str], wanted: Wanted) -> str:
    """Add a request to its operation; why it cannot be, otherwise."""
    base, path = _address(request.told.get("url"), variables)
    if "{{" in base and not wanted.base_url:
        return "Its address holds variables that the collection does not set; say `base_url`."
    method = str(request.told.get("method", "GET")).lower()
    known = paths.setdefault(path, {}).get(method)
    if known is None:
        known = paths[path][method] = {
            "operationId": part(request.name),
            "summary": request.name,
            "description": _prose(request.told.get("description")),
            "tags": [folder for folder in request.folders if folder],
            "servers": [{"url": base}],
            "parameters": _parameters(request.told, path, variables),
            "responses": _responses(request.answers),
        }
    _add_body(known, request.name, request.told.get("body"), variables)
    for answer in request.answers:
        original = answer.get("originalRequest") if isinstance(answer, dict) else None
        if isinstance(original, dict):
            _add_body(known, str(answer.get("name", "")), original.get("body"), variables)
    return ""


def _address(url: Any, variables: dict[str, str]) -> tuple[str, str]:
    """What paths are put behind, and the path with its parameters as OpenAPI writes them."""
    raw = str(url.get("raw", "")) if isinstance(url, dict) else str(url or "")
    if isinstance(url, dict) and not raw:
        host, steps = url.get("host"), url.get("path")
        joined = ".".join(map(str, host)) if isinstance(host, list) else str(host or "")
        rest = "/".join(map(str, steps)) if isinstance(steps, list) else str(steps or "")
        raw = f"{url.get('protocol', 'http')}://{joined}/{rest}"
    plain = _filled(raw.partition("?")[0].partition("#")[0], variables)
    scheme, found, rest = plain.partition("://")
    if not found:
        # `{{host}}/solve`, whose scheme is in the variable, or in nothing.
        scheme, rest = ("", plain) if plain.startswith("{{") else ("http", plain)
    host, _, path = rest.partition("/")
    named = _VARIABLE.sub(lambda one: "{" + one[1] + "}", path)
    steps = [
        "{" + step[1:] + "}" if step.startswith(":") and len(step) > 1 else step for step in named.split("/")
    ]
    return (f"{scheme}://{host}" if scheme else host), "/" + "/".join(step for step in steps if step)


def _filled(text: str, variables: dict[str, str]) -> str:
    """The text with the collection's own variables in it; those that it does not set stay."""
    for _ in range(_MOST_REPLACED):
        filled = _VARIABLE.sub(lambda one: variables.get(one[1]) or one[0], text)
        if filled == text:
            break
        text = filled
    return text


def _parameters(told: Mapping[str, Any], path: str, variables: dict[str, str]) -> list[dict[str, Any]]:
    made = []
    url = told.get("url")
    for one in _pairs(url.get("variable") if isinstance(url, dict) else None):
        if "{" + str(one.get("key")) + "}" in path:
            made.append(_parameter(one, "path", variables))
    for one in _pairs(url.get("query") if isinstance(url, dict) else None):
        made.append(_parameter(one, "query", variables))
    for one in _pairs(told.get("header")):
        # What stands for a secret is the operator's to set, not the caller's.
        if "{{" not in str(one.get("value", "")):
            made.append(_parameter(one, "header", variables))
    return [one for one in made if one["name"]]


def _pairs(given: Any) -> list[dict[str, Any]]:
    found = given if isinstance(given, list) else []
    return [one for one in found if isinstance(one, dict) and one.get("disabled") is not True]


def _parameter(one: Mapping[str, Any], place: str, variables: dict[str, str]) -> dict[str, Any]:
    value = _filled(str(one.get("value") or ""), variables)
    made: dict[str, Any] = {"name": str(one.get("key", "")), "in": place, "schema": {"type": "string"}}
    if _prose(one.get("description")):
        made["description"] = _prose(one.get("description"))
    return {**made, "example": value} if value and "{{" not in value else made


def _prose(given: Any) -> str:
    return str(given.get("content", "")) if isinstance(given, dict) else str(given or "")


def _add_body(operation: dict[str, Any], name: str, body: Any, variables: dict[str, str]) -> None:
    mode = body.get("mode") if isinstance(body, dict) else None
    if mode == "raw":
        value = _json(_filled(str(body.get("raw", "")), variables))
        if value is not None:
            _add_example(operation, "application/json", name, value, inferred(value))
    elif mode in _FORMS:
        pairs = _pairs(body.get(mode))
        value = {str(one.get("key")): _filled(str(one.get("value") or ""), variables) for one in pairs}
        schema: dict[str, Any] = {"type": "object", "properties": {}}
        for one in pairs:
            of_file = {"type": "string", "format": "binary"}
            schema["properties"][str(one.get("key"))] = (
                of_file if one.get("type") == "file" else {"type": "string"}
            )
        _add_example(operation, _FORMS[mode], name, value, schema)


def _add_example(operation: dict[str, Any], kind: str, name: str, value: Any, schema: dict[str, Any]) -> None:
    body = operation.setdefault("requestBody", {"required": True, "content": {}})
    media = body["content"].setdefault(kind, {"schema": schema, "examples": {}})
    if media["schema"].get("type") == "object" == schema.get("type"):
        media["schema"]["properties"] = schema.get("properties", {}) | media["schema"].get("properties", {})
    label, number = name or "example", 2
    while label in media["examples"]:
        if media["examples"][label]["value"] == value:
            return
        label, number = f"{name or 'example'} {number}", number + 1
    media["examples"][label] = {"value": value}


def _responses(answers: list[Any]) -> dict[str, Any]:
    for answer in answers:
        if isinstance(answer, dict) and answer.get("code") in _OK:
            value = _json(str(answer.get("body") or ""))
            if value is not None:
                return {"200": {"content": {"application/json": {"schema": inferred(value)}}}}
    return {}


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
