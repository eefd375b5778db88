"""A flow's JSON: what is taken, and that every fault is told with its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.errors import Unprocessable
from roundhouse.features.tasks.flows.house import shipped_flows
from roundhouse.features.tasks.flows.reading import look_through, read_flow

WHOLE = {
    "name": "solve",
    "version": 3,
    "input_schema": {"$ref": "#cap/math.solve/input"},
    "defaults": {
        "timeout_s": 30,
        "retry": {
            "max": 2,
            "backoff": "exp_jitter",
            "base_s": 1,
            "cap_s": 30,
            "on": ["timeout", "unavailable", "rate_limited", "worker_lost"],
        },
    },
    "steps": [
        {
            "id": "fast",
            "use": "math.solve",
            "target": {"labels": {"gpu": True}},
            "timeout_s": 10,
            "accept": {"schema": True, "expr": "output.confidence >= 0.7"},
        },
        {
            "id": "backup",
            "use": "http.aimath_cloud.solve",
            "when": ["failed", "rejected"],
            "map": {"expression": "$.input.expression"},
            "timeout_s": 60,
            "breaker": {"failure_ratio": 0.5, "min_requests": 5, "open_s": 30},
        },
        {
            "id": "hedge",
            "use": "http.slow_api.solve",
            "after_ms": 8000,
            "race_with": "backup",
            "only_if": "idempotent",
        },
        {
            "id": "person",
            "human": {
                "kind": "edit",
                "assignees": ["user:an", "group:tutors"],
                "form": "#cap/math.solve/output",
                "prefill": "$.best_output",
                "due_s": 3600,
                "remind_s": [900, 2700],
                "escalate": [{"after_s": 3600, "to": ["group:leads"]}],
                "on_timeout": "fail",
                "channels": ["inbox", "email", "webhook"],
            },
        },
    ],
    "compensate": [],
    "output": "$.last.output",
}


def call(**more):
    return {"id": "a", "use": "x", **more}


def person(**more):
    return {"id": "a", "human": {"kind": "edit", **more}}


def signal(**more):
    return {"id": "a", "signal": "paid", **more}


def test_the_whole_language():
    flow = read_flow(WHOLE)
    assert [one.id for one in flow.spec.steps] == ["fast", "backup", "hedge", "person"]
    assert flow.hedges["backup"].id == "hedge"
    assert flow.retry(flow.step("fast")).max == 2


@pytest.mark.parametrize(
    ("steps", "pointer"),
    [
        ([], "/steps"),
        ([call()] * 51, "/steps"),
        ([call(), call()], "/steps/1/id"),
        ([{"id": "a"}], "/steps/0"),
        ([call(human={"kind": "edit"})], "/steps/0"),
        ([call(id="1 2")], "/steps/0/id"),
        ([call(use="x y")], "/steps/0/use"),
        ([call(use="x@0")], "/steps/0/use"),
        ([call(timeout_s=0)], "/steps/0/timeout_s"),
        ([call(timeout_s="1")], "/steps/0/timeout_s"),
        ([call(timout_s=1)], "/steps/0"),
        ([call(retry={"max": 0})], "/steps/0/retry/max"),
        ([call(retry={"max": 2, "on": ["auth"]})], "/steps/0/retry/on/0"),
        ([call(retry={"cap_s": -1})], "/steps/0/retry/cap_s"),
        ([call(accept={"expr": "output ="})], "/steps/0/accept/expr"),
        ([call(accept={"expr": "outptu.x"})], "/steps/0/accept/expr"),
        ([call(map={"q": "$.inptu.x"})], "/steps/0/map"),
        ([call(when=[])], "/steps/0/when"),
        ([call(when=["maybe"])], "/steps/0/when/0"),
        ([call(only_if="output.x")], "/steps/0/only_if"),
        ([call(after_ms=5)], "/steps/0/after_ms"),
        ([call(race_with="b", after_ms=5)], "/steps/0/race_with"),
        ([call(), call(id="b", race_with="a")], "/steps/1/after_ms"),
        ([call(), call(id="b", race_with="a", after_ms=1, when=["ok"])], "/steps/1/when"),
        ([call(breaker={"failure_ratio": 2})], "/steps/0/breaker/failure_ratio"),
        ([call(breaker={"min_requests": 0})], "/steps/0/breaker/min_requests"),
        ([person(kind="decide")], "/steps/0/human/kind"),
        ([person(kind="choose")], "/steps/0/human/options"),
        ([person(assignees=["an"])], "/steps/0/human/assignees/0"),
        ([person(assignees="an")], "/steps/0/human/assignees"),
        ([person(form="#cap/x")], "/steps/0/human/form"),
        ([person(form="free text")], "/steps/0/human/form"),
        ([person(due_s=0)], "/steps/0/human/due_s"),
        ([person(remind_s=[-1])], "/steps/0/human/remind_s/0"),
        ([person(escalate=[{"after_s": 1, "to": []}])], "/steps/0/human/escalate/0/to"),
        ([person(on_timeout="default_answer")], "/steps/0/human/default_answer"),
        ([person(on_timeout="next_level")], "/steps/0/human/escalate"),
        ([person() | {"timeout_s": 5}], "/steps/0/timeout_s"),
        ([person() | {"accept": {"expr": "output ="}}], "/steps/0/accept"),
        ([person() | {"target": {"labels": {"gpu": True}}}], "/steps/0/target"),
        ([person() | {"only_if": "idempotent"}], "/steps/0/only_if"),
        ([signal(signal="is paid")], "/steps/0/signal"),
        ([signal(signal="")], "/steps/0/signal"),
        ([signal(), signal(id="b")], "/steps/1/signal"),
        ([signal(use="x")], "/steps/0"),
        ([signal(human={"kind": "edit"})], "/steps/0"),
        ([signal(timeout_s=0)], "/steps/0/timeout_s"),
        ([signal(retry={"max": 2})], "/steps/0/retry"),
        ([signal(map={"q": 1})], "/steps/0/map"),
        ([signal(accept={"expr": "output.x"})], "/steps/0/accept"),
        ([signal(), call(id="b", race_with="a", after_ms=1)], "/steps/1/race_with"),
    ],
)
def test_faults(steps, pointer):
    flow, problems = look_through({"steps": steps})
    assert flow is None
    assert problems[0].pointer == pointer
    with pytest.raises(Unprocessable) as refused:
        read_flow({"steps": steps})
    assert refused.value.param == pointer


@pytest.mark.parametrize(
    "given",
    [
        None,
        1,
        "x",
        [],
        {},
        {"steps": 1},
        {"steps": [call()], "compensate": [1]},
        {"steps": [call()], "more": 1},
    ],
)
def test_what_is_no_flow(given):
    with pytest.raises(Unprocessable):
        read_flow(given)


def test_too_large():
    with pytest.raises(Unprocessable):
        read_flow({"steps": [call(map={"x": "y" * 300_000})]})


def test_too_deep():
    deep = leaf = {}
    for _ in range(2000):
        leaf["x"] = leaf = {}
    with pytest.raises(Unprocessable):
        read_flow({"steps": [call(map=deep)]})


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from([*WHOLE["steps"][1], "human", "signal", *WHOLE["steps"][3]["human"]]), json_values
    )
)
def test_any_json_is_taken_or_refused(step):
    flow, problems = look_through({"steps": [step]})
    assert (flow is None) is bool(problems)


def test_shipped_flows_can_be_read():
    for name, one in shipped_flows().items():
        flow = read_flow(one.spec)
        assert flow.spec.steps[-1].human is not None, name
        assert flow.spec.title, name
