"""What was marked is found as it is, whoever indexes it and wherever that was cut off."""

import asyncio

import pytest
import sqlalchemy as sa

from infra.search.conftest import tidy_all
from infra.search.shelf import Shelf
from roundhouse.core.errors import StorageFull
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.search import generations, mark, mark_parts, rebuilding
from roundhouse.infra.search.indexer import Indexer
from roundhouse.infra.search.rows import search_entries, search_kinds, search_spaces, search_waiting
from roundhouse.infra.search.tidying import Tidying


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def indexer(db, shelf):
    return Indexer(db, [shelf])


async def told(db, *ref_ids, whole=False):
    async with db.begin() as tx:
        await (mark_parts if whole else mark)(tx, "site", "message", ref_ids)


async def count(db, table):
    async with db.read() as tx:
        return (await tx.execute(sa.select(sa.func.count()).select_from(table))).scalar_one()


async def test_what_was_marked_is_found_as_it_is_then(db, desk, shelf, indexer):
    shelf.put("m1", "alpha")
    await told(db, "m1")
    shelf.put("m1", "beta")
    assert await indexer.catch_up("site", "message") == "ready"
    assert (await desk.ids("alpha"), await desk.ids("beta")) == ([], ["m1"])
    await told(db, "m1", "m1", "never")
    del shelf.things["m1"]
    assert await indexer.catch_up("site", "message") == "ready"
    assert await desk.ids("beta") == []
    assert await count(db, search_waiting) == 0


async def test_other_tenants_wait(db, shelf, indexer):
    shelf.put("m1", "alpha")
    await told(db, "m1")
    await indexer.catch_up("another site", "message")
    assert await count(db, search_waiting) == 1


async def test_parts_come_and_go_with_their_whole(db, desk, shelf, indexer):
    for number in range(30):
        shelf.put(f"m{number:02}", "alpha", box="box", tags=("red",))
    await told(db, "box", whole=True)
    await indexer.catch_up("site", "message")
    assert len(await desk.ids("alpha", limit=100, tags=("red",))) == 30
    for number in range(30):
        shelf.put(f"m{number:02}", "alpha", box="box", tags=("blue",))
    await told(db, "box", whole=True)
    await indexer.catch_up("site", "message")
    assert await desk.ids("alpha", tags=("red",)) == []
    shelf.things.clear()
    shelf.boxes.clear()
    await told(db, "box", whole=True)
    await indexer.catch_up("site", "message")
    assert await desk.ids("alpha") == []
    assert (await count(db, search_entries), await count(db, search_waiting)) == (0, 0)


async def test_many_wholes_with_few_parts_are_found_by_the_next_search(db, desk, shelf, indexer):
    boxes = [f"box{number:02}" for number in range(50)]
    for box in boxes:
        shelf.put(f"{box} a", f"alpha {box}", box=box)
        shelf.put(f"{box} b", "beta", box=box)
        await told(db, box, whole=True)
        await told(db, box, whole=True)
    assert await indexer.catch_up("site", "message") == "ready"
    assert await desk.ids("box49") == ["box49 a"]
    assert len(await desk.ids("beta", limit=100)) == len(boxes)
    shelf.things.clear()
    shelf.boxes.clear()
    await told(db, *boxes, whole=True)
    while await indexer.catch_up("site", "message") != "ready":
        pass
    assert (await count(db, search_entries), await count(db, search_waiting)) == (0, 0)


async def test_a_whole_that_was_begun_goes_on_beside_others(db, desk, shelf, indexer):
    for number in range(2_500):
        shelf.put(f"m{number:04}", f"n{number}", box="box")
    shelf.put("z1", "last", box="small")
    await told(db, "box", "small", whole=True)
    while await indexer.step():
        assert await count(db, search_waiting) <= 2_002
    assert (await desk.ids("n2499"), await desk.ids("last")) == (["m2499"], ["z1"])
    assert await count(db, search_entries) == 2_501


async def test_ten_thousand_parts_are_done_in_pieces(db, desk, shelf, indexer):
    for number in range(10_000):
        shelf.put(f"m{number:05}", f"alpha n{number}", box="box")
    await told(db, "box", whole=True)
    shelf.put("new", "alpha just written")
    await told(db, "new")
    assert await indexer.catch_up("site", "message") == "indexing"
    assert await desk.ids("written") == ["new"]
    indexed = await count(db, search_entries)
    assert 0 < indexed < 10_000
    while await indexer.step():
        assert await count(db, search_waiting) <= 4_001
    assert await desk.ids("n9999") == ["m09999"]
    shelf.things.clear()
    shelf.boxes.clear()
    await told(db, "box", whole=True)
    while await indexer.step():
        pass
    assert await count(db, search_entries) == 1
    await told(db, "new")
    await indexer.catch_up("site", "message")
    assert await desk.ids("written") == []


async def test_several_processes_index_a_thing_once(db, desk, shelf):
    for number in range(40):
        shelf.put(f"m{number}", f"alpha n{number}")
        await told(db, f"m{number}")
    await asyncio.gather(*[Indexer(db, [shelf]).catch_up("site", "message") for _ in range(4)])
    assert await count(db, search_entries) == 40
    assert len(await desk.ids("alpha", limit=100)) == 40


class Slow(Shelf):
    """A source that holds what it has read for a while."""

    def __init__(self, other):
        super().__init__()
        self.things, self.boxes = other.things, other.boxes
        self.read, self.go_on = asyncio.Event(), asyncio.Event()

    async def entries(self, tx, ref_ids, *, lock=False):
        found = await super().entries(tx, ref_ids)
        self.read.set()
        await self.go_on.wait()
        return found


async def test_who_read_an_old_text_does_not_write_it_over_the_new_one(db, desk, shelf, indexer):
    slow = Slow(shelf)
    shelf.put("m1", "old")
    await told(db, "m1")
    late = asyncio.create_task(Indexer(db, [slow]).step())
    await slow.read.wait()
    shelf.put("m1", "new")
    await told(db, "m1")
    await indexer.catch_up("site", "message")
    slow.go_on.set()
    await late
    assert (await desk.ids("old"), await desk.ids("new")) == ([], ["m1"])


async def test_a_search_goes_on_when_nothing_can_be_written(db, desk, shelf, indexer):
    class Full(Shelf):
        async def entries(self, tx, ref_ids, *, lock=False):
            raise StorageFull("The disk is full.")

    shelf.put("m1", "alpha")
    await told(db, "m1")
    await indexer.catch_up("site", "message")
    await told(db, "m1")
    assert await Indexer(db, [Full()]).catch_up("site", "message") == "indexing"
    assert await desk.ids("alpha") == ["m1"]


async def make_anew(db, shelf):
    while await rebuilding.step(db, shelf) is not None:
        pass
    while await rebuilding.sweep(db, ["message"]):
        pass


async def test_an_index_is_made_anew_beside_the_one_that_is_searched(db, desk, shelf, indexer):
    for number in range(4_500):
        shelf.put(f"m{number:04}", f"alpha n{number}")
    await told(db, "m0001", "m0002", "m0003")
    await indexer.catch_up("site", "message")
    await rebuilding.begin(db, shelf)
    await rebuilding.begin(db, shelf)
    first = await rebuilding.step(db, shelf)
    assert (first.done, first.total, first.complete) == (2_000, 4_500, False)
    assert await indexer.catch_up("site", "message") == "rebuilding"
    assert sorted(await desk.ids("alpha")) == ["m0001", "m0002", "m0003"]
    shelf.put("m0001", "changed")
    shelf.put("m4400", "changed as well")
    del shelf.things["m0002"]
    await told(db, "m0001", "m0002", "m4400")
    await indexer.catch_up("site", "message")
    assert sorted(await desk.ids("changed")) == ["m0001", "m4400"]
    await make_anew(db, shelf)
    assert await indexer.catch_up("site", "message") == "ready"
    assert sorted(await desk.ids("changed")) == ["m0001", "m4400"]
    assert await desk.ids("n4499") == ["m4499"]
    assert await desk.ids("n2") == []
    assert await count(db, search_entries) == 4_499
    assert await count(db, search_spaces) == 1


async def test_what_is_held_by_others_while_it_is_made_anew_is_not_forgotten(db, desk, shelf, indexer):
    shelf.put("m1", "alpha")
    shelf.put("m2", "alpha")
    await told(db, "m1")
    await indexer.catch_up("site", "message")
    shelf.held = {"m2"}
    await rebuilding.begin(db, shelf)
    await make_anew(db, shelf)
    while await indexer.step():
        pass
    assert sorted(await desk.ids("alpha")) == ["m1", "m2"]


async def test_another_analyser_is_noticed_and_the_index_made_anew(db, desk, shelf, indexer):
    shelf.put("m1", "alpha")
    await told(db, "m1")
    await indexer.catch_up("site", "message")
    async with db.begin() as tx:
        await tx.execute(sa.update(search_kinds).values(version=0))
    tidying = Tidying(db, SystemClock(), indexer, pause_s=0.01)
    await tidying.start()
    for _attempt in range(3_000):
        async with db.read() as tx:
            known = await generations.find_kind(tx, "message")
        if known.version != 0 and await count(db, search_spaces) == 1:
            break
        await asyncio.sleep(0.01)
    await tidying.close()
    assert (known.generation, known.building) == (2, None)
    assert await desk.ids("alpha") == ["m1"]


async def test_the_background_indexes_and_tidies(db, desk, shelf, indexer):
    tidying = Tidying(db, SystemClock(), indexer, pause_s=0.01)
    await tidying.start()
    for number in range(700):
        shelf.put(f"m{number}", "alpha")
    await told(db, *shelf.things)
    for _attempt in range(3_000):
        if await count(db, search_entries) == 700 and not indexer.untidy:
            break
        await asyncio.sleep(0.01)
    await tidying.close()
    await tidy_all(db)
    assert len(await desk.ids("alpha", limit=100)) == 100
