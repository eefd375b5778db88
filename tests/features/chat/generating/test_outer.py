"""The old form: `POST /chat/stream` and `GET /chat/sessions/{user_id}`."""

import asyncio
import json

from features.chat.generating.wired import ChatHouse, fake, reading, session_of


def events(body: bytes) -> list[tuple[str, dict]]:
    found = []
    for block in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in fields:
            assert set(fields) == {"event", "data"}
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def text_of(found: list[tuple[str, dict]], session_id: str, user_id: str) -> str:
    assert [kind for kind, _ in found][-1] == "finish"
    assert {kind for kind, _ in found[:-1]} == {"add"}
    for _, data in found:
        assert set(data) == {"session_id", "user_id", "data"}
        assert (data["session_id"], data["user_id"]) == (session_id, user_id)
    return "".join(data["data"]["content"] for _, data in found)


async def key_of(house, **wanted) -> str:
    made = await house.post("/v1/keys", {"name": "test", **wanted})
    assert made.status == 201, made.body
    return made.json()["key"]


async def ask(house, prompt: str, session_id: str = "session_001", user_id: str = "user_001", **more):
    body = {"user_id": user_id, "session_id": session_id, "prompt": prompt}
    # As `curl -d` sends it.
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return await house.post("/chat/stream", data=json.dumps(body).encode(), headers=form, **more)


async def test_a_prompt_is_answered_in_add_and_finish(tmp_path, db_url):
    chat = {"default_model": "say/m"}
    async with ChatHouse(tmp_path / "data", providers=[fake()], chat=chat, db={"url": db_url}) as house:
        answer = await ask(house, "什么是Python？")
        assert answer.status == 200, answer.body
        assert answer.headers["content-type"].startswith("text/event-stream")
        found = events(answer.body)
        assert text_of(found, "session_001", "user_001") == "You said: 什么是Python？"
        # The second prompt under the same names stands in the same session.
        assert (await ask(house, "And?")).status == 200
        listed = (await house.get("/chat/sessions/user_001")).json()
        (one,) = listed["sessions"]
        assert (listed["user_id"], listed["has_more"]) == ("user_001", False)
        assert (one["session_id"], one["message_count"], one["title"]) == ("session_001", 4, "什么是Python？")
        # The same name of another user is another session.
        assert (await ask(house, "Hi.", user_id="user_002")).status == 200
        (other,) = (await house.get("/chat/sessions/user_002")).json()["sessions"]
        assert (other["session_id"], other["message_count"]) == ("session_001", 2)
        assert (await house.get("/chat/sessions/nobody")).json()["sessions"] == []
        empty = await ask(house, "  ")
        assert (empty.status, empty.code) == (400, "bad_input")


async def test_the_second_question_knows_the_first(tmp_path):
    async with ChatHouse(tmp_path / "data", chat={"default_model": "roundhouse/extractive"}) as house:
        assert (await ask(house, "My name is Anna Berg and I am 25 years old.")).status == 200
        answer = await ask(house, "What is my name?")
        assert "Anna Berg" in text_of(events(answer.body), "session_001", "user_001")


async def test_a_key_of_one_user_stands_for_that_user(tmp_path):
    chat = {"default_model": "say/m"}
    async with ChatHouse(tmp_path / "data", providers=[fake()], chat=chat) as house:
        scopes = ["chats:read", "chats:write", "inference"]
        key = await key_of(house, user_id="user_007", scopes=scopes)
        refused = await ask(house, "Hi.", user_id="user_001", key=key)
        assert (refused.status, refused.code) == (403, "not_allowed")
        assert (await ask(house, "Hi.", user_id="user_007", key=key)).status == 200
        body = {"session_id": "two", "prompt": "Hi."}
        unnamed = await house.post("/chat/stream", body, key=key)
        assert text_of(events(unnamed.body), "two", "user_007") == "You said: Hi."
        listed = await house.get("/chat/sessions/user_007", key=key)
        assert {one["session_id"] for one in listed.json()["sessions"]} == {"session_001", "two"}
        refused = await house.get("/chat/sessions/user_001", key=key)
        assert (refused.status, refused.code) == (403, "not_allowed")
        writer = await key_of(house, scopes=["chats:write"])
        refused = await ask(house, "Hi.", key=writer)
        assert (refused.status, refused.code) == (403, "not_allowed")


async def test_a_name_that_is_used_again_after_a_deletion_begins_anew(tmp_path):
    chat = {"default_model": "say/m"}
    async with ChatHouse(tmp_path / "data", providers=[fake()], chat=chat) as house:
        await ask(house, "Secret.")
        (session,) = (await house.get("/v1/sessions")).json()["data"]
        assert (await house.send("DELETE", f"/v1/sessions/{session['id']}")).status == 200
        await asyncio.gather(*(ask(house, f"Hello {number}.") for number in range(3)))
        (fresh,) = (await house.get("/v1/sessions")).json()["data"]
        assert (fresh["outside_id"], fresh["id"] != session["id"]) == ("session_001", True)
        # A session that has no name of theirs goes by our id.
        plain = await session_of(house, user_id="user_001")
        assert (await ask(house, "Hello.", session_id=plain)).status == 200
        assert (await house.get(f"/v1/sessions/{plain}")).json()["message_count"] == 2


async def test_a_failure_is_told_before_the_finish(tmp_path):
    broken = fake(fault={"code": "backend_failed"})
    chat = {"default_model": "say/m"}
    async with ChatHouse(tmp_path / "data", providers=[{**broken, "retries": 0}], chat=chat) as house:
        found = events((await ask(house, "Hi.")).body)
        assert [kind for kind, _ in found] == ["error", "finish"]
        assert found[0][1]["error"]["code"] == "backend_failed"
        body = {"user_id": "u", "session_id": "s", "prompt": "Hi."}
        async with reading(house, "POST", "/chat/stream", body) as reader:
            assert reader.headers["x-roundhouse-generation"].startswith("gen_")
