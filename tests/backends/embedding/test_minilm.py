"""The built-in embedding model: its files, its meaning, its wire, and its manners under load."""

import asyncio
import base64
import hashlib
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pytest

from roundhouse.backends.embedding import minilm
from roundhouse.backends.embedding.minilm import MODEL, MiniLM, MiniLMEmbedding, model_info, shared_model
from roundhouse.core.errors import BadInput, MissingExtra, ModelNotFound, UnsupportedContent
from roundhouse.core.ports import BackendContext, EmbeddingBackend
from roundhouse.core.types import Caller, ModelRequest, Provider

LONG = "The harbour master wrote down every ship that came in before noon. " * 40


def request(**fields: Any) -> ModelRequest:
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in fields.items()}
    return ModelRequest(operation="embeddings", model="whatever", fields=raw, caller=Caller(key_id="open"))


@pytest.fixture
def backend() -> EmbeddingBackend:
    return MiniLMEmbedding(Provider(name="builtin", kind="builtin"), cast("BackendContext", None))


async def ask(backend: EmbeddingBackend, **fields: Any) -> dict[str, Any]:
    answer = await backend.embed(request(**fields), MODEL)
    body: dict[str, Any] = json.loads(answer.body)
    assert answer.usage.prompt_tokens == body["usage"]["prompt_tokens"] == body["usage"]["total_tokens"]
    assert answer.usage.completion_tokens == 0
    return body


async def rows(backend: EmbeddingBackend, **fields: Any) -> np.ndarray[Any, Any]:
    body = await ask(backend, **fields)
    assert [item["index"] for item in body["data"]] == list(range(len(body["data"])))
    return np.array([item["embedding"] for item in body["data"]], dtype=np.float32)


def test_files_are_the_ones_that_were_built() -> None:
    lines = (minilm.DATA / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert set(sums) == {"LICENSE", "NOTICE", "model.int8.onnx", "tokenizer.json"}
    assert {path.name for path in minilm.DATA.iterdir()} == {*sums, "SHA256SUMS"}
    for name, digest in sums.items():
        assert hashlib.sha256((minilm.DATA / name).read_bytes()).hexdigest() == digest, name


def test_tokenizer_is_the_published_one() -> None:
    digest = hashlib.sha256((minilm.DATA / "tokenizer.json").read_bytes()).hexdigest()
    assert digest == "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
    assert digest in (minilm.DATA / "NOTICE").read_text(encoding="utf-8")


def test_importing_the_backend_imports_nothing_heavy() -> None:
    code = """
import sys
import roundhouse.backends.embedding.minilm as minilm
minilm.shared_model(), minilm.model_info()
print({"numpy", "onnxruntime", "tokenizers"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_model_info() -> None:
    info = model_info()
    assert (info.id, info.operations, info.context_tokens) == (MODEL, ("embeddings",), 256)
    assert info.size_bytes is not None
    assert info.size_bytes < 24_000_000


async def test_openai_list_object(backend: EmbeddingBackend) -> None:
    body = await ask(backend, input="Where is the key?")
    assert set(body) == {"object", "data", "model", "usage"}
    assert (body["object"], body["model"]) == ("list", MODEL)
    [item] = body["data"]
    assert (item["object"], item["index"], len(item["embedding"])) == ("embedding", 0, 384)
    # where is the key ? and the two frame tokens
    assert body["usage"]["prompt_tokens"] == 7


async def test_vectors_match_the_float32_model(backend: EmbeddingBackend) -> None:
    """The reference was computed from the published weights in float64, without the graph."""
    reference = json.loads((Path(__file__).parent / "minilm_reference.json").read_text(encoding="utf-8"))
    found = await rows(backend, input=[entry["text"] for entry in reference])
    expected = np.array([entry["embedding"] for entry in reference])
    cosines = (found * expected).sum(axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > 0.985
    assert cosines.mean() > 0.995


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("How do I reset my password?", "I forgot my login credentials", "The soup needs more salt"),
        ("A kitten lies on a rug", "The cat is resting on the carpet", "Interest rates rose in March"),
        ("Plants turn sunlight into sugar", "How does photosynthesis work?", "How do I cook rice?"),
        ("The company fired its CEO", "The chief executive was dismissed", "The campfire was warm"),
    ],
)
async def test_meaning(backend: EmbeddingBackend, text: str, near: str, far: str) -> None:
    vectors = await rows(backend, input=[text, near, far])
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


async def test_unit_length_and_order_do_not_depend_on_the_batch(backend: EmbeddingBackend) -> None:
    texts = [f"{'word ' * (number * 7 % 90)}number {number}" for number in range(40)]
    together = await rows(backend, input=texts)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([await rows(backend, input=text) for text in texts[::9]])
    assert np.sum(alone * together[::9], axis=1).min() > 0.9999
    assert np.allclose(await rows(backend, input=texts[::-1]), together[::-1], atol=0.01)


async def test_base64_equals_float_bit_for_bit(backend: EmbeddingBackend) -> None:
    texts = ["one", "two words", LONG]
    floats = await rows(backend, input=texts, encoding_format="float")
    body = await ask(backend, input=texts, encoding_format="base64")
    packed = [np.frombuffer(base64.b64decode(item["embedding"]), dtype="<f4") for item in body["data"]]
    assert np.array_equal(floats, np.stack(packed))


async def test_floats_are_printed_short(backend: EmbeddingBackend) -> None:
    answer = await backend.embed(request(input="one"), MODEL)
    assert len(answer.body) < 384 * 15


def test_short_decimals_read_back_as_the_same_float32() -> None:
    values = np.concatenate(
        [
            np.array(
                [0.0, -0.0, 1.0, -1.0, 0.1, 1e-9, -3e-13, 0.99999994, 0.001, 1e-20, 3.4e-33], dtype=np.float32
            ),
            np.random.default_rng(7).normal(0, 0.05, 20_000).astype(np.float32),
        ]
    )
    [short] = minilm._short_decimals(values[None, :])
    assert np.array_equal(np.array(short, dtype=np.float32), values)
    normal = [value for value in short if abs(value) > 1e-4]
    assert max(len(f"{abs(value)!r}".lstrip("0.").replace(".", "")) for value in normal) <= 9


async def test_truncation_at_256(backend: EmbeddingBackend) -> None:
    body = await ask(backend, input=LONG)
    assert body["usage"]["prompt_tokens"] == 256
    long, same = await rows(backend, input=[LONG, LONG + "and a tail"])
    assert long @ same > 0.9999


async def test_the_second_half_of_256_tokens_counts(backend: EmbeddingBackend) -> None:
    """The published tokeniser file cuts at 128 tokens."""
    start = LONG[: len(LONG) // 4]
    first, second = f"{start} Then he cooked a fish soup.", f"{start} Then he sold his shares in the bank."
    assert (await ask(backend, input=start))["usage"]["prompt_tokens"] > 128
    one, other = await rows(backend, input=[first, second])
    assert one @ other < 0.999


async def test_huge_text_is_quick(backend: EmbeddingBackend) -> None:
    started = time.perf_counter()
    body = await ask(backend, input="ship " * 2_000_000)
    assert body["usage"]["prompt_tokens"] == 256
    assert time.perf_counter() - started < 5


async def test_usage_counts_every_text(backend: EmbeddingBackend) -> None:
    assert (await ask(backend, input=["one", LONG, "one"]))["usage"]["prompt_tokens"] == 3 + 256 + 3


@pytest.mark.parametrize("dimensions", [1, 2, 128, 383, 384])
async def test_dimensions(backend: EmbeddingBackend, dimensions: int) -> None:
    full = await rows(backend, input=["one", "two"])
    short = await rows(backend, input=["one", "two"], dimensions=dimensions)
    assert short.shape == (2, dimensions)
    assert np.allclose(np.linalg.norm(short, axis=1), 1, atol=1e-5)
    expected = full[:, :dimensions] / np.linalg.norm(full[:, :dimensions], axis=1, keepdims=True)
    assert np.allclose(short, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("fields", "kind", "param"),
    [
        ({}, BadInput, "input"),
        ({"input": None}, BadInput, "input"),
        ({"input": ""}, BadInput, "input"),
        ({"input": []}, BadInput, "input"),
        ({"input": ["a", ""]}, BadInput, "input"),
        ({"input": 7}, BadInput, "input"),
        ({"input": [1, 2, 3]}, BadInput, "input"),
        ({"input": [[1, 2], [3]]}, BadInput, "input"),
        ({"input": ["a", 3]}, BadInput, "input"),
        ({"input": ["a", None]}, BadInput, "input"),
        ({"input": ["a"] * 2049}, BadInput, "input"),
        ({"input": [{"image": "https://example.com/a.png"}]}, UnsupportedContent, "input"),
        ({"input": {"image": "aGk="}}, UnsupportedContent, "input"),
        ({"input": "a", "encoding_format": "hex"}, BadInput, "encoding_format"),
        ({"input": "a", "encoding_format": 3}, BadInput, "encoding_format"),
        ({"input": "a", "dimensions": 0}, BadInput, "dimensions"),
        ({"input": "a", "dimensions": 385}, BadInput, "dimensions"),
        ({"input": "a", "dimensions": True}, BadInput, "dimensions"),
        ({"input": "a", "dimensions": 1.5}, BadInput, "dimensions"),
        ({"input": "a", "dimensions": "12"}, BadInput, "dimensions"),
    ],
)
async def test_bad_input(
    backend: EmbeddingBackend, fields: dict[str, Any], kind: type[BadInput], param: str
) -> None:
    with pytest.raises(kind) as caught:
        await backend.embed(request(**fields), MODEL)
    assert caught.value.param == param


async def test_another_model_is_not_found(backend: EmbeddingBackend) -> None:
    with pytest.raises(ModelNotFound):
        await backend.embed(request(input="a"), "text-embedding-3-small")


@pytest.mark.parametrize(
    "text", [" ", "\x00", "\n\n", "\u200b", "🙂", "שלום", "今天天气", "a" * 300, "é" * 5]
)
async def test_odd_texts_have_vectors(backend: EmbeddingBackend, text: str) -> None:
    [vector] = await rows(backend, input=text)
    assert np.isclose(np.linalg.norm(vector), 1, atol=1e-5)


async def test_lone_surrogate_is_bad_input(backend: EmbeddingBackend) -> None:
    broken = request()
    broken.fields["input"] = msgspec.Raw(b'"\\ud800"')
    with pytest.raises(BadInput):
        await backend.embed(broken, MODEL)


async def test_concurrent_requests_keep_their_own_answers(backend: EmbeddingBackend) -> None:
    texts = [f"a question about topic {number}" for number in range(5)]
    alone = [await rows(backend, input=[text, LONG]) for text in texts]
    found = await asyncio.gather(*(rows(backend, input=[text, LONG]) for text in texts))
    for expected, got in zip(alone, found, strict=True):
        assert np.array_equal(expected, got)


async def test_event_loop_stays_free_and_small_requests_get_their_turn(backend: EmbeddingBackend) -> None:
    await backend.embed(request(input="warm"), MODEL)
    big = asyncio.create_task(backend.embed(request(input=[LONG] * 40), MODEL))
    longest = 0.0
    last = time.perf_counter()
    small: asyncio.Task[Any] | None = None
    small_came_first = False
    while not big.done():
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
        if small is None:
            small = asyncio.create_task(backend.embed(request(input="a short question"), MODEL))
        small_came_first = small_came_first or (small.done() and not big.done())
    await big
    assert small_came_first
    assert longest < 0.25


async def test_cancelling_stops_the_work(backend: EmbeddingBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    model = shared_model()
    done = 0
    begun = threading.Event()
    infer = model._infer

    def counted(ids: list[list[int]]) -> Any:
        nonlocal done
        begun.set()
        result = infer(ids)
        done += 1
        return result

    monkeypatch.setattr(model, "_infer", counted)
    task = asyncio.create_task(backend.embed(request(input=[LONG] * 200), MODEL))
    assert await asyncio.to_thread(begun.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(await rows(backend, input="next")) == 1
    assert done < 10


async def test_unload_frees_and_the_next_text_loads_again(backend: EmbeddingBackend) -> None:
    model = shared_model()
    before = await rows(backend, input="hello")
    await model.unload()
    await model.unload()
    assert np.array_equal(await rows(backend, input="hello"), before)
    await backend.close()
    await backend.close()
    assert shared_model().loaded is False
    await model.load()
    assert shared_model().loaded is True


async def test_unload_in_the_middle_of_a_request(backend: EmbeddingBackend) -> None:
    task = asyncio.create_task(rows(backend, input=[LONG] * 8))
    for _ in range(3):
        await asyncio.sleep(0.02)
        await shared_model().unload()
    assert (await task).shape == (8, 384)


async def test_missing_files_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(minilm, "DATA", tmp_path)
    with pytest.raises(MissingExtra):
        await MiniLM().load()


async def test_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match="onnxruntime"):
        await MiniLM().vectors(["a"])
