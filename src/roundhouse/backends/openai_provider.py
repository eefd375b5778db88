"""What every OpenAI-compatible seam needs from its provider: options, addresses, request headers.

Addresses are prepared once: a request writes its body and nothing else.

Source:
    OpenAI API reference (2026-11): paths and the Authorization header.
    Azure OpenAI REST reference (2026): deployments in the path, `api-version` and `api-key`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from roundhouse.core.errors import BadInput
from roundhouse.core.ports import Endpoint, Http
from roundhouse.core.types import Provider

DEFAULT_URLS = {"openai": "https://api.openai.com/v1", "jina": "https://api.jina.ai/v1"}
_MOST_DEPLOYMENTS = 256


class OpenAIOptions(msgspec.Struct, frozen=True):
    """`provider.options` of the kinds `openai` and `vllm`; other members belong to other parts of the house.

    Attributes:
        azure: The key goes into the header `api-key`.
        api_version: Azure's dated API: the model is a deployment in the path. Without it Azure's `/v1` is meant.
        extra_body: Members added to every chat and completion body that does not have them.
        stream_usage: Whether the server knows `stream_options.include_usage`.
        continue_final_message: Whether it must be told, in vLLM's words, to write on an answer that was begun; None =
            only one of the kind `vllm`. Some do it unasked (llama.cpp), some refuse what they do not know (OpenAI).
        rerank_texts: The server takes `texts` instead of `documents` (Text Embeddings Inference).
        sleep: vLLM only: it runs with sleep mode, so that it can be loaded and unloaded.
        asr_path: Where recordings are written down, below the provider's url; `inference` for whisper.cpp's server.
        asr_translate_path: Where they are translated into English.
        model_info: What is known of single models by name, as members of `core.types.ModelInfo`.
    """

    azure: bool = False
    api_version: str | None = None
    extra_body: dict[str, Any] = {}
    stream_usage: bool = True
    continue_final_message: bool | None = None
    rerank_texts: bool = False
    sleep: bool = False
    asr_path: str = "audio/transcriptions"
    asr_translate_path: str = "audio/translations"
    model_info: dict[str, dict[str, Any]] = {}


def read_options(provider: Provider) -> OpenAIOptions:
    """Options of a provider; raises BadInput when one has the wrong type."""
    try:
        return msgspec.convert(provider.options, OpenAIOptions)
    except msgspec.ValidationError as error:
        raise BadInput(f"options of provider {provider.name}: {error}", param="options") from None


def provider_url(provider: Provider) -> str:
    """The provider's url, or its vendor's, without a slash at its end; raises BadInput when there is none."""
    url = provider.url or DEFAULT_URLS.get(provider.kind, "")
    if not url:
        raise BadInput(
            f"Provider {provider.name} needs a url, such as http://127.0.0.1:8000/v1.", param="url"
        )
    return url.rstrip("/")


def request_headers(provider: Provider, options: OpenAIOptions) -> dict[str, str]:
    """Fixed request headers: JSON, the key, then the provider's own, which win."""
    headers = {"Content-Type": "application/json"}
    if provider.key:
        if options.azure:
            headers["api-key"] = provider.key
        else:
            headers["Authorization"] = f"Bearer {provider.key}"
    own = {name.lower() for name in provider.headers}
    return {name: value for name, value in headers.items() if name.lower() not in own} | provider.headers


class Address:
    """One operation of a provider, such as `chat/completions`.

    Args:
        provider: Where.
        options: Its options.
        http: The way out.
        path: Below the provider's url, without a leading slash.
    """

    def __init__(self, provider: Provider, options: OpenAIOptions, http: Http, path: str) -> None:
        self._http = http
        self._headers = request_headers(provider, options)
        self._root = provider_url(provider)
        self._path = path
        self._query = f"?api-version={quote(options.api_version, safe='')}" if options.api_version else ""
        self._by_deployment = options.api_version is not None
        self._deployments: dict[str, Endpoint] = {}
        self._fixed = http.endpoint("POST", f"{self._root}/{path}", self._headers)

    def of(self, model: str) -> Endpoint:
        """The prepared address for `model`."""
        if not self._by_deployment:
            return self._fixed
        endpoint = self._deployments.get(model)
        if endpoint is None:
            # The model's name may come from a client: it must not leave its place in the path, or fill memory.
            name = quote(model, safe="")
            if name in ("", ".", ".."):
                raise BadInput("The model's name is not a deployment's.", param="model")
            if len(self._deployments) >= _MOST_DEPLOYMENTS:
                self._deployments.clear()
            url = f"{self._root}/deployments/{name}/{self._path}{self._query}"
            endpoint = self._deployments[model] = self._http.endpoint("POST", url, self._headers)
        return endpoint
