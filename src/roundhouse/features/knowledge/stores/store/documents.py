"""SQL of documents and their passages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from roundhouse.features.knowledge.documents import NewPassage
from roundhouse.features.knowledge.stores.model import Document, Passage, Store
from roundhouse.features.knowledge.stores.rows import documents, passages
from roundhouse.infra.db import Tx

_DOCUMENT = [documents.c[name] for name in Document.__struct_fields__]
_PASSAGE = [passages.c[name] for name in Passage.__struct_fields__]


async def begin(tx: Tx, store: Store, file_id: str, job_id: str, sha256: str, now_s: float) -> int:
    """Enter a document that nobody sees yet; its number."""
    made = await tx.execute(
        sa.insert(documents)
        .values(
            store_id=store.id,
            file_id=file_id,
            site_id=store.site_id,
            user_id=store.user_id,
            app_id=store.app_id,
            job_id=job_id,
            sha256=sha256,
            state="writing",
            title="",
            pages=None,
            chars=0,
            passages=0,
            embedded=0,
            indexes=[],
            usage_bytes=0,
            created_at_s=now_s,
        )
        .returning(documents.c.number)
    )
    return int(made.scalar_one())


async def get(tx: Tx, number: int, *, lock: bool = False) -> Document | None:
    """A document of any tenant; None = there is none (any more)."""
    query = sa.select(*_DOCUMENT).where(documents.c.number == number)
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    return None if row is None else Document(**row)


async def of_job(tx: Tx, store_id: str, file_id: str, job_id: str) -> Document | None:
    """What a job writes of a file."""
    query = sa.select(*_DOCUMENT).where(
        documents.c.file_id == file_id, documents.c.store_id == store_id, documents.c.job_id == job_id
    )
    row = (await tx.execute(query.order_by(documents.c.number.desc()).limit(1))).mappings().one_or_none()
    return None if row is None else Document(**row)


async def numbered(tx: Tx, numbers: Sequence[int]) -> dict[int, Document]:
    """Some documents of any tenant, by number."""
    query = sa.select(*_DOCUMENT).where(documents.c.number.in_(numbers))
    return {row["number"]: Document(**row) for row in (await tx.execute(query)).mappings()}


async def hidden(tx: Tx, store_id: str) -> frozenset[int]:
    """Documents of a store that nobody may find: those that are written, and those that are to be deleted."""
    query = sa.select(documents.c.number).where(
        documents.c.store_id == store_id, documents.c.state.in_(("writing", "gone"))
    )
    return frozenset((await tx.execute(query)).scalars())


async def change(tx: Tx, number: int, values: dict[str, Any]) -> None:
    """Change columns of a document."""
    await tx.execute(sa.update(documents).where(documents.c.number == number).values(**values))


async def give_up(tx: Tx, store_id: str, file_id: str, but: int | None = None) -> list[int]:
    """Whatever was read from a file is to be deleted, and is not found any more.

    Args:
        tx: The transaction.
        store_id: The store.
        file_id: The file.
        but: This document stays.

    Returns:
        The numbers of those that were found until now.
    """
    of_file = sa.and_(documents.c.store_id == store_id, documents.c.file_id == file_id)
    others = sa.and_(of_file, documents.c.state != "gone")
    if but is not None:
        others = sa.and_(others, documents.c.number != but)
    query = sa.select(documents.c.number).where(others, documents.c.state == "visible")
    seen = list((await tx.execute(query)).scalars())
    await tx.execute(sa.update(documents).where(others).values(state="gone"))
    return seen


async def give_up_writing(tx: Tx, store_id: str, file_id: str) -> None:
    """What is being written of a file is to be deleted; what is found stays."""
    of_file = sa.and_(documents.c.store_id == store_id, documents.c.file_id == file_id)
    writing = sa.and_(of_file, documents.c.state == "writing")
    await tx.execute(sa.update(documents).where(writing).values(state="gone"))


async def give_up_store(tx: Tx, store_id: str) -> None:
    """Nothing of a store is found any more."""
    mine = sa.and_(documents.c.store_id == store_id, documents.c.state != "gone")
    await tx.execute(sa.update(documents).where(mine).values(state="gone"))


async def gone(tx: Tx, store_id: str | None, limit: int) -> list[Document]:
    """Documents that are to be deleted; of one store, or of all."""
    query = sa.select(*_DOCUMENT).where(documents.c.state == "gone")
    if store_id is not None:
        query = query.where(documents.c.store_id == store_id)
    rows = await tx.execute(query.order_by(documents.c.number).limit(limit))
    return [Document(**row) for row in rows.mappings()]


async def forget(tx: Tx, numbers: Sequence[int]) -> None:
    """Delete the rows of documents; their passages are gone already."""
    await tx.execute(sa.delete(documents).where(documents.c.number.in_(numbers)))


# Passages


async def insert_passages(tx: Tx, document: Document, some: Sequence[NewPassage], now_s: float) -> None:
    """Enter passages of a document; their places are behind those that it has."""
    owner = {name: getattr(document, name) for name in ("store_id", "site_id", "user_id", "app_id")}
    rows = [
        {
            "document": document.number,
            **owner,
            "place": one.place,
            "kind": one.kind,
            "text": one.text,
            "start_char": one.start,
            "end_char": one.end,
            "page": one.page,
            "headings": list(one.headings),
            "language": one.language,
            "sha256": one.sha256,
            "image": one.image,
            "created_at_s": now_s,
        }
        for one in some
    ]
    if rows:
        await tx.execute(sa.insert(passages), rows)


async def passages_written(tx: Tx, document: int) -> int:
    """How many passages of a document are there: the place of the next one."""
    last = sa.select(sa.func.max(passages.c.place)).where(passages.c.document == document)
    place = (await tx.execute(last)).scalar_one()
    return 0 if place is None else int(place) + 1


async def passages_from(tx: Tx, document: int, place: int, limit: int) -> list[Passage]:
    """Passages of a document from a place on."""
    query = sa.select(*_PASSAGE).where(passages.c.document == document, passages.c.place >= place)
    rows = await tx.execute(query.order_by(passages.c.place).limit(limit))
    return [Passage(**row) for row in rows.mappings()]


async def passages_numbered(tx: Tx, numbers: Sequence[int]) -> dict[int, Passage]:
    """Some passages by number, whatever their documents are."""
    query = sa.select(*_PASSAGE).where(passages.c.number.in_(numbers))
    return {row["number"]: Passage(**row) for row in (await tx.execute(query)).mappings()}


async def delete_passages(tx: Tx, document: int, limit: int) -> list[int]:
    """Delete some passages of a document; their numbers, fewer than `limit` where these were the last."""
    first = (
        sa.select(passages.c.number)
        .where(passages.c.document == document)
        .order_by(passages.c.place)
        .limit(limit)
    )
    numbers = list((await tx.execute(first)).scalars())
    if numbers:
        await tx.execute(sa.delete(passages).where(passages.c.number.in_(numbers)))
    return numbers
