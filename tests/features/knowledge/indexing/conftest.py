import pytest

from features.knowledge.indexing.versions import VersionHouse


@pytest.fixture
async def house(db, tmp_path, turned_clock):
    made = VersionHouse(db, tmp_path, turned_clock)
    yield made
    await made.knowledge.close()
