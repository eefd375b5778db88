import pytest

from contracts.job_house import cleared
from features.tasks.flow_house import FlowHouse


@pytest.fixture
async def build(db, turned_clock, tmp_path, logged):
    """Makes a house of flows over `db`, whose clock the test turns; scripts by capability."""

    def make(**scripts) -> FlowHouse:
        return FlowHouse(db, turned_clock, tmp_path, **scripts)

    async with cleared():
        yield make
