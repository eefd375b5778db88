"""Webhooks of the whole product: made over HTTP, delivered by an executor, verified by the library of the standard."""

from __future__ import annotations

import asyncio
import json
import re

import jsonschema
import openapi_spec_validator
import pytest
import pytest_asyncio
from aiohttp import web
from standardwebhooks.webhooks import Webhook as Oracle

from executing import executing, streaming
from flows.calls import make
from roundhouse.core.events import EVENTS
from serving import House

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Receiver:
    """A server that keeps what it is sent."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, dict[str, str], bytes]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.posts.append((request.path_qs, headers, await request.read()))
        if request.path == "/moved":
            raise web.HTTPFound("/elsewhere")
        return web.Response(text="thank you")

    def at(self, path: str) -> list[tuple[str, dict[str, str], bytes]]:
        return [one for one in self.posts if one[0] == path]

    async def until(self, path: str, kind: str) -> dict[str, str]:
        """The headers of the first message of a type at a path."""
        async with asyncio.timeout(30):
            while True:
                for _, headers, body in self.at(path):
                    if json.loads(body)["type"] == kind:
                        return headers
                await asyncio.sleep(0.01)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receiver():
    made = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("webhooks") / "data"
    outbound = {"allow_networks": ["127.0.0.0/8"]}
    async with House(folder, outbound=outbound) as made, executing(made):
        yield made


async def upload(house: House, name: str) -> str:
    boundary = b"x"
    body = (
        b"--x\r\nContent-Disposition: form-data; name=purpose\r\n\r\nuser_data\r\n"
        b"--x\r\nContent-Disposition: form-data; name=file; filename=%b\r\n\r\ntext\r\n--x--\r\n"
        % name.encode()
    )
    headers = {"content-type": f"multipart/form-data; boundary={boundary.decode()}"}
    answer = await house.send("POST", "/v1/files", data=body, headers=headers)
    assert answer.status in (200, 201), answer.body
    return str(answer.json()["id"])


async def nothing_pending(house: House, path: str) -> None:
    async with asyncio.timeout(30):
        while True:
            if not (await house.get(path)).json()["pending"]:
                return
            await asyncio.sleep(0.01)


async def test_from_the_wish_to_the_message(house, receiver):
    asked = {"url": f"{receiver.url}/hook?token=1", "events": ["file.*"], "headers": {"X-Team": "tutors"}}
    answer = await house.post("/v1/webhooks", asked)
    assert answer.status == 201, answer.body
    made = answer.json()
    file_id = await upload(house, "one.txt")
    headers = await receiver.until("/hook?token=1", "file.created")
    ((_, _, body),) = receiver.at("/hook?token=1")
    told = Oracle(made["secret"]).verify(body, headers)
    assert (told["subject"], told["data"]["filename"], headers["x-team"]) == (file_id, "one.txt", "tutors")
    jsonschema.validate(told["data"], EVENTS["file.created"].data)
    async with asyncio.timeout(30):
        while True:
            (delivery,) = (await house.get(f"/v1/webhooks/{made['id']}/deliveries")).json()["data"]
            if delivery["state"] == "delivered":
                break
            await asyncio.sleep(0.01)
    assert delivery["event_id"] == headers["webhook-id"] == told["id"]
    assert (delivery["tries"][0]["status"], delivery["tries"][0]["head"]) == (200, "thank you")
    # Nothing shows a secret again.
    shown = (await house.get(f"/v1/webhooks/{made['id']}")).json()
    assert (shown["header_names"], shown["enabled"]) == (["X-Team"], True)
    listed = (await house.get("/v1/webhooks")).body
    assert made["secret"].encode() not in listed
    assert b"tutors" not in listed
    # The same event, pulled.
    assert (await house.get(f"/v1/events/{told['seq']}")).json() == told


async def test_a_try_by_hand_tells_how_it_was_taken(house, receiver):
    body = {"url": f"{receiver.url}/moved", "events": ["job.failed"], "enabled": False}
    made = (await house.post("/v1/webhooks", body)).json()
    tried = (await house.post(f"/v1/webhooks/{made['id']}/test")).json()
    assert (tried["state"], tried["event_type"], tried["attempts"]) == ("failed", "webhook.test", 1)
    assert (tried["tries"][0]["status"], tried["tries"][0]["error"]) == (302, "webhook_refused")
    assert receiver.at("/elsewhere") == []
    await house.send("PATCH", f"/v1/webhooks/{made['id']}", {"url": f"{receiver.url}/now"})
    rotated = (await house.post(f"/v1/webhooks/{made['id']}/rotate")).json()
    tried = (await house.post(f"/v1/webhooks/{made['id']}/test")).json()
    assert tried["state"] == "delivered"
    ((_, headers, sent),) = receiver.at("/now")
    for secret in (made["secret"], rotated["secret"]):
        Oracle(secret).verify(sent, headers)
    gone = (await house.send("DELETE", f"/v1/webhooks/{made['id']}")).json()
    assert gone == {"object": "webhook.deleted", "id": made["id"], "deleted": True}
    assert (await house.get(f"/v1/webhooks/{made['id']}")).code == "not_found"


async def test_what_was_missed_is_sent_once_more(house, receiver):
    body = {"url": f"{receiver.url}/late", "events": ["file.created"]}
    made = (await house.post("/v1/webhooks", body)).json()
    path = f"/v1/webhooks/{made['id']}"
    await house.send("PATCH", path, {"enabled": False})
    file_id = await upload(house, "late.txt")
    since = "2020-01-01T00:00:00Z"
    await house.send("PATCH", path, {"enabled": True})
    queued = (await house.post(f"{path}/replay?since={since}")).json()["queued"]
    assert queued >= 1
    await receiver.until("/late", "file.created")
    await nothing_pending(house, path)
    subjects = [json.loads(sent)["subject"] for _, _, sent in receiver.at("/late")]
    assert subjects.count(file_id) == 1
    assert len(subjects) == len(set(subjects)) == queued
    # All of it again, with the same ids.
    before = {headers["webhook-id"] for _, headers, _ in receiver.at("/late")}
    assert (await house.post(f"{path}/replay?since={since}")).json()["queued"] == 0
    assert (await house.post(f"{path}/replay?since={since}&delivered=true")).json()["queued"] == queued
    await nothing_pending(house, path)
    assert len(receiver.at("/late")) == 2 * queued
    assert {headers["webhook-id"] for _, headers, _ in receiver.at("/late")} == before


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"url": "ftp://example.org/"}, 400, "bad_input"),
        ({"url": "http://user:pass@example.org/"}, 400, "bad_input"),
        ({"url": "http://169.254.169.254/latest"}, 400, "address_refused"),
        ({"url": "http://[fe80::1]/"}, 400, "address_refused"),
        ({"url": "http://10.0.0.1/"}, 400, "address_refused"),
        ({"url": "http://2130706433/"}, 400, "address_refused"),
        ({"url": "https://example.org/", "events": ["nothing.*"]}, 400, "bad_input"),
        ({"url": "https://example.org/", "events": ["generation.delta"]}, 400, "bad_input"),
        ({"url": "https://example.org/", "events": []}, 422, "unprocessable"),
        ({"url": "https://example.org/", "headers": {"Webhook-Id": "mine"}}, 400, "bad_input"),
        ({"url": "https://example.org/", "headers": {"X": "a\r\nHost: b"}}, 400, "bad_input"),
        ({"url": "https://example.org/", "secret": "whsec_mine"}, 422, "unprocessable"),
        ({}, 422, "unprocessable"),
    ],
    ids=str,
)
async def test_what_cannot_be_told_is_refused(house, body, status, code):
    answer = await house.post("/v1/webhooks", body)
    assert (answer.status, answer.code) == (status, code), answer.body


async def test_another_tenant_sees_nothing_and_who_is_one_user_has_none(house, receiver):
    body = {"url": f"{receiver.url}/mine"}
    mine = (await house.post("/v1/webhooks", body)).json()
    other = await make(house, site_id="b", scopes=["webhooks"])
    ada = await make(house, site_id="default", user_id="ada", scopes=["webhooks", "jobs:read"])
    for method, rest in (
        *(("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/deliveries")),
        *(("POST", "/test"), ("POST", "/rotate"), ("POST", "/replay?since=2020-01-01T00:00:00Z")),
        ("POST", "/deliveries/del_1/resend"),
    ):
        path, sent = f"/v1/webhooks/{mine['id']}{rest}", {} if method == "PATCH" else None
        assert (await house.send(method, path, sent, key=other["key"])).code == "not_found", (method, rest)
        assert (await house.send(method, path, sent, key=ada["key"])).code == "not_allowed", (method, rest)
    assert (await house.get("/v1/webhooks", key=other["key"])).json()["data"] == []
    # Nor is told of what its maker may not see.
    refused = await house.post("/v1/webhooks", {**body, "events": ["job.*"]}, key=other["key"])
    assert (refused.status, refused.code) == (403, "not_allowed")
    assert "jobs:read" in refused.json()["error"]["message"]


async def test_events_are_pulled_in_pages(house):
    reader = await make(house, scopes=["files:read"])
    ids = [await upload(house, f"pulled-{number}.txt") for number in range(3)]
    found, after = [], "0"
    while True:
        page = (
            await house.get(f"/v1/events?limit=2&types=file.created&after={after}", key=reader["key"])
        ).json()
        found += page["data"]
        after = page["next_cursor"]
        if not page["has_more"]:
            break
        assert len(page["data"]) == 2
    assert [one["subject"] for one in found][-3:] == ids
    assert {one["type"] for one in found} == {"file.created"}
    # Nothing more just now; then what comes is there at once.
    empty = (await house.get(f"/v1/events?limit=2&after={after}", key=reader["key"])).json()
    assert (empty["data"], empty["has_more"]) == ([], False)
    waiting = asyncio.create_task(
        house.get(f"/v1/events?wait=30&types=file.*&after={after}", key=reader["key"])
    )
    late = await upload(house, "waited-for.txt")
    assert [one["subject"] for one in (await waiting).json()["data"]] == [late]
    json_only = await house.get("/v1/events", key=reader["key"], headers={"Accept": "application/json"})
    assert json_only.json()["object"] == "list"
    # Who may not see jobs sees none, however it asks.
    assert (await house.get("/v1/events?limit=9&types=job.*", key=reader["key"])).json()["data"] == []
    assert (await house.get("/v1/events?limit=9&types=no.such")).code == "bad_input"
    assert (await house.get("/v1/events?limit=9&after=soon")).code == "unprocessable"
    assert (await house.get("/v1/events/999999999")).code == "not_found"
    hook, *_ = (await house.get("/v1/events?limit=200&types=webhook.*")).json()["data"]
    assert (await house.get(f"/v1/events/{hook['seq']}", key=reader["key"])).code == "not_found"


async def test_the_stream_can_be_narrowed_to_types(house):
    async with streaming(house, "/v1/events?types=file.deleted", last_id=None) as stream:
        file_id = await upload(house, "short-lived.txt")
        await house.send("DELETE", f"/v1/files/{file_id}")
        told = await stream.next()
    assert (told["type"], told["data"]["topic"]) == ("file.deleted", file_id)


async def test_what_happened_fits_its_description(house):
    page = (await house.get("/v1/events?limit=200")).json()
    assert len({one["type"] for one in page["data"]}) >= 5
    for one in page["data"]:
        jsonschema.validate(one["data"], EVENTS[one["type"]].data)


async def test_metrics_count_tries(house):
    text = (await house.get("/metrics")).body.decode()
    assert float(re.findall(r'roundhouse_webhook_tries_total\{outcome="taken"\} (\S+)', text)[0]) >= 3
    assert re.findall(r"roundhouse_webhook_backlog (\S+)", text)


async def test_what_is_sent_stands_in_the_documents(house):
    document = (await house.get("/openapi.json", key="")).json()
    openapi_spec_validator.validate(document)
    sent = {one.type for one in EVENTS.sent()}
    assert set(document["webhooks"]) == sent
    async_api = (await house.get("/asyncapi.json", key="")).json()
    assert async_api["asyncapi"] == "3.0.0"
    assert set(async_api["components"]["messages"]) == sent
    told = (await house.get("/v1/events?limit=200&types=file.created")).json()["data"][0]
    content = document["webhooks"]["file.created"]["post"]["requestBody"]["content"]
    schemas = (
        {**content["application/cloudevents+json"]["schema"], "components": document["components"]},
        {"$ref": "#/components/schemas/file.created", "components": async_api["components"]},
    )
    for schema in schemas:
        jsonschema.validate(told, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(told | {"type": "file.deleted"}, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(told | {"data": {}}, schema)


async def test_the_async_document_refers_to_what_is_there(house):
    document = (await house.get("/asyncapi.json", key="")).json()

    def references(node):
        if isinstance(node, dict):
            if "$ref" in node:
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    for one in set(references(document)):
        found = document
        for part in one.removeprefix("#/").split("/"):
            found = found[part]
        assert found


async def test_a_single_task_is_told_to_its_own_address(house, receiver):
    body = {"name": "math.solve", "transport": "fake", "endpoint": {"answer": {"result": 5}}}
    assert (await house.post("/v1/capabilities", {**body, "input_schema": {"type": "object"}})).status == 201
    asked = {"capability": "math.solve", "input": {}, "webhook": f"{receiver.url}/done?task=1"}
    ada = await make(house, user_id="ada", scopes=["tasks"])
    answer = await house.post("/v1/tasks", asked, key=ada["key"], headers={"Prefer": "wait=20"})
    assert answer.status == 200, answer.body
    headers = await receiver.until("/done?task=1", "task.completed")
    told = [json.loads(sent) for _, _, sent in receiver.at("/done?task=1")]
    assert {one["subject"] for one in told} == {answer.json()["id"]}
    assert {one["type"].partition(".")[0] for one in told} == {"task"}
    # The secret of all such addresses is had by rotating it; until then the one before signs as well.
    listed = (await house.get("/v1/webhooks")).json()["data"]
    (shared,) = [one for one in listed if one["url"] is None]
    secret = (await house.post(f"/v1/webhooks/{shared['id']}/rotate")).json()["secret"]
    answer = await house.post("/v1/tasks", {**asked, "webhook": f"{receiver.url}/done?task=2"})
    headers = await receiver.until("/done?task=2", "task.completed")
    sent = next(sent for _, one, sent in receiver.at("/done?task=2") if one == headers)
    assert Oracle(secret).verify(sent, headers)["subject"] == answer.json()["id"]
    for wrong, code in (
        ("not an address", "bad_input"),
        ("whk_none", "not_found"),
        ("x://y", "bad_input"),
    ):
        assert (await house.post("/v1/tasks", {**asked, "webhook": wrong})).code == code
    refused = await house.post("/v1/tasks", {**asked, "webhook": "http://169.254.169.254/"})
    assert refused.code == "address_refused"
