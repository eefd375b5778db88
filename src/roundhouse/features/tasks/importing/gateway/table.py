"""Which paths of registrations are served, in memory."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from roundhouse.features.tasks.importing.gateway import store
from roundhouse.features.tasks.importing.gateway.model import GatewayRoute
from roundhouse.features.tasks.importing.openapi.addresses import PLACEHOLDER
from roundhouse.infra.db import Database


class Found(msgspec.Struct, frozen=True):
    """A route that a path leads to, and the parameters in the path."""

    route: GatewayRoute
    parameters: Mapping[str, str]


class ServedTable:
    """The served paths of all tenants.

    Args:
        db: The database.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._plain: dict[str, list[GatewayRoute]] = {}
        self._patterns: list[tuple[re.Pattern[str], GatewayRoute]] = []
        self._all: list[GatewayRoute] = []
        self._revision = 0

    @property
    def revision(self) -> int:
        """Rises with every change."""
        return self._revision

    async def refresh(self) -> None:
        """Read them; called at the start and at every change of the configuration.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        async with self._db.read() as tx:
            found = await store.every_route(tx)
        if found != self._all:
            self._sort(found)
            self._revision += 1

    def of_site(self, site_id: str) -> list[GatewayRoute]:
        """What is served to callers of a tenant, by path."""
        return [route for route in self._all if route.site_id == site_id]

    def serves(self, path: str) -> bool:
        """Whether a path is served to anybody."""
        return path in self._plain or any(pattern.fullmatch(path) for pattern, _ in self._patterns)

    def find(self, site_id: str, path: str) -> list[Found]:
        """Where a path leads for callers of a tenant, one for each method; those without parameters first."""
        plain = [Found(route, {}) for route in self._plain.get(path, []) if route.site_id == site_id]
        found = []
        for pattern, route in self._patterns:
            match = pattern.fullmatch(path) if route.site_id == site_id else None
            if match is not None:
                names = PLACEHOLDER.findall(route.gateway_path)
                found.append(Found(route, dict(zip(names, match.groups(), strict=True))))
        return plain + found

    def _sort(self, found: Sequence[GatewayRoute]) -> None:
        plain: dict[str, list[GatewayRoute]] = {}
        patterns = []
        for route in found:
            if "{" in route.gateway_path:
                patterns.append((_pattern(route.gateway_path), route))
            else:
                plain.setdefault(route.gateway_path, []).append(route)
        self._all, self._plain, self._patterns = list(found), plain, patterns


def _pattern(path: str) -> re.Pattern[str]:
    """A parameter is one part of a path."""
    return re.compile("([^/]+)".join(re.escape(one) for one in PLACEHOLDER.split(path)[::2]))
