"""Bytes in S3 or a service that speaks its protocol, by the library obstore (Apache Arrow's object_store, in Rust).

Files come in through the staging folder of this machine: only when a file is whole and checked it is sent, in parts,
some at a time. The service shows it when its last part is there. The parts of an upload that was cut off stay with the
service, invisible; a life-cycle rule of the bucket (AbortIncompleteMultipartUpload) removes them.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

from roundhouse.core.errors import BadInput, MissingExtra, RoundhouseError, StorageFull, StorageUnavailable
from roundhouse.core.settings import FileSettings
from roundhouse.infra.blobs.disk import disk_errors
from roundhouse.infra.blobs.keys import MISSING, key_parts
from roundhouse.infra.blobs.staging import Staging

if TYPE_CHECKING:
    from obstore.store import S3Store

_log = structlog.get_logger(__name__)

_PART_BYTES = 8 * 1024 * 1024
_PARTS_AT_A_TIME = 3
_MOST_PARTS = 9_000
_PIECE_BYTES = 256 * 1024
_RETRIES = 3
_RETRY_S = 30.0
_PAUSE_S = 30.0
# Words by which services say that they have no room.
_FULL = ("507 Insufficient", "QuotaExceeded", "StorageFull", "InsufficientCapacity")


class S3Blobs:
    """A bucket, or a part of one.

    Args:
        settings: Address and credentials.
        staging: Bytes that are needed as a local file go through it.

    Raises:
        MissingExtra: The extra `s3` is not installed.
        BadInput: One of the two keys without the other.
    """

    def __init__(self, settings: FileSettings, staging: Staging) -> None:
        try:
            import obstore
        except ModuleNotFoundError:
            raise MissingExtra("Files in S3 need obstore: pip install 'roundhouse[s3]'") from None
        self._api = obstore
        self._staging = staging
        self._store = _open(settings)

    async def keep(self, key: str, source: Path) -> None:
        """Send a finished file; raises StorageFull, StorageUnavailable."""
        name = _name(key)
        with disk_errors():
            size_bytes = (await self._staging.threads.run(source.stat)).st_size
        with self._mapped():
            await self._api.put_async(
                self._store,
                name,
                source,
                # Never by one request that holds it whole, and never in more parts than there may be.
                use_multipart=size_bytes > _PART_BYTES,
                chunk_size=max(_PART_BYTES, math.ceil(size_bytes / _MOST_PARTS)),
                max_concurrency=_PARTS_AT_A_TIME,
            )

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Bytes in pieces of about 256 KiB; raises StorageUnavailable."""
        name = _name(key)
        if end is not None and end <= start:
            return _nothing()
        span: Any = {"offset": start} if end is None else (start, end)
        with self._mapped():
            found = await self._api.get_async(self._store, name, options={"range": span})
            return self._pieces(found.stream(min_chunk_size=_PIECE_BYTES))

    @asynccontextmanager
    async def local(self, key: str, suffix: str = "") -> AsyncGenerator[Path]:
        """A copy in the staging folder; raises StorageFull, StorageUnavailable."""
        threads = self._staging.threads
        async with self._staging.open() as staged:
            pieces = await self.read(key)
            async for piece in pieces:
                await threads.run(staged.write, piece)
            await threads.run(staged.seal)
            path = staged.path.with_name(staged.path.name + suffix)
            with disk_errors():
                await threads.run(staged.path.replace, path)
            try:
                yield path
            finally:
                await threads.run(path.unlink, missing_ok=True)

    async def delete(self, key: str) -> None:
        """Remove the bytes; raises StorageUnavailable."""
        name = _name(key)
        with self._mapped(missing_ok=True):
            await self._api.delete_async(self._store, name)

    async def close(self) -> None:
        """The library closes its connections by itself."""

    async def _pieces(self, stream: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        with self._mapped():
            async for piece in stream:
                # The library's own type, whatever it is annotated as.
                yield bytes(piece)

    @contextmanager
    def _mapped(self, *, missing_ok: bool = False) -> Generator[None]:
        """Turn the library's errors into those of the tree; their texts name addresses and are for the log only."""
        from obstore.exceptions import BaseError

        try:
            yield
        except FileNotFoundError as error:
            if missing_ok and "NoSuchBucket" not in str(error):
                return
            raise _unavailable(error) from None
        except (BaseError, ValueError) as error:
            raise _unavailable(error) from None


def _name(key: str) -> str:
    return "/".join(key_parts(key))


def _open(settings: FileSettings) -> S3Store:
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    place = urlsplit(settings.url)
    options: dict[str, Any] = {"region": settings.region}
    if (settings.access_key is None) != (settings.secret_key is None):
        raise BadInput("files.access_key and files.secret_key go together.", param="files.secret_key")
    if settings.access_key is not None and settings.secret_key is not None:
        options["access_key_id"] = settings.access_key.get_secret_value()
        options["secret_access_key"] = settings.secret_key.get_secret_value()
    if settings.endpoint:
        options["endpoint"] = _endpoint(settings, place.netloc)
    try:
        return S3Store(
            place.netloc,
            prefix=place.path.strip("/") or None,
            # Not every service knows the request that deletes many.
            disable_bulk_delete=True,
            virtual_hosted_style_request=settings.bucket_in_host,
            client_options={
                "allow_http": settings.endpoint.startswith("http://"),
                # No limit for a whole answer, which may be a large file: one for its pauses instead.
                "timeout": timedelta(seconds=settings.upload_timeout_s),
                "read_timeout": timedelta(seconds=_PAUSE_S),
            },
            retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRY_S)},
            **options,
        )
    except (BaseError, ValueError):
        raise BadInput("The address of the S3 service cannot be used.", param="files.endpoint") from None


def _endpoint(settings: FileSettings, bucket: str) -> str:
    if not settings.bucket_in_host:
        return settings.endpoint
    place = urlsplit(settings.endpoint)
    return place._replace(netloc=f"{bucket}.{place.netloc}").geturl()


async def _nothing() -> AsyncIterator[bytes]:
    none: tuple[bytes, ...] = ()
    for piece in none:
        yield piece


def _unavailable(error: Exception) -> RoundhouseError:
    text = str(error)
    if any(word in text for word in _FULL):
        return StorageFull("The S3 service has no room left.")
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

    if isinstance(error, FileNotFoundError):
        missing = "NoSuchBucket" in text
        return StorageUnavailable("The bucket does not exist." if missing else MISSING)
    _log.warning("s3_failed", error=text.partition("\n")[0][:500])
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return StorageUnavailable("The S3 service refuses the credentials, or what they may do.")
    return StorageUnavailable("The S3 service does not answer.", retry_after_s=2.0)
