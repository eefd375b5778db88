"""Stage `prepare`: decoding, loudness, and where somebody speaks. The sound lies in the job's folder afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from roundhouse.core.errors import Unprocessable
from roundhouse.core.jobs import StepContext
from roundhouse.features.audio.model import Recording
from roundhouse.features.audio.ports import Desk
from roundhouse.features.audio.stages.keeping import begin, held, is_wanted, keep
from roundhouse.infra.audio import AudioLimits, Sound, VadSettings

_FOLDER = "sound"
_KEPT = "sound.json"


async def prepare(desk: Desk, context: StepContext) -> dict[str, Any]:
    """Take the sound apart.

    Raises:
        UnsupportedMedia: It is none.
        TooLarge: It is longer, or has more channels, than is taken.
        Unprocessable: Nothing can be heard in it, or the file is gone.
    """
    if not is_wanted(context, "prepare"):
        return {}
    recording = await begin(desk, context, "prepare")
    if recording.kind == "text":
        return {}
    began_s = desk.clock.monotonic_s()
    vad = vad_of(desk, recording)
    sound = await _take_apart(desk, context, recording, vad)
    speech_s = sum(one.speech_s for one in sound.tracks)
    heard_s = sum(one.duration_s for one in sound.tracks)
    metrics: dict[str, Any] = {"decoded_s": sound.decoded_s, "speech_s": round(speech_s, 3)}
    if vad.enabled and heard_s:
        metrics["vad_coverage"] = round(speech_s / heard_s, 4)
    async with desk.db.begin() as tx:
        return await keep(
            desk,
            tx,
            await held(tx, context),
            "prepare",
            began_s=began_s,
            versions={"vad": msgspec.to_builtins(vad)},
            metrics=metrics,
            warnings=sound.warnings,
            duration_s=sound.decoded_s,
            sound=_told(sound),
        )


async def prepared(desk: Desk, context: StepContext, recording: Recording) -> Sound:
    """The sound that was taken apart; once more, where the folder is another one: another machine, or a later job."""
    known = await asyncio.to_thread(_read, context.folder / _KEPT)
    if known is not None:
        return known
    return await _take_apart(desk, context, recording, vad_of(desk, recording))


def vad_of(desk: Desk, recording: Recording) -> VadSettings:
    """How speech is looked for in a recording."""
    found = VadSettings.of(desk.settings)
    options = recording.options
    if options.vad is not None:
        found = msgspec.structs.replace(found, enabled=options.vad)
    if options.vad_threshold is not None:
        found = msgspec.structs.replace(found, threshold=options.vad_threshold)
    return found


async def _take_apart(desk: Desk, context: StepContext, recording: Recording, vad: VadSettings) -> Sound:
    if recording.file_id is None:
        raise Unprocessable("The sound of this recording was deleted; only its text is left.")
    folder = context.folder / _FOLDER
    await asyncio.to_thread(folder.mkdir, mode=0o700, exist_ok=True)
    async with desk.files.path(context.job.caller, recording.file_id) as source:
        sound = await desk.prepare(
            source,
            folder,
            AudioLimits.of(desk.settings),
            vad=vad,
            split=recording.options.split_channels,
            name=recording.title,
            on_progress=context.progress,
        )
    for track in sound.tracks:
        track.path = str(folder / track.path)
    await asyncio.to_thread(_write, context.folder / _KEPT, sound)
    return sound


def _write(path: Path, sound: Sound) -> None:
    """Whole or not at all: a step that is cut off is run again."""
    draft = path.with_suffix(".draft")
    draft.write_bytes(msgspec.json.encode(sound))
    draft.replace(path)


def _read(path: Path) -> Sound | None:
    try:
        sound = msgspec.json.decode(path.read_bytes(), type=Sound)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return sound if all(Path(one.path).is_file() for one in sound.tracks) else None


def _told(sound: Sound) -> dict[str, Any]:
    """What users are told: no paths, and not each stretch of speech."""
    told: dict[str, Any] = msgspec.to_builtins(sound)
    for track in told["tracks"]:
        track.pop("path")
        regions = track.pop("regions")
        track["regions"] = None if regions is None else len(regions)
    return told
