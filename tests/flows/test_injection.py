"""Line breaks and their like, on their way from one side's names into the other side's headers."""

import json

import pytest
import pytest_asyncio

from flows.calls import CHAT, records
from peers import scripts
from peers.upstream import Upstream
from raw_client import ask, request
from serving import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

ODD = [
    "m\r\nX-Evil: 1\r\n\r\n<script>",
    "m\nSet-Cookie: a=b",
    "m\x00",
    "模型 🙂",
    "\u2028m",
    'm"; x="',
    "m" * 3000,
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream():
    async with Upstream() as server:
        server.paths["/models"] = scripts.json_answer({"data": [{"id": name} for name in ODD]})
        evil = {"Set_Cookie": "a=b", "X_Evil": "1", "X_Roundhouse_Model": "other", "X_Request_Id": "theirs"}
        server.script = scripts.json_answer(scripts.completion(), **evil)
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory, upstream):
    provider = {"name": "up", "kind": "openai", "url": upstream.url, "key": "sk-x", "retries": 0}
    async with House(tmp_path_factory.mktemp("injection") / "data", providers=[provider]) as made:
        yield made


@pytest.mark.parametrize("name", ODD, ids=range(len(ODD)))
async def test_a_model_may_be_called_anything(house, upstream, name):
    """Its server is asked for it by its name; a header tells the name as far as headers can."""
    body = json.dumps({**CHAT, "model": f"up/{name}"}).encode()
    head = ("Host: localhost", f"Authorization: Bearer {house.key}", f"Content-Length: {len(body)}")
    answer = await ask(house.port, request("POST", "/v1/chat/completions", *head, body=body))
    assert answer.status == 200, answer.body
    assert upstream.requests[-1].json()["model"] == name
    told = answer.headers["x-roundhouse-model"]
    assert told.startswith("up/")
    assert told.isascii()
    assert told.isprintable()
    assert not {"x-evil", "set-cookie"} & answer.headers.keys()
    record = next(one for one in await records(house) if one["request_id"] == answer.headers["x-request-id"])
    assert record["target"] == f"up/{name}"[:500].replace("\x00", "\ufffd")
    listed = (await house.get("/v1/models")).json()["data"]
    assert f"up/{name}" in [model["id"] for model in listed]
    metrics = (await house.get("/metrics", key="")).body.decode()
    assert "\nX-Evil" not in metrics
    assert "\nSet-Cookie" not in metrics


async def test_headers_of_a_model_server_stay_with_us(house):
    answer = await house.post("/v1/chat/completions", {**CHAT, "model": f"up/{ODD[3]}"})
    assert answer.headers["x-roundhouse-model"].startswith("up/")
    assert answer.headers["x-request-id"].startswith("req_")
    assert not {"x-evil", "set-cookie"} & answer.headers.keys()


async def test_headers_of_a_client_stay_with_us(house, upstream):
    sent = {
        "X-Request-Id": "mine",
        "Cookie": "a=b",
        "X-Forwarded-For": "10.0.0.1",
        "OpenAI-Organization": "org",
    }
    answer = await house.post("/v1/chat/completions", {**CHAT, "model": f"up/{ODD[3]}"}, headers=sent)
    assert answer.headers["x-request-id"] != "mine"
    passed = upstream.requests[-1].headers
    assert passed["authorization"] == "Bearer sk-x"
    assert not {name.lower() for name in sent} & passed.keys()
    assert house.key not in str(passed)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "b\r\nX-Evil: 1"},
        {"X-A": "b\nc"},
        {"X-A": "b\x00"},
        {"X-A": "ü"},
        {"X-A\r\nX-Evil": "1"},
        {"X A": "b"},
        {"X-A:": "b"},
        {"": "b"},
        {"Content-Length": "0"},
        {"Transfer-Encoding": "chunked"},
        {"Connection": "close"},
        {"Expect": "100-continue"},
    ],
    ids=range(12),
)
async def test_a_providers_headers_cannot_break_a_request(house, upstream, headers):
    body = {"name": "odd", "kind": "openai", "url": upstream.url, "headers": headers}
    answer = await house.post("/v1/providers", body)
    assert answer.status in (400, 422)
    assert (await house.get("/v1/providers/odd")).status == 404


async def test_a_providers_key_cannot_break_a_request(house, upstream):
    for key in ("a\r\nX-Evil: 1", "a\nb", "a\x00", "ключ"):
        body = {"name": "odd", "kind": "openai", "url": upstream.url, "key": key}
        answer = await house.post("/v1/providers", body)
        assert answer.status in (400, 422), answer.body
        assert key not in answer.body.decode()
    assert (await house.get("/v1/providers/odd")).status == 404
