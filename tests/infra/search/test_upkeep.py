"""Putting the index in order changes how postings lie, and nothing else."""

import asyncio
import random

import sqlalchemy as sa

from infra.search.conftest import tidy_all
from roundhouse.infra.search import drop_shelf, store
from roundhouse.infra.search.fresh import Fresh, FreshRow, pack_terms, unpack_row
from roundhouse.infra.search.postings import MAX_COUNT, MAX_ROW, Document, Row, rows_of, unpack
from roundhouse.infra.search.rows import search_changes, search_entries, search_fresh, search_postings
from roundhouse.infra.search.upkeep import is_scattered, pack, purge, tidy

WORDS = ["alpha", "beta", "gamma", "thời tiết", "天气", "user_id", "האוויר"]


async def count(db, table):
    async with db.read() as tx:
        return (await tx.execute(sa.select(sa.func.count()).select_from(table))).scalar_one()


async def fill(desk, entries, seed=1):
    chance = random.Random(seed)
    for number in range(entries):
        await desk.write({f"m{number}": " ".join(chance.choices(WORDS, k=4))}, role=chance.choice(["a", "b"]))


async def answers(desk):
    return [await desk.hits(text, limit=50) for text in [*WORDS, "alpha beta", "gamma 天气 ser_"]]


async def spaces(db):
    async with db.read() as tx:
        return sorted(set((await tx.execute(sa.select(search_changes.c.space))).scalars()))


async def test_fresh_entries_become_postings(db, desk):
    await fill(desk, 60)
    before = await answers(desk)
    assert (await count(db, search_fresh), await count(db, search_postings)) == (60, 0)
    await tidy_all(db)
    assert await answers(desk) == before
    assert (await count(db, search_fresh), await count(db, search_changes)) == (0, 1)
    assert 0 < await count(db, search_postings) < 60
    (space,) = await spaces(db)
    assert not await tidy(db, space, changes=1, fresh=0)


async def test_a_few_fresh_entries_and_changes_are_left_alone(db, desk):
    await fill(desk, 20)
    (space,) = await spaces(db)
    assert not await tidy(db, space)
    await desk.add(*[desk.entry(f"l{number}", "word " * 90_000) for number in range(3)])
    assert not await tidy(db, space)
    for name in "abc":
        large = " ".join(f"{name}{number}x{number}" for number in range(10_000))
        await desk.add(desk.entry(f"large {name}", large))
    assert await tidy(db, space)
    assert await desk.ids("b999x999") == ["large b"]


async def test_many_entries_at_once_are_never_fresh(db, desk):
    await desk.add(*[desk.entry(f"m{number}", f"word n{number}") for number in range(600)])
    assert await count(db, search_fresh) == 0
    assert (await desk.ids("n17"))[0] == "m17"


async def test_small_rows_become_few(db, desk):
    for batch in range(40):
        await desk.write({f"b{batch}m{number}": "alpha beta" for number in range(3)})
        await tidy_all(db)
    async with db.read() as tx:
        of_alpha = sa.select(search_postings.c.count).where(search_postings.c.term == b"walpha")
        sizes = list((await tx.execute(of_alpha.order_by(search_postings.c.first_number))).scalars())
    assert sum(sizes) == 120
    assert len(sizes) <= 24
    assert len(await desk.ids("alpha", limit=100)) == 100


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
        left = set((await tx.execute(sa.select(search_entries.c.number))).scalars())
    (space,) = await spaces(db)
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
    await tidy_all(db)
    await desk.remove(*[f"m{number}" for number in range(5)])
    (space,) = await spaces(db)
    await purge(db, space)
    await tidy_all(db)
    assert await count(db, search_postings) == 0
    assert await desk.ids("alpha") == []


async def test_removed_ones_leave_by_themselves_when_they_are_many(db, desk):
    await desk.add(*[desk.entry(f"m{number}", "word") for number in range(600)])
    await desk.remove(*[f"m{number}" for number in range(200)])
    (space,) = await spaces(db)
    assert await tidy(db, space, removed=199)
    async with db.read() as tx:
        journal = (await tx.execute(sa.select(search_changes))).all()
    assert {row.removed for row in journal} == {b""}
    assert not await tidy(db, space, removed=199)


async def test_what_was_never_in_the_postings_is_removed_at_once(db, desk):
    await fill(desk, 4)
    await desk.remove("m1", "m2")
    assert await count(db, search_fresh) == 2
    async with db.read() as tx:
        assert set((await tx.execute(sa.select(search_changes.c.removed))).scalars()) == {b""}


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
    (space,) = await spaces(db)
    for _ in range(20):
        await tidy(db, space, changes=1, fresh=0)
    done.set()
    await asyncio.gather(*running)


async def test_packing_beside_writers_tidiers_and_packers(db, desk):
    await fill(desk, 80)
    await tidy_all(db)
    (space,) = await spaces(db)
    written = asyncio.Event()

    async def write(role):
        for number in range(4):
            await desk.write({f"{role}{number}-{part}": "alpha beta" for part in range(9)}, role=role)
            # Written anew or removed, so that what is packed holds what is no more.
            await desk.write({f"{role}{number}-0": "gamma"}, role=role)
            await desk.remove(f"{role}{number}-1")

    async def writers():
        await asyncio.gather(write("x"), write("y"))
        written.set()

    async def keep(work):
        while not written.is_set():
            await work()

    await asyncio.gather(
        writers(),
        keep(lambda: pack(db, space)),
        keep(lambda: pack(db, space)),
        keep(lambda: tidy(db, space, changes=1, fresh=0)),
        keep(lambda: purge(db, space)),
    )
    for _ in range(2):
        for role in "xy":
            found = set(await desk.ids("alpha", limit=100, role=role))
            assert found == {f"{role}{number}-{part}" for number in range(4) for part in range(2, 9)}
            assert set(await desk.ids("gamma", limit=100, role=role)) == {f"{role}{n}-0" for n in range(4)}
        await tidy_all(db)
        await purge(db, space)
        await pack(db, space)
    async with db.read() as tx:
        total = (await tx.execute(sa.select(sa.func.sum(search_changes.c.entries)))).scalar_one()
        rows = (await tx.execute(sa.select(search_postings))).all()
    assert total == await count(db, search_entries) == 80 + 2 * 4 * 8
    standing = [
        (row.term, int(number))
        for row in rows
        for number in unpack(row.term[:1], [(row.first_number, row.count, row.data)]).numbers
    ]
    assert len(set(standing)) == len(standing)


async def test_two_at_once_do_no_harm(db, desk):
    await fill(desk, 30)
    before = await answers(desk)
    await asyncio.gather(*[tidy_all(db) for _ in range(3)])
    assert await answers(desk) == before
    async with db.read() as tx:
        total = (await tx.execute(sa.select(sa.func.sum(search_changes.c.entries)))).scalar_one()
    assert total == 30


def test_documents_are_read_as_they_were():
    documents = [
        Document(5, 7, 1.5, {b"wx": 1, b"fa": 1}),
        Document(9, 70_000, 2.5, {b"wx": MAX_COUNT}),
        Document(2**32, 8, 3.5, {b"wx": 2, b"wy": 1}),
    ]
    packed = [FreshRow(one.number, one.length, one.at_s, pack_terms(one.terms)) for one in documents]
    assert [unpack_row(row) for row in packed] == documents
    for rows in (rows_of(documents), [Fresh(packed).row(term) for term in (b"fa", b"t", b"wx", b"wy")]):
        assert [row.term for row in rows] == [b"fa", b"t", b"wx", b"wy"]
        assert [row.size for row in rows] == [1, 3, 3, 1]
        columns = {row.term: unpack(row.term[:1], [(row.first, row.size, row.data)]) for row in rows}
        assert columns[b"t"].times.tolist() == [1.5, 2.5, 3.5]
        assert columns[b"wx"].numbers.tolist() == [5, 9, 2**32]
        assert columns[b"wx"].counts.tolist() == [1, MAX_COUNT, 2]
        assert columns[b"wx"].lengths.tolist() == [7, 65_535, 8]


def test_rows_are_neither_too_long_nor_too_wide():
    many = [Document(number, 1, 0.0, {b"wx": 1}) for number in range(MAX_ROW + 1)]
    apart = [Document(2**33, 1, 0.0, {b"wx": 1}), Document(2**34, 1, 0.0, {b"wx": 1})]
    assert [row.size for row in rows_of(many) if row.term == b"wx"] == [MAX_ROW, 1]
    assert [row.size for row in rows_of(apart) if row.term == b"wx"] == [1, 1]


def test_beginnings_of_words_are_found_among_fresh_ones():
    fresh = Fresh([FreshRow(1, 1, 0.0, pack_terms({b"wab": 1, b"wabc": 2, b"wb": 1, b"~abd": 1}))])
    assert fresh.terms_between(b"wab\x00", b"wab\xff", 5) == [b"wabc"]
    assert fresh.terms_between(b"~ab", b"~ab\xff", 5) == [b"~abd"]
    assert fresh.row(b"wa") is None


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


async def test_a_packed_space_has_few_rows_and_says_the_same(db, desk):
    for batch in range(9):
        texts = {f"b{batch}m{number}": f"alpha rare{number} {WORDS[number % 7]}" for number in range(6)}
        await desk.write(texts)
        await tidy_all(db)
    (space,) = await spaces(db)
    before, asked = await count(db, search_postings), await desk.hits("alpha rare3", match="any", limit=50)
    answered = await answers(desk)
    await pack(db, space)
    async with db.read() as tx:
        of_term = sa.select(sa.func.count()).select_from(search_postings).group_by(search_postings.c.term)
        assert max((await tx.execute(of_term)).scalars()) < 3
    assert await count(db, search_postings) < before
    assert await answers(desk) == answered
    assert await desk.hits("alpha rare3", match="any", limit=50) == asked


async def test_a_space_is_scattered_when_much_of_it_is_new(db, desk):
    await fill(desk, 3)
    (space,) = await spaces(db)
    assert not await is_scattered(db, space, 3)
    assert await is_scattered(db, space, 2_000)
    async with db.begin() as tx:
        await tx.execute(sa.insert(search_changes).values(space=space, entries=20_000, words=1, removed=b""))
    assert not await is_scattered(db, space, 2_000)


async def test_a_dropped_space_is_not_packed(db, desk):
    for batch in range(5):
        await desk.write({f"b{batch}m{number}": "alpha beta" for number in range(1 + batch)})
        await tidy_all(db)
    (space,) = await spaces(db)
    async with db.begin() as tx:
        await drop_shelf(tx, desk.site_id, "message", "")
        # As if many rows were there still.
        await store.insert_postings(
            tx, space, [Row(b"wx", first, first, 1, b"\0" * 7) for first in (1, 2, 3)]
        )
    before = await count(db, search_postings)
    await pack(db, space)
    assert await count(db, search_postings) == before
