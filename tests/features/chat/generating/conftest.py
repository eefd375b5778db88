from pathlib import Path

import pytest

from features.chat.generating.wired import ChatHouse, fake

WORDS = " ".join(f"word{number}" for number in range(60))


@pytest.fixture
async def house(tmp_path: Path, db_url: str):
    """The product on both databases, with a model that takes its time."""
    providers = [fake(reply=WORDS, delay_s=0.01), fake("quick"), fake("endless", endless=True, delay_s=0.01)]
    async with ChatHouse(tmp_path / "data", providers=providers, db={"url": db_url}) as running:
        yield running
