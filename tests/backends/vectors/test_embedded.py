import asyncio
from contextlib import asynccontextmanager

import numpy as np
import pytest
import sqlalchemy as sa

from roundhouse.core.errors import StorageUnavailable
from roundhouse.core.vectors import VectorIndex, VectorQuery, VectorRow
from vector_house import SMALL, VectorHouse, leaning


@pytest.fixture
async def house(db_url, tmp_path):
    made = VectorHouse("embedded", db_url, tmp_path, matrix_mib=1)
    await made.create()
    yield made
    await made.close()


def row(passage: int, cosine: float, document: int = 1) -> VectorRow:
    return VectorRow(passage, 0, document, leaning(cosine))


def vectors_of(rows: int, dimensions: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((rows, dimensions), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


async def test_searches_at_the_same_time_load_once(house):
    await house.upsert([row(1, 0.5)])
    found = await asyncio.gather(*(house.passages() for _ in range(5)))
    assert found == [[1]] * 5
    assert house.reads == 1
    assert await house.passages() == [1]
    assert house.reads == 1, "what did not change is not looked at"


async def test_more_searches_than_connections_wait_for_a_load(house):
    """They hold theirs while they wait, so the load must not need one of them."""
    await house.upsert([row(1, 0.5)])
    assert await asyncio.gather(*(house.passages() for _ in range(20))) == [[1]] * 20


async def test_only_what_changed_is_read(house):
    await house.upsert([row(1, 0.5, document=1)])
    assert await house.passages() == [1]
    async with house.db.begin() as tx:
        await tx.execute(sa.text("DELETE FROM vector_blocks"))
    await house.upsert([row(2, 0.9, document=2)])
    assert await house.passages() == [2, 1], "the first is in memory"
    assert await house.passages(store=house.open()) == [2]


async def test_who_was_away_while_deletions_were_forgotten_reads_everything_anew(house):
    other = house.open()
    await house.upsert([row(document, 0.5, document=document) for document in range(1, 1501)])
    assert len(await house.passages(store=other, limit=2000)) == 1500
    await house.delete([1])
    # Behind so many more changes nobody remembers it.
    for _ in range(2):
        await house.delete(list(range(2, 1301)))
        await house.upsert([row(document, 0.5, document=document) for document in range(2, 1301)])
    async with house.db.read() as tx:
        query = "SELECT count(*) FROM vector_blocks WHERE vectors = 0"
        assert (await tx.execute(sa.text(query))).scalar_one() < 2600
    found = await house.passages(store=other, limit=2000)
    assert found == list(range(2, 1501))


async def test_what_a_transaction_wrote_itself_stays_out_of_the_memory_of_all(house):
    await house.upsert([row(1, 0.5)])
    async with house.db.begin() as tx:
        await house.store.upsert(tx, SMALL, [row(2, 0.9)])
        query = VectorQuery(5)
        assert [match.passage for match in await house.store.search(tx, SMALL, leaning(1.0), query)] == [1]
        await tx.rollback()
    assert await house.passages() == [1]
    await house.upsert([row(3, 0.7)])
    assert await house.passages() == [3, 1]


async def test_the_index_that_was_searched_least_recently_leaves_the_memory(house):
    """1,500 vectors of 100 dimensions take 0.6 MiB, the bound is 1 MiB."""
    vectors = vectors_of(1500, 100)
    indexes = [VectorIndex(number, 100) for number in (11, 12)]
    for index in indexes:
        await house.create(index)
        await house.upsert([VectorRow(n, 0, n // 100, vector) for n, vector in enumerate(vectors)], index)
    query = VectorQuery(3)
    for index, reads in ((indexes[0], 1), (indexes[0], 1), (indexes[1], 2), (indexes[1], 2), (indexes[0], 3)):
        found = await house.search(vectors[7], query, index)
        assert found[0].passage == 7
        assert house.reads == reads


async def test_an_index_larger_than_the_bound_is_searched_from_the_database(house):
    vectors = vectors_of(1000, 384)
    index = await house.create(VectorIndex(9, 384))
    await house.upsert(
        [VectorRow(n // 2, n % 2, n // 100, vector) for n, vector in enumerate(vectors)], index
    )
    best = (vectors @ vectors[500]).reshape(-1, 2).max(axis=1)
    found = await house.search(vectors[500], VectorQuery(20), index)
    assert [match.passage for match in found] == np.argsort(-best)[:20].tolist()
    only, hidden = frozenset({2, 5, 7}), frozenset({7})
    some = await house.search(vectors[500], VectorQuery(20, only, hidden), index)
    wanted = [passage for passage in np.argsort(-best).tolist() if passage // 50 in (2, 5)]
    assert [match.passage for match in some] == wanted[:20]
    assert house.reads == 0


async def test_an_index_that_grows_beyond_the_bound_and_shrinks_again(house):
    vectors = vectors_of(1000, 384)
    index = await house.create(VectorIndex(9, 384))
    rows = [VectorRow(n, 0, n // 500, vector) for n, vector in enumerate(vectors)]
    for some, wanted in ((rows[:500], 1), (rows[500:], 1)):
        await house.upsert(some, index)
        assert (await house.search(vectors[3], VectorQuery(1), index))[0].passage == 3
        assert house.reads == wanted
    await house.delete([1], index)
    assert (await house.search(vectors[3], VectorQuery(1), index))[0].passage == 3
    assert house.reads == 2


async def test_who_leaves_does_not_end_the_load_for_others(house):
    gate = asyncio.Event()

    @asynccontextmanager
    async def held():
        await gate.wait()
        async with house.db.read() as tx:
            yield tx

    await house.upsert([row(1, 0.5)])
    store = house.open(read=held)
    first, second = (asyncio.create_task(house.passages(store=store)) for _ in range(2))
    await asyncio.sleep(0.05)
    first.cancel()
    await asyncio.sleep(0)
    gate.set()
    assert await second == [1]
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_load_that_fails_is_tried_again(house):
    failures = [True, False]

    @asynccontextmanager
    async def failing():
        if failures.pop(0):
            raise StorageUnavailable
        async with house.db.read() as tx:
            yield tx

    await house.upsert([row(1, 0.5)])
    store = house.open(read=failing)
    with pytest.raises(StorageUnavailable):
        await house.passages(store=store)
    assert await house.passages(store=store) == [1]


async def test_writers_of_one_index_wait_for_each_other(house):
    """Else a change with a smaller number could become visible behind a larger one, and would never be read."""

    async def write(document: int) -> None:
        async with house.db.begin() as tx:
            await house.store.upsert(tx, SMALL, [row(document, document / 100, document)])
            await asyncio.sleep(0.001)

    reader = house.open()
    writing = asyncio.gather(*(write(document) for document in range(1, 21)))
    while not writing.done():
        await house.passages(store=reader, limit=50)
        await asyncio.sleep(0.002)
    assert sorted(await house.passages(store=reader, limit=50)) == list(range(1, 21))


async def test_the_loop_goes_on_while_an_index_is_loaded(db_url, tmp_path):
    house = VectorHouse("embedded", db_url, tmp_path)
    vectors = vectors_of(8_000, 256)
    index = await house.create(VectorIndex(9, 256))
    await house.upsert([VectorRow(n, 0, n // 100, vector) for n, vector in enumerate(vectors)], index)
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0)
            beats += 1

    beating = asyncio.create_task(beat())
    found = await house.search(vectors[3], VectorQuery(1), index)
    beating.cancel()
    assert found[0].passage == 3
    assert beats > 100
    await house.close()
