"""Sessions, messages and memories through the whole product, without any model."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from flows.calls import make
from roundhouse.core.types import Caller
from roundhouse.features.chat import store
from roundhouse.features.chat.model import Message, NewMessage
from serving import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCOPES = ["chats:read", "chats:write", "inference"]
TIMES = re.compile(r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with House(tmp_path_factory.mktemp("chats") / "data") as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def key(house: House, request: pytest.FixtureRequest) -> str:
    """A key of a site of the test's own."""
    return await site_key(house, request.node.name)


async def site_key(house: House, site: str, **more: Any) -> str:
    made = await make(house, scopes=SCOPES, site_id=re.sub(r"\W", "_", site)[:100], **more)
    return str(made["key"])


async def begin(house: House, key: str, **asked: Any) -> dict[str, Any]:
    made = await house.post("/v1/sessions", asked, key=key)
    assert made.status == 201, made.body
    found: dict[str, Any] = made.json()
    return found


async def say(house: House, session_id: str, *texts: str) -> list[Message]:
    """Messages without answers; asking a model is another room's test."""
    admin = Caller(key_id="test", site_id=await site_of(house, session_id))
    said = []
    for text in texts:
        async with house.app.db.begin() as tx:
            session = await store.get_session(tx, admin, session_id, lock=True)
            said.append(await store.append_message(tx, session, NewMessage("user", text), 1_800_000_000.0))
    return said


async def site_of(house: House, session_id: str) -> str:
    import sqlalchemy as sa

    from roundhouse.features.chat.rows import sessions

    async with house.app.db.read() as tx:
        query = sa.select(sessions.c.site_id).where(sessions.c.id == session_id)
        return str((await tx.execute(query)).scalar_one())


# One session


async def test_the_life_of_a_session(house: House, key: str) -> None:
    asked = {
        "title": "Chuyến đi",
        "model": "auto",
        "system": "Be brief.",
        "tags": ["du lịch"],
        "metadata": {"a": 1},
    }
    made = await house.post("/v1/sessions", asked, key=key)
    assert made.status == 201
    session = made.json()
    path = f"/v1/sessions/{session['id']}"
    assert made.headers["location"] == path
    assert {name: session[name] for name in asked} == asked
    assert TIMES.match(session["created_at"])
    assert (await house.get(path, key=key)).json() == session
    renamed = await house.send("PATCH", path, {"title": "Đà Lạt", "version": 1}, key=key)
    assert (renamed.status, renamed.json()["title"], renamed.json()["version"]) == (200, "Đà Lạt", 2)
    stale = await house.send("PATCH", path, {"title": "x", "version": 1}, key=key)
    assert (stale.status, stale.code, stale.json()["error"]["param"]) == (409, "conflict", "version")
    assert (await house.post(f"{path}/archive", key=key)).json()["archived"] is True
    assert (await house.post(f"{path}/unarchive", key=key)).json()["archived"] is False
    deleted = await house.send("DELETE", path, key=key)
    assert deleted.json() == {"object": "session", "id": session["id"], "deleted": True, "permanent": False}
    assert (await house.get(path, key=key)).json()["deleted_at"] is not None
    for method, refused in (
        ("PATCH", path),
        ("DELETE", path),
        ("POST", f"{path}/archive"),
        ("GET", f"{path}/messages"),
    ):
        body = {"title": "x"} if method == "PATCH" else None
        assert (await house.send(method, refused, body, key=key)).status == 404, refused
    assert (await house.post(f"{path}/restore", key=key)).json()["deleted_at"] is None
    assert (await house.send("DELETE", f"{path}?permanent=true", key=key)).json()["permanent"] is True
    assert (await house.get(path, key=key)).status == 404
    assert (await house.post(f"{path}/restore", key=key)).status == 404


async def test_a_session_of_nothing(house: House, key: str) -> None:
    for body in (None, {}):
        made = await house.post("/v1/sessions", body, key=key)
        assert made.status == 201, made.body
        assert (made.json()["title"], made.json()["model"]) == ("", None)


async def test_a_vector_store_that_is_not_there_is_refused(house: House, key: str) -> None:
    refused = await house.post("/v1/sessions", {"vector_store_ids": ["vs_1"]}, key=key)
    assert (refused.status, refused.code) == (422, "unprocessable")
    assert refused.json()["error"]["param"] == "vector_store_ids"


async def test_a_repeated_request(house: House, key: str) -> None:
    headers = {"Idempotency-Key": "once"}
    answers = await asyncio.gather(
        *(house.post("/v1/sessions", {"title": "a"}, key=key, headers=headers) for _ in range(5))
    )
    assert {one.status for one in answers} == {201}
    assert len({one.json()["id"] for one in answers}) == 1
    other = await house.post("/v1/sessions", {"title": "b"}, key=key, headers=headers)
    assert (other.status, other.code) == (409, "conflict")
    memories = [
        await house.post("/v1/memories", {"content": "likes tea"}, key=key, headers=headers) for _ in range(2)
    ]
    assert memories[0].json()["id"] == memories[1].json()["id"]


async def test_whose_session_it_is(house: House, key: str) -> None:
    ada = await site_key(house, "test_whose_session_it_is", user_id="ada")
    refused = await house.post("/v1/sessions", {"user_id": "bob"}, key=ada)
    assert (refused.status, refused.code) == (403, "not_allowed")
    mine = await begin(house, ada)
    bobs = await begin(house, key, user_id="bob")
    assert (mine["user_id"], bobs["user_id"]) == ("ada", "bob")
    assert [one["id"] for one in (await house.get("/v1/sessions", key=ada)).json()["data"]] == [mine["id"]]
    assert len((await house.get("/v1/sessions", key=key)).json()["data"]) == 2
    as_bob = await house.get("/v1/sessions", key=key, headers={"X-User-Id": "bob"})
    assert [one["id"] for one in as_bob.json()["data"]] == [bobs["id"]]


# Lists


async def test_pages_both_ways(house: House, key: str) -> None:
    for number in range(7):
        await begin(house, key, title=str(number))

    async def page(query: str) -> dict[str, Any]:
        answer = await house.get(f"/v1/sessions?limit=3{query}", key=key)
        assert answer.status == 200, answer.body
        return {**answer.json(), "titles": "".join(one["title"] for one in answer.json()["data"])}

    first = await page("")
    second = await page(f"&cursor={first['next_cursor']}")
    third = await page(f"&cursor={second['next_cursor']}")
    assert [first["titles"], second["titles"], third["titles"]] == ["654", "321", "0"]
    assert [one["has_more"] for one in (first, second, third)] == [True, True, False]
    assert (first["prev_cursor"], third["next_cursor"]) == (None, None)
    assert (await page(f"&before={third['prev_cursor']}"))["titles"] == "321"
    assert (await page(f"&before={second['prev_cursor']}"))["titles"] == "654"
    assert (await page("&order=asc"))["titles"] == "012"
    both = await house.get(
        f"/v1/sessions?cursor={first['next_cursor']}&before={second['prev_cursor']}", key=key
    )
    assert (both.status, both.code) == (400, "bad_input")


async def test_filters_in_the_query(house: House, key: str) -> None:
    first = await begin(house, key, title="a", tags=["đỏ", "x y"], model="m")
    await begin(house, key, title="b", pinned=True)

    async def titles(query: str) -> str:
        answer = await house.get(f"/v1/sessions?{query}", key=key)
        assert answer.status == 200, answer.body
        return "".join(one["title"] for one in answer.json()["data"])

    for query, wanted in {
        "tag=đỏ": "a",
        "tag=x%20y": "a",
        "model=m": "a",
        "pinned=true": "b",
        "pinned=false": "a",
        "archived=true": "",
        "deleted=true": "",
        "created_after=2020-01-01": "ba",
        "created_before=2020-01-01": "",
        f"updated_after={first['updated_at'][:19]}Z": "ba",
        "user_id=nobody": "",
    }.items():
        assert await titles(query) == wanted, query
    for wrong in ("limit=0", "limit=201", "order=up", "pinned=perhaps", "created_after=7", "tag="):
        assert (await house.get(f"/v1/sessions?{wrong}", key=key)).status == 422, wrong


async def test_a_time_that_was_shown_finds_what_it_was_shown_of(house: House, key: str) -> None:
    """The clock is finer than what is shown of it: a row is lost to neither side of its time, nor on both."""
    tag = "a-tag-of-this-test"
    made = {one["id"]: one for one in [await begin(house, key, title="t", tags=[tag]) for _ in range(20)]}

    async def found(query: str) -> set[str]:
        answer = await house.get(f"/v1/sessions?tag={tag}&limit=100&{query}", key=key)
        return {one["id"] for one in answer.json()["data"]}

    for one in made.values():
        for name in ("updated", "created"):
            shown = one[f"{name}_at"]
            later, earlier = await found(f"{name}_after={shown}"), await found(f"{name}_before={shown}")
            assert one["id"] in later
            assert (later | earlier, later & earlier) == (made.keys(), set())


# Messages


async def test_a_conversation_and_its_messages(house: House, key: str) -> None:
    session = await begin(house, key)
    path = f"/v1/sessions/{session['id']}/messages"
    said = await say(house, session["id"], *"abcde")
    first = (await house.get(f"{path}?limit=2", key=key)).json()
    assert [one["content"] for one in first["data"]] == ["a", "b"]
    rest = (await house.get(f"{path}?limit=9&cursor={first['next_cursor']}", key=key)).json()
    assert [one["content"] for one in rest["data"]] == ["c", "d", "e"]
    last = (await house.get(f"{path}?limit=2&order=desc", key=key)).json()
    assert [one["content"] for one in last["data"]] == ["e", "d"]
    one = f"/v1/messages/{said[1].id}"
    changed = await house.send("PATCH", one, {"content": "B", "pinned": True, "metadata": {"x": []}}, key=key)
    assert (changed.status, changed.json()["content"], changed.json()["version"]) == (200, "B", 2)
    assert (await house.get(one, key=key)).json() == changed.json()
    assert (await house.send("PATCH", one, {"content": ""}, key=key)).status == 422
    assert (await house.send("DELETE", one, key=key)).json() == {
        "object": "message",
        "id": said[1].id,
        "deleted": True,
    }
    assert (await house.get(one, key=key)).status == 404
    left = (await house.get(path, key=key)).json()
    assert [row["content"] for row in left["data"]] == ["a", "c", "d", "e"]
    stats = (await house.get(f"/v1/sessions/{session['id']}/stats", key=key)).json()
    assert (stats["total"]["messages"], [row["role"] for row in stats["by_role"]]) == (4, ["user"])
    whole = (await house.get("/v1/sessions/stats", key=key)).json()
    assert (whole["sessions"], whole["total"]["messages"]) == (1, 4)


async def test_branches(house: House, key: str) -> None:
    session = await begin(house, key)
    caller = Caller(key_id="test", site_id=await site_of(house, session["id"]))
    said = await say(house, session["id"], "q", "a")
    async with house.app.db.begin() as tx:
        found = await store.get_session(tx, caller, session["id"], lock=True)
        forked = await store.fork(tx, found, said[1], 1_800_000_000.0, at="instead")
        await store.append_message(tx, forked, NewMessage("assistant", "b"), 1_800_000_000.0)
    path = f"/v1/sessions/{session['id']}/messages"
    siblings = (await house.get(f"/v1/messages/{said[1].id}/siblings", key=key)).json()
    assert [(one["message"]["content"], one["shown"]) for one in siblings["data"]] == [
        ("a", False),
        ("b", True),
    ]
    assert [one["content"] for one in (await house.get(path, key=key)).json()["data"]] == ["q", "b"]
    assert [one["content"] for one in (await house.get(f"{path}?branch=0", key=key)).json()["data"]] == [
        "q",
        "a",
    ]
    assert (await house.get(f"{path}?branch=2", key=key)).status == 404
    shown = await house.post(f"/v1/messages/{said[1].id}/show", key=key)
    assert (shown.status, shown.json()["branch"], shown.json()["branches"]) == (200, 0, 2)
    assert [one["content"] for one in (await house.get(path, key=key)).json()["data"]] == ["q", "a"]


# Memories and clean-up


async def test_memories(house: House, key: str) -> None:
    made = await house.post("/v1/memories", {"content": "Thích trà."}, key=key)
    assert made.status == 201
    path = made.headers["location"]
    assert (await house.get(path, key=key)).json() == made.json()
    edited = await house.send("PATCH", path, {"content": "Thích trà xanh.", "version": 1}, key=key)
    assert (edited.status, edited.json()["version"]) == (200, 2)
    assert (await house.send("PATCH", path, {"content": "x", "version": 1}, key=key)).status == 409
    assert len((await house.get("/v1/memories", key=key)).json()["data"]) == 1
    off = await house.send("PUT", "/v1/memories/switch", {"enabled": False}, key=key)
    assert off.json() == {"object": "memory.switch", "enabled": False, "user_id": None}
    assert (await house.get("/v1/memories/switch", key=key)).json()["enabled"] is False
    assert (await house.send("DELETE", path, key=key)).json()["deleted"] is True
    assert (await house.get(path, key=key)).status == 404


async def test_clean_up(house: House, key: str) -> None:
    await begin(house, key)
    asked = {"days": 30}
    tried = await house.post("/v1/sessions/cleanup", asked, key=key)
    assert tried.json() == {
        "object": "sessions.cleanup",
        "action": "archive",
        "dry_run": True,
        "sessions": 0,
        "messages": 0,
        "session_ids": [],
    }
    # A ten-millionth of a day: what was not changed since a few milliseconds ago.
    await asyncio.sleep(0.05)
    done = await house.post("/v1/sessions/cleanup", {"days": 1e-7, "dry_run": False}, key=key)
    assert done.json()["sessions"] == 1
    for wrong in ({}, {"days": 0}, {"days": 1, "action": "burn"}, {"days": "1"}):
        assert (await house.post("/v1/sessions/cleanup", wrong, key=key)).status == 422


# Hostile and foreign callers

HOSTILE: list[dict[str, Any]] = [
    {"title": "a\x00b"},
    {"title": "\ud800"},
    {"title": "x" * 501},
    {"title": 5},
    {"tags": ["a\nb"]},
    {"tags": [""]},
    {"tags": ["x"] * 51},
    {"system": "\x00"},
    {"metadata": {"a": "\ud800"}},
    {"metadata": {"a": float("inf")}},
    {"metadata": {"a": "x" * 70_000}},
    {"metadata": []},
    {"outside_id": ""},
    {"unknown": 1},
    {"context": {"strategy": "\ud800"}},
    {"pinned": "yes"},
]


@pytest.mark.parametrize("asked", HOSTILE, ids=lambda one: next(iter(one)))
async def test_hostile_input_is_refused(house: House, key: str, asked: dict[str, Any]) -> None:
    session = await begin(house, key)
    for method, path in (("POST", "/v1/sessions"), ("PATCH", f"/v1/sessions/{session['id']}")):
        answer = await house.send(method, path, asked, key=key)
        assert answer.status in (400, 422), answer.body
        assert answer.code in ("bad_input", "unprocessable")
    assert (await house.get(f"/v1/sessions/{session['id']}", key=key)).json() == session


async def test_deep_metadata(house: House, key: str) -> None:
    deep = b'{"metadata": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}"
    answer = await house.send(
        "POST", "/v1/sessions", data=deep, key=key, headers={"Content-Type": "application/json"}
    )
    assert answer.status in (400, 422), answer.body


async def test_another_tenants_ids_are_not_there(house: House, key: str) -> None:
    """Every route of this room that takes an id, by the product's own document."""
    session = await begin(house, key, title="mine")
    (message,) = await say(house, session["id"], "mine")
    memory = (await house.post("/v1/memories", {"content": "mine"}, key=key)).json()
    question = {"content": "mine?", "model": "roundhouse/extractive"}
    answered = (await house.post(f"/v1/sessions/{session['id']}/messages", question, key=key)).json()
    ids = {
        "session_id": session["id"],
        "message_id": message.id,
        "memory_id": memory["id"],
        "generation_id": answered["generation"]["id"],
    }
    site = "test_another_tenants_ids_are_not_there"
    strangers = {
        "another site": await site_key(house, "stranger"),
        "its admin": (await make(house, scopes=["admin"], site_id="stranger"))["key"],
        "another user": await site_key(house, site, user_id="eve"),
        "another app": await site_key(house, site, app_id="eve"),
    }
    document = (await house.get("/openapi.json")).json()
    asked = 0
    for path, methods in document["paths"].items():
        if not any(f"{{{name}}}" in path for name in ids):
            continue
        for method, operation in methods.items():
            filled = path.format(**ids)
            body = {"content": "stolen"} if path.startswith(("/v1/mem", "/v1/mes")) else {"title": "stolen"}
            sent = body if "requestBody" in operation else None
            if "messages" in path and method == "post" and sent:
                sent = {} if path.endswith(("/regenerate", "/continue")) else {"content": "stolen"}
            for who, stranger in strangers.items():
                for query in ("", "?permanent=true") if method == "delete" else ("",):
                    answer = await house.send(method.upper(), filled + query, sent, key=stranger)
                    assert answer.status in (403, 404), (who, method, path, answer.body)
                    assert b"mine" not in answer.body
                    asked += answer.status == 404
    assert asked > 50
    assert (await house.get(f"/v1/sessions/{session['id']}", key=key)).json()["title"] == "mine"
    for path in ("/v1/sessions", "/v1/sessions?deleted=true", "/v1/memories", "/v1/sessions/stats"):
        for stranger in strangers.values():
            assert b"mine" not in (await house.get(path, key=stranger)).body


async def test_the_events_of_a_site_tell_of_sessions(house: House) -> None:
    from roundhouse.features.webhooks.service.events import EventService
    from roundhouse.infra.events import store as events

    key = (await make(house, scopes=[*SCOPES, "jobs:read"], site_id="heard"))["key"]
    session = await begin(house, key, title="secret")
    async with house.app.db.read() as tx:
        (one,) = await events.page(tx, "heard", None, 0, 9)
    assert (one.type, one.topic) == ("session.created", session["id"])
    assert "secret" not in str(one)
    for scopes, may in ((SCOPES, True), (["jobs:read"], False)):
        caller = Caller(key_id="k", site_id="heard", scopes=frozenset(scopes))
        assert EventService(house.app.db, house.app.parts.tail).may_see(caller, None, one) is may
