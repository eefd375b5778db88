"""What every embedding backend promises (`core.ports.EmbeddingBackend`)."""

from __future__ import annotations

import array
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from contracts.backends import EMBEDDING, Bench, Case
from peers.asking import ask
from roundhouse.core.errors import BackendBusy, BackendFailed, RoundhouseError

TEXTS = ["The cat sleeps.", "Con mèo ngủ trên ghế.", "猫在睡觉"]


@pytest.fixture(params=EMBEDDING, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
async def bench(case: Case) -> AsyncIterator[Bench]:
    async with case.works() as opened:
        yield opened
        await opened.backend.close()


async def embed(bench: Bench, **members: Any) -> dict[str, Any]:
    answer = await bench.backend.embed(ask("embeddings", **members), bench.model)
    body: dict[str, Any] = json.loads(answer.body)
    assert body["usage"]["prompt_tokens"] == answer.usage.prompt_tokens > 0
    assert answer.usage.completion_tokens == 0
    return body


async def test_list(bench: Bench) -> None:
    body = await embed(bench, input=TEXTS)
    assert body["object"] == "list"
    assert isinstance(body["model"], str)
    assert [item["index"] for item in body["data"]] == [0, 1, 2]
    assert {item["object"] for item in body["data"]} == {"embedding"}
    sizes = {len(item["embedding"]) for item in body["data"]}
    assert len(sizes) == 1 and sizes != {0}
    assert all(isinstance(number, int | float) for item in body["data"] for number in item["embedding"])


async def test_one_text_is_the_same_as_in_a_list(bench: Bench) -> None:
    one = await embed(bench, input=TEXTS[0])
    several = await embed(bench, input=TEXTS)
    assert one["data"][0]["embedding"] == pytest.approx(several["data"][0]["embedding"], abs=1e-4)


async def test_base64_holds_the_same_numbers(case: Case, bench: Bench) -> None:
    if "base64" not in case.features:
        pytest.skip(f"{case.name} has no base64")
    floats = await embed(bench, input=TEXTS, encoding_format="float")
    packed = await embed(bench, input=TEXTS, encoding_format="base64")
    for plain, coded in zip(floats["data"], packed["data"], strict=True):
        numbers = array.array("f", base64.b64decode(coded["embedding"]))
        assert numbers.tolist() == pytest.approx(plain["embedding"], rel=1e-6)


async def test_dimensions(case: Case, bench: Bench) -> None:
    if "dimensions" not in case.features:
        pytest.skip(f"{case.name} has no dimensions")
    body = await embed(bench, input=TEXTS, dimensions=3)
    assert {len(item["embedding"]) for item in body["data"]} == {3}


async def test_images_are_where_texts_are(case: Case, bench: Bench) -> None:
    if "images" not in case.features:
        pytest.skip(f"{case.name} has no images")
    coded = base64.b64encode(b"a red square").decode()
    given = [TEXTS[0], {"image": coded}, {"text": TEXTS[0]}, {"image": f"data:image/png;base64,{coded}"}]
    text, plain, same, url = [one["embedding"] for one in (await embed(bench, input=given))["data"]]
    assert len(text) == len(plain)
    assert plain == url != text
    assert len(same) == len(text)


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, BackendFailed, False),
        (404, RoundhouseError, False),
        (429, BackendBusy, True),
        (500, BackendFailed, True),
    ],
)
async def test_errors(case: Case, status: int, kind: type[RoundhouseError], retryable: bool) -> None:
    if case.fails is None:
        pytest.skip(f"{case.name} has no server that fails")
    async with case.fails(status) as bench:
        with pytest.raises(kind) as caught:
            await embed(bench, input="text")
    assert caught.value.retryable is retryable
