"""Vector stores through the whole product: the official client, real parsers, the built-in embedding model."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator

import openai
import pytest
import pytest_asyncio

from executing import ended, executing
from flows.calls import make
from serving import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

GUIDE = "# Foxes\n\nThe fox is red. It eats mice.\n\n# Whales\n\nThe whale is blue. It eats krill.\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with House(tmp_path_factory.mktemp("stores") / "data") as made, executing(made):
        yield made


def client(house: House, key: str | None = None) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=key or house.key, max_retries=0)


async def test_the_official_client(house: House) -> None:
    async with client(house) as api:
        store = await api.vector_stores.create(
            name="zoo", metadata={"a": "b"}, expires_after={"anchor": "last_active_at", "days": 7}
        )
        assert (store.object, store.name, store.status) == ("vector_store", "zoo", "completed")
        assert store.expires_after is not None
        assert store.expires_after.days == 7
        file = await api.vector_stores.files.upload_and_poll(
            vector_store_id=store.id, file=("guide.md", GUIDE.encode()), attributes={"topic": "animals"}
        )
        assert (file.status, file.last_error, file.attributes) == ("completed", None, {"topic": "animals"})
        content = await api.vector_stores.files.content(file.id, vector_store_id=store.id)
        assert [one.text for one in content.data] == [
            "Foxes\n\nThe fox is red. It eats mice.",
            "Whales\n\nThe whale is blue. It eats krill.",
        ]
        shown = await api.vector_stores.retrieve(store.id)
        assert (shown.file_counts.completed, shown.file_counts.total) == (1, 1)
        assert shown.usage_bytes == file.usage_bytes > 0
        changed = await api.vector_stores.files.update(
            file.id, vector_store_id=store.id, attributes={"topic": "sea", "year": 2024}
        )
        assert changed.attributes == {"topic": "sea", "year": 2024}
        renamed = await api.vector_stores.update(store.id, name="sea")
        assert renamed.name == "sea"
        assert [one.id async for one in api.vector_stores.list(limit=1)] == [store.id]
        gone = await api.vector_stores.files.delete(file.id, vector_store_id=store.id)
        assert gone.deleted
        assert [one async for one in api.vector_stores.files.list(store.id)] == []
        assert (await api.vector_stores.delete(store.id)).deleted
        with pytest.raises(openai.NotFoundError):
            await api.vector_stores.retrieve(store.id)
        assert (await api.files.retrieve(file.id)).id == file.id


async def test_batches_of_the_official_client(house: House) -> None:
    async with client(house) as api:
        store = await api.vector_stores.create(name="many")
        texts = [(f"{number}.txt", f"Animal number {number} is grey.".encode()) for number in range(7)]
        batch = await api.vector_stores.file_batches.upload_and_poll(store.id, files=texts)
        assert (batch.status, batch.file_counts.completed, batch.file_counts.total) == ("completed", 7, 7)
        listed = [
            one.id
            async for one in api.vector_stores.file_batches.list_files(
                batch.id, vector_store_id=store.id, limit=3, order="asc"
            )
        ]
        assert len(set(listed)) == 7
        assert listed == sorted(listed)
        # Deleted while it is paged through.
        async for one in api.vector_stores.files.list(store.id, limit=2):
            await api.vector_stores.files.delete(one.id, vector_store_id=store.id)
        assert (await api.vector_stores.retrieve(store.id)).file_counts.total == 0


async def test_a_static_chunking(house: House) -> None:
    async with client(house) as api:
        store = await api.vector_stores.create()
        uploaded = await api.files.create(
            file=("long.txt", b"A sentence of words. " * 400), purpose="assistants"
        )
        file = await api.vector_stores.files.create_and_poll(
            uploaded.id,
            vector_store_id=store.id,
            chunking_strategy={
                "type": "static",
                "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 50},
            },
        )
        assert file.chunking_strategy is not None
        assert file.chunking_strategy.type == "static"
        content = await api.vector_stores.files.content(file.id, vector_store_id=store.id)
        assert len(content.data) > 10


async def test_a_file_that_cannot_be_read(house: House) -> None:
    async with client(house) as api:
        store = await api.vector_stores.create()
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w") as archive:
            archive.writestr("a.txt", "words")
        file = await api.vector_stores.files.upload_and_poll(
            vector_store_id=store.id, file=("words.zip", body.getvalue())
        )
        assert file.status == "failed"
        assert file.last_error is not None
        assert file.last_error.code == "unsupported_file"
        assert (await api.vector_stores.retrieve(store.id)).file_counts.failed == 1


async def test_a_document_in_a_child_process(house: House) -> None:
    async with client(house) as api:
        store = await api.vector_stores.create()
        page = "<html><head><title>Zoo</title></head><body><h1>Foxes</h1><p>The fox is red.</p></body></html>"
        file = await api.vector_stores.files.upload_and_poll(
            vector_store_id=store.id, file=("zoo.html", page.encode())
        )
        assert (file.status, file.last_error) == ("completed", None)
        content = await api.vector_stores.files.content(file.id, vector_store_id=store.id)
        assert "The fox is red." in (content.data[0].text or "")


async def test_a_file_that_is_deleted_leaves_its_store(house: House) -> None:
    async with client(house) as api:
        store = await api.vector_stores.create()
        file = await api.vector_stores.files.upload_and_poll(
            vector_store_id=store.id, file=("a.txt", b"Words.")
        )
        await api.files.delete(file.id)
        with pytest.raises(openai.NotFoundError):
            await api.vector_stores.files.retrieve(file.id, vector_store_id=store.id)


async def test_the_job_of_a_file_tells_its_progress(house: House) -> None:
    store = (await house.post("/v1/vector_stores", {})).json()
    async with client(house) as api:
        uploaded = await api.files.create(file=("a.txt", b"Words."), purpose="user_data")
    added = (await house.post(f"/v1/vector_stores/{store['id']}/files", {"file_id": uploaded.id})).json()
    assert added["progress"]["stage"] == "parse"
    job = await ended(house, added["job_id"])
    assert (job["state"], [one["name"] for one in job["stages"]]) == (
        "completed",
        ["parse", "passages", "embed", "publish", "index"],
    )


async def test_nobody_else_sees_a_store(house: House) -> None:
    mine = await make(house, site_id="one", scopes=["knowledge:read", "knowledge:write", "files:write"])
    other = await make(house, site_id="two", scopes=["knowledge:read", "knowledge:write", "files:write"])
    async with client(house, mine["key"]) as api, client(house, other["key"]) as stranger:
        store = await api.vector_stores.create()
        file = await api.vector_stores.files.upload_and_poll(
            vector_store_id=store.id, file=("a.txt", b"Words.")
        )
        batch = await api.vector_stores.file_batches.create(store.id, file_ids=[file.id])
        stores, files, batches = (
            stranger.vector_stores,
            stranger.vector_stores.files,
            stranger.vector_stores.file_batches,
        )
        own = await stores.create()
        for attempt in (
            stores.retrieve(store.id),
            stores.update(store.id, name="x"),
            stores.delete(store.id),
            files.create(store.id, file_id=file.id),
            files.create(own.id, file_id=file.id),
            files.retrieve(file.id, vector_store_id=store.id),
            files.retrieve(file.id, vector_store_id=own.id),
            files.update(file.id, vector_store_id=store.id, attributes={}),
            files.delete(file.id, vector_store_id=store.id),
            batches.create(store.id, file_ids=[file.id]),
            batches.retrieve(batch.id, vector_store_id=store.id),
            batches.retrieve(batch.id, vector_store_id=own.id),
            batches.cancel(batch.id, vector_store_id=store.id),
        ):
            with pytest.raises(openai.NotFoundError):
                await attempt
        for path in (
            f"{store.id}/files",
            f"{store.id}/files/{file.id}/content",
            f"{store.id}/file_batches/{batch.id}/files",
        ):
            answer = await house.get(f"/v1/vector_stores/{path}", key=other["key"])
            assert answer.status == 404
        assert [one.id async for one in stores.list()] == [own.id]
        assert (await api.vector_stores.retrieve(store.id)).file_counts.completed == 1


async def test_what_is_asked_wrongly(house: House) -> None:
    store = (await house.post("/v1/vector_stores", {"name": "x"})).json()["id"]
    for body in ({}, {"file_id": "a", "url": "https://example.com"}, {"url": "file:///etc/passwd"}):
        assert (await house.post(f"/v1/vector_stores/{store}/files", body)).status in (400, 422)
    answer = await house.post(f"/v1/vector_stores/{store}/files", {"url": "http://127.0.0.1/x"})
    assert (answer.status, answer.code) == (400, "address_refused")
    assert (await house.post("/v1/vector_stores", {"vectors": "milvus"})).status in (400, 501)
    assert (await house.post("/v1/vector_stores", {"embedding_model": "nobody/knows"})).status == 404
    assert (await house.post(f"/v1/vector_stores/{store}/files", {"recording_id": "job_none"})).status == 404
