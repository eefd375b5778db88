"""The verbs of capabilities: registering, changing, removing, showing, trying."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, NoReturn

import msgspec

from roundhouse.core.errors import BadInput, Conflict, NotAllowed, NotFound, Unprocessable
from roundhouse.core.ids import new_id
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.tasks.capabilities import store
from roundhouse.features.tasks.capabilities.calling import CapabilityCalling
from roundhouse.features.tasks.capabilities.names import check_name
from roundhouse.features.tasks.capabilities.registry import CapabilityRegistry
from roundhouse.features.tasks.capabilities.rows import VERSIONED
from roundhouse.features.tasks.capabilities.schemas import (
    CapabilityList,
    CapabilityRead,
    Filter,
    ToolList,
    VersionList,
)
from roundhouse.features.tasks.capabilities.secrets import Sealer, open_headers, origin_of, seal_headers
from roundhouse.features.tasks.capabilities.shapes import read_capability, read_tool, read_version
from roundhouse.features.tasks.capabilities.told import What, tell
from roundhouse.features.tasks.capabilities.validating import make_checker, measure
from roundhouse.features.tasks.model import Capability, NewCapability
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.paging import decode_cursor, encode_cursor

Reload = Callable[[], Awaitable[None]]
Outcome = Literal["registered", "changed", "same"]

_MOST_ENDPOINT_BYTES = 64 * 1024


class CapabilityService:
    """Capabilities of tenants.

    Args:
        db: The database.
        capabilities: Those there are, in memory.
        calling: Calls them, and knows what an endpoint must be.
        vault: Encrypts headers.
        clock: Time.
        reload: Brings a change into force here and now.
    """

    def __init__(
        self,
        db: Database,
        capabilities: CapabilityRegistry,
        calling: CapabilityCalling,
        vault: Sealer,
        clock: Clock,
        reload: Reload,
    ) -> None:
        self._db = db
        self._registry = capabilities
        self._calling = calling
        self._vault = vault
        self._clock = clock
        self._reload = reload

    async def register(self, caller: Caller, new: NewCapability) -> CapabilityRead:
        """Add a capability.

        Raises:
            BadInput, Unprocessable: A name, a schema, an example or the endpoint cannot be used.
            AddressRefused: Its address may not be dialled.
            NotAllowed: Only `admin` shows a capability to every tenant.
            Conflict: The name is taken.
        """
        one = self._made(caller, new)
        async with self._db.begin() as tx:
            await store.one_at_a_time(tx)
            await self._insert(tx, caller, one, new)
        await self.published()
        return self.show(caller, new.name)

    async def put(self, tx: Tx, caller: Caller, new: NewCapability) -> tuple[Capability, Outcome]:
        """Register a capability, or make the one of that name what is given; for importers.

        Call `published` behind the commit. Raises what `register` raises, but Conflict.

        Args:
            tx: A write transaction that holds no locks but those of other capabilities.
            caller: Who registers.
            new: All of it; without headers those that are there stay, where they are for the same origin.
        """
        await store.one_at_a_time(tx)
        before = await store.find(tx, caller.site_id, new.name, lock=True)
        if before is None:
            one = self._made(caller, new)
            await self._insert(tx, caller, one, new)
            return one, "registered"
        changes = {
            name: getattr(new, name) for name in new.__struct_fields__ if name not in ("name", "headers")
        }
        return await self._change(tx, caller, before, changes | {"state": "active"}, new.headers)

    async def change(
        self, caller: Caller, name: str, changes: dict[str, Any], headers: dict[str, str] | None
    ) -> CapabilityRead:
        """Change a capability of the caller's own tenant.

        Args:
            caller: Who changes.
            name: Of it.
            changes: New values of fields of `Capability`.
            headers: New secret headers; None = as they are.

        Raises:
            NotFound: There is none.
            Conflict: It is to be enabled, and was switched off because its tool has changed.
            BadInput, Unprocessable, AddressRefused, NotAllowed: See `register`.
        """
        self._refuse_own(name)
        async with self._db.begin() as tx:
            await store.one_at_a_time(tx)
            before = await store.get(tx, caller, name, lock=True)
            one = before.capability
            # A tool is what its digest says, or off; what is imported otherwise stays as it was approved.
            if changes.get("enabled") and (one.transport, one.state, one.enabled) == (
                "mcp",
                "drifted",
                False,
            ):
                raise Conflict(
                    f"The tool behind {name!r} is another one now: import it again, with its new digest.",
                    param="enabled",
                )
            await self._change(tx, caller, before, changes, headers)
        await self.published()
        return self.show(caller, name)

    async def mark(
        self,
        tx: Tx,
        caller: Caller,
        name: str,
        what: What,
        values: dict[str, Any],
        more: dict[str, Any] | None = None,
    ) -> Capability:
        """Change fields that make no version (`state`, `enabled`, `digest`, …) as an importer finds; see `put`.

        Args:
            tx: As for `put`.
            caller: In whose name.
            name: Of a capability of the caller's tenant.
            what: What is told to have happened.
            values: Fields of `Capability`.
            more: What else is told.
        """
        await store.one_at_a_time(tx)
        before = await store.get(tx, caller, name, lock=True)
        now_s = self._clock.now_s()
        one = msgspec.structs.replace(before.capability, **values, updated_at_s=now_s)
        await store.update(tx, before, store.Kept(one, before.change, before.sealed))
        await tell(tx, caller, what, one, now_s, more)
        return one

    async def remove(self, caller: Caller, name: str) -> None:
        """Forget a capability with all its versions; raises NotFound."""
        self._refuse_own(name)
        async with self._db.begin() as tx:
            await store.one_at_a_time(tx)
            kept = await store.get(tx, caller, name, lock=True)
            await store.delete(tx, kept.capability.id)
            await tell(tx, caller, "removed", kept.capability, self._clock.now_s())
        await self.published()

    async def published(self) -> None:
        """Bring what was committed into force in this process; others see it by themselves within half a second."""
        await self._reload()

    def page(self, caller: Caller, wanted: Filter, cursor: str | None, limit: int) -> CapabilityList:
        """Capabilities that the caller's tenant sees, by name."""
        shown, cursor = self._page(caller, wanted, cursor, limit)
        data = [self._read(caller, one) for one in shown]
        return CapabilityList(data=data, has_more=cursor is not None, next_cursor=cursor)

    def tools(self, caller: Caller, wanted: Filter, cursor: str | None, limit: int) -> ToolList:
        """The same as tools of OpenAI's chat completions; only what is enabled and takes an object."""
        shown, cursor = self._page(caller, msgspec.structs.replace(wanted, enabled=True), cursor, limit)
        data = [tool for one in shown if (tool := read_tool(one)) is not None]
        return ToolList(data=data, has_more=cursor is not None, next_cursor=cursor)

    def show(self, caller: Caller, name: str) -> CapabilityRead:
        """One capability; raises NotFound."""
        return self._read(caller, self.seen(caller, name))

    async def show_version(self, caller: Caller, name: str, version: int) -> CapabilityRead:
        """One capability as a version of it says; raises NotFound."""
        return self._read(caller, await self._registry.as_of(self.seen(caller, name), version))

    async def versions(self, caller: Caller, name: str, cursor: str | None, limit: int) -> VersionList:
        """Versions of a capability of the caller's own tenant, the newest first; raises NotFound."""
        before = decode_cursor(cursor, int)
        async with self._db.read() as tx:
            kept = await store.get(tx, caller, name)
            rows = await store.versions(tx, kept.capability.id, before, limit + 1)
        shown, more = rows[:limit], len(rows) > limit
        return VersionList(
            data=[read_version(one) for one in shown],
            has_more=more,
            next_cursor=encode_cursor(shown[-1].version) if more else None,
        )

    def seen(self, caller: Caller, name: str) -> Capability:
        """A capability that the caller's tenant sees, of its own also a disabled one; raises NotFound."""
        one = self._registry.look_up(caller, name)
        if one is None or (not one.enabled and one.site_id != caller.site_id):
            raise NotFound(f"There is no capability {name!r}.", param="name")
        return one

    def _page(
        self, caller: Caller, wanted: Filter, cursor: str | None, limit: int
    ) -> tuple[list[Capability], str | None]:
        after = decode_cursor(cursor, str) or ""
        found = [one for one in self._registry.every(caller) if one.name > after and wanted.passes(one)]
        shown = found[:limit]
        return shown, encode_cursor(shown[-1].name) if len(found) > limit else None

    def _read(self, caller: Caller, one: Capability) -> CapabilityRead:
        own = one.site_id == caller.site_id
        return read_capability(one, self._calling.header_names(one) if own else [], own=own)

    @staticmethod
    def _refuse_own(name: str) -> None:
        if name.startswith("builtin."):
            raise BadInput("The house's own capabilities cannot be changed.", param="name")

    def _made(self, caller: Caller, new: NewCapability) -> Capability:
        now_s = self._clock.now_s()
        fields = {name: getattr(new, name) for name in new.__struct_fields__ if name != "headers"}
        one = Capability(
            id=new_id("cap"),
            site_id=caller.site_id,
            version=1,
            trusted=caller.may("admin"),
            created_at_s=now_s,
            updated_at_s=now_s,
            **fields,
        )
        check_name(one.name)
        self._check(caller, None, one)
        return one

    async def _insert(self, tx: Tx, caller: Caller, one: Capability, new: NewCapability) -> None:
        sealed = seal_headers(self._vault, new.headers or {}, one.endpoint)
        await store.insert(tx, store.Kept(one, 1, sealed))
        more = {"transport": one.transport, "origin": one.origin}
        await tell(tx, caller, "registered", one, one.created_at_s, more)

    async def _change(
        self,
        tx: Tx,
        caller: Caller,
        before: store.Kept,
        changes: dict[str, Any],
        headers: dict[str, str] | None,
    ) -> tuple[Capability, Outcome]:
        old = before.capability
        one = msgspec.structs.replace(old, **changes)
        # Whoever names an address answers for it; one that stays as it is stays as trusted as it was.
        if one.endpoint != old.endpoint or ("endpoint" in changes and caller.may("admin")):
            one = msgspec.structs.replace(one, trusted=caller.may("admin"))
        self._check(caller, old, one)
        changed = [name for name in one.__struct_fields__ if getattr(one, name) != getattr(old, name)]
        if any(name in VERSIONED and name != "digest" for name in changed):
            one = msgspec.structs.replace(one, version=old.version + 1)
        sealed = before.sealed
        if headers is not None:
            changed.append("headers")
            sealed = seal_headers(self._vault, headers, one.endpoint)
        elif origin_of(one.endpoint) != origin_of(old.endpoint):
            # Secrets for one host are not sent to another because somebody changed an address.
            sealed = None
        if not changed:
            return old, "same"
        now_s = self._clock.now_s()
        one = msgspec.structs.replace(one, updated_at_s=now_s)
        await store.update(tx, before, store.Kept(one, before.change, sealed))
        what: What = "disabled" if old.enabled and not one.enabled else "changed"
        await tell(tx, caller, what, one, now_s, {"changed": sorted(changed)})
        return one, "changed"

    def _check(self, caller: Caller, old: Capability | None, one: Capability) -> None:
        """Refuse what no call could use; of a change only what changes."""
        if one.visibility == "public" and not caller.may("admin"):
            raise NotAllowed("Only the scope `admin` shows a capability to every tenant.")
        if old is None or (one.transport, one.endpoint, one.trusted) != (
            old.transport,
            old.endpoint,
            old.trusted,
        ):
            measure(one.endpoint, _refuse_endpoint, _MOST_ENDPOINT_BYTES)
            self._calling.check_endpoint(one.transport, one.endpoint, trusted=one.trusted)
        if old is None or one.output_schema != old.output_schema:
            make_checker({} if one.output_schema is None else one.output_schema, "output_schema")
        if old is None or (one.input_schema, one.examples) != (old.input_schema, old.examples):
            checker = make_checker(one.input_schema, "input_schema")
            for example in one.examples:
                fault = checker.first_fault(example.input, measure(example.input, _refuse_example))
                if fault is not None:
                    raise Unprocessable(
                        f"The example {example.name!r} is not valid: {fault[1]}", param="examples"
                    )

    def headers_of(self, kept: store.Kept) -> dict[str, str]:
        """The secret headers of a capability, for what goes to the same place, e.g. to look whether it changed."""
        return open_headers(self._vault, kept.sealed, kept.capability.endpoint)


def _refuse_endpoint(words: str) -> NoReturn:
    raise BadInput(f"The endpoint {words}.", param="endpoint")


def _refuse_example(words: str) -> NoReturn:
    raise Unprocessable(f"An example {words}.", param="examples")
