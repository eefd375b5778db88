"""The verbs of imports: compare what a source proposes with what is registered, and take it over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from roundhouse.core.errors import BadInput, Conflict, NotFound
from roundhouse.core.ids import new_id
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.tasks.capabilities import store as registered
from roundhouse.features.tasks.capabilities.schemas import CapabilityRead
from roundhouse.features.tasks.capabilities.service import CapabilityService
from roundhouse.features.tasks.importing import store
from roundhouse.features.tasks.importing.diffing import Difference, changes_of, compare
from roundhouse.features.tasks.importing.fetching import Fetcher
from roundhouse.features.tasks.importing.given import without_headers
from roundhouse.features.tasks.importing.model import Drift, Source
from roundhouse.features.tasks.importing.openapi.addresses import origin as address_of
from roundhouse.features.tasks.importing.openapi.proposing import Wanted, propose
from roundhouse.features.tasks.importing.postman.reading import propose_collection
from roundhouse.features.tasks.importing.proposed import Proposal, Proposed
from roundhouse.features.tasks.importing.schemas import (
    ChangeRead,
    DriftRead,
    ImportRead,
    OpenApiImport,
    PostmanImport,
    SourceDeleted,
    SourceList,
    read_drift,
    read_import,
    read_source,
)
from roundhouse.features.tasks.importing.usable import usable
from roundhouse.features.tasks.model import Capability, NewCapability
from roundhouse.infra import audit
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.paging import decode_cursor, encode_cursor

_KEPT_AS_THEY_ARE = ("labels", "timeout_s", "visibility", "expose_mcp", "enabled", "kept", "cost_units")


class Order(msgspec.Struct, frozen=True):
    """What is to be taken over.

    Attributes:
        source: Where it comes from; its id is a new one.
        proposal: What it proposes.
        headers: Secret headers; None = those that are there stay.
    """

    source: Source
    proposal: Proposal
    headers: dict[str, str] | None = None


class ImportService:
    """Imports of tenants.

    Args:
        db: The database.
        capabilities: Registers what is taken over.
        fetcher: Fetches descriptions.
        clock: Time.
    """

    def __init__(self, db: Database, capabilities: CapabilityService, fetcher: Fetcher, clock: Clock) -> None:
        self._db = db
        self._capabilities = capabilities
        self._fetcher = fetcher
        self._clock = clock

    async def openapi(self, caller: Caller, asked: OpenApiImport) -> ImportRead:
        """Import an OpenAPI document, or tell what that would change.

        Raises:
            AddressRefused: The URL may not be dialled.
            BadInput: There is no document behind it, or it names no server.
            RemoteReference: It refers to another document.
            Unprocessable: It is no document that is read.
            Conflict: A name is taken by what came from elsewhere.
        """
        trusted = caller.may("admin")
        url, wanted = (
            asked.url or "",
            Wanted(asked.base_url or "", asked.prefix, tuple(asked.include), asked.url or ""),
        )
        document: bytes | dict[str, Any] = asked.document or {}
        if url:
            same = not asked.base_url or address_of(asked.base_url) == address_of(url)
            # The module's secrets go to the module only.
            document = await self._fetcher.fetch(url, asked.headers if same else None, trusted=trusted)
        proposal = await asyncio.to_thread(_proposed, document, wanted)
        if trusted and url and not asked.base_url:
            refuse_elsewhere(proposal, url)
        # Of one document several parts can be imported, under prefixes of their own.
        ref = (
            f"{url}#{asked.prefix}"
            if url and asked.prefix
            else url or f"document:{_prefix_of(proposal, asked.prefix)}"
        )
        source = self._source(caller, "openapi", ref, asked.base_url or "", asked.prefix, asked.include)
        source = msgspec.structs.replace(
            source, url=url, title=proposal.title, source_version=proposal.version
        )
        return await self.take(caller, Order(source, proposal, asked.headers), apply=asked.apply)

    async def postman(self, caller: Caller, asked: PostmanImport) -> ImportRead:
        """Import a Postman collection, or tell what that would change; raises what `openapi` raises."""
        wanted = Wanted(asked.base_url or "", asked.prefix, tuple(asked.include))
        proposal = usable(await asyncio.to_thread(propose_collection, asked.collection, wanted))
        ref = f"collection:{_prefix_of(proposal, asked.prefix)}"
        source = self._source(caller, "postman", ref, asked.base_url or "", asked.prefix, asked.include)
        source = msgspec.structs.replace(source, title=proposal.title, source_version=proposal.version)
        return await self.take(caller, Order(source, proposal, asked.headers), apply=asked.apply)

    async def take(self, caller: Caller, order: Order, *, apply: bool) -> ImportRead:
        """Compare, and take over where that is wanted; raises Conflict for a name that is taken."""
        order = await self._fitted(caller, order)
        if not apply:
            async with self._db.read() as tx:
                found, conflicts = await self._compare(tx, caller, order)
                known = await store.find_source(tx, caller.site_id, order.source.origin, order.source.ref)
            return read_import(order.proposal, found, conflicts, known.id if known else None, applied=False)
        async with self._db.begin() as tx:
            source, found = await self.take_in(tx, caller, order)
        await self._capabilities.published()
        return read_import(order.proposal, found, [], source.id, applied=True)

    async def take_in(self, tx: Tx, caller: Caller, order: Order) -> tuple[Source, Difference]:
        """Take over in a transaction; call `CapabilityService.published` behind its commit. Raises Conflict."""
        # All rows before the first event, so that two imports cannot wait for each other.
        for name in sorted(one.name for one in order.proposal.capabilities):
            await registered.find(tx, caller.site_id, name, lock=True)
        before = await self._present(tx, caller, order)
        found, conflicts = await self._compare(tx, caller, order)
        if conflicts:
            raise Conflict(
                f"Not from this source, but of the same name: {', '.join(conflicts[:10])}. Import under another "
                "`prefix`, or delete them.",
                param="prefix",
            )
        known = await store.find_source(tx, caller.site_id, order.source.origin, order.source.ref)
        source = order.source if known is None else _renewed(order.source, known)
        await store.keep_source(tx, source)
        await store.forget_drifts(tx, caller.site_id, [one.name for one in order.proposal.capabilities])
        await store.forget_drifts(tx, caller.site_id, found.removed)
        for proposed in order.proposal.capabilities:
            new = new_capability(proposed, source, before.get(proposed.name), order.headers)
            await self._capabilities.put(tx, caller, new)
        for name in found.removed:
            values = {"enabled": False, "state": "drifted"}
            await self._capabilities.mark(tx, caller, name, "disabled", values, {"reason": "gone"})
        return source, found

    async def drift(self, caller: Caller, name: str) -> DriftRead:
        """What the source of a drifted capability says now; raises NotFound."""
        async with self._db.read() as tx:
            kept = await registered.get(tx, caller, name)
            drift = await self._drift(tx, caller, name)
        return read_drift(drift, _changes(kept.capability, drift.proposed))

    async def approve(self, caller: Caller, name: str) -> CapabilityRead:
        """Take over what was found of a drifted capability, as it was found; what is gone is disabled.

        Raises:
            NotFound: There is no such capability, or it is not drifted.
            AddressRefused: It leads now where nothing may be dialled.
        """
        async with self._db.begin() as tx:
            kept = await registered.get(tx, caller, name, lock=True)
            drift = await self._drift(tx, caller, name)
            await store.forget_drifts(tx, caller.site_id, [name])
            one = kept.capability
            if drift.proposed is None:
                values = {"enabled": False, "state": "drifted"}
                await self._capabilities.mark(tx, caller, name, "disabled", values, {"reason": drift.reason})
            else:
                source = Source("", caller.site_id, one.origin, one.origin_ref)
                await self._capabilities.put(tx, caller, new_capability(drift.proposed, source, one, None))
        await self._capabilities.published()
        return self._capabilities.show(caller, name)

    async def sources(self, caller: Caller, cursor: str | None, limit: int) -> SourceList:
        """Where capabilities of the caller's tenant came from, the oldest first."""
        after = decode_cursor(cursor, str)
        async with self._db.read() as tx:
            rows = await store.list_sources(tx, caller, after, limit + 1)
        shown, more = rows[:limit], len(rows) > limit
        following = encode_cursor(shown[-1].id) if more else None
        return SourceList(data=[read_source(one) for one in shown], has_more=more, next_cursor=following)

    async def forget_source(self, caller: Caller, source_id: str) -> SourceDeleted:
        """Look at a source no more; its capabilities stay. Raises NotFound."""
        async with self._db.begin() as tx:
            source = await store.get_source(tx, caller, source_id)
            await store.delete_source(tx, source)
            await audit.append(
                tx,
                caller,
                action="capability.forget_source",
                object_id=source.id,
                detail={"origin": source.origin, "ref": source.ref},
                at_s=self._clock.now_s(),
            )
        return SourceDeleted(id=source_id)

    async def _fitted(self, caller: Caller, order: Order) -> Order:
        """The order without inputs that are sent as its headers, or as those that stay."""
        headers = order.headers
        if headers is None:
            async with self._db.read() as tx:
                kept = await registered.of_origin(tx, caller, order.source.origin, order.source.ref)
            headers = self._capabilities.headers_of(kept[0]) if kept else {}
        return msgspec.structs.replace(order, proposal=without_headers(order.proposal, headers))

    async def _compare(self, tx: Tx, caller: Caller, order: Order) -> tuple[Difference, list[str]]:
        present = await self._present(tx, caller, order)
        found = compare(present, order.proposal.capabilities)
        conflicts = [
            one.name for one in found.added if await registered.find(tx, caller.site_id, one.name) is not None
        ]
        gone = tuple(name for name in found.removed if present[name].enabled)
        return msgspec.structs.replace(found, removed=gone), conflicts

    async def _present(self, tx: Tx, caller: Caller, order: Order) -> dict[str, Capability]:
        """What came from the source before, or was registered by hand of the module for the very same operation."""
        kept = await registered.of_origin(tx, caller, order.source.origin, order.source.ref)
        present = {one.capability.name: one.capability for one in kept}
        for one in order.proposal.capabilities:
            other = None if one.name in present else await registered.find(tx, caller.site_id, one.name)
            if other is not None and is_registered_twin(other.capability, one.endpoint):
                present[one.name] = other.capability
        return present

    async def _drift(self, tx: Tx, caller: Caller, name: str) -> Drift:
        drift = await store.find_drift(tx, caller.site_id, name)
        if drift is None:
            raise NotFound(f"The capability {name!r} is not drifted.", param="name")
        return drift

    def _source(
        self, caller: Caller, origin: Any, ref: str, base_url: str, prefix: str, include: Sequence[str]
    ) -> Source:
        now_s = self._clock.now_s()
        return Source(
            id=new_id("src"),
            site_id=caller.site_id,
            origin=origin,
            ref=ref,
            base_url=base_url,
            prefix=prefix,
            include=tuple(include),
            trusted=caller.may("admin"),
            checked_at_s=now_s,
            created_at_s=now_s,
            updated_at_s=now_s,
        )


def new_capability(
    one: Proposed, source: Source, before: Capability | None, headers: dict[str, str] | None
) -> NewCapability:
    """A proposal as it is registered; what only the operator decides stays as it is."""
    kept: dict[str, Any] = {}
    if before is not None:
        kept = {name: getattr(before, name) for name in _KEPT_AS_THEY_ARE}
        # What was disabled because its source told of it no more is back.
        kept["enabled"] = before.enabled or before.state == "drifted"
    return NewCapability(
        name=one.name,
        title=one.title,
        description=one.description,
        tags=one.tags,
        input_schema=one.input_schema,
        output_schema=one.output_schema,
        examples=one.examples,
        idempotent=one.idempotent,
        transport="http",
        endpoint=one.endpoint,
        headers=headers,
        origin=source.origin,
        origin_ref=source.ref,
        digest=one.digest,
        **kept,
    )


def is_registered_twin(one: Capability, endpoint: dict[str, Any]) -> bool:
    """Whether a capability is of a registration of the gateway, and leads to the same operation."""
    same = all(one.endpoint.get(field) == endpoint.get(field) for field in ("method", "url"))
    return one.origin == "register" and same


def refuse_elsewhere(proposal: Proposal, url: str) -> None:
    """Refuse a document of one host that sends to another: an operator trusted the first one only.

    Raises:
        BadInput: Its `base_url` must be said.
    """
    for one in proposal.capabilities:
        target = str(one.endpoint.get("url", ""))
        if address_of(target) != address_of(url):
            raise BadInput(
                f"The document sends to {address_of(target)}, which is not where it lies; say its `base_url`.",
                param="base_url",
            )


def _proposed(document: bytes | dict[str, Any], wanted: Wanted) -> Proposal:
    return usable(propose(document, wanted))


def _prefix_of(proposal: Proposal, asked: str) -> str:
    first = proposal.capabilities[0].name.rpartition(".")[0] if proposal.capabilities else proposal.title
    return asked or first


def _renewed(source: Source, known: Source) -> Source:
    return msgspec.structs.replace(source, id=known.id, created_at_s=known.created_at_s)


def _changes(before: Capability, proposed: Proposed | None) -> list[ChangeRead]:
    found = [] if proposed is None else changes_of(before, proposed)
    return [ChangeRead(field=one.field, before=one.before, after=one.after) for one in found]
