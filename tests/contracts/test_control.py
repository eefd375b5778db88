"""What every control backend promises (`core.ports.ModelControl`)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from contracts.backends import CONTROL, Bench, Case
from roundhouse.core.errors import BackendBusy, BackendFailed, ModelNotFound, NotSupported, RoundhouseError


@pytest.fixture(params=CONTROL, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
async def bench(case: Case) -> AsyncIterator[Bench]:
    async with case.works() as opened:
        yield opened
        await opened.backend.close()


async def test_models(bench: Bench) -> None:
    models = await bench.backend.models()
    assert bench.model in [model.id for model in models]
    assert all(model.operations for model in models)


async def test_load_and_unload(case: Case, bench: Bench) -> None:
    control = bench.backend
    assert control.manages_memory is ("memory" in case.features)
    if not control.manages_memory:
        for call in (control.load, control.unload):
            with pytest.raises(NotSupported):
                await call(bench.model)
        return
    await control.load(bench.model)
    await control.load(bench.model)
    assert bench.model in [model.id for model in await control.running()]
    await control.unload(bench.model)
    await control.unload(bench.model)
    assert bench.model not in [model.id for model in await control.running()]
    with pytest.raises(ModelNotFound):
        await control.load("no-such-model")


async def test_pull(case: Case, bench: Bench) -> None:
    assert bench.backend.can_pull is ("pull" in case.features)
    if "pull" not in case.features:
        with pytest.raises(NotSupported):
            [step async for step in bench.backend.pull("new")]
        return
    steps = [step async for step in bench.backend.pull("new")]
    assert steps[-1].status == "success"
    done = [step.completed_bytes for step in steps]
    assert done == sorted(done)
    assert "new" in [model.id for model in await bench.backend.models()]


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [(404, RoundhouseError, False), (429, BackendBusy, True), (500, BackendFailed, True)],
)
async def test_errors(case: Case, status: int, kind: type[RoundhouseError], retryable: bool) -> None:
    if case.fails is None:
        pytest.skip(f"{case.name} has no server that fails")
    async with case.fails(status) as bench:
        with pytest.raises(kind) as caught:
            await bench.backend.models()
    assert caught.value.retryable is retryable
