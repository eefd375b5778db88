"""The verbs of registrations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from roundhouse.core.errors import BadInput, Conflict
from roundhouse.core.ids import new_id
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller, Timeouts
from roundhouse.features.tasks.capabilities import store as registered
from roundhouse.features.tasks.capabilities.service import CapabilityService
from roundhouse.features.tasks.capabilities.told import tell
from roundhouse.features.tasks.importing import store as store_of_drifts
from roundhouse.features.tasks.importing.fetching import Fetcher
from roundhouse.features.tasks.importing.gateway import store
from roundhouse.features.tasks.importing.gateway.model import Described, GatewayRoute, Registration
from roundhouse.features.tasks.importing.gateway.schemas import (
    GatewayRegister,
    GatewayRouteCreate,
    RegistrationDeleted,
    RegistrationList,
    RegistrationRead,
    read_registration,
)
from roundhouse.features.tasks.importing.given import without_headers
from roundhouse.features.tasks.importing.openapi.addresses import PLACEHOLDER, check_path, server_url
from roundhouse.features.tasks.importing.openapi.proposing import Wanted, propose
from roundhouse.features.tasks.importing.proposed import Proposed
from roundhouse.features.tasks.importing.usable import usable
from roundhouse.features.tasks.model import Capability, Example, NewCapability
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.paging import decode_cursor, encode_cursor

Shadows = Callable[[str], bool]
"""Whether a path of the gateway would lie over one of ours."""

_PATIENCE = Timeouts(connect_s=2.0, first_byte_s=4.0, idle_s=4.0, total_s=6.0)
_OPERATOR = ("labels", "timeout_s", "visibility", "expose_mcp", "enabled", "kept", "cost_units")
_BODYLESS = ("GET", "DELETE")


class RegistrationService:
    """Registrations of tenants.

    Args:
        db: The database.
        capabilities: Registers what modules can do.
        fetcher: Fetches their documents.
        shadows: Says which paths are ours.
        clock: Time.
    """

    def __init__(
        self, db: Database, capabilities: CapabilityService, fetcher: Fetcher, shadows: Shadows, clock: Clock
    ) -> None:
        self._db = db
        self._capabilities = capabilities
        self._fetcher = fetcher
        self._shadows = shadows
        self._clock = clock

    async def register(self, caller: Caller, asked: GatewayRegister) -> RegistrationRead:
        """Register a module, or register it anew; its paths are served when the answer comes.

        Raises:
            AddressRefused: Its address may not be dialled.
            BadInput, Unprocessable: Its address or a path, a schema, an example cannot be used.
            Conflict: A path is one of ours or of another registration, or a name is taken.
        """
        base_url = server_url((), "", asked.base_url)
        self._check_paths(asked)
        documented = await self._documented(caller, asked, base_url)
        made = [_made(asked, route, base_url, documented) for route in asked.routes]
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            known = await store.find(tx, caller.site_id, asked.name, lock=True)
            one = Registration(
                id=new_id("reg") if known is None else known.id,
                site_id=caller.site_id,
                name=asked.name,
                base_url=base_url,
                raw=asked.raw,
                created_at_s=now_s if known is None else known.created_at_s,
                updated_at_s=now_s,
            )
            routes = [
                _route(one, asked, route, new, how)
                for route, (new, how) in zip(asked.routes, made, strict=True)
            ]
            await self._take(tx, caller, one, [new for new, _ in made], routes, new=known is None)
        await self._capabilities.published()
        return read_registration(one, sorted(routes, key=lambda route: (route.gateway_path, route.method)))

    async def page(self, caller: Caller, cursor: str | None, limit: int) -> RegistrationList:
        """Registrations of the caller's tenant, by name."""
        after = decode_cursor(cursor, str)
        async with self._db.read() as tx:
            rows = await store.page(tx, caller, after, limit + 1)
            shown, more = rows[:limit], len(rows) > limit
            routes = await store.routes_of(tx, [one.id for one in shown])
        data = [
            read_registration(one, [it for it in routes if it.registration_id == one.id]) for one in shown
        ]
        return RegistrationList(
            data=data, has_more=more, next_cursor=encode_cursor(shown[-1].name) if more else None
        )

    async def show(self, caller: Caller, name: str) -> RegistrationRead:
        """One registration; raises NotFound."""
        async with self._db.read() as tx:
            one = await store.get(tx, caller, name)
            return read_registration(one, await store.routes_of(tx, [one.id]))

    async def remove(self, caller: Caller, name: str) -> RegistrationDeleted:
        """Serve its paths no more, and forget its capabilities; raises NotFound."""
        async with self._db.begin() as tx:
            one = await store.get(tx, caller, name, lock=True)
            present = await self._present(tx, caller, one)
            await store.delete(tx, one)
            await store_of_drifts.forget_drifts(tx, caller.site_id, list(present))
            await self._forget(tx, caller, list(present.values()))
        await self._capabilities.published()
        return RegistrationDeleted(name=name)

    def _check_paths(self, asked: GatewayRegister) -> None:
        names, paths = set[str](), set[tuple[str, str]]()
        for index, route in enumerate(asked.routes):
            path, param = _gateway_path(asked, route), f"routes.{index}.gateway_path"
            check_path(path)
            check_path(route.upstream_path)
            if PLACEHOLDER.match(path.lstrip("/")):
                raise BadInput("The first part of a path must be a word of its own.", param=param)
            if "%" in path:
                # Requests are told apart by their decoded paths: it would never be served.
                raise BadInput("A path is written without percent signs.", param=param)
            parameters = PLACEHOLDER.findall(path)
            if len(set(parameters)) < len(parameters):
                raise BadInput("A parameter stands in a path once.", param=param)
            if self._shadows(path):
                raise Conflict(f"The path {path} is one of Roundhouse's own; choose another.", param=param)
            if (route.method, path) in paths or route.name in names:
                raise BadInput("Two routes have one name, or one method and path.", param=f"routes.{index}")
            names.add(route.name)
            paths.add((route.method, path))

    async def _documented(self, caller: Caller, asked: GatewayRegister, base_url: str) -> dict[str, Proposed]:
        """What the module's own document says of its operations; nothing where it has none."""
        if all(route.input_schema is not None for route in asked.routes):
            return {}
        trusted = caller.may("admin")
        wanted = Wanted(base_url, asked.name)
        try:
            document = await self._fetcher.fetch(
                f"{base_url}/openapi.json", asked.headers, trusted=trusted, timeouts=_PATIENCE
            )
            proposal = await asyncio.to_thread(lambda: usable(propose(document, wanted)))
        except BadInput:
            # It need not have one, and need not run yet; what refuses the address itself comes up below.
            return {}
        proposal = without_headers(proposal, asked.headers or {})
        return {one.operation: one for one in proposal.capabilities}

    async def _take(
        self,
        tx: Tx,
        caller: Caller,
        one: Registration,
        wanted: list[NewCapability],
        routes: list[GatewayRoute],
        *,
        new: bool,
    ) -> None:
        present, imported = await self._present(tx, caller, one), set[str]()
        for name in sorted(each.name for each in wanted):
            kept = await registered.find(tx, caller.site_id, name, lock=True)
            if kept is None or name in present:
                continue
            if not _is_imported_twin(kept.capability, next(each for each in wanted if each.name == name)):
                raise Conflict(f"There is a capability {name!r} that came from elsewhere.", param="name")
            imported.add(name)
        await store.put(tx, one, routes, new=new)
        names = {each.name for each in wanted}
        # Whoever registers it anew has taken over what it says now.
        await store_of_drifts.forget_drifts(tx, caller.site_id, [*names - imported, *present])
        for each in wanted:
            if each.name in imported:
                continue
            before = present.get(each.name)
            operator = {} if before is None else {field: getattr(before, field) for field in _OPERATOR}
            await self._capabilities.put(tx, caller, msgspec.structs.replace(each, **operator))
        await self._forget(tx, caller, [each for name, each in present.items() if name not in names])

    async def _present(self, tx: Tx, caller: Caller, one: Registration) -> dict[str, Capability]:
        kept = await registered.of_origin(tx, caller, "register", one.name)
        return {each.capability.name: each.capability for each in kept}

    async def _forget(self, tx: Tx, caller: Caller, gone: Sequence[Capability]) -> None:
        for one in gone:
            await registered.delete(tx, one.id)
            await tell(tx, caller, "removed", one, self._clock.now_s())


def _gateway_path(asked: GatewayRegister, route: GatewayRouteCreate) -> str:
    return route.gateway_path or f"/{asked.name}{route.upstream_path}"


def _route(
    one: Registration, asked: GatewayRegister, route: GatewayRouteCreate, new: NewCapability, how: Described
) -> GatewayRoute:
    return GatewayRoute(
        site_id=one.site_id,
        method=route.method,
        gateway_path=_gateway_path(asked, route),
        registration_id=one.id,
        name=route.name,
        upstream_path=route.upstream_path,
        summary=route.summary,
        capability=new.name,
        described=how,
        raw=one.raw,
    )


def _made(
    asked: GatewayRegister, route: GatewayRouteCreate, base_url: str, documented: dict[str, Proposed]
) -> tuple[NewCapability, Described]:
    """The capability of a route, and where its schema is from."""
    told = documented.get(f"{route.method} {route.upstream_path}")
    how: Described = "given" if route.input_schema is not None else "none" if told is None else "openapi"
    endpoint: dict[str, Any] = {"url": base_url + route.upstream_path, "method": route.method}
    examples = tuple(Example(one.name, one.input, one.summary) for one in route.examples or [])
    new = NewCapability(
        name=f"{asked.name}.{route.name}",
        title=route.summary,
        tags=(asked.name,),
        input_schema=_open_schema(route) if route.input_schema is None else route.input_schema,
        output_schema=route.output_schema,
        examples=examples,
        idempotent=route.method != "POST" and route.method != "PATCH",
        endpoint=endpoint if route.method in _BODYLESS else {**endpoint, "body": "json"},
        headers=asked.headers,
        origin="register",
        origin_ref=asked.name,
    )
    if told is None or how == "given":
        return new, how
    return msgspec.structs.replace(
        new,
        title=route.summary or told.title,
        description=told.description,
        tags=tuple(dict.fromkeys((asked.name, *told.tags))),
        input_schema=told.input_schema,
        output_schema=told.output_schema if route.output_schema is None else route.output_schema,
        examples=examples if route.examples is not None else told.examples,
        idempotent=told.idempotent,
        endpoint=told.endpoint,
        digest=told.digest,
    ), how


def _is_imported_twin(one: Capability, new: NewCapability) -> bool:
    """Whether a capability was imported from the document of the same module: it stays as it is, and is served."""
    same = all(one.endpoint.get(field) == new.endpoint.get(field) for field in ("method", "url"))
    return one.origin == "openapi" and same


def _open_schema(route: GatewayRouteCreate) -> dict[str, Any]:
    """Anything, and what the path needs."""
    names = PLACEHOLDER.findall(route.upstream_path)
    schema: dict[str, Any] = {"type": "object", "properties": {name: {"type": "string"} for name in names}}
    return (
        {**schema, "required": names, "additionalProperties": True}
        if names
        else {**schema, "additionalProperties": True}
    )
