"""Weights: measured when a store is new, when it has grown, and for each language of it."""

from __future__ import annotations

from features.knowledge.indexing.versions import VersionHouse, article, filled
from roundhouse.features.knowledge.evaluating.calibration import UNMEASURED_ALPHA, alpha_of, read_calibration
from roundhouse.features.knowledge.indexing.calibrating import Growth


async def _calibration(house: VersionHouse, store_id: str):
    return read_calibration((await house.knowledge.active_index(store_id)).calibration)


async def _grown(house: VersionHouse, store_id: str) -> None:
    store = await house.knowledge.store(store_id)
    async with house.db.begin() as tx:
        await Growth(house.kept).grown(tx, store)


async def test_the_first_documents_are_measured_at_once(house: VersionHouse) -> None:
    store_id = await filled(house, 20)
    await house.calibrating().calibrate(store_id)
    found = await _calibration(house, store_id)
    assert found is not None
    assert (found.questions, found.passages, found.store_passages) == (20, 20, 20)
    # These vectors count common words like rare ones.
    assert found.dense < found.lexical
    assert found.alpha == alpha_of(found.dense, found.lexical, 20)
    assert found.languages["en"].alpha == found.alpha
    assert found.recall_at_10.keys() == {"dense", "lexical", "fused"}
    # All of it was looked at: once is enough.
    assert house.embedding.embedded.count(article(3)) <= 2


async def test_a_store_that_has_grown_is_measured_again_once(house: VersionHouse) -> None:
    store_id = await filled(house, 20)
    calibrating = house.calibrating()
    await calibrating.calibrate(store_id)
    await house.seeking.put(store_id, "more.txt", [article(number) for number in range(100, 119)])
    await _grown(house, store_id)
    assert house.kept.jobs == []
    await house.seeking.put(store_id, "one-more.txt", [article(200)])
    await _grown(house, store_id)
    await _grown(house, store_id)
    assert [new.kind for _id, _caller, new in house.kept.jobs] == ["index.calibrate"]
    found = await calibrating.calibrate(store_id)
    assert found is not None and found.store_passages == 40


async def test_too_few_passages_have_the_weight_that_harms_nobody(house: VersionHouse) -> None:
    store_id = await filled(house, 3)
    await house.calibrating().calibrate(store_id)
    found = await _calibration(house, store_id)
    assert found is not None
    assert (found.questions, found.alpha) == (3, UNMEASURED_ALPHA)


async def test_a_store_without_documents_or_without_itself(house: VersionHouse) -> None:
    store_id = (await house.knowledge.make_store(name="empty")).id
    await _grown(house, store_id)
    assert house.kept.jobs == []
    assert await house.calibrating().calibrate("vs_none") is None
    assert await _calibration(house, store_id) is None


async def test_a_search_is_weighed_by_what_was_measured(house: VersionHouse) -> None:
    store_id = await filled(house, 20)
    await house.calibrating().calibrate(store_id)
    found = await _calibration(house, store_id)
    assert found is not None
    shown = await house.seeking.find(store_id, article(5)[:50], explain=True)
    assert shown.passages[0].scores is not None
    assert abs(shown.passages[0].scores.alpha - found.alpha) < 1e-9
