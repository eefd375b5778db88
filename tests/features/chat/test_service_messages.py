"""Messages and memories."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from features.chat.rooms import ADA, BOB, SITE, ChatRoom
from roundhouse.core.errors import BadInput, Conflict, NotAllowed, NotFound, QuotaExceeded, Unprocessable
from roundhouse.features.chat import rows, store
from roundhouse.features.chat.model import NewMessage
from roundhouse.features.chat.pages import Turn
from roundhouse.features.chat.schemas import MemoryCreate, MemoryPatch, MemorySwitch, MessagePatch
from roundhouse.infra.events import store as events
from roundhouse.infra.paging import encode_cursor


async def test_files_that_are_attached(room: ChatRoom) -> None:
    session_id = await room.begin()
    await room.say(session_id, "a", attachments=["file_ada"])
    for attached in (["file_bob"], ["file_ada"] * 33):
        with pytest.raises(Unprocessable) as refused:
            await room.messages.add(ADA, session_id, NewMessage("user", "b", attachments=attached))
        assert refused.value.param == "attachments"
    assert await room.texts(session_id) == ["a"]


async def test_an_edit_in_place(room: ChatRoom) -> None:
    session_id = await room.begin()
    said = await room.say(session_id, "a", "b")
    room.clock.turn(1.0)
    asked = MessagePatch(content="A", pinned=True, metadata={"x": 1}, version=1)
    changed = await room.messages.update(ADA, said[0].id, asked)
    assert (changed.content, changed.pinned, changed.metadata, changed.version) == ("A", True, {"x": 1}, 2)
    assert changed.updated_at > changed.created_at
    assert await room.texts(session_id) == ["A", "b"]
    assert (await room.messages.update(ADA, said[0].id, MessagePatch(pinned=True))).version == 2
    for refused, kind in (
        (MessagePatch(content="B", version=1), Conflict),
        (MessagePatch(content=None), Unprocessable),
    ):
        with pytest.raises(kind):
            await room.messages.update(ADA, said[0].id, refused)
    with pytest.raises(NotFound):
        await room.messages.update(BOB, said[0].id, MessagePatch(content="B"))
    assert room.index.told[-1] == ("message", (said[0].id, "A"))


@pytest.mark.parametrize("change", ["delete", "edit", "pin"])
async def test_summaries_do_not_outlive_the_words_that_they_repeat(room: ChatRoom, change: str) -> None:
    session_id = await room.begin()
    first, _ = await room.say(session_id, "my PIN is 4711", "noted")
    (older,) = await room.say(session_id, "A PIN was told.", kind="summary")
    last, _ = await room.say(session_id, "and now?", "now this")
    (newer,) = await room.say(session_id, "The PIN is 4711.", kind="summary")
    # On another branch that left before the message, and on one that left behind it.
    async with room.db.begin() as tx:
        session = await store.get_session(tx, ADA, session_id, lock=True)
        await store.fork(tx, session, first, 1.0, at="instead")
    await room.say(session_id, "nothing yet", "well")
    (other,) = await room.say(session_id, "Nothing was told.", kind="summary")
    async with room.db.begin() as tx:
        session = await store.get_session(tx, ADA, session_id, lock=True)
        await store.fork(tx, session, last, 1.0, at="instead")
    (left,) = await room.say(session_id, "It was 4711.", kind="summary")

    async def there() -> list[str]:
        async with room.db.read() as tx:
            return sorted(await store.get_messages(tx, ADA, [older.id, newer.id, other.id, left.id]))

    assert len(await there()) == 4
    if change == "delete":
        await room.messages.delete(ADA, first.id)
    else:
        patch = MessagePatch(content="my PIN is secret") if change == "edit" else MessagePatch(pinned=True)
        await room.messages.update(ADA, first.id, patch)
    gone = {older.id, newer.id, left.id} if change != "pin" else set()
    assert set(await there()) == {older.id, newer.id, other.id, left.id} - gone
    async with room.db.read() as tx:
        columns = (rows.messages.c.content, events.events.c.data)
        texts = (await tx.execute(sa.select(columns[0]).where(rows.messages.c.id.in_(gone)))).scalars().all()
        told = await tx.execute(sa.select(columns[1]).where(events.events.c.type == "message.deleted"))
        heard = {data["message_id"] for data in told.scalars()}
    assert texts == [""] * len(gone)
    assert heard == gone | ({first.id} if change == "delete" else set())


async def test_what_is_being_generated_is_left_alone(room: ChatRoom) -> None:
    session_id = await room.begin()
    (said,) = await room.say(session_id, "a", state="generating")
    with pytest.raises(Conflict):
        await room.messages.update(ADA, said.id, MessagePatch(content="b"))
    with pytest.raises(Conflict):
        await room.messages.delete(ADA, said.id)


async def test_events_tell_no_text(room: ChatRoom) -> None:
    session_id = await room.begin(title="secret")
    (said,) = await room.say(session_id, "secret")
    await room.messages.update(ADA, said.id, MessagePatch(content="secret too"))
    await room.messages.delete(ADA, said.id)
    async with room.db.read() as tx:
        found = await events.page(tx, "site", session_id, 0, 100)
    assert [one.type for one in found] == [
        "session.created",
        "message.created",
        "message.updated",
        "message.deleted",
    ]
    assert "secret" not in str(found)
    assert room.index.told[-1] == ("message_gone", said.id)


async def test_a_deletion_takes_what_was_streamed_with_it(room: ChatRoom) -> None:
    """The pieces of an answer are events; whoever deletes the answer means those as well."""
    session_id = await room.begin()
    kept, *gone = await room.say(session_id, "a", "b", "c")
    async with room.db.begin() as tx:
        for number, message in enumerate((kept, *gone)):
            row = {
                "id": f"gen_{number}",
                "site_id": "site",
                "session_id": session_id,
                "message_id": message.id,
                "state": "completed",
                "on_disconnect": "finish",
                "model": "auto",
                "options": {},
                "continues_chars": 0,
                "stop_requested": False,
                "started_at_s": 1.0,
            }
            await tx.execute(sa.insert(rows.generations), row)
        told = [
            events.NewEvent("site", f"gen_{number}", "generation.delta", {"text": "secret"}, 1.0)
            for number in range(3)
        ]
        await events.append(tx, *told)

    async def left() -> set[str]:
        async with room.db.read() as tx:
            found = await events.page(tx, "site", None, 0, 100)
        return {one.topic for one in found if one.topic.startswith("gen_")}

    await room.messages.delete(ADA, gone[0].id)
    assert await left() == {"gen_0", "gen_2"}
    await room.sessions.delete(ADA, session_id)
    assert await left() == {"gen_0", "gen_2"}
    await room.sessions.delete(ADA, session_id, permanent=True)
    assert await left() == set()


async def test_a_cursor_stays_with_its_branch(room: ChatRoom) -> None:
    session_id = await room.begin()
    said = await room.say(session_id, "q1", "a1", "q2", "a2")
    first = await room.messages.page(ADA, session_id, Turn(descending=False, limit=2))
    await room.branch(said[1].id, "a1 again")
    rest = await room.messages.page(
        ADA, session_id, Turn(cursor=first.next_cursor, descending=False, limit=9)
    )
    assert [one.content for one in rest.data] == ["q2", "a2"]
    shown = await room.messages.page(ADA, session_id, Turn(descending=False))
    assert [one.content for one in shown.data] == ["q1", "a1 again"]
    old = await room.messages.page(ADA, session_id, Turn(descending=True, limit=1), 0)
    assert [one.content for one in old.data] == ["a2"]
    with pytest.raises(BadInput):
        await room.messages.page(ADA, session_id, Turn(cursor=first.next_cursor), 1)
    with pytest.raises(NotFound):
        await room.messages.page(ADA, session_id, Turn(), 9)


@pytest.mark.parametrize("place", ["", "x", "1", "1:", ":1", "1:-1", "1:²", "0:99999999999", "0 :1"])
async def test_cursors_that_are_none(room: ChatRoom, place: str) -> None:
    session_id = await room.begin()
    for turn in (Turn(cursor=encode_cursor(place)), Turn(before=encode_cursor(place)), Turn(cursor="%")):
        with pytest.raises(BadInput):
            await room.messages.page(ADA, session_id, turn)
    with pytest.raises(BadInput):
        await room.messages.page(ADA, session_id, Turn(cursor="a", before="b"))


@pytest.mark.parametrize("place", ["", "x", "nan a", "inf a", "1.0", "1.0 "])
async def test_cursors_of_sessions_that_are_none(room: ChatRoom, place: str) -> None:
    from roundhouse.features.chat.store import SessionFilter

    with pytest.raises(BadInput):
        await room.sessions.page(ADA, SessionFilter(), Turn(cursor=encode_cursor(place)))


async def test_siblings_and_showing_one(room: ChatRoom) -> None:
    session_id = await room.begin()
    said = await room.say(session_id, "q", "a")
    other = await room.branch(said[1].id, "b")
    assert other is not None
    places = await room.messages.siblings(ADA, said[1].id)
    assert [(one.message.content, one.shown) for one in places.data] == [("a", False), ("b", True)]
    shown = await room.sessions.show_message(ADA, said[1].id)
    assert shown.branch == 0
    assert await room.texts(session_id) == ["q", "a"]
    assert (await room.sessions.show_message(ADA, said[1].id)).version == shown.version
    for verb in (room.messages.siblings, room.sessions.show_message):
        with pytest.raises(NotFound):
            await verb(BOB, other.id)


# Memories


async def test_memories(room: ChatRoom) -> None:
    made = await room.memories.create(ADA, MemoryCreate(content="likes tea"), "key")
    again = await room.memories.create(ADA, MemoryCreate(content="likes tea"), "key")
    assert again == made
    with pytest.raises(Conflict):
        await room.memories.create(ADA, MemoryCreate(content="likes coffee"), "key")
    edited = await room.memories.update(ADA, made.id, MemoryPatch(content="likes green tea", version=1))
    assert (edited.content, edited.version) == ("likes green tea", 2)
    with pytest.raises(Conflict):
        await room.memories.update(ADA, made.id, MemoryPatch(content="x", version=1))
    for verb in (room.memories.get, room.memories.delete):
        with pytest.raises(NotFound):
            await verb(BOB, made.id)
    with pytest.raises(NotFound):
        await room.memories.update(BOB, made.id, MemoryPatch(content="x"))
    bobs = await room.memories.create(SITE, MemoryCreate(content="likes cats", user_id="bob"))
    page = await room.memories.page(SITE, None, Turn(descending=False))
    assert [one.id for one in page.data] == sorted([made.id, bobs.id])
    assert [one.id for one in (await room.memories.page(SITE, "bob", Turn())).data] == [bobs.id]
    assert [one.id for one in (await room.memories.page(ADA, None, Turn())).data] == [made.id]
    await room.memories.delete(ADA, made.id)
    assert (await room.memories.page(ADA, None, Turn())).data == []


async def test_memories_in_pages(room: ChatRoom) -> None:
    made = [(await room.memories.create(ADA, MemoryCreate(content=str(number)))).id for number in range(5)]
    made.sort()
    first = await room.memories.page(ADA, None, Turn(descending=False, limit=2))
    second = await room.memories.page(ADA, None, Turn(first.next_cursor, None, False, 2))
    assert [one.id for one in first.data + second.data] == made[:4]
    back = await room.memories.page(ADA, None, Turn(None, second.prev_cursor, False, 2))
    assert [one.id for one in back.data] == made[:2]
    assert (first.prev_cursor, back.prev_cursor) == (None, None)


async def test_the_switch_of_memories(room: ChatRoom) -> None:
    assert (await room.memories.switched(ADA, None)).enabled
    await asyncio.gather(*(room.memories.switch(ADA, MemorySwitch(enabled=False)) for _ in range(4)))
    assert not (await room.memories.switched(ADA, None)).enabled
    assert not (await room.memories.switched(SITE, "ada")).enabled
    assert (await room.memories.switched(SITE, None)).enabled
    assert (await room.memories.switched(BOB, None)).enabled
    await room.memories.switch(SITE, MemorySwitch(enabled=True, user_id="ada"))
    assert (await room.memories.switched(ADA, "ada")).enabled
    with pytest.raises(NotAllowed):
        await room.memories.switch(ADA, MemorySwitch(enabled=True, user_id="bob"))
    with pytest.raises(NotAllowed):
        await room.memories.switched(ADA, "bob")


async def test_as_many_memories_as_may_be(db, turned_clock) -> None:
    room = ChatRoom(db, turned_clock, most_memories=2)
    for text in "ab":
        await room.memories.create(ADA, MemoryCreate(content=text))
    with pytest.raises(QuotaExceeded):
        await room.memories.create(ADA, MemoryCreate(content="c"))
    await room.memories.create(BOB, MemoryCreate(content="c"))
