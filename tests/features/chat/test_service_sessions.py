"""Sessions: rights, repeated requests, changes that cross, deletion and clean-up."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa

from features.chat.rooms import ADA, BOB, ELSEWHERE, SITE, ChatRoom, SomeStores
from roundhouse.core.errors import BadInput, Conflict, NotAllowed, NotFound, Unprocessable
from roundhouse.core.ids import new_id
from roundhouse.core.settings import ChatSettings
from roundhouse.features.chat import rows, store
from roundhouse.features.chat.jobs import ChatCleanUp
from roundhouse.features.chat.model import NewMessage
from roundhouse.features.chat.pages import Turn
from roundhouse.features.chat.schemas import CleanupAsk, SessionCreate, SessionPatch
from roundhouse.features.chat.store import SessionFilter, Span
from roundhouse.infra.audit import entries
from roundhouse.infra.events import store as events

DAY_S = 86_400.0


async def told(room: ChatRoom, session_id: str) -> list[str]:
    async with room.db.read() as tx:
        return [one.type for one in await events.page(tx, "site", session_id, 0, 100)]


async def running(room: ChatRoom, session_id: str) -> None:
    """A generation in the session, as the writer of answers enters it."""
    (message,) = await room.say(session_id, "…", state="generating")
    row = {
        "id": new_id("gen"),
        "site_id": "site",
        "session_id": session_id,
        "message_id": message.id,
        "state": "running",
        "on_disconnect": "finish",
        "model": "auto",
        "options": {},
        "continues_chars": 0,
        "stop_requested": False,
        "started_at_s": room.clock.now_s(),
    }
    async with room.db.begin() as tx:
        await tx.execute(sa.insert(rows.generations), row)


# Tags


async def test_tags_are_told_with_the_sessions_that_show_them(room: ChatRoom) -> None:
    for tags in (["work", "b"], ["work"], []):
        await room.sessions.create(ADA, SessionCreate(tags=tags))
    away = await room.sessions.create(ADA, SessionCreate(tags=["work", "old"]))
    await room.sessions.archive(ADA, away.id)
    gone = await room.sessions.create(ADA, SessionCreate(tags=["gone"]))
    await room.sessions.delete(ADA, gone.id)
    await room.sessions.create(BOB, SessionCreate(tags=["his"]))
    found = await room.sessions.tags(ADA)
    assert [(one.tag, one.sessions) for one in found.data] == [("b", 1), ("work", 2)]
    assert not found.has_more
    assert [one.tag for one in (await room.sessions.tags(SITE)).data] == ["b", "his", "work"]
    assert (await room.sessions.tags(ELSEWHERE)).data == []


# Whose it is


async def test_a_key_of_a_site_names_the_user_and_sees_all(room: ChatRoom) -> None:
    made = await room.sessions.create(SITE, SessionCreate(user_id="ada"))
    assert made.user_id == "ada"
    assert (await room.sessions.get(ADA, made.id)).id == made.id
    nobodys = await room.begin(SITE)
    assert (await room.sessions.get(SITE, nobodys)).user_id is None
    for caller in (BOB, ELSEWHERE):
        with pytest.raises(NotFound):
            await room.sessions.get(caller, made.id)
    with pytest.raises(NotFound):
        await room.sessions.get(ADA, nobodys)
    assert len((await room.sessions.page(SITE, SessionFilter(), Turn())).data) == 2


async def test_a_key_of_a_user_names_no_other(room: ChatRoom) -> None:
    assert (await room.sessions.create(ADA, SessionCreate(user_id="ada"))).user_id == "ada"
    with pytest.raises(NotAllowed) as refused:
        await room.sessions.create(ADA, SessionCreate(user_id="bob"))
    assert refused.value.param == "user_id"
    with pytest.raises(NotAllowed):
        await room.upkeep.clean_up(ADA, CleanupAsk(days=1, user_id="bob"))


async def test_an_outside_id_is_unique_per_user(room: ChatRoom) -> None:
    await room.begin(ADA, outside_id="one")
    await room.begin(BOB, outside_id="one")
    await room.begin(SITE, outside_id="one")
    for caller in (ADA, BOB, SITE):
        with pytest.raises(Conflict) as taken:
            await room.begin(caller, outside_id="one")
        assert taken.value.param == "outside_id"
    async with room.db.read() as tx:
        for user_id in ("ada", "bob", None):
            found = await store.outside_session(tx, SITE, user_id, "one")
            assert found is not None
            assert found.user_id == user_id
        assert await store.outside_session(tx, SITE, "ada", "two") is None
        assert await store.outside_session(tx, ELSEWHERE, "ada", "one") is None


async def test_many_at_once_with_one_outside_id(room: ChatRoom) -> None:
    tries = await asyncio.gather(
        *(room.begin(ADA, outside_id="one") for _ in range(8)), return_exceptions=True
    )
    assert len([one for one in tries if isinstance(one, str)]) == 1
    assert [type(one) for one in tries if not isinstance(one, str)] == [Conflict] * 7


# Repeated requests


async def test_a_repeated_request_makes_no_second_session(room: ChatRoom) -> None:
    asked = SessionCreate(title="a", tags=["x"])
    tries = await asyncio.gather(*(room.sessions.create(ADA, asked, "key") for _ in range(8)))
    assert {one.id for one in tries} == {tries[0].id}
    with pytest.raises(Conflict) as other:
        await room.sessions.create(ADA, SessionCreate(title="b"), "key")
    assert other.value.param == "Idempotency-Key"
    assert (await room.sessions.create(BOB, asked, "key")).id != tries[0].id
    assert await told(room, tries[0].id) == ["session.created"]


async def test_what_is_refused(room: ChatRoom) -> None:
    with pytest.raises(BadInput) as refused_context:
        await room.sessions.create(ADA, SessionCreate(context={"strategy": "magic"}))
    assert refused_context.value.param == "context"
    session_id = await room.begin()
    for change in ({"title": None}, {"tags": None}, {"context": None}, {"metadata": None}):
        with pytest.raises(Unprocessable):
            await room.sessions.update(ADA, session_id, SessionPatch(**change))


# Changes


async def test_each_field_is_changed_alone(room: ChatRoom) -> None:
    session_id = await room.begin(title="", tags=["b", "a", "b"], model="m", system="s")
    first = await room.sessions.get(ADA, session_id)
    assert (first.title_from, first.tags) == ("nobody", ["a", "b"])
    changes: list[dict[str, Any]] = [
        {"title": "new"},
        {"model": None},
        {"system": ""},
        {"metadata": {"a": [1]}},
        {"tags": ["c"]},
        {"pinned": True},
        {"context": {"strategy": "last", "last_messages": 3}},
        {"uses_memory": False},
    ]
    before = first.model_dump()
    for number, change in enumerate(changes):
        room.clock.turn(1.0)
        after = (await room.sessions.update(ADA, session_id, SessionPatch(**change))).model_dump()
        moved = {name for name in after if after[name] != before[name]}
        extra = {"title_from"} if "title" in change else set()
        assert moved == {*change, "version", "updated_at"} | extra
        assert after["version"] == number + 2
        before = after
    assert before == (await room.sessions.get(ADA, session_id)).model_dump()
    assert before["title_from"] == "user"
    named = await room.sessions.update(ADA, session_id, SessionPatch(title=""))
    assert named.title_from == "nobody"


async def test_of_two_who_know_one_version_the_second_is_told(room: ChatRoom) -> None:
    session_id = await room.begin()
    asked = [SessionPatch(title=f"t{number}", version=1) for number in range(6)]
    tries = await asyncio.gather(
        *(room.sessions.update(ADA, session_id, one) for one in asked), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in tries) == ["Conflict"] * 5 + ["SessionRead"]
    assert (await room.sessions.get(ADA, session_id)).version == 2


async def test_a_change_of_nothing_is_none(room: ChatRoom) -> None:
    session_id = await room.begin(title="a", tags=["x"])
    room.clock.turn(5.0)
    same = await room.sessions.update(ADA, session_id, SessionPatch(title="a", tags=["x"], pinned=False))
    assert same.version == 1
    assert same.updated_at == same.created_at
    await room.sessions.archive(ADA, session_id)
    room.clock.turn(5.0)
    assert (await room.sessions.archive(ADA, session_id)).version == 2
    assert await told(room, session_id) == ["session.created", "session.updated"]


async def test_the_index_is_told(room: ChatRoom) -> None:
    session_id = await room.begin(title="a")
    await room.sessions.update(ADA, session_id, SessionPatch(title="b"))
    await room.sessions.update(ADA, session_id, SessionPatch(pinned=True))
    await room.sessions.update(ADA, session_id, SessionPatch(tags=["t"]))
    await room.sessions.delete(ADA, session_id)
    await room.sessions.restore(ADA, session_id)
    await room.sessions.delete(ADA, session_id, permanent=True)
    assert room.index.told == [
        ("session", (session_id, "a", ())),
        ("session", (session_id, "b", ())),
        ("whole_session", (session_id, "b", ("t",))),
        ("sessions_gone", [session_id]),
        ("whole_session", (session_id, "b", ("t",))),
        ("sessions_gone", [session_id]),
    ]
    assert await told(room, session_id) == [
        "session.created",
        *["session.updated"] * 3,
        "session.deleted",
        "session.restored",
        "session.deleted",
    ]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"archived": True}, "b"),
        ({"archived": False}, "dca"),
        ({"pinned": True}, "c"),
        ({"pinned": False}, "dba"),
        ({"deleted": True}, "e"),
        ({"tag": "x"}, "ca"),
        ({"tag": "y"}, "a"),
        ({"tag": "z"}, ""),
        ({"model": "m"}, "d"),
        ({"user_id": "bob"}, "d"),
        ({"created_after_s": 1_800_000_020.0}, "dc"),
        ({"created_before_s": 1_800_000_020.0}, "ba"),
        ({"updated_after_s": 1_800_000_010.0, "updated_before_s": 1_800_000_030.0}, "cb"),
        ({"tag": "x", "pinned": True, "archived": False}, "c"),
    ],
)
async def test_filters(room: ChatRoom, wanted: dict[str, Any], found: str) -> None:
    made = {
        "a": {"tags": ["x", "y"]},
        "b": {},
        "c": {"tags": ["x"], "pinned": True},
        "d": {"model": "m", "user_id": "bob"},
        "e": {"tags": ["x"]},
    }
    ids = {}
    for title, asked in made.items():
        ids[title] = await room.begin(SITE, **{"title": title, "user_id": "ada", **asked})
        if title == "b":
            await room.sessions.archive(SITE, ids["b"])
        if title == "e":
            await room.sessions.delete(SITE, ids["e"])
        room.clock.turn(10.0)
    await room.begin(ELSEWHERE, title="not here", tags=["x"], pinned=True, model="m")
    page = await room.sessions.page(SITE, SessionFilter(**wanted), Turn())
    assert "".join(one.title for one in page.data) == found


# Ends


async def test_a_session_that_is_written_to_is_not_removed(room: ChatRoom) -> None:
    session_id = await room.begin()
    await running(room, session_id)
    with pytest.raises(Conflict):
        await room.sessions.delete(ADA, session_id, permanent=True)
    await room.sessions.delete(ADA, session_id)
    async with room.db.read() as tx:
        asked = sa.select(rows.generations.c.stop_requested)
        assert (await tx.execute(asked)).scalars().all() == [True]
    room.clock.turn(10 * DAY_S)
    assert await room.upkeep.remove_deleted(5) == 0
    async with room.db.begin() as tx:
        await tx.execute(sa.update(rows.generations).values(state="stopped"))
    assert await room.upkeep.remove_deleted(5) == 1
    async with room.db.read() as tx:
        for table in (rows.sessions, rows.messages, rows.generations, rows.branches, rows.session_tags):
            assert (await tx.execute(sa.select(sa.func.count()).select_from(table))).scalar_one() == 0


async def test_a_permanent_deletion_leaves_nothing_and_is_written_down(room: ChatRoom) -> None:
    session_id = await room.begin(tags=["x"])
    said = await room.say(session_id, "a", "b")
    await room.branch(said[1].id, "c")
    await room.sessions.delete(ADA, session_id)
    with pytest.raises(NotFound):
        await room.sessions.delete(ADA, session_id)
    assert (await room.sessions.delete(ADA, session_id, permanent=True)).permanent
    async with room.db.read() as tx:
        for table in (rows.sessions, rows.messages, rows.branches, rows.session_tags):
            assert (await tx.execute(sa.select(sa.func.count()).select_from(table))).scalar_one() == 0
        (row,) = await entries(tx, site_id="site", before_seq=None, limit=9)
    assert (row.action, row.object, row.detail) == (
        "session.delete",
        session_id,
        {"user_id": "ada", "messages": 3},
    )


async def aged(room: ChatRoom) -> dict[str, str]:
    """Sessions of 30, 20 and 10 days, and pinned, archived and other people's ones of 30."""
    ids = {}
    for title, asked, caller in (
        ("old", {}, ADA),
        ("pinned", {"pinned": True}, ADA),
        ("archived", {}, ADA),
        ("bobs", {}, BOB),
        ("elsewhere", {}, ELSEWHERE),
    ):
        ids[title] = await room.begin(caller, title=title, **asked)
    await room.sessions.archive(ADA, ids["archived"])
    room.clock.turn(10 * DAY_S)
    ids["middle"] = await room.begin(ADA, title="middle")
    await room.say(ids["middle"], "a", "b")
    room.clock.turn(10 * DAY_S)
    ids["new"] = await room.begin(ADA, title="new")
    room.clock.turn(10 * DAY_S)
    return ids


@pytest.mark.parametrize(
    ("asked", "caller", "ended"),
    [
        ({"days": 15}, ADA, ["old", "middle"]),
        ({"days": 25}, ADA, ["old"]),
        ({"days": 25}, SITE, ["old", "bobs"]),
        ({"days": 25, "user_id": "bob"}, SITE, ["bobs"]),
        ({"days": 25, "action": "delete"}, ADA, ["old", "archived"]),
        ({"days": 35}, ADA, []),
    ],
)
async def test_clean_up(room: ChatRoom, asked: dict[str, Any], caller: Any, ended: list[str]) -> None:
    ids = await aged(room)
    tried = await room.upkeep.clean_up(caller, CleanupAsk(**asked))
    assert tried.dry_run
    assert sorted(tried.session_ids) == sorted(ids[one] for one in ended)
    untouched = {one: (await room.sessions.get(ADA, ids[one])).version for one in ("old", "middle")}
    done = await room.upkeep.clean_up(caller, CleanupAsk(**asked, dry_run=False))
    assert (done.sessions, done.messages, sorted(done.session_ids)) == (
        tried.sessions,
        tried.messages,
        sorted(tried.session_ids),
    )
    assert done.messages == (2 if "middle" in ended else 0)
    again = await room.upkeep.clean_up(caller, CleanupAsk(**asked))
    assert (again.sessions, again.session_ids) == (0, [])
    for one in ended:
        found = await room.sessions.get(SITE, ids[one])
        assert found.deleted_at if asked.get("action") == "delete" else found.archived
        assert found.version > untouched.get(one, 0)
    for one in {"old", "middle", "pinned", "new"} - set(ended):
        found = await room.sessions.get(SITE, ids[one])
        assert not found.archived
        assert found.deleted_at is None


async def test_the_scheduled_clean_up_of_the_house(room: ChatRoom) -> None:
    ids = await aged(room)
    await room.sessions.delete(ADA, ids["new"])
    room.clock.turn(3 * DAY_S)

    class Context:
        results: ClassVar[dict[str, Any]] = {"old": 0}

    async def run(settings: ChatSettings) -> tuple[Any, Any]:
        made = ChatCleanUp(room.upkeep, settings)
        Context.results["old"] = await made.pipeline.steps[0].run(Context())
        return Context.results["old"], await made.pipeline.steps[1].run(Context())

    off = ChatSettings(deleted_keep_days=None)
    assert ChatCleanUp(room.upkeep, off).schedule is None
    assert await run(off) == (0, {"old": 0, "removed": 0})
    on = ChatSettings(cleanup_days=25, cleanup_action="delete", deleted_keep_days=2)
    assert ChatCleanUp(room.upkeep, on).schedule is not None
    # The old ones of every tenant; they were deleted just now, so they can still be restored.
    assert await run(on) == (4, {"old": 4, "removed": 1})
    assert (await room.sessions.get(ELSEWHERE, ids["elsewhere"])).deleted_at is not None
    with pytest.raises(NotFound):
        await room.sessions.get(ADA, ids["new"])


async def test_more_old_sessions_than_one_transaction_ends(room: ChatRoom) -> None:
    for _ in range(450):
        await room.begin()
    room.clock.turn(2 * DAY_S)
    done = await room.upkeep.clean_up(ADA, CleanupAsk(days=1, action="delete", dry_run=False))
    assert (done.sessions, len(done.session_ids)) == (450, 100)
    room.clock.turn(2 * DAY_S)
    assert await room.upkeep.remove_deleted(1) == 450


# Numbers


async def test_numbers(room: ChatRoom) -> None:
    one, other = await room.begin(title="one"), await room.begin(SITE, user_id="bob", title="other")
    answer = {"model": "a/b", "prompt_tokens": 10, "completion_tokens": 5, "cost_usd": 0.5}
    async with room.db.begin() as tx:
        session = await store.get_session(tx, ADA, one, lock=True)
        await store.append_message(tx, session, NewMessage("user", "q"), 100.0)
        timed = {**answer, "first_token_ms": 100.0, "total_ms": 300.0}
        await store.append_message(tx, session, NewMessage("assistant", "a", **timed), 101.0)
        slower = {**answer, "first_token_ms": 200.0, "total_ms": 500.0, "model": "c/d"}
        last = await store.append_message(tx, session, NewMessage("assistant", "b", **slower), 102.0)
    await room.say(other, "x", caller=SITE)
    stats = await room.upkeep.session_stats(ADA, one)
    assert stats.total.model_dump() == {
        "messages": 3,
        "prompt_tokens": 20,
        "completion_tokens": 10,
        "total_tokens": 30,
        "cost_usd": 1.0,
        "mean_first_token_ms": 150.0,
        "mean_total_ms": 400.0,
    }
    assert [(row.role, row.messages) for row in stats.by_role] == [("assistant", 2), ("user", 1)]
    assert {row.model: row.messages for row in stats.by_model} == {"a/b": 1, "c/d": 1, None: 1}
    assert stats.first_message_at is not None
    assert stats.last_message_at is not None
    assert (stats.first_message_at.timestamp(), stats.last_message_at.timestamp()) == (100.0, 102.0)
    whole = await room.upkeep.stats(SITE, Span())
    assert (whole.sessions, whole.total.messages) == (2, 4)
    assert [(row.user_id, row.messages) for row in whole.by_user] == [("ada", 3), ("bob", 1)]
    assert [(row.title, row.messages) for row in whole.by_session] == [("one", 3), ("other", 1)]
    mine = await room.upkeep.stats(ADA, Span())
    assert (mine.sessions, mine.total.messages) == (1, 3)
    assert (await room.upkeep.stats(SITE, Span(user_id="bob"))).total.messages == 1
    await room.messages.delete(ADA, last.id)
    assert (await room.upkeep.session_stats(ADA, one)).total.messages == 2
    await room.sessions.delete(ADA, one)
    gone = await room.upkeep.stats(SITE, Span())
    assert (gone.sessions, gone.deleted, gone.total.messages) == (1, 1, 1)
    with pytest.raises(NotFound):
        await room.upkeep.session_stats(BOB, other[:-1])
    empty = await room.upkeep.stats(ELSEWHERE, Span())
    assert (empty.sessions, empty.total.messages, empty.by_model) == (0, 0, [])


async def test_vector_stores_of_a_session_are_the_callers(db, turned_clock) -> None:
    room = ChatRoom(db, turned_clock, stores=SomeStores())
    made = await room.sessions.create(ADA, SessionCreate(vector_store_ids=["vs_ada", "vs_ada2", "vs_ada"]))
    assert made.vector_store_ids == ["vs_ada", "vs_ada2"]
    for asked in (["vs_bob"], ["vs_ada", "vs_none"]):
        with pytest.raises(Unprocessable) as refused:
            await room.sessions.create(ADA, SessionCreate(vector_store_ids=asked))
        assert refused.value.param == "vector_store_ids"
        with pytest.raises(Unprocessable):
            await room.sessions.update(ADA, made.id, SessionPatch(vector_store_ids=asked))
    patched = await room.sessions.update(ADA, made.id, SessionPatch(vector_store_ids=["vs_ada2"]))
    assert (patched.vector_store_ids, patched.version) == (["vs_ada2"], made.version + 1)
    again = await room.sessions.update(ADA, made.id, SessionPatch(vector_store_ids=["vs_ada2"], title="t"))
    assert again.vector_store_ids == ["vs_ada2"]
    assert (await room.sessions.get(ADA, made.id)).vector_store_ids == ["vs_ada2"]
    assert (
        await room.sessions.update(ADA, made.id, SessionPatch(vector_store_ids=[]))
    ).vector_store_ids == []
    with pytest.raises(Unprocessable):
        await room.sessions.update(ADA, made.id, SessionPatch(vector_store_ids=None))


async def test_where_there_are_no_vector_stores_none_can_be_named(room: ChatRoom) -> None:
    with pytest.raises(Unprocessable):
        await room.sessions.create(ADA, SessionCreate(vector_store_ids=["vs_ada"]))
    assert (await room.sessions.create(ADA, SessionCreate(vector_store_ids=[]))).vector_store_ids == []
