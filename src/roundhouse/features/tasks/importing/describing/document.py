"""Documents of tenants, kept until something is registered, changed or removed."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import msgspec

from roundhouse.core.types import Caller
from roundhouse.features.tasks.importing.describing.paths import described
from roundhouse.features.tasks.importing.gateway.table import ServedTable
from roundhouse.features.tasks.model import Registry

NOBODY = Caller(key_id="nobody", site_id="")
"""Who sees what is public, and no more."""

_MOST_KEPT = 32


class Document(msgspec.Struct, frozen=True):
    """A document, ready to be sent.

    Attributes:
        body: JSON.
        etag: Another one where anything is other.
    """

    body: bytes
    etag: str


class TenantDocuments:
    """OpenAPI documents.

    Args:
        base: What everybody can ask, the same for all.
        registry: Knows capabilities.
        served: Paths of registrations.
    """

    def __init__(self, base: Callable[[], dict[str, Any]], registry: Registry, served: ServedTable) -> None:
        self._base = base
        self._registry = registry
        self._served = served
        self._kept: OrderedDict[str, tuple[tuple[int, int], Document]] = OrderedDict()

    async def document(self, caller: Caller | None) -> Document:
        """The document of the caller's tenant; None = somebody of whom nothing is known."""
        who = caller if caller is not None and caller.may("tasks") else NOBODY
        revision = (self._registry.revision, self._served.revision)
        known = self._kept.get(who.site_id)
        if known is not None and known[0] == revision:
            self._kept.move_to_end(who.site_id)
            return known[1]
        paths, schemas = described(await self._registry.visible(who), self._served.of_site(who.site_id))
        base = self._base()
        made = await asyncio.to_thread(_written, base, paths, schemas)
        self._kept[who.site_id] = (revision, made)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return made


def _written(base: dict[str, Any], paths: dict[str, Any], schemas: dict[str, Any]) -> Document:
    components = base.get("components", {})
    document = {
        **base,
        "paths": {**paths, **base["paths"]},
        "components": {**components, "schemas": {**components.get("schemas", {}), **schemas}},
    }
    body = msgspec.json.encode(document)
    return Document(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
