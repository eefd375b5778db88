from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roundhouse.core.errors import BadInput, StorageFull, StorageUnavailable
from roundhouse.core.settings import FileSettings
from roundhouse.infra.blobs.keys import new_key
from roundhouse.infra.blobs.s3 import S3Blobs
from roundhouse.infra.blobs.staging import Staging
from s3_server import S3Server, s3_server

MIB = 1024 * 1024


@pytest.fixture
def server(tmp_path: Path) -> Iterator[S3Server]:
    with s3_server(tmp_path / "s3") as found:
        yield found


def blobs(server: S3Server, staging: Staging, **more: Any) -> S3Blobs:
    return S3Blobs(FileSettings(**server.options(**more)), staging)


async def kept(store: S3Blobs, staging: Staging, data: bytes) -> str:
    async with staging.open() as staged:
        staged.write(data)
        key = new_key(staged.seal())
        await store.keep(key, staged.path)
    return key


async def test_the_layout(server: S3Server, staging: Staging) -> None:
    key = await kept(blobs(server, staging), staging, b"hello")
    assert server.objects() == [f"some/prefix/2c/{key[2:]}"]


async def test_without_a_prefix(server: S3Server, staging: Staging) -> None:
    key = await kept(blobs(server, staging, url="s3://bucket"), staging, b"hello")
    assert server.objects() == [f"2c/{key[2:]}"]


async def test_a_large_file_goes_in_parts(server: S3Server, staging: Staging) -> None:
    await kept(blobs(server, staging), staging, b"a" * (20 * MIB))
    assert server.most_bytes == 8 * MIB
    assert sum(line.startswith("PUT") for line in server.requests) == 3


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"secret_key": "wrong"}, "credentials"),
        ({"access_key": "wrong"}, "credentials"),
        ({"url": "s3://other-bucket"}, "bucket does not exist"),
        ({"endpoint": "http://127.0.0.1:1"}, "does not answer"),
    ],
)
async def test_what_is_wrong_is_told_without_addresses_and_secrets(
    server: S3Server, staging: Staging, changed: dict[str, str], told: str
) -> None:
    store = blobs(server, staging, **changed)
    with pytest.raises(StorageUnavailable, match=told) as error:
        await kept(store, staging, b"hello")
    assert "127.0.0.1" not in error.value.detail
    assert "wrong" not in error.value.detail
    if "bucket" in told:
        with pytest.raises(StorageUnavailable, match=told):
            await store.delete(new_key("0" * 64))


async def test_a_service_that_is_down_and_comes_back(server: S3Server, staging: Staging) -> None:
    store = blobs(server, staging)
    key = await kept(store, staging, b"hello")
    server.refuse_with = 503
    with pytest.raises(StorageUnavailable):
        await store.read(key)
    server.refuse_with = None
    assert [piece async for piece in await store.read(key)] == [b"hello"]


async def test_a_service_without_room(server: S3Server, staging: Staging) -> None:
    server.refuse_with = 507
    with pytest.raises(StorageFull):
        await kept(blobs(server, staging), staging, b"hello")


def test_half_of_the_credentials(staging: Staging) -> None:
    with pytest.raises(BadInput, match="go together"):
        S3Blobs(FileSettings.model_validate({"url": "s3://bucket", "access_key": "a"}), staging)


def test_the_bucket_in_the_host_name(server: S3Server, staging: Staging) -> None:
    settings = FileSettings.model_validate(
        {"url": "s3://bucket", "endpoint": "https://storage.example", "bucket_in_host": True}
    )
    store = S3Blobs(settings, staging)
    assert store._store.config["endpoint"] == "https://bucket.storage.example"


@pytest.mark.parametrize("url", ["http://x", "s3://", "s3://UPPER", "s3:/bucket", "/data"])
def test_a_url_of_another_kind(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        FileSettings(url=url)
