import asyncio
import contextvars
import secrets
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from roundhouse.core.errors import StorageUnavailable
from roundhouse.infra.jobs.durable import DbosDurable
from roundhouse.infra.jobs.durable_memory import MemoryDurable
from roundhouse.infra.jobs.model import Durable, RunLost

OTHER_PROCESS = Path(__file__).with_name("durable_process.py")


class MemoryDisk:
    """Processes on a dictionary."""

    def __init__(self) -> None:
        self.disk = {}
        self.durable: Durable | None = None

    async def open(self) -> Durable:
        """A new process; the one before is gone, however it stood."""
        if self.durable is not None:
            await self.durable.close()
        self.durable = MemoryDurable(self.disk)
        await self.durable.start()
        return self.durable

    async def fence_elsewhere(self, run_id: str) -> None:
        other = MemoryDurable(self.disk)
        await other.start()
        await other.fence([run_id])


class DbosDisk(MemoryDisk):
    """Processes on a database."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    async def open(self) -> Durable:
        if self.durable is not None:
            await self.durable.close()
        self.durable = DbosDurable(self.url, "exe_1")
        await self.durable.start()
        return self.durable

    async def fence_elsewhere(self, run_id: str) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, OTHER_PROCESS, self.url, "fence", run_id, stdout=PIPE, stderr=PIPE
        )
        assert await process.communicate() == (b"", b"")
        assert process.returncode == 0


def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'roundhouse.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def disk(request, tmp_path):
    made = MemoryDisk() if request.param == "memory" else DbosDisk(database_url(request, tmp_path))
    yield made
    if made.durable is not None:
        await made.durable.close()


@pytest.fixture
async def durable(disk) -> Durable:
    return await disk.open()


@pytest.fixture
def job() -> str:
    return f"job_{secrets.token_hex(8)}"


def giving(output):
    async def function():
        return output

    return function


def steps(**outputs):
    """A body that records one step after the other and returns what `record` gave."""

    async def body(record):
        return {name: await record(name, giving(output)) for name, output in outputs.items()}

    return body


class Held:
    """A body that records `first`, then stands in `second` until it is let go."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.let_go = asyncio.Event()
        self.called: list[str] = []

    async def __call__(self, record):
        self.called.append(await record("first", giving("first")))
        await record("second", self.second)
        self.called.append(await record("third", giving("third")))

    async def second(self):
        self.reached.set()
        await self.let_go.wait()
        self.called.append("second")
        return "second"


async def hold(durable: Durable, run_id: str) -> tuple[Held, asyncio.Task]:
    body = Held()
    task = asyncio.create_task(durable.run(run_id, "kind@1", body))
    async with asyncio.timeout(30):
        await body.reached.wait()
    return body, task


async def test_outputs_outlive_the_process(disk, job):
    durable = await disk.open()
    assert await durable.run(f"{job}.1", "kind@1", steps(a=1, b=[2])) == {"a": 1, "b": [2]}
    durable = await disk.open()
    assert await durable.finished([f"{job}.1"]) == {"a": 1, "b": [2]}


async def test_a_crash_in_the_middle_keeps_the_finished_steps(disk, job):
    durable = await disk.open()
    _, task = await hold(durable, f"{job}.1")
    durable = await disk.open()
    assert await durable.finished([f"{job}.1"]) == {"first": "first"}
    await durable.fence([f"{job}.1"])
    await durable.run(f"{job}.2", "kind@1", steps(second=2))
    assert await durable.finished([f"{job}.1", f"{job}.2"]) == {"first": "first", "second": 2}
    task.cancel()
    await asyncio.wait({task})


async def test_all_runs_are_asked_and_the_later_wins(durable, job):
    await durable.run(f"{job}.1", "kind@1", steps(a=1, b=1))
    await durable.run(f"{job}.2", "kind@1", steps(b=2))
    assert await durable.finished([f"{job}.1", f"{job}.2", f"{job}.3"]) == {"a": 1, "b": 2}
    assert await durable.finished([f"{job}.3"]) == {}
    assert await durable.finished([]) == {}


@pytest.mark.parametrize(
    "output",
    [
        None,
        False,
        "",
        {},
        0.1,
        -(2**53),
        2**64,
        "tiếng Việt, 中文, עברית, 🎈, \x00, \u2028",
        {"a": [None, {"ü": "ß"}], "": ""},
        ["x" * 1_000_000, {"y": "ỗ" * 300_000}],
    ],
    ids=lambda output: type(output).__name__,
)
async def test_outputs_come_back_as_they_were(durable, job, output):
    assert await durable.run(f"{job}.1", "kind@1", steps(a=output)) == {"a": output}
    assert await durable.finished([f"{job}.1"]) == {"a": output}


async def test_a_step_is_given_what_a_later_run_would_be_given(durable, job):
    assert await durable.run(f"{job}.1", "kind@1", steps(a=(1, (2,)), b={3: 4})) == {
        "a": [1, [2]],
        "b": {"3": 4},
    }


async def test_an_output_that_is_no_json_fails_and_is_not_recorded(durable, job):
    with pytest.raises(TypeError):
        await durable.run(f"{job}.1", "kind@1", steps(a=1, b=object()))
    assert await durable.finished([f"{job}.1"]) == {"a": 1}


async def test_a_zombie_records_nothing(disk, job):
    durable = await disk.open()
    body, task = await hold(durable, f"{job}.1")
    await disk.fence_elsewhere(f"{job}.1")
    body.let_go.set()
    with pytest.raises(RunLost):
        await task
    assert body.called == ["first", "second"]
    assert await durable.finished([f"{job}.1"]) == {"first": "first"}


async def test_a_fenced_run_is_told_before_the_next_step_does_its_work(durable, job):
    async def body(record):
        await record("first", giving(1))
        await durable.fence([f"{job}.1"])
        for _ in range(2):
            with pytest.raises(RunLost):
                await record("second", giving(pytest.fail))

    await durable.run(f"{job}.1", "kind@1", body)
    assert await durable.finished([f"{job}.1"]) == {"first": 1}


async def test_unknown_and_ended_runs_are_left_alone(durable, job):
    await durable.run(f"{job}.1", "kind@1", steps(a=1))
    await durable.fence([f"{job}.1", f"{job}.7"])
    await durable.fence([])
    assert await durable.finished([f"{job}.1"]) == {"a": 1}
    await durable.run(f"{job}.2", "kind@1", steps(a=2))


async def test_a_step_that_is_cut_off_leaves_nothing(durable, job):
    body, task = await hold(durable, f"{job}.1")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert body.called == ["first"]
    assert await durable.finished([f"{job}.1"]) == {"first": "first"}


async def test_cancelled_at_any_moment_it_stops_and_keeps_a_beginning(durable, job):
    """From the opening of the run to its end; twice, as a second signal would."""
    whole = {str(number): number for number in range(4)}
    for turn in range(20):
        run_id = f"{job}.{turn}"
        task = asyncio.create_task(durable.run(run_id, "kind@1", steps(**whole)))
        await asyncio.sleep(turn / 1000)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task}, timeout=30)
        assert task.cancelled() or task.result() == whole
        found = await durable.finished([run_id])
        assert list(found.items()) == list(whole.items())[: len(found)]
        await durable.fence([run_id])


async def test_what_the_body_raises_is_raised(durable, job):
    class Odd(Exception):
        pass

    async def fail():
        raise Odd("secret")

    async def body(record):
        await record("first", giving(1))
        with pytest.raises(Odd):
            await record("second", fail)
        assert await record("second", giving(2)) == 2
        await record("third", fail)

    with pytest.raises(Odd):
        await durable.run(f"{job}.1", "kind@1", body)
    assert await durable.finished([f"{job}.1"]) == {"first": 1, "second": 2}


async def test_an_id_is_used_once(durable, job):
    await durable.run(f"{job}.1", "kind@1", steps(a=1))
    with pytest.raises(RunLost):
        await durable.run(f"{job}.1", "kind@1", steps(a=2))
    _, task = await hold(durable, f"{job}.2")
    with pytest.raises(RunLost):
        await durable.run(f"{job}.2", "other@1", steps(first=2))
    assert await durable.finished([f"{job}.1", f"{job}.2"]) == {"a": 1, "first": "first"}
    task.cancel()
    await asyncio.wait({task})


async def test_a_job_goes_on_under_another_name(disk, job):
    durable = await disk.open()
    await durable.run(f"{job}.1", "kind@1", steps(a=1))
    durable = await disk.open()
    await durable.run(f"{job}.2", "kind@2", steps(b=2))
    await durable.run(f"{job}.3", "kind@1", steps(c=3))
    assert await durable.finished([f"{job}.{run}" for run in (1, 2, 3)]) == {"a": 1, "b": 2, "c": 3}


async def test_many_runs_at_once(durable, job):
    async def body(number, record):
        return [await record(f"{step}", giving([number, step])) for step in range(3)]

    async def run(number):
        return await durable.run(f"{job}-{number}.1", "kind@1", lambda record: body(number, record))

    results = await asyncio.gather(*(run(number) for number in range(50)))
    assert results == [[[number, step] for step in range(3)] for number in range(50)]
    found = [await durable.finished([f"{job}-{number}.1"]) for number in range(50)]
    assert found == [{f"{step}": [number, step] for step in range(3)} for number in range(50)]


async def test_steps_of_one_run_at_once(durable, job):
    async def body(record):
        return await asyncio.gather(*(record(f"{step}", giving(step)) for step in range(10)))

    assert await durable.run(f"{job}.1", "kind@1", body) == list(range(10))
    assert await durable.finished([f"{job}.1"]) == {f"{step}": step for step in range(10)}


async def test_a_run_that_is_over_records_nothing(durable, job):
    kept = []

    async def body(record):
        kept.append(record)
        raise ValueError

    with pytest.raises(ValueError):
        await durable.run(f"{job}.1", "kind@1", body)
    with pytest.raises(RunLost):
        await kept[0]("late", giving(1))
    assert await durable.finished([f"{job}.1"]) == {}


async def test_a_deleted_run_is_forgotten_and_lost(durable, job):
    await durable.run(f"{job}.1", "kind@1", steps(a=1))
    body, task = await hold(durable, f"{job}.2")
    await durable.delete([f"{job}.{run}" for run in range(1200)])
    body.let_go.set()
    with pytest.raises(RunLost):
        await task
    assert await durable.finished([f"{job}.1", f"{job}.2"]) == {}
    await durable.run(f"{job}.1", "kind@1", steps(a=2))


async def test_steps_run_in_the_callers_context_and_task(durable, job):
    tenant = contextvars.ContextVar("tenant", default="")
    tenant.set("a")

    async def look():
        return [tenant.get(), asyncio.current_task() is task]

    async def body(record):
        tenant.set("b")
        return await record("look", look)

    task = asyncio.current_task()
    assert await durable.run(f"{job}.1", "kind@1", body) == ["b", True]


async def test_closing_is_quick_and_ends_recording(disk, job):
    durable = await disk.open()
    body, task = await hold(durable, f"{job}.1")
    async with asyncio.timeout(10):
        await durable.close()
    body.let_go.set()
    with pytest.raises(StorageUnavailable):
        await task
    for call in (durable.finished, durable.fence, durable.delete):
        with pytest.raises(StorageUnavailable):
            await call([f"{job}.1"])
    with pytest.raises(StorageUnavailable):
        await durable.run(f"{job}.2", "kind@1", steps(a=1))
    assert await asyncio.to_thread(lambda: "threads still work") == "threads still work"
    durable = await disk.open()
    assert await durable.finished([f"{job}.1", f"{job}.2"]) == {"first": "first"}


@pytest.mark.parametrize(
    "disk", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
async def test_kill_9_between_two_steps_keeps_the_finished_ones(disk, job):
    process = await asyncio.create_subprocess_exec(
        sys.executable, OTHER_PROCESS, disk.url, "hang", f"{job}.1", stdout=PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"in the third step\n"
    durable = await disk.open()
    process.kill()
    await process.wait()
    assert await durable.finished([f"{job}.1"]) == {"first": "done", "second": "done"}
    await durable.fence([f"{job}.1"])
    await durable.run(f"{job}.2", "kind@1", steps(third=3))
    found = await durable.finished([f"{job}.1", f"{job}.2"])
    assert found == {"first": "done", "second": "done", "third": 3}
