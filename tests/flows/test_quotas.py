"""Quota plans through the whole product: counted with the task, refused, put off, degraded, given back."""

from pathlib import Path

import pytest

from executing import ended, executing
from flows.calls import make
from serving import House

ASKED = {"capability": "math.solve", "input": {"expression": "2+3"}}
WAIT = {"Prefer": "wait=20"}


@pytest.fixture
async def house(tmp_path: Path, db_url: str):
    async with House(tmp_path / "data", db={"url": db_url}) as running:
        await register(running, "math.solve", {"answer": {"result": 5}})
        await register(running, "math.slow", {"delay_s": 30.0})
        yield running


async def register(house: House, name: str, endpoint: dict) -> None:
    body = {"name": name, "transport": "fake", "endpoint": endpoint, "input_schema": {"type": "object"}}
    answer = await house.post("/v1/capabilities", body)
    assert answer.status == 201, answer.body


async def assigned(house: House, **limits) -> str:
    """A key of the user `an`, with a plan; the key."""
    plan = await house.post("/v1/quota-plans", {"name": "small", **limits})
    assert plan.status == 201, plan.body
    body = {"plan_id": plan.json()["id"], "user_id": "an"}
    assert (await house.send("PUT", "/v1/quota-assignments", body)).status == 200
    return (await make(house, scopes=["tasks", "usage:read"], user_id="an"))["key"]


async def left(house: House, key: str) -> dict[str, float]:
    (plan,) = (await house.get("/v1/quotas/me", key=key)).json()["plans"]
    return {use["name"]: use["remaining"] for use in plan["limits"]}


async def test_a_plan_counts_tells_and_refuses(house):
    key = await assigned(house, tasks_per_day=2, max_input_bytes=100)
    answer = await house.post("/v1/tasks", ASKED, key=key, headers=WAIT)
    assert answer.status == 200, answer.body
    assert answer.headers["ratelimit-policy"] == '"tasks_per_day";q=2;w=86400'
    assert answer.headers["ratelimit"].startswith('"tasks_per_day";r=1;t=')
    large = await house.post("/v1/tasks", {**ASKED, "input": {"text": "x" * 100}}, key=key)
    assert (large.status, large.code) == (413, "too_large")
    assert (await left(house, key)) == {"tasks_per_day": 1}
    assert (await house.post("/v1/tasks", ASKED, key=key, headers=WAIT)).status == 200
    answer = await house.post("/v1/tasks", ASKED, key=key)
    assert (answer.status, answer.code) == (429, "plan_exceeded")
    assert answer.json()["resets_at"].endswith("T00:00:00Z")
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["ratelimit"].startswith('"tasks_per_day";r=0;t=')
    assert (await house.post("/v1/tasks", ASKED)).status == 202
    await house.app.quota_events.tell()
    # As the operator sees them: a key of one user sees no events of the whole site.
    answer = await house.get("/v1/events?limit=9&types=quota.*")
    told = [event["type"] for event in answer.json()["data"]]
    assert told.count("quota.exceeded") == 1


async def test_a_place_is_given_when_one_is_free_and_a_cancelled_task_is_none(house):
    key = await assigned(house, concurrent_tasks=1, tasks_per_day=5, on_exceed="queue")
    slow = (await house.post("/v1/tasks", {**ASKED, "capability": "math.slow"}, key=key)).json()
    assert slow["state"] == "running"
    second = (await house.post("/v1/tasks", ASKED, key=key)).json()
    third = (await house.post("/v1/tasks", ASKED, key=key)).json()
    assert {second["state"], third["state"]} <= {"queued", "scheduled"}
    assert (await left(house, key)) == {"concurrent_tasks": 0, "tasks_per_day": 2}
    await house.post(f"/v1/tasks/{third['id']}/cancel", key=key)
    assert (await left(house, key)) == {"concurrent_tasks": 0, "tasks_per_day": 3}
    await house.post(f"/v1/tasks/{slow['id']}/cancel", key=key)
    async with executing(house):
        # Looked for every second.
        assert (await ended(house, second["id"]))["state"] == "completed"


async def test_a_flow_does_it_instead(house):
    flow = {"steps": [{"id": "only", "use": "math.solve"}]}
    answer = await house.send("PUT", "/v1/flows/cheap", flow)
    assert answer.status in (200, 201), answer.body
    key = await assigned(house, tasks_per_day=1, on_exceed="degrade_to_flow:cheap")
    first = await house.post("/v1/tasks", ASKED, key=key, headers=WAIT)
    assert (first.json()["capability"], first.json()["flow"]) == ("math.solve", None)
    second = await house.post("/v1/tasks", ASKED, key=key)
    assert (second.status, second.json()["flow"]) == (202, "cheap")
    assert (await left(house, key)) == {"tasks_per_day": 0}
