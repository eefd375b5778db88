"""Stage `finish`: the recording is complete, and what all of it took is summed up."""

from __future__ import annotations

from typing import Any

import structlog

from roundhouse.core.errors import BadInput, Conflict, NotFound, QuotaExceeded
from roundhouse.core.jobs import StepContext
from roundhouse.features.audio.model import STAGES, Recording
from roundhouse.features.audio.ports import Desk
from roundhouse.features.audio.stages.keeping import begin, held
from roundhouse.features.audio.store import recordings

_log = structlog.get_logger(__name__)


async def finish(desk: Desk, context: StepContext) -> dict[str, Any]:
    """Mark it done; the job's result is what is worth knowing without looking at the recording."""
    await begin(desk, context, "finish")
    async with desk.db.begin() as tx:
        recording = await held(tx, context)
        now_s = desk.clock.now_s()
        seconds = sum(recording.metrics.get(stage, {}).get("seconds", 0.0) for stage in STAGES)
        total: dict[str, Any] = {"seconds": round(seconds, 3)}
        if recording.duration_s:
            total["rtf"] = round(seconds / recording.duration_s, 5)
        changes = {
            "stage": "done",
            "completed_at_s": now_s,
            "updated_at_s": now_s,
            "metrics": {**recording.metrics, "total": total},
        }
        await recordings.write(tx, recording.id, changes)
    await _share(desk, context, recording)
    return {"recording_id": recording.id, "language": recording.language, **total}


async def _share(desk: Desk, context: StepContext, recording: Recording) -> None:
    """Put the transcript into the vector store that was asked for, or that of the setting where its tenant has it."""
    wanted = recording.options.vector_store_id
    store_id = wanted or desk.settings.vector_store_id
    if desk.share is None or store_id is None:
        return
    try:
        await desk.share(context.job.caller, store_id, recording.id)
    except (NotFound, Conflict, BadInput, QuotaExceeded) as error:
        # Another tenant's recording, or a store that is gone or full: the recording is complete all the same.
        _log.warning("transcript_not_shared", recording=recording.id, error=error.detail)
        if wanted is not None:
            await _warn(desk, context, f"The transcript is not in its vector store: {error.detail}")


async def _warn(desk: Desk, context: StepContext, text: str) -> None:
    async with desk.db.begin() as tx:
        recording = await held(tx, context)
        await recordings.write(tx, recording.id, {"warnings": {**recording.warnings, "finish": [text]}})
