"""What flows may cost, and what they did cost."""

import asyncio

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from features.tasks.flow_house import call, person
from features.tasks.houses import SITE
from features.tasks.running.test_costs import planned, reserved, used
from roundhouse.core.errors import BackendDown, NotFound
from roundhouse.core.jobs import NewJob
from roundhouse.features.tasks.flows.decide import Ask, Call, Done, Fail, decide
from roundhouse.features.tasks.flows.facts import Facts, Said, Try
from roundhouse.features.tasks.flows.jobs import FLOW
from roundhouse.features.tasks.flows.reading import read_flow
from roundhouse.features.tasks.flows.targets import dearest
from roundhouse.features.tasks.human.schemas import AnswerAsk
from roundhouse.features.tasks.model import Capability

DOWN = BackendDown("It is down.")


def costing(**units: float) -> dict[str, Capability]:
    return {
        name: Capability(id=name, site_id="a", name=name, version=1, cost_units=cost, idempotent=True)
        for name, cost in units.items()
    }


def test_each_step_counts_once():
    assert dearest({**costing(a=1, b=20, c=300), "missing": NotFound("No.")}) == 321
    assert dearest({}) == 0


OUTCOMES = st.sampled_from(["ok", "failed", "rejected", "unknown"])
WHEN = st.none() | st.lists(OUTCOMES, min_size=1, max_size=4, unique=True)
STEPS = st.lists(st.tuples(WHEN, st.sampled_from([0, 1, 2.5, 10]), st.booleans()), min_size=1, max_size=6)
KINDS = {"failed": "unavailable", "rejected": "rejected", "unknown": "unknown_outcome"}


@given(STEPS, st.lists(OUTCOMES, min_size=6, max_size=6))
def test_no_way_through_a_flow_costs_more(drawn, outcomes):
    steps, units = [], {}
    for number, (when, cost, asks) in enumerate(drawn):
        name = f"s{number}"
        given_when = {} if when is None or number == 0 else {"when": when}
        if asks:
            steps.append({"id": name, "human": {"kind": "edit"}, **given_when})
        else:
            steps.append({"id": name, "use": name, "retry": {"max": 1}, **given_when})
            units[name] = cost
    targets, tries, people, spent = costing(**units), [], {}, 0.0
    made = read_flow({"steps": steps})
    for outcome in [*outcomes, "ok"]:
        action = decide(made, Facts("job_1", {}, 100.0, tuple(tries), people, dict.fromkeys(units, True)))
        if isinstance(action, (Done, Fail)):
            break
        if isinstance(action, Ask):
            people[action.step] = Said("answered" if outcome == "ok" else "rejected", by="human:x")
            continue
        assert isinstance(action, Call)
        spent += units[action.step]
        state = "ok" if outcome == "ok" else "failed"
        tries.append(Try(action.step, action.n, state, KINDS.get(outcome), ended_at_s=100.0))
    assert spent <= dearest(targets)


async def accepted(house):
    """A task of the flow, as tasks are accepted."""
    ordered = await house.runs.order(SITE, "f", None, {})
    async with house.db.begin() as tx:
        kept = await house.quotas.reserve(tx, SITE, "res", cost_units=ordered.cost_units)
        assert kept.counted
        job = await house.house.queue.submit(tx, SITE, NewJob(FLOW, ordered.input, counted=True))
        await house.quotas.bind(tx, "res", job.id)
    return job


def priced(house, **units: float) -> None:
    for name, cost in units.items():
        house.registry.known[name] = msgspec.structs.replace(house.registry.known[name], cost_units=cost)


async def test_a_flow_is_settled_to_what_its_calls_cost(build):
    house = build(a=[DOWN], b=[{"x": 2}], c=[1])
    priced(house, a=2, b=5, c=100)
    await planned(house)
    await house.keep(call("a"), call("b"), call("c"))
    job = await accepted(house)
    assert (await used(house), await reserved(house)) == (107, 107)
    await (await house.executor()).work()
    assert (await house.job(job)).state == "completed"
    assert [(one.step, one.cost) for one in await house.attempts(job)] == [("a", 2), ("a", 2), ("b", 5)]
    assert (await used(house), await reserved(house)) == (9, 0)


async def test_what_is_not_called_costs_nothing(build):
    """A step whose capability is gone, one whose input cannot be made, one whose breaker is open."""
    rule = {"failure_ratio": 0.5, "min_requests": 1, "open_s": 60}
    house = build(a=[DOWN], b=[1])
    priced(house, a=3)
    await planned(house)
    again = call("a2", "a", breaker=rule)
    await house.keep(
        call("gone"), call("a", retry={"max": 1}, breaker=rule), again, call("b", map="$.input.x.y")
    )
    job = await accepted(house)
    await (await house.executor()).work()
    found = {one.step: ((one.error or {}).get("class"), one.cost) for one in await house.attempts(job)}
    assert found["gone"] == ("not_found", 0)
    assert found["a"] == ("unavailable", 3)
    assert found["a2"] == ("breaker_open", 0)
    total = sum(one.cost for one in await house.attempts(job))
    assert (await used(house), await reserved(house)) == (total, 0)


async def test_a_flow_that_waits_for_a_person_keeps_what_is_reserved(build):
    house = build(a=[DOWN])
    priced(house, a=4)
    await planned(house)
    await house.keep(call("a"), person())
    job = await accepted(house)
    worker = await house.executor()
    await worker.work()
    assert (await house.job(job)).state == "waiting"
    assert (await used(house), await reserved(house)) == (4, 4)
    (asked,) = await house.asked()
    await house.inbox.answer(SITE, asked.id, AnswerAsk(answer={"x": 1}))
    await worker.work()
    assert (await house.job(job)).state == "completed"
    assert (await used(house), await reserved(house)) == (8, 0)


async def test_a_flow_that_is_cancelled_while_it_waits_costs_what_it_did(build):
    house = build(a=[DOWN])
    await planned(house)
    await house.keep(call("a"), person())
    job = await accepted(house)
    await (await house.executor()).work()
    await house.house.queue.cancel(SITE, job.id)
    assert (await used(house), await reserved(house)) == (2, 0)


async def test_an_executor_that_dies_in_a_call_is_settled_once(build):
    house = build(a=[asyncio.get_running_loop().create_future(), 7])
    priced(house, a=3)
    await planned(house)
    await house.keep(call("a"))
    job = await accepted(house)
    first, second = await house.executor(), await house.executor()
    await first.beat()
    await house.plays.entered()
    first.freeze()
    await second.work(2)
    assert (await house.job(job)).result == 7
    assert [(one.state, one.cost) for one in await house.attempts(job)] == [("abandoned", 3), ("ok", 3)]
    assert (await used(house), await reserved(house)) == (6, 0)
