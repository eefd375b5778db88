"""Every seam of the house, as Protocols on one page. Floors meet here and nowhere else.

Model backends speak OpenAI's wire format in both directions (bytes of JSON, events of a stream): a vendor that
speaks it already is passed through untouched, one that does not translates inside its own file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from roundhouse.core.audio import Speech, SpeechRequest, Transcription, TranscriptionRequest
from roundhouse.core.hosting import ModelHosts
from roundhouse.core.jobs import Job, NewJob
from roundhouse.core.types import (
    Answer,
    Beat,
    Caller,
    Device,
    FileInfo,
    ModelInfo,
    ModelRequest,
    NewFile,
    PullProgress,
    RunningModel,
    Timeouts,
    Usage,
    UsageRecord,
)


class Clock(Protocol):
    """Time, so that tests can turn it."""

    def now_s(self) -> float:
        """Unix time in seconds."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Wait."""
        ...


class HttpResponse(Protocol):
    """An answer whose headers have arrived. It must be read to the end or closed."""

    @property
    def status(self) -> int:
        """HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Header names in lower case."""
        ...

    async def read(self, limit_bytes: int = 64 * 1024 * 1024) -> bytes:
        """The whole body; raises BackendBadAnswer over the limit, BackendFailed when it is cut, BackendTimeout."""
        ...

    def pieces(self, beat: Beat | None = None) -> AsyncIterator[bytes]:
        """The body as it arrives, one item per read; raises BackendFailed when it is cut, BackendTimeout.

        With a `beat` the reads in between may come as one item.
        """
        ...

    async def aclose(self) -> None:
        """Give the connection up; before the end of the body this tells the server to stop. Idempotent."""
        ...


class Upload(Protocol):
    """A body that is too large to be held."""

    size_bytes: int

    def pieces(self) -> AsyncIterator[bytes]:
        """All of it, from the beginning at every call."""
        ...


class Endpoint(Protocol):
    """One address with its fixed headers, prepared once and called many times."""

    async def send(self, body: bytes | Upload = b"", *, timeouts: Timeouts) -> HttpResponse:
        """Send one request; returns when the headers of the answer are there. Redirects are not followed.

        Raises:
            BackendDown: No connection.
            BackendTimeout: Not connected or not begun in time.
            BackendFailed: The connection was lost before the headers.
            AddressRefused: The address is link-local or a metadata service.
        """
        ...


class Http(Protocol):
    """Outgoing HTTP to addresses the operator configured."""

    def endpoint(self, method: str, url: str, headers: Mapping[str, str] | None = None) -> Endpoint:
        """Prepare an address; raises BadInput when the URL is not http(s) or a header holds a line break."""
        ...


class MediaFetcher(Protocol):
    """Outgoing HTTP to addresses that users give: public only, every hop checked, the checked address dialled."""

    async def fetch(self, url: str, *, limit_bytes: int) -> tuple[bytes, str]:
        """Body and content type; raises AddressRefused, BadInput, TooLarge."""
        ...

    async def check(self, url: str) -> None:
        """Raise AddressRefused unless the URL is http(s) and all its addresses are public."""
        ...


class BackendContext(msgspec.Struct):
    """What a backend gets besides its provider: the only ways out of its file.

    Attributes:
        http: To the provider's own address.
        media: To addresses inside requests (images).
        data_dir: Folder it may keep files in.
        clock: Time.
        hosts: Processes of their own for models that run on this machine.
    """

    http: Http
    media: MediaFetcher
    data_dir: Path
    clock: Clock
    hosts: ModelHosts


class AnswerStream(Protocol):
    """A running answer. Items are whole server-sent events (one or more), without the final `[DONE]`."""

    @property
    def usage(self) -> Usage:
        """Tokens as the vendor told them; complete at the end."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Events as they come; raises BackendFailed and its kin in mid-stream."""
        ...

    async def aclose(self) -> None:
        """Stop the generation at its source. Idempotent."""
        ...


class Vendor(Protocol):
    """What belongs to one provider, of whatever seam."""

    async def close(self) -> None:
        """Release what it holds."""
        ...


class ChatBackend(Vendor, Protocol):
    """A vendor's chat. `__init__(provider: Provider, context: BackendContext)`."""

    operations: frozenset[str]
    """Subset of {`chat`, `completions`} that it speaks itself."""

    async def chat(self, request: ModelRequest, model: str) -> Answer:
        """The whole answer of the provider's `model` (chat completion or completion object).

        Raises:
            BackendFailed: And its kin.
            NotSupported: The request asks what this vendor cannot do.
            UnsupportedContent: A message part it cannot take.
        """
        ...

    async def stream(self, request: ModelRequest, model: str) -> AnswerStream:
        """The answer as events; returns once the vendor has accepted (status known), raises like `chat`."""
        ...


class EmbeddingBackend(Vendor, Protocol):
    """A vendor's embeddings. `__init__(provider: Provider, context: BackendContext)`."""

    async def embed(self, request: ModelRequest, model: str) -> Answer:
        """OpenAI's list object; `encoding_format` and `dimensions` of the request hold. Raises like `chat`."""
        ...


class RerankBackend(Vendor, Protocol):
    """A vendor's reranker. `__init__(provider: Provider, context: BackendContext)`."""

    async def rerank(self, request: ModelRequest, model: str) -> Answer:
        """`{"results":[{"index","relevance_score","document"?}]}`, best first, at most `top_n`."""
        ...


class TranscriptionBackend(Vendor, Protocol):
    """A recogniser of speech. `__init__(provider: Provider, context: BackendContext)`."""

    async def transcribe(self, request: TranscriptionRequest, model: str) -> Transcription:
        """Hear a file; returns once the recogniser has accepted it.

        Raises:
            BackendFailed: And its kin.
            NotSupported: The model does not know the language, or does not translate.
        """
        ...


class SpeechBackend(Vendor, Protocol):
    """A speaker of text. `__init__(provider: Provider, context: BackendContext)`."""

    async def speak(self, request: SpeechRequest, model: str) -> Speech:
        """Say a text; raises BackendFailed and its kin, NotSupported for a format or language it cannot."""
        ...


class ModelControl(Vendor, Protocol):
    """What a provider has and holds. `__init__(provider: Provider, context: BackendContext)`."""

    manages_memory: bool
    """Whether load, unload and running are real: then its models are residents of the memory ledger."""

    can_pull: bool
    """Whether models can be downloaded."""

    async def models(self) -> list[ModelInfo]:
        """Models that it serves; raises BackendFailed and its kin."""
        ...

    async def running(self) -> list[RunningModel]:
        """Models that it holds in memory now."""
        ...

    async def load(self, model: str, *, keep_alive_s: float | None = None) -> None:
        """Bring a model into memory; None = the provider's own time. Raises NotSupported, ModelNotFound."""
        ...

    async def unload(self, model: str) -> None:
        """Take it out of memory."""
        ...

    def pull(self, model: str) -> AsyncIterator[PullProgress]:
        """Download a model, telling progress; raises NotSupported, ModelNotFound, BackendFailed."""
        ...


class Cache(Protocol):
    """Bytes by key for a while: in memory, or Redis when several processes share it."""

    async def get(self, key: str) -> bytes | None:
        """The value, None when absent or expired. A cache that is away is a miss, logged once."""
        ...

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Keep the value for `ttl_s` seconds."""
        ...

    async def delete(self, key: str) -> None:
        """Forget the value."""
        ...

    async def close(self) -> None:
        """Release what it holds."""
        ...


class RateLimiter(Protocol):
    """Counts per minute, smoothed: a burst of a whole minute is allowed once, then it refills evenly."""

    def take(self, key: str, amount: float, per_minute: float) -> Awaitable[float] | float:
        """Take `amount` if there is room: 0.0 = taken; > 0 = refused, seconds to wait.

        In memory the answer comes at once, over Redis it is awaited.
        """
        ...

    def charge(self, key: str, amount: float, per_minute: float) -> None:
        """Count `amount` that was already used (tokens known only after the answer); never refuses."""
        ...


class UsageSink(Protocol):
    """Where usage goes: kept in memory for less than a second, then written in a batch."""

    def record(self, record: UsageRecord) -> None:
        """Never blocks and never fails."""
        ...


class Authenticator(Protocol):
    """Turns the headers of a request into a caller."""

    def recall(self, authorization: bytes) -> Caller | None:
        """The caller of an `Authorization` header value already seen and still good, without waiting."""
        ...

    async def authenticate(self, method: str, path: str, headers: Mapping[str, str]) -> Caller:
        """The caller, from a key (`Authorization: Bearer`, `X-API-Key`, `api-key`), a JWT or signed headers.

        Raises:
            NotSignedIn: None given, or not a good one.
            NotAllowed: Signed headers that would widen.
        """
        ...


class Gatekeeper(Protocol):
    """Rate limits and budgets of a caller, around one request."""

    def admit(self, caller: Caller) -> Awaitable[None] | None:
        """Take one request; raises RateLimited or BudgetExceeded. None = admitted without waiting."""
        ...

    def settle(self, caller: Caller, tokens: int, cost_usd: float) -> None:
        """Count what the request used and free its slot; call exactly once after `admit` succeeded."""
        ...

    def headers(self, caller: Caller) -> list[tuple[bytes, bytes]]:
        """What is left of the limits per minute, as headers of an answer; empty without such limits."""
        ...


class Observer(Protocol):
    """Hears of every request to a model: metrics, the log."""

    def observe(self, record: UsageRecord) -> None:
        """One request ended."""
        ...


class Prices(Protocol):
    """The price table."""

    def cost_usd(self, target: str, usage: Usage) -> float:
        """Cost of one call of `provider/model` in US dollars; 0.0 when it has no price."""
        ...


class FootprintStore(Protocol):
    """Measured memory of models, remembered across restarts."""

    async def load(self) -> Mapping[str, int]:
        """MiB by `provider/model`."""
        ...

    async def save(self, target: str, footprint_mib: int) -> None:
        """Remember one measurement."""
        ...


class Transaction(Protocol):
    """An open transaction of the database; who is given one writes in it and does not commit."""

    async def execute(self, statement: Any, parameters: Any = None, /) -> Any:
        """Run one statement."""
        ...


OpenTransaction = TypeVar("OpenTransaction", bound=Transaction, contravariant=True)


class Jobs(Protocol[OpenTransaction]):
    """Durable work: what a room needs of the job engine. Another tenant's job is NotFound."""

    async def submit(self, tx: OpenTransaction, caller: Caller, new: NewJob) -> Job:
        """Accept a job in the transaction of the change that asks for it: both are there or neither.

        Raises:
            BadInput: No pipeline of this kind, priority or time out of range, or the input is no JSON.
            Conflict: The idempotency key was used for another input.
            QueueFull: Too many wait, of this tenant or in all.
        """
        ...

    async def accept(self, caller: Caller, new: NewJob) -> Job:
        """`submit` in a transaction of its own."""
        ...

    async def submit_once(self, tx: OpenTransaction, caller: Caller, new: NewJob, same: str) -> Job:
        """`submit`, unless a job of this kind that asks for the same has not ended: then that one.

        Args:
            tx: A write transaction.
            caller: Who asks; only jobs that it can see count.
            new: The job; under an idempotency key that is known it is the job of that key, as with `submit`.
            same: The member of the input, a text, by which two jobs ask for the same.
        """
        ...

    async def get(self, caller: Caller, job_id: str) -> Job:
        """One job; raises NotFound."""
        ...

    async def cancel(self, caller: Caller, job_id: str) -> Job:
        """Cancel at once what does not run, ask the executor to stop what does; no change when it has ended."""
        ...

    async def retry(self, caller: Caller, job_id: str) -> Job:
        """Queue a failed or cancelled job again; finished steps stay finished. Raises NotFound, Conflict, QueueFull."""
        ...

    async def wake(self, tx: OpenTransaction, job_id: str, waiting_for: str, signal: Any) -> bool:
        """Bring a job what it waits for, or will wait for; False when it has ended or was brought it before."""
        ...


class BlobStore(Protocol):
    """Bytes under keys. A key is written once and never again, so that who removes one cannot hit a newer writer.

    Every method raises StorageUnavailable when the storage does not answer.
    """

    async def keep(self, key: str, source: Path) -> None:
        """Take over a finished file of the staging folder, which may be gone then; safe on disk on return.

        Raises:
            StorageFull: No space left; nothing half-written is there.
        """
        ...

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Bytes from `start` up to `end` (excluded, at most the size; None = all) in pieces.

        Raises:
            StorageUnavailable: It is not there; or, in the middle, that it is shorter than asked for.
        """
        ...

    def local(self, key: str, suffix: str = "") -> AbstractAsyncContextManager[Path]:
        """The bytes as a file of this machine, named `*{suffix}`, for reading only and as long as the block lasts.

        It stays readable when the key is deleted meanwhile; raises StorageUnavailable if it is not there.
        """
        ...

    async def delete(self, key: str) -> None:
        """Remove the bytes; no error when they are not there."""
        ...

    async def close(self) -> None:
        """Release what it holds."""
        ...


class Files(Protocol):
    """Files of users, for rooms that work on them. What the caller may not see, or has expired, is NotFound."""

    async def get(self, caller: Caller, file_id: str) -> FileInfo:
        """What is known of a file; raises NotFound."""
        ...

    async def read(
        self, caller: Caller, file_id: str, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """Its bytes from `start` up to `end` (excluded) in pieces; raises NotFound, StorageUnavailable."""
        ...

    def path(self, caller: Caller, file_id: str) -> AbstractAsyncContextManager[Path]:
        """A local path with the file's own suffix, for reading only, while the block lasts; raises NotFound."""
        ...

    async def create(self, caller: Caller, new: NewFile, pieces: AsyncIterator[bytes]) -> FileInfo:
        """Keep a file; it is on disk on return.

        Raises:
            BadInput: It is empty, or the purpose is none.
            UnsupportedMedia: Its bytes are of a type that the purpose does not take.
            TooLarge: Larger than a file may be.
            QuotaExceeded: The tenant has as many files or bytes as it may.
            Conflict: The idempotency key was used for another file.
            Busy: As many uploads as may be are under way.
            StorageFull, StorageUnavailable: Nothing was kept.
        """
        ...

    async def retain(self, tx: Transaction, caller: Caller, file_id: str) -> None:
        """In the transaction of a room's own row, keep a file that was created for a while only; raises NotFound."""
        ...

    async def delete(self, caller: Caller, file_id: str) -> None:
        """Forget a file; its bytes go with the last file that has them. Raises NotFound."""
        ...


class DeviceProbe(Protocol):
    """Looks at this machine's memories."""

    def devices(self) -> Sequence[Device]:
        """All accelerators, then `cpu`; blocking, some ms."""
        ...
