"""One generation over a scripted model, with a database that fails at its end."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from features.chat.generating.rowing import Failing, deltas, events, running, state_of
from features.chat.rooms import ADA, SomeFiles
from roundhouse.core.errors import BackendFailed, RoundhouseError
from roundhouse.core.types import Usage, UsageRecord
from roundhouse.engine.metering import Meter
from roundhouse.features.chat import store as chats
from roundhouse.features.chat.generating.answering import MOST_CHARS, Answering
from roundhouse.features.chat.generating.model import Begun
from roundhouse.features.chat.generating.pieces import PieceWriter
from roundhouse.features.chat.generating.ports import Desk
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.events.store import Event

ME = "own_me"
FINAL = ("generation.completed", "generation.stopped", "generation.failed", "generation.interrupted")

STARTED = Event(1, "evt_1", "a", "gen_1", "generation.started", {}, 0.0)


def chunk(text: str | None, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
    return b"data: " + msgspec.json.encode({"choices": [choice]}) + b"\n\n"


class Scripted:
    """An engine and the stream that it gives: texts, an error to be raised, or None = it hangs."""

    def __init__(self, *script: Any) -> None:
        self._script = script
        self.usage = Usage()
        self.requests: list[Any] = []
        self.closed = 0

    async def stream(self, request, decision):
        self.requests.append(request)
        decision.target = "say/m"
        return self

    async def __aiter__(self):
        for one in self._script:
            if one is None:
                await asyncio.sleep(3600)
            elif isinstance(one, BaseException):
                raise one
            else:
                yield chunk(one)
        self.usage = Usage(3, len(self._script))
        yield chunk(None, "stop")

    async def aclose(self) -> None:
        self.closed += 1


class Counting:
    """Gatekeeper, usage, prices, metrics and media guard in one, counting."""

    def __init__(self) -> None:
        self.settled: list[tuple[int, float]] = []
        self.records: list[UsageRecord] = []

    def settle(self, caller, tokens, cost_usd) -> None:
        self.settled.append((tokens, cost_usd))

    def record(self, record: UsageRecord) -> None:
        self.records.append(record)

    def observe(self, record: UsageRecord) -> None:
        assert record in self.records

    def cost_usd(self, target: str, usage: Usage) -> float:
        return usage.total_tokens / 1000

    async def clean(self, request) -> None:
        return None


@pytest.fixture
def failing(db) -> Failing:
    return Failing(db)


@pytest.fixture
async def answer(room, failing):
    """Begins an answer over a script; gives it with its generation and what was counted."""
    clock, count = SystemClock(), Counting()
    writer = PieceWriter(failing, clock, ME, lambda _: None)
    writer.start()

    async def make(*script, prefix="", title=None):
        engine = Scripted(*script)
        desk = Desk(engine, Meter(count, count, count, count, clock), count, SomeFiles(), failing, clock)
        generation = await running(room, ME, prefix)
        async with room.db.read() as tx:
            message = await chats.get_message(tx, ADA, generation.message_id)
        given = [{"role": "user", "content": "Hello."}]
        begun = Begun(generation, message, given, [()], prefix, title, False, "req_1", STARTED, False)
        return Answering(desk, writer, room.index, ME, ADA, begun), generation, engine, count

    yield make
    await writer.close()


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
