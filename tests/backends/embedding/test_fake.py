"""The fake's vectors; what every embedding promises is in the contract suite."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from peers.asking import ask, backend_context, provider_of
from roundhouse.backends.embedding.fake import FakeEmbedding
from roundhouse.core.errors import BackendBusy, BadInput, ContextTooLong


async def embed(given: Any, **options: Any) -> list[list[float]]:
    async with backend_context() as context:
        backend = FakeEmbedding(provider_of("fake", "", options=options), context)
        body = json.loads((await backend.embed(ask("embeddings", input=given), "m")).body)
    return [item["embedding"] for item in body["data"]]


async def test_shared_words_are_near() -> None:
    cat, kitten, stock = await embed(
        ["the cat sleeps", "the cat eats", "markets fell sharply today"], dimensions=256
    )

    def near(one: list[float], other: list[float]) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True))

    assert near(cat, cat) == pytest.approx(1)
    assert near(cat, kitten) > near(cat, stock)


@pytest.mark.parametrize(
    ("given", "count"),
    [("text", 1), (["a", "b"], 2), ([1, 2, 3], 1), ([[1], [2]], 2), ([{"text": "a"}, {"image": "Ynk="}], 2)],
)
async def test_inputs(given: Any, count: int) -> None:
    assert len(await embed(given)) == count


def png(said: bytes) -> str:
    text = b"Description\0" + said
    chunks = b"".join(
        len(body).to_bytes(4, "big") + kind + body + b"\0\0\0\0"
        for kind, body in ((b"IHDR", b"red"), (b"tEXt", text), (b"IEND", b""))
    )
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunks).decode()


async def test_a_picture_is_what_its_words_say() -> None:
    text, plain, file, url = await embed(
        [
            "the blue circle",
            {"image": base64.b64encode(b"\xff\xd8 the blue, circle").decode()},
            {"image": f"data:image/png;base64,{png(b'The blue circle')}"},
            {"image": "https://a.test/red.png"},
        ],
        dimensions=256,
    )
    assert text == plain == file != url


@pytest.mark.parametrize("given", ["", [], None, ["a", ""]])
async def test_bad_inputs(given: Any) -> None:
    with pytest.raises(BadInput):
        await embed(given)


async def test_script() -> None:
    with pytest.raises(ContextTooLong):
        await embed(["a", "a b c"], context_tokens=2)
    with pytest.raises(BackendBusy):
        await embed("a", fault={"code": "backend_busy"})
    assert len((await embed("a", dimensions=5))[0]) == 5
