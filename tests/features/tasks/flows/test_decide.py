"""What a flow does next: the table of error classes, and what holds for every flow and every course of events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.features.tasks.flows.decide import (
    MOST_BEGUN,
    Ask,
    Await,
    Call,
    Close,
    Done,
    Fail,
    Hedge,
    Pause,
    decide,
    pause_s,
)
from roundhouse.features.tasks.flows.facts import Facts, Said, Try
from roundhouse.features.tasks.flows.language import Retry
from roundhouse.features.tasks.flows.reading import read_flow

RETRY = {"max": 2, "base_s": 0, "on": ["timeout", "unavailable", "rate_limited", "worker_lost", "bad_output"]}
CHAIN = read_flow(
    {
        "defaults": {"retry": RETRY},
        "steps": [{"id": "a", "use": "x"}, {"id": "b", "use": "y"}, {"id": "p", "human": {"kind": "edit"}}],
    }
)


def facts(*tries, people=None, now_s=100.0, idempotent=("a", "b", "h"), deadline_s=None, signals=None):
    safe = dict.fromkeys(idempotent, True)
    return Facts("job_1", {"q": 1}, now_s, tries, people or {}, safe, deadline_s, signals or {})


def failed(step, n, kind, **more):
    return Try(step, n, "failed", kind, f"code_{kind}", "why", ended_at_s=100.0, **more)


def test_begins_with_the_first_step():
    assert decide(CHAIN, facts()) == Call("a", 1)


def test_the_first_good_output_wins():
    found = decide(CHAIN, facts(failed("a", 1, "auth"), Try("b", 1, "ok", output={"x": 2})))
    assert found == Done({"x": 2}, "step:b")


@pytest.mark.parametrize("kind", ["timeout", "unavailable", "rate_limited", "worker_lost", "bad_output"])
def test_what_may_pass_is_tried_again_then_the_next(kind):
    assert decide(CHAIN, facts(failed("a", 1, kind))) == Call("a", 2)
    assert decide(CHAIN, facts(failed("a", 1, kind), failed("a", 2, kind))) == Call("b", 1)


@pytest.mark.parametrize("kind", ["auth", "not_found", "breaker_open", "failed", "rejected"])
def test_what_does_not_pass_is_left_at_once(kind):
    assert decide(CHAIN, facts(failed("a", 1, kind))) == Call("b", 1)


def test_invalid_input_ends_everything():
    found = decide(CHAIN, facts(failed("a", 1, "invalid_input")))
    assert found == Fail("invalid_input", "code_invalid_input", "why", "a")


def test_retry_after_is_kept_to_where_it_fits():
    limited = failed("a", 1, "rate_limited", retry_after_s=20.0)
    assert decide(CHAIN, facts(limited)) == Pause("a", 2, 120.0)
    assert decide(CHAIN, facts(limited, now_s=120.0)) == Call("a", 2)
    assert decide(CHAIN, facts(limited, deadline_s=130.0)) == Pause("a", 2, 120.0)
    assert decide(CHAIN, facts(limited, deadline_s=115.0)) == Call("b", 1, 115.0)
    assert decide(CHAIN, facts(failed("a", 1, "rate_limited", retry_after_s=9e9))) == Call("b", 1)


def test_the_deadline_ends_it():
    assert decide(CHAIN, facts(deadline_s=100.0)).code == "deadline_exceeded"
    two = [failed(step, n, "timeout") for step in "ab" for n in (1, 2)]
    assert decide(CHAIN, facts(*two, deadline_s=99.0)).code == "deadline_exceeded"


def test_what_was_cut_off_is_repeated_a_few_times():
    tries = []
    for n in range(1, MOST_BEGUN):
        tries.append(Try("a", n, "abandoned"))
        assert decide(CHAIN, facts(*tries)) == Call("a", n + 1)
    tries.append(Try("a", MOST_BEGUN, "started"))
    assert decide(CHAIN, facts(*tries)) == Close("a", MOST_BEGUN, "worker_lost")


def test_what_may_not_be_repeated_goes_to_the_person():
    cut = Try("a", 1, "started")
    assert decide(CHAIN, facts(cut, idempotent=())) == Close("a", 1, "unknown_outcome")
    unknown = failed("a", 1, "unknown_outcome")
    assert decide(CHAIN, facts(unknown)) == Ask("p")
    alone = read_flow({"steps": [{"id": "a", "use": "x"}, {"id": "b", "use": "y"}]})
    assert decide(alone, facts(unknown)).error_class == "unknown_outcome"


def test_people():
    both = [failed("a", 1, "auth"), failed("b", 1, "auth")]
    assert decide(CHAIN, facts(*both)) == Ask("p")
    answered = {"p": Said("answered", {"y": 1}, "human:user:an")}
    assert decide(CHAIN, facts(*both, people=answered)) == Done({"y": 1}, "human:user:an")
    assert decide(CHAIN, facts(*both, people={"p": Said("rejected", comment="No.")})).code == "rejected"
    assert decide(CHAIN, facts(*both, people={"p": Said("expired")})).code == "expired"


def test_a_person_first_and_one_behind_success():
    flow = read_flow(
        {
            "steps": [
                {"id": "ask", "human": {"kind": "answer"}},
                {"id": "a", "use": "x", "when": ["ok"], "map": {"text": "$.last.output"}},
                {"id": "check", "human": {"kind": "approve"}, "when": ["ok"]},
            ],
            "output": {"made": "$.steps.a.output", "by": "$.last.by"},
        }
    )
    assert decide(flow, facts()) == Ask("ask")
    people = {"ask": Said("answered", "hello", "human:user:an")}
    assert decide(flow, facts(people=people)) == Call("a", 1)
    good = Try("a", 1, "ok", output=5)
    assert decide(flow, facts(good, people=people)) == Ask("check")
    people["check"] = Said("answered", True, "human:user:bo")
    assert decide(flow, facts(good, people=people)).output == {"made": 5, "by": "human:user:bo"}
    people["ask"] = Said("rejected")
    assert isinstance(decide(flow, facts(people={"ask": Said("rejected")})), Fail)


def test_signals():
    flow = read_flow(
        {
            "steps": [
                {"id": "paid", "signal": "payment.paid", "timeout_s": 60},
                {"id": "a", "use": "x", "when": ["ok"], "map": {"sum": "$.steps.paid.output.sum"}},
                {"id": "sent", "signal": "sent"},
                {"id": "remind", "use": "y"},
            ],
            "output": {"a": "$.steps.a.output", "last": "$.last.output", "by": "$.last.by"},
        }
    )
    assert decide(flow, facts()) == Await("paid", 160.0)
    assert decide(flow, facts(deadline_s=130.0)) == Await("paid", 130.0)
    assert decide(flow, facts(deadline_s=100.0)).code == "deadline_exceeded"
    # Nothing was brought, and that it was not is not the same.
    came = {"paid": Said("answered", None, "signal:key:k")}
    assert decide(flow, facts(signals=came)) == Call("a", 1)
    assert decide(flow, facts(signals={"paid": Said("expired")})) == Call("remind", 1)
    good = Try("a", 1, "ok", output=5)
    assert decide(flow, facts(good, signals=came)) == Await("sent", None)
    came["sent"] = Said("answered", {"no": 7}, "signal:key:k")
    told = {"a": 5, "last": {"no": 7}, "by": "signal:key:k"}
    assert decide(flow, facts(good, signals=came)) == Done(told, "signal:key:k")
    came["sent"] = Said("expired")
    assert decide(flow, facts(good, signals=came)) == Call("remind", 1)
    alone = read_flow({"steps": [{"id": "paid", "signal": "paid"}]})
    found = decide(alone, facts(signals={"paid": Said("expired")}))
    assert (found.error_class, found.code, found.step) == ("timeout", "expired", "paid")


def test_conditions():
    flow = read_flow(
        {
            "steps": [
                {"id": "a", "use": "x", "only_if": "input.q == 2"},
                {"id": "b", "use": "y", "only_if": "idempotent"},
            ]
        }
    )
    assert decide(flow, facts()) == Call("b", 1)
    assert decide(flow, facts(idempotent=())).code == "unprocessable"


RACE = read_flow(
    {
        "defaults": {"retry": RETRY},
        "steps": [
            {"id": "a", "use": "x"},
            {"id": "h", "use": "y", "race_with": "a", "after_ms": 8000, "only_if": "idempotent"},
        ],
    }
)


def test_races():
    assert decide(RACE, facts()) == Call("a", 1, None, Hedge("h", 8.0))
    assert decide(RACE, facts(idempotent=("a",))) == Call("a", 1)
    won = [failed("a", 1, "lost_race"), Try("h", 1, "ok", output=1)]
    assert decide(RACE, facts(*won)) == Done(1, "step:h")
    slow = [failed("a", 1, "timeout"), Try("h", 1, "ok", output=1)]
    assert decide(RACE, facts(*slow)) == Done(1, "step:h")
    lost = [Try("a", 1, "ok", output=2), failed("h", 1, "lost_race")]
    assert decide(RACE, facts(*lost)) == Done(2, "step:a")
    both = [Try("a", 1, "ok", output=2), Try("h", 1, "started")]
    assert decide(RACE, facts(*both)) == Close("h", 1, "lost_race")
    assert decide(RACE, facts(failed("a", 1, "auth"), Try("h", 1, "started"))) == Call("h", 2)
    assert decide(RACE, facts(failed("a", 1, "auth"))) == Call("h", 1)


@given(st.integers(1, 30), st.text(max_size=20))
def test_pauses(n, key):
    policy = Retry(base_s=1, cap_s=30)
    assert pause_s(policy, n, key) == pause_s(policy, n, key)
    assert min(2 ** (n - 1), 30) / 2 <= pause_s(policy, n, key) <= min(2 ** (n - 1), 30)
    assert pause_s(Retry(backoff="fixed", base_s=3), n, key) == 3


CLASSES = ["invalid_input", "auth", "not_found", "rate_limited", "timeout", "unavailable"]
CLASSES += ["worker_lost", "bad_output", "rejected", "breaker_open", "failed", "ok", "killed"]
outcomes = st.sampled_from(["ok", "failed", "rejected", "unknown"])
steps = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["human", "signal", "use"]),
            "max": st.integers(1, 3),
            "safe": st.booleans(),
        },
        optional={"when": st.lists(outcomes, min_size=1, unique=True), "only_if": st.just("input.q == 1")},
    ),
    min_size=1,
    max_size=5,
)


def drawn_flow(drawn):
    written = []
    for number, one in enumerate(drawn):
        step = {"id": f"s{number}", **{name: one[name] for name in ("when", "only_if") if name in one}}
        retried = {"retry": {**RETRY, "max": one["max"], "base_s": 0.001}}
        kinds = {"human": {"human": {"kind": "edit"}}, "signal": {"signal": step["id"]}}
        written.append(step | kinds.get(one["kind"], {"use": "x", **retried}))
    return read_flow({"steps": written})


@given(steps, st.data())
def test_every_course_ends_and_nothing_is_repeated_blindly(drawn, data):
    flow = drawn_flow(drawn)
    safe = {f"s{number}": one["safe"] for number, one in enumerate(drawn)}
    most = {f"s{number}": one["max"] for number, one in enumerate(drawn)}
    tries, people, signals, asked, now_s = [], {}, {}, [], 0.0
    for _ in range(1000):
        known = Facts("job_1", {"q": 1}, now_s, tuple(tries), people, safe, None, signals)
        action = decide(flow, known)
        assert decide(flow, known) == action
        if isinstance(action, (Done, Fail)):
            break
        if isinstance(action, Pause):
            assert action.until_s > now_s
            now_s = action.until_s
        elif isinstance(action, Ask):
            assert action.step not in people
            asked.append(action.step)
            people[action.step] = Said(data.draw(st.sampled_from(["answered", "rejected", "expired"])), 1)
        elif isinstance(action, Await):
            assert action.step not in signals
            signals[action.step] = Said(data.draw(st.sampled_from(["answered", "expired"])), None)
        elif isinstance(action, Close):
            last = tries.pop()
            assert (last.step, last.n) == (action.step, action.n)
            tries.append(failed(last.step, last.n, action.error_class))
        else:
            mine = [one for one in tries if one.step == action.step]
            assert action.n == len(mine) + 1
            assert not any(one.state == "ok" for one in mine)
            assert safe[action.step] or not any(one.cut_off for one in mine)
            outcome = data.draw(st.sampled_from(CLASSES))
            state = {"ok": "ok", "killed": "started"}.get(outcome, "failed")
            if mine and mine[-1].state == "started":
                tries[-1] = Try(action.step, action.n - 1, "abandoned")
            kind = outcome if state == "failed" else None
            tries.append(Try(action.step, action.n, state, kind, output=1, ended_at_s=now_s))
    else:
        pytest.fail("It does not end.")
    assert len(asked) == len(set(asked))
    for step, allowed in most.items():
        assert sum(one.step == step and one.state == "failed" for one in tries) <= allowed
    if isinstance(action, Done):
        assert any(one.state == "ok" for one in tries) or any(
            one.state == "answered" for one in (*people.values(), *signals.values())
        )
