"""The files that make a module of a folder: what it needs, how it is built and run, what it is registered by."""

from __future__ import annotations

import json
from typing import Any

from roundhouse.features.tasks.importing.proposed import Proposal
from roundhouse.features.tasks.importing.scanning.found import Application

DOCUMENT = "openapi.json"
IMPORT_BODY = "roundhouse.import.json"
REGISTER_BODY = "roundhouse.register.json"
_INDENT = 2

_DOCKERFILE = """FROM python:{python}-slim
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 HF_HOME=/models/huggingface TORCH_HOME=/models/torch
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
RUN useradd --create-home module && mkdir -p /models && chown module /models
USER module
VOLUME /models
EXPOSE {port}
CMD {command}
"""

_COMPOSE = """services:
  {name}:
    build: .
    restart: unless-stopped
    ports:
      - "127.0.0.1:{port}:{port}"
    volumes:
      # Models stay where they are when the container is built anew.
      - ./models:/models
"""


def wrapping(
    name: str,
    application: Application,
    proposal: Proposal,
    document: dict[str, Any],
    needs: list[str],
    base_url: str,
) -> dict[str, str]:
    """File name -> text of all that wraps a module.

    Args:
        name: Of the module, the prefix of its capabilities.
        application: What was found.
        proposal: Its capabilities.
        document: Its OpenAPI document.
        needs: Lines of the requirements.
        base_url: Where it will answer.
    """
    port = application.port or _port_of(base_url)
    return {
        "requirements.txt": "\n".join(needs) + "\n",
        "Dockerfile": _DOCKERFILE.format(
            python="3.12", port=port, command=json.dumps(_command(application, port))
        ),
        "compose.yaml": _COMPOSE.format(name=name.replace(".", "-"), port=port),
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
    port = base_url.rpartition(":")[2].partition("/")[0]
    return int(port) if port.isdecimal() else 8000


def _command(application: Application, port: int) -> list[str]:
    if application.framework == "fastapi":
        factory = ["--factory"] if application.factory else []
        return ["uvicorn", application.target, *factory, "--host", "0.0.0.0", "--port", str(port)]  # noqa: S104
    target = application.target + ("()" if application.factory else "")
    return ["gunicorn", "--bind", f"0.0.0.0:{port}", target]


def _json(value: Any) -> str:
    return json.dumps(value, indent=_INDENT, ensure_ascii=False) + "\n"
