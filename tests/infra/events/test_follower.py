"""The seam between table and live events, over a table in memory: writes, hand-overs and reads in any order."""

import random

import pytest

from roundhouse.core.errors import StorageUnavailable
from roundhouse.infra.events.follower import Follower
from roundhouse.infra.events.reading import PAGE
from roundhouse.infra.events.store import Event


class Origin:
    """Its table is a list; while it is read, things go on happening."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.table: list[Event] = []
        self.position = 0
        self.followers: list[Follower] = []

    def add(self, follower: Follower) -> None:
        self.followers.append(follower)

    def remove(self, follower: Follower) -> None:
        self.followers.remove(follower)

    async def given(self, seq: int) -> int:
        return min(seq, len(self.table))

    def write(self) -> None:
        for _ in range(self.chance.choice((0, 1, 3, PAGE // 2, PAGE, 2 * PAGE))):
            seq = len(self.table) + 1
            self.table.append(Event(seq, f"evt_{seq}", "default", "t", "x.y", {}, 0.0))

    def hand_over(self) -> None:
        until = self.chance.randint(self.position, len(self.table))
        for event in self.table[self.position : until]:
            for follower in self.followers:
                follower.push(event)
        self.position = until

    def go_on(self) -> None:
        for _ in range(self.chance.randint(0, 3)):
            self.chance.choice((self.write, self.hand_over))()

    async def page(self, site_id: str, topic: str | None, after_seq: int) -> list[Event]:
        self.go_on()
        found = self.table[after_seq : after_seq + PAGE]
        self.go_on()
        if self.chance.random() < 0.1:
            raise StorageUnavailable
        return found


async def read_all(origin: Origin, follower: Follower, expected: int) -> None:
    """Take what there is until all of the table was taken."""
    calm = False
    while not (calm and follower.caught_up):
        calm = calm or origin.chance.random() < 0.05
        if not calm:
            origin.go_on()
        else:
            origin.go_on = lambda: None
            while origin.position < len(origin.table):
                origin.hand_over()
        for event in await follower.batch(0.0):
            expected += 1
            assert event.seq == expected
    assert expected == len(origin.table)


@pytest.mark.parametrize("seed", range(60))
async def test_pages_and_live_events_meet(seed):
    origin = Origin(random.Random(seed))
    origin.write()
    origin.hand_over()
    after = origin.chance.choice((None, 0, origin.position // 2, origin.position))
    start = origin.position if after is None else after
    try:
        async with Follower(origin, "default", "t", after, retry_s=0.0) as follower:
            await read_all(origin, follower, start)
    except StorageUnavailable:
        pass
    assert origin.followers == []


async def test_numbers_that_start_anew():
    origin = Origin(random.Random(1))
    origin.position = 50
    async with Follower(origin, "default", "t", None) as follower:
        follower.push(Event(51, "evt_a", "default", "t", "x.y", {}, 0.0))
        follower.start_anew(10)
        follower.push(Event(11, "evt_b", "default", "t", "x.y", {}, 0.0))
        follower.push(Event(11, "evt_b", "default", "t", "x.y", {}, 0.0))
        assert [event.seq for event in await follower.batch()] == [51, 11]


@pytest.mark.parametrize("passed", [False, True])
async def test_who_committed_the_first_event_reads_the_table_only_when_it_was_passed(passed):
    origin = Origin(random.Random(1))
    first, second = (Event(seq, f"evt_{seq}", "default", "t", "x.y", {}, 0.0) for seq in (1, 2))
    origin.table = [first, second]
    reads = []
    page = origin.page

    async def counted(*asked):
        reads.append(asked)
        return await page(*asked)

    origin.page = counted
    origin.position = 2 if passed else 0
    async with Follower(origin, "default", "t", 0, first=first) as follower:
        assert len(reads) == passed
        for event in () if passed else (first, second):
            follower.push(event)
        assert (await follower.batch(0.0))[:2] == [first, second]
