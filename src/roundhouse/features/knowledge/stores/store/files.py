"""SQL of files in stores, and of batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import NotFound
from roundhouse.features.knowledge.documents import Chunking
from roundhouse.features.knowledge.stores.model import Batch, FileCounts, FileStatus, StoreFile
from roundhouse.features.knowledge.stores.once import Once
from roundhouse.features.knowledge.stores.rows import batch_files, file_batches, store_files
from roundhouse.features.knowledge.stores.store.listing import Listing, Page, page_of
from roundhouse.infra.db import Tx

_FIELDS = [store_files.c[name] for name in StoreFile.__struct_fields__]
_AT_ONCE = 500
_BATCH = [file_batches.c[name] for name in Batch.__struct_fields__]


async def insert(tx: Tx, *several: StoreFile, once: Once | None = None) -> None:
    """Enter files into a store; raises IntegrityError where one is there, or the idempotency key is used."""
    columns = once.columns if once is not None else {}
    rows = [
        msgspec.structs.asdict(one) | {"chunking": msgspec.to_builtins(one.chunking)} | columns
        for one in several
    ]
    if rows:
        await tx.execute(sa.insert(store_files), rows)


async def find(tx: Tx, store_id: str, file_id: str, *, lock: bool = False) -> StoreFile | None:
    """A file of a store; whether the caller may see the store was looked at."""
    query = sa.select(*_FIELDS).where(store_files.c.store_id == store_id, store_files.c.file_id == file_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    return None if row is None else _file(row)


async def some(tx: Tx, store_id: str, file_ids: Sequence[str]) -> dict[str, StoreFile]:
    """Those of some files that are in a store, locked until the transaction ends; by id."""
    found: dict[str, StoreFile] = {}
    for start in range(0, len(file_ids), _AT_ONCE):
        these = store_files.c.file_id.in_(file_ids[start : start + _AT_ONCE])
        query = sa.select(*_FIELDS).where(store_files.c.store_id == store_id, these)
        rows = await tx.execute(query.order_by(store_files.c.file_id).with_for_update())
        found |= {row["file_id"]: _file(row) for row in rows.mappings()}
    return found


async def get(tx: Tx, store_id: str, file_id: str, *, lock: bool = False) -> StoreFile:
    """The same; raises NotFound."""
    found = await find(tx, store_id, file_id, lock=lock)
    if found is None:
        raise NotFound("No such file in this vector store.", param="file_id")
    return found


async def find_once(tx: Tx, digest: str) -> tuple[StoreFile, str | None] | None:
    """The file that was added under an idempotency key, and the digest of what was asked for then."""
    query = sa.select(store_files.c.request_digest, *_FIELDS).where(
        store_files.c.idempotency_digest == digest
    )
    row = (await tx.execute(query)).mappings().one_or_none()
    return None if row is None else (_file(row), row["request_digest"])


async def page(tx: Tx, store_id: str, status: FileStatus | None, wanted: Listing) -> Page:
    """Files of a store in the order of their ids, which is that of their making."""
    query = sa.select(*_FIELDS).where(store_files.c.store_id == store_id)
    if status is not None:
        query = query.where(store_files.c.status == status)
    return await page_of(tx, query, store_files.c.file_id, wanted, _file)


async def count(tx: Tx, store_id: str) -> int:
    """How many files are in a store."""
    query = sa.select(sa.func.count()).where(store_files.c.store_id == store_id)
    return int((await tx.execute(query)).scalar_one())


async def change(tx: Tx, store_id: str, file_id: str, values: dict[str, Any]) -> None:
    """Change columns of a file in a store."""
    mine = sa.and_(store_files.c.store_id == store_id, store_files.c.file_id == file_id)
    await tx.execute(sa.update(store_files).where(mine).values(**values))


async def set_jobs(tx: Tx, store_id: str, job_ids: dict[str, str]) -> None:
    """Which jobs work on files of a store, by the files' ids."""
    change = sa.update(store_files).where(
        store_files.c.store_id == store_id, store_files.c.file_id == sa.bindparam("its_file")
    )
    rows = [{"its_file": file_id, "its_job": job_id} for file_id, job_id in job_ids.items()]
    if rows:
        await tx.execute(change.values(job_id=sa.bindparam("its_job")), rows)


async def forget(tx: Tx, store_id: str, file_id: str) -> None:
    """Take a file out of a store, and out of its batches."""
    mine = sa.and_(store_files.c.store_id == store_id, store_files.c.file_id == file_id)
    await tx.execute(sa.delete(store_files).where(mine))


async def of_file(tx: Tx, file_id: str) -> list[StoreFile]:
    """In which stores a file is, locked until the transaction ends."""
    query = sa.select(*_FIELDS).where(store_files.c.file_id == file_id).order_by(store_files.c.store_id)
    return [_file(row) for row in (await tx.execute(query.with_for_update())).mappings()]


async def used(tx: Tx, file_ids: Sequence[str]) -> set[str]:
    """Those of some files that are in a store."""
    query = sa.select(store_files.c.file_id).where(store_files.c.file_id.in_(file_ids)).distinct()
    return set((await tx.execute(query)).scalars())


async def going(tx: Tx, file_ids: Sequence[str]) -> set[str]:
    """Those of some files that are worked on in a store."""
    c = store_files.c
    query = sa.select(c.file_id).where(c.file_id.in_(file_ids), c.status == "in_progress")
    return set((await tx.execute(query)).scalars())


async def some_of_store(tx: Tx, store_id: str, limit: int) -> list[StoreFile]:
    """A few files of a store, to take them out of it."""
    query = sa.select(*_FIELDS).where(store_files.c.store_id == store_id)
    rows = await tx.execute(query.order_by(store_files.c.file_id).limit(limit))
    return [_file(row) for row in rows.mappings()]


# Batches


async def insert_batch(tx: Tx, batch: Batch, once: Once | None) -> None:
    """Enter a batch; raises IntegrityError where its idempotency key was used meanwhile."""
    values = msgspec.structs.asdict(batch)
    await tx.execute(sa.insert(file_batches).values(**values, **(once.columns if once is not None else {})))


async def insert_into_batch(tx: Tx, batch_id: str, file_ids: Sequence[str]) -> None:
    """Files of a batch."""
    rows = [{"batch_id": batch_id, "file_id": file_id} for file_id in file_ids]
    if rows:
        await tx.execute(sa.insert(batch_files), rows)


async def get_batch(tx: Tx, store_id: str, batch_id: str, *, lock: bool = False) -> Batch:
    """A batch of a store; raises NotFound."""
    query = sa.select(*_BATCH).where(file_batches.c.store_id == store_id, file_batches.c.id == batch_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    if row is None:
        raise NotFound("No such batch in this vector store.", param="batch_id")
    return Batch(**row)


async def find_batch_once(tx: Tx, digest: str) -> tuple[Batch, str | None] | None:
    """The batch that was made under an idempotency key, and the digest of what was asked for then."""
    query = sa.select(file_batches.c.request_digest, *_BATCH).where(
        file_batches.c.idempotency_digest == digest
    )
    row = (await tx.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    return Batch(**{name: row[name] for name in Batch.__struct_fields__}), row["request_digest"]


async def mark_cancelled(tx: Tx, batch_id: str) -> None:
    """A batch is cancelled."""
    await tx.execute(sa.update(file_batches).where(file_batches.c.id == batch_id).values(cancelled=True))


async def page_of_batch(tx: Tx, batch: Batch, status: FileStatus | None, wanted: Listing) -> Page:
    """Files of a batch that are still in its store."""
    query = _in_batch(batch, sa.select(*_FIELDS))
    if status is not None:
        query = query.where(store_files.c.status == status)
    return await page_of(tx, query, store_files.c.file_id, wanted, _file)


async def in_progress_of_batch(tx: Tx, batch: Batch) -> list[StoreFile]:
    """Files of a batch that are worked on, or wait for it."""
    query = _in_batch(batch, sa.select(*_FIELDS)).where(store_files.c.status == "in_progress")
    return [_file(row) for row in (await tx.execute(query.order_by(store_files.c.file_id))).mappings()]


async def batch_counts(tx: Tx, batch: Batch) -> FileCounts:
    """Files of a batch by how their ingestion stands."""
    query = _in_batch(batch, sa.select(store_files.c.status, sa.func.count())).group_by(store_files.c.status)
    return FileCounts(**{status: int(number) for status, number in await tx.execute(query)})


async def forget_batches(tx: Tx, store_id: str) -> None:
    """Delete all batches of a store."""
    mine = sa.select(file_batches.c.id).where(file_batches.c.store_id == store_id)
    await tx.execute(sa.delete(batch_files).where(batch_files.c.batch_id.in_(mine)))
    await tx.execute(sa.delete(file_batches).where(file_batches.c.store_id == store_id))


def _in_batch(batch: Batch, query: sa.Select[Any]) -> sa.Select[Any]:
    return query.join(batch_files, batch_files.c.file_id == store_files.c.file_id).where(
        batch_files.c.batch_id == batch.id, store_files.c.store_id == batch.store_id
    )


def _file(row: Any) -> StoreFile:
    values = {name: row[name] for name in StoreFile.__struct_fields__}
    return StoreFile(**{**values, "chunking": msgspec.convert(row["chunking"], Chunking)})
