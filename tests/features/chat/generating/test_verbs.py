"""Stop, ask anew, ask otherwise, go on; what becomes of an answer when its client vanishes."""

import asyncio

import pytest

from features.chat.generating.conftest import WORDS
from features.chat.generating.wired import (
    ChatHouse,
    asking,
    check_whole,
    events_of,
    fake,
    message_of,
    reading,
    session_of,
)
from peers.scripts import DONE, chunk, event, good_events, stream
from peers.upstream import Upstream

KEY = "a key that the whole house knows, 40 characters"
COMPLETED, STOPPED = "generation.completed", "generation.stopped"


async def path_of(house, session_id: str) -> list[tuple[str, str]]:
    listed = (await house.get(f"/v1/sessions/{session_id}/messages")).json()["data"]
    return [(one["role"], one["content"]) for one in listed]


async def stopped_at(house, session_id: str, pieces: int = 3, **more):
    """An answer that was stopped after some pieces; its reader."""
    async with asking(house, session_id, **more) as asker:
        await asker.until("generation.delta", pieces)
        answer = await house.post(f"/v1/generations/{asker.generation_id}/stop")
        assert (answer.status, answer.json()["stop_requested"]) == (200, True)
        await asker.rest()
    return asker


async def test_a_stop_keeps_what_was_said(house):
    session_id = await session_of(house)
    asker = await stopped_at(house, session_id, model="endless/m")
    text = check_whole(asker.events, STOPPED)
    message = asker.last["data"]["data"]
    assert (message["content"], message["state"], message["finish_reason"]) == (text, "stopped", "stopped")
    assert await message_of(house, message["id"]) == message
    again = await house.post(f"/v1/sessions/{session_id}/generations/{asker.generation_id}/stop")
    assert (again.status, again.json()["state"]) == (200, "stopped")
    async with events_of(house, asker.generation_id) as reader:
        assert await reader.rest() == asker.events
    provider = house.app.engine.catalog.backends["endless"].chat
    assert provider.open_streams == 0


async def test_a_stop_works_from_another_process(tmp_path, db_url):
    providers = [fake(endless=True, delay_s=0.01)]
    both = {"providers": providers, "db": {"url": db_url}, "access": {"secret_api_key": KEY}}
    async with ChatHouse(tmp_path / "one", **both) as one, ChatHouse(tmp_path / "two", **both) as two:
        one.key = two.key = KEY
        session_id = await session_of(one)
        async with asking(one, session_id) as asker:
            await asker.until("generation.delta")
            async with events_of(two, asker.generation_id) as other:
                await other.until("generation.delta")
                assert (await two.post(f"/v1/generations/{asker.generation_id}/stop")).status == 200
                assert check_whole(await asker.rest(), STOPPED) == asker.last["data"]["data"]["content"]
                assert await other.rest() == asker.events


async def test_an_answer_is_finished_when_its_client_vanishes(house):
    session_id = await session_of(house)
    async with asking(house, session_id) as asker:
        await asker.until("generation.delta")
    async with events_of(house, asker.generation_id) as reader:
        assert check_whole(await reader.rest(), COMPLETED) == WORDS


@pytest.mark.parametrize("stream", [True, False])
async def test_or_stopped_where_the_request_says_so(house, stream):
    session_id = await session_of(house)
    body = {"content": "Hello.", "model": "endless/m", "on_disconnect": "cancel", "stream": stream}
    path = f"/v1/sessions/{session_id}/messages"
    if stream:
        async with reading(house, "POST", path, body) as asker:
            await asker.until("generation.delta")
    else:
        waiting = asyncio.create_task(answered(house, path, body))
        begun = await one_generation(house, session_id)
        async with events_of(house, begun["id"]) as reader:
            await reader.until("generation.delta")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    generation = await one_generation(house, session_id)
    async with events_of(house, generation["id"]) as reader:
        text = check_whole(await reader.rest(), STOPPED)
    assert text
    assert (await message_of(house, generation["message_id"]))["content"] == text


async def answered(house, path, body):
    """Wait for the end of an answer that has none."""
    async with reading(house, "POST", path, body):
        pass


async def one_generation(house, session_id):
    """The only one of a session, as soon as it is there."""
    async with asyncio.timeout(30):
        while True:
            listed = (await house.get(f"/v1/sessions/{session_id}/generations")).json()["data"]
            if listed:
                (generation,) = listed
                return generation
            await asyncio.sleep(0.02)


async def test_an_answer_is_made_anew_beside_the_old_one(house):
    session_id = await session_of(house, model="say/m")
    path = f"/v1/sessions/{session_id}/messages"
    first = (await house.post(path, {"content": "One?", "model": "quick/m"})).json()["message"]
    async with reading(house, "POST", f"/v1/messages/{first['id']}/regenerate", {"stream": True}) as asker:
        assert check_whole(await asker.rest(), COMPLETED) == WORDS
    second = asker.last["data"]["data"]
    assert (second["parent_id"], second["depth"]) == (first["parent_id"], first["depth"])
    assert second["branch"] != first["branch"]
    assert await path_of(house, session_id) == [("user", "One?"), ("assistant", WORDS)]
    assert (await message_of(house, first["id"]))["content"] == "You said: One?"
    question = first["parent_id"]
    refused = await house.post(f"/v1/messages/{question}/regenerate")
    assert (refused.status, refused.code) == (400, "bad_input")


async def test_a_question_is_put_otherwise_on_a_branch_of_its_own(house):
    session_id = await session_of(house, model="quick/m")
    path = f"/v1/sessions/{session_id}/messages"
    for text in ("One?", "Two?"):
        assert (await house.post(path, {"content": text})).status == 200
    first, answer, *_ = (await house.get(path)).json()["data"]
    edited = await house.post(f"/v1/messages/{first['id']}/edit", {"content": "Three?"})
    assert edited.json()["message"]["content"] == "You said: Three?"
    assert await path_of(house, session_id) == [("user", "Three?"), ("assistant", "You said: Three?")]
    shown = await house.post(f"/v1/messages/{answer['id']}/show")
    assert shown.status == 200
    assert [text for _, text in await path_of(house, session_id)][::2] == ["One?", "Two?"]
    refused = await house.post(f"/v1/messages/{answer['id']}/edit", {"content": "No."})
    assert (refused.status, refused.code) == (400, "bad_input")


async def test_a_stopped_answer_is_gone_on_with(house):
    session_id = await session_of(house)
    asker = await stopped_at(house, session_id, model="endless/m")
    before = asker.last["data"]["data"]
    wanted = {"stream": True, "model": "quick/m"}
    async with reading(house, "POST", f"/v1/messages/{before['id']}/continue", wanted) as reader:
        more = check_whole(await reader.rest(), COMPLETED)
    assert reader.events[0]["data"]["data"]["continues_chars"] == len(before["content"])
    # The model was given what was there as the beginning of its answer.
    assert more == f"You said: {before['content']}"
    after = await message_of(house, before["id"])
    assert after["content"] == before["content"] + more
    assert (after["state"], after["error"], after["finish_reason"]) == ("complete", None, "stop")
    assert after["first_token_ms"] == before["first_token_ms"]
    assert after["total_ms"] > before["total_ms"]
    again = await house.post(f"/v1/messages/{before['id']}/continue", wanted)
    assert (again.status, again.code) == (409, "conflict")


async def test_an_answer_cut_for_its_length_is_gone_on_with(house):
    session_id = await session_of(house, model="quick/m")
    body = {"content": "one two three four five", "max_tokens": 4}
    first = (await house.post(f"/v1/sessions/{session_id}/messages", body)).json()
    assert first["generation"]["options"] == {"max_tokens": 4}
    message = first["message"]
    assert (message["content"], message["finish_reason"]) == ("You said: one two ", "length")
    more = (await house.post(f"/v1/messages/{message['id']}/continue")).json()["message"]
    assert more["content"] == "You said: one two You said: You said: one two "
    assert more["completion_tokens"] == 4 + 6


async def test_what_a_server_says_again_is_not_said_twice(house):
    """As llama.cpp does, in one piece; the models of `house` do it word by word."""
    session_id = await session_of(house)
    before = (await stopped_at(house, session_id)).last["data"]["data"]
    assert WORDS.startswith(before["content"])
    wanted = {"stream": True, "model": "say/m"}
    async with reading(house, "POST", f"/v1/messages/{before['id']}/continue", wanted) as reader:
        more = check_whole(await reader.rest(), COMPLETED)
    assert before["content"] + more == WORDS
    assert (await message_of(house, before["id"]))["content"] == WORDS


@pytest.mark.parametrize("kind", ["vllm", "openai"])
async def test_what_was_said_is_the_beginning_of_the_answer_in_the_servers_words(tmp_path, db_url, kind):
    cut = [event(chunk("Pack a ")), event(chunk(finish="length")), DONE]
    async with Upstream() as up:
        up.script = [stream(cut), stream(good_events("jack", "et."))]
        rack = {"name": "rack", "kind": kind, "url": up.url, "models": ["m"]}
        async with ChatHouse(tmp_path / "data", providers=[rack], db={"url": db_url}) as house:
            session_id = await session_of(house, model="rack/m")
            asked = {"content": "What shall I pack?"}
            first = (await house.post(f"/v1/sessions/{session_id}/messages", asked)).json()["message"]
            assert (first["content"], first["finish_reason"]) == ("Pack a ", "length")
            more = (await house.post(f"/v1/messages/{first['id']}/continue")).json()["message"]
            assert (more["id"], more["content"]) == (first["id"], "Pack a jacket.")
        begun, gone_on = [one.json() for one in up.requests]
    question = {"role": "user", "content": "What shall I pack?"}
    assert begun["messages"] == [question]
    assert gone_on["messages"] == [question, {"role": "assistant", "content": "Pack a "}]
    told = {name: gone_on[name] for name in gone_on.keys() - begun.keys()}
    vllm_form = {"continue_final_message": True, "add_generation_prompt": False}
    assert told == (vllm_form if kind == "vllm" else {})


async def test_a_failure_is_kept_with_what_was_said_before(tmp_path, db_url):
    broken = fake(reply=WORDS, fault={"code": "backend_failed", "times": 1, "after_pieces": 8})
    async with ChatHouse(
        tmp_path / "data", providers=[{**broken, "retries": 0}], db={"url": db_url}
    ) as house:
        session_id = await session_of(house)
        async with asking(house, session_id) as asker:
            text = check_whole(await asker.rest(), "generation.failed")
        message = asker.last["data"]["data"]
        assert (message["state"], message["content"], message["finish_reason"]) == ("failed", text, "error")
        assert message["error"]["code"] == "backend_failed"
        generation = (await house.get(f"/v1/generations/{asker.generation_id}")).json()
        assert (generation["state"], generation["error"]) == ("failed", message["error"])
        resumed = (await house.post(f"/v1/messages/{message['id']}/continue", {"model": "say/m"})).json()
        assert resumed["message"]["content"] == WORDS
        assert resumed["message"]["error"] is None


async def test_a_server_that_stops_keeps_the_answer_to_be_resumed(tmp_path, db_url):
    settings = {"providers": [fake(reply=WORDS, delay_s=0.02)], "db": {"url": db_url}}
    async with ChatHouse(tmp_path / "data", **settings) as house:
        session_id = await session_of(house)
        async with asking(house, session_id) as asker:
            await asker.until("generation.delta", 3)
    key = house.key or (tmp_path / "data" / "admin.key").read_text().strip()
    assert list((tmp_path / "data" / "generating").rglob("*.lock")) == []
    async with ChatHouse(tmp_path / "data", **settings) as house:
        house.key = key
        async with events_of(house, asker.generation_id, last_id=asker.last_id) as reader:
            events = asker.events + await reader.rest()
        text = check_whole(events, "generation.interrupted")
        message = events[-1]["data"]["data"]
        assert (message["state"], message["content"]) == ("interrupted", text)
        assert WORDS.startswith(text)
        resumed = (await house.post(f"/v1/messages/{message['id']}/continue", {"model": "say/m"})).json()
        assert (resumed["message"]["content"], resumed["message"]["state"]) == (WORDS, "complete")


async def test_a_deleted_session_is_not_written_to_in_vain(house):
    session_id = await session_of(house)
    async with asking(house, session_id, model="endless/m") as asker:
        await asker.until("generation.delta")
        assert (await house.send("DELETE", f"/v1/sessions/{session_id}")).status == 200
        async with asyncio.timeout(10):
            while True:
                if house.generations.in_flight == 0:
                    break
                await asyncio.sleep(0.05)
    assert (await house.get(f"/v1/generations/{asker.generation_id}")).status == 404


async def test_another_tenants_generation_is_not_there(house):
    session_id = await session_of(house)
    async with asking(house, session_id) as asker:
        await asker.rest()
    message_id = asker.last["data"]["data"]["id"]
    made = await house.post("/v1/keys", {"name": "theirs", "site_id": "elsewhere", "scopes": ["admin"]})
    assert made.status == 201, made.body
    theirs = made.json()["key"]
    for method, path in (
        ("GET", f"/v1/generations/{asker.generation_id}"),
        ("GET", f"/v1/generations/{asker.generation_id}/events"),
        ("POST", f"/v1/generations/{asker.generation_id}/stop"),
        ("GET", f"/v1/sessions/{session_id}/generations"),
        ("GET", f"/v1/sessions/{session_id}/generations/{asker.generation_id}"),
        ("GET", f"/v1/sessions/{session_id}/generations/{asker.generation_id}/events"),
        ("POST", f"/v1/sessions/{session_id}/generations/{asker.generation_id}/stop"),
        ("POST", f"/v1/messages/{message_id}/regenerate"),
        ("POST", f"/v1/messages/{message_id}/continue"),
    ):
        answer = await house.send(method, path, key=theirs)
        assert (answer.status, answer.code) == (404, "not_found"), path
        assert session_id.encode() not in answer.body
    other = await session_of(house)
    wrong = await house.get(f"/v1/sessions/{other}/generations/{asker.generation_id}")
    assert wrong.status == 404


async def test_what_is_deleted_stops_at_once(house):
    session_id = await session_of(house)
    async with asking(house, session_id, model="endless/m") as asker:
        await asker.until("generation.delta")
        assert (await house.send("DELETE", f"/v1/sessions/{session_id}")).status == 200
        # The look at all that runs comes every two seconds.
        await asker.until(STOPPED, within_s=1.5)
    assert [one["type"] for one in asker.events].count("generation.stop_requested") == 1
    assert check_whole(asker.events, STOPPED)


async def test_an_edit_leaves_nothing_of_the_old_text_in_the_events(house):
    session_id = await session_of(house)
    async with asking(house, session_id) as asker:
        every = await asker.rest()
    message_id = every[-1]["data"]["data"]["id"]
    edited = await house.send("PATCH", f"/v1/messages/{message_id}", {"content": "Something else."})
    assert edited.status == 200
    async with events_of(house, asker.generation_id) as reader:
        left = await reader.rest()
    assert [one["type"] for one in left] == ["generation.started", COMPLETED]
    assert left[-1]["data"]["data"] == edited.json()
    assert "word" not in str(left)
    # Who was in the middle, or at the end, goes on from there.
    async with events_of(house, asker.generation_id, last_id=every[3]["id"]) as reader:
        assert await reader.rest() == left[-1:]
    async with events_of(house, asker.generation_id, last_id=every[-1]["id"]) as reader:
        assert reader.status == 204
