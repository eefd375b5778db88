"""Shelves: searched apart, counted apart, dropped at once."""

import pytest
import sqlalchemy as sa

from infra.search.conftest import tidy_all
from infra.search.shelf import Shelf
from roundhouse.infra.search import drop_shelf, mark, mark_parts, rebuilding
from roundhouse.infra.search.indexer import Indexer
from roundhouse.infra.search.rows import (
    search_changes,
    search_entries,
    search_fresh,
    search_postings,
    search_spaces,
    search_waiting,
)


@pytest.fixture
def source():
    return Shelf()


@pytest.fixture
def indexer(db, source):
    return Indexer(db, [source])


async def count(db, table):
    async with db.read() as tx:
        return (await tx.execute(sa.select(sa.func.count()).select_from(table))).scalar_one()


async def drop(db, shelf, kind="message"):
    async with db.begin() as tx:
        await drop_shelf(tx, "site", kind, shelf)


async def sweep(db):
    while await rebuilding.sweep(db, ["message"]):
        pass


async def told(db, *boxes, shelf=None):
    async with db.begin() as tx:
        await mark_parts(tx, "site", "message", boxes, shelf=shelf)


async def test_each_is_searched_and_counted_by_itself(desk):
    await desk.write({"a": "rare word", "b": "another thing"}, shelf="one")
    before = await desk.hits("rare", shelf="one")
    await desk.write({f"t{number}": "rare rare rare" for number in range(50)}, shelf="two")
    await desk.write({"none": "rare"})
    assert await desk.hits("rare", shelf="one") == before
    assert [hit.ref_id for hit in before.hits] == ["a"]
    assert await desk.ids("rare") == ["none"]
    assert await desk.ids("rare", shelf="three") == []
    assert len(await desk.ids("rare", shelf="two", limit=100)) == 50


async def test_what_moves_is_found_where_it_is(desk, db):
    await desk.write({"a": "word", "b": "word"}, shelf="one")
    await tidy_all(db)
    await desk.write({"a": "word"}, shelf="two")
    assert await desk.ids("word", shelf="one") == ["b"]
    assert await desk.ids("word", shelf="two") == ["a"]
    assert await count(db, search_entries) == 2


@pytest.mark.parametrize("tidied", [False, True])
async def test_a_dropped_shelf_is_gone_at_once_and_swept_away_afterwards(db, desk, tidied):
    await desk.write({f"m{number}": f"word n{number}" for number in range(20)}, shelf="one")
    await desk.write({"kept": "word"}, shelf="two")
    await desk.write({"other": "word"}, shelf="one", kind="session")
    if tidied:
        await tidy_all(db)
    await drop(db, "one")
    assert await desk.ids("word", shelf="one") == []
    # A new one of the same name may come, and go, before anybody has swept.
    await desk.write({"new": "word"}, shelf="one")
    await drop(db, "one")
    await desk.write({"newer": "word"}, shelf="one")
    assert await desk.ids("word", shelf="one") == ["newer"]
    await sweep(db)
    assert await desk.ids("word", shelf="one") == ["newer"]
    assert await desk.ids("word", shelf="two") == ["kept"]
    assert await desk.ids("word", shelf="one", kind="session") == ["other"]
    assert (await count(db, search_entries), await count(db, search_spaces)) == (3, 3)


async def test_nothing_is_left_of_what_was_dropped(db, desk):
    await desk.add(*[desk.entry(f"m{number}", f"word n{number}", shelf="one") for number in range(5_000)])
    await desk.write({"fresh": "word"}, shelf="one")
    await desk.remove("m7")
    await drop(db, "one")
    await sweep(db)
    for table in (search_entries, search_fresh, search_postings, search_changes, search_spaces):
        assert await count(db, table) == 0, table.name


async def test_dropping_what_is_not_there_is_nothing(db, desk):
    await drop(db, "never")
    await desk.write({"a": "word"}, shelf="one")
    await drop(db, "one", kind="other")
    assert await desk.ids("word", shelf="one") == ["a"]


async def test_parts_of_what_is_gone_leave_their_shelf(db, desk, source, indexer):
    for box in ("red", "blue"):
        source.shelves[box] = f"shelf of {box}"
        for number in range(5):
            source.put(f"{box}{number}", "alpha", box=box)
    await told(db, "red", "blue")
    assert await indexer.catch_up("site", "message") == "ready"
    assert len(await desk.ids("alpha", shelf="shelf of red")) == 5
    for box in ("red", "blue"):
        source.boxes.discard(box)
    source.things.clear()
    await told(db, "red", shelf="shelf of red")
    await told(db, "blue", shelf="another shelf")
    await indexer.catch_up("site", "message")
    assert await desk.ids("alpha", shelf="shelf of red") == []
    assert len(await desk.ids("alpha", shelf="shelf of blue")) == 5
    await told(db, "blue")
    await indexer.catch_up("site", "message")
    assert await count(db, search_entries) == 0


async def test_shelves_are_made_anew_with_their_kind(db, desk, source, indexer):
    for number in range(30):
        box = f"box {number % 3}"
        source.shelves[box] = box
        source.put(f"m{number:02}", "alpha", box=box)
    await told(db, *sorted(source.boxes))
    await indexer.catch_up("site", "message")
    await rebuilding.begin(db, source)
    await drop(db, "box 2")
    source.things = {one: had for one, had in source.things.items() if had[1] != "box 2"}
    source.shelves["box 1"] = "box 0"
    while await rebuilding.step(db, source) is not None:
        pass
    await told(db, "box 1")
    await indexer.catch_up("site", "message")
    await sweep(db)
    found = [len(await desk.ids("alpha", shelf=f"box {place}", limit=100)) for place in range(3)]
    assert found == [20, 0, 0]
    assert await count(db, search_entries) == 20


async def test_all_that_waits_is_indexed_in_bounded_steps_and_put_in_order(db, desk, source, indexer):
    source.shelves["box"] = "shelf"
    for number in range(5_000):
        source.put(f"m{number:04}", f"alpha n{number}", box="box")
    await told(db, "box")
    async with db.begin() as tx:
        await mark(tx, "other site", "message", ["m0000"])
    seen = []
    await indexer.catch_up_all("site", lambda share, text: seen.append(share))
    assert await desk.ids("n4999", shelf="shelf") == ["m4999"]
    assert len(seen) >= 3 and all(0 <= share <= 1 for share in seen) and seen[-1] == 1.0
    assert (await count(db, search_waiting), await count(db, search_fresh)) == (1, 0)
    await indexer.catch_up_all("site", lambda share, text: seen.append(2.0))
    assert 2.0 not in seen


async def test_one_kind_is_caught_up_without_the_others(db, desk, source):
    class Others(Shelf):
        kind = "session"

    indexer = Indexer(db, [source, Others()])
    source.put("m1", "alpha")
    async with db.begin() as tx:
        await mark(tx, "site", "message", ["m1"])
        await mark(tx, "site", "session", ["s1"])
    await indexer.catch_up_all("site", lambda share, text: None, kind="message")
    assert await desk.ids("alpha") == ["m1"]
    assert await count(db, search_waiting) == 1
