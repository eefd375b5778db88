"""What every blob store does: in the data folder, in S3 over HTTP, and the fake in memory."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from roundhouse.core.errors import StorageUnavailable
from roundhouse.core.ports import BlobStore
from roundhouse.core.settings import FileSettings
from roundhouse.infra.blobs.keys import new_key
from roundhouse.infra.blobs.memory import MemoryBlobs
from roundhouse.infra.blobs.opening import open_blobs, open_staging
from roundhouse.infra.blobs.staging import Staging
from s3_server import S3Server, s3_server

LARGE = 20 * 1024 * 1024 + 17


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
async def staging(tmp_path: Path) -> AsyncIterator[Staging]:
    made = open_staging(FileSettings(reserve_mib=0), tmp_path)
    yield made
    await made.close()
    assert list((tmp_path / "blobs" / "incoming").glob("*")) == []


@pytest.fixture(params=["local", "s3", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, staging: Staging) -> AsyncIterator[BlobStore]:
    made: BlobStore
    if request.param == "memory":
        made = MemoryBlobs(staging)
    else:
        options = request.getfixturevalue("s3").options() if request.param == "s3" else {}
        made = open_blobs(FileSettings(**options), tmp_path, staging)
    yield made
    await made.close()


async def kept(store: BlobStore, staging: Staging, data: bytes, key: str | None = None) -> str:
    async with staging.open() as staged:
        await staging.threads.run(staged.write, data)
        key = key or new_key(await staging.threads.run(staged.seal))
        await store.keep(key, staged.path)
    return key


async def read(store: BlobStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in await store.read(key, start, end)])


async def test_what_is_kept_is_read(store: BlobStore, staging: Staging) -> None:
    data = bytes(range(256)) * 3
    key = await kept(store, staging, data)
    assert key.startswith(hashlib.sha256(data).hexdigest())
    assert await read(store, key) == data


@pytest.mark.parametrize(
    ("start", "end"), [(0, 1), (5, 9), (767, 768), (0, 768), (300, None), (4, 4), (9, 3)]
)
async def test_a_part_of_it(store: BlobStore, staging: Staging, start: int, end: int | None) -> None:
    data = bytes(range(256)) * 3
    assert await read(store, await kept(store, staging, data), start, end) == data[start:end]


async def test_a_large_one_comes_in_pieces(store: BlobStore, staging: Staging) -> None:
    data = hashlib.sha256(b"x").digest() * (LARGE // 32) + b"z" * (LARGE % 32)
    key = await kept(store, staging, data)
    pieces = [piece async for piece in await store.read(key)]
    assert hashlib.sha256(b"".join(pieces)).digest() == hashlib.sha256(data).digest()
    assert max(map(len, pieces)) <= 4 * 1024 * 1024
    assert await read(store, key, LARGE - 3) == b"zzz"


async def test_a_reader_that_stops_early_leaves_nothing_open(store: BlobStore, staging: Staging) -> None:
    key = await kept(store, staging, b"a" * 2_000_000)
    pieces = await store.read(key)
    assert (await anext(pieces))[:1] == b"a"
    await pieces.aclose()


async def test_two_keys_of_the_same_content_are_two(store: BlobStore, staging: Staging) -> None:
    one, two = await kept(store, staging, b"same"), await kept(store, staging, b"same")
    assert one != two
    await store.delete(one)
    assert await read(store, two) == b"same"
    with pytest.raises(StorageUnavailable):
        await read(store, one)


async def test_deleting_twice_is_no_error(store: BlobStore, staging: Staging) -> None:
    key = await kept(store, staging, b"gone")
    await store.delete(key)
    await store.delete(key)


async def test_what_is_not_there(store: BlobStore) -> None:
    with pytest.raises(StorageUnavailable, match="missing"):
        await store.read(new_key("0" * 64))
    with pytest.raises(StorageUnavailable, match="missing"):
        async with store.local(new_key("0" * 64)):
            pass


async def test_a_local_path(store: BlobStore, staging: Staging) -> None:
    key = await kept(store, staging, b"RIFF for a program")
    async with store.local(key, ".wav") as path, store.local(key, ".wav") as other:
        assert path.suffix == ".wav"
        assert path != other
        assert path.read_bytes() == b"RIFF for a program"
        await store.delete(key)
        assert path.read_bytes() == other.read_bytes() == b"RIFF for a program"
    assert not path.exists()
    assert not other.exists()


@pytest.mark.parametrize("key", ["", "abc", "../" * 22 + "x" * 15, "a" * 64, f"{'A' * 64}.{'0' * 16}"])
async def test_only_keys_are_taken_for_keys(store: BlobStore, staging: Staging, key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        await store.read(key)
    with pytest.raises(ValueError, match="key"):
        await store.delete(key)


async def test_many_at_once(store: BlobStore, staging: Staging) -> None:
    contents = [bytes([number]) * (number * 1000 + 1) for number in range(20)]
    keys = await asyncio.gather(*(kept(store, staging, data) for data in contents))
    assert await asyncio.gather(*(read(store, key) for key in keys)) == contents
