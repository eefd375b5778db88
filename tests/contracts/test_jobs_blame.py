"""Who is blamed when an executor dies with several jobs; and pauses after the clock was set back."""

from contracts.job_house import Gate, pipeline
from roundhouse.core.errors import BackendDown


async def test_a_bad_job_does_not_use_up_the_attempts_of_its_neighbour(build):
    bad, good = Gate(), Gate()
    house = build(pipeline(bad, kind="t.bad"), pipeline(good, kind="t.good"))
    first, second = await house.accept("t.bad"), await house.accept("t.good")
    for attempt in (1, 2):
        worker = await house.hire()
        await worker.beat()
        await bad.entered(attempt)
        await good.entered(attempt)
        worker.freeze()
    worker = await house.hire()
    # Each has its last attempt: one at a time.
    assert await worker.beat() == 1
    await bad.entered(3)
    worker.freeze()
    worker = await house.hire()
    assert await worker.beat() == 1
    await good.entered(3)
    good.give("done")
    await worker.rest()
    found = await house.job(first)
    assert found.error is not None
    assert (found.state, found.error["code"], found.attempts) == ("failed", "executor_lost", 3)
    assert [one.outcome for one in found.history] == ["lost"] * 3
    assert (await house.job(second)).state == "completed"


async def test_who_is_beside_a_suspect_when_the_executor_dies_is_not_blamed(build):
    bad, fresh = Gate(), Gate()
    house = build(pipeline(bad, kind="t.bad"), pipeline(fresh, kind="t.fresh"))
    await house.accept("t.bad")
    for attempt in (1, 2):
        worker = await house.hire()
        await worker.beat()
        await bad.entered(attempt)
        worker.freeze()
    beside = await house.accept("t.fresh")
    worker = await house.hire()
    await worker.beat()
    await bad.entered(3)
    await fresh.entered()
    worker.freeze()
    worker = await house.hire()
    await worker.beat()
    await fresh.entered(2)
    found = await house.job(beside)
    assert (found.state, found.attempts, [one.outcome for one in found.history]) == ("running", 1, ["lost"])
    fresh.give(None)
    await worker.rest()


async def test_a_suspect_waits_for_another_and_no_longer(build):
    gate = Gate()
    house = build(pipeline(gate))
    for _ in range(3):
        await house.accept()
    for attempt in (1, 2):
        worker = await house.hire()
        await worker.beat()
        await gate.entered(3 * attempt)
        worker.freeze()
    worker = await house.hire()
    for number in (1, 2, 3):
        assert await worker.beat() == 1
        assert await worker.beat() == 0
        await gate.entered(6 + number)
        gate.give(None)
        await worker.rest()
    assert len(await house.jobs("completed")) == 3


async def test_a_pause_does_not_last_an_hour_because_the_clock_was_set_back(build, turned_clock):
    gate = Gate()
    house = build(pipeline(gate))
    job = await house.accept()
    worker = await house.hire()
    await worker.beat()
    await gate.entered()
    gate.fail(BackendDown("Away."))
    await worker.rest()
    assert await worker.beat() == 0
    later = await house.accept(run_after_s=turned_clock.now_s() + 1000)
    turned_clock.turn(-3600)
    assert await worker.beat() == 1
    await gate.entered(2)
    gate.give(None)
    await worker.rest()
    assert (await house.job(job)).state == "completed"
    # What a client asked for is meant by the clock on the wall.
    assert (await house.job(later)).state == "queued"
