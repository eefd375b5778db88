"""Several readers of one generation over HTTP: each sees exactly what is stored."""

import asyncio

import pytest

from features.chat.generating.conftest import WORDS
from features.chat.generating.wired import (
    asking,
    check_whole,
    events_of,
    message_of,
    reading,
    session_of,
)

COMPLETED = "generation.completed"


async def test_every_reader_sees_exactly_what_is_stored(house):
    session_id = await session_of(house)
    async with asking(house, session_id) as asker:
        await asker.until("generation.started")
        started = asker.last["data"]["data"]
        assert started["session_id"] == session_id
        message = await message_of(house, started["message_id"])
        assert (message["state"], message["content"]) == ("generating", "")

        async def read_again() -> list:
            async with events_of(house, asker.generation_id) as reader:
                assert reader.status == 200
                return await reader.rest()

        others = [asyncio.create_task(read_again()) for _ in range(4)]
        await asker.rest()
        assert check_whole(asker.events, COMPLETED) == WORDS
        for other in others:
            assert await other == asker.events
    message = await message_of(house, started["message_id"])
    assert message == asker.last["data"]["data"]
    assert (message["state"], message["content"], message["finish_reason"]) == ("complete", WORDS, "stop")
    assert (message["model"], message["completion_tokens"]) == ("say/m", 60)
    assert 0 < message["first_token_ms"] < message["total_ms"]
    # Pieces of 10 ms each share their commits.
    assert 3 <= len(asker.deltas) < 60
    generation = (await house.get(f"/v1/generations/{asker.generation_id}")).json()
    assert (generation["state"], generation["message_id"]) == ("completed", message["id"])
    listed = await house.get(f"/v1/sessions/{session_id}/generations")
    assert listed.json()["data"] == [generation]
    session = (await house.get(f"/v1/sessions/{session_id}")).json()
    assert (session["title"], session["title_from"], session["message_count"]) == ("Hello.", "auto", 2)


async def test_a_stream_is_taken_up_after_any_event(house):
    session_id = await session_of(house)
    async with asking(house, session_id) as asker:
        every = await asker.rest()
    for place, one in enumerate(every):
        async with events_of(house, asker.generation_id, last_id=one["id"]) as reader:
            assert reader.status == (204 if one is every[-1] else 200)
            assert await reader.rest() == every[place + 1 :]
    path = f"/v1/sessions/{session_id}/generations/{asker.generation_id}/events?after={every[2]['id']}"
    async with reading(house, "GET", path) as reader:
        assert await reader.rest() == every[3:]


async def test_a_reader_that_keeps_falling_off_misses_nothing(house):
    session_id = await session_of(house)
    async with asking(house, session_id) as asker:
        await asker.until("generation.started")
        seen = list(asker.events)
        generation_id = asker.generation_id
    while seen[-1]["type"] != COMPLETED:
        async with events_of(house, generation_id, last_id=seen[-1]["id"]) as reader:
            assert reader.status == 200
            await reader.until("generation.delta" if len(seen) < 8 else COMPLETED)
            seen += reader.events
    assert check_whole(seen, COMPLETED) == WORDS


async def test_json_waits_for_the_end(house):
    session_id = await session_of(house, model="quick/m")
    answer = await house.post(f"/v1/sessions/{session_id}/messages", {"content": "What is up?"})
    assert answer.status == 200, answer.body
    body = answer.json()
    assert (body["message"]["content"], body["message"]["state"]) == ("You said: What is up?", "complete")
    assert body["generation"]["state"] == "completed"
    assert answer.headers["x-roundhouse-generation"] == body["generation"]["id"]
    listed = (await house.get(f"/v1/sessions/{session_id}/messages")).json()["data"]
    assert [(one["role"], one["state"]) for one in listed] == [
        ("user", "complete"),
        ("assistant", "complete"),
    ]
    await house.app.usage.flush()
    (record,) = (await house.get("/v1/usage/records")).json()["data"]
    assert (record["target"], record["operation"], record["stream"]) == ("quick/m", "chat", True)


@pytest.mark.parametrize("stream", [False, True])
async def test_the_same_key_is_the_same_generation(house, stream):
    session_id = await session_of(house)
    path, headers = f"/v1/sessions/{session_id}/messages", {"Idempotency-Key": "once"}
    body = {"content": "Hello.", "model": "quick/m", "stream": stream}
    answers = await asyncio.gather(*(house.post(path, body, headers=headers) for _ in range(4)))
    assert {one.status for one in answers} == {200}
    assert len({one.headers["x-roundhouse-generation"] for one in answers}) == 1
    assert len({one.body for one in answers}) == 1
    assert (await house.get(f"/v1/sessions/{session_id}")).json()["message_count"] == 2
    clash = await house.post(path, {**body, "content": "Bye."}, headers=headers)
    assert (clash.status, clash.code) == (409, "conflict")


async def test_what_cannot_be_asked_leaves_nothing_behind(house):
    session_id = await session_of(house)
    path = f"/v1/sessions/{session_id}/messages"
    for body, status, code in (
        ({"content": "Hi.", "model": "nobody/knows"}, 404, "model_not_found"),
        ({"content": ""}, 422, "unprocessable"),
        ({"content": "a\0b"}, 422, "unprocessable"),
        ({"content": "Hi.", "attachments": ["file_none"]}, 422, "unprocessable"),
        ({"content": "Hi.", "vector_store_ids": ["vs_1"]}, 422, "unprocessable"),
        ({"content": "Hi.", "temperature": 3}, 422, "unprocessable"),
        ({"content": "word " * 20_000, "model": "quick/m"}, 400, "context_length_exceeded"),
    ):
        refused = await house.post(path, body)
        assert (refused.status, refused.code) == (status, code), body.keys()
    gone = await house.post("/v1/sessions/ses_none/messages", {"content": "Hi."})
    assert (gone.status, gone.code) == (404, "not_found")
    assert (await house.get(f"/v1/sessions/{session_id}")).json()["message_count"] == 0
    assert house.generations.in_flight == 0


async def test_only_one_answer_at_a_time_is_written_in_a_conversation(house):
    session_id = await session_of(house)
    async with asking(house, session_id) as asker:
        await asker.until("generation.started")
        second = await house.post(f"/v1/sessions/{session_id}/messages", {"content": "And?"})
        assert (second.status, second.code) == (409, "conflict")
        running = (await house.get(f"/v1/sessions/{session_id}/generations?running=true")).json()["data"]
        assert [one["id"] for one in running] == [asker.generation_id]
        await asker.rest()
    assert (await house.get(f"/v1/sessions/{session_id}/generations?running=true")).json()["data"] == []
