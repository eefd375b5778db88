"""The audio room over a database of the test, with fakes of what other rooms and models give."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from features.audio.files import FakeFiles, pieces_of
from roundhouse.backends.extractive.answer import reply
from roundhouse.backends.extractive.conversation import Turn as Line
from roundhouse.core.audio import (
    DiarizationRequest,
    Recognition,
    Region,
    Segment,
    TranscriptionRequest,
    Turn,
    Word,
)
from roundhouse.core.errors import AddressRefused, NotFound, RoundhouseError
from roundhouse.core.jobs import Job
from roundhouse.core.settings import AudioSettings, JobSettings
from roundhouse.core.types import Caller, Decision
from roundhouse.features.audio.asking import Message, Reply
from roundhouse.features.audio.indexing import ParagraphSource, SearchIndex
from roundhouse.features.audio.jobs import RecordingJobs
from roundhouse.features.audio.ports import Desk
from roundhouse.features.audio.schemas import RerunAsk, StatusRead, TextAsk
from roundhouse.features.audio.service import (
    Accepting,
    ProcessService,
    RecordingService,
    Retention,
    Sent,
    TemplateService,
)
from roundhouse.infra.audio import Dropped, Filtered, Sound, Track
from roundhouse.infra.db import Database
from roundhouse.infra.jobs import transitions
from roundhouse.infra.jobs.claiming import Turns, claim
from roundhouse.infra.jobs.durable_memory import Disk, MemoryDurable
from roundhouse.infra.jobs.gathering import Gathering
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.jobs.runner import Run
from roundhouse.infra.search.indexer import Indexer

SCOPES = frozenset({"audio:read", "audio:write", "inference", "jobs:read"})
ANN = Caller(key_id="key_ann", site_id="one", scopes=SCOPES)
EVE = Caller(key_id="key_eve", site_id="one", user_id="eve", scopes=SCOPES)
BOB = Caller(key_id="key_bob", site_id="two", scopes=SCOPES)
BOUNDARY = "roundhouse-test-boundary"

MEETING = [
    (0.4, 2.6, "um the meeting starts on Monday at 9"),
    (2.8, 4.9, "we decided to hire two engineers"),
    (8.0, 10.5, "please send the report before Friday"),
]


def form(*parts: tuple[str, str] | tuple[str, str, bytes]) -> bytes:
    """A form of (field, value) and (field, file name, content)."""
    lines: list[bytes] = []
    for part in parts:
        name = f'; filename="{part[1]}"' if len(part) == 3 else ""
        content = part[2] if len(part) == 3 else part[1].encode()
        lines += [
            f"--{BOUNDARY}".encode(),
            f'Content-Disposition: form-data; name="{part[0]}"{name}'.encode(),
        ]
        lines += [b"", content]
    return b"\r\n".join([*lines, f"--{BOUNDARY}--".encode(), b""])


class FakeHearing:
    """One recognition."""

    def __init__(self, said: Sequence[Segment], recognition: Recognition) -> None:
        self._said = said
        self.recognition = recognition
        self.is_closed = False

    async def __aiter__(self) -> AsyncIterator[Segment]:
        for one in self._said:
            yield one

    async def aclose(self) -> None:
        self.is_closed = True


class FakeRecogniser:
    """Hears what the test says.

    Attributes:
        requests: What it was asked.
        hearings: What it gave.
        fault: Is raised by the next calls, one after the other.
        language: What it tells.
    """

    def __init__(self) -> None:
        self.requests: list[TranscriptionRequest] = []
        self.hearings: list[FakeHearing] = []
        self.said: dict[str, Sequence[tuple[float, float, str]]] = {"mix": MEETING}
        self.faults: list[RoundhouseError] = []
        self.language: str | None = "en"

    async def transcribe(self, request: TranscriptionRequest, decision: Decision) -> FakeHearing:
        self.requests.append(request)
        assert request.audio.is_file()
        if self.faults:
            raise self.faults.pop(0)
        decision.target = "whisper/tiny"
        said = [
            Segment(
                start_s=start, end_s=end, text=text, confidence=0.9, words=_words(request, start, end, text)
            )
            for start, end, text in self.said[request.audio.stem]
        ]
        versions = {"model": "tiny", "compute_type": "int8"}
        self.hearings.append(FakeHearing(said, Recognition(language=self.language, versions=versions)))
        return self.hearings[-1]


def _words(request: TranscriptionRequest, start_s: float, end_s: float, text: str) -> tuple[Word, ...]:
    """The words of a segment, each as long, where their times are asked for."""
    told = text.split() if request.word_times else []
    step_s = (end_s - start_s) / max(1, len(told))
    return tuple(
        Word(start_s + place * step_s, start_s + (place + 1) * step_s, f" {word}", 0.9)
        for place, word in enumerate(told)
    )


class FakeSpeaking:
    """One look at who speaks when."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = turns
        self.recognition = Recognition(versions={"model": "voices"})
        self.is_closed = False

    async def __aiter__(self) -> AsyncIterator[Turn]:
        for one in self._turns:
            yield one

    async def aclose(self) -> None:
        self.is_closed = True


class FakeSpeakers:
    """Tells speakers apart as the test says; without a word from it, nothing here can.

    Attributes:
        turns: Start, end, speaker; None = nothing here can.
        requests: What it was asked.
        given: What it gave.
    """

    def __init__(self) -> None:
        self.turns: Sequence[tuple[float, float, str]] | None = None
        self.requests: list[DiarizationRequest] = []
        self.given: list[FakeSpeaking] = []

    def can_diarize(self, caller: Caller) -> bool:
        return self.turns is not None

    async def diarize(self, request: DiarizationRequest, decision: Decision) -> FakeSpeaking:
        self.requests.append(request)
        assert request.audio.is_file()
        decision.target = "pyannote/voices"
        self.given.append(FakeSpeaking([Turn(*one) for one in self.turns or ()]))
        return self.given[-1]


class FakeModels:
    """Answers as the test says; without a word from it there is the extractive model alone. Keeps accounts, too.

    Attributes:
        answer: Makes the answer; None = the built-in model quotes.
        asked: Messages and response format of each call.
        heard_by: Whose hearing was recorded, seconds, and the error's code.
    """

    def __init__(self) -> None:
        self.heard_by: list[tuple[str, float, str | None]] = []
        self.answer: Callable[[Sequence[Message], dict[str, Any] | None], str] | None = None
        self.asked: list[tuple[Sequence[Message], dict[str, Any] | None]] = []
        self.window = 8192

    async def ask(
        self,
        caller: Caller,
        model: str,
        messages: Sequence[Message],
        *,
        response_format: dict[str, Any] | None = None,
        request_id: str = "",
    ) -> Reply:
        self.asked.append((list(messages), response_format))
        if self.answer is None:
            turns = [Line(one["role"], one["content"]) for one in messages]
            return Reply(reply(turns).text, model, cut=False)
        return Reply(self.answer(messages, response_format), "acme/large", cut=False)

    def heard(self, request: Any, decision: Decision, error: RoundhouseError | None, **_: float) -> None:
        self.heard_by.append((decision.target, request.duration_s, error and error.code))

    async def quotes_only(self, caller: Caller, model: str) -> bool:
        return self.answer is None

    async def window_tokens(self, caller: Caller, model: str) -> int:
        return self.window


class FakeDownloads:
    """Addresses that the test knows."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    async def check(self, url: str) -> None:
        if url not in self.bodies:
            raise AddressRefused("Not a public address.")

    async def download(self, url: str, *, limit_bytes: int, limit_s: float) -> AsyncIterator[bytes]:
        async for piece in pieces_of(self.bodies[url]):
            yield piece


class OpenGate:
    """A gatekeeper that lets everybody in."""

    def admit(self, caller: Caller) -> None:
        return None

    def settle(self, caller: Caller, tokens: int, cost_usd: float) -> None:
        pass

    def headers(self, caller: Caller) -> list[tuple[bytes, bytes]]:
        return []


class FakePreparing:
    """Takes files apart as the test says.

    Attributes:
        calls: How often.
        duration_s: Of what it finds.
        regions: Where somebody speaks.
        fault: Is raised instead.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.duration_s = 12.0
        self.regions: list[Region] | None = [Region(0.3, 5.1), Region(7.9, 10.6)]
        self.fault: RoundhouseError | None = None

    async def __call__(
        self,
        source: Path,
        folder: Path,
        limits: Any,
        *,
        vad: Any,
        split: bool = False,
        name: str = "",
        on_progress: Callable[[float, str], None],
    ) -> Sound:
        self.calls += 1
        if self.fault is not None:
            raise self.fault
        assert source.is_file()  # noqa: ASYNC240 - a look at one local file
        tracks = []
        for track in ("left", "right") if split else ("mix",):
            with wave.open(str(folder / f"{track}.wav"), "wb") as out:
                out.setparams((1, 2, 16_000, 0, "NONE", ""))
                out.writeframes(bytes(3200))
            regions = self.regions if vad.enabled else None
            speech_s = sum(one.end_s - one.start_s for one in regions or ())
            path = str(folder / f"{track}.wav")
            tracks.append(Track(path, track, self.duration_s, regions, speech_s))
        on_progress(1.0, "decoded")
        duration_s = self.duration_s
        return Sound(
            "wav", "pcm", 2 if split else 1, 16_000, duration_s, duration_s, 0, False, [], -23.0, tracks
        )


def sift(segments: list[Segment], *, regions: object, language: str | None) -> Filtered:
    """Nobody says "subscribe"."""
    kept = [one for one in segments if "subscribe" not in one.text]
    return Filtered(kept, [Dropped(one, "phrase") for one in segments if one not in kept])


class OneStore:
    """There is one vector store, `vs_2`."""

    async def has(self, caller: Caller, store_id: str) -> bool:
        return store_id == "vs_2"


class AudioHouse:
    """All services of the room, and an executor that works when it is told to."""

    def __init__(
        self,
        db: Database,
        folder: Path,
        clock: Any,
        disk: Disk | None = None,
        pull_kinds: Sequence[Any] = (),
        pull: Any = None,
        **settings: Any,
    ) -> None:
        self.db, self.clock, self.folder = db, clock, folder
        self.disk: Disk = {} if disk is None else disk
        folder.mkdir(exist_ok=True)
        self.files = FakeFiles(folder)
        self.recogniser, self.models = FakeRecogniser(), FakeModels()
        self.speakers = FakeSpeakers()
        self.downloads, self.preparing = FakeDownloads(), FakePreparing()
        self.settings = AudioSettings(**settings)
        self.refreshed = 0
        index = SearchIndex()
        self.desk = Desk(
            db=db,
            files=self.files,
            downloads=self.downloads,
            prepare=self.preparing,
            sift=sift,
            recogniser=self.recogniser,
            speakers=self.speakers,
            models=self.models,
            accounts=self.models,
            refresh=self._refresh,
            pull=pull,
            index=index,
            settings=self.settings,
            recognisers={"whisper": "whisper/tiny"},
            clock=clock,
            share=self._share,
        )
        self.shared: list[tuple[str, str]] = []
        self.has_store = True
        folders = folder / "jobs"
        self.retention = Retention(db, self.files, index, folders, self.settings, clock)
        self.room_jobs = RecordingJobs(self.desk, self.retention)
        self.pipelines = PipelineTable([*self.room_jobs.pipelines, *pull_kinds])
        self.jobs = JobQueue(db, self.pipelines, JobSettings(max_queued_per_site=5), clock)
        self.templates = TemplateService(db, clock)
        self.accepting = Accepting(
            db, self.files, self.jobs, self.templates, self.speakers, clock, OneStore()
        )
        self.processing = ProcessService(
            db, self.files, self.jobs, self.downloads, self.accepting, OpenGate(), self.settings, clock
        )
        self.recordings = RecordingService(
            db,
            self.files,
            self.jobs,
            self.templates,
            index,
            Indexer(db, [ParagraphSource()]),
            self.speakers,
            folders,
            clock,
        )

    async def _share(self, caller: Caller, store_id: str, recording_id: str) -> None:
        if not self.has_store:
            raise NotFound("No such vector store.")
        self.shared.append((store_id, recording_id))

    async def _refresh(self) -> None:
        self.refreshed += 1

    async def send(
        self,
        *fields: tuple[str, str] | tuple[str, str, bytes],
        caller: Caller = ANN,
        key: str | None = None,
    ) -> str:
        """Id of a new recording; of a file unless the fields say where it is."""
        named = {one[0] for one in fields}
        parts = list(fields)
        if not named & {"file", "file_id", "url"}:
            parts.append(("file", "call.wav", b"RIFF of a call"))
        sent = Sent(f"multipart/form-data; boundary={BOUNDARY}", key)
        return (await self.processing.process(caller, sent, pieces_of(form(*parts)))).task_id

    async def send_text(self, text: str, caller: Caller = ANN, **more: Any) -> str:
        return (await self.processing.process_text(caller, TextAsk(text=text, **more), None)).task_id

    async def work(self) -> list[Job]:
        """Run all jobs that are due, each to its end; they as they were claimed."""
        done: list[Job] = []
        while True:
            slots = {"gpu": 1, "cpu": 1, "io": 1, "flow": 1}
            async with self.db.begin() as tx:
                claimed = await claim(
                    tx,
                    "exe_test",
                    slots,
                    self.pipelines.known,
                    Turns(),
                    self.clock.now_s(),
                    has_suspect=False,
                )
            if not claimed:
                return done
            for job in claimed:
                await (await self.run_of(job)).execute()
            done += claimed

    async def run_of(self, job: Job) -> Run:
        durable = MemoryDurable(self.disk)
        await durable.start()
        return Run(
            job,
            self.pipelines.of(job),
            db=self.db,
            moves=Gathering(self.db, lambda tx, moves: transitions.move_all(tx, moves, self.clock.now_s())),
            durable=durable,
            clock=self.clock,
            folder=self.folder / "jobs" / job.id,
            keep_s=86_400.0,
        )

    async def status(self, recording_id: str, caller: Caller = ANN) -> StatusRead:
        return await self.recordings.status(caller, recording_id)

    async def done(self, *fields: Any, **more: Any) -> StatusRead:
        recording_id = await self.send(*fields, **more)
        await self.work()
        return await self.status(recording_id, more.get("caller", ANN))

    async def rerun(self, recording_id: str, caller: Caller = ANN, **asked: Any) -> StatusRead:
        await self.recordings.rerun(caller, recording_id, RerunAsk(**asked))
        await self.work()
        return await self.status(recording_id, caller)


def saying(*texts: str) -> Callable[[Sequence[Message], dict[str, Any] | None], str]:
    """A model that says one text after the other, the last one for ever."""
    left = list(texts)
    return lambda _messages, _form: left.pop(0) if len(left) > 1 else left[0]


def encoded(value: Any) -> str:
    return msgspec.json.encode(value).decode()
