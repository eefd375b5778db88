"""Answers from documents: what was found is kept before the first word, and what is cited at the end."""

import asyncio
from typing import Any

import msgspec
import pytest

from features.chat.generating.rowing import deltas, events
from features.chat.rooms import ADA
from roundhouse.core.errors import BackendDown
from roundhouse.features.chat import store as chats
from roundhouse.features.chat.generating.following import AddFinish
from roundhouse.features.chat.generating.model import COMPLETED, DELTA, GROUNDED
from roundhouse.infra.events.store import Event

SOURCES: list[dict[str, Any]] = [
    {"number": number, "passage_id": f"psg_{number}", "filename": f"{number}.txt"} for number in (1, 2)
]


class SomeGrounding:
    """Two passages; the filter takes "!" out, and holds one character back."""

    model = "roundhouse/extractive"
    found = True

    def __init__(self, answer: str | None = None, warnings: tuple[str, ...] = ()) -> None:
        self.answer = answer
        self.warnings = warnings
        self.citations = SOURCES
        self._held = ""

    def told(self, messages):
        return [{"role": "system", "content": "PASSAGES"}, *messages]

    def feed(self, text: str) -> str:
        text = (self._held + text).replace("!", "")
        self._held = text[-1:]
        return text[:-1]

    def end(self) -> str:
        rest, self._held = self._held, ""
        return rest

    def cited(self, text: str):
        return [one for one in SOURCES if f"[{one['number']}]" in text]

    def unsupported(self, text: str):
        return [{"sentence": text, "start": 0, "end": len(text)}] if "wrong" in text else []


class SomeKnowledge:
    """Gives one grounding, or fails."""

    def __init__(self, given: Any) -> None:
        self._given = given
        self.asked: list[tuple[Any, ...]] = []

    async def visible(self, caller, store_ids):
        return store_ids

    async def prepare(self, *asked):
        self.asked.append(asked)
        if isinstance(self._given, BaseException):
            raise self._given
        return self._given


async def message_of(room, generation):
    async with room.db.read() as tx:
        return await chats.get_message(tx, ADA, generation.message_id)


async def test_an_answer_is_told_the_passages_and_keeps_what_it_cites(room, answer):
    knowledge = SomeKnowledge(SomeGrounding(warnings=("vector_store_gone:vs_2",)))
    one, generation, engine, count = await answer(
        "So it !", "is [2]", knowledge=knowledge, stores=("vs_1", "vs_2")
    )
    assert await one.run() == "completed"
    message = await message_of(room, generation)
    assert message.content == "So it is [2]"
    assert message.citations == [SOURCES[1]]
    assert message.metadata["knowledge"] == {"found": True, "warnings": ["vector_store_gone:vs_2"]}
    told = msgspec.json.decode(engine.requests[0].fields["messages"])
    assert [part["content"] for part in told] == ["PASSAGES", "Hello."]
    assert not engine.requests[0].fields.keys() & {"tools", "functions"}
    (asked,) = knowledge.asked
    assert asked[1:] == (("vs_1", "vs_2"), [{"role": "user", "content": "Hello."}], "m", [], "req_1")
    found = await events(room.db, generation)
    kinds = [event.type for event in found]
    assert kinds.index(GROUNDED) < kinds.index(DELTA)
    grounded = next(event for event in found if event.type == GROUNDED)
    assert (grounded.data["citations"], grounded.data["message_id"]) == (SOURCES, message.id)
    last = (
        found[-1]
        if found[-1].type == COMPLETED
        else next(event for event in found if event.type == COMPLETED)
    )
    assert last.data["citations"] == [SOURCES[1]]
    assert len(count.settled) == 1


async def test_sentences_that_nothing_supports_are_told(room, answer):
    one, generation, *_ = await answer(
        "all wrong", knowledge=SomeKnowledge(SomeGrounding()), stores=("vs_1",)
    )
    assert await one.run() == "completed"
    message = await message_of(room, generation)
    assert message.metadata["knowledge"]["unsupported"] == [{"sentence": "all wrong", "start": 0, "end": 9}]
    assert message.citations == []


async def test_an_answer_that_is_ready_asks_no_model(room, answer):
    ready = SomeKnowledge(SomeGrounding("“Quoted.” [1]"))
    one, generation, engine, count = await answer("never", knowledge=ready, stores=("vs_1",))
    assert await one.run() == "completed"
    message = await message_of(room, generation)
    assert (message.content, message.citations) == ("“Quoted.” [1]", [SOURCES[0]])
    assert (message.model, engine.requests) == ("roundhouse/extractive", [])
    assert len(count.settled) == len(count.records) == 1


async def test_a_session_without_stores_asks_nobody(room, answer):
    knowledge = SomeKnowledge(SomeGrounding())
    one, generation, *_ = await answer("Plain!", knowledge=knowledge)
    assert await one.run() == "completed"
    assert (await message_of(room, generation)).content == "Plain!"
    assert knowledge.asked == []
    assert GROUNDED not in [event.type for event in await events(room.db, generation)]


async def test_what_the_search_raises_ends_the_answer(room, answer):
    away = SomeKnowledge(BackendDown("away"))
    one, generation, engine, count = await answer("never", knowledge=away, stores=("vs_1",))
    assert await one.run() == "failed"
    assert (await events(room.db, generation))[-1].data["error"]["code"] == "backend_down"
    assert engine.requests == [] and len(count.settled) == 1


async def test_an_answer_that_is_cut_off_has_what_its_marks_point_to(room, answer):
    one, generation, *_ = await answer(
        "half [1] ", None, knowledge=SomeKnowledge(SomeGrounding()), stores=("vs_1",)
    )
    task = asyncio.create_task(one.run())
    async with asyncio.timeout(20):
        while True:
            if await deltas(room.db, generation):
                break
            await asyncio.sleep(0.01)
    # As a process leaves it that is killed now.
    assert (await message_of(room, generation)).citations == SOURCES
    one.stop("interrupted")
    assert await task == "interrupted"
    assert (await message_of(room, generation)).citations == [SOURCES[0]]


async def test_an_answer_that_goes_on_says_what_it_has_cited(room, answer):
    knowledge = SomeKnowledge(SomeGrounding())
    before = {"prefix": "Before [1] ", "citations": [SOURCES[0]]}
    one, generation, *_ = await answer("[2]", knowledge=knowledge, stores=("vs_1",), **before)
    assert await one.run() == "completed"
    assert knowledge.asked[0][4] == [SOURCES[0]]
    assert (await message_of(room, generation)).citations == SOURCES


async def test_a_session_that_was_deleted_meanwhile_stays_so(room, answer):
    class Deleting(SomeKnowledge):
        async def prepare(self, *asked):
            await room.sessions.delete(ADA, generation.session_id)
            return await super().prepare(*asked)

    knowledge = Deleting(SomeGrounding())
    one, generation, *_ = await answer("Gone [1]", knowledge=knowledge, stores=("vs_1",))
    assert await one.run() == "completed"
    assert GROUNDED not in [event.type for event in await events(room.db, generation)]


class SomeTail:
    """Gives some events, all at once."""

    heartbeat_s = 1.0
    ended = False

    def __init__(self, *found: Event) -> None:
        self._found = list(found)

    def follow(self, *_: Any) -> "SomeTail":
        return self

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_: Any) -> None:
        return None

    async def batch(self, _: float) -> list[Event]:
        found, self._found = self._found, []
        return found


@pytest.mark.parametrize("citations", [[], SOURCES])
async def test_the_old_form_tells_citations_in_its_last_event(citations):
    class Generation:
        id, site_id = "gen_1", "site"

    def event(kind: str, data: dict[str, Any]) -> Event:
        return Event(1, "evt_1", "site", "gen_1", kind, data, 0.0)

    tail = SomeTail(
        event(GROUNDED, {"citations": SOURCES}),
        event(DELTA, {"index": 0, "text": "So."}),
        event(COMPLETED, {"citations": citations}),
    )
    sent: list[bytes] = []

    async def send(message):
        sent.append(message.get("body", b""))

    async def receive():
        await asyncio.sleep(3600)

    await AddFinish(tail, Generation(), "s", "u")({"type": "http"}, receive, send)  # type: ignore[arg-type]  # the one generation that is shown
    add, finish = b"".join(sent).decode().strip().split("\n\n")
    assert add.startswith("event: add\n") and finish.startswith("event: finish\n")
    data = msgspec.json.decode(finish.partition("data: ")[2])["data"]
    assert data == ({"content": "", "citations": citations} if citations else {"content": ""})
