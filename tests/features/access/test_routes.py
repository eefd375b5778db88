"""The room's routes over ASGI, and the guard of `infra.auth` with them."""

import json

import httpx
import pytest

from features.access.served import serve


@pytest.fixture
async def client(process):
    app = serve(process)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as made:
        made.app = app
        yield made


@pytest.fixture
async def admin(process) -> dict[str, str]:
    return {"Authorization": f"Bearer {(await process.key(scopes=['admin'])).key}"}


async def test_the_life_of_a_key(client, admin):
    created = await client.post(
        "/v1/keys",
        headers=admin,
        json={"name": "shop", "scopes": ["inference", "keys"], "requests_per_minute": 5},
    )
    assert created.status_code == 201
    key = created.json()
    assert key["key"].startswith("rh_")
    assert key["created_at"] == "2027-01-15T08:00:00Z"
    one = f"/v1/keys/{key['id']}"
    read = (await client.get(one, headers=admin)).json()
    assert "key" not in read
    assert read == {name: value for name, value in key.items() if name != "key"}
    listed = (await client.get("/v1/keys?limit=1", headers=admin)).json()
    assert listed["object"] == "list"
    assert [row["id"] for row in listed["data"]] == [key["id"]]
    assert listed["has_more"] and listed["next_cursor"]
    assert (await client.patch(one, headers=admin, json={"name": "shop 2"})).json()["name"] == "shop 2"
    rotated = await client.post(f"{one}/rotate", headers=admin, json={"overlap_s": 60})
    assert rotated.status_code == 201
    assert rotated.json()["rotated_from"] == key["id"]
    assert (await client.post(f"{one}/rotate", headers=admin)).status_code == 201
    assert (await client.delete(one, headers=admin)).json()["status"] == "revoked"
    old = {"X-API-Key": key["key"]}
    assert (await client.get("/v1/quotas/me", headers=old)).status_code == 401
    new = {"api-key": rotated.json()["key"]}
    assert (await client.get("/v1/quotas/me", headers=new)).json()["quotas"][0]["limit"] == 5


async def test_every_route_is_there_under_api_too(client, admin):
    for path in ("keys", "usage?group_by=day", "usage/records", "quotas/me", "audit", "audit/verification"):
        for prefix in ("/v1", "/api/v1"):
            assert (await client.get(f"{prefix}/{path}", headers=admin)).status_code == 200, path


async def test_without_a_key_nothing_is_told(client, admin):
    paths = [
        (method.upper(), path.replace("{key_id}", "key_x"))
        for path, methods in client.app.openapi()["paths"].items()
        for method in methods
    ]
    assert len(paths) == 22
    for method, path in paths:
        for headers in ({}, {"Authorization": "Bearer rh_wrong"}, {"Cookie": admin["Authorization"]}):
            assert (await client.request(method, path, headers=headers)).status_code == 401, path
        in_url = f"{path}?key={admin['Authorization'].removeprefix('Bearer ')}&api_key=x"
        assert (await client.request(method, in_url)).status_code == 401


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [("keys", {"keys"}), ("usage:read", {"usage"}), ("audit:read", {"audit"}), ("inference", set())],
)
async def test_scopes_open_their_routes_only(client, process, scope, allowed):
    headers = {"X-API-Key": (await process.key(scopes=[scope])).key}
    for path in ("keys", "usage", "audit"):
        status = (await client.get(f"/v1/{path}", headers=headers)).status_code
        assert status == (200 if path in allowed else 403)
    assert (await client.get("/v1/quotas/me", headers=headers)).status_code == 200


async def test_a_key_for_some_routes_only(client, process):
    headers = {
        "X-API-Key": (await process.key(scopes=["admin"], routes=["/v1/usage", "/v1/keys/{key_id}"])).key
    }
    for path, status in [
        ("/v1/usage", 200),
        ("/api/v1/usage", 200),
        ("/v1/usage/records", 403),
        ("/v1/keys", 403),
        ("/v1/keys/key_x", 404),
        ("/v1/keys/key_x/", 404),
    ]:
        answer = await client.get(path, headers=headers, follow_redirects=True)
        assert answer.status_code == status, path


REFUSED_BODIES = [
    {},
    {"name": ""},
    {"name": "a\x00b"},
    {"name": "x", "scopes": ["everything"]},
    {"name": "x", "unknown": 1},
    {"name": "x", "budget_usd": float("nan")},
    {"name": "x", "budget_usd": float("inf")},
    {"name": "x", "budget_usd": -1},
    {"name": "x", "requests_per_minute": 0},
    {"name": "x", "requests_per_minute": 10**13},
    {"name": "x", "site_id": "a\nb"},
    {"name": "x", "models": ["ü"]},
    {"name": "x", "expires_at": "tomorrow"},
    {"name": "x", "expires_at": "2001-01-01T00:00:00Z"},
]


async def test_bodies_that_are_refused(client, admin):
    for body in REFUSED_BODIES:
        answer = await client.post(
            "/v1/keys", headers={**admin, "content-type": "application/json"}, content=json.dumps(body)
        )
        assert answer.status_code == 422, answer.text


REFUSED_QUERIES = [
    "usage?from=nonsense",
    "usage?group_by=planet",
    "usage?limit=0",
    "usage?limit=201",
    "usage?site_id=%00",
    "usage?key_id=%00",
    "usage?from=2030-01-01",
    "usage?cursor=%00",
    "usage/records?cursor=abc",
    "keys?cursor=IgAi",
    "audit?cursor=IngiIg",
    "keys/a%00b",
]


async def test_queries_that_are_refused(client, admin):
    for query in REFUSED_QUERIES:
        assert (await client.get(f"/v1/{query}", headers=admin)).status_code in (400, 422)


FAR_AWAY = ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00", "253402300799", "-1"]


async def test_far_away_times_are_no_fault(client, admin):
    for moment in FAR_AWAY:
        for query in (f"from={moment}", f"to={moment}"):
            assert (await client.get(f"/v1/usage?{query}", headers=admin)).status_code in (200, 400, 422)


async def test_openapi_tells_where_the_key_goes(client):
    spec = client.app.openapi()
    schemes = spec["components"]["securitySchemes"]
    assert {scheme["type"] for scheme in schemes.values()} == {"http", "apiKey"}
    for methods in spec["paths"].values():
        for operation in methods.values():
            assert {name for entry in operation["security"] for name in entry} == set(schemes)
            assert all(len(entry) == 1 for entry in operation["security"])
