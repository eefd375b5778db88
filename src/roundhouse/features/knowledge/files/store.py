"""Tables and SQL of files.

A blob is `pending` while its bytes are put into the storage, `live` while at least one file has it, then `garbage`
until its bytes are gone. No key comes back from garbage, and pending becomes live only by the transaction that enters
its first file. So whoever is killed, and wherever, a file never lacks its bytes, and bytes without a file have a row
by which they are found. Locks are taken in one order: blob, sums of the tenant, audit, events.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import NotFound
from roundhouse.core.ports import Transaction
from roundhouse.core.types import Caller, FileInfo
from roundhouse.infra.db import Tx, metadata
from roundhouse.infra.tenancy import visible

blobs = sa.Table(
    "blobs",
    metadata,
    sa.Column("key", sa.String(100), primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("at_s", sa.Double, nullable=False),
    sa.Index(
        "uq_blobs_live_sha256",
        "sha256",
        unique=True,
        sqlite_where=sa.text("state = 'live'"),
        postgresql_where=sa.text("state = 'live'"),
    ),
    sa.Index("ix_blobs_state_at_s", "state", "at_s"),
)

files = sa.Table(
    "files",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("user_id", sa.String(200)),
    sa.Column("app_id", sa.String(200)),
    sa.Column(
        "blob_key",
        sa.String(100),
        sa.ForeignKey("blobs.key", deferrable=True, initially="DEFERRED"),
        nullable=False,
    ),
    sa.Column("filename", sa.String(255), nullable=False),
    sa.Column("purpose", sa.String(40), nullable=False),
    sa.Column("content_type", sa.String(100), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Column("expires_at_s", sa.Double),
    sa.Column("idempotency_digest", sa.String(64), unique=True),
    sa.Index("ix_files_site_id_id", "site_id", "id"),
    sa.Index("ix_files_blob_key", "blob_key"),
    sa.Index("ix_files_expires_at_s", "expires_at_s"),
)

file_totals = sa.Table(
    "file_totals",
    metadata,
    sa.Column("site_id", sa.String(200), primary_key=True),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
)
"""Sums per tenant. Its row is what two who add files of one tenant queue on: neither can pass the quota unseen."""


_AT_ONCE = 500


class FileRow(FileInfo, frozen=True):
    """A file and where its bytes are.

    Attributes:
        blob_key: Key in the storage.
        idempotency_digest: Of the caller and its idempotency key.
    """

    blob_key: str
    idempotency_digest: str | None


class Listing(msgspec.Struct, frozen=True):
    """Which files are listed.

    Attributes:
        purpose: Only of this one, None = all.
        after: Only behind this id.
        newest_first: The order.
        limit: Most rows.
    """

    purpose: str | None
    after: str | None
    newest_first: bool
    limit: int


async def get_file(tx: Tx, caller: Caller, file_id: str, now_s: float, *, lock: bool = False) -> FileRow:
    """A file that the caller may see and that has not expired.

    Args:
        tx: Any transaction.
        caller: Who asks.
        file_id: `file_…`.
        now_s: Unix time.
        lock: Whether to keep others from deleting it until the transaction ends.

    Raises:
        NotFound: There is none.
    """
    query = sa.select(files).where(files.c.id == file_id, visible(files, caller), _current(now_s))
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    if row is None:
        raise NotFound("No such file.", param="file_id")
    return FileRow(**row)


async def some_files(tx: Tx, caller: Caller, file_ids: Sequence[str], now_s: float) -> dict[str, FileRow]:
    """Those of some files that the caller may see and that have not expired, by id."""
    found: dict[str, FileRow] = {}
    for start in range(0, len(file_ids), _AT_ONCE):
        some = files.c.id.in_(file_ids[start : start + _AT_ONCE])
        query = sa.select(files).where(some, visible(files, caller), _current(now_s))
        found |= {row["id"]: FileRow(**row) for row in (await tx.execute(query)).mappings()}
    return found


async def list_files(tx: Tx, caller: Caller, wanted: Listing, now_s: float) -> list[FileRow]:
    """Files that the caller may see, by creation."""
    order = files.c.id.desc() if wanted.newest_first else files.c.id
    query = sa.select(files).where(visible(files, caller), _current(now_s)).order_by(order)
    if wanted.purpose is not None:
        query = query.where(files.c.purpose == wanted.purpose)
    if wanted.after is not None:
        behind = files.c.id < wanted.after if wanted.newest_first else files.c.id > wanted.after
        query = query.where(behind)
    return [FileRow(**row) for row in (await tx.execute(query.limit(wanted.limit))).mappings()]


async def of_purpose(tx: Tx, purpose: str, before_s: float, after: str, limit: int) -> list[FileRow]:
    """Files of a purpose, of any tenant, that were created before a time, behind an id and in the order of ids."""
    query = sa.select(files).where(
        files.c.purpose == purpose, files.c.created_at_s <= before_s, files.c.id > after
    )
    return [FileRow(**row) for row in (await tx.execute(query.order_by(files.c.id).limit(limit))).mappings()]


async def lock_file(tx: Tx, file_id: str) -> FileRow | None:
    """A file of any tenant, locked until the end of the transaction; None when there is none."""
    query = sa.select(files).where(files.c.id == file_id).with_for_update()
    row = (await tx.execute(query)).mappings().one_or_none()
    return FileRow(**row) if row is not None else None


async def find_by_digest(tx: Tx, idempotency_digest: str) -> FileRow | None:
    """The file that was created under an idempotency key, also when it has expired."""
    query = sa.select(files).where(files.c.idempotency_digest == idempotency_digest)
    row = (await tx.execute(query)).mappings().one_or_none()
    return FileRow(**row) if row is not None else None


async def insert_file(tx: Tx, row: FileRow) -> None:
    """Enter a file; its blob must be live and locked."""
    await tx.execute(sa.insert(files).values(**msgspec.structs.asdict(row)))


async def retain(tx: Transaction, caller: Caller, file_id: str, now_s: float, keep_s: float | None) -> None:
    """Let a file's time be the one of all files: so long from its creation; None = for ever. Raises NotFound."""
    expires_at_s = None if keep_s is None else files.c.created_at_s + keep_s
    change = sa.update(files).where(files.c.id == file_id, visible(files, caller), _current(now_s))
    if (await tx.execute(change.values(expires_at_s=expires_at_s))).rowcount == 0:
        raise NotFound("No such file.", param="file_id")


async def delete_file(tx: Tx, row: FileRow, now_s: float) -> bool:
    """Forget a file that was read with a lock; whether its blob has become garbage."""
    # Whoever enters another file of this blob waits here, and then finds it live or garbage.
    await tx.execute(sa.select(blobs.c.key).where(blobs.c.key == row.blob_key).with_for_update())
    await add_totals(tx, row.site_id, files_count=-1, size_bytes=-row.size_bytes)
    await tx.execute(sa.delete(files).where(files.c.id == row.id))
    others = sa.select(files.c.id).where(files.c.blob_key == row.blob_key).limit(1)
    if (await tx.execute(others)).first() is not None:
        return False
    gone = sa.update(blobs).where(blobs.c.key == row.blob_key).values(state="garbage", at_s=now_s)
    await tx.execute(gone)
    return True


async def expired_file(tx: Tx, now_s: float, idempotency_digest: str | None) -> FileRow | None:
    """One file of any tenant whose time is over, locked; those that another clean-up holds are left to it.

    Args:
        tx: The transaction that deletes it.
        now_s: Unix time.
        idempotency_digest: Only the file that was created under it; None = any.
    """
    query = sa.select(files).where(files.c.expires_at_s <= now_s).order_by(files.c.expires_at_s).limit(1)
    if idempotency_digest is not None:
        query = query.where(files.c.idempotency_digest == idempotency_digest)
    row = (await tx.execute(query.with_for_update(skip_locked=True))).mappings().one_or_none()
    return FileRow(**row) if row is not None else None


async def totals(tx: Tx, site_id: str) -> tuple[int, int]:
    """Number and bytes of all files of a tenant."""
    query = sa.select(file_totals.c.files, file_totals.c.bytes).where(file_totals.c.site_id == site_id)
    row = (await tx.execute(query)).one_or_none()
    return (int(row[0]), int(row[1])) if row is not None else (0, 0)


async def all_bytes(tx: Tx) -> int:
    """Bytes of all files of all tenants."""
    return int(
        (await tx.execute(sa.select(sa.func.coalesce(sa.func.sum(file_totals.c.bytes), 0)))).scalar_one()
    )


async def add_totals(tx: Tx, site_id: str, *, files_count: int, size_bytes: int) -> tuple[int, int]:
    """Add to the sums of a tenant and hold them until the transaction ends; returns the new ones."""
    # Both dialects have the same upsert; the engine has loaded its own already, the other is not wanted.
    dialect = import_module(f"sqlalchemy.dialects.{tx.dialect.name}")
    insert = dialect.insert(file_totals).values(site_id=site_id, files=files_count, bytes=size_bytes)
    added = {name: file_totals.c[name] + insert.excluded[name] for name in ("files", "bytes")}
    upsert = insert.on_conflict_do_update(index_elements=["site_id"], set_=added)
    row = (await tx.execute(upsert.returning(file_totals.c.files, file_totals.c.bytes))).one()
    return int(row[0]), int(row[1])


async def live_blob(tx: Tx, sha256: str, *, lock: bool = False) -> str | None:
    """Key of the blob that holds this content, None = none does.

    Args:
        tx: Any transaction.
        sha256: Of the content, hex.
        lock: Whether to keep it live until the transaction ends.
    """
    query = sa.select(blobs.c.key).where(blobs.c.sha256 == sha256, blobs.c.state == "live")
    key: str | None = (await tx.execute(query.with_for_update() if lock else query)).scalar_one_or_none()
    return key


async def insert_pending(tx: Tx, key: str, sha256: str, now_s: float) -> None:
    """Announce that bytes will be put under a key."""
    await tx.execute(sa.insert(blobs).values(key=key, sha256=sha256, state="pending", at_s=now_s))


async def make_live(tx: Tx, key: str, now_s: float) -> bool:
    """Pending to live; False when a clean-up has given the bytes up for lost.

    Raises:
        IntegrityError: Another blob with this content has become live.
    """
    change = sa.update(blobs).where(blobs.c.key == key, blobs.c.state == "pending")
    changed: Any = await tx.execute(change.values(state="live", at_s=now_s))
    return bool(changed.rowcount)


async def give_up(tx: Tx, key: str, now_s: float) -> None:
    """Pending to garbage, for bytes that no file will have."""
    change = sa.update(blobs).where(blobs.c.key == key, blobs.c.state == "pending")
    await tx.execute(change.values(state="garbage", at_s=now_s))


async def give_up_before(tx: Tx, before_s: float, now_s: float) -> None:
    """Pending to garbage, for uploads that began before a time and never ended."""
    change = sa.update(blobs).where(blobs.c.state == "pending", blobs.c.at_s < before_s)
    await tx.execute(change.values(state="garbage", at_s=now_s))


async def garbage(tx: Tx, after: str, limit: int) -> Sequence[str]:
    """Keys behind `after` whose bytes are to be removed, in order."""
    query = sa.select(blobs.c.key).where(blobs.c.state == "garbage", blobs.c.key > after)
    return (await tx.execute(query.order_by(blobs.c.key).limit(limit))).scalars().all()


async def forget_blob(tx: Tx, key: str) -> None:
    """The bytes of a garbage blob are gone."""
    await tx.execute(sa.delete(blobs).where(blobs.c.key == key, blobs.c.state == "garbage"))


def _current(now_s: float) -> sa.ColumnElement[bool]:
    return sa.or_(files.c.expires_at_s.is_(None), files.c.expires_at_s > now_s)
