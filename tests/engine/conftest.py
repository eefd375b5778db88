"""A residency over one made-up server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine.residency_fakes import SIZES, FakeClock, FakeFootprints, FakeServer, House, Open, card


@pytest.fixture
async def house() -> AsyncIterator[Open]:
    opened: list[House] = []

    async def make(
        kind: type[FakeServer] = FakeServer, known: dict[str, int] | None = None, **settings: Any
    ) -> House:
        clock, probe = FakeClock(), card()
        known = {f"srv/{name}": mib for name, mib in SIZES.items()} if known is None else known
        made = House(kind(clock, probe, dict(SIZES)), FakeFootprints(known), probe, **settings)
        await made.residency.prepare()
        made.residency.register("srv", made.server)
        opened.append(made)
        return made

    yield make
    for one in opened:
        await one.residency.close()
