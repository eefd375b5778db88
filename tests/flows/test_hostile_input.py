"""Bodies that nobody should send, at every path of the whole product that takes one."""

import asyncio
import gzip
import json
from pathlib import Path

import pytest
import pytest_asyncio

from raw_client import RawClient, ask, request
from serving import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

INFERENCE = ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings", "/v1/rerank"]
ROOMS = [
    ("POST", "/v1/keys"),
    ("PATCH", "/v1/keys/key_x"),
    ("POST", "/v1/keys/key_x/rotate"),
    ("POST", "/v1/providers"),
    ("PATCH", "/v1/providers/nobody"),
    ("POST", "/v1/aliases"),
    ("PUT", "/v1/aliases/some"),
    ("POST", "/v1/models/load"),
    ("POST", "/v1/models/unload"),
    ("POST", "/v1/models/pull"),
    ("POST", "/v1/jobs"),
]
JSON = {"Content-Type": "application/json"}
EXTRACTIVE = "roundhouse/extractive"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory):
    async with House(tmp_path_factory.mktemp("hostile") / "data") as running:
        yield running


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


BROKEN = {
    "empty": b"",
    "blank": b" \r\n ",
    "array": b"[]",
    "text": b'"model"',
    "null": b"null",
    "number": b"1",
    "cut": b'{"model":"auto"',
    "two values": b'{"model":"auto"}{}',
    "comment": b'{"model":"auto"} // yes',
    "NUL byte": b'{"model":"au\x00to"}',
    "not UTF-8": b'{"model":"\xff\xfe"}',
    "lone surrogate as a name": b'{"\\ud800":1}',
    "100,000 deep": b'{"model":"auto","name":' + nested(100_000) + b"}",
    "100,000 objects deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "number of 5000 digits": b'{"model":' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_what_is_no_request_is_refused_everywhere(house, kind):
    places = [("POST", path) for path in INFERENCE] + ROOMS
    for method, path in places:
        for prefix in ("", "/api"):
            answer = await house.send(method, prefix + path, data=BROKEN[kind], headers=JSON)
            # A body that may be left out may be null, and then there is no such key.
            allowed = (400, 422, 404) if path.endswith("rotate") else (400, 422)
            assert answer.status in allowed, (path, answer.body)
            assert answer.headers["content-type"] == "application/problem+json"
            problem = answer.json()
            assert problem["status"] == answer.status
            assert problem["error"]["type"] == "invalid_request_error"
            assert len(answer.body) < 2000


GOOD = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "The sky is blue. What is blue?"}]},
    "/v1/completions": {"prompt": "The sky is blue. What is blue?"},
    "/v1/responses": {"input": "The sky is blue. What is blue?"},
    "/v1/embeddings": {"input": "a text"},
    "/v1/rerank": {"query": "a pet", "documents": ["a cat", "a car"]},
}


def good(path: str, **more: object) -> dict[str, object]:
    model = "roundhouse/minilm" if path in ("/v1/embeddings", "/v1/rerank") else EXTRACTIVE
    return {"model": model, **GOOD[path], **more}


WRONG = [None, True, -1, 10**30, 1.5, "", "x", [], [[]], [None], [{}], {}, {"a": 1}, {"type": []}, ["x", 1]]
FIELDS = {
    "/v1/chat/completions": "model messages stream stream_options tools tool_choice response_format n stop "
    "temperature max_tokens max_completion_tokens logit_bias modalities audio functions metadata user seed",
    "/v1/completions": "model prompt stream stream_options n best_of stop echo suffix max_tokens logprobs",
    "/v1/responses": "model input instructions stream text tools tool_choice reasoning include metadata store "
    "previous_response_id max_output_tokens top_logprobs truncation conversation",
    "/v1/embeddings": "model input encoding_format dimensions user task",
    "/v1/rerank": "model query documents top_n return_documents",
}


@pytest.mark.parametrize("path", INFERENCE)
async def test_every_known_field_may_be_of_any_type(house, path):
    for field in FIELDS[path].split():
        for value in WRONG:
            answer = await house.post(path, good(path, **{field: value}))
            assert answer.status in (200, 400, 404, 422), (field, value, answer.body)
            if answer.status != 200:
                assert answer.json()["error"]["code"], (field, value)


@pytest.mark.parametrize(("method", "path"), ROOMS)
async def test_every_field_of_a_room_may_be_of_any_type(house, method, path):
    document = (await house.get("/openapi.json")).json()
    template = next(
        known
        for known in document["paths"]
        if _fits(known, path) and method.lower() in document["paths"][known]
    )
    content = document["paths"][template][method.lower()]["requestBody"]["content"]["application/json"]
    name = json.dumps(content["schema"]).partition("schemas/")[2].partition('"')[0]
    for field in document["components"]["schemas"][name]["properties"]:
        for value in WRONG:
            answer = await house.send(method, path, {"name": "n", "targets": ["x"], field: value})
            assert answer.status < 500, (field, value, answer.body)
            if answer.status == 201 and path == "/v1/keys":
                await house.send("DELETE", f"/v1/keys/{answer.json()['id']}")


def _fits(template: str, path: str) -> bool:
    ours, theirs = template.split("/"), path.split("/")
    return len(ours) == len(theirs) and all(
        a == b or a.startswith("{") for a, b in zip(ours, theirs, strict=True)
    )


@pytest.mark.parametrize("path", INFERENCE)
async def test_texts_may_hold_anything_that_json_can(house, path):
    """NUL, other controls, line separators, an unpaired half of a pair is refused, a pair is a letter."""
    body = json.dumps(good(path))
    for spelled, taken in (
        ("\\u0000\\u001f\\u2028\\ufeff\\uffff", True),
        ("\\ud83d\\ude00", True),
        ("\\ud83d", False),
        ("\\ude00\\ud83d", False),
    ):
        text = body.replace("What is blue", spelled).replace("a text", spelled).replace("a pet", spelled)
        answer = await house.post(path, data=text.encode(), headers=JSON)
        assert (answer.status == 200) == taken, answer.body
        assert answer.status in (200, 400)


async def test_of_duplicate_members_the_last_one_counts(house):
    body = (
        b'{"model":"nobody","messages":[{"role":"user","content":"x"}],"mod\\u0065l":"%s"}'
        % EXTRACTIVE.encode()
    )
    answer = await house.post("/v1/chat/completions", data=body, headers=JSON)
    assert answer.headers["x-roundhouse-model"] == EXTRACTIVE
    records = await recorded(house, answer.headers["x-request-id"])
    assert (records["requested_model"], records["target"]) == (EXTRACTIVE, EXTRACTIVE)


async def recorded(house: House, request_id: str) -> dict[str, object]:
    await house.app.usage.flush()
    records = (await house.get("/v1/usage/records?limit=200")).json()["data"]
    return next(record for record in records if record["request_id"] == request_id)


NAMES = [
    "'; DROP TABLE api_keys; --",
    '" OR 1=1 --',
    "../../../../etc/passwd",
    "roundhouse/../minilm",
    "%2e%2e%2f",
    "a\r\nX-Evil: 1\r\n\r\n<script>",
    "a\x00b",
    "\u202egnp.exe",
    "模型🙂",
    "roundhouse/",
    "/",
    "auto\n",
    "roundhouse/extractive\nroundhouse/minilm",
    "{{7*7}}${jndi:ldap://x}",
    "x" * 10_000,
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_names_of_models_are_names_and_nothing_else(house, name):
    for path in INFERENCE:
        answer = await house.post(path, good(path, model=name))
        assert (answer.status, answer.code) == (404, "model_not_found")
        assert "x-evil" not in answer.headers
        assert answer.json()["error"]["param"] == "model"
        record = await recorded(house, answer.headers["x-request-id"])
        assert record["requested_model"] == name[:200].replace("\x00", "\ufffd")
        assert (record["status"], record["target"]) == (404, "")
    assert (await house.get("/v1/keys")).json()["data"]
    assert house.app.usage.dropped == 0


async def test_a_choice_made_for_one_request_has_no_name(house):
    """What `auto` chose among must not be reached by a name put together from it."""
    first = await house.post("/v1/chat/completions", good("/v1/chat/completions", model="auto"))
    assert first.headers["x-roundhouse-decision"].startswith("auto: ")
    direct = await house.post("/v1/chat/completions", good("/v1/chat/completions"))
    assert direct.headers["x-roundhouse-decision"] == "direct"


async def test_a_million_messages_do_not_stop_the_others(house):
    message = b'{"role":"user","content":""}'
    body = b'{"model":"auto","messages":[' + b",".join([message] * 1_000_000) + b"]}"
    asking = asyncio.create_task(house.post("/v1/chat/completions", data=body, headers=JSON))
    alive = 0
    while not asking.done():
        assert (await asyncio.wait_for(house.get("/livez", key=""), 10)).status == 200
        alive += 1
        await asyncio.sleep(0.05)
    assert asking.result().status in (200, 400)
    assert alive > 3


@pytest.mark.parametrize("path", INFERENCE)
async def test_five_megabytes_in_one_text(house, path):
    long = "Who comes? Nobody. " * 265_000
    body = good(path)
    for name in ("prompt", "input", "query"):
        if name in body:
            body[name] = long
    if "messages" in body:
        body["messages"] = [{"role": "user", "content": long}]
    answer = await house.post(path, body)
    assert answer.status in (200, 400)
    assert answer.status == 200 or answer.code == "context_length_exceeded"
    assert len(answer.body) < 100_000


async def test_a_long_text_for_auto_is_too_long_and_not_an_unknown_model(house):
    answer = await house.chat("auto", "a" * 5_000_000)
    assert (answer.status, answer.code) == (400, "context_length_exceeded")


async def test_bodies_are_taken_as_they_are_and_not_unpacked(house):
    packed = gzip.compress(json.dumps(good("/v1/chat/completions")).encode())
    for path in (*INFERENCE, "/v1/keys"):
        for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip"):
            answer = await house.post(path, data=packed, headers={**JSON, "Content-Encoding": coding})
            assert (answer.status, answer.code) == (415, "unsupported_media_type")
        plain = await house.post(path, data=b"{}", headers={**JSON, "Content-Encoding": "identity"})
        assert plain.status in (400, 422)


TYPES = [
    "text/plain",
    "text/html",
    "application/xml",
    "multipart/form-data; boundary=x",
    "nonsense",
    "a" * 5000,
]


@pytest.mark.parametrize("kind", TYPES)
async def test_rooms_take_json_that_is_called_json(house, kind):
    answer = await house.post("/v1/keys", data=b'{"name":"x"}', headers={"Content-Type": kind})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


async def test_a_body_over_the_limit_is_refused_before_it_is_read(tmp_path: Path):
    """By its length at once, also instead of `100 Continue`; sent in chunks, as soon as it is over."""
    async with House(tmp_path / "data", server={"max_body_bytes": 100_000}) as house:
        port, key = house.port, f"Authorization: Bearer {house.key}"
        for path in (*INFERENCE, "/v1/keys"):
            for more in ((), ("Expect: 100-continue",)):
                answer = await ask(
                    port,
                    request("POST", path, "Host: localhost", key, "Content-Length: 10000000000", *more),
                )
                assert (answer.status, answer.code) == (413, "too_large")
            async with RawClient(port) as client:
                head = (
                    "Host: localhost",
                    key,
                    "Content-Type: application/json",
                    "Transfer-Encoding: chunked",
                )
                await client.send(request("POST", path, *head))
                await client.send(b"%x\r\n%b\r\n" % (60_000, b"[" * 60_000))
                await client.send(b"%x\r\n%b\r\n" % (60_000, b"[" * 60_000))
                answer = await client.answer()
                assert (answer.status, answer.code) == (413, "too_large")
        whole = await house.post("/v1/keys", data=b'{"name":"' + b"a" * 100_001 + b'"}', headers=JSON)
        assert (whole.status, whole.code) == (413, "too_large")
        fits = b'{"model":"auto","messages":[{"role":"user","content":"%b"}]}' % (b"a b. " * 19_000)
        assert (await house.post("/v1/chat/completions", data=fits, headers=JSON)).status == 200


@pytest.mark.parametrize("path", INFERENCE)
async def test_chunks_of_one_byte_and_a_hundred_to_continue(house, path):
    port, body = house.port, json.dumps(good(path)).encode()
    head = ("Host: localhost", f"Authorization: Bearer {house.key}", "Content-Type: application/json")
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    async with RawClient(port) as client:
        await client.send(request("POST", path, *head, "Transfer-Encoding: chunked") + pieces)
        assert (await client.answer()).status == 200
        expecting = request("POST", path, *head, f"Content-Length: {len(body)}", "Expect: 100-continue")
        await client.send(expecting)
        assert (await client.head())[0] == 100
        await client.send(body)
        assert (await client.answer()).status == 200
        nobody = request("POST", path, "Host: localhost", "Content-Length: 10", "Expect: 100-continue")
        await client.send(nobody)
        assert (await client.head())[0] == 401


OPTIONS = {
    "lone surrogate": b'{"x":"\\ud800"}',
    "endless number": b'{"x":' + b"9" * 5000 + b"}",
    "deep": b'{"x":' + nested(5000) + b"}",
    "large": b'{"x":"' + b"a" * 100_000 + b'"}',
    "many": b"{" + b",".join(b'"n%d":1' % number for number in range(200)) + b"}",
}


@pytest.mark.parametrize("kind", OPTIONS)
async def test_free_json_must_be_such_that_it_can_be_kept(house, kind):
    body = b'{"name":"free","kind":"openai","url":"http://127.0.0.1:9/v1","options":%b}' % OPTIONS[kind]
    answer = await house.post("/v1/providers", data=body, headers=JSON)
    assert answer.status in (400, 422), answer.body
    assert (await house.get("/v1/providers/free")).status == 404


@pytest.mark.parametrize("name", ["a%00b", "a%0ab", "a%7fb", "", "a" * 201])
async def test_an_alias_has_a_name_that_can_be_written(house, name):
    answer = await house.send("PUT", f"/v1/aliases/{name}", {"targets": [EXTRACTIVE]})
    assert answer.status in (404, 422)
    names = [alias["name"] for alias in (await house.get("/v1/aliases")).json()["data"]]
    assert all(name.isprintable() and name for name in names)


async def test_aliases_of_aliases_end(house):
    """Ten to the power of twenty paths lead to one model; circles lead nowhere."""
    for depth in range(20):
        targets = [f"tree{depth + 1}"] * 10 if depth < 19 else [EXTRACTIVE, EXTRACTIVE]
        await house.post("/v1/aliases", {"name": f"tree{depth}", "targets": targets})
    answer = await asyncio.wait_for(house.chat("tree0"), 20)
    assert (answer.status, answer.headers["x-roundhouse-model"]) == (200, EXTRACTIVE)
    await house.post("/v1/aliases", {"name": "one", "targets": ["two"]})
    await house.post("/v1/aliases", {"name": "two", "targets": ["one"]})
    lost = await house.chat("one")
    assert (lost.status, lost.code) == (404, "model_not_found")
