"""Embeddings without a model: each word has its place by hash, so texts that share words are near each other.

A picture is what its words say: those of a PNG's text chunks, or of all its bytes where it is no PNG.

Source:
    W3C, Portable Network Graphics (third edition, 2025): signature, chunks, `tEXt`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from roundhouse.backends.embedding.pictures import picture_of
from roundhouse.backends.fake_script import FaultPlayer, read_script
from roundhouse.backends.openai_form import embeddings_answer, pack_floats
from roundhouse.core.errors import BadInput, ContextTooLong
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Answer, ModelRequest, Provider
from roundhouse.core.wire import read

_PNG = b"\x89PNG\r\n\x1a\n"
_WORD = re.compile(r"\w+")


class FakeEmbedding:
    """`core.ports.EmbeddingBackend` for the kind `fake`; options: `FakeScript`.

    Attributes:
        requests: All requests, in order.
    """

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self.requests: list[ModelRequest] = []
        self._script = read_script(provider)
        self._faults = FaultPlayer(self._script.fault)
        self._clock = context.clock

    async def embed(self, request: ModelRequest, model: str) -> Answer:
        """OpenAI's list object; raises the scripted error, BadInput, ContextTooLong."""
        self.requests.append(request)
        self._faults.play()
        if self._script.delay_s:
            await self._clock.sleep(self._script.delay_s)
        texts = _texts(read(request.fields, "input"))
        limit = self._script.context_tokens
        words = [one if isinstance(one, list) else one.split() for one in texts]
        if limit is not None and any(len(one) > limit for one in words):
            raise ContextTooLong(f"This model's maximum context length is {limit} tokens.", param="input")
        size = read(request.fields, "dimensions", int) or self._script.dimensions
        vectors: list[Any] = [_vector(one, size) for one in words]
        if read(request.fields, "encoding_format", str) == "base64":
            vectors = [pack_floats(vector) for vector in vectors]
        return embeddings_answer(model, vectors, sum(len(one) for one in words))

    async def close(self) -> None:
        """Nothing is held."""


def _texts(given: Any) -> list[str | list[str]]:
    """One text per input, of pictures their words; tokens are told apart by how they are written."""
    if isinstance(given, list) and given and isinstance(given[0], int):
        given = [given]
    listed = given if isinstance(given, list) else [given]
    if not listed or listed == [None] or "" in listed:
        raise BadInput("'input' must be a text or a list of texts, none of them empty.", param="input")
    return [_text(one) for one in listed]


def _text(one: Any) -> str | list[str]:
    if isinstance(one, dict) and isinstance(one.get("image"), str) and "://" not in one["image"][:64]:
        return _WORD.findall(b" ".join(_said(picture_of(one["image"]))).decode("utf-8", "ignore"))
    if isinstance(one, dict) and isinstance(one.get("text"), str):
        one = one["text"]
    return one if isinstance(one, str) else msgspec.json.encode(one).decode()


def _said(picture: bytes) -> Iterator[bytes]:
    if not picture.startswith(_PNG):
        yield picture
    place = len(_PNG)
    while picture.startswith(_PNG) and place + 8 <= len(picture):
        size = int.from_bytes(picture[place : place + 4], "big")
        if picture[place + 4 : place + 8] == b"tEXt":
            yield picture[place + 8 : place + 8 + size].partition(b"\0")[2]
        place += size + 12


def _vector(words: list[str], size: int) -> list[float]:
    """Unit vector of length `size`."""
    vector = [0.0] * size
    for word in words:
        digest = blake2b(word.lower().encode(), digest_size=8).digest()
        vector[int.from_bytes(digest[:4], "big") % size] += 1.0 if digest[7] & 1 else -1.0
    norm = math.sqrt(sum(number * number for number in vector))
    if not norm:
        vector[0] = norm = 1.0
    return [number / norm for number in vector]
