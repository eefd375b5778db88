"""Stage `speakers`: who says what, by the voices. Speakers that have a channel each are known without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from roundhouse.core.audio import DiarizationRequest, Turn
from roundhouse.core.jobs import StepContext
from roundhouse.core.types import Decision
from roundhouse.engine.engine import AUTO
from roundhouse.features.audio.model import Recording, Said
from roundhouse.features.audio.ports import Desk
from roundhouse.features.audio.speaking import with_speakers
from roundhouse.features.audio.stages.keeping import begin, held, is_wanted, keep
from roundhouse.features.audio.stages.preparing import prepared
from roundhouse.features.audio.store import segments


async def tell_speakers_apart(desk: Desk, context: StepContext) -> dict[str, Any]:
    """Give each segment its speaker, where that was asked for.

    Raises:
        DiarizationUnavailable: Nothing here can tell.
        RoundhouseError: And the rest of the engine's errors.
    """
    if not is_wanted(context, "speakers"):
        return {}
    recording = await begin(desk, context, "speakers")
    if not recording.options.diarize or recording.kind == "text":
        return {}
    began_s = desk.clock.monotonic_s()
    decision = Decision(requested=AUTO)
    turns: list[Turn] = []
    versions: dict[str, Any] = {}
    warnings: list[str] = []
    async with desk.db.read() as tx:
        heard = await segments.every(tx, recording.id)
    if heard:
        turns, versions, warnings = await _turns(desk, context, recording, decision)
        versions = {"backend": decision.target, **versions}
        if not turns:
            warnings.append("No voices could be told apart in this recording.")
    async with desk.db.begin() as tx:
        recording = await held(tx, context)
        said = with_speakers(await segments.every(tx, recording.id), turns)
        if not recording.options.word_times:
            said = [_without_words(one) for one in said]
        await segments.replace_all(tx, recording, said)
        speakers = {one.speaker for one in said if one.speaker is not None}
        return await keep(
            desk,
            tx,
            recording,
            "speakers",
            began_s=began_s,
            versions=versions,
            metrics={"speakers": len(speakers), "turns": len(turns), "segments": len(said)},
            warnings=warnings,
        )


async def _turns(
    desk: Desk, context: StepContext, recording: Recording, decision: Decision
) -> tuple[list[Turn], dict[str, Any], list[str]]:
    options = recording.options
    # Not the channels: who has one each is told apart by them.
    (track, *_) = (await prepared(desk, context, recording)).tracks
    request = DiarizationRequest(
        model=AUTO,
        caller=context.job.caller,
        audio=Path(track.path),
        duration_s=track.duration_s,
        num_speakers=options.num_speakers,
        min_speakers=options.min_speakers,
        max_speakers=options.max_speakers,
        request_id=context.job.id,
    )
    context.progress(0.0, "telling speakers apart")
    speaking = await desk.speakers.diarize(request, decision)
    try:
        turns = [turn async for turn in speaking]
    finally:
        await speaking.aclose()
    told = speaking.recognition
    return turns, dict(told.versions), list(told.warnings)


def _without_words(said: Said) -> Said:
    """Their times were needed to cut segments, and nobody asked for them."""
    return msgspec.structs.replace(said, words=[])
