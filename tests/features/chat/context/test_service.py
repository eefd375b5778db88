"""Contexts over both databases: which rows are read, and what becomes of summaries."""

from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from features.chat.context.making import session as make_session
from features.chat.context.making import words
from roundhouse.core.errors import ContextTooLong, NotFound
from roundhouse.core.types import Caller
from roundhouse.engine.limits import ModelLimit
from roundhouse.engine.tokens import MESSAGE_TOKENS
from roundhouse.features.chat import store
from roundhouse.features.chat.context.service import ContextService
from roundhouse.features.chat.context.store import kept_messages
from roundhouse.features.chat.model import Message, NewMessage, Session
from roundhouse.features.chat.rows import memories, memory_switches, messages
from roundhouse.infra.events.store import events

ANNA = Caller(key_id="key_1", site_id="site", user_id="anna")
BEN = Caller(key_id="key_2", site_id="site", user_id="ben")
COST = MESSAGE_TOKENS + 2


class Fixed:
    """Every model has a window of so many words."""

    def __init__(self, window_tokens: int = 2000) -> None:
        self.window_tokens = window_tokens

    def of(self, caller: Caller, model: str, question: str = "") -> ModelLimit:
        return ModelLimit(self.window_tokens, words)


class Writer:
    """Writes summaries, and remembers what it was asked."""

    def __init__(self, text: str = "They counted.") -> None:
        self.text = text
        self.asked: list[tuple[str, str]] = []

    async def __call__(self, caller: Caller, model: str, messages: list[dict[str, Any]]) -> str:
        self.asked.append((model, messages[0]["content"]))
        return self.text


class Room:
    """A session in a database, with its contexts."""

    def __init__(self, db: Any, clock: Any) -> None:
        self.db = db
        self.clock = clock
        self.limits = Fixed()
        self.writer = Writer()
        self.contexts = ContextService(db, self.limits, self.writer, clock)

    async def begin(self, **changes: Any) -> None:
        async with self.db.begin() as tx:
            await store.insert_session(tx, make_session(**changes))

    async def session(self) -> Session:
        async with self.db.read() as tx:
            return await store.get_session(tx, ANNA, "ses_1")

    async def say(self, *contents: str, **more: Any) -> Message:
        async with self.db.begin() as tx:
            for content in contents:
                here = await store.get_session(tx, ANNA, "ses_1", lock=True)
                role: Any = more.get("role") or ("user" if here.message_count % 2 == 0 else "assistant")
                self.clock.turn(1.0)
                new = NewMessage(role=role, content=content, pinned=more.get("pinned", False))
                said = await store.append_message(tx, here, new, self.clock.now_s())
        return said

    async def talk(self, turns: int) -> None:
        here = await self.session()
        await self.say(*(f"word {here.message_count + place}" for place in range(turns)))

    async def prepare(self, question: Message) -> Any:
        async with self.db.read() as tx:
            return await self.contexts.prepare(tx, ANNA, await self.session(), question, "some-model")

    async def remember(self, content: str, user_id: str | None = "anna", site_id: str = "site") -> None:
        self.clock.turn(1.0)
        now_s = self.clock.now_s()
        row = {"id": f"mem_{now_s}", "site_id": site_id, "user_id": user_id, "content": content, "version": 1}
        async with self.db.begin() as tx:
            await tx.execute(sa.insert(memories).values(**row, created_at_s=now_s, updated_at_s=now_s))


@pytest.fixture
def room(db, turned_clock):
    return Room(db, turned_clock)


async def test_the_conversation_and_its_question(room):
    await room.begin(system="Be brief.", context={"facts": ["It rains."]})
    question = await room.say("hello", "hi", "what now")
    found = await room.prepare(question)
    assert [one["role"] for one in found.messages] == ["system", "user", "assistant", "user"]
    assert found.messages[0]["content"].startswith("Be brief.\n\n")
    assert "- It rains." in found.messages[0]["content"]
    assert found.messages[-1] == {"role": "user", "content": "what now"}
    assert (found.window_tokens, found.left_out) == (2000, 0)
    assert found.tokens <= 2000 - found.answer_tokens


async def test_what_was_said_in_another_branch_is_not_told(room):
    await room.begin()
    first = await room.say("one")
    answer = await room.say("answer one")
    await room.say("never told", "never told either")
    async with room.db.begin() as tx:
        here = await store.get_session(tx, ANNA, "ses_1", lock=True)
        here = await store.fork(tx, here, answer, room.clock.now_s(), at="after")
        question = await store.append_message(tx, here, NewMessage("user", "two"), room.clock.now_s())
    found = await room.prepare(question)
    assert [one["content"] for one in found.messages] == ["one", "answer one", "two"]
    assert first.branch == 0 != question.branch


async def test_an_old_pinned_message_is_found_beyond_the_window(room):
    await room.begin(context={"strategy": "last", "last_messages": 2})
    await room.say("noise", "noise")
    await room.say("the code is 4711", pinned=True)
    await room.talk(40)
    question = await room.say("what is the code", role="user")
    found = await room.prepare(question)
    assert "the code is 4711" in str(found.messages)
    assert len(found.messages) <= 5


async def test_a_pinned_message_of_another_branch_is_not_found(room):
    await room.begin(context={"strategy": "last", "last_messages": 2})
    first = await room.say("begin")
    await room.say("noise")
    await room.say("the code is 4711", pinned=True)
    async with room.db.begin() as tx:
        here = await store.get_session(tx, ANNA, "ses_1", lock=True)
        await store.fork(tx, here, first, room.clock.now_s(), at="after")
    await room.say("other", role="assistant")
    await room.talk(20)
    question = await room.say("what is the code", role="user")
    assert "4711" not in str((await room.prepare(question)).messages)


async def test_memories_of_the_user_are_told_until_they_are_switched_off(room):
    await room.begin()
    await room.remember("Likes tea.")
    await room.remember("Lives in Hue.")
    await room.remember("Ben's secret.", user_id="ben")
    await room.remember("Another tenant's secret.", site_id="other")
    question = await room.say("what do I like")
    told = (await room.prepare(question)).messages[0]["content"]
    assert told.endswith("\n- Lives in Hue.\n- Likes tea.")
    assert "secret" not in told
    async with room.db.begin() as tx:
        switch = {"site_id": "site", "user_id": "anna", "enabled": False}
        await tx.execute(sa.insert(memory_switches).values(**switch))
    assert [one["role"] for one in (await room.prepare(question)).messages] == ["user"]


async def test_a_session_without_memory_is_told_none(room):
    await room.begin(uses_memory=False)
    await room.remember("Likes tea.")
    question = await room.say("what do I like")
    assert [one["role"] for one in (await room.prepare(question)).messages] == ["user"]


async def test_a_question_that_is_too_long_is_an_error(room):
    await room.begin(context={"max_tokens": 64})
    question = await room.say("word " * 80)
    with pytest.raises(ContextTooLong):
        await room.prepare(question)


async def test_a_small_window_leaves_half_for_the_question(room):
    room.limits.window_tokens = 40
    await room.begin()
    found = await room.prepare(await room.say("one two three"))
    assert (found.window_tokens, found.answer_tokens) == (40, 20)


SUMMARISED = {"strategy": "summary", "max_tokens": 30 * COST, "summary_model": "small"}


async def test_a_summary_is_written_when_it_is_due_and_told_from_then_on(room):
    await room.begin(context=SUMMARISED)
    await room.talk(20)
    assert await room.contexts.summarise(ANNA, "ses_1", "some-model") is None
    await room.talk(20)
    written = await room.contexts.summarise(ANNA, "ses_1", "some-model")
    assert written is not None
    assert (written.kind, written.role, written.content) == ("summary", "system", "They counted.")
    assert written.metadata == {"until_depth": 29, "until_id": written.metadata["until_id"]}
    assert [model for model, _ in room.writer.asked] == ["small"]
    assert await room.contexts.summarise(ANNA, "ses_1", "some-model") is None
    found = await room.prepare(await room.say("what now", role="user"))
    assert found.summarised
    assert "They counted." in found.messages[0]["content"]
    assert found.messages[1]["content"] == "word 30"
    assert found.messages[-1]["content"] == "what now"


async def test_a_summary_of_what_was_deleted_is_made_anew_without_it(room):
    await room.begin(context=SUMMARISED)
    secret = await room.say("the secret")
    await room.talk(39)
    summary = await room.contexts.summarise(ANNA, "ses_1", "some-model")
    assert summary is not None
    question = await room.say("what now", role="user")
    assert (await room.prepare(question)).summarised
    async with room.db.begin() as tx:
        await store.get_session(tx, ANNA, "ses_1", lock=True)
        await store.erase_message(tx, secret, room.clock.now_s())
        (gone,) = await store.erase_summaries(tx, secret, room.clock.now_s())
    assert (gone.id, gone.content, gone.metadata) == (summary.id, "", {})
    assert not (await room.prepare(question)).summarised
    room.writer.text = "They counted again."
    again = await room.contexts.summarise(ANNA, "ses_1", "some-model")
    assert again is not None
    assert "secret" not in room.writer.asked[-1][1]
    assert "They counted." not in room.writer.asked[-1][1]
    assert (await room.prepare(await room.say("and now", role="user"))).summarised


@pytest.mark.parametrize("change", ["delete", "edit", "earlier summary"])
async def test_a_summary_of_what_was_changed_while_it_was_written_is_dropped(room, change):
    await room.begin(context=SUMMARISED)
    secret = await room.say("the secret")
    await room.talk(39)
    earlier = await room.contexts.summarise(ANNA, "ses_1", "some-model")
    assert earlier is not None
    await room.talk(20)

    async def changing(caller: Caller, model: str, messages: list[dict[str, Any]]) -> str:
        async with room.db.begin() as tx:
            await store.get_session(tx, ANNA, "ses_1", lock=True)
            if change == "edit":
                await store.change_message(tx, earlier.id, room.clock.now_s(), content="nothing")
            elif change == "delete":
                await store.erase_message(tx, await store.get_message(tx, ANNA, last), room.clock.now_s())
            else:
                assert await store.erase_summaries(tx, secret, room.clock.now_s())
        return "Too late."

    async with room.db.read() as tx:
        last = (await store.conversation(tx, await room.session(), limit=20, after_depth=41))[0].id
    contexts = ContextService(room.db, room.limits, changing, room.clock)
    assert await contexts.summarise(ANNA, "ses_1", "some-model") is None


async def test_a_summary_is_told_like_any_message(room):
    await room.begin(context=SUMMARISED)
    await room.talk(40)
    summary = await room.contexts.summarise(ANNA, "ses_1", "some-model")
    assert summary is not None
    async with room.db.read() as tx:
        told = (await tx.execute(sa.select(events.c.type, events.c.data))).all()
    data = {"message_id": summary.id, "session_id": "ses_1", "version": 1}
    assert told == [("message.created", data)]


async def test_what_is_always_told_is_found_by_its_index(room):
    """In a session of ten thousand messages as in one of ten."""
    await room.begin()
    first = await room.say("begin")
    row = msgspec.structs.asdict(first)
    rows = [
        row | {"seq": first.seq + n, "id": f"m{n}", "depth": n, "pinned": n % 1000 == 0, "parent_id": None}
        for n in range(1, 2001)
    ]
    async with room.db.begin() as tx:
        await tx.execute(sa.insert(messages), rows)
        if not room.db.is_sqlite:
            await tx.exec_driver_sql("ANALYZE messages")
    asked: list[str] = []
    async with room.db.read() as tx:
        explain = "EXPLAIN QUERY PLAN " if room.db.is_sqlite else "EXPLAIN "

        def listen(conn: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            if "kind = 'summary'" in statement and not statement.startswith("EXPLAIN"):
                told = conn.exec_driver_sql(explain + statement, parameters)
                asked.append(" ".join(str(one) for one in told.all()))

        sa.event.listen(tx.sync_connection, "before_cursor_execute", listen)
        here = await store.get_session(tx, ANNA, "ses_1")
        kept = await kept_messages(tx, ANNA, here, 0, 1500)
        await store.erase_summaries(tx, first, 1.0)
    assert [one.depth for one in kept] == [1000]
    assert len(asked) == 2
    assert all("ix_messages_kept" in one for one in asked), asked


async def test_without_a_model_of_its_own_the_built_in_one_summarises(room):
    await room.begin(context={"strategy": "summary", "max_tokens": 30 * COST})
    await room.talk(40)
    await room.contexts.summarise(ANNA, "ses_1", "some-model")
    assert [model for model, _ in room.writer.asked] == ["extractive"]


async def test_a_summary_for_a_conversation_that_was_left_is_dropped(room):
    await room.begin(context=SUMMARISED)
    first = await room.say("begin")
    await room.talk(39)

    async def forking(caller: Caller, model: str, messages: list[dict[str, Any]]) -> str:
        async with room.db.begin() as tx:
            here = await store.get_session(tx, ANNA, "ses_1", lock=True)
            await store.fork(tx, here, first, room.clock.now_s(), at="after")
        return "Too late."

    contexts = ContextService(room.db, room.limits, forking, room.clock)
    assert await contexts.summarise(ANNA, "ses_1", "some-model") is None


async def test_another_user_has_no_summary_made(room):
    await room.begin(context=SUMMARISED)
    await room.talk(40)
    with pytest.raises(NotFound):
        await room.contexts.summarise(BEN, "ses_1", "some-model")
    assert room.writer.asked == []


async def test_short_messages_fill_a_large_window_all_the_same(room):
    await room.begin(context={"answer_tokens": 16})
    await room.talk(300)
    question = await room.say("what now", role="user")
    room.limits.window_tokens = 302 * COST
    found = await room.prepare(question)
    assert len(found.messages) > 290


async def test_a_long_conversation_is_not_read_whole(room):
    await room.begin()
    await room.talk(1000)
    question = await room.say("what now", role="user")
    statements: list[tuple[str, int]] = []
    async with room.db.read() as tx:

        def count(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            statements.append((statement, 0))

        sa.event.listen(tx.sync_engine, "before_cursor_execute", count)
        found = await room.contexts.prepare(tx, ANNA, await room.session(), question, "m")
    assert len(statements) < 20
    assert found.left_out <= 400
    assert found.messages[-1]["content"] == "what now"
