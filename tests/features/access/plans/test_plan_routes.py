"""Plans and assignments over ASGI: who may make, see, assign and delete which."""

from typing import Any

import httpx
import pytest

from features.access.process import make_process
from features.access.served import serve
from roundhouse.core.types import Caller
from roundhouse.features.access.plans.quotas import PlanQuotas


@pytest.fixture
async def process(sqlite_url, turned_clock):
    made = make_process(sqlite_url, turned_clock)
    await made.watcher.start()
    yield made
    await made.watcher.close()
    await made.db.close()


@pytest.fixture
async def client(process):
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(serve(process)), base_url="http://test"
    ) as made:
        yield made


@pytest.fixture
async def admin(process) -> dict[str, str]:
    return {"Authorization": f"Bearer {(await process.key(scopes=['admin'])).key}"}


@pytest.fixture
async def keeper(process) -> dict[str, str]:
    made = await process.key(scopes=["keys", "audit:read"], site_id="north")
    return {"Authorization": f"Bearer {made.key}"}


async def make(client, who, **plan) -> str:
    answer = await client.post("/v1/quota-plans", headers=who, json={"name": "plan", **plan})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def test_the_life_of_a_plan(client, admin):
    made = await client.post(
        "/v1/quota-plans", headers=admin, json={"name": "gold", "template": "pro", "tasks_per_day": None}
    )
    plan = made.json()
    assert plan["object"] == "quota_plan"
    assert (plan["on_exceed"], plan["concurrent_tasks"], plan["tasks_per_day"]) == ("queue", 10, None)
    one = f"/v1/quota-plans/{plan['id']}"
    changed = await client.patch(one, headers=admin, json={"concurrent_tasks": None, "on_exceed": "reject"})
    assert changed.json()["concurrent_tasks"] is None
    assert (await client.get(one, headers=admin)).json() == changed.json()
    listed = (await client.get("/v1/quota-plans?limit=1", headers=admin)).json()
    assert (listed["object"], listed["data"][0]["id"], listed["has_more"]) == ("list", plan["id"], False)
    assigned = await client.put("/v1/quota-assignments", headers=admin, json={"plan_id": plan["id"]})
    assert assigned.json()["site_id"] == "default"
    assert (await client.delete(one, headers=admin)).json()["code"] == "conflict"
    again = await client.put("/v1/quota-assignments", headers=admin, json={"plan_id": plan["id"]})
    assert again.json()["id"] == assigned.json()["id"]
    of_mine = (await client.get("/v1/quotas/me", headers=admin)).json()["plans"]
    assert [one["applies_to"] for one in of_mine] == ["site"]
    assert {use["name"] for use in of_mine[0]["limits"]} == {"requests_per_minute", "cost_units_per_month"}
    listed = (await client.get("/v1/quota-assignments", headers=admin)).json()["data"]
    assert [row["id"] for row in listed] == [again.json()["id"]]
    assert (
        await client.delete(f"/v1/quota-assignments/{again.json()['id']}", headers=admin)
    ).status_code == 200
    assert (await client.delete(one, headers=admin)).status_code == 200
    assert (await client.get(one, headers=admin)).json()["code"] == "not_found"


async def test_a_keeper_sets_plans_for_users_of_its_site_only(client, admin, keeper):
    own = await make(client, keeper, template="free")
    shared = await make(client, admin, shared=True)
    elsewhere = await make(client, admin)
    put = "/v1/quota-assignments"
    assert (await client.put(put, headers=keeper, json={"plan_id": own, "user_id": "an"})).status_code == 200
    refused = [
        {"plan_id": own},
        {"plan_id": own, "user_id": "an", "site_id": "south"},
        {"plan_id": shared, "user_id": "an"},
    ]
    for body in refused:
        assert (await client.put(put, headers=keeper, json=body)).json()["code"] == "not_allowed", body
    gone = await client.put(put, headers=keeper, json={"plan_id": elsewhere, "user_id": "an"})
    assert gone.json()["code"] == "not_found"
    wrong = await client.put(put, headers=admin, json={"plan_id": own, "site_id": "south"})
    assert wrong.json()["code"] == "not_allowed"
    shown = {row["id"] for row in (await client.get("/v1/quota-plans", headers=keeper)).json()["data"]}
    assert shown == {own, shared}
    assert (
        await client.post("/v1/quota-plans", headers=keeper, json={"name": "x", "shared": True})
    ).status_code == 403
    assert (await client.patch(f"/v1/quota-plans/{shared}", headers=keeper, json={})).status_code == 403
    assert (await client.get(f"/v1/quota-plans/{elsewhere}", headers=keeper)).status_code == 404


async def test_what_an_admin_set_stays(client, admin, keeper):
    shared = await make(client, admin, shared=True)
    own = await make(client, keeper)
    body = {"plan_id": shared, "site_id": "north", "user_id": "an"}
    set_ = (await client.put("/v1/quota-assignments", headers=admin, json=body)).json()
    for answer in (
        await client.put("/v1/quota-assignments", headers=keeper, json={"plan_id": own, "user_id": "an"}),
        await client.delete(f"/v1/quota-assignments/{set_['id']}", headers=keeper),
    ):
        assert answer.json()["code"] == "not_allowed"


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "tasks_per_day": 0},
        {"name": "x", "on_exceed": "degrade_to_flow:"},
        {"name": "x", "on_exceed": "wait"},
        {"name": "x", "template": "gold"},
        {"name": "x", "unknown": 1},
        {},
    ],
)
async def test_what_is_no_plan(client, admin, body):
    assert (await client.post("/v1/quota-plans", headers=admin, json=body)).status_code == 422


async def test_how_plans_stand_is_told_of_the_own_site_and_narrowed(
    client, process, admin, keeper, turned_clock
):
    own = await make(client, keeper, tasks_per_day=5, concurrent_tasks=2)
    south = await make(client, admin, shared=True, requests_per_minute=9)
    put = "/v1/quota-assignments"
    for body in ({"plan_id": own, "user_id": "an"}, {"plan_id": own, "user_id": "an", "app_id": "shop"}):
        assert (await client.put(put, headers=keeper, json=body)).status_code == 200
    await client.put(put, headers=admin, json={"plan_id": south, "site_id": "south"})
    async with process.db.begin() as tx:
        caller = Caller("key_t", site_id="north", user_id="an")
        await PlanQuotas(turned_clock).reserve(tx, caller, "res_1")

    async def standing(who, query="") -> list[dict[str, Any]]:
        answer = await client.get(f"{put}/standing{query}", headers=who)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    shop, an = await standing(keeper)
    assert (an["object"], an["plan_id"], an["site_id"]) == ("quota_standing", own, "north")
    assert (an["user_id"], an["app_id"], an["applies_to"]) == ("an", None, "user")
    assert (shop["user_id"], shop["app_id"], shop["applies_to"]) == ("an", "shop", "user-app")
    assert [(use["name"], use["limit"], use["remaining"]) for use in an["limits"]] == [
        ("tasks_per_day", 5, 4),
        ("concurrent_tasks", 2, 2),
    ]
    assert an["limits"][0]["resets_at"] == "2027-01-16T00:00:00Z"
    assert [use["remaining"] for use in shop["limits"]] == [5, 2]
    # Admins see all sites, and narrow.
    assert [row["site_id"] for row in await standing(admin)] == ["south", "north", "north"]
    assert [row["app_id"] for row in await standing(admin, "?app_id=shop")] == ["shop"]
    assert [row["plan_id"] for row in await standing(admin, f"?plan_id={south}")] == [south]
    assert await standing(keeper, "?site_id=south") == []
    first = (await client.get(f"{put}/standing?limit=1", headers=keeper)).json()
    assert (first["has_more"], first["data"][0]["app_id"]) == (True, "shop")
    rest = (await client.get(f"{put}/standing?limit=1&cursor={first['next_cursor']}", headers=keeper)).json()
    assert (rest["has_more"], rest["data"][0]["app_id"]) == (False, None)
