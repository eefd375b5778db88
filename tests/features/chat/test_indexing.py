"""What of sessions and messages is found, and when, with the real index."""

from __future__ import annotations

import pytest

from features.chat.rooms import ADA, BOB, SITE, ChatRoom
from roundhouse.core.types import Caller
from roundhouse.features.chat import store
from roundhouse.features.chat.indexing import MESSAGE, SESSION, SearchIndex
from roundhouse.features.chat.schemas import MessagePatch, SessionPatch
from roundhouse.infra.search import Query, search


@pytest.fixture
def found_room(db, turned_clock) -> ChatRoom:
    return ChatRoom(db, turned_clock, index=SearchIndex())


async def found(
    room: ChatRoom, text: str, caller: Caller = ADA, kind: str = MESSAGE, **more: object
) -> list[str]:
    async with room.db.read() as tx:
        hits = await search(tx, caller, Query(text, kind, **more))
    return [one.ref_id for one in hits.hits]


async def test_messages_are_found_as_they_are_now(found_room: ChatRoom) -> None:
    room = found_room
    session_id = await room.begin(tags=["red"])
    (said,) = await room.say(session_id, "the quick fox")
    assert await found(room, "fox") == [said.id]
    assert await found(room, "fox", SITE, role="user", parent_id=session_id, tags=("red",)) == [said.id]
    assert await found(room, "fox", BOB) == []
    assert await found(room, "fox", tags=("blue",)) == []
    await room.messages.update(ADA, said.id, MessagePatch(content="the slow snail"))
    assert (await found(room, "fox"), await found(room, "snail")) == ([], [said.id])
    await room.sessions.update(ADA, session_id, SessionPatch(tags=["blue"]))
    assert await found(room, "snail", tags=("blue",)) == [said.id]
    await room.messages.delete(ADA, said.id)
    assert await found(room, "snail") == []


async def test_what_is_not_complete_is_not_found(found_room: ChatRoom) -> None:
    session_id = await found_room.begin()
    await found_room.say(session_id, "half an answer", state="generating")
    await found_room.say(session_id, "a summary", kind="summary")
    assert await found(found_room, "half answer summary") == []


async def test_sessions_come_and_go_with_their_messages(found_room: ChatRoom) -> None:
    room = found_room
    session_id = await room.begin(title="Foxes")
    said = await room.say(session_id, "fox one", "fox two")
    await room.messages.delete(ADA, said[1].id)
    assert await found(room, "foxes", kind=SESSION) == [session_id]
    await room.sessions.update(ADA, session_id, SessionPatch(title="Snails"))
    assert await found(room, "foxes", kind=SESSION) == []
    await room.sessions.delete(ADA, session_id)
    assert (await found(room, "snails", kind=SESSION), await found(room, "fox")) == ([], [])
    await room.sessions.restore(ADA, session_id)
    assert await found(room, "snails", kind=SESSION) == [session_id]
    assert await found(room, "fox") == [said[0].id]
    await room.sessions.delete(ADA, session_id, permanent=True)
    assert (await found(room, "snails", kind=SESSION), await found(room, "fox")) == ([], [])


async def test_every_message_of_a_session_in_their_order(found_room: ChatRoom) -> None:
    session_id = await found_room.begin()
    said = await found_room.say(session_id, *"abcde")
    await found_room.messages.delete(ADA, said[2].id)
    async with found_room.db.read() as tx:
        first = await store.messages_after(tx, session_id, 0, 3)
        rest = await store.messages_after(tx, session_id, first[-1].seq, 9)
    assert [one.id for one in first + rest] == [one.id for one in said]
