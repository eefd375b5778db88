"""Searching one store and several: what is found, in which order, and what never is."""

from __future__ import annotations

import pytest

from features.knowledge.databases import ONE_DATABASE
from features.knowledge.house import ANN, BOB, EVE
from features.knowledge.seeking import SeekingHouse
from roundhouse.core.errors import (
    BackendDown,
    BadInput,
    EmbeddingChanged,
    NotFound,
    NotSupported,
    VectorsUnavailable,
)
from roundhouse.features.knowledge.documents import NewPassage
from roundhouse.features.knowledge.searching.shapes import SearchAsk

TEA = "Green tea is brewed at eighty degrees, or it becomes bitter."
COFFEE = "Coffee beans are roasted until they crack twice."
BRIDGE = "The old bridge was closed for repairs in the spring of last year."
RIVER = "Ferries cross the river while the bridge is closed."


@pytest.fixture
async def store_id(house: SeekingHouse) -> str:
    return (await house.knowledge.make_store(name="notes")).id


async def test_what_fits_best_comes_first_with_its_file(house: SeekingHouse, store_id: str) -> None:
    document = await house.put(store_id, "drinks.txt", [TEA, COFFEE], attributes={"shelf": 3.0})
    await house.put(store_id, "town.txt", [BRIDGE])
    found = await house.find(store_id, "when does tea become bitter?")
    best = found.passages[0]
    assert (best.text, best.filename, best.document) == (TEA, "drinks.txt", document.number)
    assert best.id == f"psg_{best.number}"
    assert best.attributes == {"shelf": 3.0}
    assert (best.start, best.end, best.language, best.kind) == (0, len(TEA), "en", "text")
    assert best.score > found.passages[-1].score
    assert found.warnings == ()
    assert found.queries == ("when does tea become bitter?",)


@ONE_DATABASE
async def test_explains_every_score(house: SeekingHouse, store_id: str) -> None:
    await house.put(store_id, "drinks.txt", [TEA, COFFEE])
    await house.put(store_id, "town.txt", [BRIDGE, RIVER])
    found = await house.find(store_id, "bridge closed", explain=True)
    scores = found.passages[0].scores
    assert scores is not None
    assert (scores.fused_rank, scores.query) == (1, 0)
    assert scores.alpha == pytest.approx(0.2)
    assert scores.dense is not None and scores.lexical is not None and scores.bm25 is not None
    assert scores.fused == pytest.approx(0.2 * scores.dense + 0.8 * scores.lexical)
    assert (scores.chunk_start, scores.chunk_end) == (0, len(found.passages[0].text))
    assert {"filter", "embed", "search", "fuse", "read"} <= found.timings_ms.keys()
    assert (await house.find(store_id, "bridge")).passages[0].scores is None


async def test_what_is_not_visible_is_never_found(house: SeekingHouse, store_id: str) -> None:
    old = await house.put(store_id, "old.txt", [TEA])
    await house.put(store_id, "new.txt", [COFFEE])
    assert TEA in await house.texts(store_id, "green tea")
    await house.hide(store_id, old)
    for mode in ("hybrid", "dense", "lexical"):
        assert TEA not in await house.texts(store_id, "green tea", mode=mode)
        assert TEA not in await house.texts(store_id, "green tea", mode=mode, filters=_is("a", 1, "ne"))


async def test_other_tenants_find_nothing_and_users_what_all_share(
    house: SeekingHouse, store_id: str
) -> None:
    await house.put(store_id, "tea.txt", [TEA])
    with pytest.raises(NotFound):
        await house.find(store_id, "tea", caller=BOB)
    assert len((await house.find(store_id, "tea", caller=EVE)).passages) == 1
    with pytest.raises(NotFound):
        await house.service.search(ANN, [store_id, "vs_none"], SearchAsk(queries=("tea",)))


async def test_only_in_some_files_and_only_with_some_attributes(house: SeekingHouse, store_id: str) -> None:
    one = await house.put(store_id, "one.txt", [TEA], attributes={"year": 2024.0, "kind": "note"})
    two = await house.put(store_id, "two.txt", [TEA + " Or so."], attributes={"year": 2026.0})
    for mode in ("hybrid", "dense", "lexical"):
        found = await house.find(store_id, "tea", file_ids=(two.file_id,), mode=mode)
        assert [passage.document for passage in found.passages] == [two.number]
        found = await house.find(store_id, "tea", filters=_is("year", 2025, "lt"), mode=mode)
        assert [passage.document for passage in found.passages] == [one.number]
    both = {"type": "or", "filters": [_is("kind", "note"), _is("year", [2026], "in")]}
    assert len((await house.find(store_id, "tea", filters=both)).passages) == 2
    assert (await house.find(store_id, "tea", filters=_is("kind", "none"))).passages == ()
    assert (await house.find(store_id, "tea", file_ids=())).passages == ()


async def test_filters_come_before_the_best_are_counted(house: SeekingHouse, store_id: str) -> None:
    for place in range(4):
        texts = [f"tea tea tea {place} {number}" for number in range(15)]
        await house.put(store_id, f"{place}.txt", texts, attributes={"good": False})
    late = await house.put(
        store_id, "late.txt", ["some tea among many other words"], attributes={"good": True}
    )
    for mode in ("hybrid", "dense", "lexical"):
        found = await house.find(store_id, "tea", filters=_is("good", True), mode=mode)
        assert [passage.document for passage in found.passages] == [late.number], mode


@ONE_DATABASE
async def test_several_queries_each_passage_by_its_best(house: SeekingHouse, store_id: str) -> None:
    await house.put(store_id, "all.txt", [TEA, COFFEE, BRIDGE])
    found = await house.find(store_id, "bitter tea", "roasted coffee beans", explain=True, limit=2)
    assert {passage.text for passage in found.passages} == {TEA, COFFEE}
    assert {passage.text: passage.scores.query for passage in found.passages if passage.scores} == {
        TEA: 0,
        COFFEE: 1,
    }


@ONE_DATABASE
async def test_several_stores_in_one_order(house: SeekingHouse, store_id: str) -> None:
    other = (await house.knowledge.make_store(name="town")).id
    await house.put(store_id, "drinks.txt", [TEA, COFFEE])
    await house.put(other, "town.txt", [BRIDGE, "Nothing of it, but the word closed."])
    found = await house.service.search(
        ANN, [store_id, other], SearchAsk(queries=("bridge closed for repairs",))
    )
    assert (found.passages[0].text, found.passages[0].store_id) == (BRIDGE, other)
    assert {passage.store_id for passage in found.passages} == {store_id, other}
    # The best of a store that has nothing of it is not beside the best of the other.
    drinks = max(passage.score for passage in found.passages if passage.store_id == store_id)
    assert drinks < 0.5 * found.passages[0].score


async def test_similarity_is_measured_where_only_words_found(house: SeekingHouse, store_id: str) -> None:
    await house.put(store_id, "near.txt", [TEA])
    words_only = await house.knowledge.write_document(store_id, "words.txt", [BRIDGE], embedded=False)
    async with house.knowledge.db.begin() as tx:
        from roundhouse.features.knowledge.indexing.source import PassageIndex

        await PassageIndex(house.indexer).published(tx, "one", store_id, [words_only.number])
    found = await house.find(store_id, BRIDGE, min_similarity=0.9, explain=True)
    assert [passage.text for passage in found.passages] == [BRIDGE]
    assert found.passages[0].scores is not None
    assert found.passages[0].scores.similarity == pytest.approx(1.0, abs=1e-3)
    assert found.passages[0].scores.dense is None
    assert await house.texts(store_id, "tea", min_similarity=0.99) == []
    with pytest.raises(BadInput):
        await house.find(store_id, "tea", min_similarity=0.5, mode="lexical")


@ONE_DATABASE
async def test_vectors_that_are_away_leave_the_words(house: SeekingHouse, store_id: str) -> None:
    await house.put(store_id, "tea.txt", [TEA])
    house.knowledge.vectors.fault = VectorsUnavailable("away")
    found = await house.find(store_id, "tea")
    assert ([one.text for one in found.passages], found.warnings) == ([TEA], ("vectors_unavailable",))
    with pytest.raises(VectorsUnavailable):
        await house.find(store_id, "tea", mode="dense")
    house.knowledge.vectors.fault = None
    for fault in (BackendDown("away"), EmbeddingChanged("another")):
        house.knowledge.embedding.faults = [fault]
        found = await house.find(store_id, "tea")
        assert ([one.text for one in found.passages], found.warnings) == ([TEA], ("vectors_unavailable",))
        house.knowledge.embedding.faults = [fault]
        with pytest.raises(type(fault)):
            await house.find(store_id, "tea", mode="dense")


@ONE_DATABASE
async def test_a_threshold_and_a_limit(house: SeekingHouse, store_id: str) -> None:
    await house.put(store_id, "all.txt", [TEA, COFFEE, BRIDGE, RIVER])
    whole = await house.find(store_id, "bridge closed")
    least = whole.passages[1].score
    found = await house.find(store_id, "bridge closed", score_threshold=least)
    assert [one.text for one in found.passages] == [one.text for one in whole.passages[:2]]
    assert len((await house.find(store_id, "bridge closed", limit=1)).passages) == 1


@ONE_DATABASE
async def test_a_reranker_has_the_last_word(house: SeekingHouse, store_id: str) -> None:
    await house.put(store_id, "all.txt", [BRIDGE, RIVER, "A zebra on the bridge: zzz."])
    assert (await house.texts(store_id, "old bridge"))[0] == BRIDGE
    assert house.reranker.asked == []
    found = await house.find(store_id, "old bridge", rerank="some/model", explain=True)
    assert found.passages[0].text == "A zebra on the bridge: zzz."
    assert found.passages[0].score == pytest.approx(0.4)
    assert found.passages[0].scores is not None and found.passages[0].scores.rerank == pytest.approx(0.4)
    assert house.reranker.asked == [("some/model", "old bridge", 3)]


@ONE_DATABASE
async def test_a_reranker_that_is_away_leaves_the_order_unless_it_was_named(house: SeekingHouse) -> None:
    auto = SeekingHouse(house.knowledge, rerank_model="some/model")
    store_id = (await house.knowledge.make_store(name="notes")).id
    await auto.put(store_id, "all.txt", [BRIDGE, "A zebra on the bridge: zzz."])
    assert (await auto.texts(store_id, "old bridge"))[0].startswith("A zebra")
    assert (await auto.texts(store_id, "old bridge", rerank="none"))[0] == BRIDGE
    auto.reranker.fault = BackendDown("away")
    found = await auto.find(store_id, "old bridge")
    assert (found.passages[0].text, found.warnings) == (BRIDGE, ("rerank_failed",))
    with pytest.raises(BackendDown):
        await auto.find(store_id, "old bridge", rerank="some/model")


@ONE_DATABASE
async def test_diversity_puts_the_same_thing_later(house: SeekingHouse, store_id: str) -> None:
    same = [f"{TEA} Said {number} times." for number in ("one", "two", "three")]
    await house.put(store_id, "all.txt", [*same, "Tea was taxed by the crown."])
    assert "Tea was taxed by the crown." not in (await house.texts(store_id, "green tea bitter"))[:2]
    assert (
        "Tea was taxed by the crown." in (await house.texts(store_id, "green tea bitter", diversity=0.3))[:2]
    )
    plain = await house.texts(store_id, "green tea bitter")
    assert await house.texts(store_id, "green tea bitter", diversity=1.0) == plain


async def test_pictures_are_found_by_words_and_by_pictures(house: SeekingHouse) -> None:
    knowledge = house.knowledge
    knowledge.embedding.model = type(knowledge.embedding.model)(takes_images=True)
    store_id = (await knowledge.make_store(name="pictures")).id
    picture = NewPassage(0, "image", "", 0, 0, 3, (), "", "0" * 64, "page-3.png")
    text = NewPassage(1, "text", TEA, 0, len(TEA), 3, (), "en", "1" * 64)
    await house.put(store_id, "scan.pdf", [picture, text])
    async with knowledge.db.begin() as tx:
        version = await knowledge.active_index(store_id)
        from roundhouse.core.vectors import VectorIndex, VectorRow

        shown = next(one for one in await _all_passages(house, store_id) if one["kind"] == "image")
        like = knowledge.embedding.vector("a cup of tea")
        await knowledge.vectors.upsert(
            tx,
            VectorIndex(version.number, version.dimensions),
            [VectorRow(shown["number"], 0, shown["document"], like)],
        )
    found = await house.find(store_id, "a cup of tea", kinds=("image",))
    assert [(one.kind, one.page, one.image) for one in found.passages] == [("image", 3, "page-3.png")]
    assert [one.kind for one in (await house.find(store_id, "tea", kinds=("text",))).passages] == ["text"]
    by_picture = await house.service.search(ANN, [store_id], SearchAsk(image="file_picture", limit=2))
    assert len(by_picture.passages) == 2


@ONE_DATABASE
async def test_a_picture_is_refused_where_the_model_takes_none(house: SeekingHouse, store_id: str) -> None:
    with pytest.raises(NotSupported):
        await house.service.search(ANN, [store_id], SearchAsk(image="file_picture"))


@ONE_DATABASE
@pytest.mark.parametrize(
    "asked",
    [
        {"limit": 0},
        {"limit": 51},
        {"queries": ()},
        {"queries": ("  ",)},
        {"queries": ("a",) * 9},
        {"min_similarity": 1.5},
        {"score_threshold": float("nan")},
        {"diversity": -0.1},
        {"kinds": ()},
        {"image": "file_x"},
        {"filters": {"type": "like"}},
    ],
)
async def test_what_is_out_of_range_is_refused(house: SeekingHouse, store_id: str, asked) -> None:
    with pytest.raises(BadInput):
        await house.service.search(ANN, [store_id], SearchAsk(**{"queries": ("tea",), **asked}))


async def test_use_is_noted_once_a_minute(house: SeekingHouse, store_id: str) -> None:
    before = (await house.knowledge.store(store_id)).last_active_at_s
    await house.find(store_id, "tea")
    assert (await house.knowledge.store(store_id)).last_active_at_s == before
    house.knowledge.clock.turn(61)
    await house.find(store_id, "tea")
    assert (await house.knowledge.store(store_id)).last_active_at_s == before + 61


async def test_a_store_that_has_ended_is_not_found(house: SeekingHouse) -> None:
    store = await house.knowledge.make_store(
        name="brief", expires_after={"anchor": "last_active_at", "days": 1}
    )
    house.knowledge.clock.turn(2 * 86_400)
    with pytest.raises(NotFound):
        await house.find(store.id, "tea")


def _is(key: str, value: object, kind: str = "eq") -> dict[str, object]:
    return {"type": kind, "key": key, "value": value}


async def _all_passages(house: SeekingHouse, store_id: str) -> list[dict[str, object]]:
    from roundhouse.features.knowledge.stores.rows import passages

    return [row for row in await house.knowledge.rows(passages) if row["store_id"] == store_id]
