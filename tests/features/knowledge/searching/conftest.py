import pytest

from features.knowledge.house import KnowledgeHouse
from features.knowledge.seeking import SeekingHouse


@pytest.fixture
async def house(db, tmp_path, turned_clock):
    knowledge = KnowledgeHouse(db, tmp_path, turned_clock)
    yield SeekingHouse(knowledge)
    await knowledge.close()
