"""`/v1/audio/transcriptions` and `/v1/audio/translations` as lean ASGI endpoints."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from roundhouse.core.audio import Segment, SpeechTask, TranscriptionRequest
from roundhouse.core.errors import (
    Busy,
    Cancelled,
    RoundhouseError,
    StorageUnavailable,
    WeightsComing,
    WeightsMissing,
)
from roundhouse.core.settings import AudioSettings
from roundhouse.core.types import Caller, Operation, Usage
from roundhouse.core.wire import event
from roundhouse.engine.engine import Engine
from roundhouse.engine.model import Hearing
from roundhouse.features.gateway.call import Call, Desk, Endpoint
from roundhouse.features.gateway.sound.answers import (
    CONTENT_TYPES,
    Outcome,
    delta,
    done,
    gap,
    joined,
    whole,
)
from roundhouse.features.gateway.sound.asked import Asked, Recording
from roundhouse.infra.audio import AudioLimits, Sound, VadSettings, filter_segments, prepare
from roundhouse.infra.forms import OVERHEAD_BYTES
from roundhouse.infra.jobs.shapes import JobRead
from roundhouse.infra.web import (
    CancelOnDisconnect,
    Headers,
    Receive,
    body_pieces,
    error_object,
    send_whole,
)

_STREAM_HEADERS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
_COMING_S = 30.0
_BUSY_S = 5.0
_LEFTOVER_S = 24 * 3600.0
_LOOK_BACK = 20
_BLOCK_BYTES = 1024 * 1024
_PREFIX = "heard-"


class Pulls(Protocol):
    """Has models downloaded."""

    async def pull(self, caller: Caller, name: str, idempotency_key: str | None) -> JobRead:
        """The job that downloads a model."""
        ...


Prepare = Callable[..., Awaitable[Sound]]


class Places:
    """Work of which a few may be done at a time, more wait in order, too many are refused.

    Args:
        at_a_time: So many.
        waiting: So many may wait.
    """

    def __init__(self, at_a_time: int, waiting: int) -> None:
        self._free = asyncio.Semaphore(at_a_time)
        self._most_waiting = waiting
        self._waiting = 0

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Hold a place; raises Busy."""
        if self._waiting >= self._most_waiting:
            raise Busy("Too many recordings wait to be decoded.", retry_after_s=_BUSY_S)
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()


class Workshop(msgspec.Struct):
    """What both endpoints need besides the desk.

    Attributes:
        settings: What recordings may be.
        folder: Where they are for as long as they are heard; made at need.
        pulls: Brings weights at first use; None = they come by command only.
        prepare: Takes recordings apart; a fake in tests.
        places: For recordings that are taken apart at a time.
    """

    settings: AudioSettings
    folder: Path
    pulls: Pulls | None
    prepare: Prepare = prepare
    places: Places = msgspec.field(default_factory=lambda: Places(4, 64))

    @property
    def max_bytes(self) -> int:
        """Largest recording."""
        return self.settings.max_upload_mib * 1024 * 1024

    @property
    def largest_body_bytes(self) -> int:
        """Largest request."""
        return self.max_bytes + OVERHEAD_BYTES

    async def check(self, engine: Engine, request: TranscriptionRequest) -> None:
        """Whether there is a model for a request; weights that can be had are sent for, where that is allowed.

        Raises:
            WeightsComing: They are on their way.
            WeightsMissing: They must be brought.
            RoundhouseError: As `Engine.check`.
        """
        try:
            await engine.check(request)
        except WeightsMissing as error:
            if self.pulls is None or error.by_command:
                raise
            job = await self.pulls.pull(request.caller, error.model, None)
            raise WeightsComing(
                f"The weights of {error.model} are being downloaded by the job {job.id} "
                f"(GET /v1/jobs/{job.id}); ask again when it is done.",
                model=error.model,
                param="model",
                retry_after_s=_COMING_S,
            ) from None


class TranscriptionEndpoint(Endpoint):
    """Writes a recording down, or translates it into English.

    Args:
        desk: Its surroundings.
        task: Which of both.
        route: Path, for the permission of keys.
        workshop: For recordings.
    """

    def __init__(self, desk: Desk, task: SpeechTask, route: str, workshop: Workshop) -> None:
        operation: Operation = "transcriptions" if task == "transcribe" else "translations"
        super().__init__(desk, operation, route)
        self._task = task
        self._workshop = workshop

    async def serve(self, call: Call, receive: Receive) -> None:
        """Read the form, take the recording apart, hear it, answer."""
        # Before the body: it is large.
        await call.admit()
        async with workplace(self._workshop.folder) as folder:
            source = folder / "recording"
            asked = await self._read(call, receive, source)
            call.decision.requested = asked.model
            request = TranscriptionRequest(
                model=asked.model,
                caller=call.caller,
                audio=source,
                duration_s=0.0,
                language=asked.language,
                task=self._task,
                prompt=asked.prompt,
                vocabulary=asked.vocabulary,
                temperature=asked.temperature,
                word_times=asked.words,
                request_id=call.request_id,
            )
            async with CancelOnDisconnect(call.scope, receive):
                await self._workshop.check(self.desk.engine, request)
                sound = await self._prepared(source, folder, asked)
                track = sound.tracks[0]
                request = msgspec.structs.replace(
                    request,
                    audio=Path(track.path),
                    duration_s=track.duration_s,
                    regions=None if track.regions is None else tuple(track.regions),
                )
                hearing = await self.desk.engine.transcribe(request, call.decision)
                try:
                    if asked.stream:
                        await _stream(call, hearing, sound)
                    else:
                        await _answer(call, asked, self._task, hearing, sound)
                    if call.error is None:
                        call.usage = Usage(audio_s=sound.decoded_s)
                finally:
                    await hearing.aclose()

    async def _read(self, call: Call, receive: Receive, target: Path) -> Asked:
        """Read the form; the recording goes to `target`."""
        kind = call.scope["header_map"].get("content-type", "")
        with await asyncio.to_thread(target.open, "wb") as file:
            recording = Recording(kind, file.write, self._workshop.max_bytes)
            waiting: list[bytes] = []
            async for piece in body_pieces(receive, self.desk.body_timeout_s):
                waiting.append(piece)
                if sum(map(len, waiting)) >= _BLOCK_BYTES:
                    await asyncio.to_thread(recording.feed, b"".join(waiting))
                    waiting = []
            await asyncio.to_thread(recording.feed, b"".join(waiting))
        return recording.close(self._task)

    async def _prepared(self, source: Path, folder: Path, asked: Asked) -> Sound:
        settings = self._workshop.settings
        async with self._workshop.places.taken():
            return await self._workshop.prepare(
                source,
                folder,
                AudioLimits.of(settings),
                vad=VadSettings.of(settings),
                name=asked.filename,
                on_progress=_unheard,
            )


async def _answer(call: Call, asked: Asked, task: SpeechTask, hearing: Hearing, sound: Sound) -> None:
    """Answer with the whole."""
    heard = [segment async for segment in hearing]
    recognition = hearing.recognition
    found = filter_segments(heard, regions=sound.tracks[0].regions, language=recognition.language)
    outcome = Outcome(found.kept, len(found.dropped), recognition, sound)
    body = whole(asked, task, outcome)
    call.first_byte_s = time.perf_counter()
    headers: Headers = [
        (b"content-type", CONTENT_TYPES[asked.format]),
        (b"content-length", b"%d" % len(body)),
        *call.headers(),
        (b"x-request-id", call.request_id.encode()),
    ]
    call.started = True
    await send_whole(call.scope, call.send, headers, body)


async def _stream(call: Call, hearing: Hearing, sound: Sound) -> None:
    """Answer with server-sent events; an error after the first becomes an event."""
    call.is_stream = True
    call.first_byte_s = time.perf_counter()
    headers = [*_STREAM_HEADERS, *call.headers(), (b"x-request-id", call.request_id.encode())]
    call.started = True
    await call.send({"type": "http.response.start", "status": 200, "headers": headers})
    kept: list[Segment] = []
    try:
        async for segment in _said(hearing, sound):
            between = gap(segment.language) if kept else ""
            kept.append(segment)
            await _send(call, delta(between + segment.text))
        last = done(joined(kept, hearing.recognition.language), sound)
    except Cancelled:
        raise
    except RoundhouseError as error:
        call.error = error
        last = event({"error": error_object(error)})
    await call.send({"type": "http.response.body", "body": last})


async def _said(hearing: Hearing, sound: Sound) -> AsyncIterator[Segment]:
    """Segments that somebody said, as they are heard; each is judged by those before it."""
    heard: list[Segment] = []
    async for segment in hearing:
        heard = [*heard[-_LOOK_BACK:], segment]
        found = filter_segments(heard, regions=sound.tracks[0].regions, language=segment.language)
        if found.kept and found.kept[-1].start_s >= segment.start_s:
            yield found.kept[-1]


async def _send(call: Call, piece: bytes) -> None:
    await call.send({"type": "http.response.body", "body": piece, "more_body": True})


@asynccontextmanager
async def workplace(home: Path) -> AsyncIterator[Path]:
    """A folder for one request or session, gone at its end; what a killed process left goes a day later."""
    try:
        made = await asyncio.to_thread(_make, home)
    except OSError as error:
        raise StorageUnavailable(f"{home} cannot be used: {error.strerror}.") from error
    try:
        yield made
    finally:
        await asyncio.to_thread(shutil.rmtree, made, ignore_errors=True)


def _make(home: Path) -> Path:
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    old_s = time.time() - _LEFTOVER_S
    for one in home.glob(f"{_PREFIX}*"):
        if one.stat().st_mtime < old_s:
            shutil.rmtree(one, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=home))


def _unheard(fraction: float, message: str) -> None:
    """Who waits for an answer sees no progress."""
