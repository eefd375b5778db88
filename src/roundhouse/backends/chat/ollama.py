"""Ollama's chat and legacy completions, over its native API."""

from __future__ import annotations

import base64

from roundhouse.backends.ollama_answer import STREAM_TYPES, OllamaLines, refine, whole_answer
from roundhouse.backends.ollama_request import chat_body, generate_body, read_options, remote_images
from roundhouse.backends.ollama_server import server_headers, server_url
from roundhouse.backends.openai_form import AnswerForm
from roundhouse.backends.translated import TranslatedStream, VendorCalls
from roundhouse.core.errors import UnsupportedContent
from roundhouse.core.ports import BackendContext, Endpoint
from roundhouse.core.types import Answer, ModelRequest, Provider
from roundhouse.core.wire import read

_IMAGE_BYTES = 20 * 1024 * 1024
_MAX_REMOTE_IMAGES = 16


class OllamaChat:
    """`core.ports.ChatBackend` for a provider of kind `ollama`; its options are `OllamaOptions`."""

    operations = frozenset({"chat", "completions"})

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._context = context
        self._calls = VendorCalls(provider, context, refine)
        self._options = read_options(provider.options)
        url, headers = server_url(provider), server_headers(provider)
        self._chat_endpoint = context.http.endpoint("POST", f"{url}/api/chat", headers)
        self._generate_endpoint = context.http.endpoint("POST", f"{url}/api/generate", headers)

    async def chat(self, request: ModelRequest, model: str) -> Answer:
        """The whole answer; raises as `core.ports.ChatBackend.chat` says."""
        body = await self._body(request, model, stream=False)
        found = await self._calls.whole(self._endpoint(request), body)
        return whole_answer(found, self._form(request, model), one_call=_one_call(request))

    async def stream(self, request: ModelRequest, model: str) -> TranslatedStream:
        """The answer as events; raises as `core.ports.ChatBackend.stream` says."""
        body = await self._body(request, model, stream=True)
        response = await self._calls.stream(self._endpoint(request), body, STREAM_TYPES)
        form = self._form(request, model)
        lines = OllamaLines(form, wants_usage=request.include_usage, one_call=_one_call(request))
        return TranslatedStream(response, lines)

    async def close(self) -> None:
        """Nothing is held."""

    def _endpoint(self, request: ModelRequest) -> Endpoint:
        return self._chat_endpoint if request.operation == "chat" else self._generate_endpoint

    def _form(self, request: ModelRequest, model: str) -> AnswerForm:
        return AnswerForm(request.operation, model, self._context.clock.now_s())

    async def _body(self, request: ModelRequest, model: str, *, stream: bool) -> bytes:
        if request.operation != "chat":
            return generate_body(request.fields, model, self._options, stream=stream)
        images = await self._fetch(remote_images(request.fields))
        return chat_body(request.fields, model, self._options, stream=stream, images=images)

    async def _fetch(self, urls: list[str]) -> dict[str, str]:
        """Base64 of images by address: Ollama takes no addresses."""
        if len(urls) > _MAX_REMOTE_IMAGES:
            raise UnsupportedContent(
                f"At most {_MAX_REMOTE_IMAGES} images are fetched per request.", param="messages"
            )
        found: dict[str, str] = {}
        for url in urls:
            body, content_type = await self._context.media.fetch(url, limit_bytes=_IMAGE_BYTES)
            if not content_type.startswith(("image/", "application/octet-stream")):
                raise UnsupportedContent(f"The address of an image gave {content_type!r}.", param="messages")
            found[url] = base64.b64encode(body).decode("ascii")
        return found


def _one_call(request: ModelRequest) -> bool:
    return read(request.fields, "parallel_tool_calls", bool) is False
