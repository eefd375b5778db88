"""A version of a model that takes pictures holds those of passages, not only what is written about them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from features.knowledge.house import KnowledgeHouse
from features.knowledge.seeking import WholePassages
from features.knowledge.vectors_in_memory import FakeModel
from roundhouse.core.vectors import VectorIndex
from roundhouse.features.knowledge.documents import NewPassage
from roundhouse.features.knowledge.embedding.model import Image
from roundhouse.features.knowledge.indexing.building import Building, Target
from roundhouse.features.knowledge.stores.model import Passage, Store
from roundhouse.features.knowledge.stores.store import indexes
from roundhouse.features.knowledge.stores.versions import new_version
from roundhouse.infra.db import Database

SCAN = NewPassage(0, "image", "A stamp.", 0, 8, 1, (), "en", "0" * 64)
TEXT = NewPassage(1, "text", "It boils.", 10, 19, 2, (), "en", "1" * 64)


async def test_pictures_have_vectors_before_their_words(
    db: Database, tmp_path: Path, turned_clock: Any
) -> None:
    house = KnowledgeHouse(db, tmp_path, turned_clock)
    made = await house.make_store(name="scans")
    document = await house.write_document(made.id, "scan.pdf", [SCAN, TEXT])
    store = await house.store(made.id)
    model = FakeModel(takes_images=True, fingerprint="words-1")
    async with house.db.begin() as tx:
        number = await indexes.insert(
            tx, new_version(store, model, "embedded", house.clock.now_s(), active=False)
        )
        await house.vectors.create(tx, VectorIndex(number, model.dimensions))
        version = (await indexes.numbered(tx, [number]))[number]
    asked: list[int] = []

    async def pictures(of: Store, passages: Sequence[Passage]) -> dict[int, Image]:
        assert of.id == store.id
        asked.append(len(passages))
        return {one.number: Image(b"seen") for one in passages if one.kind == "image"}

    building = Building(house.db, house.homes, house.embedding, WholePassages())
    assert await building.fill(Target(store, version, None), lambda _done, _total: None, pictures) == 2
    scan, text = await house.passages_of(document.number)
    kept = {(row.passage, row.place) for row in house.vectors.rows[number].values()}
    assert kept == {(scan.number, 0), (scan.number, 1), (text.number, 0)}
    assert asked == [2]
    await house.close()
