"""Pulling events: pages, what is rare, and what is waited for."""

from __future__ import annotations

import asyncio

import pytest

from features.webhooks.receiving import CALLER, Desk
from roundhouse.core.errors import BadInput, NotAllowed, NotFound
from roundhouse.core.types import Caller
from roundhouse.features.webhooks.service.events import EventService

ADMIN = Caller("key_0", "s1", scopes=frozenset({"admin"}))


@pytest.fixture
def events(desk: Desk) -> EventService:
    return EventService(desk.db, desk.tail)


async def test_pages_go_on_where_the_last_one_ended(desk: Desk, events: EventService):
    told = await desk.happen(*["job.queued", "job.completed"] * 3)
    await desk.happen("job.completed", site_id="s2")
    types = events.wanted(CALLER, ["job.completed"])
    first = await events.page(CALLER, types, after_seq=0, limit=2, wait_s=0)
    assert [one["seq"] for one in first.data] == [told[1].seq, told[3].seq]
    assert (first.has_more, first.next_cursor) == (True, str(told[3].seq))
    rest = await events.page(CALLER, types, after_seq=int(first.next_cursor), limit=2, wait_s=0)
    assert ([one["seq"] for one in rest.data], rest.has_more) == ([told[5].seq], False)
    # Behind all that there is, of others as well: the next question begins with news.
    assert int(rest.next_cursor) == told[5].seq + 1
    again = await events.page(CALLER, types, after_seq=int(rest.next_cursor), limit=2, wait_s=0)
    assert (again.data, again.next_cursor) == ([], rest.next_cursor)


async def test_what_is_rare_is_looked_for_in_pieces(desk: Desk):
    events = EventService(desk.db, desk.tail, most_looked_at=4)
    told = await desk.happen(*["job.queued"] * 6, "job.failed", *["job.queued"] * 3)
    pages, after = [], 0
    while True:
        page = await events.page(CALLER, {"job.failed"}, after_seq=after, limit=10, wait_s=0.01)
        pages.append([one["seq"] for one in page.data])
        after = int(page.next_cursor)
        if not page.has_more:
            break
    assert len(pages) == 3
    assert [seq for page in pages for seq in page] == [told[6].seq]


async def test_who_waits_is_told_at_once(desk: Desk, events: EventService):
    await desk.tail.start()
    waiting = asyncio.create_task(events.page(CALLER, {"job.failed"}, after_seq=0, limit=5, wait_s=30))
    await asyncio.sleep(0)
    await desk.happen("job.queued")
    (failed,) = await desk.happen("job.failed")
    page = await waiting
    assert [one["seq"] for one in page.data] == [failed.seq]
    nothing = await events.page(CALLER, {"job.failed"}, after_seq=failed.seq, limit=5, wait_s=0.05)
    assert (nothing.data, nothing.has_more, nothing.next_cursor) == ([], False, str(failed.seq))
    await desk.tail.close()


async def test_one_event_as_far_as_scopes_go(desk: Desk, events: EventService):
    (job,) = await desk.happen("job.queued")
    (message,) = await desk.happen(
        "message.created", data={"message_id": "m", "session_id": "s", "version": 1}
    )
    assert (await events.get(CALLER, job.seq))["id"] == job.id
    for seq in (message.seq, message.seq + 1):
        with pytest.raises(NotFound):
            await events.get(CALLER, seq)
    assert (await events.get(ADMIN, message.seq))["id"] == message.id
    with pytest.raises(NotFound):
        await events.get(Caller("key_9", "s2", scopes=frozenset({"admin"})), job.seq)
    with pytest.raises(NotAllowed):
        await events.get(Caller("key_9", "s1", "ada", scopes=frozenset({"admin"})), job.seq)


async def test_types_that_are_asked_for(events: EventService):
    assert "job.progress" not in events.wanted(CALLER, [])
    assert events.wanted(CALLER, ["job.progress"]) == {"job.progress"}
    assert events.wanted(CALLER, ["message.*"]) == set()
    assert events.wanted(ADMIN, ["generation.delta"]) == {"generation.delta"}
    with pytest.raises(BadInput):
        events.wanted(CALLER, ["jobs.*"])
