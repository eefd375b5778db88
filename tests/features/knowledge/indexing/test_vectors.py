import pytest

from conftest import emptied
from roundhouse.core.errors import BadInput, NotSupported
from roundhouse.core.settings import DbSettings
from roundhouse.core.settings_knowledge import KnowledgeSettings
from roundhouse.core.vectors import VectorIndex, VectorQuery, VectorRow
from roundhouse.features.knowledge.indexing.vectors import VectorStores
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database
from vector_house import leaning


async def opened(url: str, **settings) -> tuple[Database, VectorStores]:
    db = Database(DbSettings(), url)
    return db, VectorStores(db, DbSettings(), KnowledgeSettings(**settings), SystemClock())


async def test_vectors_are_in_the_database_unless_something_else_is_there(db_url):
    db, stores = await opened(db_url)
    kind = await stores.kind()
    # A server of the machine may have the extension.
    assert kind == "embedded" if db.is_sqlite else kind in ("embedded", "pgvector")
    await stores.close()
    await db.close()


async def test_a_postgresql_with_the_extension_keeps_them_itself(pgvector_url):
    db, stores = await opened(emptied(pgvector_url))
    assert await stores.kind() == "pgvector"
    await stores.close()
    await db.close()


async def test_what_is_configured_is_taken(sqlite_url):
    db, stores = await opened(sqlite_url, vectors="milvus")
    assert await stores.kind() == "milvus"
    with pytest.raises(BadInput, match="milvus_url"):
        stores.get("milvus")
    with pytest.raises(NotSupported, match="PostgreSQL"):
        stores.get("pgvector")
    with pytest.raises(BadInput, match="embedded, pgvector"):
        stores.get("other")
    await stores.close()
    await db.close()


async def test_each_kind_is_opened_once_and_works(sqlite_url):
    db, stores = await opened(sqlite_url)
    store, index = stores.get("embedded"), VectorIndex(1, 4)
    assert stores.get("embedded") is store
    async with db.begin() as tx:
        await store.create(tx, index)
        await store.upsert(tx, index, [VectorRow(5, 0, 1, leaning(0.5))])
    async with db.read() as tx:
        found = await store.search(tx, index, leaning(1.0), VectorQuery(3))
    assert [match.passage for match in found] == [5]
    await stores.close()
    await db.close()
