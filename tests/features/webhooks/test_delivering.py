"""From an event to a receiver: who is told, how it is tried again, when that ends, and who does it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json

import pytest
import sqlalchemy as sa

from features.webhooks.receiving import CALLER, Desk
from roundhouse.core.errors import AddressRefused, BackendTimeout, Conflict, NotFound
from roundhouse.core.types import Caller
from roundhouse.features.webhooks.delivering.schedule import MOST_TRIES, PAUSES_S, pause_s
from roundhouse.features.webhooks.envelope import MOST_BYTES
from roundhouse.features.webhooks.schemas import WebhookCreate, WebhookPatch
from roundhouse.features.webhooks.store import endpoints, outbox
from roundhouse.infra.events import store as events
from roundhouse.infra.moments import moment

DAY_S = 86_400.0


async def test_an_event_is_told_once_to_everybody_who_asked(desk: Desk):
    await desk.happen("job.completed")  # Before anybody asked.
    jobs = await desk.make()
    await desk.make(url="https://example.org/files", events=["file.created"])
    queued, ended = await desk.happen("job.queued", "job.completed")
    await desk.happen("job.progress")
    await desk.happen("job.completed", site_id="s2")
    await desk.deliver()
    await desk.deliver()
    assert sorted(desk.receiver.ids) == sorted([queued.id, ended.id])
    (post,) = [one for one in desk.receiver.posts if one.headers["webhook-id"] == ended.id]
    assert post.url == "https://example.org/hook"
    assert post.headers["content-type"] == "application/cloudevents+json"
    assert post.event == {
        "specversion": "1.0",
        "id": ended.id,
        "source": "/sites/s1",
        "type": "job.completed",
        "subject": "job_1",
        "time": "2027-01-15T08:00:00.000Z",
        "timestamp": "2027-01-15T08:00:00.000Z",
        "datacontenttype": "application/json",
        "siteid": "s1",
        "seq": ended.seq,
        "data": ended.data,
    }
    assert post.headers["webhook-timestamp"] == "1800000000"
    first, last = await desk.list(jobs.id)
    assert {first.event_id, last.event_id} == {queued.id, ended.id}
    assert (last.state, last.attempts, last.next_at) == ("delivered", 1, None)
    assert (last.tries[0].status, last.tries[0].error) == (200, None)
    assert last.tries[0].head == '{"ok": "\ufffd"}'


async def test_what_is_sent_is_signed_for_its_receiver(desk: Desk):
    made = await desk.make(headers={"x-token": "open sesame"})
    rotated = await desk.webhooks.rotate(CALLER, made.id)
    await desk.happen("job.queued")
    await desk.deliver()
    (post,) = desk.receiver.posts
    assert post.headers["x-token"] == "open sesame"
    signatures = post.headers["webhook-signature"].split()
    assert len(signatures) == 2
    for secret, one in zip((rotated.secret, made.secret), signatures, strict=True):
        # By hand: the library's clock is not turned.
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.".encode() + post.body
        assert one == "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    desk.clock.turn(DAY_S + 1)
    await desk.happen("job.queued")
    await desk.deliver()
    assert len(desk.receiver.posts[-1].headers["webhook-signature"].split()) == 1
    assert (await desk.webhooks.get(CALLER, made.id)).old_secret_until is None


async def test_it_is_tried_again_by_the_schedule_and_then_given_up(desk: Desk):
    made = await desk.make()
    (event,) = await desk.happen("job.completed")
    desk.receiver.status = 500
    for tried in range(1, MOST_TRIES + 1):
        asked_s = await desk.deliver()
        assert len(desk.receiver.posts) == tried
        (one,) = await desk.list(made.id)
        assert one.attempts == tried
        wait_s = pause_s(tried, 0.5)
        if wait_s is not None:
            assert one.next_at is not None
            assert one.next_at.timestamp() == pytest.approx(desk.clock.now_s() + wait_s)
            assert 0 < asked_s <= wait_s
            desk.clock.turn(wait_s)
    assert (one.state, one.next_at) == ("failed", None)
    assert set(desk.receiver.ids) == {event.id}
    assert {try_.error for try_ in one.tries} == {"webhook_refused"}
    shown = await desk.webhooks.get(CALLER, made.id)
    assert (shown.failed, shown.pending, shown.enabled) == (1, 0, True)
    assert shown.failing_since is not None


def test_the_schedule_is_the_published_one():
    assert PAUSES_S == (5, 300, 1800, 7200, 18_000, 36_000, 36_000)
    assert [pause_s(1, 0.0), pause_s(1, 1.0), pause_s(8, 0.0)] == [5.0, 6.0, None]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (302, "webhook_refused"),
        (404, "webhook_refused"),
        (429, "webhook_refused"),
        (BackendTimeout("It did not begin to answer in time."), "backend_timeout"),
        (AddressRefused("The URL does not point to a public address."), "address_refused"),
    ],
    ids=str,
)
async def test_only_2xx_is_taken(desk: Desk, answer, error):
    made = await desk.make()
    await desk.happen("job.completed")
    desk.receiver.answers = [answer, 204]
    await desk.deliver()
    (one,) = await desk.list(made.id)
    assert (one.state, one.tries[0].error) == ("pending", error)
    desk.clock.turn(10)
    await desk.deliver()
    (one,) = await desk.list(made.id)
    assert (one.state, one.attempts, one.tries[1].status) == ("delivered", 2, 204)
    assert (await desk.webhooks.get(CALLER, made.id)).failing_since is None


async def test_410_switches_it_off(desk: Desk):
    made = await desk.make()
    await desk.happen("job.queued")
    desk.receiver.answers = [410]
    await desk.deliver()
    shown = await desk.webhooks.get(CALLER, made.id)
    assert (shown.enabled, shown.disabled_reason, shown.pending) == (False, "gone", 1)
    told = await site_events(desk)
    assert told[-1].type == "webhook.disabled"
    assert told[-1].data == {"webhook_id": made.id, "url": made.url, "reason": "gone"}
    desk.clock.turn(60)
    await desk.deliver()
    assert len(desk.receiver.posts) == 1
    # Switched on again it goes on with what waits.
    await desk.webhooks.change(CALLER, made.id, WebhookPatch(enabled=True))
    await desk.deliver()
    (one,) = await desk.list(made.id)
    assert one.state == "delivered"
    assert (await desk.webhooks.get(CALLER, made.id)).disabled_reason is None


async def test_five_days_of_failing_switch_it_off(desk: Desk):
    made = await desk.make()
    desk.receiver.status = 503
    for _ in range(10):
        await desk.happen("job.queued")
        await desk.deliver()
        assert (await desk.webhooks.get(CALLER, made.id)).enabled
        desk.clock.turn(DAY_S / 2)
    await desk.happen("job.queued")
    await desk.deliver()
    shown = await desk.webhooks.get(CALLER, made.id)
    assert (shown.enabled, shown.disabled_reason) == (False, "failing")
    assert (await site_events(desk))[-1].type == "webhook.disabled"


async def test_one_success_begins_the_five_days_anew(desk: Desk):
    made = await desk.make()
    desk.receiver.answers = [503, 200, 503]
    for days in (4, 4, 0):
        await desk.happen("job.queued")
        await desk.deliver()
        desk.clock.turn(days * DAY_S)
    assert (await desk.webhooks.get(CALLER, made.id)).enabled


async def test_ten_at_a_time_to_one_and_room_for_others(desk: Desk):
    await desk.make(events=["job.queued"])
    await desk.make(url="https://example.org/other", events=["job.completed"])
    for _ in range(5):
        await desk.happen(*["job.queued"] * 5)
    await desk.happen("job.completed")
    desk.receiver.hold = asyncio.Event()
    await desk.deliverer.beat()
    await asyncio.sleep(0)
    await desk.deliverer.beat()
    await asyncio.sleep(0)
    assert desk.receiver.most_inside == 11
    assert desk.receiver.types.count("job.completed") == 1
    desk.receiver.hold.set()
    await desk.deliver()
    assert len(set(desk.receiver.ids)) == len(desk.receiver.ids) == 26


async def test_thin_and_too_large_go_without_data(desk: Desk):
    await desk.make(thin=True)
    await desk.make(url="https://example.org/whole")
    (small,) = await desk.happen("job.queued")
    (large,) = await desk.happen("job.completed", data={"text": "x" * MOST_BYTES})
    await desk.deliver()
    whole = {one.event["seq"]: one for one in desk.receiver.posts if one.url.endswith("whole")}
    thin = {one.event["seq"]: one for one in desk.receiver.posts if not one.url.endswith("whole")}
    assert thin[small.seq].event["dataref"] == f"/v1/events/{small.seq}"
    assert "data" not in thin[small.seq].event
    assert whole[small.seq].event["data"] == small.data
    assert "data" not in whole[large.seq].event
    assert len(whole[large.seq].body) < 1000


async def test_an_event_that_was_deleted_is_not_sent(desk: Desk):
    made = await desk.make()
    desk.receiver.answers = [500]
    await desk.happen("job.queued")
    await desk.deliver()
    async with desk.db.begin() as tx:
        await events.delete_of(tx, ["job_1"])
    desk.clock.turn(10)
    await desk.deliver()
    (one,) = await desk.list(made.id)
    assert (one.state, len(desk.receiver.posts)) == ("gone", 1)


async def test_a_fault_of_ours_is_a_try_that_failed(desk: Desk, logged):
    made = await desk.make()
    await desk.happen("job.queued")
    desk.receiver.answers = ["not a status"]
    await desk.deliver()
    (one,) = await desk.list(made.id)
    assert (one.state, one.tries[0].error, one.tries[0].detail) == ("pending", "internal_error", "TypeError")
    assert [line["event"] for line in logged if line["log_level"] == "error"] == ["webhook_not_sent"]


# Who delivers


async def test_one_of_all_executors_delivers(desk: Desk):
    await desk.join("exe_b")
    other = desk.another("exe_b")
    await desk.make()
    await desk.deliver()
    assert (desk.deliverer.leads, other.leads) == (True, False)
    assert await other.beat() > 1.0
    (event,) = await desk.happen("job.queued")
    await desk.deliver(other)
    assert desk.receiver.posts == []
    await desk.bury("exe_a")
    await desk.deliver(other)
    assert other.leads
    assert desk.receiver.ids == [event.id]
    # The one that was buried changes nothing any more, and notices it.
    await desk.happen("job.completed")
    await desk.deliverer.beat()
    assert not desk.deliverer.leads
    await desk.deliver(other)
    assert len(desk.receiver.ids) == 2


async def test_what_was_on_its_way_is_tried_by_the_next(desk: Desk):
    await desk.join("exe_b")
    made = await desk.make()
    (event,) = await desk.happen("job.queued")
    desk.receiver.hold = asyncio.Event()
    await desk.deliverer.beat()
    await asyncio.sleep(0)
    assert desk.receiver.ids == [event.id]
    await desk.bury("exe_a")
    desk.receiver.hold.set()
    other = desk.another("exe_b")
    await desk.deliver(other)
    assert desk.receiver.ids == [event.id, event.id]
    (one,) = await desk.list(made.id)
    assert (one.state, one.attempts) == ("delivered", 1)
    await desk.deliverer.beat()
    assert not desk.deliverer.leads


async def test_an_executor_that_is_not_there_does_not_deliver(desk: Desk):
    stranger = desk.another("exe_x")
    await stranger.beat()
    assert not stranger.leads


async def test_started_it_hears_of_events_and_leaves_when_it_stops(desk: Desk, eventually):
    await desk.tail.start()
    await desk.make()
    stop = asyncio.Event()
    running = desk.another("exe_a")
    running.start(stop)
    await eventually(lambda: running.leads)
    await desk.happen("job.queued")
    await eventually(lambda: len(desk.receiver.posts) == 1)
    stop.set()
    await eventually(lambda: not running.leads)
    await running.close()
    async with desk.db.read() as tx:
        assert await outbox.owner(tx) is None
    await desk.tail.close()


async def test_the_tally_counts_tries(desk: Desk):
    await desk.make()
    await desk.happen("job.queued", "job.completed")
    desk.receiver.answers = [500]
    await desk.deliver()
    async with desk.db.read() as tx:
        assert await outbox.tally(tx) == outbox.Tally(1, 1, 0)


# Single things


async def test_single_things_are_told_to_their_own_addresses(desk: Desk):
    ada = Caller("key_2", "s1", "ada", scopes=frozenset({"jobs:read"}))
    await desk.following.check(ada, "https://example.org/run/1")
    async with desk.db.begin() as tx:
        await desk.following.follow(tx, ada, "https://example.org/run/1", "job_1", ["job.completed"])
        await desk.following.follow(tx, ada, "https://example.org/run/2", "job_2", ["job.*"])
    (first,) = await desk.happen("job.completed")
    await desk.happen("job.queued")
    (other,) = await desk.happen("job.queued", topic="job_2")
    await desk.happen("job.completed", site_id="s2")
    desk.receiver.answers = [410]
    await desk.deliver()
    assert {(one.url, one.headers["webhook-id"]) for one in desk.receiver.posts} == {
        ("https://example.org/run/1", first.id),
        ("https://example.org/run/2", other.id),
    }
    (shared,) = (await desk.webhooks.page(CALLER, cursor=None, limit=10)).data
    assert (shared.url, shared.events, shared.enabled) == (None, [], True)
    states = {one.url: one.state for one in await desk.list(shared.id)}
    assert sorted(states.values()) == ["delivered", "failed"]
    # Its secret is had by rotating it.
    assert (await desk.webhooks.rotate(CALLER, shared.id)).secret.startswith("whsec_")


async def test_a_webhook_by_its_id_is_told_of_a_single_thing(desk: Desk):
    made = await desk.make(events=["file.*"])
    await desk.following.check(CALLER, made.id)
    async with desk.db.begin() as tx:
        await desk.following.follow(tx, CALLER, made.id, "job_1", ["job.completed"])
    await desk.happen("job.completed")
    await desk.happen("job.completed", topic="job_2")
    await desk.deliver()
    (post,) = desk.receiver.posts
    assert (post.url, json.loads(post.body)["subject"]) == ("https://example.org/hook", "job_1")


async def site_events(desk: Desk):
    async with desk.db.read() as tx:
        return await events.page(tx, "s1", None, 0, 100)


async def test_a_webhook_without_the_scope_is_not_told(desk: Desk):
    narrow = Caller("key_3", "s1", scopes=frozenset({"webhooks", "files:read"}))
    body = WebhookCreate(url="https://example.org/hook", events=["*"])
    await desk.webhooks.create(narrow, body)
    await desk.happen("job.queued")
    (told,) = await desk.happen("file.created", topic="file_1", data={"id": "file_1"})
    await desk.deliver()
    assert desk.receiver.ids == [told.id]


async def test_what_waits_is_left_alone_while_it_is_off(desk: Desk):
    made = await desk.make()
    desk.receiver.answers = [500]
    await desk.happen("job.queued")
    await desk.deliver()
    await desk.webhooks.change(CALLER, made.id, WebhookPatch(enabled=False))
    (one,) = await desk.list(made.id)
    assert (one.state, one.next_at) == ("pending", None)
    desk.clock.turn(DAY_S)
    # What happens meanwhile is not kept for it, and a replay waits with the rest.
    (missed,) = await desk.happen("job.completed")
    await desk.deliver()
    assert len(await desk.list(made.id)) == 1
    since = moment(desk.clock.now_s() - 2 * DAY_S)
    assert (await desk.deliveries.replay(CALLER, made.id, since, delivered=False)).queued == 1
    await desk.deliver()
    assert len(desk.receiver.posts) == 1
    # Off by hand while a try is on its way: its next one waits, too.
    tried = await desk.webhooks.change(CALLER, made.id, WebhookPatch(enabled=True))
    assert tried.pending == 2
    desk.receiver.hold = asyncio.Event()
    desk.receiver.status = 500
    await desk.deliverer.beat()
    await asyncio.sleep(0)
    await desk.webhooks.change(CALLER, made.id, WebhookPatch(enabled=False))
    desk.receiver.hold.set()
    await desk.deliver()
    assert [one.next_at for one in await desk.list(made.id)] == [None, None]
    desk.receiver.status = 200
    await desk.webhooks.change(CALLER, made.id, WebhookPatch(enabled=True))
    await desk.deliver()
    assert {one.state for one in await desk.list(made.id)} == {"delivered"}
    assert missed.id in desk.receiver.ids


async def test_a_page_of_deliveries_is_narrowed_and_goes_on(desk: Desk):
    made = await desk.make()
    desk.receiver.answers = [200, 500, 200]
    await desk.happen("job.queued")
    await desk.deliver()
    await desk.happen("job.failed", topic="job_2")
    await desk.deliver()
    await desk.happen("job.completed")
    await desk.deliver()
    assert [one.event_type for one in await desk.list(made.id)] == [
        "job.queued",
        "job.failed",
        "job.completed",
    ]
    assert [one.subject for one in await desk.list(made.id, state="pending")] == ["job_2"]
    assert [one.event_type for one in await desk.list(made.id, subject="job_1")] == [
        "job.queued",
        "job.completed",
    ]
    assert [one.subject for one in await desk.list(made.id, event_type="job.failed")] == ["job_2"]
    asked = {"state": None, "event_type": None, "subject": None, "limit": 2}
    first = await desk.deliveries.page(CALLER, made.id, cursor=None, **asked)
    rest = await desk.deliveries.page(CALLER, made.id, cursor=first.next_cursor, **asked)
    assert ([one.event_type for one in rest.data], rest.has_more) == (["job.queued"], False)


async def test_old_deliveries_and_topics_go(desk: Desk):
    made = await desk.make()
    async with desk.db.begin() as tx:
        await desk.following.follow(tx, CALLER, made.id, "job_1", ["job.*"])
    await desk.happen("job.queued")
    await desk.deliver()
    desk.clock.turn(91 * DAY_S)
    await desk.deliver()
    assert await desk.list(made.id) == []
    async with desk.db.read() as tx:
        assert await endpoints.followers(tx, ["job_1"]) == []


async def test_a_site_has_so_many_and_no_more(db, tmp_path, turned_clock):
    desk = Desk(db, tmp_path, turned_clock, max_per_site=2)
    for _ in range(2):
        await desk.make()
    with pytest.raises(Conflict):
        await desk.make()


async def test_one_delivery_is_sent_again_under_the_same_id(desk: Desk):
    made = await desk.make()
    (event, other) = await desk.happen("job.queued", "job.completed")
    await desk.deliver()
    first, second = await desk.list(made.id)
    assert (first.state, second.state) == ("delivered", "delivered")
    anew = await desk.deliveries.resend(CALLER, made.id, first.id)
    assert (anew.state, anew.attempts, anew.ended_at, len(anew.tries)) == ("pending", 0, None, 1)
    await desk.deliver()
    assert desk.receiver.ids.count(event.id) == 2
    assert desk.receiver.ids.count(other.id) == 1
    again, _ = await desk.list(made.id)
    # What was tried before stays to be seen; nobody is told of it who did not name the event.
    assert (again.state, again.attempts, len(again.tries)) == ("delivered", 1, 2)
    assert "webhook.resent" not in desk.receiver.types


async def test_one_that_waits_for_its_next_try_is_sent_at_once(desk: Desk):
    made = await desk.make()
    await desk.happen("job.queued")
    desk.receiver.answers = [500, 500]
    await desk.deliver()
    desk.clock.turn(10)
    await desk.deliver()
    (waits,) = await desk.list(made.id)
    assert waits.next_at is not None
    assert waits.next_at.timestamp() > desk.clock.now_s() + 100
    assert (await desk.deliveries.resend(CALLER, made.id, waits.id)).attempts == 2
    await desk.deliver()
    (one,) = await desk.list(made.id)
    assert (one.state, one.attempts) == ("delivered", 3)


async def test_sent_again_it_waits_while_its_webhook_is_off(desk: Desk):
    made = await desk.make()
    await desk.happen("job.queued")
    await desk.deliver()
    (one,) = await desk.list(made.id)
    await desk.webhooks.change(CALLER, made.id, WebhookPatch(enabled=False))
    assert (await desk.deliveries.resend(CALLER, made.id, one.id)).next_at is None
    await desk.deliver()
    assert len(desk.receiver.posts) == 1
    await desk.webhooks.change(CALLER, made.id, WebhookPatch(enabled=True))
    await desk.deliver()
    assert len(desk.receiver.posts) == 2


async def test_what_is_deleted_or_anothers_is_not_sent_again(desk: Desk):
    made = await desk.make()
    mine = await desk.make(url="https://example.org/other")
    (event,) = await desk.happen("job.queued")
    await desk.deliver()
    (one,) = await desk.list(made.id)
    with pytest.raises(NotFound):
        await desk.deliveries.resend(CALLER, mine.id, one.id)
    with pytest.raises(NotFound):
        await desk.deliveries.resend(Caller("key_2", "s2", scopes=CALLER.scopes), made.id, one.id)
    async with desk.db.begin() as tx:
        await tx.execute(sa.delete(events.events).where(events.events.c.seq == event.seq))
    with pytest.raises(Conflict):
        await desk.deliveries.resend(CALLER, made.id, one.id)
