import asyncio
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from roundhouse.core.errors import StorageFull, StorageUnavailable
from roundhouse.infra.blobs.staging import Staged, Staging

MIB = 1024 * 1024
DYING = """
import asyncio, sys
from pathlib import Path
from roundhouse.infra.blobs.staging import Staging
async def main():
    async with Staging(Path(sys.argv[1])).open() as staged:
        staged.write(b"half of it")
        print(staged.path, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


async def test_bytes_are_hashed_while_they_are_written(staging: Staging) -> None:
    async with staging.open() as staged:
        staged.write(b"one ")
        staged.write(b"two")
        assert staged.seal() == hashlib.sha256(b"one two").hexdigest()
        assert staged.size_bytes == 7
        assert staged.path.read_bytes() == b"one two"
        assert staged.path.stat().st_mode & 0o077 == 0
    assert not staged.path.exists()


async def test_it_is_removed_whatever_happens(staging: Staging) -> None:
    with pytest.raises(RuntimeError):
        async with staging.open() as staged:
            staged.write(b"half")
            raise RuntimeError
    assert not staged.path.exists()


async def test_what_a_store_took_over_is_left_alone(staging: Staging, tmp_path: Path) -> None:
    async with staging.open() as staged:
        staged.write(b"whole")
        staged.seal()
        staged.path.rename(tmp_path / "kept")
    assert (tmp_path / "kept").read_bytes() == b"whole"


def test_nothing_is_made_before_the_first_use(tmp_path: Path) -> None:
    assert Staging(tmp_path / "incoming").clean() == 0
    assert list(tmp_path.iterdir()) == []


async def test_close_leaves_nothing(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "incoming")
    async with staging.open():
        pass
    await staging.close()
    assert list((tmp_path / "incoming").iterdir()) == []


async def test_a_file_larger_than_the_room_is_refused_before_it_comes(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "incoming", reserve_bytes=10 * MIB, free=lambda _: 30 * MIB)
    async with staging.open(20 * MIB):
        pass
    with pytest.raises(StorageFull):
        async with staging.open(20 * MIB + 1):
            pass
    await staging.close()


async def test_the_reserve_is_left_while_it_grows(tmp_path: Path) -> None:
    free = [100 * MIB, 40 * MIB, 5 * MIB]
    staging = Staging(tmp_path / "incoming", reserve_bytes=10 * MIB, free=lambda _: free.pop(0))
    async with staging.open() as staged:
        staged.write(b"a" * 32 * MIB)
        with pytest.raises(StorageFull):
            staged.write(b"a" * 32 * MIB)
    assert not staged.path.exists()
    await staging.close()


async def test_a_writer_that_was_given_up_writes_nowhere(staging: Staging) -> None:
    """The descriptor may belong to somebody else by then."""
    async with staging.open() as staged:
        staged.write(b"a")
    with pytest.raises(StorageUnavailable):
        staged.write(b"b")
    with pytest.raises(StorageUnavailable):
        staged.seal()


async def test_discarding_waits_for_a_running_write(tmp_path: Path) -> None:
    entered, leave = threading.Event(), threading.Event()

    def check() -> None:
        entered.set()
        leave.wait(10)

    staged = Staged(tmp_path / "file", check)
    writing = asyncio.create_task(asyncio.to_thread(staged.write, b"a" * 32 * MIB))
    assert await asyncio.to_thread(entered.wait, 10)
    discarding = asyncio.create_task(asyncio.to_thread(staged.discard))
    await asyncio.sleep(0.05)
    assert not discarding.done()
    leave.set()
    await asyncio.gather(writing, discarding)
    assert not (tmp_path / "file").exists()


class Dying:
    """Another process in the middle of an upload."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-c", DYING, str(folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._left = Path(self._process.stdout.readline().strip())

    @property
    def has_left(self) -> bool:
        return self._left.exists()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


async def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "incoming"
    other = Dying(folder)
    living = Staging(folder)
    async with living.open() as staged:
        staged.write(b"of another process that lives")
        assert other.has_left
        assert living.clean() == 0, "its maker lives"
        other.kill()
        assert other.has_left
        later = Staging(folder)
        async with later.open():
            assert not other.has_left
            assert staged.path.exists()
        await later.close()
        staged.write(b"!")
    await living.close()


async def test_a_folder_whose_maker_died_before_its_lock(tmp_path: Path, staging: Staging) -> None:
    async with staging.open() as staged:
        empty = staged.path.parent.parent / "in_dead"
        empty.mkdir()
        staging.clean()
        assert not empty.exists()
        assert staged.path.exists()


async def test_many_start_and_clean_at_once(tmp_path: Path) -> None:
    """A cleaner between the making of a folder and its lock must not cost anybody the folder."""

    async def use() -> None:
        for _ in range(10):
            staging = Staging(tmp_path / "incoming")
            async with staging.open() as staged:
                await staging.threads.run(staged.write, b"x")
                await staging.threads.run(staging.clean)
                assert staged.path.exists()
            await staging.close()

    await asyncio.gather(*(use() for _ in range(8)))
    assert list((tmp_path / "incoming").iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Two MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.name == "nt" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    staging = Staging(small_disk / "incoming")
    with pytest.raises(StorageFull):
        async with staging.open() as staged:
            for _ in range(30):
                staged.write(b"a" * 100_000)
    async with staging.open() as staged:
        staged.write(b"a" * 100_000)
        staged.seal()
    await staging.close()
