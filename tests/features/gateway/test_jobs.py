"""The job that downloads a model, with an engine that is told what to do."""

import asyncio
from types import SimpleNamespace

import pytest

from roundhouse.core.errors import BackendDown, ModelNotFound
from roundhouse.core.types import PullProgress
from roundhouse.features.gateway.jobs import ModelPull
from roundhouse.infra.events.store import Event


class Engine:
    """Knows providers by name, and downloads by a script."""

    def __init__(self, *steps, providers=("desk",)) -> None:
        self.catalog = SimpleNamespace(
            backends=dict.fromkeys(providers), expire=self._expire, refresh=self._refresh
        )
        self.steps = steps
        self.told: list[str] = []

    def _expire(self) -> None:
        self.told.append("expired")

    async def _refresh(self) -> None:
        self.told.append("refreshed")

    async def pull(self, model):
        self.told.append(f"pull {model}")
        for step in self.steps:
            if isinstance(step, Exception):
                raise step
            yield step


class Context:
    """What a step sees; its progress is noted."""

    def __init__(self, model: str) -> None:
        self.job = SimpleNamespace(input={"model": model})
        self.noted: list[tuple[float, str]] = []

    def progress(self, fraction: float, message: str = "") -> None:
        self.noted.append((fraction, message))


async def reload() -> None:
    raise AssertionError("nothing to be reloaded")


def ended(kind: str, outcome: str = "completed") -> Event:
    return Event(1, "evt_1", "a", "job_x", f"job.{outcome}", {"kind": kind}, 0.0)


async def test_a_download_tells_how_far_it_is():
    steps = [
        PullProgress("pulling manifest"),
        PullProgress("pulling x", 5, 10),
        PullProgress("success", 10, 10),
    ]
    context = Context("desk/m")
    (step,) = ModelPull(Engine(*steps), reload).pipeline.steps
    assert await step.run(context) == {"model": "desk/m", "total_bytes": 10}
    assert context.noted == [(0.0, "pulling manifest"), (0.5, "pulling 5 of 10 B"), (1.0, "success")]


async def test_the_licence_of_weights_is_told_with_the_result():
    steps = [PullProgress("looking"), PullProgress("success", 10, 10, "cc-by-nc-4.0")]
    (step,) = ModelPull(Engine(*steps), reload).pipeline.steps
    told = await step.run(Context("desk/large"))
    assert told == {"model": "desk/large", "total_bytes": 10, "licence": "cc-by-nc-4.0"}


async def test_what_the_provider_says_ends_it():
    (step,) = ModelPull(Engine(ModelNotFound("No.")), reload).pipeline.steps
    with pytest.raises(ModelNotFound):
        await step.run(Context("desk/m"))


async def test_a_provider_that_was_added_a_moment_ago_is_found():
    engine = Engine(PullProgress("success"), providers=())

    async def reload() -> None:
        engine.catalog.backends["new"] = None

    (step,) = ModelPull(engine, reload).pipeline.steps
    await step.run(Context("new/m"))
    assert engine.told == ["pull new/m"]


async def test_a_provider_that_is_not_there_may_come_back():
    async def reload() -> None:
        pass

    engine = Engine(providers=())
    (step,) = ModelPull(engine, reload).pipeline.steps
    with pytest.raises(BackendDown) as caught:
        await step.run(Context("gone/m"))
    assert caught.value.retryable
    assert engine.told == []


async def test_every_process_asks_anew_after_a_download():
    engine = Engine()
    pull = ModelPull(engine, reload)
    for event in (ended("other"), ended("model.pull", "failed"), ended("model.pull", "progress")):
        pull.heard(event)
    assert engine.told == []
    pull.heard(ended("model.pull"))
    assert engine.told == ["expired"]
    await asyncio.sleep(0)
    assert engine.told == ["expired", "refreshed"]
