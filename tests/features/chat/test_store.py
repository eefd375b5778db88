"""Messages and branches as rows."""

from __future__ import annotations

import msgspec
import pytest
import sqlalchemy as sa

from features.chat.rooms import ADA, BOB, ELSEWHERE, SITE, ChatRoom, contents
from roundhouse.core.errors import NotFound
from roundhouse.features.chat import rows, store
from roundhouse.features.chat.model import NewMessage


async def test_a_message_keeps_all_its_fields(room: ChatRoom) -> None:
    session_id = await room.begin()
    new = NewMessage(
        "assistant",
        "Xin chào, 世界, שלום\n",
        state="interrupted",
        kind="summary",
        attachments=["file_a"],
        citations=[{"file_id": "file_a", "quote": "x"}],
        model="a/b",
        finish_reason="stop",
        error={"code": "busy"},
        prompt_tokens=3,
        completion_tokens=4,
        first_token_ms=1.5,
        total_ms=2.5,
        cost_usd=0.25,
        pinned=True,
        metadata={"a": [1, None]},
        created_at_s=1_000.0,
    )
    async with room.db.begin() as tx:
        session = await store.get_session(tx, ADA, session_id, lock=True)
        written = await store.append_message(tx, session, new, 2_000.0)
    async with room.db.read() as tx:
        read = await store.get_message(tx, ADA, written.id)
        after = await store.get_session(tx, ADA, session_id)
    assert read == written
    kept = msgspec.structs.asdict(read)
    assert {name: kept[name] for name in NewMessage.__struct_fields__} == msgspec.structs.asdict(new)
    assert (read.branch, read.depth, read.parent_id, read.version) == (0, 0, None, 1)
    assert (read.site_id, read.user_id, read.app_id) == ("site", "ada", None)
    assert (after.message_count, after.version, after.updated_at_s) == (1, session.version + 1, 2_000.0)
    assert after.last_message_at_s == 1_000.0


async def test_two_messages_after_one_reading_of_the_session(room: ChatRoom) -> None:
    session_id = await room.begin()
    async with room.db.begin() as tx:
        session = await store.get_session(tx, ADA, session_id, lock=True)
        first = await store.append_message(tx, session, NewMessage("user", "a"), 1.0)
        second = await store.append_message(tx, session, NewMessage("assistant", "b"), 1.0)
        now = await store.get_session(tx, ADA, session_id)
    assert (second.depth, second.parent_id) == (1, first.id)
    assert (now.message_count, now.version) == (2, 3)


async def test_windows_of_a_conversation(room: ChatRoom) -> None:
    session_id = await room.begin()
    said = await room.say(session_id, *"abcdefg")
    async with room.db.read() as tx:
        session = await store.get_session(tx, ADA, session_id)
        for wanted, asked in {
            "fg": {"limit": 2},
            "abcdefg": {"limit": 9},
            "": {"limit": 0},
            "bc": {"limit": 2, "before_depth": 3},
            "a": {"limit": 2, "before_depth": 1},
            "ab": {"limit": 2, "after_depth": -1},
            "ef": {"limit": 2, "after_depth": 3},
            "g": {"limit": 2, "after_depth": 5},
            "de": {"limit": 9, "after_depth": 2, "before_depth": 5},
        }.items():
            assert "".join(contents(await store.conversation(tx, session, **asked))) == wanted, asked
        assert await store.conversation(tx, session, limit=2, after_depth=6) == []
        path = await store.path_to(tx, session, said[3], 3)
        assert contents(path) == ["b", "c", "d"]
        with pytest.raises(NotFound):
            await store.conversation(tx, session, limit=2, branch=7)


async def test_an_edited_question_and_another_answer(room: ChatRoom) -> None:
    session_id = await room.begin()
    said = await room.say(session_id, "q1", "a1", "q2", "a2")
    await room.branch(said[2].id, "q2 edited")
    assert await room.texts(session_id) == ["q1", "a1", "q2 edited"]
    other = await room.branch(said[1].id, "a1 again")
    assert await room.texts(session_id) == ["q1", "a1 again"]
    assert await room.texts(session_id, branch=0) == ["q1", "a1", "q2", "a2"]
    assert await room.texts(session_id, branch=1) == ["q1", "a1", "q2 edited"]
    assert other is not None
    async with room.db.read() as tx:
        session = await store.get_session(tx, ADA, session_id)
        places = await store.siblings(tx, session, other, 10)
        assert [(one.message.content, one.shown) for one in places] == [("a1", False), ("a1 again", True)]
        places = await store.siblings(tx, session, said[2], 10)
        assert [(one.message.content, one.shown) for one in places] == [("q2", False), ("q2 edited", False)]
        # Both branches go on behind a1; the edited question was written last.
        assert await store.branch_through(tx, session, said[1]) == 1
        assert await store.branch_through(tx, session, said[2]) == 0
        assert await store.branch_through(tx, session, said[0]) == 2
    assert (session.branches, session.branch, session.message_count) == (3, 2, 6)


async def test_another_first_message(room: ChatRoom) -> None:
    session_id = await room.begin()
    said = await room.say(session_id, "q", "a")
    again = await room.branch(said[0].id, "another q")
    assert again is not None
    assert (again.parent_id, again.depth) == (None, 0)
    third = await room.branch(again.id, "a third")
    assert await room.texts(session_id) == ["a third"]
    assert third is not None
    async with room.db.read() as tx:
        session = await store.get_session(tx, ADA, session_id)
        places = await store.siblings(tx, session, third, 10)
    assert [one.message.content for one in places] == ["q", "another q", "a third"]


async def test_going_on_after_a_message(room: ChatRoom) -> None:
    session_id = await room.begin()
    said = await room.say(session_id, "q1", "a1", "q2", "a2")
    await room.branch(said[1].id, "q2 anew", at="after")
    assert await room.texts(session_id) == ["q1", "a1", "q2 anew"]
    # Nothing follows a2 in its branch, so no other one is needed.
    await room.branch(said[3].id, "q3", at="after")
    assert await room.texts(session_id) == ["q1", "a1", "q2", "a2", "q3"]
    async with room.db.read() as tx:
        assert (await store.get_session(tx, ADA, session_id)).branches == 2


async def test_a_hundred_answers_to_one_question_are_not_a_deep_chain(room: ChatRoom) -> None:
    session_id = await room.begin()
    (_, answer) = await room.say(session_id, "q", "a0")
    for number in range(1, 100):
        made = await room.branch(answer.id, f"a{number}")
        assert made is not None
        answer = made
    assert await room.texts(session_id) == ["q", "a99"]
    async with room.db.read() as tx:
        parents = (await tx.execute(sa.select(rows.branches.c.parent))).scalars().all()
    assert parents == [0] * 99


async def test_a_chain_of_more_branches_than_one_condition_may_name(room: ChatRoom) -> None:
    """Each answer but the first is a second try, so each question begins a stretch of its own."""
    session_id = await room.begin()
    now_s = room.clock.now_s()
    async with room.db.begin() as tx:
        session = await store.get_session(tx, ADA, session_id, lock=True)
        message = await store.append_message(tx, session, NewMessage("user", "0"), now_s)
        for number in range(1, 600):
            await store.append_message(tx, session, NewMessage("user", "thrown away"), now_s)
            session = await store.fork(tx, session, message, now_s, at="after")
            message = await store.append_message(tx, session, NewMessage("user", str(number)), now_s)
        whole = await store.conversation(tx, session, limit=1000)
        assert contents(whole) == [str(number) for number in range(600)]
        assert contents(await store.conversation(tx, session, limit=3, after_depth=300)) == [
            "301",
            "302",
            "303",
        ]
        assert contents(await store.path_to(tx, session, whole[300], 3)) == ["298", "299", "300"]


async def test_a_deleted_message_keeps_its_place(room: ChatRoom) -> None:
    session_id = await room.begin()
    said = await room.say(session_id, *"abcde")
    for one in said[1:4]:
        await room.messages.delete(ADA, one.id)
    assert await room.texts(session_id) == ["a", "e"]
    async with room.db.read() as tx:
        session = await store.get_session(tx, ADA, session_id)
        assert session.message_count == 2
        assert contents(await store.conversation(tx, session, limit=1, before_depth=4)) == ["a"]
        assert contents(await store.conversation(tx, session, limit=1, after_depth=0)) == ["e"]
        with pytest.raises(NotFound):
            await store.get_message(tx, ADA, said[1].id)
        left = sa.select(rows.messages.c.content).where(rows.messages.c.deleted_at_s.is_not(None))
        assert (await tx.execute(left)).scalars().all() == ["", "", ""]
    (after,) = await room.say(session_id, "f")
    assert (after.depth, after.parent_id) == (5, said[4].id)


async def test_who_may_see_what(room: ChatRoom) -> None:
    session_id = await room.begin()
    (message,) = await room.say(session_id, "a")
    async with room.db.read() as tx:
        for caller in (ADA, SITE):
            assert (await store.get_session(tx, caller, session_id)).id == session_id
            assert (await store.get_message(tx, caller, message.id)).id == message.id
        app = msgspec.structs.replace(ADA, app_id="app")
        for caller in (BOB, ELSEWHERE, app):
            with pytest.raises(NotFound):
                await store.get_session(tx, caller, session_id, deleted=True)
            with pytest.raises(NotFound):
                await store.get_message(tx, caller, message.id)
            assert await store.get_sessions(tx, caller, [session_id]) == {}


async def test_a_message_of_a_deleted_session_is_not_there(room: ChatRoom) -> None:
    session_id = await room.begin()
    (message,) = await room.say(session_id, "a")
    await room.sessions.delete(ADA, session_id)
    async with room.db.read() as tx:
        with pytest.raises(NotFound):
            await store.get_session(tx, ADA, session_id)
        assert (await store.get_session(tx, ADA, session_id, deleted=True)).id == session_id
        with pytest.raises(NotFound):
            await store.get_message(tx, ADA, message.id)


async def test_changing_what_is_gone(room: ChatRoom) -> None:
    async with room.db.begin() as tx:
        with pytest.raises(NotFound):
            await store.change_message(tx, "msg_none", 1.0, content="x")


async def test_a_page_of_ten_thousand_reads_a_range(room: ChatRoom) -> None:
    """The plan of the query, not its time: no sorting, no scan of the session."""
    if not room.db.is_sqlite:
        pytest.skip("PostgreSQL plans by statistics, which an empty table has not")
    statements: list[str] = []

    def heard(connection, cursor, statement, parameters, context, many):
        statements.append(statement)

    session_id = await room.begin()
    await room.say(session_id, "a", "b")
    async with room.db.read() as tx:
        session = await store.get_session(tx, ADA, session_id)
        sa.event.listen(tx.sync_connection, "before_cursor_execute", heard)
        await store.conversation(tx, session, limit=50)
        sa.event.remove(tx.sync_connection, "before_cursor_execute", heard)
        (page,) = [one for one in statements if "content" in one]
        holes = ["x"] * page.count("?")
        plan = (await tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {page}", tuple(holes))).all()
    (step,) = [row[-1] for row in plan]
    assert "USING INDEX" in step
    assert "(session_id=? AND branch=? AND depth>? AND depth<?)" in step
