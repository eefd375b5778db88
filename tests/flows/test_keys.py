"""Keys over time: made, changed, rotated, ended, revoked, told of; asked of the whole product."""

import asyncio
import json
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from flows.calls import CHAT, EXTRACTIVE, make, records
from running_server import KEY, running
from serving import Client, House

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory):
    async with House(tmp_path_factory.mktemp("keys") / "data") as made:
        yield made


async def test_a_key_ends_when_it_says(house):
    ends = datetime.now(UTC) + timedelta(seconds=1.5)
    made = await make(house, expires_at=ends.isoformat())
    assert (await house.post("/v1/chat/completions", CHAT, key=made["key"])).status == 200
    await asyncio.sleep((ends - datetime.now(UTC)).total_seconds() + 0.05)
    for answer in (
        await house.post("/v1/chat/completions", CHAT, key=made["key"]),
        await house.get("/v1/quotas/me", key=made["key"]),
    ):
        assert (answer.status, answer.code) == (401, "not_signed_in")
    assert (await house.get(f"/v1/keys/{made['id']}")).json()["status"] == "expired"
    past = await house.post("/v1/keys", {"name": "late", "expires_at": "2020-01-01T00:00:00Z"})
    assert past.status == 422


async def test_rotation_overlaps_and_keeps_rights_and_limits(house):
    old = await make(house, models=[EXTRACTIVE], requests_per_minute=3)
    new = (await house.post(f"/v1/keys/{old['id']}/rotate", {"overlap_s": 2})).json()
    assert (new["rotated_from"], new["models"]) == (old["id"], [EXTRACTIVE])
    assert new["key"] != old["key"]
    for key in (old["key"], new["key"], old["key"]):
        assert (await house.post("/v1/chat/completions", CHAT, key=key)).status == 200
    for key in (old["key"], new["key"]):
        assert (await house.post("/v1/chat/completions", CHAT, key=key)).status == 429
    await asyncio.sleep(2.1)
    assert (await house.get("/v1/quotas/me", key=old["key"])).status == 401
    assert (await house.get("/v1/quotas/me", key=new["key"])).status == 200
    at_once = (await house.post(f"/v1/keys/{new['id']}/rotate", {"overlap_s": 0})).json()
    assert (await house.get("/v1/quotas/me", key=new["key"])).status == 401
    assert (await house.get("/v1/quotas/me", key=at_once["key"])).status == 200


@pytest.mark.parametrize("dialect", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def test_a_revoked_key_fails_in_another_process_within_a_second(tmp_path: Path, dialect: str, request):
    env = {} if dialect == "sqlite" else {"DATABASE_URL": request.getfixturevalue("postgres_server").make()}
    with running(tmp_path, **env) as first:
        admin = KEY.findall(first.out)[0]
        with running(tmp_path, **env) as second:
            assert KEY.findall(second.out) == []
            async with Client(first.url, admin) as here, Client(second.url, admin) as there:
                slow = []
                # The promise is a second; a machine with other work to do may break it once, not three times.
                for _ in range(3):
                    made = await make(here)
                    for one in (there, here):
                        assert (await one.post("/v1/chat/completions", CHAT, key=made["key"])).status == 200
                    await here.send("DELETE", f"/v1/keys/{made['id']}")
                    revoked_at = time.monotonic()
                    assert (await here.post("/v1/chat/completions", CHAT, key=made["key"])).status == 401
                    while (await there.post("/v1/chat/completions", CHAT, key=made["key"])).status != 401:
                        assert time.monotonic() - revoked_at < 20
                        await asyncio.sleep(0.02)
                    slow.append(time.monotonic() - revoked_at)
                    if slow[-1] <= 1.0:
                        break
                assert slow[-1] <= 1.0, slow


async def test_a_key_mints_no_wider_key(house):
    own = {"scopes": ["keys", "inference"], "models": ["gpt-*"], "routes": ["/v1/*"], "site_id": "north"}
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    maker = (await make(house, **own, requests_per_minute=10, budget_usd=1.0, expires_at=ends))["key"]
    made = await make(house, maker, scopes=["inference"])
    assert (made["site_id"], made["models"], made["requests_per_minute"]) == ("north", ["gpt-*"], 10)
    assert made["expires_at"] is not None
    for wider in (
        {"scopes": ["admin"]},
        {"scopes": ["inference", "providers"]},
        {"site_id": "south"},
        {"site_id": "default"},
        {"models": ["*"]},
        {"models": ["gpt-4o", EXTRACTIVE]},
        {"models": ["[g]pt-*", "x"]},
        {"routes": ["*"]},
        {"requests_per_minute": 11},
        {"budget_usd": 1.5},
        {"budget_usd": 1.0, "budget_period": "day"},
        {"expires_at": "2099-01-01T00:00:00Z"},
    ):
        answer = await house.post("/v1/keys", {"name": "wider", **wider}, key=maker)
        assert (answer.status, answer.code) == (403, "not_allowed"), wider
        changed = await house.send("PATCH", f"/v1/keys/{made['id']}", wider, key=maker)
        assert changed.status in (403, 422), wider
    for headers in ({"X-Site-Id": "south"}, {"X-Site-Id": "default"}):
        answer = await house.post("/v1/keys", {"name": "x"}, key=maker, headers=headers)
        assert answer.status == 403
    narrowed = await house.post(
        "/v1/keys", {"name": "x"}, key=maker, headers={"X-Scopes": "admin keys inference"}
    )
    assert narrowed.json()["scopes"] == ["inference"]


async def test_tenants_see_nothing_of_each_other(house):
    scopes = ["keys", "usage:read", "audit:read", "inference"]
    north, south = [await make(house, scopes=scopes, site_id=site) for site in ("site-n", "site-s")]
    for key in (north["key"], south["key"]):
        await make(house, key, scopes=["inference"])
        assert (await house.post("/v1/chat/completions", CHAT, key=key)).status == 200
    theirs = f"/v1/keys/{south['id']}"
    for method, path, body in (
        ("GET", theirs, None),
        ("PATCH", theirs, {"name": "mine"}),
        ("DELETE", theirs, None),
        ("POST", f"{theirs}/rotate", {}),
    ):
        answer = await house.send(method, path, body, key=north["key"])
        assert (answer.status, answer.code) == (404, "not_found")
    for query in ("", "&site_id=site-s", "&site_id=default"):
        listed = (await house.get(f"/v1/keys?limit=200{query}", key=north["key"])).json()["data"]
        assert {key["site_id"] for key in listed} == {"site-n"}
        used = await records(house, north["key"], query)
        assert {record["site_id"] for record in used} == {"site-n"}
        for group in ("key", "model", "site", "user", "day"):
            sums = (await house.get(f"/v1/usage?group_by={group}{query}", key=north["key"])).json()["data"]
            assert sum(one["requests"] for one in sums) == 1
    assert await records(house, north["key"], f"&key_id={south['id']}") == []
    entries = (await house.get("/v1/audit?limit=200", key=north["key"])).json()["data"]
    assert {entry["site_id"] for entry in entries} == {"site-n"}
    assert (await house.get("/v1/keys", key=north["key"], headers={"X-Site-Id": "site-s"})).status == 403
    for site in ("site-n", "site-s"):
        listed = (await house.get("/v1/keys", headers={"X-Site-Id": site, "X-Scopes": "keys"})).json()["data"]
        assert {key["site_id"] for key in listed} == {site}


async def test_the_audit_log_tells_and_holds_together(house):
    made = await make(house, name="audited", site_id="audit-site")
    await house.send("PATCH", f"/v1/keys/{made['id']}", {"name": "renamed"})
    await house.post(f"/v1/keys/{made['id']}/rotate", {})
    await house.send("DELETE", f"/v1/keys/{made['id']}")
    await house.post("/v1/aliases", {"name": "audited", "targets": [EXTRACTIVE]})
    await house.send("DELETE", "/v1/aliases/audited")
    entries = (await house.get("/v1/audit?limit=200")).json()["data"]
    actions = [entry["action"] for entry in entries if entry["target"] in (made["id"], "audited")]
    assert actions == ["alias.delete", "alias.create", "key.revoke", "key.rotate", "key.update", "key.create"]
    assert made["key"] not in json.dumps(entries)
    assert (await house.get("/v1/audit/verification")).json() == {
        "object": "audit.verification",
        "intact": True,
        "first_bad_id": None,
    }


async def test_a_changed_row_of_the_audit_log_is_found(tmp_path: Path):
    async with House(tmp_path / "data") as house:
        for number in range(3):
            await make(house, name=f"key {number}")
        victim = (await house.get("/v1/audit")).json()["data"][1]["id"]
        with closing(sqlite3.connect(tmp_path / "data" / "roundhouse.db")) as connection, connection:
            connection.execute("UPDATE audit_log SET action = 'key.nothing' WHERE id = ?", (victim,))
        found = (await house.get("/v1/audit/verification")).json()
        assert (found["intact"], found["first_bad_id"]) == (False, victim)
