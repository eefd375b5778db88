"""A source of things in memory."""

from roundhouse.core.errors import StorageUnavailable
from roundhouse.infra.search import Entry, Some


class Shelf:
    """A source in memory: things with a text, some of them parts of a box."""

    kind = "message"

    def __init__(self, site_id="site"):
        self.site_id = site_id
        self.things = {}
        self.boxes = set()
        self.held = set()
        self.fails = 0
        # On which shelf the parts of a box stand, where that is not the one without a name.
        self.shelves = {}

    def put(self, ref_id, text, box=None, tags=()):
        self.things[ref_id] = (text, box, tags)
        self.boxes |= {box} - {None}

    async def entries(self, tx, ref_ids, *, lock=False):
        if self.fails:
            self.fails -= 1
            raise StorageUnavailable("Cut off.")
        there = [one for one in ref_ids if one in self.things and not (lock and one in self.held)]
        return [
            Entry(
                one,
                "message",
                self.site_id,
                None,
                None,
                box,
                None,
                tags,
                text,
                float(len(one)),
                self.shelves.get(box, ""),
            )
            for one, (text, box, tags) in ((one, self.things[one]) for one in there)
        ]

    async def parts(self, tx, ref_id, after, limit):
        if ref_id not in self.boxes:
            return None
        return self._some([one for one, (_, box, _) in self.things.items() if box == ref_id], after, limit)

    async def page(self, tx, after, limit):
        return self._some(self.things, after, limit)

    async def count(self, tx):
        return len(self.things)

    def _some(self, ref_ids, after, limit):
        found = [one for one in sorted(ref_ids) if one > after][:limit]
        return Some(found, found[-1] if len(found) == limit else None)
