"""Tasks through the whole product: ordered, waited for, followed, looked at, cancelled, tried again."""

import asyncio
from pathlib import Path

import pytest

from executing import executing, in_state, streaming
from serving import House

SCHEMA = {
    "type": "object",
    "properties": {"expression": {"type": "string"}, "token": {"type": "string", "writeOnly": True}},
    "required": ["expression"],
}
INPUT = {"expression": "2+3"}
ASKED = {"capability": "math.solve", "input": INPUT}
WAIT = {"Prefer": "wait=20"}


@pytest.fixture
async def house(tmp_path: Path, db_url: str):
    async with House(tmp_path / "data", db={"url": db_url}) as running:
        await register(running, "math.solve", {"answer": {"result": 5}}, idempotent=True)
        yield running


@pytest.fixture
async def queueing(tmp_path: Path, db_url: str):
    """One that leaves all to executors, and takes two tasks."""
    settings = {"tasks": {"at_once": 0}, "jobs": {"max_queued": 2}}
    async with House(tmp_path / "data", db={"url": db_url}, **settings) as running:
        await register(running, "math.solve", {"answer": {"result": 5}}, idempotent=True)
        yield running


async def register(house: House, name: str, endpoint: dict, **more) -> None:
    body = {"name": name, "transport": "fake", "endpoint": endpoint, "input_schema": SCHEMA, **more}
    answer = await house.post("/v1/capabilities", body)
    assert answer.status == 201, answer.body


async def test_a_task_from_its_order_to_its_trace(house):
    answer = await house.post("/v1/tasks", {**ASKED, "metadata": {"order": "7"}}, headers=WAIT)
    task = answer.json()
    assert answer.status == 200, answer.body
    assert answer.headers["preference-applied"] == "wait=20"
    assert answer.headers["location"] == task["links"]["self"] == f"/v1/tasks/{task['id']}"
    assert (task["state"], task["output"], task["metadata"]) == ("completed", {"result": 5}, {"order": "7"})
    assert (await house.get(task["links"]["self"])).json() == task
    trace = (await house.get(task["links"]["trace"])).json()
    assert (trace["input"], trace["output"], trace["decided_by"]) == (
        INPUT,
        {"result": 5},
        "capability:math.solve",
    )
    (attempt,) = trace["steps"][0]["attempts"]
    assert (attempt["n"], attempt["state"], attempt["target"]) == (1, "ok", "math.solve@1")
    assert attempt["response"]["output"] == {"result": 5}
    assert attempt["idempotency_key"] == f"{task['id']}:call:1"
    async with streaming(house, task["links"]["events"]) as stream:
        events = await stream.rest()
    assert [one["type"] for one in events] == ["task.created", "task.started", "task.completed"]
    async with streaming(house, task["links"]["events"], last_id=events[0]["id"]) as stream:
        assert [one["type"] for one in await stream.rest()] == ["task.started", "task.completed"]
    listed = (await house.get("/v1/tasks?capability=math.solve&state=completed&since=2020-01-01")).json()
    assert [one["id"] for one in listed["data"]] == [task["id"]]
    for empty in ("capability=other", "state=dead", "flow=x", "since=2100-01-01"):
        assert (await house.get(f"/v1/tasks?{empty}")).json()["data"] == []
    job = (await house.get(f"/v1/jobs/{task['id']}")).json()
    assert (job["kind"], job["state"]) == ("task", "completed")


async def test_who_does_not_wait_is_answered_at_once(house):
    await register(house, "slow.one", {"delay_s": 30.0})
    answer = await house.post("/v1/tasks", {"capability": "slow.one", "input": INPUT})
    task = answer.json()
    assert (answer.status, task["state"], "preference-applied" in answer.headers) == (202, "running", False)
    answer = await house.post(
        "/v1/tasks", {"capability": "slow.one", "input": INPUT}, headers={"Prefer": "wait=1"}
    )
    assert (answer.status, answer.json()["state"]) == (202, "running")
    assert answer.headers["preference-applied"] == "wait=1"
    cancelled = await house.post(f"/v1/tasks/{task['id']}/cancel")
    assert cancelled.status == 200
    async with streaming(house, f"/v1/tasks/{task['id']}/events") as stream:
        assert (await stream.rest())[-1]["type"] == "task.cancelled"
    signal = await house.post(f"/v1/tasks/{answer.json()['id']}/signal", {"name": "go"})
    assert (signal.status, signal.json()["error"]["param"]) == (404, "name")


async def test_what_is_asked_wrongly(house):
    asked = {"capability": "math.solve", "input": {"expression": 5}}
    answer = await house.post("/v1/tasks", asked)
    assert (answer.status, answer.json()["error"]["param"]) == (422, "/expression")
    for body, status in (
        ({"input": INPUT}, 422),
        ({**ASKED, "flow": "x"}, 422),
        ({"flow": "x", "input": {}}, 404),
        ({**ASKED, "webhook": "nowhere"}, 400),
        ({**ASKED, "store": "none"}, 422),
        ({**ASKED, "deadline_s": 0}, 422),
        ({**ASKED, "metadata": {"note": "x" * 2001}}, 422),
        ({**ASKED, "metadata": {"x" * 65: "note"}}, 422),
        ({"capability": "no.such", "input": {}}, 404),
        ({"capability": "math.solve@7", "input": INPUT}, 404),
    ):
        answer = await house.post("/v1/tasks", body)
        assert answer.status == status, (body, answer.body)
    for key in ("", "a b", "x" * 256):
        answer = await house.post("/v1/tasks", ASKED, headers={"Idempotency-Key": key})
        assert answer.status == 400, key
    assert (await house.get("/v1/tasks")).json()["data"] == []
    assert (await house.get("/v1/tasks/job_none")).status == 404


async def test_what_may_not_leave_the_house(house):
    bound = {"X-Roundhouse-Privacy": "local_only"}
    await register(house, "t.away", {"outside": True})
    await register(house, "t.passing", {}, labels={"outside": True})
    for name in ("t.away", "t.passing"):
        asked = {"capability": name, "input": INPUT}
        refused = await house.post("/v1/tasks", {**asked, "privacy": "local_only"})
        assert (refused.status, refused.code) == (403, "not_local")
        refused = await house.post(f"/v1/run/{name}", INPUT, headers=bound)
        assert (refused.status, refused.code) == (403, "not_local")
        assert (await house.post(f"/v1/run/{name}", INPUT)).status == 200
    assert (await house.post("/v1/tasks", {**ASKED, "privacy": "anything"})).status == 422
    wrong = await house.post("/v1/run/math.solve", INPUT, headers={"X-Roundhouse-Privacy": "local"})
    assert wrong.status == 422
    key = {"Idempotency-Key": "k", **WAIT}
    done = (await house.post("/v1/tasks", {**ASKED, "privacy": "local_only"}, headers=key)).json()
    assert (done["state"], done["privacy"]) == ("completed", "local_only")
    assert (await house.post("/v1/tasks", ASKED, headers=key)).status == 422
    listed = (await house.get("/v1/tasks?capability=math.solve")).json()["data"]
    assert [one["privacy"] for one in listed] == ["local_only"]
    # The model that is part of the product is inside.
    said = await house.post("/v1/run/builtin.chat", {"prompt": "Hello", "model": "auto"}, headers=bound)
    assert (said.status, said.json()["model"].partition("/")[0]) == (200, "roundhouse"), said.body


async def test_secrets_of_an_input_are_shown_nowhere(house):
    given = {**INPUT, "token": "tok-5e1"}
    ids = [(await house.post("/v1/tasks", {**ASKED, "input": given}, headers=WAIT)).json()["id"]]
    steps = [{"id": "a", "use": "math.solve"}, {"id": "p", "human": {}, "when": ["ok"]}]
    flow = {"input_schema": SCHEMA, "steps": steps}
    assert (await house.send("PUT", "/v1/flows/secret", flow)).status == 200
    async with executing(house):
        asked = (await house.post("/v1/tasks", {"flow": "secret", "input": given})).json()
        ids.append(asked["id"])
        await in_state(house, asked["id"], "waiting", "failed")
    pages = ["/v1/jobs", "/v1/tasks", "/v1/human"]
    for each in ids:
        pages += [
            f"/v1/jobs/{each}",
            f"/v1/tasks/{each}",
            f"/v1/tasks/{each}/trace",
            "/v1/events?limit=200",
        ]
    for page in pages:
        answer = await house.get(page)
        assert answer.status == 200, page
        assert "tok-5e1" not in answer.body.decode(), page
    shown = [(await house.get(f"/v1/jobs/{each}")).json()["input"] for each in ids]
    assert shown == [{"capability": "math.solve", "version": 1}, {"flow": "secret", "version": 1}]
    (request,) = (await house.get("/v1/human")).json()["data"]
    trace = (await house.get(f"/v1/tasks/{ids[1]}/trace")).json()
    assert trace["input"] == request["context"]["input"] == {**INPUT, "token": "***"}


async def test_fifty_posts_with_one_key(house):
    headers = {"Idempotency-Key": "one"}
    answers = await asyncio.gather(*(house.post("/v1/tasks", ASKED, headers=headers) for _ in range(50)))
    assert {one.status for one in answers} <= {200, 202, 409}
    assert len({one.json()["id"] for one in answers if one.status != 409}) == 1
    assert {one.code for one in answers if one.status == 409} <= {"idempotency_in_flight"}
    assert len((await house.get("/v1/tasks")).json()["data"]) == 1
    other = await house.post("/v1/tasks", {**ASKED, "priority": 1}, headers=headers)
    assert (other.status, other.code) == (422, "idempotency_mismatch")


async def test_of_what_is_not_kept_nothing_is_found(house):
    asked = {**ASKED, "input": {**INPUT, "token": "s3cret"}, "store": "none", "metadata": {"a": "b"}}
    answer = await house.post("/v1/tasks", asked, headers=WAIT)
    task = answer.json()
    assert (answer.status, task["output"]) == (200, {"result": 5})
    trace = (await house.get(f"/v1/tasks/{task['id']}/trace")).json()
    assert (trace["input"], trace["output"], trace["task"]["metadata"]) == (None, None, {})
    assert trace["steps"][0]["attempts"][0]["ms"] >= 0
    kept = await house.post("/v1/tasks", {**asked, "store": "full"}, headers=WAIT)
    trace = (await house.get(kept.json()["links"]["trace"])).json()
    assert trace["input"] == {"expression": "2+3", "token": "***"}


async def test_an_executor_does_what_the_server_leaves(queueing):
    house = queueing
    answers = [await house.post("/v1/tasks", ASKED) for _ in range(3)]
    assert [one.status for one in answers] == [202, 202, 429]
    assert (answers[2].code, int(answers[2].headers["retry-after"]) >= 1) == ("queue_full", True)
    first, second = (one.json() for one in answers[:2])
    assert (first["state"], first["position"], second["position"]) == ("queued", 0, 1)
    assert first["reason"] == "no_worker"
    await house.post(f"/v1/tasks/{second['id']}/cancel")
    async with executing(house):
        waited = await house.post("/v1/tasks", ASKED, headers=WAIT)
        assert (waited.status, waited.json()["output"]) == (200, {"result": 5})
        again = await house.post(f"/v1/tasks/{second['id']}/retry")
        assert again.status == 200
        async with streaming(house, f"/v1/tasks/{second['id']}/events") as stream:
            assert (await stream.rest())[-1]["type"] == "task.completed"
        assert (await house.post(f"/v1/tasks/{second['id']}/retry")).status == 409
        assert (await house.post(f"/v1/tasks/{second['id']}/signal", {"name": "go"})).status == 409


async def test_the_old_forms(house):
    answer = await house.post("/gateway/tasks/dispatch", {"capability": "math.solve", "payload": INPUT})
    told = answer.json()
    assert (answer.status, answer.headers["location"]) == (202, f"/api/tasks/{told['tracking_id']}")
    async with streaming(house, f"/v1/tasks/{told['tracking_id']}/events") as stream:
        await stream.rest()
    found = (await house.get(answer.headers["location"])).json()
    assert (found["status"], found["result"], found["site_id"]) == ("completed", {"result": 5}, "default")
    assert (await house.post("/gateway/tasks/dispatch", {"capability": "no.such"})).status == 404
