import asyncio

from roundhouse.infra.background import stop


async def test_a_task_is_stopped_between_two_pieces_of_work():
    working, begun, done = asyncio.Lock(), asyncio.Event(), []

    async def work() -> None:
        while True:
            async with working:
                begun.set()
                await asyncio.sleep(0.05)
                done.append(1)
            await asyncio.sleep(0)

    task = asyncio.create_task(work())
    await begun.wait()
    await stop(task, working)
    assert task.cancelled()
    assert done


async def test_an_idle_task_is_stopped_at_once_and_none_is_fine():
    task = asyncio.create_task(asyncio.sleep(3600))
    await stop(task, asyncio.Lock())
    assert task.cancelled()
    await stop(None, asyncio.Lock())
