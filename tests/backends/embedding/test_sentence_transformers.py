"""Models of sentence-transformers in processes of their own; the library is a stand-in, but for `tests/peers`."""

from __future__ import annotations

import base64
import json
import zlib
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from peers import elsewhere
from peers.asking import ask, backend_context, provider_of
from peers.hub import HubServer
from peers.upstream import Upstream
from roundhouse.backends.embedding.sentence_transformers_models import SentenceTransformerModels
from roundhouse.backends.hub import HubFile, HubModel
from roundhouse.core.errors import (
    AddressRefused,
    BadInput,
    ContextTooLong,
    MissingExtra,
    ModelNotFound,
    NotSupported,
    RoundhouseError,
    UnsupportedContent,
    WeightsMissing,
)
from roundhouse.core.registry import find
from roundhouse.core.types import Provider


def model(folder: Path, *, modules=None, own=None, weights="model.safetensors", **config) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"architectures": ["BertModel"], **config}))
    if weights:
        (folder / weights).write_bytes(bytes(100))
    if modules is not None:
        (folder / "modules.json").write_text(json.dumps(modules))
    if own is not None:
        (folder / "config_sentence_transformers.json").write_text(json.dumps(own))
    return folder


def module(kind="sentence_transformers.base.modules.Transformer", path=""):
    return {"idx": 0, "name": "0", "path": path, "type": kind}


def png(red: bool) -> str:
    """One pixel; written by hand, for no library of pictures need be there."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    head = (1).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    rows = zlib.compress(b"\0" + (b"\xff\0\0" if red else b"\0\0\xff"))
    picture = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return base64.b64encode(picture).decode()


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "models"
    texts = [module(), module("sentence_transformers.sentence_transformer.modules.Pooling", "1_Pooling")]
    model(place / "texts", modules=texts, prompts={"query": "ask "})
    model(place / "pictures", vision_config={}, longest=6)
    model(place / "org" / "judge", architectures=["BertForSequenceClassification"])
    return place


@asynccontextmanager
async def opened(tmp_path, folder, **options):
    async with backend_context() as context:
        told = {"folders": [str(folder)], "python": str(elsewhere.script(tmp_path / "python")), **options}
        provider = provider_of("sentence_transformers", "", options=told)
        yield (
            *(find(seam, provider.kind)(provider, context) for seam in ("embedding", "rerank", "control")),
            context,
        )


async def embed(backend, name, **members):
    answer = await backend.embed(ask("embeddings", **members), name)
    body = msgspec.json.decode(answer.body)
    assert body["usage"]["prompt_tokens"] == answer.usage.prompt_tokens
    return [item["embedding"] for item in body["data"]]


def near(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_what_is_there_and_what_it_does(tmp_path, folder):
    async with opened(tmp_path, folder) as (_, _, control, _):
        found = {one.id: one for one in await control.models()}
        assert {name: (one.operations, one.inputs) for name, one in found.items()} == {
            "texts": (("embeddings",), ()),
            "pictures": (("embeddings",), ("image",)),
            "org/judge": (("rerank",), ()),
        }
        assert found["texts"].size_bytes > 100
        assert control.manages_memory
        assert await control.running() == []


async def test_texts_their_roles_and_dimensions(tmp_path, folder):
    async with opened(tmp_path, folder, batch_size=4) as (backend, _, control, _):
        texts = ["the cat", "the dog barks", "the cat sleeps on a chair", "x", "y", "z"]
        vectors = await embed(backend, "texts", input=texts)
        assert [near(one, one) for one in vectors] == pytest.approx([1] * 6, abs=1e-6)
        assert near(vectors[0], vectors[2]) > near(vectors[0], vectors[1])
        assert vectors[0] == (await embed(backend, "texts", input={"text": "the cat"}))[0]
        (asked,) = await embed(backend, "texts", input="the cat", task="retrieval.query")
        (told,) = await embed(backend, "texts", input="the cat", task="retrieval.passage")
        (same,) = await embed(backend, "texts", input="ask the cat")
        assert (told, asked) == (vectors[0], same)
        (short,) = await embed(backend, "texts", input=texts[2], dimensions=48)
        length = near(vectors[2][:48], vectors[2][:48]) ** 0.5
        assert short == pytest.approx([one / length for one in vectors[2][:48]], abs=1e-6)
        (packed,) = await embed(backend, "texts", input="the cat", encoding_format="base64")
        assert len(base64.b64decode(packed)) == 256
        assert [one.id for one in await control.running()] == ["texts"]
        await control.unload("texts")
        assert await control.running() == []
        await control.load("texts")
        assert [one.id for one in await control.running()] == ["texts"]


async def test_pictures_find_texts_and_texts_pictures(tmp_path, folder):
    async with opened(tmp_path, folder) as (backend, _, _, context):
        context.media.pages["https://a.test/blue.png"] = (base64.b64decode(png(red=False)), "image/png")
        pictures = [
            {"image": f"data:image/png;base64,{png(red=True)}"},
            {"image": png(red=False)},
            {"image": "https://a.test/blue.png"},
        ]
        red, blue, fetched, text, other = await embed(backend, "pictures", input=[*pictures, "red", "blue"])
        assert near(red, text) > 0.9 > near(red, other)
        assert near(blue, other) > 0.9 > near(blue, text)
        assert fetched == blue
        for broken in (base64.b64encode(b"no picture").decode(), png(red=True)[:60]):
            with pytest.raises(UnsupportedContent, match="cannot be read"):
                await embed(backend, "pictures", input={"image": broken})
        with pytest.raises(AddressRefused):
            await embed(backend, "pictures", input={"image": "http://127.0.0.1/x.png"})


async def test_a_text_is_a_text_even_where_it_looks_like_a_picture(tmp_path, folder):
    async with opened(tmp_path, folder) as (backend, _, _, _):
        for text in ("https://a.test/cat.png", "/etc/cat.jpg", "data:image/png;base64,AAAA"):
            assert len((await embed(backend, "pictures", input=text))[0]) == 64


async def test_what_cannot_be_embedded(tmp_path, folder):
    async with opened(tmp_path, folder) as (backend, rerank, control, _):

        async def refused(name, error, **members):
            with pytest.raises(error) as caught:
                await embed(backend, name, **members)
            assert type(caught.value) is error

        await refused("texts", ContextTooLong, input=["short", "word " * 11])
        assert len(await embed(backend, "texts", input="word " * 11, truncate=True)) == 1
        await refused("texts", UnsupportedContent, input=[{"image": png(red=True)}])
        await refused("texts", UnsupportedContent, input=[{"video": "a"}])
        await refused("texts", BadInput, input="a", dimensions=65)
        await refused("texts", BadInput, input="a", encoding_format="int8")
        for given in (None, [], "", [{"text": ""}], {"image": "not base64!"}, ["a"] * 2049):
            await refused("texts", BadInput, input=given)
        await refused("texts", NotSupported, input=[[1, 2]])
        await refused("org/judge", NotSupported, input="a")
        await refused("gone", WeightsMissing, input="a")
        with pytest.raises(NotSupported):
            await rerank.rerank(ask("rerank", query="a", documents=["b"]), "texts")
        with pytest.raises(ModelNotFound):
            await control.load("gone")


async def test_documents_are_ranked(tmp_path, folder):
    async with opened(tmp_path, folder) as (_, rerank, _, _):
        documents = ["a dog", {"text": "the cat"}, "a cat that is not the one"]
        request = ask("rerank", query="the cat", documents=documents, top_n=2, return_documents=True)
        answer = await rerank.rerank(request, "org/judge")
        body = msgspec.json.decode(answer.body)
        assert [one["index"] for one in body["results"]] == [1, 2]
        assert body["results"][0]["document"] == {"text": "the cat"}
        assert answer.usage.prompt_tokens == 23
        with pytest.raises(UnsupportedContent):
            await rerank.rerank(ask("rerank", query="a", documents=[{"image": "b"}]), "org/judge")


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"fails": "os"}, WeightsMissing),
        ({"fails": "value"}, NotSupported),
        ({"architectures": ["XForSequenceClassification"], "labels": 3}, NotSupported),
        ({"architectures": ["XForSequenceClassification"], "vision_config": {}}, NotSupported),
    ],
)
async def test_models_that_cannot_be_loaded(tmp_path, told, error):
    model(tmp_path / "models" / "broken", **told)
    async with opened(tmp_path, tmp_path / "models") as (_, _, control, _):
        with pytest.raises(RoundhouseError) as caught:
            await control.load("broken")
        assert type(caught.value) is error


async def test_without_the_library_there_is_nothing(tmp_path, folder):
    async with opened(tmp_path, folder, python=None) as (backend, _, control, _):
        assert await control.models() == []
        with pytest.raises(MissingExtra, match="transformers"):
            await embed(backend, "texts", input="a")
        with pytest.raises(MissingExtra):
            _ = [step async for step in control.pull("texts")]
    async with opened(tmp_path, folder, python=str(tmp_path / "gone")) as (_, _, control, _):
        with pytest.raises(NotSupported, match=r"sentence_transformers\.python"):
            _ = [step async for step in control.pull("texts")]


async def test_code_beside_weights_is_never_run(tmp_path):
    place = tmp_path / "models"
    model(place / "evil", modules=[module("modeling_evil.Evil")])
    model(place / "sparse", own={"model_type": "SparseEncoder"})
    model(place / "bare", weights="")
    model(place / "wrong", modules={"type": "x"})
    (place / "not-json").mkdir()
    async with opened(tmp_path, place) as (_, _, control, _):
        assert await control.models() == []


async def test_a_model_comes_with_its_folders(tmp_path):
    server, name = HubServer(), "Systran/faster-whisper-tiny"
    server.files = {"model.bin": b"", "pool.json": b"{}", "config.json": b"{}", "pytorch_model.bin": bytes(9)}
    module_list = json.dumps([module(), module(path="1_Pooling")]).encode()
    server.files["modules.json"] = module_list
    server.told = {"1_Pooling/pool.json": b"{}", "modeling.py": b"", **server.files}
    del server.told["model.bin"], server.told["pool.json"]
    async with (
        Upstream(server) as hub,
        opened(tmp_path, tmp_path / "none", hub_url=hub.origin) as (_, _, control, context),
    ):
        steps = [step async for step in control.pull(name)]
        assert (steps[-1].status, steps[-1].licence) == ("success", "mit")
        home = context.data_dir / "models" / "sentence_transformers" / name
        found = {str(one.relative_to(home)) for one in home.rglob("*") if one.is_file()}
        assert found == {
            "1_Pooling/pool.json",
            "config.json",
            "modules.json",
            "origin.json",
            "pytorch_model.bin",
        }
        assert [one.id for one in await control.models()] == [name]
        assert control.terms(name)
        with pytest.raises(ModelNotFound):
            _ = [step async for step in control.pull("nobody")]


async def files_of(*names):
    async with backend_context() as context:
        models = SentenceTransformerModels(Provider("p", "sentence_transformers"), context)
        found, missing = models.files_of(HubModel("abc", [HubFile(name, 1) for name in names]))
        return {one.name for one in found}, missing


async def test_what_is_brought_of_a_repository():
    found, missing = await files_of(
        "README.md",
        "modeling_evil.py",
        "../config.json",
        "/etc/tokenizer.json",
        "a/b/config.json",
        ".hidden/config.json",
        "modules.json",
        "config.json",
        "1_Pooling/config.json",
        "2_Dense/config.json",
        "2_Dense/pytorch_model.bin",
        "model.safetensors",
        "pytorch_model.bin",
        "model.fp16.safetensors",
        "onnx/model.onnx",
        "onnx/config.json",
        "openvino/config.json",
        "sentencepiece.bpe.model",
        "merges.txt",
        "tf_model.h5",
    )
    assert found == {
        "modules.json",
        "config.json",
        "1_Pooling/config.json",
        "2_Dense/config.json",
        "2_Dense/pytorch_model.bin",
        "model.safetensors",
        "sentencepiece.bpe.model",
        "merges.txt",
    }
    assert not missing
    assert (await files_of("config.json", "tf_model.h5"))[1] == {"model.safetensors"}
    assert (await files_of("model.safetensors"))[1] == {"config.json"}
