"""Imports, drifts and registrations on both databases; what is fetched comes from a dictionary."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from conftest import TurnedClock
from peers.modules import transport_context
from roundhouse.core.errors import AddressRefused, BackendDown, BadInput, Conflict, NotFound
from roundhouse.core.types import Caller, Timeouts
from roundhouse.features.tasks.capabilities.calling import CapabilityCalling
from roundhouse.features.tasks.capabilities.registry import CapabilityRegistry
from roundhouse.features.tasks.capabilities.service import CapabilityService
from roundhouse.features.tasks.importing.drifting import DriftService
from roundhouse.features.tasks.importing.gateway.checking import RegistrationChecks
from roundhouse.features.tasks.importing.gateway.schemas import GatewayRegister
from roundhouse.features.tasks.importing.gateway.service import RegistrationService
from roundhouse.features.tasks.importing.gateway.table import ServedTable
from roundhouse.features.tasks.importing.jobs import DRIFT, DriftJobs
from roundhouse.features.tasks.importing.schemas import OpenApiImport
from roundhouse.features.tasks.importing.service import ImportService
from roundhouse.infra.db import Database
from roundhouse.infra.events.store import events
from roundhouse.infra.vault import Vault

NORTH = Caller("key_n", site_id="north", scopes=frozenset({"capabilities", "tasks"}))
SOUTH = Caller("key_s", site_id="south", scopes=frozenset({"capabilities", "tasks"}))
ADMIN = Caller("key_a", site_id="north", scopes=frozenset({"admin"}))
URL = "http://93.184.215.14/openapi.json"


class Shelf:
    """What lies behind URLs: a document, or the error that fetching it ends with; and what addresses answer with."""

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {}
        self.statuses: dict[str, int | Exception] = {}
        self.asked: list[tuple[str, Mapping[str, str], bool]] = []

    async def reach(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        trusted: bool,
        timeouts: Timeouts | None = None,
    ) -> int:
        self.asked.append((url, dict(headers or {}), trusted))
        found = self.statuses.get(url, BackendDown("nobody there"))
        if isinstance(found, Exception):
            raise found
        return found

    async def fetch(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        trusted: bool,
        timeouts: Timeouts | None = None,
    ) -> bytes:
        self.asked.append((url, dict(headers or {}), trusted))
        found = self.pages.get(url, BadInput("nothing there"))
        if isinstance(found, Exception):
            raise found
        return json.dumps(found).encode()


@dataclass
class Room:
    db: Database
    shelf: Shelf
    registry: CapabilityRegistry
    capabilities: CapabilityService
    imports: ImportService
    drift: DriftService
    registrations: RegistrationService
    checks: RegistrationChecks
    table: ServedTable

    async def told(self) -> list[str]:
        async with self.db.read() as tx:
            rows = await tx.execute(sa.select(events.c.type, events.c.data).order_by(events.c.seq))
            return [f"{row.type} {row.data['name']}" for row in rows]

    async def take(self, caller: Caller = NORTH, **more: Any) -> Any:
        return await self.imports.openapi(caller, OpenApiImport(url=URL, apply=True, **more))


def _is_ours(path: str) -> bool:
    return path == "/ours"


@pytest.fixture
async def room(db: Database, tmp_path: Path, turned_clock: TurnedClock) -> AsyncIterator[Room]:
    async with transport_context() as context:
        registry, vault, shelf = CapabilityRegistry(db, []), Vault(tmp_path), Shelf()
        calling = CapabilityCalling(registry, vault, context)
        service = CapabilityService(db, registry, calling, vault, turned_clock, registry.refresh)
        # The shelf stands in for who fetches.
        checks = RegistrationChecks(db, service, shelf, turned_clock)  # type: ignore[arg-type]  # see above
        yield Room(
            db,
            shelf,
            registry,
            service,
            ImportService(db, service, shelf, turned_clock),  # type: ignore[arg-type]  # see above
            DriftService(db, service, checks, shelf, turned_clock),  # type: ignore[arg-type]  # see above
            RegistrationService(db, service, shelf, _is_ours, turned_clock),  # type: ignore[arg-type]  # see above
            checks,
            ServedTable(db),
        )


def toys(*verbs: str, kind: str = "string", summary: str = "") -> dict[str, Any]:
    schema = {"type": "object", "properties": {"name": {"type": kind}}}
    content = {"application/json": {"schema": schema}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Toys", "version": "1"},
        "paths": {
            f"/{verb}": {
                "post": {"operationId": verb, "summary": summary, "requestBody": {"content": content}}
            }
            for verb in verbs
        },
    }


async def test_what_the_operator_decided_stays_when_it_is_imported_again(room: Room) -> None:
    room.shelf.pages[URL] = toys("play")
    await room.take(headers={"X-Key": "a-very-secret-key"})
    changes = {"timeout_s": 7.0, "labels": {"gpu": True}, "enabled": False, "expose_mcp": False}
    await room.capabilities.change(NORTH, "toys.play", changes, None)
    room.shelf.pages[URL] = toys("play", kind="integer")
    done = await room.take()
    assert [one.name for one in done.changed] == ["toys.play"]
    shown = room.capabilities.show(NORTH, "toys.play")
    assert (shown.version, shown.timeout_s, shown.labels) == (2, 7.0, {"gpu": True})
    assert (shown.enabled, shown.expose_mcp, shown.header_names) == (False, False, ["X-Key"])
    assert shown.trusted is False
    assert room.shelf.asked[0][1] == {"X-Key": "a-very-secret-key"}


async def test_what_is_prose_changes_without_a_drift(room: Room) -> None:
    room.shelf.pages[URL] = toys("play")
    await room.take()
    room.shelf.pages[URL] = toys("play", summary="Chơi")
    assert (await room.drift.check()).drifted == []
    await room.take()
    shown = room.capabilities.show(NORTH, "toys.play")
    assert (shown.version, shown.title) == (1, "Chơi")


async def test_a_source_that_turns_to_a_refused_address_drifts_all_of_it(room: Room) -> None:
    room.shelf.pages[URL] = toys("play", "rest")
    await room.take(headers={"X-Key": "a-very-secret-key"})
    room.shelf.pages[URL] = AddressRefused()
    assert await DriftJobs(room.drift)._check(None) == {  # type: ignore[arg-type]  # it needs no context
        "sources": 1,
        "failed": 1,
        "drifted": 2,
        "settled": 0,
    }
    assert room.shelf.asked[-1] == (URL, {"X-Key": "a-very-secret-key"}, False)
    assert (await room.imports.drift(NORTH, "toys.play")).reason == "blocked_address"
    assert room.capabilities.show(NORTH, "toys.play").state == "drifted"
    assert (await room.told())[-2:] == ["capability.drifted toys.play", "capability.drifted toys.rest"]
    gone = await room.imports.approve(NORTH, "toys.play")
    assert (gone.enabled, gone.state) == (False, "drifted")
    room.shelf.pages[URL] = toys("play", "rest")
    assert (await room.drift.check()).settled == ["toys.rest"]
    await room.take()
    assert room.capabilities.show(NORTH, "toys.play").enabled
    assert DriftJobs(room.drift).pipeline.kind == DRIFT


async def test_what_is_approved_is_what_was_found(room: Room) -> None:
    room.shelf.pages[URL] = toys("play")
    await room.take()
    room.shelf.pages[URL] = toys("play", kind="integer")
    await room.drift.check()
    room.shelf.pages[URL] = toys("play", kind="boolean")
    approved = await room.imports.approve(NORTH, "toys.play")
    assert approved.input_schema["properties"]["name"] == {"type": "integer"}
    assert (await room.drift.check()).drifted == ["toys.play"]


async def test_tenants_do_not_see_one_another(room: Room) -> None:
    room.shelf.pages[URL] = toys("play")
    await room.take()
    await room.take(SOUTH, include=["nothing"])
    assert len((await room.imports.sources(NORTH, None, 10)).data) == 1
    source_id = (await room.imports.sources(SOUTH, None, 10)).data[0].id
    with pytest.raises(NotFound):
        await room.imports.forget_source(NORTH, source_id)
    with pytest.raises(NotFound):
        await room.imports.approve(SOUTH, "toys.play")
    room.shelf.pages[URL] = toys("play", kind="integer")
    assert (await room.drift.check("south")).drifted == []
    assert (await room.drift.check()).drifted == ["toys.play"]
    with pytest.raises(NotFound):
        await room.imports.drift(SOUTH, "toys.play")


async def test_parts_of_one_document_are_imported_beside_each_other(room: Room) -> None:
    room.shelf.pages[URL] = toys("play", "rest")
    await room.take(include=["*.play"])
    await room.take(prefix="other", include=["POST /rest"])
    names = [one.name for one in room.registry.every(NORTH)]
    assert names == ["other.rest", "toys.play"]
    first = await room.imports.sources(NORTH, None, 1)
    assert (first.has_more, len((await room.imports.sources(NORTH, first.next_cursor, 1)).data)) == (True, 1)


async def test_examples_that_are_not_valid_are_left_out(room: Room) -> None:
    document = toys("play")
    content = document["paths"]["/play"]["post"]["requestBody"]["content"]["application/json"]
    content["examples"] = {"good": {"value": {"name": "a"}}, "bad": {"value": {"name": 1}}}
    document["paths"]["/look"] = {
        "get": {"parameters": [{"name": "q", "in": "query", "schema": {"pattern": "(?=a)b"}}]}
    }
    room.shelf.pages[URL] = document
    done = await room.take()
    assert [one["name"] for one in done.added[0].examples] == ["good"]
    assert [one.operation for one in done.skipped] == ["GET /look"]


def registration(name: str = "toys", **more: Any) -> GatewayRegister:
    route = {"name": "play", "gateway_path": "/toys/play", "upstream_path": "/play"}
    body = {"name": name, "base_url": "http://93.184.215.14", "routes": [route], **more}
    return GatewayRegister.model_validate(body)


async def test_a_registration_is_replaced_and_removed_as_a_whole(room: Room) -> None:
    room.shelf.pages[URL] = toys("play")
    made = await room.registrations.register(NORTH, registration())
    assert made.routes[0].schema_from == "openapi"
    await room.table.refresh()
    assert [one.route.capability for one in room.table.find("north", "/toys/play")] == ["toys.play"]
    assert room.table.find("south", "/toys/play") == []
    revision = room.table.revision
    await room.table.refresh()
    assert room.table.revision == revision
    rest = {"name": "rest", "method": "GET", "gateway_path": "/toys/{a-b}/rest", "upstream_path": "/rest"}
    await room.registrations.register(NORTH, registration(routes=[rest]))
    await room.table.refresh()
    assert [one.name for one in room.registry.every(NORTH)] == ["toys.rest"]
    (found,) = room.table.find("north", "/toys/7/rest")
    assert dict(found.parameters) == {"a-b": "7"}
    assert not room.table.serves("/toys/7/8/rest")
    await room.registrations.remove(NORTH, "toys")
    assert room.registry.every(NORTH) == []
    assert (await room.told())[-1] == "capability.removed toys.rest"


BASE = "http://93.184.215.14/"


async def test_a_registered_module_is_looked_at_again(room: Room) -> None:
    room.shelf.pages[URL], room.shelf.statuses[BASE] = toys("play", "rest"), 404
    rest = {"name": "rest", "gateway_path": "/toys/rest", "upstream_path": "/rest"}
    own = {"name": "own", "gateway_path": "/toys/own", "upstream_path": "/own", "input_schema": {}}
    play = {"name": "play", "gateway_path": "/toys/play", "upstream_path": "/play"}
    asked = registration(routes=[play, rest, own], headers={"X-Key": "secret"})
    await room.registrations.register(NORTH, asked)
    found = await room.checks.check(NORTH, "toys")
    assert (found.status, found.described, found.error, found.drifted) == (404, True, None, [])
    assert room.shelf.asked[-2:] == [
        (BASE, {"X-Key": "secret"}, False),
        (URL, {"X-Key": "secret"}, False),
    ]
    room.shelf.pages[URL] = toys("play", kind="integer")
    assert (await room.checks.check(NORTH, "toys")).drifted == ["toys.play", "toys.rest"]
    assert (await room.checks.check(NORTH, "toys")).drifted == []
    # What was registered with schemas of its own has nothing to be compared with.
    assert room.capabilities.show(NORTH, "toys.own").state == "active"
    drift = await room.imports.drift(NORTH, "toys.play")
    assert drift.reason == "changed"
    assert [one.field for one in drift.changes] == ["input_schema/properties/name/type"]
    assert (await room.imports.drift(NORTH, "toys.rest")).reason == "gone"
    taken = await room.imports.approve(NORTH, "toys.play")
    assert (taken.state, taken.version, taken.origin) == ("active", 2, "register")
    assert taken.header_names == ["X-Key"]
    # What was gone is back, but another one.
    room.shelf.pages[URL] = toys("play", "rest", kind="integer")
    assert (await room.checks.check(NORTH, "toys")).drifted == ["toys.rest"]
    assert (await room.imports.drift(NORTH, "toys.rest")).reason == "changed"
    again = await room.registrations.register(NORTH, asked)
    assert len(again.routes) == 3
    assert room.capabilities.show(NORTH, "toys.rest").state == "active"
    with pytest.raises(NotFound):
        await room.imports.drift(NORTH, "toys.rest")


async def test_who_does_not_answer_is_left_as_it_is(room: Room) -> None:
    room.shelf.pages[URL], room.shelf.statuses[BASE] = toys("play"), 200
    await room.registrations.register(NORTH, registration())
    told = await room.drift.check()
    assert (told.sources, told.failed, told.drifted) == (1, 0, [])
    room.shelf.statuses[BASE] = BackendDown("nobody there")
    found = await room.checks.check(NORTH, "toys")
    assert (found.status, found.error, found.drifted) == (None, "backend_down", [])
    assert (await room.drift.check("south")).sources == 0
    told = await room.drift.check()
    assert (told.sources, told.failed, told.drifted) == (1, 1, [])
    room.shelf.statuses[BASE] = AddressRefused("metadata")
    assert (await room.drift.check()).drifted == ["toys.play"]
    assert (await room.imports.drift(NORTH, "toys.play")).reason == "blocked_address"
    room.shelf.statuses[BASE] = 200
    assert (await room.drift.check()).settled == ["toys.play"]
    with pytest.raises(NotFound):
        await room.checks.check(SOUTH, "toys")


async def test_a_module_without_a_document_is_reached_alone(room: Room) -> None:
    room.shelf.statuses[BASE] = 200
    await room.registrations.register(NORTH, registration())
    found = await room.checks.check(NORTH, "toys")
    assert (found.status, found.described, found.error) == (200, False, None)
    assert (await room.drift.check()).sources == 0


async def test_what_cannot_be_registered(room: Room) -> None:
    await room.registrations.register(NORTH, registration())
    for asked in (
        registration("other"),
        registration(routes=[{"name": "a", "gateway_path": "/ours", "upstream_path": "/x"}]),
    ):
        with pytest.raises(Conflict):
            await room.registrations.register(NORTH, asked)
    with pytest.raises(BadInput):
        await room.registrations.register(NORTH, registration("other", base_url="http://a@b"))
    elsewhere = [{"name": "a", "gateway_path": "/inner", "upstream_path": "/x"}]
    inner = registration("inner", base_url="http://10.0.0.1", routes=elsewhere)
    with pytest.raises(AddressRefused):
        await room.registrations.register(NORTH, inner)
    await room.registrations.register(SOUTH, registration())
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    route = {
        "name": "given",
        "gateway_path": "/given",
        "upstream_path": "/given",
        "input_schema": schema,
        "examples": [{"name": "one", "input": {"n": 1}}],
    }
    made = await room.registrations.register(
        ADMIN, registration("own", routes=[route], base_url="http://10.0.0.1")
    )
    assert made.routes[0].schema_from == "given"
    assert room.capabilities.show(ADMIN, "own.given").trusted
