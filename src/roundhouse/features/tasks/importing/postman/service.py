"""Capabilities as a Postman collection."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from roundhouse.core.types import Caller
from roundhouse.features.tasks.model import Capability, Registry

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"


class CollectionService:
    """Writes collections.

    Args:
        registry: Knows capabilities.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def export(self, caller: Caller, prefix: str = "") -> dict[str, Any]:
        """What the caller may run, a folder for each module and a request for each example."""
        found = [one for one in await self._registry.visible(caller) if one.name.startswith(prefix)]
        return collection(found)


def collection(capabilities: Sequence[Capability]) -> dict[str, Any]:
    """Capabilities as a collection; the address and the key are variables of it."""
    folders: dict[str, list[dict[str, Any]]] = {}
    for one in capabilities:
        folders.setdefault(one.name.rpartition(".")[0], []).extend(_requests(one))
    return {
        "info": {"name": "Roundhouse", "schema": SCHEMA},
        "variable": [
            {"key": "base_url", "value": "http://localhost:8000"},
            {"key": "api_key", "value": ""},
        ],
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{api_key}}", "type": "string"}]},
        "item": [{"name": name or "capabilities", "item": items} for name, items in folders.items()],
    }


def _requests(one: Capability) -> list[dict[str, Any]]:
    if not one.examples:
        return [_request(one, one.name, {})]
    return [_request(one, f"{one.name}: {example.name}", example.input) for example in one.examples]


def _request(one: Capability, name: str, given: Any) -> dict[str, Any]:
    return {
        "name": name,
        "request": {
            "method": "POST",
            "header": [{"key": "Content-Type", "value": "application/json"}],
            "url": {
                "raw": f"{{{{base_url}}}}/v1/run/{one.name}",
                "host": ["{{base_url}}"],
                "path": ["v1", "run", one.name],
            },
            "description": "\n\n".join(text for text in (one.title, one.description) if text),
            "body": {
                "mode": "raw",
                "raw": json.dumps(given, ensure_ascii=False, indent=2),
                "options": {"raw": {"language": "json"}},
            },
        },
        "response": [],
    }
