"""The row of a recording while a job works on it: what a stage begins with, and what it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from roundhouse.core.errors import NotFound
from roundhouse.core.jobs import StepContext
from roundhouse.features.audio.model import Recording, Stage
from roundhouse.features.audio.ports import Desk
from roundhouse.features.audio.store import recordings
from roundhouse.infra.db import Tx


def is_wanted(context: StepContext, stage: Stage) -> bool:
    """Whether this job does a stage: the first one of a recording does all, a later one those it names."""
    wanted = context.job.input.get("stages")
    return wanted is None or stage in wanted


async def begin(desk: Desk, context: StepContext, stage: Stage) -> Recording:
    """The recording, which is in this stage from now on.

    Raises:
        NotFound: It was deleted, or another job works on it.
    """
    async with desk.db.begin() as tx:
        recording = await held(tx, context)
        changes = {"stage": stage, "error": None, "updated_at_s": desk.clock.now_s()}
        await recordings.write(tx, recording.id, changes)
    return recording


async def held(tx: Tx, context: StepContext) -> Recording:
    """The job's recording, locked; raises NotFound."""
    recording = await recordings.of_job(tx, context.job.id, lock=True)
    if recording is None:
        raise NotFound("The recording was deleted.")
    return recording


async def keep(
    desk: Desk,
    tx: Tx,
    recording: Recording,
    stage: Stage,
    *,
    began_s: float,
    versions: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    warnings: Sequence[str] = (),
    **changes: Any,
) -> dict[str, Any]:
    """Write what a stage made into the row of a recording that is held; returns the stage's output.

    Args:
        desk: All that there is.
        tx: That holds it.
        recording: As it stands in that transaction.
        stage: Which.
        began_s: By the clock that never jumps.
        versions: What ran.
        metrics: What it took, besides its time.
        warnings: What the user should know.
        **changes: Further fields.
    """
    seconds = round(desk.clock.monotonic_s() - began_s, 3)
    measured: dict[str, Any] = {"seconds": seconds, **(metrics or {})}
    duration_s = changes.get("duration_s", recording.duration_s)
    if duration_s:
        measured["rtf"] = round(seconds / duration_s, 5)
    row = {
        **changes,
        "versions": {**recording.versions, stage: dict(versions or {})},
        "metrics": {**recording.metrics, stage: measured},
        "warnings": {**recording.warnings, stage: list(warnings)},
        "updated_at_s": desk.clock.now_s(),
    }
    await recordings.write(tx, recording.id, row)
    return {"seconds": seconds}


def storable(text: str) -> str:
    """A text that every database can hold: without NUL, without halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
