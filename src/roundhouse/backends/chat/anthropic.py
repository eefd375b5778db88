"""Anthropic's chat, over the Messages API."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from roundhouse.backends.anthropic_answer import STREAM_TYPES, AnthropicEvents, whole_answer
from roundhouse.backends.anthropic_request import SAMPLING, messages_body, remote_urls
from roundhouse.backends.anthropic_server import read_options, server_headers, server_url
from roundhouse.backends.openai_form import AnswerForm
from roundhouse.backends.translated import TranslatedStream, VendorCalls
from roundhouse.core.errors import BackendRefused
from roundhouse.core.ports import BackendContext, Endpoint, HttpResponse
from roundhouse.core.types import Answer, ModelRequest, Provider

T = TypeVar("T")


class AnthropicChat:
    """`core.ports.ChatBackend` for a provider of kind `anthropic`; its options are `AnthropicOptions`."""

    operations = frozenset({"chat"})

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._context = context
        self._calls = VendorCalls(provider, context)
        self._options = read_options(provider.options)
        self._refused: dict[str, frozenset[str]] = {}
        headers = server_headers(provider, self._options)
        self._endpoint = context.http.endpoint("POST", f"{server_url(provider)}/v1/messages", headers)

    async def chat(self, request: ModelRequest, model: str) -> Answer:
        """The whole answer; raises as `core.ports.ChatBackend.chat` says."""
        found = await self._send(request, model, self._calls.whole, stream=False)
        return whole_answer(found, self._form(model))

    async def stream(self, request: ModelRequest, model: str) -> TranslatedStream:
        """The answer as events; raises as `core.ports.ChatBackend.stream` says."""

        async def call(endpoint: Endpoint, body: bytes) -> HttpResponse:
            return await self._calls.stream(endpoint, body, STREAM_TYPES)

        response = await self._send(request, model, call, stream=True)
        return TranslatedStream(
            response, AnthropicEvents(self._form(model), wants_usage=request.include_usage)
        )

    async def close(self) -> None:
        """Nothing is held."""

    def _form(self, model: str) -> AnswerForm:
        return AnswerForm("chat", model, self._context.clock.now_s())

    async def _send(
        self,
        request: ModelRequest,
        model: str,
        call: Callable[[Endpoint, bytes], Awaitable[T]],
        *,
        stream: bool,
    ) -> T:
        for url in remote_urls(request.fields):
            await self._context.media.check(url)
        while True:
            known = self._refused.get(model, frozenset())
            body = messages_body(request.fields, model, self._options, stream=stream, without=known)
            try:
                return await call(self._endpoint, body)
            except BackendRefused as error:
                more = self._newly_refused(error, request, known)
                if not more:
                    raise
                self._refused[model] = known | more

    def _newly_refused(
        self, error: BackendRefused, request: ModelRequest, known: frozenset[str]
    ) -> frozenset[str]:
        """Sampling fields that the model just refused: from then on they are left out for this model."""
        if self._options.sampling != "auto" or error.status != 400:
            return frozenset()
        sent = [name for name in SAMPLING if name in request.fields and name not in known]
        named = [name for name in sent if re.search(rf"\b{name}\b", error.detail)]
        if len(named) > 1:
            # "temperature and top_p cannot both be specified": the first one is what clients turn.
            named = named[1:]
        return frozenset(named)
