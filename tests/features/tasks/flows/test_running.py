"""Running flows, on both databases: what the journal holds, what a killed process leaves, who is asked."""

import asyncio

import msgspec
import pytest

from features.tasks.flow_house import TUTOR, call, person, signal
from features.tasks.houses import SITE
from roundhouse.core.errors import (
    BackendBusy,
    BackendDown,
    BackendRefused,
    BackendTimeout,
    NotAllowed,
    NotFound,
    OutputInvalid,
    TooLarge,
    Unprocessable,
)
from roundhouse.features.tasks.flows.schemas import SimulateAsk
from roundhouse.features.tasks.human.schemas import AnswerAsk, RejectAsk

DOWN = BackendDown("It is down.")


async def test_the_first_good_output_wins(build):
    house = build(a=[DOWN], b=[{"x": 2}])
    job = await house.run(call("a"), call("b", map={"q": "$.input.question"}), given={"question": "?"})
    assert (job.state, job.result) == ("completed", {"x": 2})
    assert house.plays.keys == [("a", f"{job.id}:a:1"), ("a", f"{job.id}:a:2"), ("b", f"{job.id}:b:1")]
    assert house.plays.inputs["b"] == [{"q": "?"}]
    tries = await house.attempts(job)
    assert [(one.step, one.n, one.state) for one in tries] == [
        ("a", 1, "failed"),
        ("a", 2, "failed"),
        ("b", 1, "ok"),
    ]
    assert tries[0].error == {"code": "backend_down", "message": "It is down.", "class": "unavailable"}
    assert tries[2].request == {"input": {"q": "?"}}
    assert tries[2].response == {"output": {"x": 2}}
    kinds = await house.kinds(job)
    assert kinds.count("task.step_failed") == 2
    assert kinds.count("task.fallback") == 1
    assert (await house.trace(job))["decided_by"] == "step:b"


@pytest.mark.parametrize(
    ("error", "tries", "code"),
    [
        (Unprocessable("No.", param="/q"), 1, "unprocessable"),
        (BackendRefused("No.", status=422), 1, "unprocessable"),
        (NotAllowed("No."), 1, None),
        (BackendTimeout("Slow."), 2, None),
        (DOWN, 2, None),
        (OutputInvalid("Odd."), 2, None),
        (BackendBusy("Full.", retry_after_s=900_000), 1, None),
    ],
)
async def test_the_class_of_the_error_decides(build, error, tries, code):
    house = build(a=[error], b=[5])
    job = await house.run(call("a"), call("b"))
    assert [one for one, _ in house.plays.keys].count("a") == tries
    if code is None:
        assert (job.state, job.result) == ("completed", 5)
    else:
        assert (job.state, job.error["code"]) == ("failed", code)
        assert "b" not in house.plays.inputs


async def test_an_output_that_does_not_fit_is_kept_for_who_looks(build):
    odd = OutputInvalid("Odd.")
    odd.raw = {"sum": "three"}
    house = build(a=[odd])
    job = await house.run(call("a"), person(prefill="$.best_output"))
    assert [one.response for one in await house.attempts(job)] == [{"output": {"sum": "three"}}] * 2
    (asked,) = await house.asked()
    assert (asked.draft, asked.context["tries"][0]["class"]) == ({"sum": "three"}, "bad_output")


async def test_all_failed(build):
    job = await build(a=[DOWN]).run(call("a"))
    assert (job.state, job.error["code"]) == ("failed", "attempts_exhausted")


async def test_a_capability_that_is_not_there_is_passed_over(build):
    house = build(b=[5])
    job = await house.run(call("a"), call("b"))
    assert (job.state, job.result) == ("completed", 5)
    assert (await house.attempts(job))[0].error["class"] == "not_found"


async def test_a_rule_says_what_is_taken(build):
    house = build(a=[{"confidence": 0.2}], b=[{"confidence": 0.9}])
    rule = {"expr": "output.confidence >= 0.7"}
    job = await house.run(
        call("a", accept=rule),
        call("b", accept=rule),
        output={"x": "$.last.output", "first": "$.steps.a.output"},
    )
    assert job.result == {"x": {"confidence": 0.9}, "first": {"confidence": 0.2}}


async def test_a_long_retry_after_waits_outside(build, turned_clock):
    house = build(a=[BackendBusy("Full.", retry_after_s=60), 5])
    await house.keep(call("a"))
    job = await house.task()
    executor = await house.executor()
    await executor.work()
    assert (await house.job(job)).state == "waiting"
    turned_clock.turn(61)
    await executor.work(2)
    assert (await house.job(job)).result == 5


async def test_the_deadline_of_the_flow_shrinks_the_times_of_steps(build, turned_clock):
    house = build(a=[DOWN], b=[DOWN])
    await house.keep(call("a", timeout_s=100), call("b", timeout_s=5), deadline_s=30)
    job = await house.task()
    turned_clock.turn(10)
    await (await house.executor()).work()
    assert house.plays.timeouts_s == {"a": [20.0, 20.0], "b": [5.0, 5.0]}
    late = await house.task()
    turned_clock.turn(31)
    await (await house.executor()).work(2)
    assert (await house.job(late)).error["code"] == "deadline_exceeded"
    assert (await house.job(job)).error["code"] == "attempts_exhausted"


async def killed_in_the_middle(house, job, calls=1):
    """An executor begins a call and dies; what was called answers too late."""
    first = await house.executor()
    await first.beat()
    await house.plays.entered(calls)
    first.freeze()
    return first


async def test_a_killed_process_goes_on_in_the_step_it_was_in(build):
    held = asyncio.get_running_loop().create_future()
    house = build(a=[DOWN], b=[held, {"x": 1}])
    await house.keep(call("a"), call("b"))
    job = await house.task()
    dead = await killed_in_the_middle(house, job, 3)
    await (await house.executor()).work(2)
    done = await house.job(job)
    assert (done.state, done.result) == ("completed", {"x": 1})
    assert house.plays.keys[2:] == [("b", f"{job.id}:b:1")] * 2
    assert [(one.step, one.state) for one in await house.attempts(job)] == [
        ("a", "failed"),
        ("a", "failed"),
        ("b", "abandoned"),
        ("b", "ok"),
    ]
    held.set_result({"x": "late"})
    dead.revive()
    await dead.rest()
    assert (await house.job(job)).result == {"x": 1}


async def test_a_cancelled_task_leaves_no_hole(build):
    house = build(a=[asyncio.get_running_loop().create_future()])
    await house.keep(call("a"))
    job = await house.task()
    executor = await house.executor()
    await executor.beat()
    await house.plays.entered()
    await house.house.queue.cancel(SITE, job.id)
    await executor.work(2)
    assert (await house.job(job)).state == "cancelled"
    assert [(one.state, one.ended_at_s is None) for one in await house.attempts(job)] == [
        ("abandoned", False)
    ]


async def test_what_may_not_be_repeated_goes_to_the_person(build):
    house = build(once=[asyncio.get_running_loop().create_future()], b=[5])
    await house.keep(call("once"), call("b"), person(prefill={"paid": True}))
    job = await house.task({"sum": 3})
    await killed_in_the_middle(house, job)
    await (await house.executor()).work(2)
    assert (await house.job(job)).state == "waiting"
    assert len(house.plays.keys) == 1
    (asked,) = await house.asked()
    assert asked.context["tries"][0]["class"] == "unknown_outcome"
    await house.inbox.answer(TUTOR, asked.id, AnswerAsk(answer={"paid": False}))
    await (await house.executor()).work()
    assert (await house.job(job)).result == {"paid": False}


async def test_a_call_that_kills_process_after_process_is_given_up(build):
    held = asyncio.get_running_loop().create_future()
    house = build(a=[held], b=[5])
    await house.keep(call("a", retry={"max": 1}), call("b"))
    job = await house.task()
    for times in (1, 2, 3):
        await killed_in_the_middle(house, job, times)
    await (await house.executor()).work(2)
    assert (await house.job(job)).result == 5
    assert {key for _, key in house.plays.keys[:3]} == {f"{job.id}:a:1"}


async def test_a_person_is_asked_once_whatever_is_killed(build):
    house = build(a=[DOWN])
    await house.keep(call("a"), person(assignees=["user:an"]))
    job = await house.task({"q": 1})
    for _ in range(3):
        executor = await house.executor()
        await executor.work()
        executor.freeze()
    (asked,) = await house.asked()
    assert (asked.task_id, asked.state, asked.context["input"]) == (job.id, "open", {"q": 1})
    assert (await house.kinds(job)).count("human.requested") == 1
    await house.inbox.answer(TUTOR, asked.id, AnswerAsk(answer={"x": 9}))
    await (await house.executor()).work(2)
    assert (await house.job(job)).result == {"x": 9}
    trace = await house.trace(job)
    assert trace["decided_by"] == "human:user:an"
    assert trace["human"][0]["changes"] == [{"pointer": "", "before": None, "after": {"x": 9}}]


async def test_a_no_ends_it_unless_the_flow_has_more(build):
    house = build(a=[{"text": "draft"}], b=["another"])
    await house.keep(call("a"), person("check", ["ok"], kind="approve", prefill="$.last.output"), call("b"))
    job = await house.task()
    executor = await house.executor()
    await executor.work()
    (asked,) = await house.asked()
    assert asked.draft == {"text": "draft"}
    await house.inbox.reject(SITE, asked.id, RejectAsk(comment="Too short."))
    await executor.work()
    assert (await house.job(job)).result == "another"


PAYER = msgspec.structs.replace(SITE, key_id="key_p", user_id="mai")


async def test_a_flow_waits_for_a_signal(build):
    house = build(a=[{"no": 7}], b=[5])
    await house.keep(
        call("a"), signal("paid", "payment.paid", timeout_s=600), call("b", when=["ok"], map="$.last.output")
    )
    job = await house.task()
    executor = await house.executor()
    await executor.work()
    waiting = await house.job(job)
    assert (waiting.state, waiting.waiting_for) == ("waiting", "signal.payment.paid")
    (told,) = (await house.trace(job))["signals"]
    assert (told["step"], told["name"], told["state"]) == ("paid", "payment.paid", "waiting")
    assert await house.signal(job, "payment.paid", {"sum": 3, "headers": {"Cookie": "x"}}, PAYER)
    assert not await house.signal(job, "payment.paid", {"sum": 4})
    await executor.work()
    assert (await house.job(job)).result == 5
    assert house.plays.inputs["b"] == [{"sum": 3, "headers": {"Cookie": "x"}}]
    (told,) = (await house.trace(job))["signals"]
    assert (told["state"], told["by"]) == ("came", "user:mai")
    assert told["payload"] == {"sum": 3, "headers": {"Cookie": "***"}}


async def test_a_signal_that_came_first_counts(build):
    house = build(a=[1])
    await house.keep(signal("go"), call("a", when=["ok"]), signal("end"))
    job = await house.task()
    # Neither brings anything; that they came is what counts.
    assert await house.signal(job, "end")
    assert await house.signal(job, "go")
    await (await house.executor()).work()
    done = await house.job(job)
    assert (done.state, done.result) == ("completed", None)
    assert (await house.trace(job))["decided_by"] == "signal:key:key_a"
    assert "job.waiting" not in await house.kinds(job)


async def test_a_signal_that_comes_while_a_step_runs_is_not_lost(build):
    held = asyncio.get_running_loop().create_future()
    house = build(a=[held])
    await house.keep(call("a"), signal("go"))
    job = await house.task()
    executor = await house.executor()
    await executor.beat()
    await house.plays.entered()
    assert await house.signal(job, "go", 8)
    held.set_result(1)
    await executor.work(3)
    done = await house.job(job)
    assert (done.state, done.result) == ("completed", 8)
    assert len(house.plays.keys) == 1


async def test_a_signal_that_does_not_come(build, turned_clock):
    house = build(a=["reminded"])
    await house.keep(signal("paid", timeout_s=60), call("a"))
    job = await house.task()
    executor = await house.executor()
    await executor.work()
    turned_clock.turn(59)
    await executor.work()
    assert (await house.job(job)).state == "waiting"
    turned_clock.turn(2)
    await executor.work(2)
    assert (await house.job(job)).result == "reminded"
    assert not await house.signal(job, "paid")
    (told,) = (await house.trace(job))["signals"]
    assert (told["state"], told["by"]) == ("expired", None)


async def test_a_wait_without_a_time_ends_with_the_flow(build, turned_clock):
    house = build(a=[1])
    await house.keep(signal("paid"), call("a", when=["failed"]), deadline_s=60)
    await house.keep(signal("paid", timeout_s=30), name="alone")
    executor = await house.executor()
    job, alone = await house.task(), await house.task(name="alone")
    await executor.work()
    turned_clock.turn(61)
    await executor.work(2)
    assert (await house.job(job)).error["code"] == "deadline_exceeded"
    failed = await house.job(alone)
    assert failed.error["code"] == "expired"
    assert "'paid'" in failed.error["message"]
    # Tried again it waits again, and is heard.
    await house.house.queue.retry(SITE, alone.id)
    await executor.work()
    assert (await house.job(alone)).waiting_for == "signal.paid"
    assert await house.signal(alone, "paid", "late")
    await executor.work()
    assert (await house.job(alone)).result == "late"


async def test_a_signal_counts_once_whatever_is_killed(build):
    held = asyncio.get_running_loop().create_future()
    house = build(a=[held, 5], b=[6])
    await house.keep(signal("go"), call("a", when=["ok"]), signal("on"), call("b", when=["ok"]))
    job = await house.task()
    first = await house.executor()
    await first.work()
    first.freeze()
    assert await house.signal(job, "go", {"x": 1})
    await killed_in_the_middle(house, job)
    assert not await house.signal(job, "go", {"x": 2})
    third = await house.executor()
    await third.work(2)
    third.freeze()
    assert (await house.job(job)).waiting_for == "signal.on"
    assert await house.signal(job, "on")
    await (await house.executor()).work(2)
    assert (await house.job(job)).result == 6
    assert [key for _, key in house.plays.keys] == [f"{job.id}:a:1", f"{job.id}:a:1", f"{job.id}:b:1"]
    assert [one["payload"] for one in (await house.trace(job))["signals"]] == [{"x": 1}, None]


async def test_what_no_step_waits_for_is_no_signal(build):
    house = build(a=[1])
    await house.keep(call("a"), signal("paid"))
    job = await house.task()
    with pytest.raises(NotFound, match="paid"):
        await house.signal(job, "payd")
    with pytest.raises(TooLarge):
        await house.signal(job, "paid", "x" * 65_536)
    assert (await house.job(job)).signals == {}


async def test_what_is_outside_is_passed_over_where_nothing_may_leave(build):
    house = build(outside=[1], inside=[2])
    await house.keep(call("outside"), call("inside"), privacy="local_only")
    job = await house.task()
    await house.keep(call("outside"), call("inside"), name="open")
    unbound = await house.task(name="open")
    await (await house.executor()).work(2)
    done = await house.job(job)
    assert (done.result, done.caller.local_only) == (2, True)
    (refused,) = [one for one in await house.attempts(job) if one.step == "outside"]
    assert (refused.state, refused.error["code"], refused.error["class"]) == ("failed", "not_local", "auth")
    assert (await house.job(unbound)).result == 1
    assert [name for name, key in house.plays.keys if key.startswith(job.id)] == ["inside"]


async def test_what_is_passed_over_is_told_before(build):
    house = build(outside=[1], inside=[2])
    steps = [call("outside"), call("inside")]
    kept = await house.keep(*steps, privacy="local_only")
    (told,) = kept.warnings
    assert (told.pointer, told.message) == ("/steps/0/use", "It is outside.")
    found = await house.service.validate(SITE, "f", None)
    assert (found.valid, found.warnings) == (True, kept.warnings)
    assert (await house.keep(*steps, name="open")).warnings == []
    pretended = await house.service.simulate(SITE, "f", SimulateAsk(input={}))
    outcomes = [(one.step, one.outcome) for one in pretended.path if one.action == "call"]
    assert outcomes == [("outside", "auth"), ("inside", "ok")]


async def test_the_deadline_of_the_flow_ends_the_wait_for_a_person(build, turned_clock):
    house = build()
    await house.keep(person(due_s=86_400), deadline_s=60)
    job = await house.task()
    executor = await house.executor()
    await executor.work()
    turned_clock.turn(61)
    await executor.work(2)
    assert (await house.job(job)).error["code"] == "deadline_exceeded"


async def test_a_hedge_wins_and_the_other_is_told_to_stop(build):
    slow = asyncio.get_running_loop().create_future()
    house = build(a=[slow], h=[7])
    job = await house.run(call("a"), call("h", race_with="a", after_ms=10))
    assert (job.state, job.result) == ("completed", 7)
    assert slow.cancelled()
    tries = {one.step: (one.state, (one.error or {}).get("class")) for one in await house.attempts(job)}
    assert tries == {"a": ("failed", "lost_race"), "h": ("ok", None)}


async def test_a_hedge_is_not_begun_where_the_first_is_fast(build):
    house = build(a=[1], h=[7])
    job = await house.run(call("a"), call("h", race_with="a", after_ms=60_000))
    assert (job.result, [one for one, _ in house.plays.keys]) == (1, ["a"])


async def test_a_task_keeps_its_version(build):
    house = build(a=[1], b=[2])
    await house.keep(call("a"))
    job = await house.task()
    await house.keep(call("b"))
    await house.service.delete(SITE, "f")
    await (await house.executor()).work()
    assert (await house.job(job)).result == 1


async def test_a_retry_of_the_task_begins_anew(build):
    house = build(a=[DOWN, DOWN, 5])
    job = await house.run(call("a"))
    assert job.state == "failed"
    await house.house.queue.retry(SITE, job.id)
    await (await house.executor()).work()
    assert (await house.job(job)).result == 5


async def test_breakers_are_shared_and_one_call_probes(build, turned_clock):
    rule = {"failure_ratio": 0.5, "min_requests": 2, "open_s": 30}
    house = build(a=[DOWN, DOWN, DOWN, DOWN, 5], b=[1])
    await house.keep(call("a", breaker=rule), call("b"))
    executor = await house.executor()
    job = await house.task()
    await executor.work()
    (shown,) = (await house.service.breakers(SITE)).data
    assert (shown.target, shown.state, shown.failures) == ("a", "open", 2)
    await house.task()
    await executor.work()
    assert [one for one, _ in house.plays.keys] == ["a", "a", "b", "b"]
    turned_clock.turn(31)
    await house.task()
    await executor.work()
    # The probe failed: it is open again, and its second try was not made.
    assert [one for one, _ in house.plays.keys] == ["a", "a", "b", "b", "a", "b"]
    house.plays.scripts["a"] = [5]
    turned_clock.turn(31)
    await house.task()
    await executor.work()
    assert (await house.service.breakers(SITE)).data[0].state == "closed"
    assert job.state == "queued"
