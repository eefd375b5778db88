"""Write the pages that are made from the code: `make docs`. A test compares them with what is in the repository."""

from __future__ import annotations

import inspect
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute

from roundhouse.app import create_app
from roundhouse.core import errors_reference, settings_reference
from roundhouse.core.events import reference as events_reference
from roundhouse.core.settings import Settings
from roundhouse.features.access import routes as access_routes
from roundhouse.features.access.plans import routes as plan_routes
from roundhouse.features.audio import routes as audio_routes
from roundhouse.features.chat import routes as chat_routes
from roundhouse.features.chat.generating.outer import outer_routes
from roundhouse.features.chat.generating.routes import router as generation_routes
from roundhouse.features.chat.transfer import routes as transfer_routes
from roundhouse.features.gateway import routes as gateway_routes
from roundhouse.features.knowledge.answering import routes as answer_routes
from roundhouse.features.knowledge.files import routes as knowledge_routes
from roundhouse.features.knowledge.indexing.routes import index_routes
from roundhouse.features.knowledge.searching.routes import search_routes
from roundhouse.features.knowledge.showing.routes import page_routes
from roundhouse.features.knowledge.stores import routes as store_routes
from roundhouse.features.ops import routes as ops_routes
from roundhouse.features.tasks.capabilities import routes as capability_routes
from roundhouse.features.tasks.flows import routes as flow_routes
from roundhouse.features.tasks.human import routes as human_routes
from roundhouse.features.tasks.importing import routes as import_routes
from roundhouse.features.tasks.importing.gateway import routes as registration_routes
from roundhouse.features.tasks.mcp import routes as mcp_routes
from roundhouse.features.tasks.running import routes as task_routes
from roundhouse.features.webhooks import routes as webhook_routes
from roundhouse.infra.telemetry import metrics_reference

ROOT = Path(__file__).resolve().parent.parent
Document = dict[str, Any]

_HEAD = """# Routes

Made by `make docs` from the OpenAPI document; do not edit. The document itself is [openapi.json](openapi.json); a
running server gives its own at `/openapi.json`, and shows it at `/docs`, where every shape can be read and tried.

Every path under `/v1` is served under `/api/v1` as well. *Scope* is what the key must hold (`admin` holds all);
*any key* means that a good key is enough, *none* that no key is asked for. Errors: [errors.md](errors.md).
"""

_TITLES = {
    "inference": "Inference",
    "models": "Models",
    "providers": "Providers",
    "aliases": "Aliases",
    "keys": "Keys",
    "usage": "Usage and quotas",
    "audit": "Audit log",
    "jobs": "Jobs",
    "events": "Events",
    "webhooks": "Webhooks",
    "files": "Files",
    "vector stores": "Vector stores",
    "sessions": "Sessions",
    "messages": "Messages",
    "generations": "Answers",
    "memories": "Memories",
    "recordings": "Recordings",
    "templates": "Templates",
    "capabilities": "Capabilities",
    "tasks": "Tasks",
    "flows": "Flows",
    "human": "Questions to people",
    "gateway": "Registered modules",
    "mcp": "MCP",
    "quotas": "Quota plans",
    "ops": "Operations",
}


def document() -> Document:
    """The OpenAPI document of an application with default settings."""
    with tempfile.TemporaryDirectory() as folder:
        # Made of arguments alone: a developer's environment and files must not show.
        settings = Settings.model_construct(data_dir=Path(folder), **_defaults())
        return create_app(settings).rooms.openapi()


def _defaults() -> dict[str, Any]:
    fields = Settings.model_fields
    return {name: field.get_default() for name, field in fields.items() if name != "data_dir"}


def scopes() -> dict[tuple[str, str], str]:
    """What each route of the framework asks for, by method and path; the inference routes are not among them."""
    nothing: Any = None
    routers = (
        gateway_routes.router(nothing, nothing, nothing),
        access_routes.router(nothing, nothing),
        plan_routes.router(nothing),
        knowledge_routes.router(nothing, nothing),
        store_routes.router(nothing, nothing, nothing),
        search_routes(nothing, nothing),
        index_routes(nothing),
        answer_routes.router(nothing),
        page_routes(nothing),
        chat_routes.router(nothing, nothing, nothing, nothing, nothing),
        transfer_routes.router(nothing, 1.0),
        generation_routes(nothing, nothing),
        outer_routes(nothing, nothing),
        audio_routes.router(nothing, nothing, nothing, 1.0),
        capability_routes.capability_routes(nothing, nothing),
        mcp_routes.router(nothing, nothing),
        capability_routes.run_routes(nothing, nothing),
        import_routes.router(nothing, nothing, nothing),
        registration_routes.router(nothing, nothing),
        task_routes.router(nothing, nothing, nothing),
        flow_routes.router(nothing),
        human_routes.router(nothing),
        ops_routes.router(nothing, nothing, nothing, nothing, nothing, nothing),
        webhook_routes.router(nothing, nothing, nothing, nothing),
    )
    return {
        (method, route.path_format): _scope_of(route)
        for router in routers
        for route in _flat(router)
        for method in route.methods or ()
    }


def _flat(router: APIRouter) -> Iterator[APIRoute]:
    """The routes of a router and of those that it includes."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from _flat(route.original_router)


def _scope_of(route: APIRoute) -> str:
    for dependency in route.dependant.dependencies:
        # `require(…)` of infra/auth.py keeps its scopes in a closure.
        found = (
            inspect.getclosurevars(dependency.call).nonlocals if inspect.isfunction(dependency.call) else {}
        )
        if "scopes" in found:
            return ", ".join(f"`{scope}`" for scope in found["scopes"]) or "any key"
    return "none"


def routes_page(api: Document) -> str:
    """The text of `docs/reference/api.md`."""
    by_tag: dict[str, list[str]] = {tag: [] for tag in _TITLES}
    known = scopes()
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            (tag,) = operation["tags"]
            scope = "`inference`" if tag == "inference" else known[method.upper(), path]
            row = (f"`{method.upper()} {path}`", scope, _takes(operation), _meaning(operation))
            by_tag[tag].append(f"| {' | '.join(row)} |")
    by_tag["ops"] += [
        "| `GET /docs` | none |  | This API's own page, without any other server. |",
        "| `GET /openapi.json` | none |  | The OpenAPI document. |",
        "| `GET /asyncapi.json` | none |  | The AsyncAPI document of all events. |",
    ]
    lines = [_HEAD.rstrip()]
    for tag, title in _TITLES.items():
        lines += [
            "",
            f"## {title}",
            "",
            "| route | scope | takes | what it does |",
            "|---|---|---|---|",
            *by_tag[tag],
        ]
    return "\n".join(lines) + "\n"


def _takes(operation: Document) -> str:
    """Names of the query, then the shape of the body."""
    query = [f"`{one['name']}`" for one in operation.get("parameters", ()) if one["in"] == "query"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return ", ".join([*query, *(f"`{name}`" for name in _names(body))])


def _names(schema: Document) -> Iterator[str]:
    if "$ref" in schema:
        yield schema["$ref"].rpartition("/")[2]
    for one in schema.get("anyOf", ()):
        yield from _names(one)


def _meaning(operation: Document) -> str:
    if operation["tags"] == ["inference"]:
        return f"{operation['summary']}."
    return " ".join(operation["description"].split())


def openapi_page(api: Document) -> str:
    """The text of `docs/reference/openapi.json`; without the version, which changes with every release."""
    return json.dumps(api | {"info": api["info"] | {"version": "0"}}, indent=1, ensure_ascii=False) + "\n"


def pages() -> dict[str, Callable[[], str]]:
    """Every page that is made, by its path from the root of the repository."""
    api = document()
    return {
        ".env.template": settings_reference.env_template,
        "docs/reference/settings.md": settings_reference.markdown,
        "docs/reference/errors.md": errors_reference.markdown,
        "docs/reference/metrics.md": metrics_reference.markdown,
        "docs/reference/events.md": events_reference.markdown,
        "docs/reference/api.md": lambda: routes_page(api),
        "docs/reference/openapi.json": lambda: openapi_page(api),
    }


def main() -> None:
    """Write what has changed and say so."""
    for path, make in pages().items():
        text, file = make(), ROOT / path
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, encoding="utf-8", newline="\n")
            sys.stdout.write(f"wrote {path}\n")


if __name__ == "__main__":
    main()
