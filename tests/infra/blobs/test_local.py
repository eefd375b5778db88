import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from roundhouse.core.errors import StorageUnavailable
from roundhouse.infra.blobs.keys import new_key
from roundhouse.infra.blobs.local import LocalBlobs
from roundhouse.infra.blobs.staging import Staging


@pytest.fixture
def store(tmp_path: Path, staging: Staging) -> LocalBlobs:
    return LocalBlobs(tmp_path / "blobs", staging)


async def kept(store: LocalBlobs, staging: Staging, data: bytes) -> str:
    async with staging.open() as staged:
        staged.write(data)
        key = new_key(staged.seal())
        await store.keep(key, staged.path)
    return key


async def test_the_layout(store: LocalBlobs, staging: Staging, tmp_path: Path) -> None:
    key = await kept(store, staging, b"hello")
    path = tmp_path / "blobs" / "2c" / key[2:]
    assert path.read_bytes() == b"hello"
    assert path.name.startswith("f24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824.")
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


async def test_a_file_system_without_second_names(
    store: LocalBlobs, staging: Staging, tmp_path: Path, second_disk: Path
) -> None:
    """A folder of another disk stands for one: no link can be made across."""
    key = await kept(store, staging, b"hello")
    elsewhere = Staging(second_disk)
    async with LocalBlobs(tmp_path / "blobs", elsewhere).local(key, ".txt") as path:
        assert path.read_bytes() == b"hello"
        assert path.stat().st_nlink == 1
    await elsewhere.close()


@pytest.fixture
def second_disk(tmp_path: Path) -> Iterator[Path]:
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second disk")
    folder = Path(tempfile.mkdtemp(dir=memory))
    yield folder
    folder.rmdir()


def open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


async def test_readers_leave_no_open_file(store: LocalBlobs, staging: Staging) -> None:
    key = await kept(store, staging, b"a" * 1_000_000)
    before = open_files()
    for _ in range(20):
        pieces = await store.read(key)
        await anext(pieces)
        await pieces.aclose()
        assert len(b"".join([piece async for piece in await store.read(key)])) == 1_000_000
    assert open_files() <= before + 2


async def test_a_disk_that_fails(store: LocalBlobs, staging: Staging, tmp_path: Path) -> None:
    key = await kept(store, staging, b"hello")
    path = tmp_path / "blobs" / key[:2] / key[2:]
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageUnavailable):
        await store.read(key)


async def test_a_file_that_was_cut_off(store: LocalBlobs, staging: Staging, tmp_path: Path) -> None:
    key = await kept(store, staging, b"hello")
    (tmp_path / "blobs" / key[:2] / key[2:]).write_bytes(b"hel")
    with pytest.raises(StorageUnavailable, match="cut off"):
        b"".join([piece async for piece in await store.read(key, 0, 5)])
