import asyncio
import errno
import threading

import pytest

from roundhouse.core.errors import StorageFull, StorageUnavailable
from roundhouse.infra.blobs.disk import DiskThreads, disk_errors


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_space(number: int) -> None:
    with pytest.raises(StorageFull), disk_errors():
        raise OSError(number, "none left", "/secret/path")


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.EACCES, errno.ENOENT])
def test_other_faults_name_the_kind_and_no_path(number: int) -> None:
    with pytest.raises(StorageUnavailable) as told, disk_errors():
        raise OSError(number, "broken", "/secret/path")
    assert errno.errorcode[number] in told.value.detail
    assert "secret" not in told.value.detail


async def test_calls_run_in_threads_of_their_own() -> None:
    threads = DiskThreads(2)
    try:
        assert (await threads.run(lambda: threading.current_thread().name)).startswith("disk")
        with pytest.raises(StorageFull):
            await threads.run(_full)
    finally:
        threads.close()


async def test_a_call_that_nobody_waits_for_goes_on() -> None:
    threads = DiskThreads(1)
    go, done = threading.Event(), threading.Event()

    def work() -> None:
        go.wait(10)
        done.set()
        raise OSError(errno.EIO, "told to nobody")

    waiting = asyncio.create_task(threads.run(work))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()
    assert await asyncio.to_thread(done.wait, 10)
    threads.close()


def _full() -> None:
    with disk_errors():
        raise OSError(errno.ENOSPC, "none left")
