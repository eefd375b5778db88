"""Whether sources still say what was approved: those that say something else mark their capabilities, no more."""

from __future__ import annotations

import asyncio

import msgspec
import structlog

from roundhouse.core.errors import AddressRefused, RoundhouseError
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.tasks.capabilities import store as registered
from roundhouse.features.tasks.capabilities.service import CapabilityService
from roundhouse.features.tasks.importing import store
from roundhouse.features.tasks.importing.fetching import Fetcher
from roundhouse.features.tasks.importing.gateway.checking import RegistrationChecks
from roundhouse.features.tasks.importing.given import without_headers
from roundhouse.features.tasks.importing.model import DriftReason, Source
from roundhouse.features.tasks.importing.openapi.addresses import origin as address_of
from roundhouse.features.tasks.importing.openapi.proposing import Wanted, propose
from roundhouse.features.tasks.importing.proposed import Proposed
from roundhouse.features.tasks.importing.schemas import DriftCheck
from roundhouse.features.tasks.importing.service import refuse_elsewhere
from roundhouse.features.tasks.importing.settling import settle
from roundhouse.features.tasks.importing.usable import usable
from roundhouse.infra.db import Database, Tx

_log = structlog.get_logger(__name__)


class DriftService:
    """Looks at sources again.

    Args:
        db: The database.
        capabilities: Marks what drifted.
        modules: Looks at registered modules.
        fetcher: Fetches descriptions.
        clock: Time.
    """

    def __init__(
        self,
        db: Database,
        capabilities: CapabilityService,
        modules: RegistrationChecks,
        fetcher: Fetcher,
        clock: Clock,
    ) -> None:
        self._db = db
        self._modules = modules
        self._capabilities = capabilities
        self._fetcher = fetcher
        self._clock = clock

    async def check(self, site_id: str | None = None) -> DriftCheck:
        """Look at all sources of a tenant, or of all tenants; registered modules that have a document are sources, too.

        A source that does not answer is left as it is and looked at again next time.
        """
        async with self._db.read() as tx:
            sources = await store.watched(tx, site_id)
        told = DriftCheck(sources=len(sources), failed=0, drifted=[], settled=[])
        for source in sources:
            try:
                proposed = await self._look(source)
            except AddressRefused as error:
                _log.warning("capability_source_refused", source=source.id, site_id=source.site_id)
                told.failed += 1
                await self._settle(source, None, "blocked_address", error.code, told)
            except RoundhouseError as error:
                _log.warning("capability_source_unreadable", source=source.id, error=error.code)
                told.failed += 1
                await self._note(source, error.code)
            else:
                await self._settle(source, proposed, "gone", None, told)
        for module in await self._modules.check_described(site_id):
            told.sources += 1
            told.failed += module.error is not None
            told.drifted += module.drifted
            told.settled += module.settled
        if told.drifted or told.settled:
            await self._capabilities.published()
        return told

    async def _look(self, source: Source) -> dict[str, Proposed]:
        """What a source says now, by name; raises what importing it would raise."""
        caller = _in_the_name_of(source)
        async with self._db.read() as tx:
            kept = await registered.of_origin(tx, caller, source.origin, source.ref)
        given = headers = self._capabilities.headers_of(kept[0]) if kept else {}
        if kept and address_of(str(kept[0].capability.endpoint.get("url", ""))) != address_of(source.url):
            headers = {}
        document = await self._fetcher.fetch(source.url, headers, trusted=source.trusted)
        wanted = Wanted(source.base_url, source.prefix, source.include, source.url)
        proposal = await asyncio.to_thread(lambda: usable(propose(document, wanted)))
        if source.trusted and not source.base_url:
            refuse_elsewhere(proposal, source.url)
        return {one.name: one for one in without_headers(proposal, given).capabilities}

    async def _note(self, source: Source, error_code: str) -> None:
        async with self._db.begin() as tx:
            await self._keep(tx, source, error_code)

    async def _keep(self, tx: Tx, source: Source, error_code: str | None) -> None:
        now = msgspec.structs.replace(source, checked_at_s=self._clock.now_s(), error_code=error_code)
        await store.keep_source(tx, now)

    async def _settle(
        self,
        source: Source,
        proposed: dict[str, Proposed] | None,
        otherwise: DriftReason,
        error_code: str | None,
        told: DriftCheck,
    ) -> None:
        """Mark what is other than approved, and unmark what is as approved again, in one transaction.

        Args:
            source: The source.
            proposed: What it says, by name; None = it may not be looked at.
            otherwise: Why what it does not tell of is drifted.
            error_code: Kept with the source.
            told: What was found is added to it.
        """
        caller = _in_the_name_of(source)
        async with self._db.begin() as tx:
            kept = await registered.of_origin(tx, caller, source.origin, source.ref, lock=True)
            await self._keep(tx, source, error_code)
            found = await settle(
                tx, self._capabilities, caller, kept, proposed, otherwise, self._clock.now_s()
            )
        told.drifted += found.drifted
        told.settled += found.settled


def _in_the_name_of(source: Source) -> Caller:
    return Caller(key_id="house", site_id=source.site_id, scopes=frozenset({"capabilities"}))
