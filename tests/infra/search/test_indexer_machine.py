"""Whatever is written, indexed, cut off and made anew in whichever order: a search finds what is there."""

import contextlib
import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.search.conftest import tidy_all
from infra.search.shelf import Shelf
from roundhouse.core.errors import StorageUnavailable
from roundhouse.infra.search import drop_shelf, generations, mark, mark_parts, rebuilding
from roundhouse.infra.search.indexer import Indexer
from roundhouse.infra.search.upkeep import pack

WORDS = ["alpha", "beta", "gamma"]
NAMES = st.sampled_from([f"m{number}" for number in range(6)])
BOXES = st.sampled_from(["red box", "blue box"])
SHELVES = ["", "upper", "lower"]
STEPS = st.one_of(
    st.tuples(st.just("write"), NAMES, st.sampled_from(WORDS), BOXES),
    st.tuples(st.just("delete"), NAMES),
    st.tuples(st.just("tag"), BOXES, st.sampled_from(["one", "two"])),
    st.tuples(st.just("hide"), BOXES),
    st.tuples(st.just("restore"), BOXES),
    st.tuples(st.just("carry"), BOXES, st.sampled_from(SHELVES)),
    st.tuples(st.just("drop"), st.sampled_from(SHELVES)),
    st.tuples(st.sampled_from(["index", "cut off", "tidy", "begin anew", "go on anew", "sweep", "pack"])),
)
_sites = itertools.count()


class Machine:
    """Boxes with things, in memory and in the index."""

    def __init__(self, db, site_id):
        self.db = db
        self.shelf = Shelf(site_id)
        self.indexer = Indexer(db, [self.shelf])
        self.hidden = {}

    async def told(self, kind, ref_id):
        async with self.db.begin() as tx:
            await kind(tx, self.shelf.site_id, "message", [ref_id])

    async def do(self, step):
        verb, *given = step
        await getattr(self, verb.replace(" ", "_"))(*given)

    async def write(self, name, word, box):
        if box not in self.hidden:
            self.shelf.put(f"{self.shelf.site_id} {name}", word, box=box)
            await self.told(mark, f"{self.shelf.site_id} {name}")

    async def delete(self, name):
        self.shelf.things.pop(f"{self.shelf.site_id} {name}", None)
        await self.told(mark, f"{self.shelf.site_id} {name}")

    async def tag(self, box, tag):
        for ref_id, (text, of_box, _tags) in list(self.shelf.things.items()):
            if of_box == box:
                self.shelf.things[ref_id] = (text, box, (tag,))
        await self.told(mark_parts, box)

    async def hide(self, box):
        if box not in self.hidden:
            inside = {one: had for one, had in self.shelf.things.items() if had[1] == box}
            self.hidden[box] = inside
            for ref_id in inside:
                del self.shelf.things[ref_id]
            self.shelf.boxes.discard(box)
            await self.told(mark_parts, box)

    async def restore(self, box):
        if box in self.hidden:
            back = self.hidden.pop(box)
            self.shelf.things |= {one: had for one, had in back.items() if one not in self.shelf.things}
            self.shelf.boxes.add(box)
            await self.told(mark_parts, box)

    async def carry(self, box, shelf):
        """A box stands on another shelf from now on, with all that is in it."""
        self.shelf.shelves[box] = shelf
        await self.told(mark_parts, box)

    async def drop(self, shelf):
        """What is in the boxes of a shelf is gone, and nobody is told of each."""
        for ref_id, (_text, box, _tags) in list(self.shelf.things.items()):
            if self.shelf.shelves.get(box, "") == shelf:
                del self.shelf.things[ref_id]
        async with self.db.begin() as tx:
            await drop_shelf(tx, self.shelf.site_id, "message", shelf)

    async def index(self):
        await self.indexer.step(self.shelf.site_id)

    async def cut_off(self):
        self.shelf.fails = 1
        with contextlib.suppress(StorageUnavailable):
            await self.indexer.step(self.shelf.site_id)
        self.shelf.fails = 0

    async def tidy(self):
        await tidy_all(self.db)

    async def begin_anew(self):
        await rebuilding.begin(self.db, self.shelf)

    async def go_on_anew(self):
        await rebuilding.step(self.db, self.shelf)

    async def pack(self):
        async with self.db.read() as tx:
            spaces = await generations.spaces_of(tx, self.shelf.site_id, "message", None)
        for space in spaces:
            await pack(self.db, space)

    async def sweep(self):
        await rebuilding.sweep(self.db, ["message"])


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, max_size=25))
async def test_a_search_finds_what_is_there(db, desk_for, steps):
    desk = desk_for(db)
    desk.site_id = f"machine {next(_sites)}"
    machine = Machine(db, desk.site_id)
    for step in steps:
        await machine.do(step)
    # What an example before began would go on with things of this one.
    while await rebuilding.step(db, machine.shelf) is not None:
        pass
    await machine.indexer.catch_up(desk.site_id, "message")
    for shelf, word in itertools.product(SHELVES, WORDS):
        expected = {
            one
            for one, (text, box, _tags) in machine.shelf.things.items()
            if text == word and machine.shelf.shelves.get(box, "") == shelf
        }
        assert set(await desk.ids(word, limit=100, shelf=shelf)) == expected, (shelf, word)
        assert set(await desk.ids(word, limit=100, shelf=shelf, match="any")) == expected, (shelf, word)
        for tag in ("one", "two"):
            tagged = {one for one in expected if tag in machine.shelf.things[one][2]}
            assert set(await desk.ids(word, limit=100, shelf=shelf, tags=(tag,))) == tagged, (
                shelf,
                word,
                tag,
            )
