"""What of sessions and messages is found, and when, with the real index."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from features.chat.rooms import ADA, BOB, SITE, ChatRoom
from roundhouse.core.types import Caller
from roundhouse.features.chat import store
from roundhouse.features.chat.indexing import MESSAGE, SESSION, MessageSource, SearchIndex, TitleSource
from roundhouse.features.chat.schemas import MessagePatch, SessionPatch
from roundhouse.infra.search import Query, rebuilding, search
from roundhouse.infra.search.indexer import Indexer
from roundhouse.infra.search.rows import search_entries, search_waiting


@pytest.fixture
def found_room(db, turned_clock) -> ChatRoom:
    return ChatRoom(db, turned_clock, index=SearchIndex())


async def found(
    room: ChatRoom, text: str, caller: Caller = ADA, kind: str = MESSAGE, **more: object
) -> list[str]:
    await Indexer(room.db, [MessageSource(), TitleSource()]).catch_up(caller.site_id, kind)
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


async def rows(room: ChatRoom, table: sa.Table) -> int:
    async with room.db.read() as tx:
        return (await tx.execute(sa.select(sa.func.count()).select_from(table))).scalar_one()


async def test_a_change_writes_one_small_row_however_long_the_session(found_room: ChatRoom) -> None:
    room = found_room
    session_id = await room.begin()
    said = await room.say(session_id, *[f"fox {number}" for number in range(60)])
    assert len(await found(room, "fox", limit=100)) == 60
    assert await rows(room, search_waiting) == 0
    await room.sessions.update(ADA, session_id, SessionPatch(tags=["red"]))
    assert await rows(room, search_waiting) == 2
    assert len(await found(room, "fox", limit=100, tags=("red",))) == 60
    await room.sessions.delete(ADA, session_id)
    await room.sessions.restore(ADA, session_id)
    assert await rows(room, search_waiting) == 4
    assert len(await found(room, "fox", limit=100, tags=("red",))) == 60
    await room.sessions.delete(ADA, session_id, permanent=True)
    assert await found(room, "fox") == []
    assert await rows(room, search_entries) == 0
    assert len(said) == 60


async def test_the_index_can_be_made_anew_from_the_messages(found_room: ChatRoom) -> None:
    room = found_room
    session_id = await room.begin(title="Foxes", tags=["red"])
    await room.say(session_id, "fox one", "fox two", "fox three")
    for source, kind, expected in ((MessageSource(), MESSAGE, 3), (TitleSource(), SESSION, 1)):
        await rebuilding.begin(room.db, source)
        while await rebuilding.step(room.db, source) is not None:
            pass
        text = "fox" if kind == MESSAGE else "foxes"
        async with room.db.read() as tx:
            hits = await search(tx, ADA, Query(text, kind, tags=("red",)))
        assert len(hits.hits) == expected
