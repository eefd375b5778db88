"""One generation over a scripted model, with a database that fails at its end."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from features.chat.generating.rowing import deltas, events, state_of
from features.chat.rooms import ADA
from roundhouse.core.errors import BackendFailed, RoundhouseError
from roundhouse.features.chat.generating.answering import MOST_CHARS

FINAL = ("generation.completed", "generation.stopped", "generation.failed", "generation.interrupted")


async def ended(room, generation) -> str:
    """How it ended; its text is that of its pieces, behind what was there before."""
    state, message_state, content = await state_of(room, generation)
    found = await deltas(room.db, generation)
    assert [index for index, _ in found] == list(range(len(found)))
    text = "".join(piece for _, piece in found)
    assert content[generation.continues_chars :] == text
    last = [one for one in await events(room.db, generation) if one.type in FINAL]
    assert len(last) == 1
    assert (last[0].data["content"], last[0].data["state"]) == (content, message_state)
    return state


@pytest.mark.parametrize("faults", [[], ["before"], ["behind"], ["before", "behind", "before"]])
async def test_the_end_is_written_once_whatever_fails(room, failing, answer, faults):
    one, generation, engine, count = await answer("one ", "two", prefix="zero ", title="A title")
    failing.faults = list(faults)
    assert await one.run() == "completed"
    assert await ended(room, generation) == "completed"
    assert (await state_of(room, generation))[2] == "zero one two"
    assert count.settled == [(5, 0.005)]
    (record,) = count.records
    assert (record.request_id, record.target, record.status) == ("req_1", "say/m", 200)
    (request,) = engine.requests
    messages = msgspec.json.decode(request.fields["messages"])
    assert messages[-1] == {"role": "assistant", "content": "zero "}
    session = await room.sessions.get(ADA, generation.session_id)
    assert (session.title, session.title_from) == ("A title", "auto")
    assert engine.closed == 1


async def test_the_message_says_why_its_model_answered(room, answer):
    one, generation, *_ = await answer("Hello.")
    await one.run()
    decision = (await events(room.db, generation))[-1].data["metadata"]["decision"]
    assert (decision["target"], decision["reason"], decision["cache"]) == ("say/m", "direct", "off")
    assert {"requested", "attempts", "queued_ms"} <= set(decision)


@pytest.mark.parametrize(
    ("error", "code"), [(BackendFailed("away"), "backend_failed"), (KeyError("ours"), "internal_error")]
)
async def test_a_failure_is_written_with_what_was_said(room, answer, error, code):
    one, generation, engine, count = await answer("half ", error)
    assert await one.run() == "failed"
    assert await ended(room, generation) == "failed"
    last = (await events(room.db, generation))[-1]
    assert (last.data["error"]["code"], last.data["finish_reason"]) == (code, "error")
    assert count.records[0].error_code == code
    assert len(count.settled) == engine.closed == 1


@pytest.mark.parametrize("cause", ["stopped", "interrupted"])
async def test_it_stops_when_it_is_told_to(room, answer, cause):
    one, generation, engine, count = await answer("half", None, title="No title")
    task = asyncio.create_task(one.run())
    async with asyncio.timeout(20):
        while True:
            if await deltas(room.db, generation):
                break
            await asyncio.sleep(0.01)
    one.stop(cause)
    one.stop("stopped")
    assert await task == cause
    assert await ended(room, generation) == cause
    assert engine.closed == len(count.settled) == 1
    assert (await room.sessions.get(ADA, generation.session_id)).title_from == "nobody"


async def test_it_can_be_stopped_before_it_begins(room, answer):
    one, generation, engine, count = await answer("never")
    one.stop("interrupted")
    assert await one.run() == "interrupted"
    assert await ended(room, generation) == "interrupted"
    assert (engine.requests, len(count.settled)) == ([], 1)


async def test_an_endless_answer_is_cut(room, answer):
    part = "x" * (MOST_CHARS // 3 + 1)
    one, generation, _, _ = await answer(part, part, part, part, RoundhouseError("never asked for"))
    assert await one.run() == "completed"
    assert await ended(room, generation) == "completed"
    last = (await events(room.db, generation))[-1]
    assert (len(last.data["content"]), last.data["finish_reason"]) == (MOST_CHARS, "length")
