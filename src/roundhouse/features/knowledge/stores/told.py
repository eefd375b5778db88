"""Events and audit rows of vector stores; the last statements of their transactions."""

from __future__ import annotations

from typing import Any, Literal

from roundhouse.core.types import Caller
from roundhouse.features.knowledge.stores.model import Store, StoreFile
from roundhouse.infra import audit
from roundhouse.infra.db import Tx
from roundhouse.infra.events import store as events

StoreVerb = Literal["create", "update", "delete"]
FileNews = Literal["completed", "failed", "cancelled", "deleted"]


async def tell_store(tx: Tx, caller: Caller, verb: StoreVerb, store: Store, at_s: float) -> None:
    """Write the audit row and the event of a change of a store."""
    detail: dict[str, Any] = {"name": store.name}
    await audit.append(
        tx,
        caller,
        action=f"vector_store.{verb}",
        object_id=store.id,
        detail=detail,
        at_s=at_s,
        site_id=store.site_id,
    )
    data = {"vector_store_id": store.id, "user_id": store.user_id, **detail}
    await events.append(tx, events.NewEvent(store.site_id, store.id, f"vector_store.{verb}d", data, at_s))


async def tell_file(
    tx: Tx,
    store: Store,
    file: StoreFile,
    what: FileNews,
    at_s: float,
    more: dict[str, Any] | None = None,
) -> None:
    """Write the event of a file in a store, `vector_store.file.completed` or the like, under its store.

    Args:
        tx: The transaction of the change.
        store: The store.
        file: The file as it was before.
        what: What became of it.
        at_s: Unix time.
        more: What else is told.
    """
    data: dict[str, Any] = {
        "vector_store_id": store.id,
        "user_id": store.user_id,
        "file_id": file.file_id,
        "filename": file.filename,
        "job_id": file.job_id,
    }
    told = data | ({"error": more} if what in ("failed", "cancelled") else more or {})
    await events.append(tx, events.NewEvent(store.site_id, store.id, f"vector_store.file.{what}", told, at_s))
