"""Reserve, settle, release, on both databases; never more than a plan has."""

import asyncio

import pytest

from features.access.plans.planning import CALLER, Planning
from roundhouse.core.errors import PlanExceeded, TooLarge
from roundhouse.core.quotas import Reserved
from roundhouse.core.settings import DbSettings
from roundhouse.core.types import Caller
from roundhouse.infra.db import Database


async def test_without_a_plan_nothing_is_counted(planning):
    task_id, reserved = await planning.task()
    assert reserved == Reserved()
    await planning.end(task_id)
    await planning.cancel(task_id)


async def test_a_day_is_used_up_and_begins_anew(planning, turned_clock):
    await planning.assign(tasks_per_day=2)
    _, first = await planning.task()
    assert dict(first.headers)["ratelimit"] == '"tasks_per_day";r=1;t=57600'
    await planning.task()
    with pytest.raises(PlanExceeded) as refused:
        await planning.task()
    assert refused.value.resets_at_s == 1_800_057_600
    assert refused.value.retry_after_s == 57_600
    assert not refused.value.retryable
    assert dict(refused.value.headers)["ratelimit"] == '"tasks_per_day";r=0;t=57600'
    assert "2027-01-16T00:00:00Z" in refused.value.detail
    turned_clock.turn(57_600)
    await planning.task()
    assert await planning.left("tasks_per_day") == 1


async def test_a_minute_is_worth_a_retry(planning, turned_clock):
    await planning.assign(requests_per_minute=1)
    await planning.task()
    with pytest.raises(PlanExceeded) as refused:
        await planning.task()
    assert refused.value.retryable
    turned_clock.turn(60)
    await planning.task()


async def test_what_ends_frees_its_place_and_costs_what_it_did(planning):
    await planning.assign(concurrent_tasks=1, cost_units_per_month=10)
    task_id, _ = await planning.task(cost_units=6)
    with pytest.raises(PlanExceeded, match="1 tasks at a time"):
        await planning.task()
    await planning.become(task_id, "running")
    assert await planning.left("concurrent_tasks") == 0
    await planning.end(task_id, 2.5)
    assert await planning.left("cost_units_per_month") == 7.5
    assert await planning.left("concurrent_tasks") == 1
    await planning.end(task_id, 100)
    assert await planning.left("cost_units_per_month") == 7.5
    with pytest.raises(PlanExceeded) as refused:
        await planning.task(cost_units=10.5)
    assert (refused.value.resets_at_s, refused.value.retry_after_s) == (None, None)


async def test_what_is_cancelled_gives_back_all_but_its_request(planning):
    await planning.assign(requests_per_minute=5, tasks_per_day=5, cost_units_per_month=5, concurrent_tasks=5)
    task_id, _ = await planning.task(cost_units=3)
    await planning.cancel(task_id)
    await planning.cancel(task_id)
    other, _ = await planning.task(cost_units=2)
    await planning.end(other, 0, "cancelled")
    ended, _ = await planning.task(cost_units=0)
    await planning.end(ended, 0)
    (plan,) = await planning.service.standing(CALLER)
    assert {use.name: use.remaining for use in plan.limits} == {
        "requests_per_minute": 2,
        "tasks_per_day": 3,
        "cost_units_per_month": 5,
        "concurrent_tasks": 5,
    }


async def test_several_that_end_together_are_settled_together(planning):
    """A plan of the site and one of the user; tries that were settled before do not count again."""
    await planning.assign(cost_units_per_month=100)
    await planning.assign(user_id="an", cost_units_per_month=50, tasks_per_day=10)
    other = Caller("key_b", site_id="north", user_id="binh")
    one, two = (await planning.task(cost_units=4))[0], (await planning.task(other, cost_units=6))[0]
    three = (await planning.task(cost_units=5))[0]
    async with planning.db.begin() as tx:
        await planning.quotas.reserve(tx, CALLER, "again", cost_units=8)
        await planning.quotas.bind(tx, "again", "job_again", spent_units=3)
    site, user = await planning.service.standing(CALLER)
    assert (site.limits[0].remaining, user.limits[1].remaining) == (77, 33)
    async with planning.db.begin() as tx:
        await planning.quotas.settle(tx, {one: 1, two: 9.5, three: None, "job_again": 5, "job_none": 7})
    site, user = await planning.service.standing(CALLER)
    assert (site.limits[0].remaining, user.limits[1].remaining) == (100 - 1 - 9.5 - 2, 50 - 1 - 2)
    assert user.limits[0].remaining == 10 - 3 + 1


async def test_what_is_rolled_back_is_not_counted(planning):
    await planning.assign(tasks_per_day=2)
    with pytest.raises(KeyError):
        async with planning.db.begin() as tx:
            await planning.quotas.reserve(tx, CALLER, "job_1")
            raise KeyError
    assert await planning.left("tasks_per_day") == 2


async def test_an_input_that_is_too_large(planning):
    await planning.assign(max_input_bytes=1000)
    await planning.task(input_bytes=1000)
    with pytest.raises(TooLarge):
        await planning.task(input_bytes=1001)


async def test_queued_tasks_begin_in_the_next_window_that_has_room(planning, turned_clock):
    await planning.assign(tasks_per_day=1, on_exceed="queue")
    assert (await planning.task())[1].run_after_s is None
    assert (await planning.task())[1].run_after_s == 1_800_057_600
    third, reserved = await planning.task()
    assert reserved.run_after_s == 1_800_057_600 + 86_400
    await planning.cancel(third)
    assert (await planning.task())[1].run_after_s == 1_800_057_600 + 86_400
    turned_clock.turn(57_600)
    assert await planning.left("tasks_per_day") == 0


async def test_queued_tasks_are_given_places_in_their_order(planning, turned_clock):
    await planning.assign(concurrent_tasks=1, on_exceed="queue")
    running, _ = await planning.task()
    first, reserved = await planning.task()
    second, _ = await planning.task()
    assert reserved.run_after_s > turned_clock.now_s() + 86_400
    assert await planning.places.give() == 0
    await planning.end(running)
    assert await planning.places.give() == 1
    assert await planning.run_after_s(first) is None
    assert await planning.run_after_s(second) is not None
    assert await planning.left("concurrent_tasks") == 0
    # Who waits for a person needs no place.
    await planning.become(first, "waiting")
    assert await planning.places.give() == 1
    assert await planning.run_after_s(second) is None


async def test_what_waits_for_its_day_takes_no_place_until_then(planning, turned_clock):
    await planning.assign(tasks_per_day=1, concurrent_tasks=1, on_exceed="queue")
    running, _ = await planning.task()
    tomorrow, _ = await planning.task()
    await planning.end(running)
    assert await planning.places.give() == 0
    assert await planning.left("concurrent_tasks") == 1
    turned_clock.turn(57_600)
    assert await planning.places.give() == 1
    assert await planning.run_after_s(tomorrow) is None


async def test_what_is_to_begin_later_is_counted_then(planning, turned_clock):
    await planning.assign(tasks_per_day=1)
    later = turned_clock.now_s() + 86_400
    await planning.task(begins_s=later)
    assert await planning.left("tasks_per_day") == 1
    with pytest.raises(PlanExceeded):
        await planning.task(begins_s=later)
    await planning.task()


async def test_a_flow_does_it_instead_and_is_not_counted(planning):
    await planning.assign(tasks_per_day=1, on_exceed="degrade_to_flow:cheap")
    assert (await planning.task())[1].flow is None
    for _ in range(2):
        assert (await planning.task())[1].flow == "cheap"
    assert await planning.left("tasks_per_day") == 0


async def test_every_plan_that_fits_counts_each_for_itself(planning):
    await planning.assign(tasks_per_day=3)
    await planning.assign(user_id="an", tasks_per_day=1)
    _, reserved = await planning.task()
    assert dict(reserved.headers)["ratelimit-policy"] == (
        '"site-tasks_per_day";q=3;w=86400, "user-tasks_per_day";q=1;w=86400'
    )
    with pytest.raises(PlanExceeded):
        await planning.task()
    other = Caller("key_b", site_id="north", user_id="binh")
    assert await planning.left("tasks_per_day", other) == 2
    await planning.task(other)
    assert (await planning.task(Caller("key_c", site_id="south", user_id="an")))[1] == Reserved()


async def test_warned_and_told_once(planning):
    plan_id = await planning.assign(tasks_per_day=5, name="five")
    for _ in range(3):
        await planning.task()
    assert await planning.events() == []
    await planning.task()
    await planning.task()
    for _ in range(2):
        with pytest.raises(PlanExceeded):
            await planning.task()
    told = await planning.events()
    assert [event.type for event in told] == ["quota.exceeded"]
    assert told[0].data["plan_id"] == plan_id
    assert (told[0].data["used"], told[0].data["limit"]) == (5, 5)
    assert told[0].data["resets_at"] == "2027-01-16T00:00:00Z"
    assert len(await planning.events()) == 1


async def test_a_warning_comes_before_the_end(planning):
    await planning.assign(tasks_per_day=5, cost_units_per_month=100)
    for _ in range(4):
        await planning.task()
    assert [(event.type, event.data["metric"]) for event in await planning.events()] == [
        ("quota.warning", "tasks_per_day")
    ]
    await planning.task()
    assert len(await planning.events()) == 1


async def test_many_at_once_never_overdraw(planning, db_url):
    """Two processes, forty tasks, ten places a day, three at a time."""
    await planning.assign(tasks_per_day=10, concurrent_tasks=3)
    other = Database(DbSettings(), db_url)
    houses = [planning, Planning(other, planning.clock)]
    done, most = [], 0

    async def one(number: int) -> None:
        nonlocal most
        house = houses[number % 2]
        for _ in range(300):
            try:
                task_id, _ = await house.task()
            except PlanExceeded as error:
                if error.resets_at_s is not None:
                    return
                await asyncio.sleep(0.002)
                continue
            running.add(task_id)
            most = max(most, len(running))
            await asyncio.sleep(0.001)
            running.discard(task_id)
            await house.end(task_id)
            done.append(task_id)
            return

    running: set[str] = set()
    await asyncio.gather(*(one(number) for number in range(40)))
    await other.close()
    assert len(done) == 10
    assert most <= 3
    assert await planning.left("tasks_per_day") == 0
    assert await planning.left("concurrent_tasks") == 3
