"""Modules of other people over the whole product: imported, served at paths of their own, described, watched."""

from __future__ import annotations

import json
from typing import Any

import pytest
import pytest_asyncio
from openapi_spec_validator import OpenAPIV31SpecValidator

from flows.calls import make
from module_server import ai_math, serving
from peers.modules import module_server
from serving import Answered, House

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLER = {
    "name": "fake",
    "kind": "fake",
    "models": ["caller"],
    "options": {"tool_arguments": {"expression": "2+3"}},
}
IMPORT = "/v1/capabilities/import/openapi"


class Pages:
    """A module whose document a test changes; it answers with what it was asked."""

    def __init__(self) -> None:
        self.document: Any = {}
        self.status = 200
        self.heard: dict[str, str] = {}
        """Headers of the last request."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.heard = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        told = {
            "path": scope["path"],
            "query": scope["query_string"].decode(),
            "body": json.loads(body or b"null"),
        }
        answer = self.document if scope["path"] == "/openapi.json" else told
        status = self.status if scope["path"] == "/openapi.json" else 200
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


def toys(kind: str = "string", **more: Any) -> dict[str, Any]:
    schema = {"type": "object", "required": ["name"], "properties": {"name": {"type": kind}}}
    operation = {
        "operationId": "play",
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {}}}}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Toys", "version": "1"},
        "paths": {"/play/{room}": {"post": operation}, "/rooms": {"get": {"operationId": "rooms"}}} | more,
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def math():
    async with serving(ai_math()) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pages():
    made = Pages()
    async with serving(made) as url:
        made.url = url
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory):
    async with House(tmp_path_factory.mktemp("modules") / "data", providers=[CALLER]) as made:
        yield made


async def paths(house: House, key: str | None = None) -> dict[str, Any]:
    answer = await house.get("/openapi.json", key=key)
    assert answer.status == 200
    found = answer.json()["paths"]
    assert isinstance(found, dict)
    return found


async def test_one_call_makes_a_module_callable_everywhere(house, math):
    asked = {"url": f"{math}/openapi.json"}
    dry = (await house.post(IMPORT, asked)).json()
    assert (dry["applied"], [one["name"] for one in dry["added"]]) == (
        False,
        ["ai-math.constant", "ai-math.solve"],
    )
    assert (await house.post("/v1/run/ai-math.solve", {"expression": "2+3"})).status == 404
    done = (await house.post(IMPORT, asked | {"apply": True})).json()
    assert (done["applied"], len(done["added"]), done["skipped"]) == (True, 2, [])
    assert (await house.post("/v1/run/ai-math.solve", {"expression": "2+3"})).json()["value"] == 5
    assert (await house.post("/api/v1/run/ai-math.constant", {"name": "tau"})).json()["value"] > 6.28
    refused = await house.post("/v1/run/ai-math.solve", {"expression": 7})
    assert (refused.status, refused.json()["error"]["param"]) == (422, "/expression")
    again = (await house.post(IMPORT, asked | {"apply": True})).json()
    assert (again["added"], again["changed"], again["unchanged"]) == (
        [],
        [],
        ["ai-math.constant", "ai-math.solve"],
    )
    one = (await house.get("/v1/capabilities/ai-math.solve")).json()
    assert [example["name"] for example in one["examples"]] == ["sum", "nested", "root"]
    assert one["examples"][2]["summary"] == "שורש ריבועי"


async def test_a_language_model_calls_it_as_a_tool(house, math):
    tools = (await house.get("/v1/capabilities?format=openai_tools&tag=math")).json()["data"]
    wanted = [tool for tool in tools if tool["function"]["name"] == "ai-math__solve"]
    asked = {"model": "fake/caller", "messages": [{"role": "user", "content": "2+3?"}], "tools": wanted}
    call = (await house.post("/v1/chat/completions", asked)).json()["choices"][0]["message"]["tool_calls"][0]
    name = call["function"]["name"].replace("__", ".")
    answer = await house.post(f"/v1/run/{name}", json.loads(call["function"]["arguments"]))
    assert (name, answer.json()["text"]) == ("ai-math.solve", "2+3 = 5")


async def test_the_document_is_that_of_who_reads_it(house, math):
    answer = await house.get("/openapi.json")
    document = answer.json()
    operation = document["paths"]["/v1/run/ai-math.solve"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    assert content["examples"]["nested"]["value"] == {"expression": "(1 + 2) * 3 - 4 / 8", "digits": 2}
    schema = document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
    assert schema["properties"]["expression"]["examples"] == ["2+3"]
    OpenAPIV31SpecValidator(document).validate()
    same = await house.get("/openapi.json", headers={"If-None-Match": answer.headers["etag"]})
    assert (same.status, same.body) == (304, b"")

    def ours(found: dict[str, Any]) -> list[str]:
        return [path for path in found if path.startswith("/v1/run/ai-math")]

    assert len(ours(await paths(house))) == 2
    assert ours(await paths(house, "")) == []
    assert "/v1/run/builtin.chat" in await paths(house, "")
    elsewhere = (await make(house, site_id="elsewhere", scopes=["tasks"]))["key"]
    assert ours(await paths(house, elsewhere)) == []
    narrow = (await make(house, scopes=["inference"]))["key"]
    assert ours(await paths(house, narrow)) == []
    assert (await house.get("/openapi.json", key="rh_nobody_nothing")).status == 401
    cookie = {"Cookie": f"roundhouse_console={house.key}"}
    assert len(ours((await house.get("/openapi.json", key="", headers=cookie)).json()["paths"])) == 2
    over = {"Cookie": "roundhouse_console=rh_over_over"}
    assert ours((await house.get("/openapi.json", key="", headers=over)).json()["paths"]) == []
    # The page of it reads it again with the key that somebody gives there.
    assert b"specActions.updateSpec" in (await house.get("/docs", key="")).body
    await house.send("PATCH", "/v1/capabilities/ai-math.solve", {"enabled": False})
    assert ours(await paths(house)) == ["/v1/run/ai-math.constant"]
    await house.send("PATCH", "/v1/capabilities/ai-math.solve", {"enabled": True})
    assert len(ours(await paths(house))) == 2


async def test_a_changed_module_is_drifted_until_approved(house, pages):
    pages.document = toys()
    asked = {"url": f"{pages.url}/openapi.json", "apply": True}
    source_id = (await house.post(IMPORT, asked)).json()["source_id"]
    given = {"room": "blue", "name": "Bống"}
    played = (await house.post("/v1/run/toys.play", given)).json()
    assert played == {"path": "/play/blue", "query": "", "body": {"name": "Bống"}}
    check = "/v1/capabilities/import/check"
    assert (await house.post(check)).json()["drifted"] == []

    pages.document = toys("integer")
    assert (await house.post(check)).json()["drifted"] == ["toys.play"]
    assert (await house.post(check)).json()["drifted"] == []
    shown = (await house.get("/v1/capabilities/toys.play")).json()
    assert (shown["state"], shown["version"], shown["input_schema"]["properties"]["name"]) == (
        "drifted",
        1,
        {"type": "string"},
    )
    assert (await house.post("/v1/run/toys.play", given)).status == 200
    drift = (await house.get("/v1/capabilities/toys.play/drift")).json()
    assert (drift["reason"], [change["field"] for change in drift["changes"]]) == (
        "changed",
        ["input_schema/properties/name/type"],
    )
    approved = (await house.post("/v1/capabilities/toys.play/approve")).json()
    assert (approved["state"], approved["version"]) == ("active", 2)
    assert (await house.post("/v1/run/toys.play", given)).status == 422
    assert (await house.post("/v1/capabilities/toys.play/approve")).status == 404

    pages.document = toys()
    await house.post(check)
    pages.document = toys("integer")
    assert (await house.post(check)).json()["settled"] == ["toys.play"]

    del pages.document["paths"]["/rooms"]
    assert (await house.post(check)).json()["drifted"] == ["toys.rooms"]
    applied = (await house.post(IMPORT, asked)).json()
    assert (applied["removed"], applied["unchanged"]) == (["toys.rooms"], ["toys.play"])
    assert (await house.post("/v1/run/toys.rooms", {})).status == 404
    pages.document = toys("integer")
    await house.post(IMPORT, asked)
    assert (await house.post("/v1/run/toys.rooms", {})).json()["path"] == "/rooms"

    pages.status = 500
    told = (await house.post(check)).json()
    assert (told["failed"], told["drifted"]) == (1, [])
    pages.status = 200
    listed = (await house.get("/v1/capabilities/import/sources")).json()["data"]
    assert {one["url"]: one["error"] for one in listed}[asked["url"]] == "bad_input"
    assert (await house.send("DELETE", f"/v1/capabilities/import/sources/{source_id}")).json()["deleted"]
    assert (await house.post(check)).json()["sources"] == len(listed) - 1


async def test_headers_that_the_operator_gives_are_no_inputs(house, pages):
    pages.document = toys()
    play = pages.document["paths"]["/play/{room}"]["post"]
    play["parameters"] = [
        {"name": "X-API-Key", "in": "header", "required": True, "schema": {"type": "string"}},
        {"name": "X-Lang", "in": "header", "schema": {"type": "string"}},
    ]
    asked = {"url": f"{pages.url}/openapi.json", "prefix": "keyed", "apply": True}
    plain = (await house.post(IMPORT, asked)).json()["added"]
    assert (
        "X-API-Key" in next(one for one in plain if one["name"] == "keyed.play")["input_schema"]["required"]
    )
    changed = (await house.post(IMPORT, asked | {"headers": {"x-api-key": "of the module"}})).json()[
        "changed"
    ]
    assert [one["name"] for one in changed] == ["keyed.play"]
    one = (await house.get("/v1/capabilities/keyed.play")).json()
    assert "X-API-Key" not in one["input_schema"]["properties"]
    assert "X-Lang" in one["input_schema"]["properties"]
    assert "X-API-Key" not in one["input_schema"]["required"]
    answer = await house.post("/v1/run/keyed.play", {"room": "7", "name": "Lan", "X-Lang": "vi"})
    assert (answer.status, pages.heard["x-api-key"], pages.heard["x-lang"]) == (200, "of the module", "vi")
    # Neither the watch of each night nor an import that leaves the headers alone sees a change.
    assert (await house.post("/v1/capabilities/import/check")).json()["drifted"] == []
    again = (await house.post(IMPORT, asked)).json()
    assert (again["changed"], again["unchanged"]) == ([], ["keyed.play", "keyed.rooms"])
    (source,) = [
        one["id"]
        for one in (await house.get("/v1/capabilities/import/sources")).json()["data"]
        if one["prefix"] == "keyed"
    ]
    assert (await house.send("DELETE", f"/v1/capabilities/import/sources/{source}")).status == 200


async def test_what_may_not_be_imported(house, math, pages):
    document = toys()
    remote = toys(**{"/x": {"post": {"requestBody": {"$ref": "https://elsewhere.example/body.json"}}}})
    climbing = toys(**{"/../x": {"get": {}}})
    weak = (await make(house, scopes=["tasks", "capabilities"]))["key"]
    for asked, status, code, key in (
        ({"document": remote, "base_url": math}, 422, "remote_reference", None),
        ({"document": climbing, "base_url": math}, 422, "unprocessable", None),
        ({"document": document}, 400, "bad_input", None),
        ({}, 422, "unprocessable", None),
        ({"url": "http://169.254.169.254/latest"}, 400, "address_refused", None),
        ({"url": f"{math}/nothing"}, 400, "bad_input", None),
        ({"url": f"{math}/openapi.json"}, 400, "address_refused", weak),
        (
            {"document": document, "base_url": math, "apply": True, "prefix": "weak"},
            400,
            "address_refused",
            weak,
        ),
        ({"document": document, "base_url": math, "apply": True, "prefix": "builtin"}, 200, "", None),
    ):
        answer = await house.post(IMPORT, asked, key=key)
        assert (answer.status, answer.status == 200 or answer.code) == (status, code or True), asked
    pages.document = toys() | {"servers": [{"url": "http://127.0.0.1:1/inner"}]}
    elsewhere = await house.post(IMPORT, {"url": f"{pages.url}/openapi.json", "prefix": "other"})
    assert (elsewhere.status, elsewhere.json()["error"]["param"]) == (400, "base_url")
    pages.document = toys()
    made = {"name": "taken.play", "endpoint": {"url": f"{pages.url}/play"}}
    assert (await house.post("/v1/capabilities", made)).status == 201
    asked = {"url": f"{pages.url}/openapi.json", "prefix": "taken"}
    assert (await house.post(IMPORT, asked)).json()["conflicts"] == ["taken.play"]
    assert (await house.post(IMPORT, asked | {"apply": True})).status == 409


REGISTER: dict[str, Any] = {
    "name": "maths",
    "routes": [
        {
            "name": "solve",
            "method": "POST",
            "gateway_path": "/maths/solve",
            "upstream_path": "/solve",
            "summary": "Giải",
        },
        {
            "name": "constant",
            "method": "GET",
            "gateway_path": "/maths/c/{name}",
            "upstream_path": "/constants/{name}",
        },
    ],
}


async def test_a_registered_module_is_served_at_its_own_paths(house, math):
    made = await house.post("/gateway/register", REGISTER | {"base_url": math})
    assert made.status == 200
    assert {one["capability"]: one["schema_from"] for one in made.json()["routes"]} == {
        "maths.solve": "openapi",
        "maths.constant": "openapi",
    }
    answer = await house.post("/maths/solve", {"expression": "6*7"})
    body = answer.json()
    assert (answer.status, body["success"], body["data"]["value"], body["error"]) == (200, True, 42, None)
    assert (body["site_id"], body["user_id"], body["app_id"]) == ("default", None, None)
    assert body["tracking_id"]
    assert (await house.get("/maths/c/pi")).json()["data"]["value"] > 3.14
    assert (await house.post("/v1/run/maths.solve", {"expression": "1"})).status == 200
    failed = await house.post("/maths/solve", {"expression": "import os"})
    assert (failed.status, failed.json()["success"], failed.json()["data"]) == (422, False, None)
    assert failed.json()["error"]["code"] == "backend_refused"
    wrong = await house.post("/maths/solve", {"expression": 1})
    assert (wrong.status, wrong.json()["error"]["param"]) == (422, "/expression")
    other = await house.get("/maths/solve")
    assert (other.status, other.headers["allow"]) == (405, "POST")
    assert (await house.post("/maths/nothing")).status == 404
    assert (await house.post("/maths/solve", {"expression": "1"}, key="")).status == 401
    form = await house.send("POST", "/maths/solve", data=b"a", headers={"Content-Type": "text/plain"})
    assert (form.status, form.json()["error"]["code"]) == (415, "unsupported_media_type")
    elsewhere = (await make(house, site_id="elsewhere", scopes=["tasks"]))["key"]
    assert (await house.post("/maths/solve", {"expression": "1"}, key=elsewhere)).status == 404
    narrow = (await make(house, scopes=["tasks"], routes=["/maths/c/*"]))["key"]
    assert (await house.post("/maths/solve", {"expression": "1"}, key=narrow)).status == 403
    assert (await house.get("/maths/c/e", key=narrow)).status == 200
    found = await paths(house)
    assert found["/maths/solve"]["post"]["summary"] == "Giải"
    assert [one["in"] for one in found["/maths/c/{name}"]["get"]["parameters"]] == ["path"]
    assert "/maths/solve" not in await paths(house, "")


async def test_by_what_somebody_signs_in_no_module_is_told(house, pages):
    names = ("X-API-Key", "api-key", "X-Signature", "X-Lang")
    pages.document = toys()
    pages.document["paths"]["/rooms"]["get"]["parameters"] = [
        {"name": name, "in": "header", "schema": {"type": "string"}} for name in names
    ]
    routes = [{"name": "rooms", "method": "GET", "upstream_path": "/rooms"}]
    made = await house.post("/gateway/register", {"name": "doors", "base_url": pages.url, "routes": routes})
    assert made.json()["routes"][0]["schema_from"] == "openapi"
    for name in ("X-API-Key", "api-key"):
        headers = {name: house.key, "X-Signature": "0" * 64, "X-Lang": "he"}
        answer = await house.get("/doors/rooms", key="", headers=headers)
        assert (answer.status, pages.heard["x-lang"]) == (200, "he")
        assert not {"x-api-key", "api-key", "x-signature", "authorization"} & pages.heard.keys()
        trace = await house.get(f"/v1/tasks/{answer.headers['x-roundhouse-task']}/trace")
        assert house.key not in trace.body.decode()
    assert (await house.send("DELETE", "/gateway/registrations/doors")).status == 200


@pytest.mark.parametrize("path", ["/v1/run/maths.solve", "/maths/solve"])
async def test_an_idempotency_key_counts_to_its_last_character(house, math, path):
    await house.post("/gateway/register", REGISTER | {"base_url": math})

    async def run(key: str, expression: str) -> Answered:
        return await house.post(path, {"expression": expression}, headers={"Idempotency-Key": key})

    first, other = await run(path + "k" * 200 + "1", "1+1"), await run(path + "k" * 200 + "2", "1+2")
    assert (first.status, other.status) == (200, 200)
    assert first.headers["x-roundhouse-task"] != other.headers["x-roundhouse-task"]
    again = await run(path + "k" * 200 + "1", "1+1")
    assert again.status == 200
    assert again.headers["x-roundhouse-task"] == first.headers["x-roundhouse-task"]
    assert (await run(path + "k" * 200 + "1", "1+2")).code == "idempotency_mismatch"
    for wrong in ("", "a b", "k" * 256):
        refused = await run(wrong, "1")
        assert (refused.status, refused.code) == (400, "bad_input"), wrong


async def test_paths_that_no_registration_has(house, math):
    for path, status, code in (
        ("/v1%2fmodels", 400, "bad_input"),
        ("/maths/{a}/{a}", 400, "bad_input"),
        ("/{any}/solve", 400, "bad_input"),
        ("/maths/../v1/models", 422, "unprocessable"),
        ("/gateway/tools", 409, "conflict"),
        ("/health/", 409, "conflict"),
    ):
        routes = [{"name": "one", "gateway_path": path, "upstream_path": "/solve"}]
        answer = await house.post("/gateway/register", {"name": "over", "base_url": math, "routes": routes})
        assert (answer.status, answer.code) == (status, code), path
    assert (await house.get("/gateway/registrations/over")).status == 404


async def test_a_registered_module_is_looked_at_again(house, pages):
    pages.document = toys()
    route = {"name": "play", "upstream_path": "/play/{room}"}
    body = {"name": "watched", "base_url": pages.url, "routes": [route]}
    assert (await house.post("/gateway/register", body)).status == 200
    check = "/gateway/registrations/watched/check"
    found = (await house.post(check)).json()
    assert (found["status"], found["described"], found["error"], found["drifted"]) == (200, True, None, [])
    pages.document = toys("integer")
    assert (await house.post(check)).json()["drifted"] == ["watched.play"]
    drifted = (await house.get("/v1/capabilities?state=drifted")).json()["data"]
    assert [one["name"] for one in drifted] == ["watched.play"]
    approved = (await house.post("/v1/capabilities/watched.play/approve")).json()
    assert (approved["state"], approved["version"]) == ("active", 2)
    assert (await house.post("/watched/play/blue", {"name": "x"})).status == 422
    pages.status = 500
    found = (await house.post(check)).json()
    assert (found["status"], found["error"], found["drifted"]) == (200, "bad_input", [])
    pages.status = 200
    assert (await house.post("/gateway/registrations/nobody/check")).status == 404
    assert (await house.send("DELETE", "/gateway/registrations/watched")).status == 200


async def test_registered_again_and_raw_and_removed(house, math, pages):
    pages.document = {}
    routes = [
        {"name": "any", "gateway_path": "/toys/{room}/any", "upstream_path": "/any/{room}"},
        {"name": "look", "method": "GET", "upstream_path": "/look"},
    ]
    body = {"name": "toybox", "base_url": pages.url, "routes": routes, "raw": True}
    made = (await house.post("/gateway/register", body)).json()
    assert [one["schema_from"] for one in made["routes"]] == ["none", "none"]
    assert (await house.post("/toys/7/any", {"x": [1]})).json() == {
        "path": "/any/7",
        "query": "",
        "body": {"x": [1]},
    }
    assert (await house.get("/toybox/look?deep=yes")).json()["query"] == "deep=yes"
    again = (await house.post("/gateway/register", body | {"routes": routes[1:]})).json()
    assert (again["id"], len(again["routes"])) == (made["id"], 1)
    assert (await house.post("/toys/7/any", {})).status == 404
    assert (await house.post("/v1/run/toybox.any", {})).status == 404
    listed = (await house.get("/gateway/registrations")).json()
    assert [one["name"] for one in listed["data"]] == ["maths", "toybox"]
    assert (await house.get("/gateway/registrations?limit=1")).json()["has_more"]
    assert (await house.send("DELETE", "/gateway/registrations/toybox")).json()["deleted"]
    assert (await house.get("/toybox/look")).status == 404
    assert (await house.get("/gateway/registrations/toybox")).status == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/models", 409),
        ("/v1/brand-new", 409),
        ("/api/tasks/{x}", 409),
        ("/chat/stream", 409),
        ("/livez", 409),
        ("/metrics", 409),
        ("/docs/static/x.js", 409),
        ("/gateway/register", 409),
        ("/gateway/registrations/mine", 409),
        ("/console/x", 409),
        ("/{any}/x", 400),
        ("/a/../v1/models", 422),
        ("/a//b", 422),
        ("/maths/solve", 409),
    ],
)
async def test_no_path_of_ours_is_taken(house, math, path, status):
    if path == "/a//b":
        path = "//b"
    body = {
        "name": "thief",
        "base_url": math,
        "routes": [{"name": "a", "gateway_path": path, "upstream_path": "/x"}],
    }
    assert (await house.post("/gateway/register", body)).status == status


async def test_an_imported_module_can_be_registered_as_well(house, math):
    routes = [{"name": "solve", "gateway_path": "/ai-math/solve", "upstream_path": "/solve"}]
    body = {"name": "ai-math", "base_url": math, "routes": routes}
    assert (await house.post("/gateway/register", body)).status == 200
    assert (await house.post("/ai-math/solve", {"expression": "2"})).json()["data"]["value"] == 2
    assert (await house.post(IMPORT, {"url": f"{math}/openapi.json", "apply": True})).json()[
        "conflicts"
    ] == []
    assert (await house.get("/v1/capabilities/ai-math.solve")).json()["origin"] == "openapi"


async def test_a_collection_goes_out_and_comes_back(house, math):
    collection = (await house.get("/v1/capabilities/export/postman?prefix=ai-math")).json()
    items = collection["item"][0]["item"]
    assert [item["name"] for item in items][1:] == [
        f"ai-math.solve: {name}" for name in ("sum", "nested", "root")
    ]
    asked = {"collection": collection, "base_url": house.url, "prefix": "back", "apply": True}
    asked["headers"] = {"Authorization": f"Bearer {house.key}"}
    back = (await house.post("/v1/capabilities/import/postman", asked)).json()
    (solve,) = [one for one in back["added"] if one["operation"] == "POST /v1/run/ai-math.solve"]
    assert len(solve["examples"]) == 3
    answer = await house.post(f"/v1/run/{solve['name']}", {"expression": "9-2"})
    assert answer.json()["value"] == 7


async def test_paths_are_served_after_a_restart(tmp_path):
    async with module_server() as module:
        async with House(tmp_path / "data") as house:
            routes = [{"name": "echo", "gateway_path": "/far/echo", "upstream_path": "/echo"}]
            body = {"name": "far", "base_url": module.url, "routes": routes}
            assert (await house.post("/gateway/register", body)).status == 200
            key = house.key
        async with House(tmp_path / "data") as house:
            assert (await house.post("/far/echo", {"a": 1}, key=key)).json()["success"]
            assert "/far/echo" in await paths(house, key)
