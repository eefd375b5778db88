"""The files that make a module of a folder: what it needs, how it is built and run, what it is registered by."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec

from roundhouse.features.tasks.importing.proposed import Proposal
from roundhouse.features.tasks.importing.scanning.found import Application

DOCUMENT = "openapi.json"
IMPORT_BODY = "roundhouse.import.json"
REGISTER_BODY = "roundhouse.register.json"
DEFAULT_PORT = 8044
"""Where a module answers that names no port. What servers take by themselves, 8000, is Roundhouse's own."""
_INDENT = 2

_DOCKERFILE = """FROM python:{python}-slim
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 HF_HOME=/models/huggingface TORCH_HOME=/models/torch
WORKDIR /app
COPY {needs}
RUN pip install --no-cache-dir -r requirements.txt
COPY {code}
RUN useradd --create-home module && mkdir -p /models && chown module /models
USER module
VOLUME /models
EXPOSE {port}
CMD {command}
"""

_COMPOSE = """services:
  {name}:
    build: {build}
    restart: unless-stopped
    ports:
      - "127.0.0.1:{published}:{port}"
    volumes:
      # Models stay where they are when the container is built anew.
      - ./models:/models
"""


class Places(msgspec.Struct, frozen=True):
    """Where things are as a build of the image sees them.

    Attributes:
        context: Folder that is built from, seen from that of the files.
        code: Folder of the code, seen from the context.
        files: Folder of the files, seen from the context.
    """

    context: str = "."
    code: str = "."
    files: str = "."


def places(folder: Path, out: Path) -> Places:
    """Where things are when the files lie in another folder than the code: an image is built from what holds both."""
    code, files = folder.resolve(), out.resolve()
    try:
        context = os.path.commonpath([code, files])
    except ValueError:
        # Two drives: nothing holds both.
        return Places()
    return Places(
        *(
            Path(os.path.relpath(*pair)).as_posix()
            for pair in ((context, files), (code, context), (files, context))
        )
    )


def wrapping(
    name: str,
    application: Application,
    proposal: Proposal,
    document: dict[str, Any],
    needs: list[str],
    base_url: str,
    where: Places,
) -> dict[str, str]:
    """File name -> text of all that wraps a module.

    Args:
        name: Of the module, the prefix of its capabilities.
        application: What was found.
        proposal: Its capabilities.
        document: Its OpenAPI document.
        needs: Lines of the requirements.
        base_url: Where it will answer.
        where: Where the code and these files will be.
    """
    named = _port_of(base_url)
    port = application.port or named or DEFAULT_PORT
    files = "" if where.files == "." else f"{where.files}/"
    build = where.context
    if where.context != ".":
        build = (
            f"\n      context: {_quoted(where.context)}\n      dockerfile: {_quoted(f'{files}Dockerfile')}"
        )
    return {
        "requirements.txt": "\n".join(needs) + "\n",
        "Dockerfile": _DOCKERFILE.format(
            python="3.12",
            port=port,
            command=json.dumps(_command(application, port)),
            needs=_copied(f"{files}requirements.txt"),
            code=_copied(where.code),
        ),
        "compose.yaml": _COMPOSE.format(
            name=name.replace(".", "-"), port=port, published=named or port, build=build
        ),
        DOCUMENT: _json(document),
        IMPORT_BODY: _json({"document": document, "base_url": base_url, "prefix": name, "apply": True}),
        REGISTER_BODY: _json(register_body(name, proposal, base_url)),
    }


def register_body(name: str, proposal: Proposal, base_url: str) -> dict[str, Any]:
    """The body of `POST /gateway/register`."""
    routes = []
    for one in proposal.capabilities:
        method, _, path = one.operation.partition(" ")
        routes.append(
            {
                "name": one.name.removeprefix(f"{name}."),
                "method": method,
                "gateway_path": f"/{name}{path}",
                "upstream_path": path,
                "summary": one.title,
            }
        )
    return {"name": name, "base_url": base_url, "routes": routes}


def _port_of(base_url: str) -> int:
    """The port that an address names, 0 = none."""
    port = base_url.rpartition(":")[2].partition("/")[0]
    return int(port) if port.isdecimal() else 0


def _copied(source: str) -> str:
    """What stands behind COPY; paths with blanks want the form of a list."""
    return json.dumps([source, "."], ensure_ascii=False) if " " in source else f"{source} ."


def _quoted(text: str) -> str:
    # A text of JSON is one of YAML as well.
    return json.dumps(text, ensure_ascii=False)


def _command(application: Application, port: int) -> list[str]:
    if application.framework == "fastapi":
        factory = ["--factory"] if application.factory else []
        return ["uvicorn", application.target, *factory, "--host", "0.0.0.0", "--port", str(port)]  # noqa: S104 - in a container
    target = application.target + ("()" if application.factory else "")
    return ["gunicorn", "--bind", f"0.0.0.0:{port}", target]


def _json(value: Any) -> str:
    return json.dumps(value, indent=_INDENT, ensure_ascii=False) + "\n"
