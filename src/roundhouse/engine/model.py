"""What the engine calls: one protocol for a single target and for everything wrapped around it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, Protocol, TypeVar

from roundhouse.core.audio import (
    Diarization,
    DiarizationBackend,
    DiarizationRequest,
    Recognition,
    Segment,
    Speech,
    SpeechRequest,
    Transcription,
    TranscriptionRequest,
    Turn,
)
from roundhouse.core.errors import BackendFailed, NotSupported, RoundhouseError
from roundhouse.core.ports import (
    AnswerStream,
    ChatBackend,
    EmbeddingBackend,
    ModelControl,
    RerankBackend,
    SpeechBackend,
    TranscriptionBackend,
)
from roundhouse.core.types import Answer, Decision, ModelInfo, ModelRequest, Provider, Usage
from roundhouse.engine.completions import CompletionStream, chat_from_completion, completion_from_chat

Piece = TypeVar("Piece", covariant=True)


class Source(Protocol[Piece]):
    """Where the pieces of a flow come from."""

    def __aiter__(self) -> AsyncIterator[Piece]:
        """Pieces as they come; raises BackendFailed and its kin."""
        ...

    async def aclose(self) -> None:
        """Stop it. Idempotent."""
        ...


class Recorder(Protocol):
    """Keeps what passes through a flow."""

    def add(self, piece: Any) -> None:
        """A piece passed."""
        ...

    async def complete(self) -> None:
        """The stream ended well."""
        ...


class Flow(Generic[Piece]):
    """An answer that has begun, with what must happen when it ends. Iterate once, or close.

    Args:
        source: Gives the pieces.

    Attributes:
        ends: Called once with the error that ended it, None when it ended well or was closed before the end.
        leases: Left once, after the source is closed.
        recorder: Sees every piece, and the end if it is a good one.
    """

    __slots__ = ("_ended", "_first", "_pieces", "_source", "ends", "leases", "recorder")
    may_be_empty = False
    """Whether an answer without any piece is a good one."""

    def __init__(self, source: Source[Piece]) -> None:
        self._source = source
        self._pieces: AsyncIterator[Piece] | None = None
        self._first: Piece | None = None
        self._ended = False
        self.ends: list[Callable[[BaseException | None], None]] = []
        self.leases: list[AbstractAsyncContextManager[object]] = []
        self.recorder: Recorder | None = None

    async def prime(self) -> None:
        """Read the first piece, so that a failure before it can still go to another target.

        Raises:
            BackendFailed: It failed, or ended, before any piece.
        """
        pieces = aiter(self._source)
        try:
            self._first = await anext(pieces)
        except StopAsyncIteration:
            if not self.may_be_empty:
                await self._end(None)
                raise BackendFailed("The model server's stream was empty.") from None
        except BaseException as error:
            await self._end(error)
            raise
        self._pieces = pieces

    async def __aiter__(self) -> AsyncGenerator[Piece, None]:
        """Pieces as they come; raises BackendFailed and its kin."""
        error: BaseException | None = None
        try:
            recorder = self.recorder
            if self._first is not None:
                if recorder is not None:
                    recorder.add(self._first)
                yield self._first
            async for piece in self._pieces or self._source:
                if recorder is not None:
                    recorder.add(piece)
                yield piece
            if recorder is not None:
                await recorder.complete()
        except BaseException as caught:
            error = caught
            raise
        finally:
            await self._end(error)

    async def aclose(self) -> None:
        """Stop it at its source. Idempotent."""
        await self._end(None)

    async def _end(self, error: BaseException | None) -> None:
        if self._ended:
            return
        self._ended = True
        for end in reversed(self.ends):
            end(error)
        try:
            await self._source.aclose()
        finally:
            for lease in self.leases:
                await lease.__aexit__(None, None, None)


class Running(Flow[bytes]):
    """A stream of server-sent events that has begun: a chat's or a completion's."""

    __slots__ = ("_answers",)

    def __init__(self, source: AnswerStream) -> None:
        super().__init__(source)
        self._answers = source

    @property
    def usage(self) -> Usage:
        """Tokens as the backend told them; complete at the end."""
        return self._answers.usage


class Hearing(Flow[Segment]):
    """A transcription that has begun: its segments as they are heard, times within the file."""

    __slots__ = ("_transcription",)
    may_be_empty = True

    def __init__(self, source: Transcription) -> None:
        super().__init__(source)
        self._transcription = source

    @property
    def recognition(self) -> Recognition:
        """What the recogniser tells of the whole; complete at the end."""
        return self._transcription.recognition


class Speaking(Flow[Turn]):
    """Who speaks when, as it is found."""

    __slots__ = ("_diarization",)
    may_be_empty = True

    def __init__(self, source: Diarization) -> None:
        super().__init__(source)
        self._diarization = source

    @property
    def recognition(self) -> Recognition:
        """Versions and warnings; complete at the end."""
        return self._diarization.recognition


class Spoken(Flow[bytes]):
    """Speech that has begun: the bytes of its sound.

    Attributes:
        content_type: Of the sound.
    """

    __slots__ = ("content_type",)

    def __init__(self, source: Speech) -> None:
        super().__init__(source)
        self.content_type = source.content_type


class SoundRequest(ModelRequest, kw_only=True):
    """A request with sound in it, or for sound, in the form in which all requests pass the wrappers.

    Attributes:
        asked: What is asked.
    """

    asked: TranscriptionRequest | SpeechRequest | DiarizationRequest


class Model(Protocol):
    """Something that answers requests: a target, or a wrapper around such things."""

    async def answer(self, request: ModelRequest, decision: Decision) -> Answer:
        """The whole answer; notes in `decision` what it did."""
        ...

    async def stream(self, request: ModelRequest, decision: Decision) -> Flow[Any]:
        """The answer in pieces; returns once the first is there. A `Running`, or as `SoundRequest` asks for."""
        ...


class Backends:
    """The vendor objects of one provider; None where its kind has nothing at that seam.

    Args:
        provider: Its configuration.
        chat: Chat and completions.
        embedding: Embeddings.
        rerank: Reranking.
        control: Lists and memory.
        asr: Recognising speech.
        speech: Speaking.
        diarization: Telling speakers apart.
    """

    def __init__(
        self,
        provider: Provider,
        chat: ChatBackend | None,
        embedding: EmbeddingBackend | None,
        rerank: RerankBackend | None,
        control: ModelControl | None,
        asr: TranscriptionBackend | None = None,
        speech: SpeechBackend | None = None,
        diarization: DiarizationBackend | None = None,
    ) -> None:
        self.provider = provider
        self.chat = chat
        self.embedding = embedding
        self.rerank = rerank
        self.control = control
        self.asr = asr
        self.speech = speech
        self.diarization = diarization

    async def close(self) -> None:
        """Close them all."""
        sound = (self.asr, self.speech, self.diarization)
        for part in (self.chat, self.embedding, self.rerank, *sound, self.control):
            if part is not None:
                await part.close()


class Target:
    """One model of one provider; the innermost `Model`.

    Attributes:
        name: `provider/model`.
        model: The provider's own name of the model.
        backends: The provider's vendor objects.
        info: What the provider says of it, None = not listed.
    """

    def __init__(self, model: str, backends: Backends, info: ModelInfo | None) -> None:
        self.name = f"{backends.provider.name}/{model}"
        self.model = model
        self.backends = backends
        self.info = info

    @property
    def managed(self) -> bool:
        """Whether its memory is managed: then it is leased before a call."""
        control = self.backends.control
        return control is not None and control.manages_memory

    async def answer(self, request: ModelRequest, decision: Decision) -> Answer:
        """The vendor's whole answer; raises NotSupported when the vendor has no such operation."""
        try:
            return await self._answer(request)
        except RoundhouseError as error:
            self._conceal(error)
            raise

    async def stream(self, request: ModelRequest, decision: Decision) -> Flow[Any]:
        """The vendor's stream; raises NotSupported when the vendor has no such operation."""
        try:
            running = await self._begin(request)
        except RoundhouseError as error:
            self._conceal(error)
            raise
        running.ends.append(self._conceal)
        return running

    def _conceal(self, error: BaseException | None) -> None:
        """Take the provider's secrets out of an error: a vendor's text may repeat what it was sent."""
        if isinstance(error, RoundhouseError):
            for secret in self.backends.provider.secrets:
                error.detail = error.detail.replace(secret, "***")
            error.args = (error.detail,)

    async def _answer(self, request: ModelRequest) -> Answer:
        operation = request.operation
        if operation == "chat":
            return await self._chat(request).chat(request, self.model)
        if operation == "completions":
            chat = self._chat(request)
            if "completions" in chat.operations:
                return await chat.chat(request, self.model)
            return completion_from_chat(await chat.chat(chat_from_completion(request), self.model))
        if operation == "embeddings" and self.backends.embedding is not None:
            return await self.backends.embedding.embed(request, self.model)
        if operation == "rerank" and self.backends.rerank is not None:
            return await self.backends.rerank.rerank(request, self.model)
        raise self._unsupported(request)

    async def _begin(self, request: ModelRequest) -> Flow[Any]:
        if not isinstance(request, SoundRequest):
            return await self._stream(request)
        asked = request.asked
        if isinstance(asked, SpeechRequest):
            if self.backends.speech is not None:
                return Spoken(await self.backends.speech.speak(asked, self.model))
        elif isinstance(asked, DiarizationRequest):
            if self.backends.diarization is not None:
                return Speaking(await self.backends.diarization.diarize(asked, self.model))
        elif self.backends.asr is not None:
            return Hearing(await self.backends.asr.transcribe(asked, self.model))
        raise self._unsupported(request)

    async def _stream(self, request: ModelRequest) -> Running:
        chat = self._chat(request)
        if request.operation in chat.operations:
            return Running(await chat.stream(request, self.model))
        if request.operation == "completions":
            return Running(CompletionStream(await chat.stream(chat_from_completion(request), self.model)))
        raise self._unsupported(request)

    def _chat(self, request: ModelRequest) -> ChatBackend:
        if self.backends.chat is None:
            raise self._unsupported(request)
        return self.backends.chat

    def _unsupported(self, request: ModelRequest) -> NotSupported:
        return NotSupported(f"The model {self.name!r} does not serve {request.operation}.", param="model")


def elapsed_ms(since_s: float) -> int:
    """Milliseconds since a `time.perf_counter()` reading."""
    return int((time.perf_counter() - since_s) * 1000)
