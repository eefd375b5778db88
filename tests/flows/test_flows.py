"""Flows and people through the whole product: kept, pretended, run, asked, answered, by key and by link."""

import asyncio
from pathlib import Path
from urllib.parse import urlencode

import pytest

from executing import executing, in_state, streaming
from serving import House

STEPS = [
    {"id": "fast", "use": "t.down", "retry": {"max": 1}},
    {"id": "backup", "use": "t.unsure", "accept": {"expr": "output.confidence >= 0.7"}},
    {
        "id": "person",
        "human": {
            "kind": "edit",
            "title": "Solve {{ $.input.expression }}",
            "assignees": ["user:an", "group:tutors"],
            "form": "#cap/t.unsure/output",
            "prefill": "$.best_output",
        },
    },
]
OUTPUT = {
    "type": "object",
    "properties": {"result": {"type": "number"}, "confidence": {"type": "number"}},
    "required": ["result"],
}


@pytest.fixture
async def house(tmp_path: Path, db_url: str):
    async with House(tmp_path / "data", db={"url": db_url}) as running, executing(running):
        await register(running, "t.down", {"fail": "down"})
        await register(
            running, "t.unsure", {"answer": {"result": 4, "confidence": 0.2}}, output_schema=OUTPUT
        )
        yield running


async def register(house: House, name: str, endpoint: dict, **more) -> None:
    body = {"name": name, "transport": "fake", "endpoint": endpoint, "idempotent": True, **more}
    answer = await house.post("/v1/capabilities", body)
    assert answer.status == 201, answer.body


async def put(house: House, name: str, flow: dict) -> dict:
    answer = await house.send("PUT", f"/v1/flows/{name}", flow)
    assert answer.status == 200, answer.body
    return answer.json()


async def asked(house: House, flow: str, given: dict) -> tuple[str, dict]:
    """A task of a flow that waits for a person: its id, and what is asked."""
    answer = await house.post("/v1/tasks", {"flow": flow, "input": given})
    assert answer.status in (200, 202), answer.body
    task_id = answer.json()["id"]
    job = await in_state(house, task_id, "waiting", "failed", "completed")
    assert job["state"] == "waiting", job
    found = (await house.get(f"/v1/human?task_id={task_id}")).json()["data"]
    return task_id, found[0]


async def output(house: House, task_id: str) -> dict:
    await in_state(house, task_id, "completed", "failed")
    return (await house.get(f"/v1/tasks/{task_id}")).json()


async def test_a_flow_from_its_json_to_its_trace(house):
    made = await put(house, "solve", {"title": "Solve", "steps": STEPS})
    assert (made["version"], made["source"], made["warnings"]) == (1, "own", [])
    task_id, request = await asked(house, "solve", {"expression": "2+3"})
    assert (request["title"], request["draft"]) == ("Solve 2+3", {"result": 4, "confidence": 0.2})
    assert [one["class"] for one in request["context"]["tries"]] == ["unavailable", "rejected"]
    for people, count in (("user:an", 1), ("user:bo", 0), ("user:bo&assignee=group:tutors", 1), ("me", 0)):
        inbox = await house.get(f"/v1/human?state=open&assignee={people}&task_id={task_id}")
        assert (inbox.status, len(inbox.json()["data"])) == (200, count), people
    assert (await house.get("/v1/human?assignee=an")).status == 422
    wrong = await house.post(f"/v1/human/{request['id']}/answer", {"answer": {"result": "five"}})
    assert (wrong.status, wrong.json()["error"]["param"]) == (422, "/answer/result")
    said = {"answer": {"result": 5}, "comment": "Checked."}
    done = await house.post(f"/v1/human/{request['id']}/answer", said)
    assert (done.status, done.json()["state"]) == (200, "answered")
    second = await house.post(f"/v1/human/{request['id']}/answer", said)
    assert (second.status, second.code) == (409, "already_answered")
    task = await output(house, task_id)
    assert (task["state"], task["flow"], task["version"], task["output"]) == (
        "completed",
        "solve",
        1,
        {"result": 5},
    )
    trace = (await house.get(f"/v1/tasks/{task_id}/trace")).json()
    assert [one["id"] for one in trace["steps"]] == ["fast", "backup"]
    assert (trace["decided_by"], trace["human"][0]["comment"]) == (
        f"human:{done.json()['answered_by']}",
        "Checked.",
    )
    assert {one["pointer"] for one in trace["human"][0]["changes"]} == {"/result", "/confidence"}
    kinds = [one["type"] for one in trace["events"]]
    for kind in ("task.fallback", "task.step_failed", "human.requested", "human.answered", "task.completed"):
        assert kind in kinds


async def test_flows_are_checked_kept_and_pretended(house):
    wrong = {"steps": [{"id": "a", "use": "t.down", "accept": {"expr": "output >"}}]}
    answer = await house.send("PUT", "/v1/flows/g", wrong)
    assert (answer.status, answer.json()["error"]["param"]) == (422, "/steps/0/accept/expr")
    found = (await house.post("/v1/flows/g/validate", wrong)).json()
    assert (found["valid"], found["problems"][0]["pointer"]) == (False, "/steps/0/accept/expr")
    form = {"steps": [{"id": "p", "human": {"form": {"type": "nothing"}}}]}
    assert (await house.send("PUT", "/v1/flows/g", form)).status == 422
    flow = {"steps": [{"id": "a", "use": "no.such"}, *STEPS]}
    made = await put(house, "g", flow)
    assert made["warnings"][0]["pointer"] == "/steps/0/use"
    assert (await put(house, "g", flow))["version"] == 1
    assert (await put(house, "g", {"steps": STEPS, "version": 1}))["version"] == 2
    stale = await house.send("PUT", "/v1/flows/g", {"steps": STEPS[:1], "version": 1})
    assert (stale.status, stale.code) == (409, "conflict")
    assert (await house.get("/v1/flows/g?version=1")).json()["spec"]["steps"][0]["use"] == "no.such"
    versions = (await house.get("/v1/flows/g/versions?limit=1")).json()
    assert ([one["version"] for one in versions["data"]], versions["has_more"]) == ([2], True)
    before = (await house.get("/v1/human?state=all")).json()["data"]
    pretended = await house.post(
        "/v1/flows/g/simulate", {"fail": ["fast", "backup"], "input": {"expression": "1"}}
    )
    seen = pretended.json()
    assert [
        (one["step"], one["action"], one["outcome"]) for one in seen["path"] if one["action"] != "pause"
    ] == [
        ("fast", "call", "unavailable"),
        ("backup", "call", "unavailable"),
        ("backup", "call", "unavailable"),
        ("person", "ask", "ok"),
    ]
    assert (seen["state"], seen["decided_by"]) == ("completed", "human:user:an")
    for fail, state, code in (
        ({"fast": "invalid_input"}, "failed", "invalid_input"),
        ({"fast": "unknown_outcome"}, "completed", None),
    ):
        seen = (await house.post("/v1/flows/g/simulate", {"fail": fail, "input": {}})).json()
        assert (seen["state"], (seen["error"] or {}).get("code")) == (state, code)
    assert (await house.get("/v1/human?state=all")).json()["data"] == before
    assert (await house.post("/v1/flows/g/simulate", {"fail": ["x"]})).status == 422
    assert (await house.send("DELETE", "/v1/flows/g")).json()["deleted"] is True
    assert (await house.get("/v1/flows/g")).status == 404
    assert (await put(house, "g", {"steps": STEPS}))["version"] == 3


async def test_a_mail_scanner_decides_nothing(house):
    await put(house, "link", {"steps": [{"id": "person", "human": {"title": "דחוף <b>", "form": OUTPUT}}]})
    task_id, request = await asked(house, "link", {"expression": "<script>"})
    made = await house.post(f"/v1/human/{request['id']}/links", {"assignee": "user:an"})
    assert made.status == 201
    path = made.json()["path"]
    for language, word in (
        ("vi-VN,vi;q=0.9", "Gửi câu trả lời"),
        ("he", 'dir="rtl"'),
        ("zh-CN", "提交答复"),
        ("fr", "Send"),
    ):
        page = await house.get(path, key="", headers={"Accept-Language": language})
        assert (page.status, word in page.body.decode()) == (200, True), language
        assert "<script>" not in page.body.decode()
        assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (await house.send("HEAD", path, key="")).status in (200, 405)
    assert (await house.get(f"/v1/human/{request['id']}")).json()["state"] == "open"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for sent, status in (({}, 400), ({"decision": "answer", "f.result": "x"}, 422)):
        assert (await post_form(house, path, sent, form)).status == status
    sent = {"decision": "answer", "f.result": "5", "comment": "By mail."}
    assert (await post_form(house, path, sent, form)).status == 200
    assert (await post_form(house, path, sent, form)).status == 409
    assert (await house.get(path, key="")).status == 409
    assert (await house.get(path + "x", key="")).status == 404
    task = await output(house, task_id)
    assert task["output"] == {"result": 5}
    found = (await house.get(f"/v1/human/{request['id']}")).json()
    assert (found["answered_by"], found["comment"]) == ("user:an", "By mail.")


async def post_form(house: House, path: str, sent: dict, headers: dict):
    return await house.send("POST", path, data=urlencode(sent).encode(), key="", headers=headers)


async def test_signals_are_heard_once_and_others_refused(house):
    steps = [
        {"id": "pay", "signal": "paid"},
        {"id": "ship", "signal": "shipped", "timeout_s": 1},
        {"id": "person", "human": {}},
    ]
    made = await put(house, "order", {"steps": steps, "output": "$.steps.pay.output"})
    assert [one["pointer"] for one in made["warnings"]] == ["/steps/0/signal"]
    task = (await house.post("/v1/tasks", {"flow": "order", "input": {}})).json()
    path = f"/v1/tasks/{task['id']}/signal"
    waiting = await in_state(house, task["id"], "waiting", "failed")
    assert waiting["waiting_for"] == "signal.paid"
    for name, payload, status, code in (
        ("payd", None, 404, "not_found"),
        ("paid", "x" * 65_536, 413, "too_large"),
        ("paid", {"sum": 3}, 200, None),
        ("paid", {"sum": 4}, 409, "already_answered"),
        ("human:x:1", None, 422, "unprocessable"),
    ):
        answer = await house.post(path, {"name": name, "payload": payload})
        assert (answer.status, answer.code if code else None) == (status, code), answer.body
    async with streaming(house, task["links"]["events"]) as stream:
        while (told := await stream.next()) is not None and told["type"] != "human.requested":
            pass
    late = await house.post(path, {"name": "shipped"})
    assert (late.status, late.code) == (410, "expired")
    await house.post(f"/v1/tasks/{task['id']}/cancel")
    ended = await house.post(path, {"name": "shipped"})
    assert (ended.status, ended.code) == (409, "conflict")
    trace = (await house.get(f"/v1/tasks/{task['id']}/trace")).json()
    assert [(one["name"], one["state"], one.get("payload")) for one in trace["signals"]] == [
        ("paid", "came", {"sum": 3}),
        ("shipped", "expired", None),
    ]
    audit = (await house.get("/v1/audit?action=task.signal")).json()["data"]
    assert [(one["target"], one["detail"]) for one in audit] == [(task["id"], {"signal": "paid"})]
    pretended = [
        (await house.post("/v1/flows/order/simulate", asked)).json()
        for asked in ({"outputs": {"pay": 5}}, {"silent": ["ship", "person"]}, {"silent": ["pay"]})
    ]
    assert [one["state"] for one in pretended] == ["completed", "failed", "waiting"]
    assert (pretended[0]["output"], pretended[1]["error"]["code"]) == (5, "expired")
    assert [(one["action"], one["outcome"]) for one in pretended[1]["path"]] == [
        ("wait", "ok"),
        ("wait", "expired"),
        ("ask", "expired"),
    ]


@pytest.mark.parametrize("end", ["answer", "cancel"])
async def test_of_a_result_alone_nothing_else_is_kept(house, end):
    steps = [
        {
            "id": "back",
            "use": "t.unsure",
            "map": {"text": "$.input.text"},
            "accept": {"expr": "output.confidence > 2"},
        },
        {"id": "go", "signal": "go", "when": ["rejected"]},
        {"id": "person", "when": ["ok"], "human": {"title": "{{ $.input.text }}", "prefill": "$.input.text"}},
    ]
    await put(house, "brief", {"steps": steps, "output": {"done": True}})
    order = {"flow": "brief", "input": {"text": "S3CRET"}, "store": "result"}
    task = (await house.post("/v1/tasks", order)).json()
    await house.post(f"/v1/tasks/{task['id']}/signal", {"name": "go", "payload": "S3CRET"})
    async with streaming(house, task["links"]["events"]) as stream:
        while (told := await stream.next()) is not None and told["type"] != "human.requested":
            pass
    (request,) = (await house.get(f"/v1/human?task_id={task['id']}")).json()["data"]
    assert request["draft"] == "S3CRET"
    if end == "answer":
        said = {"answer": "S3CRET", "comment": "S3CRET"}
        assert (await house.post(f"/v1/human/{request['id']}/answer", said)).status == 200
    else:
        assert (await house.post(f"/v1/tasks/{task['id']}/cancel")).status == 200
    await in_state(house, task["id"], "completed" if end == "answer" else "cancelled")
    # What a run has ended itself is forgotten by then, and soon what was ended from outside.
    async with asyncio.timeout(20):
        while (trace := (await house.get(task["links"]["trace"])).json())["input"] is not None:
            assert end == "cancel"
            await asyncio.sleep(0.05)
    assert "S3CRET" not in str(trace | {"events": []})
    assert (trace["flow"]["name"], [one["id"] for one in trace["steps"]]) == ("brief", ["back"])
    assert (len(trace["human"]), trace["decided_by"]) == (1, None)
    for path in (f"/v1/human/{request['id']}", f"/v1/jobs/{task['id']}"):
        assert "S3CRET" not in (await house.get(path)).body.decode()
    if end == "answer":
        assert (await house.get(task["links"]["self"])).json()["output"] == {"done": True}
    assert (await house.post(f"/v1/tasks/{task['id']}/retry")).status == 409


async def test_two_people_at_once(house):
    await put(house, "race", {"steps": [{"id": "person", "human": {}}]})
    _, request = await asked(house, "race", {})
    path = f"/v1/human/{request['id']}/answer"
    answers = await asyncio.gather(*(house.post(path, {"answer": number}) for number in range(10)))
    assert sorted(one.status for one in answers) == [200] + [409] * 9


async def test_a_cancelled_task_closes_its_question(house):
    await put(house, "cancelled", {"steps": [{"id": "person", "human": {}}]})
    task_id, request = await asked(house, "cancelled", {})
    assert (await house.post(f"/v1/tasks/{task_id}/cancel")).status == 200
    late = await house.post(f"/v1/human/{request['id']}/answer", {"answer": 1})
    assert (late.status, late.code) == (410, "expired")


@pytest.mark.parametrize(
    ("name", "given", "begins"),
    [
        ("signup_advertisement", {"product": "Lớp học mộc"}, "Lớp học mộc"),
        ("folder_structure", {"purpose": "Invoices"}, "incoming"),
        ("usage_guide", {"subject": "Payroll", "vector_store_ids": ["vs_none"]}, ""),
    ],
)
async def test_shipped_flows_end_with_a_person_also_without_a_language_model(house, name, given, begins):
    shown = (await house.get("/v1/flows")).json()["data"]
    assert name in [one["name"] for one in shown if one["source"] == "shipped"]
    assert (await house.get(f"/v1/flows/{name}")).json()["warnings"] == []
    task_id, request = await asked(house, name, {**given, "reviewers": ["user:an"]})
    assert request["assignees"] == ["user:an"]
    assert "anguage model" in request["instructions"]
    assert request["draft"]["text"].startswith(begins)
    done = await house.post(f"/v1/human/{request['id']}/answer", {"answer": {"text": "Final."}})
    assert done.status == 200, done.body
    task = await output(house, task_id)
    assert task["state"] == "completed", task
    assert "Final." in task["output"].values()
