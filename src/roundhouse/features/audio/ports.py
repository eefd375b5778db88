"""What the room needs of others, besides the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from roundhouse.core.audio import DiarizationRequest, Recognition, Region, Segment, TranscriptionRequest, Turn
from roundhouse.core.errors import RoundhouseError
from roundhouse.core.ports import Clock, Files
from roundhouse.core.settings import AudioSettings
from roundhouse.core.types import Caller, Decision
from roundhouse.features.audio.asking import Message, Reply
from roundhouse.features.audio.indexing import RecordingIndex
from roundhouse.infra.audio import AudioLimits, Filtered, Sound, VadSettings
from roundhouse.infra.db import Database


class Hearing(Protocol):
    """A recording while it is heard."""

    @property
    def recognition(self) -> Recognition:
        """What is known of the whole; complete at the end."""
        ...

    def __aiter__(self) -> AsyncIterator[Segment]:
        """Segments in order, times within the file."""
        ...

    async def aclose(self) -> None:
        """Stop the recogniser at once. Idempotent."""
        ...


class Recogniser(Protocol):
    """Hears; `engine.Engine` does."""

    async def transcribe(self, request: TranscriptionRequest, decision: Decision) -> Hearing:
        """Begin to hear a file; raises WeightsMissing and the rest of the engine's errors."""
        ...


class Speaking(Protocol):
    """Who speaks when, while it is found out."""

    @property
    def recognition(self) -> Recognition:
        """Versions and warnings; complete at the end."""
        ...

    def __aiter__(self) -> AsyncIterator[Turn]:
        """Turns by time, within the file."""
        ...

    async def aclose(self) -> None:
        """Stop it at once. Idempotent."""
        ...


class Speakers(Protocol):
    """Tells speakers apart; `engine.Engine` does."""

    def can_diarize(self, caller: Caller) -> bool:
        """Whether it can, for this caller."""
        ...

    async def diarize(self, request: DiarizationRequest, decision: Decision) -> Speaking:
        """Begin to look who speaks when; raises DiarizationUnavailable and the rest of the engine's errors."""
        ...


class Prepare(Protocol):
    """Takes a file apart; `infra.audio.prepare` does."""

    def __call__(
        self,
        source: Path,
        folder: Path,
        limits: AudioLimits,
        *,
        vad: VadSettings,
        split: bool = False,
        name: str = "",
        on_progress: Callable[[float, str], None],
    ) -> Awaitable[Sound]:
        """Raises UnsupportedMedia, TooLarge, Unprocessable."""
        ...


class Sift(Protocol):
    """Takes out what nobody said; `infra.audio.filter_segments` does."""

    def __call__(
        self, segments: Sequence[Segment], *, regions: Sequence[Region] | None, language: str | None
    ) -> Filtered:
        """What is left, and what was taken out and why."""
        ...


class Downloads(Protocol):
    """Fetches what users' addresses point to; `infra.egress.guard.GuardedFetcher` does."""

    async def check(self, url: str) -> None:
        """Raise AddressRefused unless the URL is http(s) and all its addresses are public."""
        ...

    def download(self, url: str, *, limit_bytes: int, limit_s: float) -> AsyncIterator[bytes]:
        """The body in pieces; raises AddressRefused, BadInput, TooLarge."""
        ...


class LanguageModels(Protocol):
    """Answers; `asking.ModelDesk` does."""

    async def ask(
        self,
        caller: Caller,
        model: str,
        messages: Sequence[Message],
        *,
        response_format: dict[str, Any] | None = None,
        request_id: str = "",
    ) -> Reply:
        """One answer; raises the engine's errors."""
        ...

    async def quotes_only(self, caller: Caller, model: str) -> bool:
        """Whether it is the built-in one, which quotes and never writes; raises ModelNotFound, NotAllowed."""
        ...

    async def window_tokens(self, caller: Caller, model: str) -> int:
        """Prompt and answer together."""
        ...


class Accounts(Protocol):
    """Keeps the record of what was used; `asking.ModelDesk` does."""

    def heard(
        self,
        request: TranscriptionRequest,
        decision: Decision,
        error: RoundhouseError | None,
        *,
        duration_s: float,
    ) -> None:
        """Record that a model has heard a track, or failed, and how long that took."""
        ...


class Desk(msgspec.Struct, frozen=True):
    """All that the stages work with.

    Attributes:
        db: The database.
        files: Where sound is kept.
        downloads: Fetches it.
        prepare: Takes it apart.
        sift: Takes out what nobody said.
        recogniser: Hears it.
        speakers: Tells speakers apart.
        models: Language models.
        accounts: Keeps the record of hearing; asking keeps its own.
        refresh: Looks again which models there are.
        pull: Begins the download of a model, `provider/model`; None = nobody does so unasked.
        index: Is told of texts.
        settings: Limits and habits.
        recognisers: Models by the names of system B: `whisper`, `chunkformer`.
        clock: Time.
        share: Puts the transcript of a recording into a vector store: caller, store, recording; None = nobody does.
    """

    db: Database
    files: Files
    downloads: Downloads
    prepare: Prepare
    sift: Sift
    recogniser: Recogniser
    speakers: Speakers
    models: LanguageModels
    accounts: Accounts
    refresh: Callable[[], Awaitable[None]]
    pull: Callable[[Caller, str], Awaitable[None]] | None
    index: RecordingIndex
    settings: AudioSettings
    recognisers: dict[str, str]
    clock: Clock
    share: Callable[[Caller, str, str], Awaitable[None]] | None = None


class VectorStores(Protocol):
    """Knows vector stores; `app` asks the room that has them."""

    async def has(self, caller: Caller, store_id: str) -> bool:
        """Whether there is a store that the caller may write into."""
        ...
