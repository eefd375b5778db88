"""Downloads from a hub of models, resumed where one was cut off and checked by the hub's own sums.

Source:
    Hugging Face Hub API (2026): `/api/models/{repo}?blobs=true` tells revision, sizes, SHA-256 of large files (`lfs`)
    and git's object id of small ones; `/{repo}/resolve/{revision}/{file}` gives the bytes, often by a redirect.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from roundhouse.core.errors import (
    BackendBadAnswer,
    BackendBusy,
    BackendFailed,
    ModelNotFound,
    StorageFull,
    StorageUnavailable,
)
from roundhouse.core.ports import Http, HttpResponse
from roundhouse.core.types import Timeouts

_MOST_HOPS = 5
_WRITE_BYTES = 4 * 1024 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REFUSED = frozenset({401, 403, 404})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class _Lfs(msgspec.Struct):
    sha256: str = ""


class HubFile(msgspec.Struct, rename={"name": "rfilename", "blob_id": "blobId"}):
    """One file of a model.

    Attributes:
        name: Its path there.
        size: In bytes; None = not told.
        blob_id: Git's SHA-1 of it, unless it is a large one.
        lfs: SHA-256 of a large one.
    """

    name: str
    size: int | None = None
    blob_id: str = ""
    lfs: _Lfs | None = None

    def check(self, path: Path) -> None:
        """Read a downloaded file; raises BackendBadAnswer when it is not what the hub says it has."""
        size = path.stat().st_size
        if self.size is not None and size != self.size:
            raise BackendBadAnswer(f"{self.name} is {size} bytes long instead of {self.size}.")
        told, digest = self.blob_id, hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        if self.lfs is not None and self.lfs.sha256:
            told, digest = self.lfs.sha256, hashlib.sha256()
        if not told:
            return
        with path.open("rb") as file:
            while piece := file.read(_WRITE_BYTES):
                digest.update(piece)
        if digest.hexdigest() != told:
            raise BackendBadAnswer(f"{self.name} is not what the hub has: its checksum is wrong.")


class HubModel(msgspec.Struct, rename={"revision": "sha", "files": "siblings", "card": "cardData"}):
    """A model: its newest revision, all its files, and the head of its card."""

    revision: str
    files: list[HubFile]
    card: dict[str, Any] | None = None

    @property
    def licence(self) -> str:
        """Of the weights, e.g. `cc-by-nc-4.0`; empty = the card tells none."""
        card = self.card or {}
        told = card.get("license")
        name = card.get("license_name") if told == "other" else told
        return name if isinstance(name, str) else ""


class Hub:
    """One hub.

    Args:
        http: The way out.
        url: Of the hub.
        token: Told to it, and to nobody it redirects to.
        timeouts: Of one request.
    """

    def __init__(self, http: Http, url: str, token: str | None, timeouts: Timeouts) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._token = token
        self._timeouts = timeouts

    async def model(self, repository: str) -> HubModel:
        """What it has of `org/name`; raises ModelNotFound, BackendFailed and its kin."""
        response = await self._get(f"{self._url}/api/models/{quote(repository)}?blobs=true", {}, repository)
        try:
            return msgspec.json.decode(await response.read(), type=HubModel)
        except msgspec.DecodeError:
            raise BackendBadAnswer(f"{self._url} does not answer as a hub of models does.") from None
        finally:
            await response.aclose()

    async def download(self, repository: str, revision: str, file: HubFile, path: Path) -> AsyncIterator[int]:
        """Bring a file to `path`, behind what is there already; tells how many bytes are there, as they come.

        Raises:
            BackendFailed: And its kin. What has come stays, for another try.
            StorageFull: The disk is full.
        """
        there = await asyncio.to_thread(_there, path, file.size)
        if file.size is None or there < file.size:
            async for so_far in self._fetched(repository, revision, file, path, there):
                there = so_far
                yield there
        await asyncio.to_thread(_check, path, file)
        yield await asyncio.to_thread(_there, path, file.size)

    async def _fetched(
        self, repository: str, revision: str, file: HubFile, path: Path, there: int
    ) -> AsyncIterator[int]:
        url = f"{self._url}/{quote(repository)}/resolve/{quote(revision)}/{quote(file.name)}"
        headers = {"Range": f"bytes={there}-"} if there else {}
        response = await self._get(url, headers, repository)
        try:
            if response.status != 206:
                # It does not know ranges: all comes anew.
                there = 0
            with _told_storage(path), path.open("ab" if there else "wb") as target:
                waiting = bytearray()
                try:
                    async for piece in response.pieces():
                        waiting += piece
                        if len(waiting) >= _WRITE_BYTES:
                            there += await asyncio.to_thread(target.write, bytes(waiting))
                            waiting.clear()
                            yield there
                finally:
                    # Also when it is cut: another try goes on behind it.
                    await asyncio.to_thread(target.write, bytes(waiting))
        finally:
            await response.aclose()

    async def _get(self, url: str, headers: dict[str, str], repository: str) -> HttpResponse:
        """The answer after all redirects."""
        home = urlsplit(self._url).netloc
        for _ in range(_MOST_HOPS):
            told = dict(headers)
            if self._token and urlsplit(url).netloc == home:
                told["Authorization"] = f"Bearer {self._token}"
            response = await self._http.endpoint("GET", url, told).send(timeouts=self._timeouts)
            status = response.status
            if status in {200, 206}:
                return response
            location = response.headers.get("location", "")
            retry_after = response.headers.get("retry-after", "")
            await response.aclose()
            if status in _REDIRECTS and location:
                url = urljoin(url, location)
                continue
            if status in _REFUSED:
                raise ModelNotFound(
                    f"The hub has no model {repository!r}, or shows it only to those with a token (asr.hub_token).",
                    param="model",
                )
            if status == 429:
                raise BackendBusy(
                    "The hub is busy.", retry_after_s=float(retry_after) if retry_after.isdecimal() else None
                )
            raise BackendFailed(f"The hub answered HTTP {status}.")
        raise BackendFailed("The hub redirects again and again.")


def _there(path: Path, size: int | None) -> int:
    """How much of a file is there; more than there is of it is nothing of it."""
    if not path.exists():
        return 0
    found = path.stat().st_size
    if size is not None and found > size:
        path.unlink()
        return 0
    return found


def _check(path: Path, file: HubFile) -> None:
    try:
        file.check(path)
    except BackendBadAnswer:
        # Another try must not go on behind it.
        path.unlink()
        raise


@contextmanager
def _told_storage(path: Path) -> Iterator[None]:
    """What the disk says, as errors of the tree."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(f"{path.parent} is on a full disk.") from error
        raise StorageUnavailable(f"{path} cannot be written: {error.strerror}.") from error
