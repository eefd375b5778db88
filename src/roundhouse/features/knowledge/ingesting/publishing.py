"""Steps `publish` and `index`: the document is found instead of the one before, and what was before it goes."""

from __future__ import annotations

from typing import Any

from roundhouse.core.jobs import StepContext
from roundhouse.features.knowledge.ingesting.embedding import embed_missing
from roundhouse.features.knowledge.ingesting.holding import Held, Work, hold, stage
from roundhouse.features.knowledge.ingesting.ports import Desk
from roundhouse.features.knowledge.ingesting.removing import Removing
from roundhouse.features.knowledge.stores.store import documents, files, indexes, stores
from roundhouse.features.knowledge.stores.told import tell_file
from roundhouse.infra.db import Tx


@stage
async def publish(desk: Desk, context: StepContext) -> dict[str, Any]:
    """Make the document visible in one transaction, in place of what was found of its file."""
    if not context.results["embed"]:
        return {}
    while True:
        async with desk.db.begin() as tx:
            # From here on nobody makes an index version of this store: who does so locks it.
            held = await hold(tx, Work.of(context.job), lock=True)
            if held is None or held.file.status == "cancelled":
                return {}
            versions = [one.number for one in await indexes.live(tx, held.store.id)]
            if set(versions) <= set(held.written.indexes):
                if held.written.state == "writing":
                    await _show(tx, desk, held)
                return {"document": held.written.number}
        await embed_missing(desk, context)


async def _show(tx: Tx, desk: Desk, held: Held) -> None:
    now_s = desk.clock.now_s()
    store, file, document = held.store, held.file, held.written
    before = await documents.give_up(tx, store.id, file.file_id, but=document.number)
    replaced = None
    if file.replaces is not None:
        replaced = await files.find(tx, store.id, file.replaces, lock=True)
    if replaced is not None:
        before += await documents.give_up(tx, store.id, replaced.file_id)
        await files.forget(tx, store.id, replaced.file_id)
    await documents.change(tx, document.number, {"state": "visible"})
    await files.change(
        tx,
        store.id,
        file.file_id,
        {
            "status": "completed",
            "error": None,
            "document": document.number,
            "replaces": None,
            "usage_bytes": document.usage_bytes,
            "updated_at_s": now_s,
        },
    )
    await stores.mark_used(tx, store, now_s)
    await desk.index.gone(tx, store.site_id, store.id, before)
    await desk.index.published(tx, store.site_id, store.id, [document.number])
    await tell_file(tx, store, file, "completed", now_s, {"passages": document.passages})
    if replaced is not None:
        await tell_file(tx, store, replaced, "deleted", now_s, {"replaced_by": file.file_id})


@stage
async def finish(desk: Desk, context: StepContext) -> dict[str, Any]:
    """Bring the full text index up to date, remove what was found before, tell that the store grew."""
    if not context.results["publish"]:
        return {}
    async with desk.db.read() as tx:
        held = await hold(tx, Work.of(context.job))
    if held is None:
        return {}
    await desk.index.catch_up(held.store.site_id)
    await Removing(desk.db, desk.homes).documents_of(held.store.id)
    if desk.grown is not None:
        async with desk.db.begin() as tx:
            await desk.grown(tx, held.store)
    file = held.file
    return {"file_id": file.file_id, "passages": held.written.passages, "usage_bytes": file.usage_bytes}
