import asyncio
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa

from roundhouse.core.errors import BadInput, StorageUnavailable, VectorsUnavailable
from roundhouse.core.registry import open_vectors
from roundhouse.core.settings_knowledge import KnowledgeSettings
from roundhouse.core.vectors import VectorQuery, VectorRow
from vector_house import SMALL, VectorHouse, leaning


class Clock:
    """The real one, but for what a test adds to the time of the day."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def now_s(self) -> float:
        return self.now

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)


@pytest.fixture
async def house(sqlite_url, tmp_path):
    made = VectorHouse("milvus", sqlite_url, tmp_path)
    await made.create()
    yield made
    await made.close()


def row(passage: int, cosine: float, document: int = 1) -> VectorRow:
    return VectorRow(passage, 0, document, leaning(cosine))


async def pending(house: VectorHouse) -> int:
    async with house.db.read() as tx:
        return (await tx.execute(sa.text("SELECT count(*) FROM vector_pending"))).scalar_one()


async def test_what_is_written_while_the_server_is_away_waits_for_it(house):
    away = house.open(settings=KnowledgeSettings(milvus_url="http://127.0.0.1:1"))
    async with house.db.begin() as tx:
        await away.upsert(tx, SMALL, [row(1, 0.5)])
        await away.delete(tx, SMALL, [1])
        await away.upsert(tx, SMALL, [row(2, 0.5)])
    for wanted in (away.settle(), house.passages(store=away)):
        with pytest.raises(VectorsUnavailable) as raised:
            await wanted
        assert (raised.value.status, raised.value.retryable) == (503, True)
    assert await pending(house) == 4
    assert await house.passages() == [2]
    assert await pending(house) == 0


async def test_what_was_sent_but_not_written_down_as_sent_is_sent_again(house):
    """A process that is killed in between leaves exactly this, and its lease."""
    begun = 0

    @asynccontextmanager
    async def dying():
        nonlocal begun
        begun += 1
        # The first one takes the lease; what comes then would note what was sent.
        if begun > 1:
            raise StorageUnavailable
        async with house.db.begin() as tx:
            yield tx

    await house.upsert([row(1, 0.5), row(2, 0.4)])
    await house.delete([1])
    await house.upsert([row(3, 0.3, document=3)])
    clock = Clock()
    with pytest.raises(StorageUnavailable):
        await house.open(begin=dying, clock=clock).settle()
    assert await pending(house) == 4
    clock.now += 14
    other = house.open(clock=clock)
    settling = asyncio.create_task(other.settle())
    await asyncio.sleep(0.2)
    assert not settling.done(), "the other one may still be sending"
    clock.now += 2
    await settling
    assert await house.passages() == [3]
    assert await house.count() == 1


async def test_two_processes_settle_at_once(house):
    stores = [house.open() for _ in range(3)]
    for round_ in range(3):
        for passage in range(1, 6):
            await house.upsert([row(passage, 0.1 * passage, document=passage)])
            await house.delete([passage])
        await house.upsert([row(9, 0.5, document=9)])
        await asyncio.gather(*(store.settle() for store in stores))
        assert await pending(house) == 0, round_
        assert await house.passages(store=stores[round_]) == [9]


async def test_a_search_that_is_cancelled_leaves_the_sending_to_its_end(house):
    await house.upsert([row(passage, 0.5) for passage in range(1, 4)])
    searching = asyncio.create_task(house.passages())
    await asyncio.sleep(0.01)
    searching.cancel()
    await asyncio.gather(searching, return_exceptions=True)
    assert await house.passages() == [1, 2, 3]


async def test_an_index_that_is_dropped_takes_what_was_pending_with_it(house):
    await house.upsert([row(1, 0.5)])
    await house.drop()
    assert await pending(house) == 1
    await house.store.settle()
    assert await pending(house) == 0
    assert await house.passages() == []


async def test_a_collection_must_not_be_loaded_by_hand_after_a_restart(house):
    await house.upsert([row(1, 0.5)])
    assert await house.passages() == [1]
    await house.store.close()
    again = house.open()
    found = await house.search(leaning(1.0), VectorQuery(1), store=again)
    assert [match.passage for match in found] == [1]


def test_an_address_is_needed(house):
    with pytest.raises(BadInput, match="milvus_url"):
        open_vectors("milvus", house.context(settings=KnowledgeSettings()))
