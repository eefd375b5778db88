"""Plans over one database."""

import pytest

from features.access.plans.planning import Planning


@pytest.fixture
async def planning(db, turned_clock) -> Planning:
    made = Planning(db, turned_clock)
    yield made
