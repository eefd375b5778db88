"""What the tests of searching have in common: short ways to write entries and ask for them."""

import itertools

import pytest
import sqlalchemy as sa

from roundhouse.core.types import Caller
from roundhouse.infra.search import Entry, Query, index, remove, search, store
from roundhouse.infra.search.disjunction import Disjunction
from roundhouse.infra.search.fresh import Fresh
from roundhouse.infra.search.gathering import Lists
from roundhouse.infra.search.narrowing import Narrowing
from roundhouse.infra.search.parsing import parse
from roundhouse.infra.search.rows import search_spaces
from roundhouse.infra.search.upkeep import tidy


class Desk:
    """One tenant's door to the index of one database."""

    def __init__(self, db, site_id="site"):
        self.db = db
        self.site_id = site_id
        self.caller = Caller("key", site_id=site_id)
        self._times = itertools.count(1_000)

    def entry(self, ref_id, text, **given):
        named = {
            "kind": "message",
            "site_id": self.site_id,
            "user_id": None,
            "app_id": None,
            "parent_id": None,
            "role": None,
            "tags": (),
            "at_s": float(next(self._times)),
        }
        return Entry(ref_id=ref_id, text=text, **(named | given))

    async def add(self, *entries):
        async with self.db.begin() as tx:
            return await index(tx, entries)

    async def write(self, texts, **given):
        await self.add(*[self.entry(ref_id, text, **given) for ref_id, text in texts.items()])

    async def remove(self, *ref_ids, kind="message"):
        async with self.db.begin() as tx:
            await remove(tx, kind, ref_ids)

    async def hits(self, text, *, user_id=None, app_id=None, of_user=None, of_app=None, **given):
        caller = Caller("key", site_id=self.site_id, user_id=user_id, app_id=app_id)
        query = Query(text, given.pop("kind", "message"), user_id=of_user, app_id=of_app, **given)
        async with self.db.read() as tx:
            return await search(tx, caller, query)

    async def first(self, text, needed, bounds, kind="message", shelf=""):
        """Ids of the best entries with any word, within other bounds than those of the product."""
        async with self.db.read() as tx:
            space = await store.find_space(tx, self.site_id, kind, shelf)
            lists = Lists(tx, space, Fresh(await store.fresh(tx, space)))
            narrowing = Narrowing(tx, space, lists, Query(text, kind), self.caller)
            parsed = parse(text, quotes=False)
            found = await Disjunction(tx, lists, narrowing, parsed, bounds).first(needed)
        return [label.ref_id for label, _score in found]

    async def ids(self, text, **given):
        return [hit.ref_id for hit in (await self.hits(text, **given)).hits]


async def tidy_all(db):
    """Leave nothing undone in any space: no fresh entry, no journal."""
    async with db.read() as tx:
        spaces = (await tx.execute(sa.select(search_spaces.c.space))).scalars().all()
    for space in spaces:
        while await tidy(db, space, changes=1, fresh=0):
            pass


@pytest.fixture
def desk(db):
    return Desk(db)


@pytest.fixture
def desk_for():
    """A tenant of its own: examples of one property share a database, not what is in it."""
    numbers = itertools.count()
    return lambda db: Desk(db, f"site {next(numbers)}")
