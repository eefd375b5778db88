"""The verbs of files on both databases."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from features.knowledge.databases import ONE_DATABASE
from features.knowledge.files.house import ANN, BOB, BOUNDARY, FileHouse, pieces_of, upload_form
from roundhouse.core.errors import (
    BadInput,
    Busy,
    Cancelled,
    Conflict,
    NotFound,
    QuotaExceeded,
    RequestTimeout,
    StorageFull,
    StorageUnavailable,
    TooLarge,
    UnsupportedMedia,
)
from roundhouse.core.types import Caller, NewFile
from roundhouse.features.knowledge.files import store
from roundhouse.features.knowledge.files.service import FileService, Swept, Upload
from roundhouse.features.knowledge.files.store import Listing
from roundhouse.infra import audit
from roundhouse.infra.blobs.staging import Staging
from roundhouse.infra.events.store import events

DAY_S = 86_400.0
KIND = f"multipart/form-data; boundary={BOUNDARY}"


async def test_a_file_and_all_that_is_told_of_it(files: FileHouse) -> None:
    info = await files.create(b"hello", name="../notes.md")
    assert (info.filename, info.purpose, info.content_type) == ("notes.md", "user_data", "text/markdown")
    assert (info.size_bytes, info.sha256) == (5, hashlib.sha256(b"hello").hexdigest())
    assert (info.site_id, info.user_id, info.created_at_s) == ("one", None, files.clock.now_s())
    assert await files.service.get(ANN, info.id) == info
    assert await files.read(info.id) == b"hello"
    assert await files.read(info.id, ANN, 1, 3) == b"el"
    assert await files.read(info.id, ANN, 1) == b"ello"
    assert await files.read(info.id, ANN, 1, 100) == b"ello"
    shown = await files.service.show(ANN, info.id)
    assert shown.model_dump() == {
        "object": "file",
        "id": info.id,
        "bytes": 5,
        "created_at": 1_800_000_000,
        "expires_at": None,
        "filename": "notes.md",
        "purpose": "user_data",
        "status": "processed",
        "content_type": "text/markdown",
        "sha256": info.sha256,
    }


@ONE_DATABASE
async def test_an_upload_of_a_form(files: FileHouse) -> None:
    body = upload_form(
        b'{"a":1}\n{"a":2}\n',
        "t.jsonl",
        "batch",
        expires_after__anchor=b"created_at",
        expires_after__seconds=b"7200",
    )
    shown = await files.upload(body)
    assert (shown.filename, shown.content_type, shown.bytes) == ("t.jsonl", "application/x-ndjson", 16)
    assert shown.expires_at == shown.created_at + 7200
    assert await files.read(shown.id) == b'{"a":1}\n{"a":2}\n'


@ONE_DATABASE
async def test_a_local_path_with_the_files_own_suffix(files: FileHouse) -> None:
    info = await files.create(b"RIFF\x24\0\0\0WAVEfmt ", name="call.WAV", purpose="audio")
    async with files.service.path(ANN, info.id) as path:
        assert path.suffix == ".wav"
        await files.service.delete(ANN, info.id)
        assert path.read_bytes().startswith(b"RIFF")
    assert not path.exists()
    with pytest.raises(NotFound):
        async with files.service.path(ANN, info.id):
            pass


async def test_audit_and_event_come_with_the_change(files: FileHouse) -> None:
    info = await files.create(b"hello")
    await files.service.delete(ANN, info.id)
    told = [(row["type"], row["topic"], row["site_id"]) for row in await files.rows(events)]
    assert told == [("file.created", info.id, "one"), ("file.deleted", info.id, "one")]
    async with files.db.read() as tx:
        entries = await audit.entries(tx, site_id="one", before_seq=None, limit=9)
        assert await audit.verify_chain(tx) is None
    assert [(one.action, one.object, one.key_id) for one in entries] == [
        ("file.delete", info.id, "key_ann"),
        ("file.create", info.id, "key_ann"),
    ]
    assert entries[0].detail["bytes"] == 5


# Tenants


async def test_another_tenants_file_is_not_there(files: FileHouse) -> None:
    info = await files.create(b"hello")
    for stranger in (BOB, msgspec.structs.replace(BOB, scopes=frozenset({"admin"}))):
        with pytest.raises(NotFound):
            await files.service.get(stranger, info.id)
        with pytest.raises(NotFound):
            await files.service.read(stranger, info.id)
        with pytest.raises(NotFound):
            await files.service.delete(stranger, info.id)
        with pytest.raises(NotFound):
            async with files.service.path(stranger, info.id):
                pass
        assert (await files.list(stranger)).data == []
    assert await files.read(info.id) == b"hello"


async def test_a_user_sees_its_own_and_the_tenant_sees_all(files: FileHouse) -> None:
    users = [msgspec.structs.replace(ANN, user_id=name, app_id="app") for name in ("u1", "u2")]
    made = [await files.create(b"x", user) for user in users]
    shared = await files.create(b"x")
    assert [one.id for one in (await files.list(users[0])).data] == [made[0].id]
    for hidden in (made[1], shared):
        with pytest.raises(NotFound):
            await files.service.get(users[0], hidden.id)
        with pytest.raises(NotFound):
            await files.service.delete(users[0], hidden.id)
    other_app = msgspec.structs.replace(users[0], app_id="other")
    with pytest.raises(NotFound):
        await files.service.get(other_app, made[0].id)
    assert len((await files.list(ANN)).data) == 3


# Lists


async def test_pages_in_both_orders(files: FileHouse) -> None:
    made = [(await files.create(bytes([65 + n]))).id for n in range(5)]
    await files.create(b"x", BOB)
    first = await files.list(limit=2)
    assert [one.id for one in first.data] == [made[4], made[3]]
    assert (first.has_more, first.first_id, first.last_id) == (True, made[4], made[3])
    assert first.next_cursor == made[3]
    await files.service.delete(ANN, made[3])
    second = await files.list(limit=2, after=first.next_cursor)
    assert [one.id for one in second.data] == [made[2], made[1]], "goes on behind a file that is gone"
    last = await files.list(limit=2, after=second.next_cursor)
    assert ([one.id for one in last.data], last.has_more, last.next_cursor) == ([made[0]], False, None)
    up = await files.list(newest_first=False, after=made[0])
    assert [one.id for one in up.data] == [made[1], made[2], made[4]]
    empty = await files.list(BOB, after="file_0")
    assert (empty.data, empty.first_id, empty.last_id, empty.has_more) == ([], None, None, False)


async def test_only_of_one_purpose(files: FileHouse) -> None:
    await files.create(b"{}", purpose="batch")
    chosen = await files.create(b"{}", purpose="fine-tune")
    assert [one.id for one in (await files.list(purpose="fine-tune")).data] == [chosen.id]


@ONE_DATABASE
async def test_a_page_is_never_endless(files: FileHouse) -> None:
    listed = await files.service.list(ANN, Listing(None, None, True, 10_000))
    assert listed.data == []


# Content


async def test_the_same_content_is_kept_once_for_all(files: FileHouse) -> None:
    one, two, three = [await files.create(b"same", caller) for caller in (ANN, ANN, BOB)]
    assert len(files.on_disk()) == 1
    assert await files.blob_states() == ["live"]
    for info, caller in ((one, ANN), (two, ANN)):
        await files.service.delete(caller, info.id)
        assert len(files.on_disk()) == 1
    assert await files.read(three.id, BOB) == b"same"
    await files.service.delete(BOB, three.id)
    assert files.on_disk() == []
    assert await files.blob_states() == []
    again = await files.create(b"same")
    assert await files.read(again.id) == b"same"


async def test_the_same_content_by_many_at_once(files: FileHouse) -> None:
    made = await asyncio.gather(*(files.create(b"same") for _ in range(8)))
    assert len({info.id for info in made}) == 8
    assert len(files.on_disk()) == 1
    assert await files.blob_states() == ["live"]
    await asyncio.gather(*(files.service.delete(ANN, info.id) for info in made))
    assert files.on_disk() == []


async def test_making_and_deleting_the_same_content_all_the_time(files: FileHouse) -> None:
    async def churn(number: int) -> None:
        caller = (ANN, BOB)[number % 2]
        for _ in range(3):
            info = await files.create(b"same", caller)
            assert await files.read(info.id, caller) == b"same"
            await asyncio.sleep(0)
            assert await files.read(info.id, caller) == b"same"
            await files.service.delete(caller, info.id)

    await asyncio.gather(*(churn(number) for number in range(4)))
    await files.service.sweep()
    assert files.on_disk() == []
    assert await files.blob_states() == []
    assert {(row["files"], row["bytes"]) for row in await files.rows(store.file_totals)} == {(0, 0)}


async def test_two_delete_the_same_file(files: FileHouse) -> None:
    info = await files.create(b"hello")
    ended = await asyncio.gather(
        *(files.service.delete(ANN, info.id) for _ in range(4)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in ended) == ["NoneType", "NotFound", "NotFound", "NotFound"]


# What is refused


@ONE_DATABASE
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (upload_form(b""), BadInput),
        (upload_form(b"\x7fELF\0"), UnsupportedMedia),
        (upload_form(b"x", purpose="assistants_output"), BadInput),
        (upload_form(b"x")[:-10], BadInput),
        (upload_form(b"x" * 2001), TooLarge),
    ],
)
async def test_refused_uploads_leave_nothing(files: FileHouse, body: bytes, kind: type[Exception]) -> None:
    service = files.with_settings(max_bytes=2000)
    with pytest.raises(kind):
        await service.upload(ANN, Upload(KIND, len(body)), pieces_of(body))
    assert files.on_disk() == []
    assert await files.blob_states() == []
    assert files.staged() == []


@ONE_DATABASE
async def test_a_type_that_is_refused_is_not_read_to_its_end(files: FileHouse) -> None:
    seen = 0

    async def arriving() -> AsyncIterator[bytes]:
        nonlocal seen
        body = upload_form(b"\x7fELF" + b"\0" * (20 << 20))
        async for piece in pieces_of(body, 64 * 1024):
            seen += len(piece)
            yield piece

    with pytest.raises(UnsupportedMedia):
        await files.service.upload(ANN, Upload(KIND), arriving())
    assert seen < 4 << 20


@ONE_DATABASE
async def test_a_client_that_goes_away_leaves_nothing(files: FileHouse) -> None:
    async def leaving() -> AsyncIterator[bytes]:
        yield upload_form(b"x" * 3_000_000)[:2_000_000]
        raise Cancelled("The client went away.")

    with pytest.raises(Cancelled):
        await files.service.upload(ANN, Upload(KIND), leaving())
    assert files.staged() == []
    assert (await files.list()).data == []


@ONE_DATABASE
async def test_an_upload_that_takes_too_long(files: FileHouse) -> None:
    service = files.with_settings(upload_timeout_s=0.05)

    async def slow() -> AsyncIterator[bytes]:
        yield upload_form(b"x" * 100)[:50]
        await asyncio.sleep(60)

    with pytest.raises(RequestTimeout):
        await service.upload(ANN, Upload(KIND), slow())
    assert files.staged() == []


@ONE_DATABASE
async def test_no_more_uploads_than_may_be(files: FileHouse) -> None:
    service = files.with_settings(max_uploads=2)
    begun, go = asyncio.Event(), asyncio.Event()

    async def waiting() -> AsyncIterator[bytes]:
        yield b"x"
        begun.set()
        await go.wait()

    running = asyncio.create_task(service.create(ANN, NewFile("a", "user_data"), waiting()))
    await begun.wait()
    with pytest.raises(Busy):
        await service.create(ANN, NewFile("a", "user_data"), pieces_of(b"x"))
    await service.create(BOB, NewFile("a", "user_data"), pieces_of(b"x"))
    go.set()
    await running
    await service.create(ANN, NewFile("a", "user_data"), pieces_of(b"x"))


async def test_quotas_of_a_tenant(files: FileHouse) -> None:
    service = files.with_settings(max_site_bytes=2000, max_site_files=3)

    async def create(data: bytes, caller: Caller = ANN) -> str:
        return (await service.create(caller, NewFile("a", "user_data"), pieces_of(data))).id

    first = await create(b"x" * 1500)
    with pytest.raises(QuotaExceeded, match="2000 bytes"):
        await create(b"y" * 501)
    await create(b"z" * 501, BOB)
    await create(b"y" * 500)
    await service.delete(ANN, first)
    await create(b"1")
    await create(b"2")
    with pytest.raises(QuotaExceeded, match="3 files"):
        await create(b"3")
    assert len(files.on_disk()) == 4, "nothing is left of what was refused"


async def test_a_quota_is_told_before_the_body_is_read(files: FileHouse) -> None:
    service = files.with_settings(max_site_bytes=1024)
    with pytest.raises(QuotaExceeded):
        await service.upload(ANN, Upload(KIND, 10 << 20), never())


async def never() -> AsyncIterator[bytes]:
    raise AssertionError("the body was read")
    yield b""


async def test_many_at_once_do_not_pass_the_quota(files: FileHouse) -> None:
    service = files.with_settings(max_site_files=3, max_uploads=100)
    ended = await asyncio.gather(
        *(service.create(ANN, NewFile("a", "user_data"), pieces_of(bytes([65 + n]))) for n in range(9)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, QuotaExceeded) for one in ended) == 6
    assert len((await files.list()).data) == 3
    assert len(files.on_disk()) == 3


@ONE_DATABASE
async def test_a_full_disk(files: FileHouse) -> None:
    kept = await files.create(b"before")
    free = 10 << 30
    staging = Staging(files.folder / "incoming", 1 << 20, lambda _: free)
    service = FileService(files.db, files.blobs, staging, files.settings, files.clock)
    await service.create(ANN, NewFile("a", "user_data"), pieces_of(b"x"))
    free = 1000
    with pytest.raises(StorageFull):
        await service.create(ANN, NewFile("a", "user_data"), pieces_of(b"y"))
    assert await files.read(kept.id) == b"before", "reading goes on"
    await service.delete(ANN, kept.id)
    free = 10 << 30
    await service.create(ANN, NewFile("a", "user_data"), pieces_of(b"y"))
    await service.close()


# Idempotency


async def test_the_same_upload_again_is_the_same_file(files: FileHouse) -> None:
    first = await files.create(b"hello", idempotency_key="k")
    again = await files.create(b"hello", idempotency_key="k")
    assert again == first
    assert len((await files.list()).data) == 1
    for other in (
        files.create(b"other", idempotency_key="k"),
        files.create(b"hello", idempotency_key="k", name="b.txt"),
        files.create(b"hello", idempotency_key="k", purpose="assistants"),
    ):
        with pytest.raises(Conflict):
            await other
    assert len(files.on_disk()) == 1
    assert await files.blob_states() == ["live"]


async def test_a_key_is_the_callers_own(files: FileHouse) -> None:
    user = msgspec.structs.replace(ANN, user_id="u1")
    made = [await files.create(b"hello", caller, idempotency_key="k") for caller in (ANN, BOB, user)]
    assert len({info.id for info in made}) == 3


async def test_the_same_upload_many_times_at_once(files: FileHouse) -> None:
    made = await asyncio.gather(*(files.create(b"hello", idempotency_key="k") for _ in range(8)))
    assert len({info.id for info in made}) == 1
    assert len(files.on_disk()) == 1
    assert [row["files"] for row in await files.rows(store.file_totals)] == [1]


async def test_a_key_is_free_again_after_its_file(files: FileHouse, turned_clock: Any) -> None:
    first = await files.create(b"hello", idempotency_key="k")
    await files.service.delete(ANN, first.id)
    second = await files.create(b"other", idempotency_key="k", expires_after_s=3600.0)
    turned_clock.turn(3601)
    third = await files.create(b"third", idempotency_key="k")
    assert len({first.id, second.id, third.id}) == 3
    assert [one.id for one in (await files.list()).data] == [third.id]


# Ends


async def test_an_expired_file_is_gone_at_once_and_its_bytes_with_the_next_sweep(
    files: FileHouse, turned_clock: Any
) -> None:
    info = await files.create(b"hello", expires_after_s=3600.0)
    kept = await files.create(b"kept")
    turned_clock.turn(3600)
    with pytest.raises(NotFound):
        await files.service.get(ANN, info.id)
    with pytest.raises(NotFound):
        await files.service.delete(ANN, info.id)
    assert [one.id for one in (await files.list()).data] == [kept.id]
    assert len(files.on_disk()) == 2
    assert await files.service.sweep() == Swept(1, 1, 0, 0)
    assert len(files.on_disk()) == 1
    assert await files.service.sweep() == Swept(0, 0, 0, 0)
    deleted = [row for row in await files.rows(events) if row["type"] == "file.deleted"]
    assert [(row["topic"], row["site_id"]) for row in deleted] == [(info.id, "one")]


@pytest.mark.parametrize("keep_days", [None, 7.0])
async def test_what_was_made_for_a_while_is_kept_once_that_is_committed(
    files: FileHouse, turned_clock: Any, keep_days: float | None
) -> None:
    service = files.with_settings(keep_days=keep_days)
    kept, left = [
        await service.create(ANN, NewFile("a", "user_data", DAY_S), pieces_of(data)) for data in (b"x", b"y")
    ]
    async with files.db.begin() as tx:
        await service.retain(tx, ANN, kept.id)
        with pytest.raises(NotFound):
            await service.retain(tx, BOB, left.id)
    expected = None if keep_days is None else kept.created_at_s + keep_days * DAY_S
    assert (await service.get(ANN, kept.id)).expires_at_s == expected
    turned_clock.turn(DAY_S)
    async with files.db.begin() as tx:
        with pytest.raises(NotFound):
            await service.retain(tx, ANN, left.id)
    assert (await service.sweep()).expired == 1
    assert (await service.get(ANN, kept.id)).id == kept.id


async def test_files_are_kept_as_long_as_the_setting_says(files: FileHouse, turned_clock: Any) -> None:
    service = files.with_settings(keep_days=2.0)
    info = await service.create(ANN, NewFile("a", "user_data"), pieces_of(b"x"))
    own = await service.create(ANN, NewFile("a", "user_data", 5 * DAY_S), pieces_of(b"y"))
    assert info.expires_at_s == info.created_at_s + 2 * DAY_S
    turned_clock.turn(2 * DAY_S + 1)
    await service.sweep()
    assert [one.id for one in (await files.list()).data] == [own.id]


async def test_two_sweeps_at_once(files: FileHouse, turned_clock: Any) -> None:
    for number in range(6):
        await files.create(bytes([65 + number]), (ANN, BOB)[number % 2], expires_after_s=3600.0)
    turned_clock.turn(4000)
    swept = await asyncio.gather(files.service.sweep(), files.service.sweep())
    assert sum(one.expired for one in swept) == 6
    assert files.on_disk() == []
    assert await files.blob_states() == []


async def test_a_storage_that_fails(files: FileHouse, db: Any, tmp_path: Any, turned_clock: Any) -> None:
    class Failing:
        """A store that is away when it is told to be."""

        away = ""

        def __getattr__(self, name: str) -> Any:
            if name == self.away:
                raise StorageUnavailable("away")
            return getattr(files.blobs, name)

    failing: Any = Failing()
    house = FileHouse(db, tmp_path / "data", turned_clock, failing)
    info = await house.create(b"hello")
    failing.away = "keep"
    with pytest.raises(StorageUnavailable):
        await house.create(b"other")
    assert len((await house.list()).data) == 1
    failing.away = "delete"
    await house.service.delete(ANN, info.id)
    with pytest.raises(NotFound):
        await house.service.get(ANN, info.id)
    assert (await house.service.sweep()).failed == 1
    assert len(house.on_disk()) == 1
    failing.away = ""
    assert (await house.service.sweep()).removed == 1
    assert house.on_disk() == []
    assert await house.blob_states() == []
    await house.service.close()


@ONE_DATABASE
async def test_bytes_that_are_lost_are_told_as_that(files: FileHouse) -> None:
    info = await files.create(b"hello")
    (key,) = files.on_disk()
    (files.folder / key[:2] / key[2:]).unlink()
    with pytest.raises(StorageUnavailable, match="missing"):
        await files.service.read(ANN, info.id)
    await files.service.delete(ANN, info.id)
