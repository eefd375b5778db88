"""Whether registered modules are there, and still are what was approved of them."""

from __future__ import annotations

import asyncio

import msgspec
import structlog

from roundhouse.core.errors import AddressRefused, RoundhouseError
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller, Timeouts
from roundhouse.features.tasks.capabilities import store as registered
from roundhouse.features.tasks.capabilities.service import CapabilityService
from roundhouse.features.tasks.importing.fetching import Fetcher
from roundhouse.features.tasks.importing.gateway import store
from roundhouse.features.tasks.importing.gateway.model import GatewayRoute, Registration
from roundhouse.features.tasks.importing.gateway.schemas import RegistrationCheck
from roundhouse.features.tasks.importing.given import without_headers
from roundhouse.features.tasks.importing.openapi.proposing import Wanted, propose
from roundhouse.features.tasks.importing.proposed import Proposed
from roundhouse.features.tasks.importing.settling import settle
from roundhouse.features.tasks.importing.usable import usable
from roundhouse.infra.db import Database, Tx

_log = structlog.get_logger(__name__)
_PATIENCE = Timeouts(connect_s=3.0, first_byte_s=10.0, idle_s=10.0, total_s=15.0)


class _Known(msgspec.Struct, frozen=True):
    """A registration as it stands.

    Attributes:
        one: It.
        described: Paths whose schemas are from the module's own document, by capability. Those that were imported
            before are not among them: they are looked at with the source of that import.
        headers: What the module wants to be told.
        trusted: Whether an admin gave its address.
    """

    one: Registration
    described: dict[str, GatewayRoute]
    headers: dict[str, str]
    trusted: bool

    def __repr__(self) -> str:
        """Without its headers."""
        return f"_Known({self.one.name!r})"


class RegistrationChecks:
    """Looks at registered modules again.

    Args:
        db: The database.
        capabilities: Marks what drifted.
        fetcher: Reaches modules.
        clock: Time.
    """

    def __init__(self, db: Database, capabilities: CapabilityService, fetcher: Fetcher, clock: Clock) -> None:
        self._db = db
        self._capabilities = capabilities
        self._fetcher = fetcher
        self._clock = clock

    async def check(self, caller: Caller, name: str) -> RegistrationCheck:
        """Look at one module of the caller's tenant; what its document says otherwise is marked, no more.

        Raises NotFound.
        """
        async with self._db.read() as tx:
            known = await self._known(tx, await store.get(tx, caller, name))
        told = await self._look(known)
        if told.drifted or told.settled:
            await self._capabilities.published()
        return told

    async def check_described(self, site_id: str | None = None) -> list[RegistrationCheck]:
        """Look at all modules that have a document, of a tenant or of all; call `published` behind it."""
        async with self._db.read() as tx:
            every = [await self._known(tx, one) for one in await store.described(tx, site_id)]
        return [await self._look(known) for known in every if known.described]

    async def _look(self, known: _Known) -> RegistrationCheck:
        one = known.one
        told = RegistrationCheck(
            name=one.name,
            status=None,
            took_ms=0.0,
            described=bool(known.described),
            error=None,
            drifted=[],
            settled=[],
        )
        began_s = self._clock.monotonic_s()
        try:
            told.status = await self._fetcher.reach(
                f"{one.base_url}/", known.headers, trusted=known.trusted, timeouts=_PATIENCE
            )
            told.took_ms = (self._clock.monotonic_s() - began_s) * 1000.0
            if known.described:
                await self._settle(known, await self._documented(known), told)
        except AddressRefused as error:
            told.error = error.code
            await self._settle(known, None, told)
        except RoundhouseError as error:
            # Who does not answer is left as it is, and looked at again next time.
            _log.info("registered_module_unreadable", registration=one.id, error=error.code)
            told.error = error.code
        if told.status is None:
            told.took_ms = (self._clock.monotonic_s() - began_s) * 1000.0
        return told

    async def _known(self, tx: Tx, one: Registration) -> _Known:
        routes = {route.capability: route for route in await store.routes_of(tx, [one.id])}
        kept = [
            found for name in routes if (found := await registered.find(tx, one.site_id, name)) is not None
        ]
        own = {each.capability.name for each in kept if each.capability.origin == "register"}
        return _Known(
            one,
            {name: route for name, route in routes.items() if route.described == "openapi" and name in own},
            self._capabilities.headers_of(kept[0]) if kept else {},
            bool(kept) and kept[0].capability.trusted,
        )

    async def _documented(self, known: _Known) -> dict[str, Proposed]:
        """What the module's document says now of its paths, by capability; raises what importing it would raise."""
        one = known.one
        document = await self._fetcher.fetch(
            f"{one.base_url}/openapi.json", known.headers, trusted=known.trusted, timeouts=_PATIENCE
        )
        wanted = Wanted(one.base_url, one.name)
        proposal = await asyncio.to_thread(lambda: usable(propose(document, wanted)))
        proposal = without_headers(proposal, known.headers)
        operations = {each.operation: each for each in proposal.capabilities}
        return {
            name: msgspec.structs.replace(
                told,
                name=name,
                title=route.summary or told.title,
                tags=tuple(dict.fromkeys((one.name, *told.tags))),
            )
            for name, route in known.described.items()
            if (told := operations.get(f"{route.method} {route.upstream_path}")) is not None
        }

    async def _settle(
        self, known: _Known, proposed: dict[str, Proposed] | None, told: RegistrationCheck
    ) -> None:
        caller = _in_the_name_of(known.one)
        async with self._db.begin() as tx:
            every = await registered.of_origin(tx, caller, "register", known.one.name, lock=True)
            kept = [one for one in every if one.capability.name in known.described]
            found = await settle(
                tx,
                self._capabilities,
                caller,
                kept,
                proposed,
                "blocked_address" if proposed is None else "gone",
                self._clock.now_s(),
            )
        told.drifted += found.drifted
        told.settled += found.settled


def _in_the_name_of(one: Registration) -> Caller:
    return Caller(key_id="house", site_id=one.site_id, scopes=frozenset({"capabilities"}))
