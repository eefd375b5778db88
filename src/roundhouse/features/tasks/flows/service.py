"""The verbs of flows: keep, read, check, pretend. What runs them is `jobs.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import Conflict, NotFound, Unprocessable
from roundhouse.core.ids import new_id
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.tasks.flows import breakers, store
from roundhouse.features.tasks.flows.faults import Problem
from roundhouse.features.tasks.flows.house import shipped_flows
from roundhouse.features.tasks.flows.reading import Flow, look_through, read_flow
from roundhouse.features.tasks.flows.schemas import (
    BreakerList,
    BreakerRead,
    FlowDeleted,
    FlowList,
    FlowRead,
    ProblemRead,
    SimulateAsk,
    SimulationRead,
    ValidationRead,
)
from roundhouse.features.tasks.flows.simulating import simulate
from roundhouse.features.tasks.flows.store import KeptFlow
from roundhouse.features.tasks.flows.targets import callable_of, is_reference, warnings_of
from roundhouse.features.tasks.human.forms import SchemaForms
from roundhouse.features.tasks.model import Calling, Registry
from roundhouse.infra import audit
from roundhouse.infra.db import Database, Tx, is_unique_violation
from roundhouse.infra.events.store import NewEvent, append
from roundhouse.infra.moments import moment, moment_or_none
from roundhouse.infra.paging import decode_cursor, encode_cursor


class FlowService:
    """Flows of tenants, and those that are shipped.

    Args:
        db: The database.
        registry: The capabilities.
        calling: Knows which of them are outside the house.
        forms: Checks schemas.
        clock: Time.
    """

    def __init__(
        self, db: Database, registry: Registry, calling: Calling, forms: SchemaForms, clock: Clock
    ) -> None:
        self._db = db
        self._registry = registry
        self._calling = calling
        self._forms = forms
        self._clock = clock
        self._shipped = shipped_flows()

    async def page(self, caller: Caller, *, cursor: str | None, limit: int) -> FlowList:
        """Shipped flows on the first page, unless the tenant has its own of that name, then the tenant's by name."""
        behind = decode_cursor(cursor, str)
        async with self._db.read() as tx:
            own = await store.page(tx, caller, behind=behind, limit=limit + 1)
            taken = {name for name in self._shipped if await store.find(tx, caller, name) is not None}
        shown, more = own[:limit], len(own) > limit
        shipped = [one for one in self._shipped.values() if cursor is None and one.name not in taken]
        return FlowList(
            data=[self._read(one) for one in (*shipped, *shown)],
            has_more=more,
            next_cursor=encode_cursor(shown[-1].name) if more else None,
        )

    async def get(self, caller: Caller, name: str, version: int | None = None) -> FlowRead:
        """One version of a flow, the newest by default; raises NotFound."""
        async with self._db.read() as tx:
            found = await self._find(tx, caller, name, version)
        return self._read(found, await self._warnings(caller, found))

    async def versions(self, caller: Caller, name: str, *, cursor: str | None, limit: int) -> FlowList:
        """Versions of a flow, the newest first; raises NotFound."""
        before = decode_cursor(cursor, int)
        async with self._db.read() as tx:
            newest = await self._find(tx, caller, name, None)
            if newest.id == "":
                return FlowList(data=[self._read(newest)], has_more=False, next_cursor=None)
            found = await store.versions(tx, caller, newest.id, before=before, limit=limit + 1)
        shown, more = found[:limit], len(found) > limit
        return FlowList(
            data=[self._read(one) for one in shown],
            has_more=more,
            next_cursor=encode_cursor(shown[-1].version) if more else None,
        )

    async def put(self, caller: Caller, name: str, given: dict[str, Any]) -> FlowRead:
        """Keep a flow: as a new one, or as the next version of the one that is there; no change = the same version.

        Raises:
            Unprocessable: It is none; `param` is a JSON pointer.
            Conflict: Its `version` is not the newest.
        """
        flow = read_flow(given)
        for problem in self._problems(flow, name):
            raise Unprocessable(f"{problem.pointer}: {problem.message}", param=problem.pointer)
        written = msgspec.json.encode(msgspec.structs.replace(flow.spec, name=None, version=None))
        spec: dict[str, Any] = msgspec.json.decode(written)
        try:
            async with self._db.begin() as tx:
                kept = await self._put(tx, caller, name, flow.spec.version, spec)
        except sa.exc.IntegrityError as error:
            if not is_unique_violation(error):
                raise
            raise Conflict(f"The flow {name!r} was made by somebody else just now.", param="name") from None
        return self._read(kept, await self._warnings(caller, kept))

    async def delete(self, caller: Caller, name: str) -> FlowDeleted:
        """Delete a flow; tasks that run go on by the version they began with. Raises NotFound."""
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            found = await store.locked(tx, caller, name)
            if found is None or found.deleted_at_s is not None:
                raise NotFound(f"No flow {name!r}." if name not in self._shipped else "Shipped flows stay.")
            await store.delete(tx, found.id, now_s)
            await self._tell(tx, caller, "delete", found, now_s)
        return FlowDeleted(name=name)

    async def validate(self, caller: Caller, name: str, given: dict[str, Any] | None) -> ValidationRead:
        """Check a flow without keeping it; without one the kept one. Raises NotFound."""
        if given is None:
            async with self._db.read() as tx:
                given = (await self._find(tx, caller, name, None)).spec
        flow, problems = look_through(given)
        if flow is not None:
            problems = list(self._problems(flow, name))
        warnings = [] if flow is None else await warnings_of(self._registry, self._calling, caller, flow)
        return ValidationRead(valid=not problems, problems=_told(problems), warnings=_told(warnings))

    async def simulate(self, caller: Caller, name: str, asked: SimulateAsk) -> SimulationRead:
        """Pretend a flow; nothing is called. Raises NotFound, Unprocessable."""
        given = asked.spec
        if given is None:
            async with self._db.read() as tx:
                given = (await self._find(tx, caller, name, None)).spec
        flow = read_flow(given)
        return simulate(flow, asked, await callable_of(self._registry, self._calling, caller, flow))

    async def breakers(self, caller: Caller) -> BreakerList:
        """What flows watch, and which of it is left alone now."""
        now_s = self._clock.now_s()
        async with self._db.read() as tx:
            found = await breakers.every(tx, caller.site_id)
        return BreakerList(data=[_read_breaker(one, now_s) for one in found])

    # Inside

    def _problems(self, flow: Flow, name: str) -> Iterator[Problem]:
        """Faults that can be told with more than the flow alone: its address, its schemas."""
        if flow.spec.name not in (None, name):
            yield Problem("/name", "The name in the flow is not that of the address.")
        schemas: dict[str, Any] = {"/input_schema": flow.spec.input_schema}
        for number, step in enumerate(flow.spec.steps):
            schemas[f"/steps/{number}/human/form"] = step.human.form if step.human else None
        for place, schema in schemas.items():
            if isinstance(schema, dict) and not is_reference(schema):
                try:
                    self._forms.check_schema(schema, place)
                except Unprocessable as error:
                    yield Problem(place, error.detail)

    async def _put(
        self, tx: Tx, caller: Caller, name: str, edited: int | None, spec: dict[str, Any]
    ) -> KeptFlow:
        now_s = self._clock.now_s()
        before = await store.locked(tx, caller, name)
        if before is None:
            new = KeptFlow(new_id("flow"), name, 1, 1, spec, now_s, None)
            await store.insert(tx, caller, new)
        else:
            there = before.deleted_at_s is None
            if there and edited not in (None, before.version):
                raise Conflict(
                    f"It was changed meanwhile: its version is {before.version} now.", param="/version"
                )
            if there and before.spec == spec:
                return before
            number = before.newest + 1
            new = KeptFlow(before.id, name, number, number, spec, now_s, None)
            await store.add_version(tx, caller, new)
        await self._tell(tx, caller, "put", new, now_s)
        return new

    async def _find(self, tx: Tx, caller: Caller, name: str, version: int | None) -> KeptFlow:
        found = await store.find(tx, caller, name, version)
        if found is None and await store.find(tx, caller, name) is None:
            shipped = self._shipped.get(name)
            found = shipped if shipped is not None and version in (None, shipped.version) else None
        if found is None:
            raise NotFound(f"No flow {name!r}." if version is None else f"No version {version} of {name!r}.")
        return found

    async def _warnings(self, caller: Caller, kept: KeptFlow) -> list[Problem]:
        return await warnings_of(self._registry, self._calling, caller, read_flow(kept.spec))

    async def _tell(self, tx: Tx, caller: Caller, verb: str, flow: KeptFlow, now_s: float) -> None:
        detail = {"name": flow.name, "version": flow.version}
        await audit.append(tx, caller, action=f"flow.{verb}", object_id=flow.id, detail=detail, at_s=now_s)
        data = {"flow_id": flow.id, **detail, "deleted": verb == "delete"}
        await append(tx, NewEvent(caller.site_id, flow.id, "flow.updated", data, now_s))

    @staticmethod
    def _read(kept: KeptFlow, warnings: list[Problem] | None = None) -> FlowRead:
        return FlowRead(
            id=kept.id or None,
            name=kept.name,
            version=kept.version,
            title=kept.spec.get("title", ""),
            description=kept.spec.get("description", ""),
            source="own" if kept.id else "shipped",
            spec=kept.spec,
            warnings=_told(warnings or []),
            created_at=moment(kept.created_at_s) if kept.id else None,
        )


def _told(problems: list[Problem]) -> list[ProblemRead]:
    return [ProblemRead(pointer=one.pointer, message=one.message) for one in problems]


def _read_breaker(one: breakers.Breaker, now_s: float) -> BreakerRead:
    recent = one.recent(now_s)
    probes_at_s = None if one.state == "closed" else one.probes_at_s
    half = one.state == "open" and one.probe is not None
    return BreakerRead(
        id=one.id,
        target=one.target,
        state="half_open" if half else one.state,
        calls=len(recent),
        failures=sum(failed for _, failed in recent),
        opened_at=moment_or_none(one.opened_at_s),
        probes_at=moment_or_none(probes_at_s),
    )
