"""What the engine calls: one protocol for a single target and for everything wrapped around it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from roundhouse.core.errors import BackendFailed, NotSupported, RoundhouseError
from roundhouse.core.ports import AnswerStream, ChatBackend, EmbeddingBackend, ModelControl, RerankBackend
from roundhouse.core.types import Answer, Decision, ModelInfo, ModelRequest, Provider, Usage
from roundhouse.engine.completions import CompletionStream, chat_from_completion, completion_from_chat


class Recorder(Protocol):
    """Keeps what passes through a stream."""

    def add(self, piece: bytes) -> None:
        """Some events passed."""
        ...

    async def complete(self) -> None:
        """The stream ended well."""
        ...


class Running:
    """A stream that has begun, with what must happen when it ends. Iterate once, or close.

    Attributes:
        ends: Called once with the error that ended it, None when it ended well or was closed before the end.
        leases: Left once, after the source is closed.
        first: Events read ahead of the reader.
        recorder: Sees every event, and the end if it is a good one.
    """

    __slots__ = ("_ended", "_pieces", "_source", "ends", "first", "leases", "recorder")

    def __init__(self, source: AnswerStream) -> None:
        self._source = source
        self._pieces: AsyncIterator[bytes] | None = None
        self._ended = False
        self.first = b""
        self.ends: list[Callable[[BaseException | None], None]] = []
        self.leases: list[AbstractAsyncContextManager[object]] = []
        self.recorder: Recorder | None = None

    @property
    def usage(self) -> Usage:
        """Tokens as the backend told them; complete at the end."""
        return self._source.usage

    async def prime(self) -> None:
        """Read the first events, so that a failure before them can still go to another target.

        Raises:
            BackendFailed: The stream failed, or ended, before any event.
        """
        pieces = aiter(self._source)
        try:
            self.first = await anext(pieces)
        except StopAsyncIteration:
            await self._end(None)
            raise BackendFailed("The model server's stream was empty.") from None
        except BaseException as error:
            await self._end(error)
            raise
        self._pieces = pieces

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        """Events as they come; raises BackendFailed and its kin."""
        error: BaseException | None = None
        try:
            recorder = self.recorder
            if self.first:
                if recorder is not None:
                    recorder.add(self.first)
                yield self.first
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
        """Stop the generation at its source. Idempotent."""
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


class Model(Protocol):
    """Something that answers requests: a target, or a wrapper around such things."""

    async def answer(self, request: ModelRequest, decision: Decision) -> Answer:
        """The whole answer; notes in `decision` what it did."""
        ...

    async def stream(self, request: ModelRequest, decision: Decision) -> Running:
        """The answer as events; returns once the first events are there."""
        ...


class Backends:
    """The vendor objects of one provider; None where its kind has nothing at that seam.

    Args:
        provider: Its configuration.
        chat: Chat and completions.
        embedding: Embeddings.
        rerank: Reranking.
        control: Lists and memory.
    """

    def __init__(
        self,
        provider: Provider,
        chat: ChatBackend | None,
        embedding: EmbeddingBackend | None,
        rerank: RerankBackend | None,
        control: ModelControl | None,
    ) -> None:
        self.provider = provider
        self.chat = chat
        self.embedding = embedding
        self.rerank = rerank
        self.control = control

    async def close(self) -> None:
        """Close them all."""
        for part in (self.chat, self.embedding, self.rerank, self.control):
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

    async def stream(self, request: ModelRequest, decision: Decision) -> Running:
        """The vendor's stream; raises NotSupported when the vendor has no such operation."""
        try:
            running = await self._stream(request)
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
