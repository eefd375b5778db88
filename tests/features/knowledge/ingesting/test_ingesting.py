"""A file becomes a document that is found; whatever happens on the way, nothing half of it is."""

from __future__ import annotations

import pytest

from features.knowledge.databases import ONE_DATABASE
from features.knowledge.house import ANN, BOB, FakeTranscript, KnowledgeHouse
from roundhouse.core.errors import BackendDown, BackendRefused, Conflict, NotFound, StorageUnavailable
from roundhouse.features.knowledge.stores.rows import documents, passages, store_files, vector_stores
from roundhouse.features.knowledge.stores.schemas import BatchCreate, FileCreate, FilePatch, StaticChunking
from roundhouse.features.knowledge.stores.service import StoreUse
from roundhouse.features.knowledge.stores.store.listing import Listing

TEXT = "# Foxes\n\nThe fox is red. It runs.\n\n# Whales\n\nThe whale is blue."
STATIC = StaticChunking.model_validate(
    {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}
)


async def test_a_file_is_taken_in(house: KnowledgeHouse) -> None:
    store = await house.make_store()
    added = await house.add(
        store.id, TEXT, "zoo.md", attributes={"topic": "animals", "year": 2024, "ok": True}
    )
    assert (added.status, added.filename, added.progress.stage) == ("in_progress", "zoo.md", "parse")
    assert (await house.stores.show(ANN, store.id)).status == "in_progress"
    assert (await house.in_stores.content(ANN, store.id, added.id, None)).data == []
    await house.work()
    done = await house.file(store.id, added.id)
    assert (done.status, done.progress.stage, done.searchable) == ("completed", "done", True)
    assert (done.progress.passages_total, done.progress.passages_done) == (2, 2)
    assert (done.last_error, done.warnings) == (None, ["careful"])
    assert done.attributes == {"topic": "animals", "year": 2024, "ok": True}
    assert await house.texts(store.id, added.id) == [
        "Foxes\n\nThe fox is red. It runs.",
        "Whales\n\nThe whale is blue.",
    ]
    shown = await house.stores.show(ANN, store.id)
    assert (shown.status, shown.file_counts.completed) == ("completed", 1)
    assert shown.usage_bytes == done.usage_bytes > 2 * 4 * 64
    (row,) = await house.rows(documents)
    assert (row["state"], row["title"], row["passages"]) == ("visible", "A title", 2)
    assert house.index.found == {store.id: {row["number"]}}
    assert house.index.caught_up == ["one"]
    assert house.grown == [store.id]
    assert await house.event_types(store.id) == ["vector_store.created", "vector_store.file.completed"]
    await house.check_whole(store.id)


@ONE_DATABASE
async def test_what_is_given_to_the_model_stands_under_its_heading(house: KnowledgeHouse) -> None:
    store = await house.make_store()
    await house.add(store.id, "# Foxes\n\n" + "\n\n".join(["Red. " * 150, "Quick. " * 100]), "a.md")
    await house.work()
    assert all(text.startswith("Foxes\n") for text in house.embedding.embedded)


async def test_the_same_file_again_is_no_new_work(house: KnowledgeHouse) -> None:
    store = await house.make_store()
    added = await house.add(store.id, TEXT)
    again = await house.in_stores.add(ANN, store.id, FileCreate(file_id=added.id))
    assert again.job_id == added.job_id
    await house.work()
    again = await house.in_stores.add(ANN, store.id, FileCreate(file_id=added.id, attributes={"a": 1}))
    assert (again.status, again.job_id, again.attributes) == ("completed", added.job_id, {"a": 1})
    assert len(await house.rows(store_files)) == 1


async def test_another_chunking_takes_it_in_anew(house: KnowledgeHouse) -> None:
    store = await house.make_store()
    long = "A sentence of some words. " * 80
    added = await house.add(store.id, long)
    await house.work()
    before = await house.texts(store.id, added.id)
    asked = FileCreate(file_id=added.id, chunking_strategy=STATIC)
    again = await house.in_stores.add(ANN, store.id, asked)
    assert (again.status, again.searchable) == ("in_progress", True)
    assert await house.texts(store.id, added.id) == before
    await house.work()
    after = await house.texts(store.id, added.id)
    assert len(after) > len(before)
    (row,) = await house.rows(documents)
    assert row["number"] in house.index.found[store.id]
    await house.check_whole(store.id)
    assert len(await house.rows(passages)) == len(after)


async def test_work_that_nobody_wants_any_more_is_given_up(house: KnowledgeHouse) -> None:
    store = await house.make_store()
    added = await house.add(store.id, TEXT)
    again = await house.in_stores.add(ANN, store.id, FileCreate(file_id=added.id, chunking_strategy=STATIC))
    assert again.job_id != added.job_id
    assert (await house.jobs.get(ANN, added.job_id or "")).state == "cancelled"
    await house.work()
    assert (await house.file(store.id, added.id)).status == "completed"
    await house.check_whole(store.id)


async def test_a_changed_file_stands_for_the_old_one(house: KnowledgeHouse) -> None:
    store = await house.make_store()
    old = await house.add(store.id, "The fox is red.")
    await house.work()
    new = await house.add(store.id, "The fox is grey.", replaces=old.id)
    assert await house.texts(store.id, old.id) == ["The fox is red."]
    await house.work()
    with pytest.raises(NotFound):
        await house.file(store.id, old.id)
    assert await house.texts(store.id, new.id) == ["The fox is grey."]
    assert (await house.file(store.id, new.id)).replaces is None
    assert len(await house.rows(documents)) == 1
    await house.check_whole(store.id)
    with pytest.raises(NotFound):
        await house.add(store.id, "x", replaces=old.id)


@ONE_DATABASE
async def test_a_file_without_text_fails(house: KnowledgeHouse) -> None:
    store = await house.make_store()
    added = await house.add(store.id, " \n\n ")
    await house.work()
    failed = await house.file(store.id, added.id)
    assert failed.status == "failed"
    assert failed.last_error is not None
    assert (failed.last_error.code, failed.last_error.error_code) == ("invalid_file", "document_empty")
    assert (await house.job_of(store.id, added.id)).state == "failed"
    assert (await house.event_types(store.id))[-1] == "vector_store.file.failed"
    assert (await house.stores.show(ANN, store.id)).file_counts.failed == 1


@ONE_DATABASE
async def test_a_model_that_is_away_for_a_while_is_waited_for(house: KnowledgeHouse) -> None:
    store = await house.make_store()
    added = await house.add(store.id, TEXT)
    house.embedding.faults = [BackendDown("It is away."), BackendDown("It is away.")]
    for _ in range(3):
        await house.work()
        house.clock.turn(60)
    assert (await house.file(store.id, added.id)).status == "completed"
    await house.check_whole(store.id)


@ONE_DATABASE
async def test_vectors_that_cannot_be_kept_for_a_while(house: KnowledgeHouse) -> None:
    store = await house.make_store()
    house.vectors.fault = StorageUnavailable("The server is away.")
    added = await house.add(store.id, TEXT)
    await house.work()
    assert (await house.file(store.id, added.id)).status == "in_progress"
    house.vectors.fault = None
    house.clock.turn(120)
    await house.work()
    assert (await house.file(store.id, added.id)).status == "completed"


async def test_what_was_found_stays_when_it_cannot_be_taken_in_anew(house: KnowledgeHouse) -> None:
    store = await house.make_store()
    added = await house.add(store.id, TEXT)
    await house.work()
    house.embedding.faults = [BackendRefused("No.")]
    await house.in_stores.add(ANN, store.id, FileCreate(file_id=added.id, chunking_strategy=STATIC))
    await house.work()
    failed = await house.file(store.id, added.id)
    assert (failed.status, failed.searchable) == ("failed", True)
    assert failed.last_error is not None
    assert failed.last_error.code == "server_error"
    assert len(await house.texts(store.id, added.id)) == 2
    # Adding it once more is how it is tried again; so is the job's own retry.
    await house.jobs.retry(ANN, failed.job_id or "")
    await house.work()
    assert (await house.file(store.id, added.id)).status == "completed"
    await house.check_whole(store.id)


@ONE_DATABASE
async def test_a_cancelled_job_is_told_by_its_file(house: KnowledgeHouse) -> None:
    store = await house.make_store()
    added = await house.add(store.id, TEXT)
    await house.jobs.cancel(ANN, added.job_id or "")
    assert await house.cleaning.settle() == 1
    assert (await house.file(store.id, added.id)).status == "cancelled"
    again = await house.in_stores.add(ANN, store.id, FileCreate(file_id=added.id))
    assert again.status == "in_progress"
    await house.work()
    assert (await house.file(store.id, added.id)).status == "completed"


async def test_batches(house: KnowledgeHouse) -> None:
    store = await house.make_store()
    infos = [await house.files.create(f"Text {number}.".encode(), purpose="user_data") for number in range(5)]
    ids = [one.id for one in infos]
    asked = BatchCreate(file_ids=[*ids[:3], ids[0]], attributes={"a": "b"})
    batch = await house.batches.create(ANN, store.id, asked, "key")
    assert (await house.batches.create(ANN, store.id, asked, "key")).id == batch.id
    assert (batch.status, batch.file_counts.in_progress) == ("in_progress", 3)
    await house.work()
    batch = await house.batches.show(ANN, store.id, batch.id)
    assert (batch.status, batch.file_counts.completed) == ("completed", 3)
    listed = await house.batches.page(ANN, store.id, batch.id, "completed", Listing(2))
    assert [one.id for one in listed.data] == [ids[2], ids[1]]
    assert listed.has_more
    assert listed.data[0].attributes == {"a": "b"}
    each = BatchCreate.model_validate(
        {"files": [{"file_id": ids[3], "attributes": {"n": 1}}, {"file_id": ids[4]}]}
    )
    other = await house.batches.create(ANN, store.id, each)
    other = await house.batches.cancel(ANN, store.id, other.id)
    assert (other.status, other.file_counts.cancelled) == ("cancelled", 2)
    await house.work()
    assert (await house.stores.show(ANN, store.id)).file_counts.cancelled == 2
    with pytest.raises(NotFound):
        await house.batches.show(BOB, store.id, batch.id)


async def test_a_batch_with_an_unknown_file_is_none(house: KnowledgeHouse) -> None:
    store = await house.make_store()
    info = await house.files.create(purpose="user_data")
    foreign = await house.files.create(caller=BOB, purpose="user_data")
    for wrong in ("file_unknown", foreign.id):
        with pytest.raises(NotFound):
            await house.batches.create(ANN, store.id, BatchCreate(file_ids=[info.id, wrong]))
    assert await house.rows(store_files) == []


async def test_lists_and_attributes(house: KnowledgeHouse) -> None:
    store = await house.make_store()
    ids = [(await house.add(store.id, f"Text {number}.")).id for number in range(3)]
    await house.work()
    page = await house.in_stores.page(ANN, store.id, "completed", Listing(2))
    assert ([one.id for one in page.data], page.has_more) == ([ids[2], ids[1]], True)
    assert (await house.in_stores.page(ANN, store.id, "failed", Listing(2))).data == []
    changed = await house.in_stores.update(ANN, store.id, ids[0], FilePatch(attributes={"x": 1.5}))
    assert changed.attributes == {"x": 1.5}
    with pytest.raises(NotFound):
        await house.in_stores.update(BOB, store.id, ids[0], FilePatch(attributes={}))


async def test_a_file_leaves_its_store(house: KnowledgeHouse) -> None:
    store = await house.make_store()
    added = await house.add(store.id, TEXT)
    await house.work()
    await house.in_stores.remove(ANN, store.id, added.id)
    assert house.index.found[store.id] == set()
    with pytest.raises(NotFound):
        await house.file(store.id, added.id)
    await house.work()
    assert await house.rows(documents) == await house.rows(passages) == []
    assert house.vectors.rows[(await house.active_index(store.id)).number] == {}
    assert (await house.files.service.get(ANN, added.id)).id == added.id


async def test_a_file_that_is_deleted_leaves_its_stores(house: KnowledgeHouse) -> None:
    store = await house.make_store()
    added = await house.add(store.id, TEXT)
    other = await house.add(store.id, "Another.")
    await house.work()
    use = StoreUse(house.index)
    async with house.db.begin() as tx:
        assert await use.uses(tx, [added.id, "file_other"], None) == {added.id: None}
        await use.let_go(tx, added.id, 0.0)
    with pytest.raises(NotFound):
        await house.file(store.id, added.id)
    assert len(house.index.found[store.id]) == 1
    assert (await house.file(store.id, other.id)).status == "completed"
    assert await house.cleaning.remove_documents() == 1


async def test_a_deleted_store_is_hidden_at_once_and_removed_later(house: KnowledgeHouse) -> None:
    store = await house.make_store()
    kept = await house.make_store()
    await house.add(store.id, TEXT)
    await house.add(kept.id, TEXT)
    await house.work()
    index = await house.active_index(store.id)
    going = await house.add(store.id, "Still to be done.")
    await house.stores.delete(ANN, store.id)
    with pytest.raises(NotFound):
        await house.stores.show(ANN, store.id)
    with pytest.raises(NotFound):
        await house.file(store.id, going.id)
    await house.work()
    assert [row["id"] for row in await house.rows(vector_stores)] == [kept.id]
    assert len(await house.rows(documents)) == 1
    assert len(await house.rows(passages)) == 2
    assert index.number not in house.vectors.rows
    assert set(house.index.found) == {kept.id}
    await house.check_whole(kept.id)


async def test_an_expired_store_is_emptied(house: KnowledgeHouse) -> None:
    store = await house.make_store(expires_after={"anchor": "last_active_at", "days": 1})
    added = await house.add(store.id, TEXT)
    await house.work()
    house.clock.turn(2 * 86_400)
    with pytest.raises(Conflict):
        await house.in_stores.add(ANN, store.id, FileCreate(file_id=added.id))
    assert await house.cleaning.expire() == 1
    assert await house.cleaning.expire() == 0
    shown = await house.stores.show(ANN, store.id)
    assert (shown.status, shown.file_counts.total) == ("expired", 0)
    assert await house.rows(passages) == []


@ONE_DATABASE
async def test_a_store_is_made_with_files(house: KnowledgeHouse) -> None:
    info = await house.files.create(b"Some words.", purpose="assistants")
    store = await house.make_store(file_ids=[info.id])
    assert (store.status, store.file_counts.in_progress) == ("in_progress", 1)
    await house.work()
    assert (await house.stores.show(ANN, store.id)).file_counts.completed == 1


@ONE_DATABASE
async def test_an_address_becomes_a_file(house: KnowledgeHouse) -> None:
    store = await house.make_store()
    house.downloads.bodies["https://example.com/a/guide.txt"] = b"The fox is red."
    asked = FileCreate(url="https://example.com/a/guide.txt")
    added = await house.in_stores.add(ANN, store.id, asked, "key")
    assert (added.filename, added.source_url) == ("", asked.url)
    assert (await house.in_stores.add(ANN, store.id, asked, "key")).id == added.id
    await house.work()
    done = await house.file(store.id, added.id)
    assert (done.status, done.filename, done.bytes) == ("completed", "guide.txt", 15)
    assert (await house.files.service.get(ANN, added.id)).filename == "guide.txt"


@ONE_DATABASE
async def test_a_transcript_becomes_a_file(house: KnowledgeHouse) -> None:
    store = await house.make_store()
    house.transcripts.known["job_1"] = FakeTranscript("call.txt", "Ann: The fox is red.")
    added = await house.in_stores.add(ANN, store.id, FileCreate(recording_id="job_1"))
    again = await house.in_stores.add(ANN, store.id, FileCreate(recording_id="job_1"))
    assert again.id == added.id
    assert added.attributes == {"recording_id": "job_1"}
    await house.work()
    assert await house.texts(store.id, added.id) == ["Ann: The fox is red."]
    with pytest.raises(NotFound):
        await house.in_stores.add(BOB, store.id, FileCreate(recording_id="job_1"))
