"""Making, showing, changing and deleting vector stores."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from features.knowledge.house import ANN, BOB, EVE, KnowledgeHouse
from roundhouse.core.errors import BadInput, Conflict, NotFound
from roundhouse.features.knowledge.stores.rows import index_versions, vector_stores
from roundhouse.features.knowledge.stores.schemas import StoreCreate, StorePatch
from roundhouse.features.knowledge.stores.store.listing import Listing


async def test_a_store_is_made_with_its_index(house: KnowledgeHouse) -> None:
    made = await house.make_store(name="manuals", metadata={"team": "a"}, description="How to")
    assert (made.name, made.status, made.usage_bytes) == ("manuals", "completed", 0)
    assert made.file_counts.total == 0
    assert made.index is not None
    assert (made.index.embedding_model, made.index.dimensions) == ("builtin/words", 64)
    assert made.index.vectors == "embedded"
    assert made.chunking_strategy.type == "auto"
    version = await house.active_index(made.id)
    assert (version.state, version.fingerprint) == ("active", "words-1")
    assert version.number in house.vectors.rows
    assert await house.stores.show(ANN, made.id) == made


async def test_other_tenants_do_not_see_it_and_users_of_its_own_may_only_read_it(
    house: KnowledgeHouse,
) -> None:
    made = await house.make_store()
    for stranger in (BOB, EVE):
        with pytest.raises(NotFound):
            await house.stores.update(stranger, made.id, StorePatch(name="mine"))
        with pytest.raises(NotFound):
            await house.stores.delete(stranger, made.id)
    with pytest.raises(NotFound):
        await house.stores.show(BOB, made.id)
    assert not (await house.stores.page(BOB, Listing(20))).data
    assert (await house.stores.show(EVE, made.id)).id == made.id
    assert [one.id for one in (await house.stores.page(EVE, Listing(20))).data] == [made.id]
    of_eve = await house.make_store(EVE)
    assert (await house.stores.show(ANN, of_eve.id)).id == of_eve.id
    mia = msgspec.structs.replace(EVE, user_id="mia")
    with pytest.raises(NotFound):
        await house.stores.show(mia, of_eve.id)
    assert [one.id for one in (await house.stores.page(mia, Listing(20))).data] == [made.id]


async def test_the_same_request_makes_one(house: KnowledgeHouse) -> None:
    asked = StoreCreate(name="once")
    first = await house.stores.create(ANN, asked, "key")
    assert (await house.stores.create(ANN, asked, "key")).id == first.id
    assert (await house.stores.create(BOB, asked, "key")).id != first.id
    with pytest.raises(Conflict):
        await house.stores.create(ANN, StoreCreate(name="other"), "key")
    assert len(await house.rows(vector_stores)) == 2
    await house.stores.delete(ANN, first.id)
    assert (await house.stores.create(ANN, asked, "key")).id != first.id


async def test_changes(house: KnowledgeHouse) -> None:
    made = await house.make_store(
        name="a", metadata={"x": "1"}, expires_after={"anchor": "last_active_at", "days": 2}
    )
    assert made.expires_at == made.created_at + 2 * 86_400
    changed = await house.stores.update(ANN, made.id, StorePatch(name="b"))
    assert (changed.name, changed.metadata, changed.expires_at) == ("b", {"x": "1"}, made.expires_at)
    changed = await house.stores.update(ANN, made.id, StorePatch(metadata=None, expires_after=None))
    assert (changed.metadata, changed.expires_after, changed.expires_at) == ({}, None, None)


async def test_its_time_begins_anew_when_it_is_used(house: KnowledgeHouse) -> None:
    made = await house.make_store(expires_after={"anchor": "last_active_at", "days": 1})
    house.clock.turn(30)
    await house.stores.used(await house.store(made.id))
    assert (await house.stores.show(ANN, made.id)).last_active_at == made.last_active_at
    house.clock.turn(3600)
    await house.stores.used(await house.store(made.id))
    shown = await house.stores.show(ANN, made.id)
    assert shown.last_active_at == made.last_active_at + 3630
    assert shown.expires_at == shown.last_active_at + 86_400
    house.clock.turn(86_400)
    assert (await house.stores.show(ANN, made.id)).status == "expired"


async def test_pages(house: KnowledgeHouse) -> None:
    made = [(await house.make_store(name=str(number))).id for number in range(5)]

    async def ids(**wanted: Any) -> tuple[list[str], bool]:
        page = await house.stores.page(ANN, Listing(**{"limit": 2} | wanted))
        return [one.id for one in page.data], page.has_more

    assert await ids() == ([made[4], made[3]], True)
    assert await ids(after=made[3]) == ([made[2], made[1]], True)
    assert await ids(after=made[1]) == ([made[0]], False)
    assert await ids(before=made[1]) == ([made[3], made[2]], True)
    assert await ids(before=made[3]) == ([made[4]], False)
    assert await ids(newest_first=False, after=made[2]) == ([made[3], made[4]], False)
    assert await ids(newest_first=False, before=made[2]) == ([made[0], made[1]], False)
    await house.stores.delete(ANN, made[3])
    assert await ids(after=made[3]) == ([made[2], made[1]], True)


async def test_a_kind_that_is_not_set_up(house: KnowledgeHouse) -> None:
    with pytest.raises(BadInput):
        await house.make_store(vectors="milvus")
    assert not await house.rows(vector_stores)
    assert not await house.rows(index_versions)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "x" * 257},
        {"name": "a\x00b"},
        {"metadata": {f"k{number}": "v" for number in range(17)}},
        {"metadata": {"k" * 65: "v"}},
        {"metadata": {"k": "v" * 513}},
        {"metadata": {"k": 1}},
        {"expires_after": {"anchor": "created_at", "days": 1}},
        {"expires_after": {"anchor": "last_active_at", "days": 0}},
        {"chunking_strategy": {"type": "static", "static": {"max_chunk_size_tokens": 99}}},
        {
            "chunking_strategy": {
                "type": "static",
                "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 51},
            }
        },
        {"unknown": 1},
    ],
)
def test_what_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        StoreCreate.model_validate(wrong)


async def test_a_document_that_was_put_in_is_there(house: KnowledgeHouse) -> None:
    made = await house.make_store()
    document = await house.write_document(made.id, "a.txt", ["the red fox", "a blue whale"])
    shown = await house.stores.show(ANN, made.id)
    assert (shown.file_counts.completed, shown.usage_bytes > 0) == (1, True)
    assert [one.text for one in await house.passages_of(document.number)] == ["the red fox", "a blue whale"]
    assert len(house.vectors.rows[(await house.active_index(made.id)).number]) == 2
