"""Export and import over both databases."""

import asyncio
import io
import json
import tracemalloc
import zipfile
from collections import deque
from collections.abc import AsyncIterator, MutableSequence
from itertools import pairwise
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from features.chat.context.making import message as make_message
from features.chat.transfer.mongo_server import serving
from features.chat.transfer.test_chatgpt import conversation
from features.chat.transfer.test_mongo import history
from features.chat.transfer.test_open_webui import row as web_ui_row
from features.chat.transfer.test_studio import TWO, made
from features.chat.transfer.wholes import plain
from roundhouse.core.errors import BadInput, Busy, NotFound, TooLarge
from roundhouse.core.types import Caller
from roundhouse.features.chat import store
from roundhouse.features.chat.model import Message, NewMessage, Session
from roundhouse.features.chat.rows import memories, messages, sessions
from roundhouse.features.chat.store import SessionFilter
from roundhouse.features.chat.transfer import own
from roundhouse.features.chat.transfer import store as transfer_store
from roundhouse.features.chat.transfer.reading import ReadLimits
from roundhouse.features.chat.transfer.service import TransferService
from roundhouse.features.chat.transfer.whole import Branch, Whole
from roundhouse.infra.blobs.staging import Staging
from roundhouse.infra.db import Database, Tx

ANNA = Caller(key_id="key_1", site_id="site", user_id="anna")
BEN = Caller(key_id="key_2", site_id="site", user_id="ben")
OTHER = Caller(key_id="key_3", site_id="other", user_id="anna")
WHOLE_SITE = Caller(key_id="key_4", site_id="site")


class Index:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.sessions: list[str] = []
        self.gone: list[str] = []
        self.messages: MutableSequence[str] = []
        self.fails_at = ""

    async def session(self, tx: Tx, session: Session) -> None:
        raise AssertionError("a session comes with its messages")

    async def whole_session(self, tx: Tx, session: Session) -> None:
        if session.title == self.fails_at:
            raise RuntimeError("the index fails")
        self.sessions.append(session.title)
        found = sa.select(messages.c.content).where(messages.c.session_id == session.id)
        self.messages.extend((await tx.execute(found)).scalars())

    async def sessions_gone(self, tx: Tx, ids: list[str]) -> None:
        self.gone += ids

    async def message(self, tx: Tx, message: Message, session: Session) -> None:
        raise AssertionError("messages come with their session")

    async def message_gone(self, tx: Tx, message: Message) -> None:
        raise AssertionError("nothing is deleted here")


class House:
    """The service over a database and a folder."""

    def __init__(self, db: Database, staging: Staging, clock: Any, limits: ReadLimits | None = None) -> None:
        self.db = db
        self.clock = clock
        self.staging = staging
        self.index = Index()
        self.transfer = TransferService(db, self.index, staging, clock, 3, limits)

    async def take(self, data: Any, caller: Caller = ANNA, form: Any = "auto") -> Any:
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(raw), 7000):
                yield raw[start : start + 7000]

        return await self.transfer.import_file(caller, pieces(), form)

    async def enter(self, whole: Whole) -> None:
        """Write a session as it is."""
        session = msgspec.structs.replace(whole.session, site_id="site")
        rows = [
            msgspec.structs.replace(one, site_id="site", session_id=session.id, user_id=session.user_id)
            for one in whole.messages
        ]
        async with self.db.begin() as tx:
            await store.insert_session(tx, session)
            await transfer_store.insert_branches(tx, session, whole.branches)
            await transfer_store.insert_messages(tx, rows)

    async def download(self, session_id: str, form: Any = "json", caller: Caller = ANNA) -> bytes:
        found = await self.transfer.export_session(caller, session_id, form)
        return b"".join([one async for one in found.pieces])

    async def archive(self, caller: Caller = ANNA, *arguments: Any, **more: Any) -> zipfile.ZipFile:
        found = await self.transfer.export_account(caller, *arguments, **more)
        return zipfile.ZipFile(io.BytesIO(b"".join([one async for one in found.pieces])))

    async def listed(self, caller: Caller = ANNA) -> list[Session]:
        async with self.db.read() as tx:
            found = await store.list_sessions(
                tx, caller, SessionFilter(), behind=None, descending=False, limit=1000
            )
        return sorted(found, key=lambda one: one.title)

    async def told(self, session: Session) -> list[tuple[str, str]]:
        async with self.db.read() as tx:
            found = await store.conversation(tx, session, limit=10_000)
        return [(one.role, one.content) for one in found]

    async def count(self, table: sa.Table) -> int:
        async with self.db.read() as tx:
            return int((await tx.execute(sa.select(sa.func.count()).select_from(table))).scalar_one())


@pytest.fixture
async def house(db, tmp_path, turned_clock):
    staging = Staging(tmp_path / "staging")
    yield House(db, staging, turned_clock)
    await staging.close()


def branched() -> Whole:
    """An answer that was asked for twice, the first one edited away, one message deleted."""
    rows = [
        make_message(0, "user", "q0"),
        make_message(1, "assistant", "a1", pinned=True, metadata={"x": [1, None]}, cost_usd=0.1 + 0.2),
        make_message(2, "user", "", deleted_at_s=1500.0),
        make_message(1, "assistant", "b1", id="msg_b1", branch=1, citations=[{"title": "t"}]),
        make_message(2, "user", "b2", id="msg_b2", branch=1, parent_id="msg_b1"),
        make_message(0, "user", "c0", id="msg_c0", branch=2, error={"code": "x"}, state="failed"),
    ]
    whole = plain(0, branch=1, branches=3, title="Branched", tags=("a", "ü"), metadata={"k": "v"})
    session = msgspec.structs.replace(whole.session, message_count=5, version=9, archived_at_s=1234.5)
    return Whole(session, (Branch(1, 0, 1), Branch(2, None, 0)), tuple(rows))


def without_ids(whole: Whole) -> Whole:
    """Everything but the ids, which are new in another place, and the key of the import."""
    names = {one.id: f"m{number}" for number, one in enumerate(whole.messages)}
    rows = tuple(
        msgspec.structs.replace(
            one, id=names[one.id], parent_id=one.parent_id and names[one.parent_id], session_id="", seq=0
        )
        for one in whole.messages
    )
    return Whole(msgspec.structs.replace(whole.session, id="", outside_id=None), whole.branches, rows)


async def test_a_session_with_branches_comes_back_as_it_was(house):
    await house.enter(branched())
    sent = await house.download("ses_1")
    whole = own.read(sent, "file")
    assert without_ids(whole) == without_ids(
        Whole(branched().session, branched().branches, own.read(own.write(branched(), 0.0), "x").messages)
    )
    report = await house.take(sent, OTHER)
    assert (report.imported, report.skipped, report.refused, report.complete) == (1, 0, 0, True)
    (new,) = await house.listed(OTHER)
    assert new.id != "ses_1"
    again = own.read(await house.download(new.id, caller=OTHER), "file")
    assert without_ids(again) == without_ids(whole)
    assert await house.told(new) == [("user", "q0"), ("assistant", "b1"), ("user", "b2")]


async def test_parents_are_those_of_the_branches(house):
    await house.enter(branched())
    await house.take(await house.download("ses_1"), OTHER)
    async with house.db.read() as tx:
        rows = (await tx.execute(sa.select(messages).where(messages.c.site_id == "other"))).mappings().all()
    by_id = {one["id"]: one for one in rows}
    parents = {
        one["content"]: by_id[one["parent_id"]]["content"] if one["parent_id"] else None for one in rows
    }
    assert parents == {"q0": None, "a1": "q0", "": "a1", "b1": "q0", "b2": "b1", "c0": None}


async def test_an_imported_session_goes_on(house):
    await house.enter(branched())
    await house.take(await house.download("ses_1"), OTHER)
    (new,) = await house.listed(OTHER)
    async with house.db.begin() as tx:
        here = await store.get_session(tx, OTHER, new.id, lock=True)
        said = await store.append_message(tx, here, NewMessage("assistant", "b3"), 2000.0)
    assert (said.branch, said.depth) == (1, 3)
    assert (await house.told(new))[-1] == ("assistant", "b3")


FILES = {
    "chatgpt": lambda: [conversation()],
    "open-webui": lambda: [web_ui_row()],
    "roundhouse": lambda: json.loads(own.write(plain(4, title="Mine"), 0.0)),
}


@pytest.mark.parametrize("form", FILES)
async def test_a_file_imported_twice_is_there_once(house, form):
    first = await house.take(FILES[form]())
    assert (first.imported, first.skipped, first.entries[0].status) == (1, 0, "imported")
    second = await house.take(FILES[form](), form=form)
    assert (second.imported, second.skipped) == (0, 1)
    assert second.entries[0].reason == "It is here already."
    assert second.entries[0].session_id == first.entries[0].session_id
    assert len(await house.listed()) == 1
    assert (await house.take(FILES[form](), BEN)).imported == 1


async def test_what_was_exported_is_not_imported_beside_itself(house):
    await house.enter(branched())
    report = await house.take(await house.download("ses_1"))
    assert (report.imported, report.skipped, report.entries[0].session_id) == (0, 1, "ses_1")


async def test_a_deleted_session_is_not_imported_again_and_the_report_says_so(house):
    await house.take([conversation()])
    async with house.db.begin() as tx:
        await tx.execute(sa.update(sessions).values(deleted_at_s=5.0))
    report = await house.take([conversation()])
    assert (report.imported, report.skipped) == (0, 1)
    assert "restore" in report.entries[0].reason


async def test_what_is_new_is_indexed_and_told(house):
    await house.take([conversation()])
    assert house.index.sessions == ["Python"]
    assert sorted(house.index.messages) == ["A language.", "A snake.", "What is Python?", "Who made it?"]
    async with house.db.read() as tx:
        told = (await tx.execute(sa.text("SELECT type, topic FROM events"))).all()
        audited = (await tx.execute(sa.text("SELECT action, object, site_id FROM audit_log"))).all()
    (session,) = await house.listed()
    assert told == [("session.created", session.id)]
    assert audited == [("session.import", "auto", "site")]


async def test_one_bad_conversation_does_not_stop_the_others(house):
    bad = conversation(conversation_id="bad", title=5)
    nul = conversation(conversation_id="nul", title="a\x00b")
    good = conversation(conversation_id="good")
    report = await house.take([bad, nul, good, {"what": "ever"}])
    assert (report.imported, report.refused, report.complete) == (1, 3, True)
    refused = {one.place: one.reason for one in report.entries if one.status == "refused"}
    assert list(refused) == ["[0]", "[1].session.title", "[3]"]
    assert [one.outside_id for one in await house.listed()] == ["chatgpt:good"]


async def test_a_file_that_breaks_off_keeps_what_came_before(house):
    whole = json.dumps([conversation(conversation_id=str(one)) for one in range(60)]).encode()
    report = await house.take(whole[:-20])
    assert not report.complete
    assert "ends" in report.error
    assert report.imported == len(await house.listed()) == 59
    assert (await house.take(whole)).imported == 60 - report.imported


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"PK\x03\x04nonsense",
        b"SQLite format 3\x00" + b"\x00" * 100,
        b"\x00" * 100,
        b"[{]}",
        b"[1]",
    ],
)
async def test_what_is_no_file_of_ours_is_refused(house, data):
    with pytest.raises(BadInput):
        await house.take(data)
    assert await house.listed() == []
    assert [one for one in (house.staging._parent).rglob("tmp_*")] == []


async def test_free_metadata_does_no_harm(house):
    whole = plain(1, metadata={"imported_from": [], "import": {}}, context={"strategy": "last"})
    assert (await house.take(own.write(whole, 0.0), OTHER)).imported == 1
    wrong = plain(1, id="ses_2", context={"strategy": "none"})
    report = await house.take(own.write(wrong, 0.0), OTHER)
    assert (report.refused, "strategy" in report.entries[0].reason) == (1, True)


async def test_limits_hold(db, tmp_path, turned_clock):
    staging = Staging(tmp_path / "staging")
    limits = ReadLimits(file_bytes=20_000, session_bytes=5_000, sessions=3)
    house = House(db, staging, turned_clock, limits)
    with pytest.raises(TooLarge):
        await house.take(b" " * 20_001)
    with pytest.raises(TooLarge):
        await house.take([conversation(title="x" * 5_000)])
    four = [conversation(conversation_id=str(one)) for one in range(4)]
    report = await house.take(four)
    assert (report.imported, report.complete) == (3, False)
    await staging.close()


async def test_an_account_is_a_zip_that_can_be_imported(house):
    await house.enter(branched())
    await house.take([conversation(), conversation(conversation_id="2", title="../../二/x")])
    async with house.db.begin() as tx:
        memory = {"site_id": "site", "version": 1, "created_at_s": 1.0, "updated_at_s": 2.0}
        for number, user in enumerate(["anna", "anna", "ben"]):
            row = memory | {"id": f"mem_{number}", "user_id": user, "content": f"fact {number}"}
            await tx.execute(sa.insert(memories).values(**row))
    with await house.archive() as archive:
        names = archive.namelist()
        assert sorted(one.partition("-")[2] for one in names) == [
            "",
            "Branched.json",
            "Python.json",
            "二-x.json",
        ]
        assert archive.testzip() is None
        assert all(".." not in one and not one.startswith("/") for one in names)
        raw = archive.fp.getvalue()
    report = await house.take(raw, OTHER)
    assert (report.imported, report.memories, report.complete) == (3, 2, True)
    assert [one.title for one in await house.listed(OTHER)] == [one.title for one in await house.listed()]
    again = await house.take(raw, OTHER)
    assert (again.imported, again.skipped, again.memories) == (0, 3, 0)


async def test_memories_have_a_limit(house):
    kept = [own.KeptMemory(f"fact {one}", None, 1.0, 1.0) for one in range(5)]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("memories.json", own.write_memories(kept))
    report = await house.take(packed.getvalue())
    assert report.memories == 3


@pytest.mark.parametrize(
    ("wanted", "titles"),
    [
        (SessionFilter(), ["Branched", "Python"]),
        (SessionFilter(archived=False), []),
        (SessionFilter(tag="ü"), ["Branched"]),
        (SessionFilter(model="gpt-4o"), ["Python"]),
        (SessionFilter(user_id="ben"), []),
        (SessionFilter(created_after_s=1e9), ["Python"]),
        (SessionFilter(updated_before_s=1e9), ["Branched"]),
        (SessionFilter(pinned=True), []),
        (SessionFilter(deleted=True), []),
    ],
)
async def test_a_filter_chooses_what_is_exported(house, wanted, titles):
    await house.enter(branched())
    await house.take([conversation()])
    with await house.archive(ANNA, wanted, "txt", with_memories=False) as archive:
        found = sorted(archive.read(one).decode().splitlines()[0] for one in archive.namelist())
    assert found == titles


async def test_nobody_exports_what_is_anothers(house):
    await house.enter(branched())
    for caller in (BEN, OTHER):
        with pytest.raises(NotFound):
            await house.transfer.export_session(caller, "ses_1")
        with await house.archive(caller, with_memories=False) as archive:
            assert archive.namelist() == []
    with await house.archive(WHOLE_SITE, with_memories=False) as archive:
        assert len(archive.namelist()) == 1


async def test_the_other_forms_show_the_conversation(house):
    await house.enter(branched())
    markdown = (await house.download("ses_1", "markdown")).decode()
    assert markdown.startswith("# Branched\n")
    assert [one for one in ("q0", "b1", "b2", "a1", "c0") if one in markdown] == ["q0", "b1", "b2"]
    text = (await house.download("ses_1", "txt")).decode()
    assert text.index("q0") < text.index("b1") < text.index("b2")
    table = (await house.download("ses_1", "csv")).decode("utf-8-sig")
    assert [one.split(",")[9] for one in table.splitlines()] == ["content", "q0", "b1", "b2"]


async def test_a_long_session_goes_out_and_in_by_pages(house):
    await house.enter(plain(1203, title="Long"))
    sent = await house.download("ses_1")
    report = await house.take(sent, OTHER)
    assert (report.imported, report.messages) == (1, 1203)
    (new,) = await house.listed(OTHER)
    told = await house.told(new)
    assert [content.split()[1] for _, content in told] == [str(one) for one in range(1203)]
    assert len(house.index.messages) == 1203
    assert new.metadata == {}
    assert (await house.download("ses_1", "txt")).decode().count("\n[") == 1203


async def test_a_long_session_is_hidden_until_it_is_whole_and_gone_when_it_fails(house):
    document = own.write(plain(1203, title="Long"), 0.0)
    house.index.fails_at = "Long"
    with pytest.raises(RuntimeError):
        await house.take(document, OTHER)
    assert await house.listed(OTHER) == []
    assert (await house.count(sessions), await house.count(messages)) == (0, 0)
    house.index.fails_at = ""
    assert (await house.take(document, OTHER)).imported == 1


async def test_what_a_killed_import_left_is_cleared_away(house):
    document = own.write(plain(1203, title="Long"), 0.0)
    await house.take(document, OTHER)
    async with house.db.begin() as tx:
        await tx.execute(sa.update(sessions).values(deleted_at_s=1.0, metadata={"import": "unfinished"}))
        await tx.execute(sa.delete(messages).where(messages.c.depth > 600))
    report = await house.take(document, OTHER)
    assert (report.imported, report.skipped) == (1, 0)
    assert (await house.count(sessions), await house.count(messages)) == (1, 1203)


async def test_two_imports_of_a_long_session_at_once_leave_each_other_alone(house):
    document = own.write(plain(1203, title="Long"), 0.0)
    reports = await asyncio.gather(house.take(document, OTHER), house.take(document, OTHER))
    assert sorted((one.imported, one.skipped) for one in reports) == [(0, 1), (1, 0)]
    assert (await house.count(sessions), await house.count(messages)) == (1, 1203)


async def test_two_imports_at_once_make_no_doubles(house):
    many = [conversation(conversation_id=str(one)) for one in range(70)]
    reports = await asyncio.gather(house.take(many), house.take(many))
    assert sum(one.imported for one in reports) == 70 == len(await house.listed())
    assert sum(one.skipped for one in reports) == 70


async def test_the_studios_sessions_stay_their_users(house, tmp_path):
    raw = made(tmp_path / "c.db", *TWO).read_bytes()
    mine = await house.take(raw, ANNA)
    assert (mine.imported, mine.refused) == (1, 1)
    assert "another user" in next(one.reason for one in mine.entries if one.status == "refused")
    assert (await house.take(raw, WHOLE_SITE)).imported == 2
    dana = next(one for one in await house.listed(WHOLE_SITE) if one.title == "שלום")
    assert dana.user_id == "dana"
    assert await house.told(dana) == [("user", "Hello"), ("assistant", "Hi!")]


async def test_a_studio_file_with_another_form_named_is_refused(house, tmp_path):
    raw = made(tmp_path / "c.db", *TWO).read_bytes()
    with pytest.raises(BadInput) as caught:
        await house.take(raw, form="chatgpt")
    assert caught.value.param == "format"


async def test_the_histories_of_a_mongodb_go_on_under_their_names(house):
    documents = [history(one) | {"_id": one} for one in range(3)]
    with serving({"chat.chat_history": documents}) as server:
        report = await house.transfer.import_mongo(WHOLE_SITE, f"{server.uri}/chat")
        assert (report.imported, report.messages) == (3, 6)
        again = await house.transfer.import_mongo(WHOLE_SITE, server.uri, "chat", "chat_history")
        assert (again.imported, again.skipped) == (0, 3)
    async with house.db.read() as tx:
        found = await store.outside_session(tx, WHOLE_SITE, "user_001", "session_002")
    assert found is not None
    assert [role for role, _ in await house.told(found)] == ["user", "assistant"]


async def test_a_chatgpt_zip_is_taken_as_it_comes(house):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("chat.html", "<html>")
        archive.writestr("user.json", '{"id": 1}')
        archive.writestr("conversations-000.json", json.dumps([conversation()]))
        archive.writestr("conversations-001.json", json.dumps([conversation(conversation_id="2")]))
    report = await house.take(packed.getvalue())
    assert (report.imported, report.refused) == (2, 0)


async def test_a_client_that_goes_leaves_nothing_open(house):
    await house.enter(plain(50))
    found = await house.transfer.export_account(ANNA)
    await anext(found.pieces)
    await found.pieces.aclose()


async def test_what_is_written_during_an_export_does_not_break_it(house):
    await house.enter(plain(500))
    found = await house.transfer.export_session(ANNA, "ses_1")
    sent = await anext(found.pieces)
    async with house.db.begin() as tx:
        here = await store.get_session(tx, ANNA, "ses_1", lock=True)
        late = await store.append_message(tx, here, NewMessage("user", "late"), 2000.0)
        here = await store.fork(tx, here, late, 2000.0, at="instead")
        await store.append_message(tx, here, NewMessage("user", "later"), 2000.0)
    sent += b"".join([one async for one in found.pieces])
    whole = own.read(sent, "file")
    assert len(whole.messages) == 500
    assert all(one.depth < other.depth for one, other in pairwise(whole.messages))


async def test_nothing_of_a_mongo_uri_is_told(house):
    with pytest.raises(BadInput) as caught:
        await house.transfer.import_mongo(WHOLE_SITE, "mongodb://user:secret@")
    assert "secret" not in str(caught.value)


async def test_only_so_many_imports_are_under_way_at_once(house):
    go_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield json.dumps([conversation()]).encode()
        await go_on.wait()

    waiting = [asyncio.create_task(house.transfer.import_file(ANNA, slow())) for _ in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await house.take([conversation()])
    go_on.set()
    assert sum(one.imported for one in await asyncio.gather(*waiting)) == 1
    assert (await house.take([conversation()])).skipped == 1


async def test_memory_does_not_grow_with_the_account(house):
    def large(key: int) -> dict[str, Any]:
        document = conversation(conversation_id=str(key))
        for name in ("q1", "a1", "a2", "q2"):
            document["mapping"][name]["message"]["content"]["parts"] = [f"{key} {name} " + "x" * 20_000]
        return document

    async def pieces() -> AsyncIterator[bytes]:
        for key in range(250):
            yield (b"[" if key == 0 else b",") + json.dumps(large(key)).encode()
        yield b"]"

    house.index.messages = deque(maxlen=1)
    sent_bytes = 0
    tracemalloc.start()
    try:
        report = await house.transfer.import_file(ANNA, pieces())
        taken_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        found = await house.transfer.export_account(ANNA)
        async for piece in found.pieces:
            sent_bytes += len(piece)
        given_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (report.imported, report.messages) == (250, 1000)
    # All of it is 20 MB.
    assert taken_bytes < 12_000_000
    assert given_bytes < 6_000_000
    assert sent_bytes > 50_000
