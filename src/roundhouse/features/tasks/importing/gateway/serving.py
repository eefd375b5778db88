"""Serves the paths of registrations: what comes in becomes an input, what comes out goes into the envelope.

They stand behind all routes of ours, so that none of them can take the place of one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import Request, Response
from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from roundhouse.core.errors import MethodNotAllowed, NotFound, RoundhouseError, UnsupportedMedia
from roundhouse.core.types import Caller
from roundhouse.features.tasks.capabilities.routes import read_input, read_wait_s
from roundhouse.features.tasks.importing.gateway.table import Found, ServedTable
from roundhouse.features.tasks.model import TASK_HEADER, Capability, Registry, Runner
from roundhouse.infra.auth import CREDENTIAL_HEADERS, require
from roundhouse.infra.web import error_object, problem

_JSON = re.compile(r"\s*application/(json|[a-z0-9.+-]+\+json)\s*(;|$)", re.IGNORECASE)
_BODYLESS = ("GET", "DELETE")
_WRITTEN = {"true": True, "false": False}


class _Template:
    """What keys are allowed by: the path as it was registered."""

    def __init__(self, path: str) -> None:
        self.path = path


class ServedPaths(BaseRoute):
    """The route of all paths of registrations.

    Args:
        table: Which there are.
        registry: Knows capabilities.
        runner: Runs them.
    """

    def __init__(self, table: ServedTable, registry: Registry, runner: Runner) -> None:
        self._table = table
        self._registry = registry
        self._runner = runner
        self._caller = require("tasks")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a path is served to anybody; to whom, the request's key tells."""
        if scope["type"] == "http" and self._table.serves(scope["path"]):
            return Match.FULL, {}
        return Match.NONE, {}

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """They have no names."""
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        scope["route"] = _Template(scope["path"])
        request = Request(scope, receive)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        found = self._table.find((await self._site(request)).site_id, request.scope["path"])
        one = next((one for one in found if one.route.method == request.method), None)
        if found:
            request.scope["route"] = _Template((one or found[0]).route.gateway_path)
        caller = await self._caller(request)
        if not found:
            raise NotFound(f"There is nothing at {request.url.path[:200]!r}.")
        if one is None:
            methods = ", ".join(sorted({each.route.method for each in found}))
            refused = MethodNotAllowed(f"This path takes {methods} only.")
            refused.headers = (("allow", methods),)
            raise refused
        capability = await self._registry.find(caller, one.route.capability)
        if one.route.raw:
            return await self._run(request, caller, one, capability)
        return await self._wrapped(request, caller, one, capability)

    async def _site(self, request: Request) -> Caller:
        """Who asks, before it is known what for."""
        found: Caller = await request.app.state.authenticator.authenticate(
            request.method, request.scope["path"], request.headers
        )
        return found

    async def _run(self, request: Request, caller: Caller, one: Found, capability: Capability) -> Response:
        given = await _input(request, one, capability)
        reply = await self._runner.run(
            caller,
            capability,
            given,
            idempotency_key=request.headers.get("idempotency-key"),
            wait_s=read_wait_s(request.headers.get("prefer")),
        )
        return Response(msgspec.json.encode(reply.body), reply.status, reply.headers, "application/json")

    async def _wrapped(
        self, request: Request, caller: Caller, one: Found, capability: Capability
    ) -> Response:
        """The answer, or the error, in the envelope."""
        request_id = str(request.scope.get("request_id", ""))
        try:
            answer = await self._run(request, caller, one, capability)
        except RoundhouseError as error:
            status, headers, _ = problem(error, request_id)
            kept = {name.decode(): value.decode() for name, value in headers if name not in _OWN}
            body = _envelope(caller, request_id, error=error_object(error))
            return Response(body, status, kept, "application/json")
        tracking_id = answer.headers.get(TASK_HEADER, request_id)
        headers_kept = {name: value for name, value in answer.headers.items() if name.encode() not in _OWN}
        body = _envelope(caller, tracking_id, data=msgspec.Raw(bytes(answer.body)))
        return Response(body, answer.status_code, headers_kept, "application/json")


_OWN = (b"content-type", b"content-length", b"x-request-id")


def _envelope(caller: Caller, tracking_id: str, *, data: Any = None, error: Any = None) -> bytes:
    """What the old gateway answers."""
    return msgspec.json.encode(
        {
            "success": error is None,
            "data": data,
            "error": error,
            "tracking_id": tracking_id,
            "site_id": caller.site_id,
            "user_id": caller.user_id,
            "app_id": caller.app_id,
        }
    )


async def _input(request: Request, one: Found, capability: Capability) -> Any:
    """Body, query and path as one input.

    Raises:
        UnsupportedMedia: The body is a form; files are sent by their ids.
        BadInput, TooLarge: The body cannot be read.
    """
    given: Any = {}
    if request.method not in _BODYLESS:
        kind = request.headers.get("content-type", "application/json")
        if not _JSON.match(kind):
            raise UnsupportedMedia("Send JSON; a file is uploaded to /v1/files and named by its id.")
        given = await read_input(request)
    properties = capability.input_schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    if not isinstance(given, dict):
        whole = _named(capability, "whole", "")
        given = given if not whole else {whole: given}
    if not isinstance(given, dict):
        return given
    body = {_named(capability, "body", name) or name: value for name, value in given.items()}
    beside: dict[str, Any] = {}
    for name in dict.fromkeys(request.query_params.keys()):
        label = _named(capability, "query", name) or name
        beside[label] = _typed(known.get(label), request.query_params.getlist(name))
    for name, value in one.parameters.items():
        label = _named(capability, "path", name) or name
        beside[label] = _typed(known.get(label), [value])
    for label, name in _headers(capability).items():
        if name in request.headers:
            beside[label] = _typed(known.get(label), [request.headers[name]])
    return {**body, **beside}


def _places(capability: Capability) -> Mapping[str, Any]:
    places = capability.endpoint.get("places")
    return places if isinstance(places, dict) else {}


def _named(capability: Capability, place: str, name: str) -> str:
    """The property that goes to a name at a place; empty = none is said to."""
    for label, where in _places(capability).items():
        told = where if isinstance(where, dict) else {"place": where}
        if told.get("place") == place and (place == "whole" or told.get("name", label) == name):
            return label
    return ""


def _headers(capability: Capability) -> dict[str, str]:
    """Properties that are headers, and the names of those; never one by which the caller signs in here."""
    found = {}
    for label, where in _places(capability).items():
        told = where if isinstance(where, dict) else {"place": where}
        name = str(told.get("name", label)).lower()
        if told.get("place") == "header" and name not in CREDENTIAL_HEADERS:
            found[label] = name
    return found


def _typed(schema: Any, values: list[str]) -> Any:
    """Texts of an address as what the schema wants; what it does not say stays a text."""
    wanted = _types(schema)
    if "array" in wanted:
        items = schema.get("items") if isinstance(schema, dict) else None
        return [_typed(items, [value]) for value in values]
    value = values[-1]
    if wanted & {"integer", "number"}:
        try:
            number = float(value)
            return int(value) if "integer" in wanted and number.is_integer() else number
        except ValueError:
            return value
    return _WRITTEN.get(value.lower(), value) if "boolean" in wanted else value


def _types(schema: Any) -> set[str]:
    """Types that a schema takes, also as one of several."""
    if not isinstance(schema, dict):
        return set()
    told = schema.get("type")
    found = {told} if isinstance(told, str) else set(told) if isinstance(told, list) else set()
    for option in schema.get("anyOf", []) if isinstance(schema.get("anyOf"), list) else []:
        found |= _types(option)
    return found
