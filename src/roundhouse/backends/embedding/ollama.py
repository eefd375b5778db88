"""Ollama's embeddings, over `/api/embed`.

Source:
    Ollama API reference, docs.ollama.com/api/embed (2026-11).
"""

from __future__ import annotations

from typing import Any

import msgspec

from roundhouse.backends.ollama_answer import ABSENT, Tokens, raise_line_error, refine
from roundhouse.backends.ollama_request import read_options
from roundhouse.backends.ollama_server import server_headers, server_url
from roundhouse.backends.openai_form import embeddings_answer, pack_floats
from roundhouse.backends.translated import VendorCalls
from roundhouse.core.errors import BackendBadAnswer, BadInput, NotSupported, UnsupportedContent
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Answer, Fields, ModelRequest, Provider
from roundhouse.core.wire import read


class _Floats(msgspec.Struct):
    embeddings: list[list[float]] | None = None
    prompt_eval_count: Tokens | None = None
    error: msgspec.Raw = ABSENT


class _Untouched(msgspec.Struct):
    embeddings: list[msgspec.Raw] | None = None
    prompt_eval_count: Tokens | None = None
    error: msgspec.Raw = ABSENT


_floats = msgspec.json.Decoder(_Floats).decode
_untouched = msgspec.json.Decoder(_Untouched).decode


class OllamaEmbedding:
    """`core.ports.EmbeddingBackend` for a provider of kind `ollama`; its options are `OllamaOptions`."""

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._calls = VendorCalls(provider, context, refine)
        self._options = read_options(provider.options)
        self._endpoint = context.http.endpoint(
            "POST", f"{server_url(provider)}/api/embed", server_headers(provider)
        )

    async def embed(self, request: ModelRequest, model: str) -> Answer:
        """OpenAI's list object; raises as `core.ports.EmbeddingBackend.embed` says."""
        texts = read_texts(request.fields)
        packed = read(request.fields, "encoding_format", str) == "base64"
        body: dict[str, Any] = {"model": model, "input": texts, "truncate": self._options.truncate}
        if self._options.runner():
            body["options"] = self._options.runner()
        dimensions = read(request.fields, "dimensions", int)
        if dimensions is not None:
            body["dimensions"] = dimensions
        if self._options.keep_alive_s is not None:
            body["keep_alive"] = self._options.keep_alive_s
        found = await self._calls.decoded(
            self._endpoint, msgspec.json.encode(body), _floats if packed else _untouched
        )
        raise_line_error(found.error)
        if found.embeddings is None or len(found.embeddings) != len(texts):
            raise BackendBadAnswer("Ollama gave another number of embeddings than texts.")
        vectors = [pack_floats(vector) for vector in found.embeddings] if packed else found.embeddings
        return embeddings_answer(model, vectors, found.prompt_eval_count or 0)

    async def close(self) -> None:
        """Nothing is held."""


def read_texts(fields: Fields) -> list[str]:
    """The texts in `input`.

    Raises:
        BadInput: None, or an empty one.
        NotSupported: Tokens instead of texts.
        UnsupportedContent: Images.
    """
    given = read(fields, "input")
    texts: list[str] = []
    for item in given if isinstance(given, list) else [given]:
        text = item.get("text") if isinstance(item, dict) else item
        if isinstance(item, dict) and text is None:
            raise UnsupportedContent("This model takes texts only.", param="input")
        if isinstance(text, int | list):
            raise NotSupported("This model takes texts, not tokens.", param="input")
        if not isinstance(text, str) or not text:
            raise BadInput("'input' must be a text or a list of texts, none of them empty.", param="input")
        texts.append(text)
    if not texts:
        raise BadInput("'input' is empty.", param="input")
    return texts
