"""Putting the index in order changes how postings lie, and nothing else."""

import asyncio
import random

import pytest
import sqlalchemy as sa

from roundhouse.infra.clock import SystemClock
from roundhouse.infra.search import upkeep
from roundhouse.infra.search.postings import MAX_ROW, Posting, pack, unpack
from roundhouse.infra.search.rows import search_changes, search_entries, search_postings
from roundhouse.infra.search.tidying import Tidying
from roundhouse.infra.search.upkeep import purge, tidy

WORDS = ["alpha", "beta", "gamma", "thời tiết", "天气", "user_id", "האוויר"]


async def tidy_all(db):
    while await tidy(db, changes=1, new_entries=0):
        pass


async def count(db, table):
    async with db.read() as tx:
        return (await tx.execute(sa.select(sa.func.count()).select_from(table))).scalar_one()


async def fill(desk, entries, seed=1):
    chance = random.Random(seed)
    for number in range(entries):
        await desk.write({f"m{number}": " ".join(chance.choices(WORDS, k=4))}, role=chance.choice(["a", "b"]))


async def answers(desk):
    return [await desk.hits(text, limit=50) for text in [*WORDS, "alpha beta", "gamma 天气 ser_"]]


async def test_many_small_rows_become_few(db, desk):
    await fill(desk, 60)
    before, rows = await answers(desk), await count(db, search_postings)
    assert await count(db, search_changes) == 60
    await tidy_all(db)
    assert await answers(desk) == before
    assert await count(db, search_changes) == 1
    assert await count(db, search_postings) < rows / 5
    assert not await tidy(db, changes=1, new_entries=0)


async def test_it_goes_on_where_new_ones_came(db, desk):
    await fill(desk, 20)
    await tidy_all(db)
    await fill(desk, 45, seed=2)
    before = await answers(desk)
    await tidy_all(db)
    assert await answers(desk) == before


async def test_removed_entries_leave_the_postings(db, desk):
    await fill(desk, 40)
    await tidy_all(db)
    await desk.remove(*[f"m{number}" for number in range(0, 40, 2)])
    ids = [[hit.ref_id for hit in one.hits] for one in await answers(desk)]
    async with db.read() as tx:
        (space,) = set((await tx.execute(sa.select(search_entries.c.space))).scalars())
        left = set((await tx.execute(sa.select(search_entries.c.number))).scalars())
    await purge(db, space)
    assert [sorted(one.ref_id for one in page.hits) for page in await answers(desk)] == [
        sorted(one) for one in ids
    ]
    async with db.read() as tx:
        rows = (await tx.execute(sa.select(search_postings))).all()
        journal = (await tx.execute(sa.select(search_changes))).all()
    standing = {
        int(n)
        for row in rows
        for n in unpack(row.term[:1], [(row.first_number, row.count, row.data)]).numbers
    }
    assert standing == left
    assert [row.removed for row in journal] == [b""] * len(journal)
    assert sum(row.entries for row in journal) == len(left) == 20


async def test_all_may_be_removed(db, desk):
    await fill(desk, 5)
    await desk.remove(*[f"m{number}" for number in range(5)])
    async with db.read() as tx:
        (space,) = set((await tx.execute(sa.select(search_changes.c.space))).scalars())
    await purge(db, space)
    await tidy_all(db)
    assert await count(db, search_postings) == 0
    assert await desk.ids("alpha") == []


async def test_what_was_removed_meanwhile_is_not_forgotten(db, desk):
    await fill(desk, 10)
    await desk.remove("m1")
    await tidy_all(db)
    await desk.remove("m2")
    await tidy_all(db)
    assert {"m1", "m2"}.isdisjoint(await desk.ids(" ".join(WORDS), limit=50))


async def test_searching_and_writing_go_on_meanwhile(db, desk):
    await fill(desk, 80)
    expected = {word: set(await desk.ids(word, limit=100, role="a")) for word in WORDS}
    done = asyncio.Event()

    async def look():
        while not done.is_set():
            for word in WORDS:
                assert set(await desk.ids(word, limit=100, role="a")) == expected[word]

    async def write():
        number = 0
        while not done.is_set():
            await desk.write({f"n{number}": "alpha beta gamma"}, role="c")
            number += 1

    running = [asyncio.create_task(one()) for one in (look, write)]
    for _ in range(6):
        await tidy(db, changes=1, new_entries=0)
    done.set()
    await asyncio.gather(*running)


async def test_two_at_once_do_no_harm(db, desk):
    await fill(desk, 30)
    before = await answers(desk)
    await asyncio.gather(*[tidy(db, changes=1, new_entries=0) for _ in range(3)])
    await tidy_all(db)
    assert await answers(desk) == before
    async with db.read() as tx:
        total = (await tx.execute(sa.select(sa.func.sum(search_changes.c.entries)))).scalar_one()
    assert total == 30


async def test_the_background_does_it(db, desk):
    await fill(desk, upkeep.CHANGES + 1)
    tidying = Tidying(db, SystemClock(), pause_s=0.01)
    await tidying.start()
    for _attempt in range(3_000):
        if await count(db, search_changes) == 1:
            break
        await asyncio.sleep(0.01)
    await tidying.close()
    assert await count(db, search_changes) == 1


@pytest.mark.parametrize("kind", [b"w", b"f", b"t"])
def test_packed_postings_are_read_as_they_were(kind):
    postings = [Posting(5, 1, 7, 1.5), Posting(9, 300, 70_000, 2.5), Posting(2**32, 2, 8, 3.5)]
    columns = unpack(kind, [(5, 3, pack(kind, postings))])
    assert columns.numbers.tolist() == [5, 9, 2**32]
    if kind == b"t":
        assert columns.times.tolist() == [1.5, 2.5, 3.5]
    if kind == b"w":
        assert columns.counts.tolist() == [1, 255, 2]
        assert columns.lengths.tolist() == [7, 65_535, 8]


async def test_a_common_word_is_several_rows(db, desk):
    await desk.add(*[desk.entry(f"m{number}", "word") for number in range(MAX_ROW + 900)])
    await tidy_all(db)
    async with db.read() as tx:
        sizes = (
            await tx.execute(sa.select(search_postings.c.count).where(search_postings.c.term == b"wword"))
        ).all()
    assert sum(size for (size,) in sizes) == MAX_ROW + 900
    assert 2 <= len(sizes) <= 4
    assert len(await desk.ids("word", limit=100)) == 100
    assert await desk.ids("word", since_s=0.0, until_s=1_001.0) == ["m0"]
