import numpy as np
import pytest
import sqlalchemy as sa

from conftest import emptied
from roundhouse.backends.vectors.pgvector import PgVectors
from roundhouse.core.errors import MissingExtra, NotSupported, VectorsUnavailable
from roundhouse.core.vectors import VectorIndex, VectorQuery, VectorRow
from vector_house import SMALL, VectorHouse

INDEX = VectorIndex(5, 32)
ROWS = 1200


@pytest.fixture
async def house(pgvector_url, tmp_path):
    made = VectorHouse("pgvector", emptied(pgvector_url), tmp_path)
    yield made
    await made.close()


@pytest.fixture
def vectors() -> np.ndarray:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((ROWS, INDEX.dimensions), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
async def store(house, vectors):
    """One whose table has an HNSW index: 1,200 chunks of 400 passages of 40 documents."""
    made = PgVectors(house.context(), hnsw_rows=1000, few_rows=200)
    async with house.db.begin() as tx:
        await made.create(tx, INDEX)
        rows = [VectorRow(n // 3, n % 3, n // 30, vector) for n, vector in enumerate(vectors)]
        await made.upsert(tx, INDEX, rows)
    await made.settle()
    await made.built()
    yield made
    await made.close()


async def ask(house, statement: str):
    async with house.db.read() as tx:
        return (await tx.execute(sa.text(statement))).all()


def exact(vectors: np.ndarray, asked: np.ndarray, documents: set[int], limit: int) -> list[int]:
    best = (vectors @ asked).reshape(-1, 3).max(axis=1)
    return [passage for passage in np.argsort(-best).tolist() if passage // 10 in documents][:limit]


async def test_an_index_that_has_grown_gets_hnsw_and_small_ones_do_not(house, store, vectors):
    async with house.db.begin() as tx:
        await store.create(tx, SMALL)
        await store.upsert(tx, SMALL, [VectorRow(1, 0, 1, np.float32([1, 0, 0, 0]))])
    await store.settle()
    await store.built()
    names = {
        name for (name,) in await ask(house, "SELECT indexname FROM pg_indexes WHERE indexname LIKE '%hnsw'")
    }
    assert names == {"vectors_5_hnsw"}


async def test_hnsw_finds_the_nearest_with_and_without_filters(house, store, vectors):
    hits = 0
    for row in range(0, ROWS, 60):
        found = await house.search(vectors[row], VectorQuery(10), INDEX, store)
        assert len(found) == 10
        hits += len(
            {match.passage for match in found} & set(exact(vectors, vectors[row], set(range(40)), 10))
        )
    assert hits / 200 >= 0.97
    most = frozenset(range(2, 38))
    found = await house.search(vectors[0], VectorQuery(10, most, frozenset({5})), INDEX, store)
    assert len(found) == 10
    assert {match.passage // 10 for match in found} <= most - {5}
    few = frozenset({3, 4})
    found = await house.search(vectors[0], VectorQuery(10, few), INDEX, store)
    assert [match.passage for match in found] == exact(vectors, vectors[0], {3, 4}, 10)
    found = await house.search(vectors[0], VectorQuery(300, exact=True), INDEX, store)
    assert [match.passage for match in found] == exact(vectors, vectors[0], set(range(40)), 300)


async def test_more_than_hnsw_gives_is_looked_for_in_every_row(house, store, vectors):
    found = await house.search(vectors[0], VectorQuery(400), INDEX, store)
    assert [match.passage for match in found] == exact(vectors, vectors[0], set(range(40)), 400)


async def test_an_index_that_was_left_unfinished_is_made_anew(house, store, vectors):
    async with house.db.begin() as tx:
        query = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'vectors_5_hnsw'::regclass"
        await tx.execute(sa.text(query))
    found = await house.search(vectors[0], VectorQuery(10), INDEX, store)
    assert [match.passage for match in found] == exact(vectors, vectors[0], set(range(40)), 10)
    await store.built()
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'vectors_5_hnsw'::regclass"
    assert await ask(house, valid) == [(True,)]


async def test_a_search_does_not_wait_for_hnsw_that_cannot_be_made(house, vectors):
    elsewhere = (
        sa.make_url(house.url).update_query_dict({"host": "/nowhere"}).render_as_string(hide_password=False)
    )
    store = PgVectors(house.context(url=elsewhere), hnsw_rows=10)
    async with house.db.begin() as tx:
        await store.create(tx, INDEX)
        rows = [VectorRow(n // 3, n % 3, n // 30, vector) for n, vector in enumerate(vectors)]
        await store.upsert(tx, INDEX, rows)
    await store.settle()
    with pytest.raises(VectorsUnavailable):
        await store.built()
    found = await house.search(vectors[0], VectorQuery(10), INDEX, store)
    assert [match.passage for match in found] == exact(vectors, vectors[0], set(range(40)), 10)
    await store.close()


async def test_vectors_of_2048_dimensions_get_hnsw(house):
    random = np.random.default_rng(0)
    wide = VectorIndex(6, 2048)
    vectors = random.standard_normal((60, 2048), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    store = PgVectors(house.context(), hnsw_rows=50)
    async with house.db.begin() as tx:
        await store.create(tx, wide)
        await store.upsert(tx, wide, [VectorRow(n, 0, n, vector) for n, vector in enumerate(vectors)])
    await store.settle()
    await store.built()
    assert await ask(house, "SELECT 1 FROM pg_indexes WHERE indexname = 'vectors_6_hnsw'")
    found = await house.search(vectors[7], VectorQuery(3), wide, store)
    assert found[0].passage == 7
    assert found[0].similarity == pytest.approx(1.0, abs=1e-6), "of the whole vector, not of the halved one"
    await store.close()


@pytest.mark.postgres
async def test_a_server_without_the_extension(postgres_url, tmp_path):
    house = VectorHouse("pgvector", postgres_url, tmp_path)
    if await ask(house, "SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"):
        await house.close()
        pytest.skip("this server has the extension")
    with pytest.raises(MissingExtra, match="pgvector"):
        await house.create()
    await house.close()


async def test_a_user_who_may_not_add_the_extension(house, tmp_path):
    async with house.db.begin() as tx:
        await tx.execute(sa.text("DROP EXTENSION IF EXISTS vector CASCADE"))
        await tx.execute(sa.text("CREATE ROLE plain LOGIN"))
        await tx.execute(sa.text("GRANT ALL ON ALL TABLES IN SCHEMA public TO plain"))
        await tx.execute(sa.text("GRANT CREATE ON SCHEMA public TO plain"))
    url = sa.make_url(house.url).set(username="plain").render_as_string(hide_password=False)
    other = VectorHouse("pgvector", url, tmp_path)
    with pytest.raises(MissingExtra, match="CREATE EXTENSION vector"):
        await other.create()
    await other.close()
    async with house.db.begin() as tx:
        await tx.execute(sa.text("DROP OWNED BY plain"))
        await tx.execute(sa.text("DROP ROLE plain"))
    await house.create()


def test_only_on_postgresql(sqlite_url, tmp_path):
    with pytest.raises(NotSupported, match="PostgreSQL"):
        VectorHouse("pgvector", sqlite_url, tmp_path)
