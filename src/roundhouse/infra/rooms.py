"""What every room's routes share: rendering of errors, the local API docs, CORS."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastapi_offline
import msgspec
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException as Refusal  # noqa: TID251 - caught here, never raised
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Match
from starlette.staticfiles import StaticFiles

from roundhouse.core.errors import (
    BadInput,
    MethodNotAllowed,
    NotFound,
    RoundhouseError,
    Unprocessable,
    UnsupportedMedia,
)
from roundhouse.core.settings import ServerSettings
from roundhouse.infra.hosts import LOCALHOST_ORIGIN
from roundhouse.infra.web import App, problem

_NO_OBJECT = ("model_attributes_type", "dict_type")
_JSON = re.compile(r"\s*application/(json|[a-z0-9.+-]+\+json)\s*(;|$)", re.IGNORECASE)
_TOLD = (
    *("x-request-id", "x-should-retry", "retry-after"),
    *(f"x-roundhouse-{name}" for name in ("model", "decision", "attempts", "cache", "generation")),
    *(
        f"x-ratelimit-{name}-{kind}"
        for name in ("limit", "remaining", "reset")
        for kind in ("requests", "tokens")
    ),
)
_PROBLEMS = {
    "4XX": "The request cannot be served; `error.code` says why.",
    "5XX": "Roundhouse, its database or a model server failed; `x-should-retry` says whether to ask again.",
}
_DOCS_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)

# The document is that of whoever reads it: once a key is known it is read again with it.
_AUTHORIZED = """
plugins: [() => ({statePlugins: {auth: {wrapActions: {authorize: (inner, system) => (given) => {
  const done = inner(given);
  const headers = {};
  if (given.bearer) headers["Authorization"] = "Bearer " + given.bearer.value;
  if (given.apiKey) headers["X-API-Key"] = given.apiKey.value;
  fetch(system.specSelectors.url(), {headers}).then((answer) => answer.ok ? answer.text() : null).then((text) => {
    if (text !== null) system.specActions.updateSpec(text);
  });
  return done;
}}}}})],
"""


def gathered(*routers: APIRouter) -> APIRouter:
    """The routes of several routers, as they stand and in that order.

    FastAPI's `include_router` analyses each route once more at every level, half of what an application costs to make;
    it is for what changes routes on their way (prefixes, tags), which none of ours do.
    """
    return APIRouter(routes=[route for router in routers for route in router.routes])


def render_errors(rooms: FastAPI) -> None:
    """Answer every error of a route in the one form of `infra.web.problem`."""

    def answer(request: Request, error: RoundhouseError) -> Response:
        status, headers, body = problem(error, request.scope.get("request_id", ""))
        kept = {name.decode(): value.decode() for name, value in headers if name != b"x-request-id"}
        return Response(body, status, kept)

    async def ours(request: Request, error: Exception) -> Response:
        return answer(request, error if isinstance(error, RoundhouseError) else RoundhouseError())

    async def invalid(request: Request, error: Exception) -> Response:
        kind = request.headers.get("content-type", "")
        return answer(
            request, _invalid(error, kind) if isinstance(error, RequestValidationError) else BadInput()
        )

    async def framework(request: Request, error: Exception) -> Response:
        if isinstance(error.__cause__, RoundhouseError):
            # Raised by what the body is read from; the framework makes a fault of the body's form of it.
            return answer(request, error.__cause__)
        status = error.status_code if isinstance(error, Refusal) else 500
        kinds: dict[int, RoundhouseError] = {
            404: NotFound(f"There is nothing at {request.url.path[:200]!r}."),
            405: MethodNotAllowed(f"{request.method} is not a method of this path."),
        }
        found = kinds.get(status) or (
            BadInput("The request cannot be read.") if status < 500 else RoundhouseError()
        )
        response = answer(request, found)
        if status == 405:
            response.headers["allow"] = ", ".join(_methods(request))
        return response

    rooms.add_exception_handler(RoundhouseError, ours)
    rooms.add_exception_handler(Exception, ours)
    rooms.add_exception_handler(RequestValidationError, invalid)
    rooms.add_exception_handler(Refusal, framework)


def _methods(request: Request) -> list[str]:
    """Methods of a path; the framework itself tells those of one of its routes only."""
    return [
        method
        for method in ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]


def _invalid(error: RequestValidationError, kind: str) -> RoundhouseError:
    """The first fault of a request that its schema refuses; what the client sent is not repeated."""
    first = error.errors()[0]
    if first["loc"] == ("body",) and first["type"] in _NO_OBJECT and not _JSON.match(kind):
        return UnsupportedMedia("The body must be JSON, with Content-Type: application/json.")
    if first["type"] == "json_invalid":
        return BadInput("The body is not JSON.")
    place = [str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")]
    param = ".".join(place) or None
    return Unprocessable(f"{param or 'The request'}: {first['msg']}", param=param)


def mount_docs(rooms: FastAPI) -> None:
    """Serve Swagger UI at `/docs` from the installed package: no request leaves the origin."""
    static = Path(fastapi_offline.__file__).parent / "static"
    rooms.mount("/docs/static", StaticFiles(directory=static), name="docs-static")

    @rooms.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        shown = get_swagger_ui_html(
            openapi_url="../openapi.json",
            title="Roundhouse API",
            swagger_js_url="docs/static/swagger-ui-bundle.js",
            swagger_css_url="docs/static/swagger-ui.css",
            swagger_favicon_url="docs/static/favicon.png",
        )
        text = bytes(shown.body).decode().replace("SwaggerUIBundle({", f"SwaggerUIBundle({{{_AUTHORIZED}", 1)
        return HTMLResponse(text, headers={"content-security-policy": _DOCS_POLICY})


def describe(
    rooms: FastAPI, paths: Callable[[], dict[str, Any]], components: Callable[[], dict[str, Any]]
) -> None:
    """Add the lean endpoints to the framework's OpenAPI document, built when it is first asked for.

    Args:
        rooms: The framework's application.
        paths: Path items of the lean endpoints.
        components: Schemas and the like that they name, by kind; `Problem` among them.
    """
    generate = rooms.openapi

    def openapi() -> dict[str, Any]:
        if rooms.openapi_schema is None:
            document = generate()
            _tell_problems(document)
            document["paths"] |= paths()
            for kind, entries in components().items():
                document.setdefault("components", {}).setdefault(kind, {}).update(entries)
            rooms.openapi_schema = document
        return rooms.openapi_schema

    rooms.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents


def describe_webhooks(
    rooms: FastAPI, section: Callable[[], dict[str, Any]], components: Callable[[], dict[str, Any]]
) -> None:
    """Add what is sent by ourselves to the framework's OpenAPI document.

    Args:
        rooms: The framework's application.
        section: Path items by name, as `webhooks` of OpenAPI 3.1 has them; asked for once.
        components: Schemas and the like that they name, by kind.
    """
    generate = rooms.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        if "webhooks" not in document:
            document["webhooks"] = section()
            for kind, entries in components().items():
                document.setdefault("components", {}).setdefault(kind, {}).update(entries)
        return document

    rooms.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents


def serve_document(rooms: FastAPI, path: str, make: Callable[[], dict[str, Any]]) -> None:
    """Serve a description of ourselves, made at the first request for it, to anybody."""
    made: list[bytes] = []

    @rooms.get(path, include_in_schema=False)
    async def document() -> Response:
        if not made:
            made.append(msgspec.json.encode(make()))
        return Response(made[0], media_type="application/json")


def _tell_problems(document: dict[str, Any]) -> None:
    """Describe the errors of the rooms as they are: problems, not the framework's own form."""
    for operations in document["paths"].values():
        for operation in operations.values():
            answers = operation["responses"]
            answers.pop("422", None)
            for statuses, about in _PROBLEMS.items():
                content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
                answers[statuses] = {"description": about, "content": content}
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)


def with_cors(app: App, settings: ServerSettings) -> App:
    """Let browsers of the allowed origins in; without any, nothing is added."""
    if not settings.cors_origins and not settings.debug:
        return app
    return CORSMiddleware(
        app,
        allow_origins=settings.cors_origins,
        allow_origin_regex=LOCALHOST_ORIGIN if settings.debug else None,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=_TOLD,
    )
