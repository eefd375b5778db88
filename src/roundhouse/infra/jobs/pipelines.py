"""The pipelines that this process knows, by kind and revision."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from roundhouse.core.errors import BadInput
from roundhouse.core.jobs import Counting, Job, Pipeline, Stage
from roundhouse.infra.db import Tx


class PipelineTable:
    """Pipelines by kind and revision.

    Args:
        pipelines: All of them; a kind may come in several revisions, the highest is the one for new jobs.

    Raises:
        BadInput: Two of the same kind and revision, a pipeline without steps, steps of one name, or several
            that are not recorded.
    """

    def __init__(self, pipelines: Iterable[Pipeline]) -> None:
        self._known: dict[tuple[str, int], Pipeline] = {}
        self._newest: dict[str, Pipeline] = {}
        for one in pipelines:
            self._add(one)

    def _add(self, one: Pipeline) -> None:
        names = [step.name for step in one.steps]
        if not names or len(set(names)) != len(names):
            raise BadInput(f"The pipeline {one.kind} needs steps, each with a name of its own.")
        if not one.durable and len(names) > 1:
            raise BadInput(f"The pipeline {one.kind} has several steps, which must be recorded.")
        if (one.kind, one.revision) in self._known:
            raise BadInput(f"There are two pipelines {label(one.kind, one.revision)}.")
        self._known[one.kind, one.revision] = one
        newest = self._newest.get(one.kind)
        if newest is None or newest.revision < one.revision:
            self._newest[one.kind] = one

    @property
    def known(self) -> list[tuple[str, int]]:
        """Kind and revision of each."""
        return list(self._known)

    @property
    def kinds(self) -> list[str]:
        """Every kind."""
        return list(self._newest)

    @property
    def current(self) -> list[Pipeline]:
        """Of every kind the pipeline that new jobs get."""
        return list(self._newest.values())

    @property
    def labels(self) -> list[str]:
        """`kind@revision` of each."""
        return [label(*one) for one in self._known]

    def newest(self, kind: str) -> Pipeline | None:
        """The pipeline that new jobs of this kind get; None when there is none."""
        return self._newest.get(kind)

    def of(self, job: Job) -> Pipeline:
        """The pipeline of a job that was claimed because it is known here."""
        return self._known[job.kind, job.revision]

    def counting(self, kind: str) -> Counting | None:
        """What counts the jobs of a kind; None = nothing does."""
        newest = self._newest.get(kind)
        return None if newest is None else newest.counting

    async def settle(self, tx: Tx, ended: Sequence[Job]) -> None:
        """Have those that are counted settled, in the transaction that ends them: all of one counting at a time."""
        told: dict[Counting, list[Job]] = defaultdict(list)
        for job in ended:
            counting = self.counting(job.kind) if job.counted else None
            if counting is not None:
                told[counting].append(job)
        for counting, several in told.items():
            await counting.settle(tx, several)


def label(kind: str, revision: int) -> str:
    """`kind@revision`: how executors tell what they know, and the name of a job's durable runs."""
    return f"{kind}@{revision}"


def fresh_stages(pipeline: Pipeline) -> list[Stage]:
    """The stages of a job that has not begun."""
    return [Stage(step.name) for step in pipeline.steps]


def begin_next(stages: list[Stage], now_s: float) -> list[Stage]:
    """The stages with the first one that is not completed begun, those after it not."""
    begun = False
    found = []
    for stage in stages:
        if stage.state == "completed":
            found.append(stage)
        elif not begun:
            found.append(Stage(stage.name, "running", now_s))
            begun = True
        else:
            found.append(Stage(stage.name))
    return found


def put_back(stages: list[Stage]) -> list[Stage]:
    """The stages of a job that does not run: what is not completed has not begun."""
    return [one if one.state == "completed" else Stage(one.name) for one in stages]


def fail_running(stages: list[Stage], now_s: float) -> list[Stage]:
    """The stages of a job that failed at this Unix time."""
    return [
        Stage(one.name, "failed", one.started_at_s, now_s) if one.state == "running" else one
        for one in stages
    ]


def share_done(stages: list[Stage]) -> float:
    """The share of completed stages, 0 to 1."""
    return sum(one.state == "completed" for one in stages) / len(stages)
