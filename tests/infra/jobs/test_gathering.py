"""What is written together, and that nobody pays for another's fault."""

import asyncio

import pytest
import sqlalchemy as sa

from roundhouse.core.errors import BadInput, StorageUnavailable
from roundhouse.infra.jobs.gathering import Gathering


class Desk:
    """Writes numbers down; a batch can be held up."""

    def __init__(self, db):
        self.batches: list[list[int]] = []
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.gathering: Gathering[int, int] = Gathering(db, self.write)

    async def write(self, tx, numbers):
        await tx.execute(sa.text("SELECT 1"))
        await self.goes_on.wait()
        if 1313 in numbers:
            raise BadInput("The database does not take it.")
        if 0 in numbers:
            raise StorageUnavailable("Away.")
        self.batches.append(list(numbers))
        return [ValueError(str(one)) if one < 0 else 10 * one for one in numbers]


@pytest.fixture
def desk(db):
    return Desk(db)


async def together(desk, *numbers):
    """The first is being written while the others come."""
    desk.goes_on.clear()
    tasks = [asyncio.create_task(desk.gathering.put(numbers[0]))]
    await asyncio.sleep(0.05)
    tasks += [asyncio.create_task(desk.gathering.put(one)) for one in numbers[1:]]
    await asyncio.sleep(0.05)
    desk.goes_on.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_comes_while_one_is_written_is_written_together(desk):
    assert await together(desk, 1, 2, 3, 4) == [10, 20, 30, 40]
    assert desk.batches == [[1], [2, 3, 4]]
    assert await desk.gathering.put(5) == 50


async def test_no_batch_is_larger_than_a_hundred(desk):
    assert await together(desk, 1, *range(2, 252)) == [10 * one for one in range(1, 252)]
    assert [len(one) for one in desk.batches] == [1, 100, 100, 50]


async def test_one_refused_keeps_nobody_out(desk):
    first, refused, third = await together(desk, 1, -2, 3)
    assert (first, third) == (10, 30)
    assert isinstance(refused, ValueError)


async def test_a_value_that_the_database_does_not_take_spoils_only_its_own(desk):
    first, second, spoilt, fourth = await together(desk, 1, 2, 1313, 4)
    assert (first, second, fourth) == (10, 20, 40)
    assert isinstance(spoilt, BadInput)
    assert sorted(desk.batches) == [[1], [2], [4]]
    with pytest.raises(BadInput):
        await desk.gathering.put(1313)


async def test_a_storage_that_is_away_is_told_to_all_and_the_next_try_works(desk):
    outcomes = await together(desk, 1, 0, 3)
    assert outcomes[0] == 10
    assert all(isinstance(one, StorageUnavailable) for one in outcomes[1:])
    assert await desk.gathering.put(7) == 70


async def test_who_gives_up_waiting_takes_nothing_from_the_others(desk):
    desk.goes_on.clear()
    first, second, third = (asyncio.create_task(desk.gathering.put(one)) for one in (1, 2, 3))
    await asyncio.sleep(0.05)
    second.cancel()
    first.cancel()
    await asyncio.sleep(0)
    desk.goes_on.set()
    assert await third == 30
    assert [one for batch in desk.batches for one in batch] == [1, 2, 3]
