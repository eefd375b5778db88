import pytest

from peers.upstream import Upstream
from serving import House


@pytest.fixture
async def house(tmp_path):
    """The product as a fresh machine has it."""
    async with House(tmp_path / "data") as running:
        yield running


@pytest.fixture
async def up():
    """A scripted model server."""
    async with Upstream() as upstream:
        yield upstream
