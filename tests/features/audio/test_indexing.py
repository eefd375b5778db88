"""Recordings in the full text index: marked in the transaction of a change, read when the index comes to them."""

from __future__ import annotations

import sqlalchemy as sa

from features.audio.house import ANN, AudioHouse
from roundhouse.features.audio.indexing import PARAGRAPH, ParagraphSource
from roundhouse.infra.search import Query, rebuilding, search
from roundhouse.infra.search.rows import search_entries, search_waiting


async def count(house: AudioHouse, table: sa.Table) -> int:
    async with house.db.read() as tx:
        return int((await tx.execute(sa.select(sa.func.count()).select_from(table))).scalar_one())


async def found(house: AudioHouse, text: str) -> list[tuple[str, float | None]]:
    page = await house.recordings.search(ANN, text, recording_id=None, cursor=None, limit=100)
    assert page.index_state == "ready"
    return [(one.recording_id, one.start_s) for one in page.data]


async def test_a_change_costs_a_row_and_a_shorter_text_leaves_nothing(house: AudioHouse) -> None:
    house.recogniser.said = {"mix": [(20.0 * n, 20.0 * n + 2, f"item number {n} please") for n in range(9)]}
    done = await house.done()
    assert await count(house, search_waiting) == 1
    assert await count(house, search_entries) == 0
    assert len(await found(house, "please")) == 9
    house.recogniser.said = {"mix": [(0.0, 1.0, "please wait")]}
    await house.rerun(done.task_id, stage="transcribe")
    assert await found(house, "please") == [(done.task_id, 0.0)]
    assert await count(house, search_entries) == 1
    await house.recordings.delete(ANN, done.task_id)
    assert await found(house, "please") == []
    assert await count(house, search_entries) == 0


async def test_a_recording_that_went_before_it_was_indexed(house: AudioHouse) -> None:
    done = await house.done()
    await house.recordings.delete(ANN, done.task_id)
    assert await found(house, "report") == []
    assert await count(house, search_waiting) == 0


async def test_the_index_can_be_made_anew_from_the_recordings(house: AudioHouse) -> None:
    for _ in range(3):
        await house.done()
    source = ParagraphSource()
    async with house.db.read() as tx:
        assert await source.count(tx) == 6
        # However small the steps are, each paragraph comes once, in one order.
        for limit in (1, 2, 4, 6, 100):
            ref_ids, after = [], ""
            while after is not None:
                some = await source.page(tx, after, limit)
                ref_ids += some.ref_ids
                after = some.after
            assert (len(ref_ids), ref_ids) == (6, sorted(set(ref_ids)))
        recording_id = ref_ids[0].partition(":")[0]
        first = await source.parts(tx, recording_id, "", 1)
        assert first is not None and first.after is not None
        second = await source.parts(tx, recording_id, first.after, 5)
        assert second == ([f"{recording_id}:1"], None)
    await rebuilding.begin(house.db, source)
    while await rebuilding.step(house.db, source) is not None:
        pass
    async with house.db.read() as tx:
        hits = await search(tx, ANN, Query("report", PARAGRAPH, tags=("en",), role="audio"))
    assert len(hits.hits) == 3
