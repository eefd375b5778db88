"""Stage `transcribe`: what was said, with times. Weights that are on their way are waited for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.audio import Recognition, Segment, TranscriptionRequest
from roundhouse.core.errors import Cancelled, ModelNotFound, RoundhouseError
from roundhouse.core.jobs import StepContext, Waiting
from roundhouse.core.types import Decision
from roundhouse.engine.engine import AUTO
from roundhouse.features.audio.languages import language_of
from roundhouse.features.audio.model import Recording, Said
from roundhouse.features.audio.ports import Desk, Hearing
from roundhouse.features.audio.stages.keeping import begin, held, is_wanted, keep, storable
from roundhouse.features.audio.stages.preparing import prepared
from roundhouse.features.audio.store import recordings, segments
from roundhouse.infra.audio import Track
from roundhouse.infra.jobs.rows import jobs

_MISSING = frozenset({"weights_missing", "weights_coming"})
_PULL = "model.pull"
_WAITING_FOR = "weights"
_SOON_S, _LATER_S, _SOON = 3.0, 15.0, 10
_SENTENCE = re.compile(r".+?(?:[.!?…]+[\"'”’)]*(?=\s|$)|[。！？]+[”」』）]*|$)", re.DOTALL)


class Heard(msgspec.Struct):
    """What came of one track."""

    said: list[Said]
    recognition: Recognition
    target: str
    reason: str
    dropped: Counter[str]


async def transcribe(desk: Desk, context: StepContext) -> dict[str, Any]:
    """Hear the recording.

    Raises:
        WeightsMissing: There is no recogniser here, and none is on its way.
        Waiting: One is.
        RoundhouseError: And the rest of the engine's errors.
    """
    if not is_wanted(context, "transcribe"):
        return {}
    recording = await begin(desk, context, "transcribe")
    began_s = desk.clock.monotonic_s()
    if recording.kind == "text":
        return await _read_text(desk, context, began_s)
    sound = await prepared(desk, context, recording)
    heard = []
    for place, track in enumerate(sound.tracks):
        if track.regions == []:
            continue
        heard.append(await _hear_track(desk, context, recording, track, (place, len(sound.tracks))))
    said = _in_order(heard)
    language = _language(recording, heard)
    warnings = [text for one in heard for text in one.recognition.warnings]
    if not said:
        warnings.append("Nobody speaks in this recording, as far as can be heard.")
    async with desk.db.begin() as tx:
        recording = await held(tx, context)
        await segments.replace_all(tx, recording, said)
        return await keep(
            desk,
            tx,
            recording,
            "transcribe",
            began_s=began_s,
            versions=_versions(heard),
            metrics=_metrics(said, heard),
            warnings=list(dict.fromkeys(warnings)),
            language=language,
            raw_text=" ".join(one.text for one in said),
        )


async def _hear_track(
    desk: Desk, context: StepContext, recording: Recording, track: Track, turn: tuple[int, int]
) -> Heard:
    options = recording.options
    request = TranscriptionRequest(
        model=desk.recognisers.get(options.asr_backend, options.asr_backend),
        caller=context.job.caller,
        audio=Path(track.path),
        duration_s=track.duration_s,
        regions=None if track.regions is None else tuple(track.regions),
        language=options.language,
        prompt=options.prompt,
        vocabulary=options.vocabulary,
        # Where speakers change within a segment, the times of words tell.
        word_times=options.word_times or options.diarize,
        request_id=context.job.id,
    )
    decision = Decision(requested=request.model)
    instead: list[str] = []
    try:
        hearing = await _begun(desk, context, request, decision)
    except ModelNotFound:
        if options.asr_backend not in desk.recognisers:
            raise
        # A name of system B's: its users' requests work as they stand, and say what was done.
        request.model = AUTO
        decision = Decision(requested=AUTO)
        instead.append(f"There is no {options.asr_backend} here: another recogniser was taken.")
        hearing = await _begun(desk, context, request, decision)
    place, count = turn
    found: list[Segment] = []
    async with _accounted(desk, request, decision), aclosing(hearing):
        async for segment in hearing:
            found.append(segment)
            share = min(1.0, segment.end_s / track.duration_s) if track.duration_s else 1.0
            context.progress(
                (place + share) / count, f"heard {segment.end_s:.0f} of {track.duration_s:.0f} s"
            )
    recognition = hearing.recognition
    recognition.warnings = [*instead, *recognition.warnings]
    language = options.language or recognition.language
    sifted = desk.sift(found, regions=track.regions, language=language)
    dropped = Counter(one.reason for one in sifted.dropped)
    speaker = track.name if count > 1 else None
    said = [_said(one, track.name, speaker) for one in sifted.kept]
    return Heard(said, recognition, decision.target, decision.reason, dropped)


@asynccontextmanager
async def _accounted(desk: Desk, request: TranscriptionRequest, decision: Decision) -> AsyncGenerator[None]:
    """Leave a record of a track that is heard, however that ends."""
    began_s = desk.clock.monotonic_s()
    error: RoundhouseError | None = Cancelled("The job was stopped.")
    try:
        yield
        error = None
    except RoundhouseError as failed:
        error = failed
        raise
    finally:
        desk.accounts.heard(request, decision, error, duration_s=desk.clock.monotonic_s() - began_s)


async def _begun(
    desk: Desk, context: StepContext, request: TranscriptionRequest, decision: Decision
) -> Hearing:
    try:
        return await desk.recogniser.transcribe(request, decision)
    except RoundhouseError as error:
        if error.code not in _MISSING:
            raise
        missing = getattr(error, "model", "")
    await _wait_for_weights(desk, context, missing)
    # They came a moment ago, perhaps.
    await desk.refresh()
    try:
        return await desk.recogniser.transcribe(request, decision)
    except RoundhouseError as error:
        by_command = getattr(error, "by_command", False)
        if error.code not in _MISSING or not missing or by_command or desk.pull is None or _waits(context):
            # A download that was waited for has failed: another one would fail as well.
            raise
    await desk.pull(context.job.caller, missing)
    raise _waiting(desk, context)


async def _wait_for_weights(desk: Desk, context: StepContext, model: str) -> None:
    """Raise Waiting while a download of the model goes on, by whomever it was asked for."""
    async with desk.db.read() as tx:
        under_way = sa.select(jobs.c.id).where(
            jobs.c.kind == _PULL,
            jobs.c.state.in_(("queued", "running", "waiting")),
            jobs.c.input["model"].as_string() == model,
        )
        if (await tx.execute(under_way.limit(1))).first() is None:
            return
    raise _waiting(desk, context)


def _waiting(desk: Desk, context: StepContext) -> Waiting:
    # Each wait of a job needs a name of its own.
    number = 1 + _waits(context)
    name = _WAITING_FOR if number == 1 else f"{_WAITING_FOR} {number}"
    return Waiting(name, desk.clock.now_s() + (_SOON_S if number <= _SOON else _LATER_S))


def _waits(context: StepContext) -> int:
    """How often this job has waited for weights."""
    return sum(name.startswith(_WAITING_FOR) for name in context.job.signals)


def _said(segment: Segment, track: str, speaker: str | None) -> Said:
    return Said(
        number=0,
        track=track,
        start_s=round(segment.start_s, 3),
        end_s=round(segment.end_s, 3),
        text=storable(segment.text),
        confidence=segment.confidence,
        no_speech=segment.no_speech,
        language=segment.language,
        speaker=segment.speaker or speaker,
        words=[
            {
                "start_s": round(word.start_s, 3),
                "end_s": round(word.end_s, 3),
                "text": storable(word.text),
                "probability": word.probability,
            }
            for word in segment.words
        ],
        flags=list(segment.flags),
    )


def _in_order(heard: Sequence[Heard]) -> list[Said]:
    """Segments of all tracks by time, numbered from 1."""
    every = sorted((one for track in heard for one in track.said), key=lambda one: (one.start_s, one.end_s))
    return [msgspec.structs.replace(one, number=number) for number, one in enumerate(every, start=1)]


def _language(recording: Recording, heard: Sequence[Heard]) -> str | None:
    """What was told, else what most of it is, else what the text looks like."""
    if recording.options.language is not None:
        return recording.options.language
    spoken: Counter[str] = Counter()
    for one in heard:
        if one.recognition.language is not None:
            spoken[one.recognition.language] += sum(len(said.text) for said in one.said)
    if spoken:
        return spoken.most_common(1)[0][0]
    text = " ".join(said.text for one in heard for said in one.said)
    return language_of(text) if text else None


def _versions(heard: Sequence[Heard]) -> dict[str, Any]:
    if not heard:
        return {}
    first = heard[0]
    return {"asr_backend": first.target, "reason": first.reason, **first.recognition.versions}


def _metrics(said: Sequence[Said], heard: Sequence[Heard]) -> dict[str, Any]:
    weights = [(one.confidence, len(one.text)) for one in said if one.confidence is not None]
    chars = sum(count for _, count in weights)
    confidence = sum(value * count for value, count in weights) / chars if chars else None
    dropped: Counter[str] = Counter()
    for one in heard:
        dropped += one.dropped
    return {
        "segments": len(said),
        "dropped": dict(dropped),
        "confidence": None if confidence is None else round(confidence, 4),
    }


async def _read_text(desk: Desk, context: StepContext, began_s: float) -> dict[str, Any]:
    """The sentences of a text are its segments."""
    async with desk.db.begin() as tx:
        recording = await held(tx, context)
        text = (await recordings.texts(tx, recording.id)).raw_text or ""
        said = [
            Said(number=number, track="text", start_s=None, end_s=None, text=sentence)
            for number, sentence in enumerate(_sentences(text), start=1)
        ]
        await segments.replace_all(tx, recording, said)
        language = recording.options.language or language_of(text)
        metrics = {"segments": len(said)}
        return await keep(
            desk, tx, recording, "transcribe", began_s=began_s, metrics=metrics, language=language
        )


def _sentences(text: str) -> Iterator[str]:
    for line in text.splitlines():
        for match in _SENTENCE.finditer(line):
            sentence = match[0].strip()
            if sentence:
                yield sentence
