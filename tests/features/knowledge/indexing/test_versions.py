"""Index versions: made anew, compared, switched, rolled back, moved, deleted; killed at every step of it."""

from __future__ import annotations

import pytest

from features.knowledge.house import ANN, BOB
from features.knowledge.indexing.versions import STEPS, Killed, VersionHouse, article, filled
from roundhouse.core.errors import BackendDown, Conflict, ModelNotFound, NotFound, Unprocessable
from roundhouse.features.knowledge.indexing.coverage_rows import index_documents
from roundhouse.features.knowledge.indexing.schemas import EvaluateAsk, MoveAsk, ReindexAsk
from roundhouse.features.knowledge.stores.store import indexes

OTHER = ReindexAsk(embedding_model="other/words")


async def _states(house: VersionHouse, store_id: str) -> list[str]:
    return [one.state for one in (await house.service.all(ANN, store_id)).data]


async def _vectors(house: VersionHouse, store_id: str) -> dict[tuple[int, int], int]:
    """Keys and documents of the vectors of the version that is searched."""
    version = await house.knowledge.active_index(store_id)
    rows = house.homes.get(version.kind).rows[version.number]
    return {key: row.document for key, row in rows.items()}


async def _found(house: VersionHouse, store_id: str, number: int, mode: str = "dense") -> bool:
    texts = await house.seeking.texts(store_id, article(number)[:60], mode=mode, limit=3)
    return article(number) in texts


async def test_another_model_takes_over_and_the_old_one_is_kept(house: VersionHouse) -> None:
    store_id = await filled(house)
    before = await _vectors(house, store_id)
    begun = await house.service.reindex(ANN, store_id, OTHER)
    assert (begun.state, begun.embedding_model, begun.dimensions) == ("building", "other/words", 96)
    assert begun.job_id == "job_0"
    assert (await house.knowledge.active_index(store_id)).model == "builtin/words"
    results = await house.run()
    assert results["compare"]["passed"] and results["tidy"]["switched"]
    version = await house.knowledge.active_index(store_id)
    assert (version.model, version.state, version.number) == ("other/words", "active", begun.id)
    assert await _vectors(house, store_id) == before
    assert await _states(house, store_id) == ["active", "retired"]
    assert version.calibration is not None and version.calibration["questions"] == 30
    assert version.probe is not None and version.probe["after"] >= version.probe["before"] - 0.02
    assert await _found(house, store_id, 7)


async def test_a_worse_model_waits_to_be_asked_for(house: VersionHouse) -> None:
    store_id = await filled(house)
    begun = await house.service.reindex(ANN, store_id, ReindexAsk(embedding_model="other/words"))
    del begun
    await house.run()
    # Words and vectors together are what is compared: deaf vectors count next to nothing, so they may pass.
    deaf = await house.service.reindex(
        ANN, store_id, ReindexAsk(embedding_model="other/deaf", switch="manual")
    )
    await house.run()
    assert (await house.knowledge.active_index(store_id)).model == "other/words"
    shown = (await house.service.all(ANN, store_id)).data[0]
    assert (shown.state, shown.id) == ("ready", deaf.id)
    assert shown.calibration is not None
    assert shown.calibration["alpha"] < 0.1
    assert shown.calibration["dense"] < shown.calibration["lexical"]
    await house.service.activate(ANN, store_id, deaf.id)
    assert (await house.knowledge.active_index(store_id)).model == "other/deaf"


async def test_rolling_back_finds_what_came_meanwhile(house: VersionHouse) -> None:
    store_id = await filled(house, 15)
    first = await house.knowledge.active_index(store_id)
    await house.service.reindex(ANN, store_id, OTHER)
    await house.run()
    back = await house.service.activate(ANN, store_id, first.number)
    assert (back.state, back.job_id) == ("active", None)
    assert (await house.knowledge.active_index(store_id)).number == first.number
    await house.service.activate(ANN, store_id, first.number + 1)
    # Of what comes now the old version knows nothing: who goes back waits until it does.
    late = await house.seeking.put(store_id, "late.txt", [article(99)], embedded=False)
    waiting = await house.service.activate(ANN, store_id, first.number)
    assert (waiting.state, waiting.job_id) == ("retired", "job_1")
    assert (await house.knowledge.active_index(store_id)).number == first.number + 1
    await house.run()
    assert (await house.knowledge.active_index(store_id)).number == first.number
    assert late.number in (await _vectors(house, store_id)).values()


async def test_what_is_gone_leaves_a_version_that_comes_back(house: VersionHouse) -> None:
    store_id = await filled(house, 5)
    gone = await house.seeking.put(store_id, "gone.txt", [article(50)])
    first = await house.knowledge.active_index(store_id)
    await house.service.reindex(ANN, store_id, OTHER)
    await house.run()
    await house.seeking.hide(store_id, gone)
    await house.seeking.put(store_id, "late.txt", [article(51)], embedded=False)
    await house.service.activate(ANN, store_id, first.number)
    await house.run()
    assert (await house.knowledge.active_index(store_id)).number == first.number
    held = set((await _vectors(house, store_id)).values())
    assert gone.number not in held
    assert len(held) == 2


async def test_a_document_larger_than_a_batch_is_gone_on_with(house: VersionHouse) -> None:
    store_id = (await house.knowledge.make_store(name="book")).id
    await house.seeking.put(store_id, "book.txt", [article(number) for number in range(200)])
    await house.seeking.put(store_id, "note.txt", [article(400)])
    before = await _vectors(house, store_id)
    await house.service.reindex(ANN, store_id, OTHER)
    house.fuse.left = 4
    with pytest.raises(Killed):
        await house.run()
    (row,) = await house.knowledge.rows(index_documents)
    assert row["upto"] is not None
    written = len(house.homes.vectors.rows[row["index_number"]])
    assert 0 < written < 200
    results: dict = {}
    house.embedding.embedded.clear()
    await house.run(results)
    assert results["build"] <= 201 - 128
    assert await _vectors(house, store_id) == before


async def test_moving_copies_counts_and_compares(house: VersionHouse) -> None:
    store_id = await filled(house)
    before = await _vectors(house, store_id)
    house.embedding.embedded.clear()
    begun = await house.service.move(ANN, store_id, MoveAsk(vectors="pgvector"))
    assert begun.vectors == "pgvector"
    results: dict = {}
    await house.run(results)
    version = await house.knowledge.active_index(store_id)
    assert (version.kind, version.model) == ("pgvector", "builtin/words")
    assert await _vectors(house, store_id) == before
    assert version.probe is not None
    assert version.probe["copied"] == {"vectors": 30, "missing": 0, "different": 0}
    # Only the questions and the passages they were made of went to the model; the copy did not.
    house.embedding.embedded.clear()
    await house.service.move(ANN, store_id, MoveAsk(vectors="embedded"))
    with pytest.raises(Conflict):
        await house.service.move(ANN, store_id, MoveAsk(vectors="embedded"))


async def test_a_copy_that_lacks_something_is_not_searched(house: VersionHouse) -> None:
    store_id = await filled(house)
    begun = await house.service.move(ANN, store_id, MoveAsk(vectors="pgvector"))
    jobs, results = house.jobs(), {}
    _id, caller, new = house.kept.jobs[-1]
    from features.knowledge.indexing.versions import Context

    context = Context(new, caller, results)
    results["build"] = await jobs.build(context)
    rows = house.homes.others.rows[begun.id]
    rows.pop(next(iter(rows)))
    await house.run(results)
    assert (await house.knowledge.active_index(store_id)).kind == "embedded"
    assert (await house.service.all(ANN, store_id)).data[0].state == "ready"
    probe = (await house.service.all(ANN, store_id)).data[0].probe
    assert probe is not None and (probe["copied"]["missing"], probe["passed"]) == (1, False)


@pytest.mark.parametrize("how", ["reindex", "move"])
async def test_whoever_is_killed_anywhere_goes_on_and_search_does_too(house: VersionHouse, how: str) -> None:
    kills = 0
    store_id = (await house.knowledge.make_store(name="articles")).id
    for number in range(4):
        await house.seeking.put(store_id, f"{number}.txt", [article(number)])
    before = await _vectors(house, store_id)
    for point in range(20):
        if how == "reindex":
            model = ("other/words", "builtin/words")[point % 2]
            begun = await house.service.reindex(ANN, store_id, ReindexAsk(embedding_model=model))
        else:
            begun = await house.service.move(
                ANN, store_id, MoveAsk(vectors=("pgvector", "embedded")[point % 2])
            )
        results: dict = {}
        house.fuse.left = point
        try:
            await house.run(results)
        except Killed:
            kills += 1
            assert await _found(house, store_id, 3), (point, results)
            assert await _found(house, store_id, 1, "hybrid"), (point, results)
            await house.run(results)
        spent, house.fuse.left = house.fuse.left is None, None
        assert list(results) == list(STEPS)
        assert (await house.knowledge.active_index(store_id)).number == begun.id
        assert await _vectors(house, store_id) == before
        if not spent:
            break
    assert kills >= 5


async def test_documents_that_come_while_it_is_built_are_in_it(house: VersionHouse) -> None:
    store_id = await filled(house, 14)
    await house.service.reindex(ANN, store_id, OTHER)
    results: dict = {}
    context_jobs = house.jobs()
    from features.knowledge.indexing.versions import Context

    _id, caller, new = house.kept.jobs[-1]
    results["build"] = await context_jobs.build(Context(new, caller, results))
    late = await house.seeking.put(store_id, "late.txt", [article(77)], embedded=False)
    await house.run(results)
    assert late.number in (await _vectors(house, store_id)).values()


async def test_a_failure_is_shown_and_tried_again(house: VersionHouse) -> None:
    store_id = await filled(house, 5)
    begun = await house.service.reindex(ANN, store_id, OTHER)
    house.embedding.faults = [BackendDown("away")]
    with pytest.raises(BackendDown):
        await house.run()
    shown = (await house.service.all(ANN, store_id)).data[0]
    assert (shown.state, shown.error) == ("building", {"code": "backend_down", "message": "away"})
    house.embedding.faults = [ModelNotFound("no such model")]
    with pytest.raises(ModelNotFound):
        await house.run()
    assert (await house.service.all(ANN, store_id)).data[0].state == "failed"
    async with house.db.read() as tx:
        assert begun.id not in [one.number for one in await indexes.live(tx, store_id)]
    await house.run()
    shown = (await house.service.all(ANN, store_id)).data[0]
    assert (shown.state, shown.error) == ("active", None)


async def test_what_cannot_be_begun_is_refused(house: VersionHouse) -> None:
    store_id = await filled(house, 2)
    with pytest.raises(Conflict):
        await house.service.reindex(ANN, store_id, ReindexAsk())
    with pytest.raises(ModelNotFound):
        await house.service.reindex(ANN, store_id, ReindexAsk(embedding_model="none/such"))
    with pytest.raises(Unprocessable):
        await house.service.move(ANN, store_id, MoveAsk(vectors="milvus"))
    with pytest.raises(NotFound):
        await house.service.reindex(BOB, store_id, OTHER)
    begun = await house.service.reindex(ANN, store_id, OTHER)
    with pytest.raises(Conflict):
        await house.service.reindex(ANN, store_id, ReindexAsk(embedding_model="other/deaf"))
    with pytest.raises(Conflict):
        await house.service.activate(ANN, store_id, begun.id)
    for number in (begun.id + 50, begun.id):
        with pytest.raises(NotFound):
            await house.service.activate(BOB, store_id, number)
    with pytest.raises(NotFound):
        await house.service.activate(ANN, store_id, begun.id + 50)


async def test_deleting_a_version_ends_its_job(house: VersionHouse) -> None:
    store_id = await filled(house, 4)
    searched = await house.knowledge.active_index(store_id)
    begun = await house.service.reindex(ANN, store_id, OTHER)
    with pytest.raises(Conflict):
        await house.service.delete(ANN, store_id, searched.number)
    assert (await house.service.delete(ANN, store_id, begun.id)).deleted
    assert begun.id not in house.homes.vectors.rows
    with pytest.raises(NotFound):
        await house.run()
    assert await _states(house, store_id) == ["active"]
    assert await house.knowledge.rows(index_documents) == []


async def test_an_evaluation_says_how_well_each_side_finds(house: VersionHouse) -> None:
    store_id = await filled(house, 20)
    found = await house.service.evaluate(ANN, store_id, EvaluateAsk(questions=15))
    assert found.results.keys() == {"all"}
    assert found.results["all"].keys() == {"hybrid", "dense", "lexical"}
    assert found.results["all"]["hybrid"].questions == 15
    assert found.results["all"]["lexical"].recall_at_10 > 0.5
    assert found.passages == 20
    assert (await house.knowledge.active_index(store_id)).calibration is None
    with pytest.raises(NotFound):
        await house.service.evaluate(BOB, store_id, EvaluateAsk())
