import asyncio
import errno
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.errors import Cancelled, StorageFull
from roundhouse.infra.blobs.disk import DiskThreads, disk_errors
from roundhouse.infra.blobs.pump import pump

MIB = 1024 * 1024


async def pieces_of(*sizes: int) -> AsyncIterator[bytes]:
    for number, size in enumerate(sizes):
        yield bytes([number % 251]) * size


@given(sizes=st.lists(st.integers(0, 700_000), max_size=12))
def test_all_comes_in_order_in_large_batches(sizes: list[int]) -> None:
    fed: list[bytes] = []

    async def run() -> None:
        threads = DiskThreads(1)
        await pump(pieces_of(*sizes), fed.append, threads)
        threads.close()

    asyncio.run(run())
    assert b"".join(fed) == b"".join(bytes([n % 251]) * size for n, size in enumerate(sizes))
    assert len(fed) <= 2 + sum(sizes) // MIB + 1
    assert max(map(len, fed), default=0) <= MIB + 700_000


async def test_the_next_pieces_arrive_while_a_batch_is_written() -> None:
    seen: list[str] = []
    threads = DiskThreads(1)
    release = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def arriving() -> AsyncIterator[bytes]:
        yield b"a" * MIB
        seen.append("second")
        loop.call_soon(release.set)
        yield b"b"

    def feed(data: bytes) -> None:
        if data[:1] == b"a":
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result(10)
        seen.append(f"fed {data[:1].decode()}")

    await asyncio.wait_for(pump(arriving(), feed, threads), 10)
    assert seen == ["second", "fed a", "fed b"]
    threads.close()


async def test_a_fault_ends_it() -> None:
    threads = DiskThreads(1)
    fed = 0

    def feed(_: bytes) -> None:
        nonlocal fed
        fed += 1
        with disk_errors():
            raise OSError(errno.ENOSPC, "none left")

    with pytest.raises(StorageFull):
        await pump(pieces_of(*([MIB] * 50)), feed, threads)
    assert fed == 1
    threads.close()


async def test_a_client_that_goes_away_ends_it() -> None:
    threads = DiskThreads(1)

    async def leaving() -> AsyncIterator[bytes]:
        yield b"a" * MIB
        raise Cancelled("gone")

    with pytest.raises(Cancelled):
        await pump(leaving(), lambda _: None, threads)
    threads.close()
