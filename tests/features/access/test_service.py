import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from features.access.process import ADMIN
from roundhouse.core.errors import BadInput, Conflict, NotAllowed, NotFound, NotSignedIn, Unprocessable
from roundhouse.core.types import Caller, Limits
from roundhouse.features.access.schemas import KeyPatch, KeyRotate
from roundhouse.infra.audit import entries, verify_chain

NORTH = Caller("key_n", site_id="north", scopes=frozenset({"keys", "inference"}))


async def audit_actions(process) -> list[str]:
    async with process.db.read() as tx:
        assert await verify_chain(tx) is None
        return [row.action for row in await entries(tx, site_id=None, before_seq=None, limit=100)]


async def test_a_key_is_shown_once_and_works(process):
    made = await process.key(
        scopes=["inference"],
        models=["desk/*"],
        routes=["/v1/chat/*"],
        site_id="north",
        user_id="u1",
        requests_per_minute=5,
        budget_usd=2.5,
        budget_period="day",
    )
    read = await process.keys.get(ADMIN, made.id)
    assert not hasattr(read, "key")
    assert made.key not in read.model_dump_json()
    caller = await process.caller(made.key)
    assert caller.key_id == caller.counts_as == made.id
    assert (caller.site_id, caller.user_id, caller.models) == ("north", "u1", ("desk/*",))
    assert caller.limits == Limits(requests_per_minute=5, budget_usd=2.5, budget_period="day")
    assert read.status == "active"
    assert read.budget_usd == 2.5


async def test_keys_are_bounded_by_their_maker(process):
    maker = Caller(
        "key_m",
        site_id="north",
        scopes=frozenset({"keys", "inference"}),
        models=("desk/*",),
        limits=Limits(requests_per_minute=10, budget_usd=1.0, budget_period="total"),
        expires_at_s=1_800_000_900.0,
    )
    made = await process.key(maker)
    assert (made.site_id, made.models, made.requests_per_minute) == ("north", ["desk/*"], 10)
    assert (made.budget_usd, made.budget_period) == (1.0, "total")
    assert made.expires_at == datetime.fromtimestamp(1_800_000_900, UTC)
    for wider in (
        {"scopes": ["ops"]},
        {"scopes": ["admin"]},
        {"site_id": "south"},
        {"models": ["*"]},
        {"requests_per_minute": 11},
        {"budget_usd": 1.0, "budget_period": "day"},
        {"expires_at": "2030-01-01T00:00:00Z"},
    ):
        with pytest.raises(NotAllowed):
            await process.key(maker, **wider)
    assert (await process.keys.list(ADMIN, site_id=None, cursor=None, limit=10)).data[0].id == made.id


async def test_a_key_that_has_ended_cannot_be_made(process):
    for ended in ("2001-01-01T00:00:00Z", "9999-12-31T23:59:59-10:00"):
        with pytest.raises(Unprocessable):
            await process.key(expires_at=ended)


async def test_tenants_do_not_see_each_others_keys(process):
    north = await process.key(site_id="north")
    south = await process.key(site_id="south")
    listed = await process.keys.list(NORTH, site_id="south", cursor=None, limit=10)
    assert [key.id for key in listed.data] == [north.id]
    for call in (
        process.keys.get(NORTH, south.id),
        process.keys.revoke(NORTH, south.id),
        process.keys.update(NORTH, south.id, KeyPatch(name="mine")),
        process.keys.rotate(NORTH, south.id, KeyRotate()),
    ):
        with pytest.raises(NotFound):
            await call
    assert (await process.keys.list(ADMIN, site_id="south", cursor=None, limit=10)).data[0].id == south.id


async def test_a_wider_key_of_the_same_tenant_cannot_be_touched(process):
    wide = await process.key(site_id="north", scopes=["admin"])
    for call in (
        process.keys.revoke(NORTH, wide.id),
        process.keys.update(NORTH, wide.id, KeyPatch(name="mine")),
        process.keys.rotate(NORTH, wide.id, KeyRotate()),
    ):
        with pytest.raises(NotAllowed):
            await call
    assert await process.caller(wide.key)


async def test_pages(process):
    made = [(await process.key(name=f"k{number}")).id for number in range(5)]
    seen, cursor = [], None
    while True:
        page = await process.keys.list(ADMIN, site_id=None, cursor=cursor, limit=2)
        seen += [key.id for key in page.data]
        assert page.has_more == (page.next_cursor is not None)
        if not page.has_more:
            break
        cursor = page.next_cursor
    assert sorted(seen) == sorted(made)
    assert len(seen) == 5
    for wrong in ("x", "!!", "MTIz", "ü"):
        with pytest.raises(BadInput):
            await process.keys.list(ADMIN, site_id=None, cursor=wrong, limit=2)


async def test_changes_are_in_force_at_once(process):
    made = await process.key(scopes=["inference", "ops"], requests_per_minute=5)
    assert (await process.caller(made.key)).may("ops")
    patch = KeyPatch.model_validate({"scopes": ["inference"], "requests_per_minute": None, "name": "renamed"})
    read = await process.keys.update(ADMIN, made.id, patch)
    assert (read.name, read.scopes, read.requests_per_minute) == ("renamed", ["inference"], None)
    caller = await process.caller(made.key)
    assert not caller.may("ops")
    assert caller.limits.requests_per_minute is None
    assert await audit_actions(process) == ["key.update", "key.create"]


async def test_a_change_cannot_widen_beyond_the_one_who_changes(process):
    made = await process.key(NORTH)
    with pytest.raises(NotAllowed):
        await process.keys.update(NORTH, made.id, KeyPatch(scopes=["inference", "ops"]))
    bounded = Caller(
        "key_b", site_id="north", scopes=NORTH.scopes, limits=Limits(requests_per_minute=3), models=("a/*",)
    )
    mine = await process.key(bounded)
    patch = KeyPatch.model_validate({"requests_per_minute": None, "models": [], "budget_period": None})
    read = await process.keys.update(bounded, mine.id, patch)
    assert (read.requests_per_minute, read.models) == (3, ["a/*"])


async def test_an_ended_key_can_be_renamed_and_prolonged(process, turned_clock):
    made = await process.key(expires_at=datetime.fromtimestamp(turned_clock.now_s() + 10, UTC))
    turned_clock.turn(11)
    with pytest.raises(NotSignedIn):
        await process.caller(made.key)
    assert (await process.keys.update(ADMIN, made.id, KeyPatch(name="old"))).status == "expired"
    later = datetime.fromtimestamp(turned_clock.now_s(), UTC) + timedelta(days=1)
    assert (await process.keys.update(ADMIN, made.id, KeyPatch(expires_at=later))).status == "active"
    assert await process.caller(made.key)


async def test_a_revoked_key_is_over(process):
    made = await process.key()
    await process.caller(made.key)
    assert (await process.keys.revoke(ADMIN, made.id)).status == "revoked"
    with pytest.raises(NotSignedIn):
        await process.caller(made.key)
    assert (await process.keys.revoke(ADMIN, made.id)).status == "revoked"
    with pytest.raises(Conflict):
        await process.keys.update(ADMIN, made.id, KeyPatch(name="again"))
    with pytest.raises(Conflict):
        await process.keys.rotate(ADMIN, made.id, KeyRotate())
    assert await audit_actions(process) == ["key.revoke", "key.create"]


async def test_rotation_overlaps_and_keeps_rights_and_budget(process, turned_clock):
    made = await process.key(scopes=["inference"], models=["a/*"], budget_usd=3)
    new = await process.keys.rotate(ADMIN, made.id, KeyRotate(overlap_s=60))
    old_caller, new_caller = await process.caller(made.key), await process.caller(new.key)
    assert new.rotated_from == made.id
    assert new_caller.counts_as == old_caller.counts_as == made.id
    assert (new_caller.models, new_caller.limits) == (old_caller.models, old_caller.limits)
    turned_clock.turn(61)
    with pytest.raises(NotSignedIn):
        await process.caller(made.key)
    assert await process.caller(new.key)
    third = await process.keys.rotate(ADMIN, new.id, KeyRotate(overlap_s=0))
    with pytest.raises(NotSignedIn):
        await process.caller(new.key)
    assert (await process.caller(third.key)).counts_as == made.id


async def test_rotation_does_not_prolong(process, turned_clock):
    end = datetime.fromtimestamp(turned_clock.now_s() + 100, UTC)
    made = await process.key(expires_at=end)
    new = await process.keys.rotate(ADMIN, made.id, KeyRotate(overlap_s=3600))
    assert new.expires_at == (await process.keys.get(ADMIN, made.id)).expires_at == end


async def test_two_rotations_at_once_leave_one_successor_each_and_no_error_but_conflict(process):
    made = await process.key()
    results = await asyncio.gather(
        *(process.keys.rotate(ADMIN, made.id, KeyRotate(overlap_s=0)) for _ in range(3)),
        return_exceptions=True,
    )
    assert [type(result).__name__ for result in results].count("KeyCreated") == 1
    assert all(isinstance(result, Conflict) for result in results if isinstance(result, Exception))
