"""Capabilities over the whole product: registered, seen at once, run, tried."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import pytest_asyncio

from flows.calls import make
from peers.modules import module_server
from serving import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = {"turning.test": ["93.184.215.14"]}


async def lookup(host: str, port: int) -> list[str]:
    return NAMES.get(host, ["127.0.0.1"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module():
    async with module_server() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory):
    async with House(tmp_path_factory.mktemp("capabilities") / "data", lookup=lookup) as made:
        yield made


def solving(url: str, **more: Any) -> dict[str, Any]:
    return {
        "name": "ai-math.solve",
        "title": "Solve",
        "input_schema": {
            "type": "object",
            "properties": {"expression": {"type": "string"}},
            "required": ["expression"],
        },
        "output_schema": {"type": "object", "required": ["result"]},
        "examples": [{"name": "two", "input": {"expression": "2+2"}}],
        "endpoint": {"url": f"{url}/solve"},
        **more,
    }


async def test_it_is_registered_and_run_at_once(house, module):
    made = await house.post("/v1/capabilities", solving(module.url, headers={"X-Key": "very-secret-key"}))
    assert made.status == 201
    assert b"very-secret-key" not in made.body
    assert made.json()["header_names"] == ["X-Key"]
    given = {"expression": "2+2"}
    for prefix in ("", "/api"):
        answer = await house.post(
            f"{prefix}/v1/run/ai-math.solve", given, headers={"Idempotency-Key": "mine"}
        )
        assert (answer.status, answer.json()) == (200, {"result": 4, "confidence": 0.9})
    # What is sent again under its key is answered, not done again.
    (first,) = [one for one in module.seen if one.path == "/solve"]
    assert json.loads(first.body) == given
    assert first.headers["x-key"] == "very-secret-key"
    task_id = answer.headers["x-roundhouse-task"]
    assert first.headers["idempotency-key"] == f"{task_id}:call:1"
    trace = (await house.get(f"/v1/tasks/{task_id}/trace")).json()
    assert (trace["input"], trace["output"]["result"]) == (given, 4)
    assert "very-secret-key" not in json.dumps(trace)
    tools = (await house.get("/v1/capabilities?format=openai_tools")).json()
    solve = next(tool for tool in tools["data"] if tool["function"]["name"] == "ai-math__solve")
    assert solve["function"]["parameters"]["required"] == ["expression"]


async def test_a_wrong_input_is_pointed_at_and_nobody_is_called(house, module):
    before = len(module.seen)
    answer = await house.post("/v1/run/ai-math.solve", {"expression": 4})
    assert (answer.status, answer.code) == (422, "unprocessable")
    assert answer.json()["error"]["param"] == "/expression"
    for data, status, code in (
        (b"[" * 2_000_000, 413, "too_large"),
        (b"[" * 900_000, 400, "bad_input"),
        (b'{"a":' * 900 + b"1" + b"}" * 900, 422, "unprocessable"),
        (b'{"expression":"\\ud800"}', 400, "bad_input"),
        (b"{", 400, "bad_input"),
        (b"", 422, "unprocessable"),
    ):
        answer = await house.post("/v1/run/ai-math.solve", data=data)
        assert (answer.status, answer.code) == (status, code)
    assert len(module.seen) == before


async def test_an_answer_that_is_not_as_promised(house, module):
    body = solving(module.url, name="ai-math.wrong", endpoint={"url": f"{module.url}/wrong"})
    assert (await house.post("/v1/capabilities", body)).status == 201
    answer = await house.post("/v1/run/ai-math.wrong", {"expression": "1"})
    assert (answer.status, answer.code) == (502, "output_invalid")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/status/422", 422, "backend_refused"),
        ("/status/401", 502, "target_refused"),
        ("/status/429", 429, "backend_busy"),
        ("/status/500", 502, "backend_failed"),
        ("/redirect", 502, "target_refused"),
    ],
)
async def test_what_a_module_says(house, module, path, status, code):
    name = f"ai-math.{path.strip('/').replace('/', '-')}"
    body = solving(module.url, name=name, endpoint={"url": module.url + path})
    assert (await house.post("/v1/capabilities", body)).status == 201
    answer = await house.post(f"/v1/run/{name}", {"expression": "1"})
    assert (answer.status, answer.code) == (status, code)
    if status == 429:
        assert answer.headers["retry-after"] in ("7", "8")


async def test_trying_shows_what_went_out_and_came_back(house, module):
    trial = (await house.post("/v1/capabilities/ai-math.solve/try", {"example": "two"})).json()
    assert trial["ok"]
    assert trial["output"]["result"] == 4
    assert trial["request"]["headers"]["X-Key"] == "***"
    assert trial["request"]["body"] == {"expression": "2+2"}
    assert trial["response"]["status"] == 200
    trial = (await house.post("/v1/capabilities/ai-math.wrong/try", {"input": {"expression": ""}})).json()
    assert (trial["ok"], trial["error"]["code"]) == (False, "output_invalid")
    assert (trial["output"], trial["response"]["status"]) == ({"answer": "none"}, 200)
    for body in ({}, {"example": "two", "input": {}}, {"example": "none"}, {"input": {"expression": 1}}):
        answer = await house.post("/v1/capabilities/ai-math.solve/try", body)
        assert answer.status in (404, 422)


async def test_files_go_out_and_come_in(house, module):
    form = (
        b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--x--\r\n'
    )
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    sent = (await house.post("/v1/files", data=form, headers=kind)).json()["id"]
    endpoint = {"url": f"{module.url}/echo", "body": "multipart", "files": ["document"], "answer": "file"}
    body = {"name": "ai-math.read", "endpoint": endpoint}
    assert (await house.post("/v1/capabilities", body)).status == 201
    answer = await house.post("/v1/run/ai-math.read", {"document": sent})
    assert answer.status == 200, answer.body
    kept = await house.get(f"/v1/files/{answer.json()['file_id']}/content")
    assert b'filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nhello\r\n' in kept.body


async def test_a_name_that_turns_to_a_metadata_service(house):
    body = solving("http://turning.test", name="ai-math.turning")
    assert (await house.post("/v1/capabilities", body)).status == 201
    NAMES["turning.test"] = ["169.254.169.254"]
    answer = await house.post("/v1/run/ai-math.turning", {"expression": "1"})
    assert (answer.status, answer.code) == (400, "address_refused")


async def test_private_addresses_are_for_admins(house, module):
    key = (await make(house, scopes=["capabilities", "tasks"]))["key"]
    answer = await house.post("/v1/capabilities", solving(module.url, name="mine.local"), key=key)
    assert (answer.status, answer.code) == (400, "address_refused")
    body = solving(f"http://inner.test:{module.port}", name="mine.named")
    assert (await house.post("/v1/capabilities", body, key=key)).status == 201
    answer = await house.post("/v1/run/mine.named", {"expression": "1"}, key=key)
    assert (answer.status, answer.code) == (400, "address_refused")
    answer = await house.post(
        "/v1/capabilities", solving("http://8.8.8.8", name="m.x", visibility="public"), key=key
    )
    assert (answer.status, answer.code) == (403, "not_allowed")


async def test_other_tenants_do_not_see_it(house):
    key = (await make(house, scopes=["tasks", "capabilities"], site_id="south"))["key"]
    assert (await house.get("/v1/capabilities/ai-math.solve", key=key)).status == 404
    assert (await house.post("/v1/run/ai-math.solve", {"expression": "1"}, key=key)).status == 404
    assert (await house.send("DELETE", "/v1/capabilities/ai-math.solve", key=key)).status == 404
    names = [one["name"] for one in (await house.get("/v1/capabilities", key=key)).json()["data"]]
    assert names == [
        "builtin.chat",
        "builtin.embed",
        "builtin.search",
        "builtin.summarise",
        "builtin.transcribe",
    ]


async def test_another_process_sees_it_within_half_a_second(house, module, tmp_path_factory):
    async with House(house.settings.data_dir) as other:
        other.key = house.key
        body = solving(module.url, name="ai-math.late")
        assert (await house.post("/v1/capabilities", body)).status == 201
        assert (await other.post("/v1/run/ai-math.late", {"expression": "1"})).status == 200
        patch = {"enabled": False}
        assert (await house.send("PATCH", "/v1/capabilities/ai-math.late", patch)).status == 200
        assert (await house.post("/v1/run/ai-math.late", {"expression": "1"})).status == 404
        await asyncio.sleep(0.5)
        assert (await other.post("/v1/run/ai-math.late", {"expression": "1"})).status == 404


async def test_versions_and_the_end(house, module):
    body = solving(module.url, name="ai-math.short")
    assert (await house.post("/v1/capabilities", body)).status == 201
    path = "/v1/capabilities/ai-math.short"
    changed = (await house.send("PATCH", path, {"input_schema": {}, "output_schema": None})).json()
    assert (changed["version"], changed["output_schema"]) == (2, None)
    assert (await house.get(f"{path}?version=1")).json()["input_schema"] == body["input_schema"]
    assert (await house.get(f"{path}?version=3")).status == 404
    assert [one["version"] for one in (await house.get(f"{path}/versions")).json()["data"]] == [2, 1]
    assert (await house.send("DELETE", path)).json()["deleted"]
    assert (await house.get(path)).status == 404
    for method, refused in (("PATCH", {"title": "x"}), ("DELETE", None)):
        assert (await house.send(method, "/v1/capabilities/builtin.chat", refused)).status == 400


async def test_what_the_product_does_itself(house):
    text = "The meeting began late. Mai showed the new prices. They were accepted. Lunch was good."
    summary = await house.post("/v1/run/builtin.summarise", {"text": text, "sentences": 1})
    assert summary.status == 200, summary.body
    assert summary.json()["summary"]
    said = await house.post("/v1/run/builtin.chat", {"prompt": f"Summarise in one sentence: {text}"})
    assert said.json()["model"] == "roundhouse/extractive"
    vectors = (await house.post("/v1/run/builtin.embed", {"input": ["a cat", "a dog"]})).json()["vectors"]
    assert len(vectors) == 2
    missing = await house.post("/v1/run/builtin.search", {"query": "cats", "vector_store_ids": ["vs_none"]})
    assert (missing.status, missing.code) == (404, "not_found")
    missing = await house.post("/v1/run/builtin.transcribe", {"file_id": "file_none"})
    assert (missing.status, missing.code) == (404, "not_found")
    made = (await house.post("/v1/vector_stores", {"name": "empty"})).json()["id"]
    found = await house.post("/v1/run/builtin.search", {"query": "cats", "vector_store_ids": [made]})
    assert found.json()["passages"] == []
    key = (await make(house, scopes=["tasks"]))["key"]
    refused = await house.post("/v1/run/builtin.chat", {"prompt": "Hello"}, key=key)
    assert (refused.status, refused.code) == (403, "not_allowed")
