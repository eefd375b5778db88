"""The scan itself: a folder in, an application with its capabilities and what wraps it out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from roundhouse.core.errors import BadInput
from roundhouse.core.settings import ServerSettings
from roundhouse.features.tasks.importing.naming import module_part
from roundhouse.features.tasks.importing.openapi.proposing import Wanted, propose
from roundhouse.features.tasks.importing.proposed import Proposal
from roundhouse.features.tasks.importing.scanning.fastapi_apps import FastApiScan
from roundhouse.features.tasks.importing.scanning.flask_apps import FlaskScan
from roundhouse.features.tasks.importing.scanning.found import Application
from roundhouse.features.tasks.importing.scanning.requirements import requirements
from roundhouse.features.tasks.importing.scanning.sources import read_sources
from roundhouse.features.tasks.importing.scanning.types import Types
from roundhouse.features.tasks.importing.scanning.wrapping import DEFAULT_PORT, places, wrapping

_PORTS = {"fastapi": DEFAULT_PORT, "flask": 5000}


class Scan(msgspec.Struct, frozen=True):
    """What a folder holds.

    Attributes:
        name: Of the module.
        base_url: Where it will answer.
        application: The main one.
        others: Other applications of the folder, as `module:variable`.
        proposal: Capabilities.
        files: File name -> text of what wraps it.
        warnings: What could not be read, or was left out.
    """

    name: str
    base_url: str
    application: Application
    others: tuple[str, ...]
    proposal: Proposal
    files: dict[str, str]
    warnings: tuple[str, ...]


def scan(
    folder: Path, *, name: str = "", base_url: str = "", target: str = "", out: Path | None = None
) -> Scan:
    """Read a folder; nothing of it is executed or imported.

    Args:
        folder: Folder, or one file.
        name: Of the module; empty = of its title, or of the folder.
        base_url: Where it will answer; empty = this machine, at the port that its own start names.
        target: Which application, `module:variable`; empty = the one with the most routes.
        out: Where the files that wrap it will lie; None = beside it.

    Raises:
        BadInput: There is no FastAPI and no Flask application in it.
    """
    sources = read_sources(folder)
    types = Types(sources)
    found = FastApiScan(sources, types).applications() + FlaskScan(sources).applications()
    if not found:
        raise BadInput(f"There is no FastAPI and no Flask application in {folder}.")
    main = _main(found, target)
    called = module_part(name or main.title or folder.resolve().stem) or "module"
    url = base_url.rstrip("/") or f"http://127.0.0.1:{main.port or _PORTS[main.framework]}"
    document = openapi_document(main, types.components, called, url)
    proposal = propose(document, Wanted(prefix=called, base_url=url))
    needs = requirements(folder, sources, main)
    skipped = (f"{one.operation}: {one.reason}" for one in proposal.skipped)
    warnings = (*sources.warnings, *skipped, *_clash(url))
    others = tuple(one.target for one in found if one is not main)
    code = folder if folder.is_dir() else folder.parent
    files = wrapping(called, main, proposal, document, needs, url, places(code, out or code))
    return Scan(called, url, main, others, proposal, files, warnings)


def _clash(url: str) -> list[str]:
    ours = ServerSettings.model_fields["port"].default
    if url not in (f"http://127.0.0.1:{ours}", f"http://localhost:{ours}"):
        return []
    return [f"port {ours} of this machine is Roundhouse's own by default; --base-url names another one."]


def _main(found: list[Application], target: str) -> Application:
    if target:
        named = [one for one in found if one.target == target]
        if not named:
            raise BadInput(
                f"There is no application {target}; there are {', '.join(one.target for one in found)}."
            )
        return named[0]
    return max(found, key=lambda one: len(one.routes))


def openapi_document(
    main: Application, components: dict[str, Any], name: str, base_url: str
) -> dict[str, Any]:
    """The OpenAPI document of an application."""
    paths: dict[str, Any] = {}
    for route in main.routes:
        paths.setdefault(route.path, {}).setdefault(route.method, route.operation)
    info = {"title": main.title or name, "version": main.version}
    if main.description:
        info["description"] = main.description
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": info,
        "servers": [{"url": base_url}],
        "paths": paths,
    }
    used = _used(paths, components)
    if used:
        document["components"] = {"schemas": {one: components[one] for one in sorted(used)}}
    return document


def _used(paths: dict[str, Any], components: dict[str, Any]) -> set[str]:
    """Names of the components that the paths need, also by one another."""
    found: set[str] = set()
    waiting: list[Any] = [paths]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            name = str(one.get("$ref", "")).removeprefix("#/components/schemas/")
            if name in components and name not in found:
                found.add(name)
                waiting.append(components[name])
            waiting += one.values()
    return found
