from datetime import UTC, datetime

import pytest

from features.access.process import ADMIN, usage_record
from roundhouse.core.errors import BadInput
from roundhouse.core.types import Caller
from roundhouse.features.access.reports import Span
from roundhouse.features.access.schemas import KeyPatch
from roundhouse.infra.audit import AuditFilter

NORTH = Caller("key_n", site_id="north", scopes=frozenset({"usage:read", "audit:read"}))
ANY = AuditFilter()
DAY_S = 86_400


@pytest.fixture
async def used(process, turned_clock):
    """Twelve requests of two sites, two keys, three models, over three days."""
    now_s = turned_clock.now_s()
    for number in range(12):
        process.usage.record(
            usage_record(
                request_id=f"req_{number:02}",
                at_s=now_s - 1 - (number % 3) * DAY_S,
                key_id=f"key_{number % 2}",
                site_id="north" if number % 2 else "south",
                user_id=f"u{number % 2}" if number % 4 else None,
                target=f"desk/m{number % 3}",
                status=500 if number == 11 else 200,
                cache="hit" if number == 10 else "miss",
                audio_s=number / 2,
            )
        )
    await process.usage.flush()
    return process.reports


@pytest.mark.parametrize(
    ("group_by", "groups"),
    [
        ("key", {"key_0": 6, "key_1": 6}),
        ("model", {"desk/m0": 4, "desk/m1": 4, "desk/m2": 4}),
        ("site", {"north": 6, "south": 6}),
        ("user", {"": 3, "u0": 3, "u1": 6}),
        ("app", {"": 12}),
        ("day", {"2027-01-13": 4, "2027-01-14": 4, "2027-01-15": 4}),
    ],
)
async def test_usage_by_group(used, group_by, groups):
    answer = await used.usage(ADMIN, group_by, Span(), cursor=None, limit=50)
    assert {group.group: group.requests for group in answer.data} == groups
    assert sum(group.total_tokens for group in answer.data) == 12 * 15
    assert sum(group.audio_s for group in answer.data) == sum(range(12)) / 2
    assert sum(group.cost_usd for group in answer.data) == pytest.approx(3.0)
    assert sum(group.errors for group in answer.data) == sum(group.cache_hits for group in answer.data) == 1
    seen, cursor = [], None
    while True:
        page = await used.usage(ADMIN, group_by, Span(), cursor=cursor, limit=1)
        seen += [group.group for group in page.data]
        cursor = page.next_cursor
        if not page.has_more:
            break
    assert seen == sorted(groups)


async def test_a_span_and_a_key(used):
    start = datetime(2027, 1, 14, tzinfo=UTC)
    span = Span(start=start, end=datetime(2027, 1, 15))
    answer = await used.usage(ADMIN, "day", span, cursor=None, limit=50)
    assert [(group.group, group.requests) for group in answer.data] == [("2027-01-14", 4)]
    assert (answer.from_, answer.to) == (start, datetime(2027, 1, 15, tzinfo=UTC))
    assert answer.model_dump(by_alias=True)["from"] == start
    answer = await used.usage(ADMIN, "model", Span(key_id="key_1", site_id="south"), cursor=None, limit=50)
    assert answer.data == []


async def test_usage_over_time(process, turned_clock):
    """Twenty good answers of 10 to 200 ms and an error in the first minute, nothing in the second, one in the third."""
    begin_s = turned_clock.now_s() // 60 * 60
    for number in range(20):
        process.usage.record(
            usage_record(at_s=begin_s + number, duration_ms=(number + 1) * 10, first_byte_ms=0, status=200)
        )
    process.usage.record(usage_record(at_s=begin_s + 59.999, duration_ms=60_000, status=503))
    process.usage.record(
        usage_record(at_s=begin_s + 120, duration_ms=7, first_byte_ms=3, site_id="north", status=200)
    )
    await process.usage.flush()
    span = Span(datetime.fromtimestamp(begin_s, UTC), datetime.fromtimestamp(begin_s + 180, UTC))
    answer = await process.reports.series(ADMIN, span, 60)
    assert [one.at.timestamp() - begin_s for one in answer.data] == [0, 60, 120]
    assert [(one.requests, one.errors) for one in answer.data] == [(21, 1), (0, 0), (1, 0)]
    assert [one.prompt_tokens + one.completion_tokens for one in answer.data] == [21 * 15, 0, 15]
    times = [(one.duration_p50_ms, one.duration_p95_ms) for one in answer.data]
    assert times == [(100, 190), (None, None), (7, 7)]
    assert [one.first_byte_p95_ms for one in answer.data] == [None, None, 3]
    answer = await process.reports.series(NORTH, span, 60)
    assert [one.requests for one in answer.data] == [0, 0, 1]


async def test_steps_are_handy_and_not_too_many(used):
    answer = await used.series(ADMIN, Span(), None)
    assert (answer.step_s, len(answer.data)) == (21_600, 121)
    assert sum(one.requests for one in answer.data) == 12
    day = Span(start=datetime(2027, 1, 14, tzinfo=UTC), end=datetime(2027, 1, 15, tzinfo=UTC))
    answer = await used.series(ADMIN, day, None)
    assert (answer.step_s, len(answer.data)) == (900, 96)
    with pytest.raises(BadInput, match="1000 steps"):
        await used.series(ADMIN, Span(), 60)


async def test_a_tenant_sees_its_own(used):
    answer = await used.usage(NORTH, "site", Span(site_id="south"), cursor=None, limit=50)
    assert [group.group for group in answer.data] == ["north"]
    records = await used.records(NORTH, Span(site_id="south"), cursor=None, limit=50)
    assert {record.site_id for record in records.data} == {"north"}


async def test_records_newest_first_in_pages(used):
    seen, cursor = [], None
    while True:
        page = await used.records(ADMIN, Span(), cursor=cursor, limit=5)
        seen += [record.request_id for record in page.data]
        cursor = page.next_cursor
        if not page.has_more:
            break
    assert seen == [f"req_{number:02}" for number in range(11, -1, -1)]


async def test_spans_and_cursors_that_make_no_sense(used):
    for span in (
        Span(start=datetime(2030, 1, 1)),
        Span(start=datetime(2020, 1, 2), end=datetime(2020, 1, 1)),
        Span(end=datetime(1, 1, 2)),
    ):
        with pytest.raises(BadInput):
            await used.usage(ADMIN, "key", span, cursor=None, limit=5)
    for cursor in ("x", "IgAi", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA", "-"):
        for group_by in ("day", "key"):
            with pytest.raises(BadInput):
                await used.usage(ADMIN, group_by, Span(), cursor=cursor, limit=5)
        with pytest.raises(BadInput):
            await used.records(ADMIN, Span(), cursor=cursor, limit=5)


async def test_quotas(process):
    made = await process.key(
        site_id="north",
        requests_per_minute=6,
        tokens_per_minute=60,
        concurrent_requests=2,
        budget_usd=1,
        budget_tokens=9,
    )
    caller = await process.caller(made.key, x_user_id="u7")
    answer = await process.reports.quotas(caller)
    assert (answer.key_id, answer.site_id, answer.user_id, answer.scopes) == (
        made.id,
        "north",
        "u7",
        ["inference"],
    )
    assert {quota.name: (quota.limit, quota.remaining) for quota in answer.quotas} == {
        "requests_per_minute": (6, 6),
        "tokens_per_minute": (60, 60),
        "concurrent_requests": (2, 2),
        "budget_usd": (1, 1),
        "budget_tokens": (9, 9),
    }


async def test_the_audit_log(process):
    for number in range(3):
        await process.key(name=f"k{number}", site_id="north" if number else "south")
    page = await process.reports.audit(ADMIN, ANY, cursor=None, limit=2)
    assert [row.detail["name"] for row in page.data] == ["k2", "k1"]
    rest = await process.reports.audit(ADMIN, ANY, cursor=page.next_cursor, limit=2)
    assert [row.detail["name"] for row in rest.data] == ["k0"]
    assert not rest.has_more
    assert [row.site_id for row in (await process.reports.audit(NORTH, ANY, cursor=None, limit=9)).data] == [
        "north"
    ] * 2
    assert (await process.reports.verify_audit(ADMIN)).intact
    async with process.db.begin() as tx:
        await tx.exec_driver_sql(f"UPDATE audit_log SET action = 'nothing' WHERE id = '{rest.data[0].id}'")
    assert (await process.reports.verify_audit(ADMIN)).first_bad_id == rest.data[0].id
    told = await process.reports.verify_audit(NORTH)
    assert (told.intact, told.first_bad_id) == (False, None)


async def test_the_audit_log_is_sifted(process, turned_clock):
    north = await process.key(site_id="north", name="first")
    turned_clock.turn(10)
    south = await process.key(site_id="south")
    turned_clock.turn(10)
    await process.keys.update(ADMIN, north.id, KeyPatch(name="second", requests_per_minute=5))
    begin_s = turned_clock.now_s() - 20

    async def found(caller=ADMIN, **wanted):
        page = await process.reports.audit(caller, AuditFilter(**wanted), cursor=None, limit=9)
        return [(row.action, row.target) for row in page.data]

    created, updated = "key.create", "key.update"
    assert await found() == [(updated, north.id), (created, south.id), (created, north.id)]
    assert await found(action="key") == await found()
    assert await found(action=updated) == await found(from_s=begin_s + 11) == [(updated, north.id)]
    assert await found(action="ke") == await found(key_id="key_x") == []
    assert await found(object=south.id) == await found(site_id="south") == [(created, south.id)]
    assert await found(from_s=begin_s + 10, to_s=begin_s + 20) == [(created, south.id)]
    # A tenant sees its own whatever it asks for.
    assert await found(NORTH, site_id="south") == []
    changed = (await process.reports.audit(ADMIN, AuditFilter(action=updated), cursor=None, limit=1)).data[0]
    assert changed.detail == {
        "before": {"name": "first", "requests_per_minute": None},
        "after": {"name": "second", "requests_per_minute": 5},
    }


async def test_budgets_and_what_is_used_of_them(process):
    daily = await process.key(site_id="north", name="daily", budget_usd=2.0, budget_period="day")
    monthly = await process.key(site_id="south", budget_tokens=100)
    await process.key(site_id="north")
    ended = await process.key(site_id="north", budget_usd=1.0)
    await process.keys.revoke(ADMIN, ended.id)
    process.usage.record(usage_record(key_id=daily.id, at_s=1_800_000_000.0 - DAY_S, cost_usd=0.5))
    for _ in range(2):
        process.usage.record(usage_record(key_id=daily.id, at_s=1_800_000_000.0, cost_usd=0.25))
        process.usage.record(usage_record(key_id=monthly.id, at_s=1_800_000_000.0 - DAY_S))
    await process.usage.flush()
    listed = await process.reports.budgets(ADMIN, None, cursor=None, limit=9)
    assert [one.key_id for one in listed.data] == sorted([daily.id, monthly.id], reverse=True)
    by_id = {one.key_id: one for one in listed.data}
    of_day, of_month = by_id[daily.id], by_id[monthly.id]
    assert (of_day.name, of_day.period, of_day.budget_usd, of_day.used_usd) == ("daily", "day", 2.0, 0.5)
    assert of_day.resets_at == datetime(2027, 1, 16, tzinfo=UTC)
    assert (of_month.budget_tokens, of_month.used_tokens, of_month.budget_usd) == (100, 30, None)
    assert of_month.resets_at == datetime(2027, 2, 1, tzinfo=UTC)
    assert [
        one.key_id for one in (await process.reports.budgets(NORTH, "south", cursor=None, limit=9)).data
    ] == [daily.id]
    page = await process.reports.budgets(ADMIN, None, cursor=None, limit=1)
    rest = await process.reports.budgets(ADMIN, None, cursor=page.next_cursor, limit=1)
    assert [one.key_id for one in page.data + rest.data] == [one.key_id for one in listed.data]
