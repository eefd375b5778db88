"""A loop in a thread of its own: called from loops, called from threads, closed under both."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from roundhouse.core.errors import Cancelled
from roundhouse.infra.side_loop import SideLoop


@pytest.fixture
def side():
    loop = SideLoop("beside", Cancelled)
    yield loop
    loop.close()


async def name() -> str:
    return threading.current_thread().name


async def fail() -> None:
    raise KeyError("inside")


async def wait_for(event: threading.Event) -> str:
    while not event.is_set():  # noqa: ASYNC110 - it is set by a thread
        await asyncio.sleep(0.005)
    return "done"


async def test_work_runs_there_for_a_loop_and_for_a_thread(side: SideLoop) -> None:
    assert await side.call(name()) == "beside"
    assert await asyncio.to_thread(side.wait, name()) == "beside"
    with pytest.raises(KeyError):
        await side.call(fail())
    with pytest.raises(KeyError):
        side.wait(fail())


async def test_a_caller_that_is_cancelled_leaves_and_the_work_goes_on(side: SideLoop) -> None:
    go, ended = threading.Event(), threading.Event()

    async def work() -> None:
        await wait_for(go)
        ended.set()

    calling = asyncio.create_task(side.call(work()))
    await asyncio.sleep(0.05)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    go.set()
    assert await asyncio.to_thread(ended.wait, 10)


def test_a_callers_loop_may_end_before_the_work(side: SideLoop, caplog: pytest.LogCaptureFixture) -> None:
    go = threading.Event()

    async def hurry() -> None:
        calling = asyncio.create_task(side.call(wait_for(go)))
        await asyncio.sleep(0.05)
        calling.cancel()

    asyncio.run(hurry())
    go.set()
    side.wait(asyncio.sleep(0.05))
    assert caplog.records == []


async def test_what_runs_when_it_closes_is_told() -> None:
    side = SideLoop("beside", Cancelled)
    never = threading.Event()
    calling = asyncio.create_task(side.call(wait_for(never)))
    waiting = asyncio.create_task(asyncio.to_thread(side.wait, wait_for(never)))
    await asyncio.sleep(0.1)
    await asyncio.to_thread(side.close)
    for one in (calling, waiting):
        with pytest.raises(Cancelled):
            await one
    with pytest.raises(Cancelled):
        await side.call(name())
    with pytest.raises(Cancelled):
        side.wait(name())
    side.close()


def test_no_caller_hangs_however_it_closes() -> None:
    """Calls come from threads at the moment of the end: each is answered, or told."""
    for _ in range(30):
        side = SideLoop("beside", Cancelled)
        gate = threading.Barrier(5)

        def call(side: SideLoop = side, gate: threading.Barrier = gate) -> int:
            gate.wait()
            count = 0
            try:
                while True:
                    side.wait(name())
                    count += 1
            except Cancelled:
                return count

        with ThreadPoolExecutor(4) as pool:
            calls = [pool.submit(call) for _ in range(4)]
            gate.wait()
            side.close()
            for one in calls:
                one.result(20)
