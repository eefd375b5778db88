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


async def test_what_a_call_costs_is_reserved_and_settled(house):
    changed = await house.send("PATCH", "/v1/capabilities/math.solve", {"cost_units": 2.5})
    assert (changed.status, changed.json()["cost_units"], changed.json()["version"]) == (200, 2.5, 2)
    for wrong in (-1, 1e10, "2", None):
        body = {"name": "math.wrong", "transport": "fake", "endpoint": {}, "cost_units": wrong}
        assert (await house.post("/v1/capabilities", body)).status == 422
    flow = {"steps": [{"id": "one", "use": "math.solve"}, {"id": "two", "use": "math.slow"}]}
    assert (await house.send("PUT", "/v1/flows/both", flow)).status in (200, 201)
    key = await assigned(house, cost_units_per_month=10)
    done = await house.post("/v1/tasks", ASKED, key=key, headers=WAIT)
    assert (done.json()["cost"], await left(house, key)) == (2.5, {"cost_units_per_month": 7.5})
    run = await house.post("/v1/tasks", {"flow": "both", "input": {"expression": "1"}}, key=key)
    assert (run.json()["cost"], await left(house, key)) == (0, {"cost_units_per_month": 4})
    async with executing(house):
        assert (await ended(house, run.json()["id"]))["state"] == "completed"
    task = (await house.get(f"/v1/tasks/{run.json()['id']}", key=key)).json()
    assert (task["cost"], await left(house, key)) == (2.5, {"cost_units_per_month": 5})
    trace = (await house.get(task["links"]["trace"], key=key)).json()
    assert [one["cost"] for step in trace["steps"] for one in step["attempts"]] == [2.5]
    listed = (await house.get("/v1/tasks", key=key)).json()["data"]
    assert {one["id"]: one["cost"] for one in listed} == {task["id"]: 2.5, done.json()["id"]: 2.5}
    # What is left is less than it may cost.
    await house.send("PATCH", "/v1/capabilities/math.solve", {"cost_units": 6})
    refused = await house.post("/v1/tasks", ASKED, key=key)
    assert (refused.status, refused.code) == (429, "plan_exceeded")


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
