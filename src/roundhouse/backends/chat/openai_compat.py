"""Chat over any server that speaks OpenAI's API: OpenAI, Azure, vLLM, llama.cpp, LM Studio, TGI.

Requests and answers pass through as bytes: a request gets its model's name, an answer is checked.

Source:
    OpenAI API reference (2026-11): chat completions, completions, `stream_options`.
    vLLM, OpenAI-compatible server (2026): `continue_final_message`, which excludes `add_generation_prompt`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, ClassVar

import msgspec

from roundhouse.backends.answers import reader_of
from roundhouse.backends.openai_provider import Address, read_options
from roundhouse.core.errors import BackendFailed
from roundhouse.core.ports import BackendContext, Endpoint, HttpResponse
from roundhouse.core.types import Answer, Beat, Fields, ModelRequest, Provider, Usage
from roundhouse.core.wire import EventScanner, check_answer, close_object, read

_TRUE = msgspec.Raw(b"true")
_USAGE_WANTED = msgspec.Raw(b'{"include_usage":true}')
_WRITE_ON: Fields = {
    "continue_final_message": msgspec.Raw(b"true"),
    "add_generation_prompt": msgspec.Raw(b"false"),
}
_DRAIN_S = 0.5
"""How long the end of the body is awaited after `[DONE]`, so that the connection can be used again."""


class OpenAIChat:
    """`core.ports.ChatBackend` for the kinds `openai` and `vllm`; options: `OpenAIOptions`."""

    operations: ClassVar[frozenset[str]] = frozenset({"chat", "completions"})

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        options = read_options(provider)
        self._timeouts = provider.timeouts
        self._stream_usage = options.stream_usage
        told = options.continue_final_message
        self._write_on = _WRITE_ON if (provider.kind == "vllm" if told is None else told) else {}
        self._reader = reader_of(provider, context.clock)
        self._extra: Fields = {
            name: msgspec.Raw(msgspec.json.encode(value)) for name, value in options.extra_body.items()
        }
        self._chat = Address(provider, options, context.http, "chat/completions")
        self._completions = Address(provider, options, context.http, "completions")

    def _endpoint(self, request: ModelRequest, model: str) -> Endpoint:
        return (self._completions if request.operation == "completions" else self._chat).of(model)

    async def chat(self, request: ModelRequest, model: str) -> Answer:
        """The whole answer, as it came; see `core.ports.ChatBackend`.

        Raises:
            BackendFailed: And its kin.
            ContextTooLong: The server says that the input does not fit; a longer model may do.
        """
        fields = request.fields
        changed: dict[str, Any] = {"model": model}
        if "stream" in fields:
            changed["stream"] = None
        if "stream_options" in fields:
            changed["stream_options"] = None
        body = close_object(self._with_extra(request), **changed)
        response = await self._endpoint(request, model).send(body, timeouts=self._timeouts)
        answer = await self._reader.collect(response)
        return Answer(answer, check_answer(answer))

    async def stream(self, request: ModelRequest, model: str) -> OpenAIStream:
        """The answer as events; see `core.ports.ChatBackend`.

        Raises:
            BackendFailed: And its kin.
            ContextTooLong: The server says that the input does not fit; a longer model may do.
        """
        options = self._stream_options(request)
        body = close_object(self._with_extra(request), model=model, stream=_TRUE, stream_options=options)
        response = await self._endpoint(request, model).send(body, timeouts=self._timeouts)
        await self._reader.expect_stream(response)
        return OpenAIStream(response, EventScanner(wants_usage=request.include_usage), request.beat)

    def _with_extra(self, request: ModelRequest) -> Fields:
        fields = request.fields
        if request.continues and self._write_on:
            return {**self._extra, **fields, **self._write_on}
        return {**self._extra, **fields} if self._extra else fields

    def _stream_options(self, request: ModelRequest) -> Any:
        """Usage is always asked for, so that it can be counted; the scanner keeps it from who did not ask."""
        if not self._stream_usage:
            return None
        if "stream_options" not in request.fields:
            return _USAGE_WANTED
        return {**(read(request.fields, "stream_options", dict[str, Any]) or {}), "include_usage": True}

    async def close(self) -> None:
        """Nothing is held; the connections belong to the context's client."""


class OpenAIStream:
    """`core.ports.AnswerStream` over a response whose events are passed on. Iterate once, then close."""

    __slots__ = ("_beat", "_response", "_scanner")

    def __init__(self, response: HttpResponse, scanner: EventScanner, beat: Beat | None = None) -> None:
        self._response = response
        self._scanner = scanner
        self._beat = beat

    @property
    def usage(self) -> Usage:
        """Tokens as the server told them so far; complete at the end."""
        return self._scanner.usage

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        scanner = self._scanner
        pieces = self._response.pieces(self._beat) if self._beat else self._response.pieces()
        try:
            async for piece in pieces:
                events = scanner.feed(piece)
                if events:
                    yield events
                if scanner.failure is not None:
                    raise scanner.failure
                if scanner.done:
                    break
            if scanner.done:
                await self._drain(pieces)
            else:
                rest = scanner.end()
                if rest:
                    yield rest
        finally:
            await self._response.aclose()

    async def _drain(self, pieces: AsyncIterator[bytes]) -> None:
        """Read to the end of the body; what a server says or fails after `[DONE]` does not matter."""
        try:
            async with asyncio.timeout(_DRAIN_S):
                async for _ in pieces:
                    pass
        except (TimeoutError, BackendFailed):
            await self._response.aclose()

    async def aclose(self) -> None:
        """Stop the generation at its source. Idempotent."""
        await self._response.aclose()
