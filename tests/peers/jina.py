"""A scripted Jina: `/v1/embeddings` of texts and images.

Source:
    Jina embeddings API, api.jina.ai/redoc (2026-11).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from peers.scripted import Asked, ScriptedServer, served

KEY = "jina_test"
DIMENSIONS = 2048


class JinaPeer(ScriptedServer):
    """Attributes:
    shuffled: Answers the items in another order, each with its index.
    usage: Of the next answers.
    only_floats: Ignores `embedding_type`, as older servers do.
    means: Gives vectors by what is said, of `DIMENSIONS` numbers unless fewer are asked for; a picture says the
        words of its bytes. They are not of length 1.
    shortens: Knows `dimensions`.
    language: Another one gives other vectors.
    """

    def __init__(self) -> None:
        super().__init__()
        self.shuffled = False
        self.only_floats = False
        self.means = False
        self.language = "en"
        self.shortens = True
        self.usage: dict[str, int] = {"total_tokens": 12, "prompt_tokens": 12}

    async def handle(self, asked: Asked) -> tuple[int, Any]:
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return 401, {"detail": "Invalid API key"}
        if asked.path != "/v1/embeddings":
            return 404, {"detail": "Not Found"}
        body = asked.body
        for item in body["input"]:
            if isinstance(item, dict) and "image" in item and "://" not in item["image"]:
                try:
                    base64.b64decode(item["image"], validate=True)
                except binascii.Error:
                    return 422, {"detail": "image is neither an URL nor base64"}
        data = []
        for index, item in enumerate(body["input"]):
            vector: Any = vector_of(item, body.get("dimensions", 4))
            if self.means:
                size = body.get("dimensions", DIMENSIONS) if self.shortens else DIMENSIONS
                vector = meaning_of(item, self.language)[:size]
            if body.get("embedding_type") == "base64" and not self.only_floats:
                vector = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
            data.append({"object": "embedding", "index": index, "embedding": vector})
        if self.shuffled:
            data.reverse()
        return 200, {"model": body["model"], "object": "list", "usage": self.usage, "data": data}


def vector_of(item: Any, size: int) -> list[float]:
    """Exact in float32."""
    number = sum(json.dumps(item).encode())
    return [float((number + place) % 97) / 8 for place in range(size)]


def meaning_of(item: Any, language: str) -> list[float]:
    """The same words in a text and in a picture lead the same way."""
    said = item if isinstance(item, str) else item.get("text", "")
    if isinstance(item, dict) and "image" in item:
        said = base64.b64decode(item["image"]).decode("ascii", "ignore")
    vector = [0.0] * DIMENSIONS
    for word in re.findall(r"\w+", said.lower()):
        digest = hashlib.blake2b(f"{language} {word}".encode(), digest_size=16).digest()
        for place in range(0, 16, 2):
            # Most of it near the beginning, as such models are trained to be cut.
            number = int.from_bytes(digest[place : place + 2], "big")
            vector[number % (256 if place < 8 else DIMENSIONS)] += 3.0 if number & 1 else -3.0
    return vector


@asynccontextmanager
async def jina_peer() -> AsyncIterator[JinaPeer]:
    peer = JinaPeer()
    async with served(peer):
        yield peer
