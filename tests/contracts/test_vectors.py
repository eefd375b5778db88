"""Every vector store keeps the same promises, on every database that it can live in."""

import numpy as np
import pytest

from conftest import emptied
from roundhouse.core.errors import BadInput, NotFound
from roundhouse.core.vectors import MAX_CHUNKS, VectorIndex, VectorQuery, VectorRow
from vector_house import SMALL, VectorHouse, leaning, unit

STORES = [
    ("fake", "sqlite"),
    ("embedded", "sqlite"),
    pytest.param(("embedded", "postgresql"), marks=pytest.mark.postgres),
    ("pgvector", "pgvector"),
    ("milvus", "sqlite"),
]


@pytest.fixture(params=STORES, ids=lambda store: "-".join(store))
async def house(request, tmp_path):
    kind, database = request.param
    url = {
        "sqlite": lambda: request.getfixturevalue("sqlite_url"),
        "postgresql": lambda: emptied(request.getfixturevalue("postgres_url")),
        "pgvector": lambda: emptied(request.getfixturevalue("pgvector_url")),
    }[database]()
    made = VectorHouse(kind, url, tmp_path)
    await made.create()
    yield made
    await made.close()


def row(passage: int, cosine: float, document: int = 1, place: int = 0) -> VectorRow:
    return VectorRow(passage, place, document, leaning(cosine))


async def test_the_nearest_passages_come_first_with_their_cosine(house):
    await house.upsert([row(1, 0.2), row(2, 0.9), row(3, -0.5), row(4, 0.5)])
    found = await house.search(leaning(1.0), VectorQuery(limit=3))
    assert [match.passage for match in found] == [2, 4, 1]
    assert [match.similarity for match in found] == pytest.approx([0.9, 0.5, 0.2], abs=1e-5)
    assert all(isinstance(number, (int, float)) for match in found for number in match)


async def test_the_best_chunk_speaks_for_its_passage(house):
    await house.upsert([row(1, 0.2), row(1, 0.9, place=1), row(2, 0.5), row(2, 0.4, place=MAX_CHUNKS - 1)])
    found = await house.search(leaning(1.0), VectorQuery(limit=10))
    assert [match.passage for match in found] == [1, 2]
    assert found[0].similarity == pytest.approx(0.9, abs=1e-5)


async def test_a_passage_of_very_many_chunks_does_not_crowd_the_others_out(house):
    crowd = [row(1, 0.999 - place / 10_000, place=place) for place in range(MAX_CHUNKS)]
    await house.upsert([*crowd, *(row(passage, passage / 100) for passage in range(2, 10))])
    assert await house.passages(limit=5) == [1, 9, 8, 7, 6]


async def test_equal_passages_come_by_their_number(house):
    await house.upsert([row(passage, 0.5) for passage in (5, 3, 9, 1, 7)] + [row(8, 0.6)])
    assert await house.passages(limit=4) == [8, 1, 3, 5]


async def test_only_and_hidden_documents(house):
    await house.upsert([row(passage, 1 - passage / 10, document=passage % 3) for passage in range(1, 10)])
    assert await house.passages(only=frozenset({1})) == [1, 4, 7]
    assert await house.passages(hidden=frozenset({1})) == [2, 3, 5, 6, 8, 9]
    assert await house.passages(only=frozenset({0, 1}), hidden=frozenset({1}), limit=2) == [3, 6]
    assert await house.passages(only=frozenset({1}), hidden=frozenset({1})) == []
    assert await house.passages(only=frozenset({77})) == []
    assert await house.passages(only=frozenset()) == []
    assert await house.passages(hidden=frozenset({77, 0, 1, 2})) == []
    assert await house.passages(only=frozenset({1, 2}), exact=True, limit=3) == [1, 2, 4]


async def test_without_vectors_and_with_one(house):
    assert await house.passages() == []
    assert await house.count() == 0
    assert await house.read(None, 10) == []
    await house.upsert([])
    await house.upsert([row(3, 0.5)])
    assert await house.passages() == [3]
    assert await house.passages(limit=0) == []
    assert await house.count() == 1


async def test_a_vector_that_is_written_again_is_replaced(house):
    await house.upsert([row(1, 0.1), row(1, 0.2, place=1), row(2, 0.5)])
    assert await house.passages() == [2, 1]
    await house.upsert([row(1, 0.9)])
    assert await house.passages() == [1, 2]
    await house.upsert([row(1, 0.0), row(1, 0.3)])
    found = await house.search(leaning(1.0), VectorQuery(limit=10))
    assert [match.passage for match in found] == [2, 1]
    assert found[1].similarity == pytest.approx(0.3, abs=1e-5), "of two with one key the later"
    assert await house.count() == 3


async def test_documents_are_deleted_and_may_come_again(house):
    await house.upsert([row(1, 0.9, document=1), row(2, 0.8, document=2), row(3, 0.7, document=3)])
    assert await house.passages() == [1, 2, 3]
    await house.delete([1, 3, 99])
    assert await house.passages() == [2]
    assert await house.count() == 1
    await house.delete([])
    await house.upsert([row(1, 0.1, document=1)])
    assert await house.passages() == [2, 1]


async def test_a_dropped_index_is_unknown(house):
    await house.upsert([row(1, 0.9)])
    assert await house.passages() == [1]
    await house.drop()
    await house.drop()
    assert await house.passages() == []
    assert await house.count() == 0
    assert await house.read(None, 10) == []
    await house.delete([1])
    with pytest.raises(NotFound):
        await house.upsert([row(1, 0.9)])


async def test_an_index_that_is_made_twice_keeps_its_vectors(house):
    await house.upsert([row(1, 0.9)])
    await house.create()
    assert await house.passages() == [1]


async def test_indexes_do_not_know_each_other(house):
    other = await house.create(VectorIndex(8, 3))
    await house.upsert([row(1, 0.9)])
    await house.upsert([VectorRow(2, 0, 1, leaning(0.5, 3))], other)
    assert await house.passages() == [1]
    assert await house.passages(index=other) == [2]
    await house.delete([1], other)
    assert await house.passages() == [1]
    await house.drop(other)
    assert await house.passages() == [1]


async def test_what_is_not_committed_is_never_found(house):
    await house.upsert([row(1, 0.5)])
    await house.store.settle()
    with pytest.raises(ZeroDivisionError):
        async with house.db.begin() as tx:
            await house.store.upsert(tx, SMALL, [row(2, 0.9)])
            await house.store.delete(tx, SMALL, [1])
            assert await house.passages() == [1]
            1 / 0  # noqa: B018 - it shall raise
    await house.store.settle()
    assert await house.passages() == [1]
    await house.upsert([row(3, 0.9)])
    assert await house.passages() == [3, 1]


async def test_another_process_sees_what_is_written_and_deleted(house):
    other = house.open()
    await house.upsert([row(1, 0.5, document=1)])
    assert await house.passages(store=other) == [1]
    await house.upsert([row(2, 0.9, document=2), row(3, 0.1, document=1)])
    assert await house.passages(store=other) == [2, 1, 3]
    await house.upsert([row(2, 0.2, document=2)])
    assert await house.passages(store=other) == [1, 2, 3]
    await house.delete([1])
    assert await house.passages(store=other) == [2]
    assert await house.passages() == [2]
    await house.drop()
    assert await house.passages(store=other) == []


async def test_vectors_are_read_in_the_order_of_their_chunks(house):
    rows = [
        VectorRow(passage, place, passage % 5, unit(passage, place, 1, -1))
        for passage in (30, 2, 11, 4, 25, 7)
        for place in (2, 0, 1)
    ]
    for some in (rows[:7], rows[7:]):
        await house.upsert(some)
    wanted = sorted(rows, key=lambda one: one[:2])
    read, after = [], None
    while page := await house.read(after, 4):
        assert len(page) <= 4
        read += page
        after = (page[-1].passage, page[-1].place)
    assert [one[:3] for one in read] == [one[:3] for one in wanted]
    np.testing.assert_array_equal(
        np.stack([one.vector for one in read]), np.stack([one.vector for one in wanted])
    )
    assert read[0].vector.dtype == np.float32


async def test_vectors_of_another_length_are_refused(house):
    with pytest.raises(BadInput, match="4 numbers"):
        await house.upsert([VectorRow(1, 0, 1, unit(1, 0, 0))])


async def test_2048_dimensions(house):
    random = np.random.default_rng(0)
    vectors = random.standard_normal((30, 2048), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = await house.create(VectorIndex(9, 2048))
    await house.upsert([VectorRow(place + 1, 0, 1, vector) for place, vector in enumerate(vectors)], index)
    found = await house.search(vectors[16], VectorQuery(limit=5), index)
    cosines = vectors @ vectors[16]
    assert [match.passage for match in found] == (np.argsort(-cosines)[:5] + 1).tolist()
    assert found[0].similarity == pytest.approx(1.0, abs=1e-5)


async def test_many_written_at_once_are_found(house):
    random = np.random.default_rng(1)
    vectors = random.standard_normal((1500, 4), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    await house.upsert(
        [VectorRow(place // 3, place % 3, place // 30, vector) for place, vector in enumerate(vectors)]
    )
    best = (vectors @ vectors[0]).reshape(-1, 3).max(axis=1)
    found = await house.search(vectors[0], VectorQuery(limit=50, exact=True))
    assert [match.passage for match in found] == np.argsort(-best, kind="stable")[:50].tolist()
    assert await house.count() == 1500
