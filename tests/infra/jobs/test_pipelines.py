import pytest

from roundhouse.core.errors import BadInput
from roundhouse.core.jobs import Pipeline, Stage, Step
from roundhouse.infra.jobs.pipelines import (
    PipelineTable,
    begin_next,
    fail_running,
    fresh_stages,
    put_back,
    share_done,
)


async def nothing(context):
    return None


def pipeline(kind="t.x", *names, revision=1):
    return Pipeline(kind, tuple(Step(name, nothing) for name in names or ("one",)), revision=revision)


def test_the_highest_revision_is_for_new_jobs_the_others_stay_known():
    first, third, second = (pipeline(revision=revision) for revision in (1, 3, 2))
    table = PipelineTable([first, third, second, pipeline("t.y")])
    assert table.newest("t.x") is third
    assert table.newest("t.unknown") is None
    assert sorted(table.known) == [("t.x", 1), ("t.x", 2), ("t.x", 3), ("t.y", 1)]
    assert sorted(table.labels) == ["t.x@1", "t.x@2", "t.x@3", "t.y@1"]
    assert table.kinds == ["t.x", "t.y"]


@pytest.mark.parametrize(
    "wrong",
    [[Pipeline("t.x", ())], [pipeline("t.x", "one", "one")], [pipeline(), pipeline()]],
)
def test_a_table_that_means_nothing_is_refused(wrong):
    with pytest.raises(BadInput):
        PipelineTable(wrong)


def test_the_life_of_stages():
    stages = fresh_stages(pipeline("t.x", "one", "two", "three"))
    assert share_done(stages) == 0.0
    stages = begin_next(stages, 1.0)
    assert [one.state for one in stages] == ["running", "pending", "pending"]
    stages[0] = Stage("one", "completed", 1.0, 2.0)
    stages = begin_next(stages, 2.0)
    assert [(one.state, one.started_at_s) for one in stages] == [
        ("completed", 1.0),
        ("running", 2.0),
        ("pending", None),
    ]
    assert share_done(stages) == pytest.approx(1 / 3)
    assert put_back(stages) == [stages[0], Stage("two"), Stage("three")]
    assert fail_running(stages, 5.0) == [stages[0], Stage("two", "failed", 2.0, 5.0), Stage("three")]
    assert begin_next(fail_running(stages, 5.0), 6.0)[1] == Stage("two", "running", 6.0)
