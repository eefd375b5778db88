"""Lists of models: asked again when they are old, or when somebody has changed what there is."""

import asyncio

import pytest

from peers.asking import backend_context
from roundhouse.core.types import ModelInfo, Provider
from roundhouse.engine.catalog import Catalog
from roundhouse.engine.model import Backends


class Control:
    """Has models, and tells them when it may."""

    def __init__(self) -> None:
        self.names = ["old"]
        self.asked = 0
        self.go = asyncio.Event()
        self.go.set()

    async def models(self):
        self.asked += 1
        told = [ModelInfo(name) for name in self.names]
        await self.go.wait()
        return told

    async def close(self) -> None:
        pass


@pytest.fixture
async def catalog():
    async with backend_context() as context:
        made = Catalog(context, 60.0, lambda: None)
        await made.configure([Provider(name="desk", kind="fake")])
        made.backends["desk"] = Backends(made.backends["desk"].provider, None, None, None, Control())
        await made.refresh()
        yield made
        await made.close()


def names(catalog: Catalog) -> list[str]:
    return [model.id for _, model in catalog.every()]


async def test_a_list_is_asked_again_at_once_when_it_is_expired(catalog):
    control = catalog.backends["desk"].control
    control.names.append("new")
    await catalog.refresh()
    assert (names(catalog), control.asked) == (["old"], 1)
    catalog.expire()
    assert names(catalog) == ["old"]
    await catalog.refresh()
    await catalog.refresh()
    assert (names(catalog), control.asked) == (["old", "new"], 2)


async def test_an_answer_that_was_on_its_way_is_expired_as_well(catalog):
    control = catalog.backends["desk"].control
    control.go.clear()
    asking = asyncio.create_task(catalog.refresh(older_than_s=0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert control.asked == 2
    control.names.append("new")
    catalog.expire()
    control.go.set()
    await asking
    assert names(catalog) == ["old"]
    await catalog.refresh()
    assert (names(catalog), control.asked) == (["old", "new"], 3)
