"""Registering, changing and finding capabilities, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from peers.modules import transport_context
from roundhouse.core.errors import AddressRefused, BadInput, Conflict, NotAllowed, NotFound, Unprocessable
from roundhouse.core.transports import Exchange, TransportContext
from roundhouse.core.types import Caller
from roundhouse.features.tasks.capabilities import store
from roundhouse.features.tasks.capabilities.builtin import VERBS, own_capabilities
from roundhouse.features.tasks.capabilities.calling import CapabilityCalling
from roundhouse.features.tasks.capabilities.names import tool_name
from roundhouse.features.tasks.capabilities.registry import CapabilityRegistry
from roundhouse.features.tasks.capabilities.rows import capabilities, capability_versions
from roundhouse.features.tasks.capabilities.schemas import Filter
from roundhouse.features.tasks.capabilities.service import CapabilityService
from roundhouse.features.tasks.capabilities.validating import make_checker
from roundhouse.features.tasks.model import Example, NewCapability
from roundhouse.infra import audit
from roundhouse.infra.db import Database
from roundhouse.infra.events.store import events
from roundhouse.infra.vault import Vault

NORTH = Caller("key_n", site_id="north", scopes=frozenset({"capabilities", "tasks"}))
SOUTH = Caller("key_s", site_id="south", scopes=frozenset({"capabilities", "tasks"}))
ADMIN = Caller("key_a", site_id="north", scopes=frozenset({"admin"}))
SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
FAKE: dict[str, Any] = {"transport": "fake", "endpoint": {"answer": 1}}


@dataclass
class Room:
    """One process of the room."""

    db: Database
    registry: CapabilityRegistry
    service: CapabilityService
    calling: CapabilityCalling
    clock: Any

    async def told(self) -> list[tuple[str, str]]:
        async with self.db.read() as tx:
            rows = await tx.execute(sa.select(events.c.type, events.c.site_id).order_by(events.c.seq))
            return [(row.type, row.site_id) for row in rows]


def process(db: Database, context: TransportContext, folder: Path, clock: Any) -> Room:
    registry, vault = CapabilityRegistry(db, own_capabilities()), Vault(folder)
    calling = CapabilityCalling(registry, vault, context)
    service = CapabilityService(db, registry, calling, vault, clock, registry.refresh)
    return Room(db, registry, service, calling, clock)


@pytest.fixture
async def room(db: Database, tmp_path: Path, turned_clock: Any) -> AsyncIterator[Room]:
    async with transport_context() as context:
        made = process(db, context, tmp_path, turned_clock)
        await made.registry.refresh()
        yield made


def new(name: str = "math.solve", **more: Any) -> NewCapability:
    return NewCapability(name=name, **{**FAKE, "input_schema": SCHEMA, **more})


async def test_one_is_registered_changed_and_removed(room: Room) -> None:
    made = await room.service.register(NORTH, new(examples=(Example("one", {"x": 1}),), tags=("math",)))
    assert (made.version, made.own, made.trusted, made.tool_name) == (1, True, False, "math__solve")
    with pytest.raises(Conflict):
        await room.service.register(NORTH, new())
    room.clock.turn(5)
    titled = await room.service.change(NORTH, "math.solve", {"title": "Solve"}, None)
    assert (titled.version, titled.title) == (1, "Solve")
    wider = await room.service.change(NORTH, "math.solve", {"input_schema": {}}, None)
    assert wider.version == 2
    off = await room.service.change(NORTH, "math.solve", {"enabled": False}, None)
    assert not off.enabled
    again = await room.service.change(NORTH, "math.solve", {"enabled": False}, None)
    assert again.updated_at == off.updated_at
    page = await room.service.versions(NORTH, "math.solve", None, 1)
    assert [one.version for one in page.data] == [2]
    page = await room.service.versions(NORTH, "math.solve", page.next_cursor, 1)
    assert [one.input_schema for one in page.data] == [SCHEMA]
    assert not page.has_more
    await room.service.remove(NORTH, "math.solve")
    with pytest.raises(NotFound):
        room.service.show(NORTH, "math.solve")
    kinds = ("registered", "changed", "changed", "disabled", "removed")
    assert await room.told() == [(f"capability.{kind}", "north") for kind in kinds]
    async with room.db.read() as tx:
        rows = await audit.entries(tx, site_id="north", before_seq=None, limit=10)
        assert [row.action for row in rows] == [f"capability.{kind}" for kind in reversed(kinds)]
        assert await audit.verify_chain(tx) is None
        for table in (capabilities, capability_versions):
            assert (await tx.execute(sa.select(sa.func.count()).select_from(table))).scalar_one() == 0


async def test_another_cost_makes_another_version(room: Room) -> None:
    made = await room.service.register(NORTH, new())
    assert (made.cost_units, made.version) == (1.0, 1)
    dear = await room.service.change(NORTH, "math.solve", {"cost_units": 2.5}, None)
    assert (dear.cost_units, dear.version) == (2.5, 2)
    versions = await room.service.versions(NORTH, "math.solve", None, 10)
    assert [one.cost_units for one in versions.data] == [2.5, 1.0]
    # What was accepted under the first version costs what that did.
    assert (await room.registry.find(NORTH, "math.solve", 1)).cost_units == 1.0
    assert (await room.registry.find(NORTH, "math.solve")).cost_units == 2.5


async def test_what_is_refused_before_the_call_is_told(
    db: Database, tmp_path: Path, turned_clock: Any
) -> None:
    async def names(host: str, port: int) -> list[str]:
        return ["169.254.169.254"]

    async with transport_context(lookup=names) as context:
        await _refused(process(db, context, tmp_path, turned_clock))


async def _refused(room: Room) -> None:
    await room.registry.refresh()
    await room.service.register(NORTH, new())
    nowhere = {"transport": "http", "endpoint": {"method": "GET", "url": "http://metadata.example/"}}
    await room.service.register(NORTH, new("math.away", **nowhere))

    async def begun(name: str, given: Any, error: type[Exception] | None) -> bool:
        exchange = Exchange()
        one = await room.registry.find(NORTH, name)
        calling = room.calling.call(one, given, NORTH, idempotency_key="k", exchange=exchange)
        if error is None:
            await calling
        else:
            with pytest.raises(error):
                await calling
        return exchange.begun

    assert await begun("math.solve", {"x": 1}, None)
    assert not await begun("math.solve", {"x": "no"}, Unprocessable)
    assert not await begun("math.away", {"x": 1}, AddressRefused)


async def test_another_process_sees_a_change_and_reads_only_what_changed(room: Room, tmp_path: Path) -> None:
    async with transport_context() as context:
        other = process(room.db, context, tmp_path, room.clock)
        await other.registry.refresh()
        revision = other.registry.revision
        await room.service.register(NORTH, new())
        # Not told yet: what is not known is looked for.
        assert (await other.registry.find(NORTH, "math.solve")).version == 1
        assert other.registry.revision == revision + 1
        await other.registry.refresh()
        assert other.registry.revision == revision + 1
        await room.service.change(NORTH, "math.solve", {"input_schema": {}}, None)
        await other.registry.refresh()
        assert (await other.registry.find(NORTH, "math.solve")).version == 2
        assert (await other.registry.find(NORTH, "math.solve", 1)).input_schema == SCHEMA
        with pytest.raises(NotFound):
            await other.registry.find(NORTH, "math.solve", 3)
        await room.service.remove(NORTH, "math.solve")
        await other.registry.refresh()
        with pytest.raises(NotFound):
            await other.registry.find(NORTH, "math.solve")


async def test_tenants_see_their_own_and_what_is_public(room: Room) -> None:
    await room.service.register(NORTH, new("a.private"))
    await room.service.register(ADMIN, new("a.public", visibility="public", title="north's"))
    with pytest.raises(NotAllowed):
        await room.service.register(SOUTH, new("b.public", visibility="public"))
    with pytest.raises(NotFound):
        await room.registry.find(SOUTH, "a.private")
    seen = room.service.show(SOUTH, "a.public")
    assert (seen.own, seen.endpoint, seen.title) == (False, None, "north's")
    with pytest.raises(NotFound):
        await room.service.change(SOUTH, "a.public", {"title": "mine"}, None)
    await room.service.register(SOUTH, new("a.public", title="south's"))
    assert (await room.registry.find(SOUTH, "a.public")).title == "south's"
    assert (await room.registry.find(NORTH, "a.public")).title == "north's"
    await room.service.change(SOUTH, "a.public", {"enabled": False}, None)
    with pytest.raises(NotFound):
        await room.registry.find(SOUTH, "a.public")
    assert "a.public" not in [one.name for one in await room.registry.visible(SOUTH)]


async def test_lists_are_filtered_and_paged(room: Room) -> None:
    await room.service.register(NORTH, new("a.one", tags=("math",), labels={"gpu": True, "room": "lab"}))
    await room.service.register(NORTH, new("a.two", enabled=False))

    def names(**wanted: Any) -> list[str]:
        return [one.name for one in room.service.page(NORTH, Filter(**wanted), None, 50).data]

    own = [f"builtin.{verb}" for verb in sorted(VERBS)]
    assert names() == ["a.one", "a.two", *own]
    assert (
        names(tag="math")
        == names(label="gpu")
        == names(label="gpu:true")
        == names(label="room:lab")
        == ["a.one"]
    )
    assert names(label="room:attic") == []
    assert names(origin="builtin") == own
    assert names(state="drifted") == []
    assert names(enabled=False) == ["a.two"]
    first = room.service.page(NORTH, Filter(), None, 2)
    second = room.service.page(NORTH, Filter(), first.next_cursor, 50)
    assert [one.name for one in (*first.data, *second.data)] == ["a.one", "a.two", *own]
    assert first.has_more
    assert not second.has_more


async def test_tools_are_what_a_model_can_call(room: Room) -> None:
    await room.service.register(NORTH, new("a.list", input_schema={"type": "array"}))
    long = f"module.{'x' * 100}"
    await room.service.register(NORTH, new(long))
    tools = room.service.tools(NORTH, Filter(), None, 50).data
    names = [tool.function.name for tool in tools]
    assert "builtin__chat" in names
    assert "a__list" not in names
    assert all(len(name) <= 64 for name in names)
    assert (await room.registry.by_tool(NORTH, tool_name(long))).name == long
    with pytest.raises(NotFound):
        await room.registry.by_tool(NORTH, "a__nothing")


@pytest.mark.parametrize("name", ["a__b", "a..b", ".a", "a.", "builtin.chat", "a b", "é", "a" * 129, ""])
async def test_names_that_are_refused(room: Room, name: str) -> None:
    with pytest.raises(BadInput):
        await room.service.register(NORTH, new(name))


async def test_examples_must_be_valid(room: Room) -> None:
    with pytest.raises(Unprocessable, match="example 'bad'"):
        await room.service.register(NORTH, new(examples=(Example("bad", {"x": "one"}),)))
    await room.service.register(NORTH, new(examples=(Example("good", {"x": 1}),)))
    with pytest.raises(Unprocessable):
        await room.service.change(NORTH, "math.solve", {"input_schema": {"type": "string"}}, None)


async def test_secrets_stay_with_the_host_they_are_for(room: Room) -> None:
    web = {"transport": "http", "endpoint": {"url": "http://8.8.8.8/a"}}
    made = await room.service.register(NORTH, new(**web, headers={"X-Key": "very-secret"}))
    assert made.header_names == ["X-Key"]
    async with room.db.read() as tx:
        row = (await tx.execute(sa.select(capabilities.c.headers_encrypted))).scalar_one()
    assert b"very-secret" not in row
    moved = await room.service.change(NORTH, "math.solve", {"endpoint": {"url": "http://8.8.8.8/b"}}, None)
    assert (moved.header_names, moved.version) == (["X-Key"], 2)
    gone = await room.service.change(NORTH, "math.solve", {"endpoint": {"url": "http://9.9.9.9/b"}}, None)
    assert gone.header_names == []
    back = await room.service.change(NORTH, "math.solve", {}, {"X-New": "other"})
    assert back.header_names == ["X-New"]
    first = await room.registry.find(NORTH, "math.solve", 1)
    assert room.calling.header_names(first) == []


@pytest.mark.parametrize(
    "header", [{"Host": "a"}, {"idempotency-key": "k"}, {"a b": "c"}, {"X-A": "b\r\nX-C: d"}]
)
async def test_headers_that_are_refused(room: Room, header: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        await room.service.register(NORTH, new(headers=header))


async def test_an_address_is_as_trusted_as_who_gave_it(room: Room) -> None:
    public = {"transport": "http", "endpoint": {"url": "http://8.8.8.8/"}}
    private = {"endpoint": {"url": "http://127.0.0.1:9/"}}
    await room.service.register(NORTH, new(**public))
    with pytest.raises(BadInput):
        await room.service.change(NORTH, "math.solve", private, None)
    assert not (await room.service.change(ADMIN, "math.solve", {"title": "seen"}, None)).trusted
    assert (await room.service.change(ADMIN, "math.solve", private, None)).trusted
    assert (await room.service.change(NORTH, "math.solve", {"title": "mine"}, None)).trusted
    later = {"endpoint": {"url": "http://8.8.4.4/"}}
    assert not (await room.service.change(NORTH, "math.solve", later, None)).trusted


async def test_what_an_importer_puts(room: Room) -> None:
    imported = new(origin="openapi", origin_ref="http://a.test/openapi.json", digest="d1")

    async def put(what: NewCapability) -> str:
        async with room.db.begin() as tx:
            _, outcome = await room.service.put(tx, NORTH, what)
        await room.service.published()
        return outcome

    assert [await put(imported), await put(imported)] == ["registered", "same"]
    async with room.db.begin() as tx:
        await room.service.mark(tx, NORTH, "math.solve", "drifted", {"state": "drifted"}, {"digest": "d2"})
    await room.service.published()
    assert room.service.show(NORTH, "math.solve").state == "drifted"
    assert await put(msgspec.structs.replace(imported, input_schema={}, digest="d2")) == "changed"
    shown = room.service.show(NORTH, "math.solve")
    assert (shown.state, shown.version) == ("active", 2)
    async with room.db.read() as tx:
        found = await store.of_origin(tx, NORTH, "openapi", "http://a.test/openapi.json")
        assert [one.capability.digest for one in found] == ["d2"]
        assert len(await store.imported(tx, "openapi")) == 1
    assert await room.told() == [
        (f"capability.{kind}", "north") for kind in ("registered", "drifted", "changed")
    ]


async def test_a_change_that_fails_leaves_nothing(room: Room) -> None:
    class Stopped(Exception):
        pass

    with pytest.raises(Stopped):
        async with room.db.begin() as tx:
            await room.service.put(tx, NORTH, new())
            raise Stopped
    await room.service.published()
    assert await room.told() == []
    with pytest.raises(NotFound):
        room.service.show(NORTH, "math.solve")


def test_the_house_s_own_are_in_order() -> None:
    own = own_capabilities()
    assert [one.endpoint["verb"] for one in own] == list(VERBS)
    for one in own:
        checker = make_checker(one.input_schema, "input_schema")
        assert one.output_schema is not None
        make_checker(one.output_schema, "output_schema")
        assert all(checker.first_fault(example.input, [1]) is None for example in one.examples)
