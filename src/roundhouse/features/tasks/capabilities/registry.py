"""Which capabilities there are, in memory: read again when the configuration's revision says that something moved."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from roundhouse.core.errors import NotFound
from roundhouse.core.types import Caller
from roundhouse.features.tasks.capabilities import store
from roundhouse.features.tasks.capabilities.names import tool_name
from roundhouse.features.tasks.capabilities.rows import VERSIONED
from roundhouse.features.tasks.model import Capability
from roundhouse.infra.db import Database

_PUBLIC = ""


class CapabilityRegistry:
    """`features.tasks.model.Registry`.

    Args:
        db: The database.
        own: The house's own capabilities.
    """

    def __init__(self, db: Database, own: Sequence[Capability]) -> None:
        self._db = db
        self._own = {one.name: one for one in own}
        self._kept: dict[str, store.Kept] = {}
        self._by_site: dict[str, dict[str, store.Kept]] = {}
        self._public: dict[str, store.Kept] = {}
        self._revision = 0
        self._read = False
        self._reading = asyncio.Lock()

    @property
    def revision(self) -> int:
        """Rises in every process with every change of any capability."""
        return self._revision

    async def refresh(self) -> None:
        """Read what changed; called at the start and at every change of the configuration.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        async with self._reading:
            async with self._db.read() as tx:
                now = await store.changes(tx)
                moved = [
                    id
                    for id, change in now.items()
                    if id not in self._kept or self._kept[id].change != change
                ]
                fresh = await store.some(tx, moved)
            gone = self._kept.keys() - now.keys()
            if not fresh and not gone and self._read:
                return
            kept = {id: one for id, one in self._kept.items() if id not in gone}
            kept |= {one.capability.id: one for one in fresh}
            self._sort(kept)
            self._read = True
            self._revision += 1

    async def find(self, caller: Caller, name: str, version: int | None = None) -> Capability:
        """An enabled capability that the caller's tenant sees; see `features.tasks.model.Registry`."""
        one = self.look_up(caller, name)
        if one is None:
            # Another process may have registered it in this very moment.
            await self.refresh()
            one = self.look_up(caller, name)
        if one is None or not one.enabled:
            raise NotFound(f"There is no capability {name!r}.", param="capability")
        return one if version is None else await self.as_of(one, version)

    async def visible(self, caller: Caller) -> list[Capability]:
        """The newest versions of all enabled capabilities that the caller's tenant sees, by name."""
        return [one for one in self.every(caller) if one.enabled]

    async def by_tool(self, caller: Caller, tool: str) -> Capability:
        """The enabled capability that goes by a tool's name; raises NotFound."""
        for one in self.every(caller):
            if one.enabled and tool_name(one.name) == tool:
                return one
        raise NotFound(f"There is no tool {tool!r}.", param="name")

    def every(self, caller: Caller) -> list[Capability]:
        """The newest versions of all capabilities that the caller's tenant sees, by name; its own also disabled."""
        found = dict(self._own)
        found |= {name: one.capability for name, one in self._public.items() if one.capability.enabled}
        found |= {name: one.capability for name, one in self._by_site.get(caller.site_id, {}).items()}
        return [found[name] for name in sorted(found)]

    def look_up(self, caller: Caller, name: str) -> Capability | None:
        """A capability that the caller's tenant sees, also a disabled one; its own comes before a public one."""
        kept = self._by_site.get(caller.site_id, {}).get(name) or self._public.get(name)
        return self._own.get(name) if kept is None else kept.capability

    def sealed(self, capability: Capability) -> bytes | None:
        """The secret headers of a capability, encrypted."""
        kept = self._kept.get(capability.id)
        return None if kept is None else kept.sealed

    async def as_of(self, capability: Capability, version: int) -> Capability:
        """A capability as one of its versions says; raises NotFound."""
        if version == capability.version:
            return capability
        if capability.site_id is not None:
            async with self._db.read() as tx:
                found = await store.version(tx, capability.id, version)
            if found is not None:
                values = {name: getattr(found, name) for name in VERSIONED}
                return msgspec.structs.replace(capability, version=version, **values)
        raise NotFound(f"The capability {capability.name!r} has no version {version}.", param="version")

    def _sort(self, kept: dict[str, store.Kept]) -> None:
        by_site: dict[str, dict[str, store.Kept]] = defaultdict(dict)
        for one in kept.values():
            by_site[one.capability.site_id or _PUBLIC][one.capability.name] = one
        self._kept, self._by_site = kept, dict(by_site)
        self._public = _first_by_name(one for one in kept.values() if one.capability.visibility == "public")


def _first_by_name(several: Iterable[store.Kept]) -> dict[str, store.Kept]:
    """Of public capabilities with one name the first that was registered: a later one cannot take its place."""
    found: dict[str, store.Kept] = {}
    for one in sorted(several, key=lambda kept: (kept.capability.created_at_s, kept.capability.id)):
        found.setdefault(one.capability.name, one)
    return found
