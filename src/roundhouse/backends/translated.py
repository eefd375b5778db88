"""Calls to vendors whose wire is not OpenAI's: send, check the status, translate the stream as it comes."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, Protocol

import msgspec

from roundhouse.backends.answers import reader_of
from roundhouse.core.errors import BackendBadAnswer, BackendFailed, RoundhouseError
from roundhouse.core.ports import BackendContext, Endpoint, HttpResponse
from roundhouse.core.types import Provider, Timeouts, Usage

BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises for bytes that are not the JSON of a protocol."""

_DRAIN_S = 0.5
"""How long the end of a body is awaited after its answer, so that the connection can be used again."""


def decode_strictly(raw: bytes, decoder: Callable[[bytes], Any]) -> Any:
    """Decode, and refuse what is not UTF-8 even in members that are not looked at; raises `BROKEN`."""
    if not raw.isascii():
        raw.decode()
    return decoder(raw)


class VendorCalls:
    """Sends requests of one provider and reads what is not an answer as an error.

    Args:
        provider: Whose time limits and key.
        context: Its clock.
        refine: Turns an error made from a vendor's words into a more telling one, or gives it back.
    """

    def __init__(
        self,
        provider: Provider,
        context: BackendContext,
        refine: Callable[[BackendFailed], RoundhouseError] = lambda error: error,
    ) -> None:
        self._timeouts = provider.timeouts
        self._reader = reader_of(provider, context.clock)
        self._refine = refine

    async def whole(self, endpoint: Endpoint, body: bytes = b"") -> bytes:
        """The body of a good answer.

        Raises:
            BackendFailed: And its kin.
            RoundhouseError: What `refine` makes of it.
        """
        response = await endpoint.send(body, timeouts=self._timeouts)
        try:
            return await self._reader.collect(response)
        except BackendFailed as error:
            raise self._refine(error) from None

    async def decoded(self, endpoint: Endpoint, body: bytes, decoder: Callable[[bytes], Any]) -> Any:
        """A good answer, decoded; raises like `whole`, and BackendBadAnswer when it is of another form."""
        found = await self.whole(endpoint, body)
        try:
            return decode_strictly(found, decoder)
        except BROKEN:
            raise BackendBadAnswer("The model server's answer is not the JSON of its protocol.") from None

    async def stream(
        self, endpoint: Endpoint, body: bytes, kinds: frozenset[str], timeouts: Timeouts | None = None
    ) -> HttpResponse:
        """A good answer whose body is still to come; raises like `whole`.

        Args:
            endpoint: Where.
            body: What is sent.
            kinds: Content types of a stream in this vendor's protocol.
            timeouts: In place of the provider's.
        """
        response = await endpoint.send(body, timeouts=timeouts or self._timeouts)
        try:
            await self._reader.expect_stream(response, kinds)
        except BackendFailed as error:
            raise self._refine(error) from None
        return response


class Splitter(Protocol):
    """Cuts a stream into its parts, wherever the reads end."""

    def feed(self, piece: bytes) -> list[bytes]:
        """Parts that are now whole."""
        ...

    def end(self) -> list[bytes]:
        """Parts that the end of the stream makes whole."""
        ...


class Translator(ABC):
    """Turns a vendor's stream into OpenAI's events.

    Args:
        splitter: Cuts the stream.

    Attributes:
        usage: Tokens as the vendor told them; complete at the end.
        done: Whether the vendor said that the answer is complete.
        failure: Why the stream failed, when events before the failure had to be given back first.
    """

    def __init__(self, splitter: Splitter) -> None:
        self._splitter = splitter
        self.usage = Usage()
        self.done = False
        self.failure: RoundhouseError | None = None

    @abstractmethod
    def translate(self, part: bytes) -> bytes:
        """Events for one part of the vendor's stream, maybe none."""

    def feed(self, piece: bytes) -> bytes:
        """Events for the bytes that were read, maybe none.

        Raises:
            BackendBadAnswer: A part is not of the vendor's protocol.
            BackendFailed: A part is an error; its kin, and others by what it says.
        """
        return self._translate_all(self._splitter.feed(piece))

    def end(self) -> bytes:
        """Last events, once the vendor closed the stream; raises like `feed`, and BackendFailed when it was cut."""
        events = self._translate_all(self._splitter.end())
        if not self.done and self.failure is None:
            cut = BackendFailed("The model server ended the stream before the answer was complete.")
            if not events:
                raise cut
            self.failure = cut
        return events

    def _translate_all(self, parts: list[bytes]) -> bytes:
        events: list[bytes] = []
        try:
            for part in parts:
                if self.done:
                    break
                events.append(self.translate(part))
        except RoundhouseError as error:
            if not any(events):
                raise
            self.failure = error
        return b"".join(events)


class TranslatedStream:
    """`core.ports.AnswerStream` over an answer that is translated piece by piece."""

    def __init__(self, response: HttpResponse, translator: Translator) -> None:
        self._response = response
        self._translator = translator

    @property
    def usage(self) -> Usage:
        """Tokens as the vendor told them; complete at the end."""
        return self._translator.usage

    @usage.setter
    def usage(self, value: Usage) -> None:
        self._translator.usage = value

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        translator = self._translator
        pieces = self._response.pieces()
        try:
            async for piece in pieces:
                events = translator.feed(piece)
                if events:
                    yield events
                if translator.failure is not None:
                    raise translator.failure
                if translator.done:
                    await _drain(pieces)
                    return
            events = translator.end()
            if events:
                yield events
            if translator.failure is not None:
                raise translator.failure
        finally:
            await self._response.aclose()

    async def aclose(self) -> None:
        """Stop the generation at its source. Idempotent."""
        await self._response.aclose()


async def _drain(pieces: AsyncIterator[bytes]) -> None:
    """Read to the end of a body whose answer is complete; how it ends does not matter any more."""
    try:
        async with asyncio.timeout(_DRAIN_S):
            async for _ in pieces:
                pass
    except (TimeoutError, BackendFailed):
        return
