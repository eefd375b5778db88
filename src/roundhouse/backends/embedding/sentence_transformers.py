"""Embeddings of texts and pictures by models of sentence-transformers, each in a process of its own on this machine."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import msgspec

from roundhouse.backends.embedding.pictures import picture_of
from roundhouse.backends.embedding.sentence_transformers_models import MISSING, SentenceTransformerModels
from roundhouse.backends.openai_form import embeddings_answer, unpack_floats
from roundhouse.core.errors import BadInput, MissingExtra, NotSupported, UnsupportedContent
from roundhouse.core.ports import BackendContext, MediaFetcher
from roundhouse.core.types import Answer, Fields, ModelRequest, Provider
from roundhouse.core.wire import read

MAX_INPUTS = 2048

_IMAGE_BYTES = 20 * 1024 * 1024
# By the member that Jina's API has for it.
_ROLES = {"retrieval.query": "query", "retrieval.passage": "document"}


class _Done(msgspec.Struct):
    """What the process gives back: vectors of `dimensions` float32 in base64, one behind the other."""

    dimensions: int
    vectors: str
    tokens: int


class SentenceTransformersEmbedding:
    """`core.ports.EmbeddingBackend` for the kind `sentence_transformers`; options: `SentenceTransformersOptions`.

    Inputs in Jina's form; its members `task` (`retrieval.query`, `retrieval.passage`: the model's own prompt, where it
    has one) and `truncate` (too long texts are cut instead of refused) are known.
    """

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._models = SentenceTransformerModels(provider, context)
        self._media = context.media
        self._idle_s = provider.timeouts.idle_s

    async def embed(self, request: ModelRequest, model: str) -> Answer:
        """OpenAI's list object; other requests to the model go first.

        Raises:
            MissingExtra: The library is not installed.
            WeightsMissing: The model is not on this machine.
            ContextTooLong: A text is longer than the model takes.
            UnsupportedContent: A picture cannot be read, or the model takes none.
            BackendDown: Its process died; another try starts a new one.
            BadInput: And its kin: what is asked for is malformed.
        """
        fields = request.fields
        packed = _wants_base64(fields)
        asked = {
            "kind": "embed",
            "inputs": await _inputs(fields, self._media),
            "role": _ROLES.get(read(fields, "task", str) or ""),
            "dimensions": read(fields, "dimensions", int),
            "truncate": bool(read(fields, "truncate", bool)),
        }
        done = msgspec.convert(await worked(self._models, model, asked, self._idle_s), _Done)
        data, size = base64.b64decode(done.vectors), 4 * done.dimensions
        rows = [
            base64.b64encode(data[start : start + size]).decode("ascii")
            for start in range(0, len(data), size)
        ]
        return embeddings_answer(model, rows if packed else [unpack_floats(row) for row in rows], done.tokens)

    async def close(self) -> None:
        """Nothing is held; the process is the memory ledger's, and ends with who started it."""


async def worked(models: SentenceTransformerModels, model: str, asked: dict[str, Any], idle_s: float) -> Any:
    """What a model's process makes of what it is asked; raises MissingExtra, WeightsMissing, and what it raises."""
    if models.interpreter() is None and not await asyncio.to_thread(models.is_ready):
        raise MissingExtra(MISSING)
    work = await (await models.host(model)).work(asked, idle_s=idle_s)
    try:
        async for _ in work:
            pass
        return work.result
    finally:
        await work.aclose()


async def _inputs(fields: Fields, media: MediaFetcher) -> list[dict[str, str]]:
    given = read(fields, "input")
    listed = given if isinstance(given, list) else [given]
    if not listed or listed == [None]:
        raise BadInput("'input' is missing or empty.", param="input")
    if len(listed) > MAX_INPUTS:
        raise BadInput(f"'input' has {len(listed)} items; at most {MAX_INPUTS} are allowed.", param="input")
    return [await _input(one, media) for one in listed]


async def _input(one: Any, media: MediaFetcher) -> dict[str, str]:
    if isinstance(one, int | list):
        raise NotSupported("This model takes texts and images, not tokens.", param="input")
    text = one.get("text") if isinstance(one, dict) else one
    if isinstance(text, str) and text:
        return {"text": text}
    image = one.get("image") if isinstance(one, dict) else None
    if isinstance(image, str) and image:
        if "://" in image[:64]:
            data, _ = await media.fetch(image, limit_bytes=_IMAGE_BYTES)
        else:
            data = picture_of(image)
        return {"image": base64.b64encode(data).decode("ascii")}
    if isinstance(one, dict) and one and "text" not in one and "image" not in one:
        raise UnsupportedContent("This model takes texts and images only.", param="input")
    raise BadInput('\'input\' must be texts, {"text": …} or {"image": …}, none of them empty.', param="input")


def _wants_base64(fields: Fields) -> bool:
    asked = read(fields, "encoding_format", str)
    if asked not in (None, "float", "base64"):
        raise BadInput("'encoding_format' must be 'float' or 'base64'.", param="encoding_format")
    return bool(asked == "base64")
