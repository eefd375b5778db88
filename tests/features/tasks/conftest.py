import pytest

from contracts.job_house import cleared
from features.tasks.houses import TaskHouse


@pytest.fixture
async def build(db, turned_clock, tmp_path, logged):
    """Makes a house of tasks over `db`, whose clock the test turns."""
    made = []

    def make(*script, **more) -> TaskHouse:
        made.append(TaskHouse(db, turned_clock, tmp_path, *script, **more))
        return made[-1]

    async with cleared():
        yield make
        for one in made:
            await one.at_once.close()
