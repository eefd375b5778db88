"""Embeddings over any server that speaks OpenAI's API.

Requests pass through as they came, image inputs in Jina's form (`[{"image": …}, {"text": …}]`) included. A server
that answers in the other encoding than it was asked for is put right.

Source:
    OpenAI API reference (2026-11): embeddings, `encoding_format`: base64 of little-endian float32.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from typing import Any, Literal

import msgspec

from roundhouse.backends.answers import reader_of
from roundhouse.backends.openai_form import pack_floats, unpack_floats
from roundhouse.backends.openai_provider import Address, read_options
from roundhouse.core.errors import BackendBadAnswer
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Answer, ModelRequest, Provider
from roundhouse.core.wire import check_answer, close_object, read

Encoding = Literal["float", "base64"]

_NOT_VECTORS = "The model server's embeddings are not vectors."


class _Item(msgspec.Struct):
    embedding: msgspec.Raw


class _List(msgspec.Struct):
    data: list[_Item]


_decoder = msgspec.json.Decoder(_List)


class OpenAIEmbedding:
    """`core.ports.EmbeddingBackend` for the kinds `openai` and `vllm`; options: `OpenAIOptions`."""

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._timeouts = provider.timeouts
        self._reader = reader_of(provider, context.clock)
        self._address = Address(provider, read_options(provider), context.http, "embeddings")

    async def embed(self, request: ModelRequest, model: str) -> Answer:
        """OpenAI's list object in the encoding the client asked for; see `core.ports.EmbeddingBackend`.

        Raises:
            BackendFailed: And its kin.
            ContextTooLong: The server says that an input is too long.
            BadInput: `encoding_format` is neither `float` nor `base64`.
        """
        wanted: Encoding = read(request.fields, "encoding_format", Encoding) or "float"
        body = close_object(request.fields, model=model)
        response = await self._address.of(model).send(body, timeouts=self._timeouts)
        answer = await self._reader.collect(response)
        usage = check_answer(answer)
        return Answer(_as_asked(answer, wanted), usage)

    async def close(self) -> None:
        """Nothing is held; the connections belong to the context's client."""


def _as_asked(body: bytes, wanted: Encoding) -> bytes:
    """An embeddings answer with its vectors as `wanted`; untouched when they are so already."""
    try:
        items = _decoder.decode(body).data
    except msgspec.DecodeError:
        raise BackendBadAnswer(_NOT_VECTORS) from None
    if not items:
        raise BackendBadAnswer("The model server gave no embedding.")
    first = b'"' if wanted == "base64" else b"["
    if all(memoryview(item.embedding)[:1] == first for item in items):
        return body
    answer: dict[str, Any] = msgspec.json.decode(body)
    try:
        for item in answer["data"]:
            item["embedding"] = _convert(item["embedding"], wanted)
    except (TypeError, ValueError, OverflowError, Base64Error):
        raise BackendBadAnswer(_NOT_VECTORS) from None
    return msgspec.json.encode(answer)


def _convert(vector: Any, wanted: Encoding) -> Any:
    if isinstance(vector, str):
        return vector if wanted == "base64" else unpack_floats(vector)
    if not isinstance(vector, list):
        raise TypeError
    return pack_floats(vector) if wanted == "base64" else vector
