"""Jina's embeddings of texts and images, and of servers that speak as Jina does.

Source:
    Jina embeddings API, api.jina.ai/redoc (2026-11): inputs `{"text"}` and `{"image"}`, `embedding_type`, `task`,
    `late_chunking`, `dimensions`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from roundhouse.backends.openai_form import embeddings_answer, pack_floats, unpack_floats
from roundhouse.backends.parts import data_url, is_data_url
from roundhouse.backends.translated import VendorCalls
from roundhouse.core.errors import BackendBadAnswer, BadInput, NotSupported, UnsupportedContent
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Answer, Fields, ModelRequest, Provider
from roundhouse.core.wire import close_object, raise_error_object, read

DEFAULT_URL = "https://api.jina.ai/v1"

_OURS = ("encoding_format", "user", "model", "input", "dimensions")


# `Raw | None` would accept nothing but null: a Raw that is not there is this one.
_ABSENT = msgspec.Raw(b"null")


class _Item(msgspec.Struct):
    embedding: msgspec.Raw = _ABSENT
    index: int | None = None


class _Usage(msgspec.Struct):
    total_tokens: int | None = None
    prompt_tokens: int | None = None


class _List(msgspec.Struct):
    data: list[_Item] | None = None
    usage: _Usage | None = None
    error: msgspec.Raw = _ABSENT
    detail: msgspec.Raw = _ABSENT


_decode = msgspec.json.Decoder(_List).decode


class JinaEmbedding:
    """`core.ports.EmbeddingBackend` for a provider of kind `jina`.

    Members that OpenAI does not know (`task`, `late_chunking`, `truncate`, `normalized`) are passed on as they are.
    """

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._media = context.media
        self._calls = VendorCalls(provider, context)
        headers = {"content-type": "application/json", "accept": "application/json"}
        if provider.key:
            headers["authorization"] = f"Bearer {provider.key}"
        headers.update({name.lower(): value for name, value in provider.headers.items()})
        url = (provider.url or DEFAULT_URL).rstrip("/")
        self._endpoint = context.http.endpoint("POST", f"{url}/embeddings", headers)

    async def embed(self, request: ModelRequest, model: str) -> Answer:
        """OpenAI's list object; raises as `core.ports.EmbeddingBackend.embed` says."""
        packed = _wants_base64(request.fields)
        inputs = read_inputs(request.fields)
        for url in _addresses(inputs):
            await self._media.check(url)
        rest = {name: value for name, value in request.fields.items() if name not in _OURS}
        members: dict[str, Any] = {"model": model, "input": inputs}
        members["embedding_type"] = "base64" if packed else "float"
        dimensions = read(request.fields, "dimensions", int)
        if dimensions is not None:
            members["dimensions"] = dimensions
        body = close_object(rest, **members)
        found: _List = await self._calls.decoded(self._endpoint, body, _decode)
        if found.data is None:
            _raise_if_told(found)
        vectors = _ordered(found, len(inputs))
        usage = found.usage or _Usage()
        # Jina counts one kind of tokens; older models tell only the sum.
        tokens = usage.prompt_tokens if usage.prompt_tokens is not None else usage.total_tokens
        return embeddings_answer(model, [_as_asked(vector, packed=packed) for vector in vectors], tokens or 0)

    async def close(self) -> None:
        """Nothing is held."""


def read_inputs(fields: Fields) -> list[Any]:
    """`input` as a list in Jina's form; a `data:` URL of an image becomes its base64.

    Raises:
        BadInput: None, empty, or of another form.
        NotSupported: Tokens instead of texts.
        UnsupportedContent: Something that is neither text nor image.
    """
    given = read(fields, "input")
    listed = given if isinstance(given, list) else [given]
    if not listed:
        raise BadInput("'input' is empty.", param="input")
    return [_input(item) for item in listed]


def _input(item: Any) -> Any:
    if isinstance(item, int | list):
        raise NotSupported("This model takes texts and images, not tokens.", param="input")
    text = item.get("text") if isinstance(item, dict) else item
    if isinstance(text, str) and text:
        return item
    if not isinstance(item, dict) or "text" in item or len(item) != 1:
        raise BadInput(
            '\'input\' must be texts, {"text": …} or {"image": …}, none of them empty.', param="input"
        )
    image = item.get("image")
    if not isinstance(image, str) or not image:
        raise UnsupportedContent("This model takes texts and images only.", param="input")
    return {"image": data_url(image)[1]} if is_data_url(image) else item


def _addresses(inputs: list[Any]) -> list[str]:
    """Images that Jina would fetch."""
    images = [item["image"] for item in inputs if isinstance(item, dict) and "image" in item]
    return [image for image in images if "://" in image[:64]]


def _wants_base64(fields: Fields) -> bool:
    asked: str | None = read(fields, "encoding_format", str)
    if asked is None:
        asked = read(fields, "embedding_type", str)
    if asked not in (None, "float", "base64"):
        raise NotSupported(f"Embeddings come as float or base64, not {asked!r}.", param="encoding_format")
    return asked == "base64"


def _raise_if_told(found: _List) -> None:
    for raw in (bytes(found.error), bytes(found.detail)):
        if raw != b"null":
            raise_error_object(raw)


def _ordered(found: _List, count: int) -> list[bytes]:
    """Embeddings in the order of the inputs."""
    items = found.data or []
    places = [item.index if item.index is not None else place for place, item in enumerate(items)]
    if sorted(places) != list(range(count)):
        raise BackendBadAnswer("The model server gave another number of embeddings than inputs.")
    vectors = [b""] * count
    for place, item in zip(places, items, strict=True):
        vectors[place] = bytes(item.embedding)
    return vectors


def _as_asked(raw: bytes, *, packed: bool) -> Any:
    """The vector as the client asked for it, in whichever form the server gave it."""
    is_text = raw[:1] == b'"'
    if is_text == packed and raw[:1] in (b'"', b"["):
        return msgspec.Raw(raw)
    try:
        if is_text:
            return unpack_floats(msgspec.json.decode(raw, type=str))
        return pack_floats(msgspec.json.decode(raw, type=list[float]))
    except (msgspec.DecodeError, ValueError):
        raise BackendBadAnswer("The model server's answer is not the JSON of its protocol.") from None
