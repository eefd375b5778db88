"""Stage `finish`: the recording is complete, and what all of it took is summed up."""

from __future__ import annotations

from typing import Any

from roundhouse.core.jobs import StepContext
from roundhouse.features.audio.model import STAGES
from roundhouse.features.audio.ports import Desk
from roundhouse.features.audio.stages.keeping import begin, held
from roundhouse.features.audio.store import recordings


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
    return {"recording_id": recording.id, "language": recording.language, **total}
