"""What the tests of files ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from roundhouse.core.ports import BlobStore, Clock
from roundhouse.core.settings import FileSettings
from roundhouse.core.types import Caller, FileInfo, NewFile
from roundhouse.features.knowledge.files import store
from roundhouse.features.knowledge.files.schemas import FileList
from roundhouse.features.knowledge.files.service import FileService, Upload
from roundhouse.features.knowledge.files.store import Listing
from roundhouse.infra.blobs.local import LocalBlobs
from roundhouse.infra.blobs.staging import Staging
from roundhouse.infra.db import Database

ANN = Caller(key_id="key_ann", site_id="one")
BOB = Caller(key_id="key_bob", site_id="two")
BOUNDARY = "roundhouse-test-boundary"


async def pieces_of(data: bytes, size_bytes: int = 1 << 20) -> AsyncIterator[bytes]:
    for start in range(0, max(1, len(data)), size_bytes):
        yield data[start : start + size_bytes]


def form(*parts: tuple[str, bytes] | tuple[str, str, bytes], boundary: str = BOUNDARY) -> bytes:
    """A form of (field, value) and (field, file name, content)."""
    lines: list[bytes] = []
    for part in parts:
        filename = f'; filename="{part[1]}"'.encode() if len(part) == 3 else b""
        head = b'Content-Disposition: form-data; name="' + part[0].encode() + b'"' + filename
        lines += [b"--" + boundary.encode(), head, b"", part[-1]]
    return b"\r\n".join([*lines, b"--" + boundary.encode() + b"--", b""])


def upload_form(data: bytes, name: str = "a.txt", purpose: str = "user_data", **more: bytes) -> bytes:
    fields = [
        (field.replace("__", "[") + "]" if "__" in field else field, value) for field, value in more.items()
    ]
    return form(("purpose", purpose.encode()), *fields, ("file", name, data))


class FileHouse:
    """The service with a view of what it keeps."""

    def __init__(
        self,
        db: Database,
        data_dir: Path,
        clock: Clock,
        blobs: BlobStore | None = None,
        **settings: Any,
    ) -> None:
        self.db = db
        self.clock = clock
        self.folder = data_dir / "blobs"
        settings.setdefault("reserve_mib", 0)
        self.settings = FileSettings(**settings)
        self.staging = Staging(self.folder / "incoming")
        self.blobs = blobs or LocalBlobs(self.folder, self.staging)
        self.service = FileService(db, self.blobs, self.staging, self.settings, clock)

    def with_settings(self, **settings: Any) -> FileService:
        """Another service over the same files."""
        chosen = FileSettings(**{"reserve_mib": 0, **settings})
        return FileService(self.db, self.blobs, self.staging, chosen, self.clock)

    async def create(
        self, data: bytes = b"hello", caller: Caller = ANN, name: str = "a.txt", **more: Any
    ) -> FileInfo:
        new = NewFile(name, more.pop("purpose", "user_data"), **more)
        return await self.service.create(caller, new, pieces_of(data))

    async def upload(self, body: bytes, caller: Caller = ANN, **more: Any) -> Any:
        sent = Upload(f"multipart/form-data; boundary={BOUNDARY}", len(body), **more)
        return await self.service.upload(caller, sent, pieces_of(body))

    async def read(self, file_id: str, caller: Caller = ANN, *part: int) -> bytes:
        return b"".join([piece async for piece in await self.service.read(caller, file_id, *part)])

    async def list(self, caller: Caller = ANN, **wanted: Any) -> FileList:
        chosen = {"purpose": None, "after": None, "newest_first": True, "limit": 1000} | wanted
        return await self.service.list(caller, Listing(**chosen))

    async def rows(self, table: sa.Table) -> list[dict[str, Any]]:
        async with self.db.read() as tx:
            return [dict(row) for row in (await tx.execute(sa.select(table))).mappings()]

    async def blob_states(self) -> list[str]:
        return sorted(row["state"] for row in await self.rows(store.blobs))

    def on_disk(self) -> list[str]:
        """Keys whose bytes are in the folder."""
        found = (path for path in self.folder.glob("??/*") if path.is_file())
        return sorted(path.parent.name + path.name for path in found)

    def staged(self) -> list[str]:
        """Files on their way in."""
        return [path.name for path in (self.folder / "incoming").rglob("tmp_*")]
