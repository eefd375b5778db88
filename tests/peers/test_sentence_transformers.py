"""The real sentence-transformers with tiny models, in processes under the Python of its own environment."""

import base64
import subprocess
from contextlib import asynccontextmanager

import msgspec
import numpy as np
import pytest

from contracts.backends import Bench, Case
from contracts.test_embedding import embed as embedded
from contracts.test_embedding import (
    test_base64_holds_the_same_numbers,
    test_dimensions,
    test_list,
    test_one_text_is_the_same_as_in_a_list,
)
from features.knowledge.embedding.house import ANN, House
from peers.asking import ask, backend_context, provider_of
from roundhouse.core.errors import BackendDown, BadInput, ContextTooLong, UnsupportedContent
from roundhouse.core.registry import find
from roundhouse.core.types import Provider, Timeouts
from roundhouse.features.knowledge.embedding.model import Image

pytestmark = [pytest.mark.peer, pytest.mark.timeout(600)]

KIND = "sentence_transformers"
PICTURES = """
import random, sys
sys.path.insert(0, sys.argv[1])
from make_tiny_transformers import THINGS, picture
chance = random.Random(99)
for number in range(4):
    for colour, shape in THINGS:
        picture(colour, shape, chance).save(f"{sys.argv[2]}/{colour}-{number}.png")
"""
TEXTS = {"red": "a red square", "blue": "a blue circle", "green": "a green cross"}


def options(python, folder, **more):
    return {"python": str(python), "folders": [str(folder)], "cpu_threads": 1, **more}


@asynccontextmanager
async def opened(python, folder):
    async with backend_context() as context:
        limits = Timeouts(idle_s=300)
        provider = provider_of(KIND, "", options=options(python, folder), timeouts=limits)
        yield (*(find(seam, KIND)(provider, context) for seam in ("embedding", "rerank", "control")), context)


@pytest.fixture(scope="session")
def pictures(transformers_python, tmp_path_factory):
    """Pictures that no model was taught with, by colour."""
    from pathlib import Path

    folder = tmp_path_factory.mktemp("pictures")
    scripts = Path(__file__).parents[2] / "scripts"
    subprocess.run([transformers_python, "-W", "ignore", "-c", PICTURES, scripts, folder], check=True)
    return {
        colour: [(folder / f"{colour}-{number}.png").read_bytes() for number in range(4)] for colour in TEXTS
    }


@pytest.fixture
async def case(transformers_python, tiny_transformers):
    async def never():
        raise AssertionError

    return Case(KIND, never, frozenset({"base64", "dimensions"}))


@pytest.fixture
async def bench(transformers_python, tiny_transformers):
    async with opened(transformers_python, tiny_transformers) as (backend, _, _, _):
        yield Bench(backend, "texts")


async def vectors_of(backend, model, inputs, **more):
    body = await embedded(Bench(backend, model), input=inputs, **more)
    return np.array([one["embedding"] for one in body["data"]], np.float32)


def shown(data):
    return {"image": f"data:image/png;base64,{base64.b64encode(data).decode()}"}


async def test_texts_and_pictures(transformers_python, tiny_transformers, pictures):
    async with opened(transformers_python, tiny_transformers) as (backend, _, control, context):
        found = {one.id: one for one in await control.models()}
        assert {name: (one.operations, one.inputs) for name, one in found.items()} == {
            "texts": (("embeddings",), ()),
            "plain": (("embeddings",), ()),
            "judge": (("rerank",), ()),
            "pictures": (("embeddings",), ("image",)),
            "own/wrapped": (("embeddings",), ("image",)),
        }
        colours = list(TEXTS)
        images = [shown(data) for colour in colours for data in pictures[colour]]
        wanted = [place // 4 for place in range(12)]
        both = {}
        for model in ("pictures", "own/wrapped"):
            texts = await vectors_of(backend, model, list(TEXTS.values()))
            seen = await vectors_of(backend, model, images)
            assert texts.shape == (3, 24) and seen.shape == (12, 24)
            assert np.linalg.norm(np.concatenate([texts, seen]), axis=1) == pytest.approx(1, abs=1e-5)
            # Texts find pictures, pictures find texts, and each finds itself.
            assert [wanted[place] for place in (texts @ seen.T).argmax(axis=1)] == [0, 1, 2]
            assert (seen @ texts.T).argmax(axis=1).tolist() == wanted
            assert (seen @ seen.T).argmax(axis=1).tolist() == list(range(12))
            mixed = await vectors_of(backend, model, [images[5], TEXTS["blue"], images[0]])
            assert mixed == pytest.approx(np.stack([seen[5], texts[1], seen[0]]), abs=1e-5)
            short = await vectors_of(backend, model, [TEXTS["red"]], dimensions=8)
            cut = texts[0, :8] / np.linalg.norm(texts[0, :8])
            assert short[0] == pytest.approx(cut, abs=1e-5)
            both[model] = seen
        assert both["pictures"] == pytest.approx(both["own/wrapped"], abs=1e-5)
        # An address in a text is no picture to be fetched.
        context.media.pages.clear()
        vector = await vectors_of(backend, "pictures", ["https://127.0.0.1:1/cat.png"], truncate=True)
        assert vector.shape == (1, 24)
        with pytest.raises(UnsupportedContent):
            await vectors_of(backend, "pictures", [shown(b"no picture")])
        running = {one.id: one for one in await control.running()}
        assert set(running) == {"pictures", "own/wrapped"}
        assert all(one.ram_mib > 50 for one in running.values())
        await control.unload("pictures")
        assert [one.id for one in await control.running()] == ["own/wrapped"]


async def test_texts_alone(transformers_python, tiny_transformers):
    async with opened(transformers_python, tiny_transformers) as (backend, rerank, _, _):
        told, asked = [
            await vectors_of(backend, "texts", "the cat", task=f"retrieval.{role}")
            for role in ("passage", "query")
        ]
        by_hand = await vectors_of(backend, "texts", ["told: the cat", "ask: the cat", "the cat"])
        assert np.concatenate([told, asked]) == pytest.approx(by_hand[:2], abs=1e-5)
        assert float(told[0] @ by_hand[2]) < 0.9999
        long = "the cat sleeps " * 20
        with pytest.raises(ContextTooLong):
            await vectors_of(backend, "texts", long)
        cut = await vectors_of(backend, "texts", [long, "the cat sleeps " * 10 + "the"], truncate=True)
        assert cut[0] == pytest.approx(cut[1], abs=1e-5)
        with pytest.raises(UnsupportedContent):
            await vectors_of(backend, "texts", [shown(b"x")])
        with pytest.raises(BadInput):
            await vectors_of(backend, "texts", "a", dimensions=33)
        documents = ["the cat", "https://127.0.0.1:1/cat.png", "sleeps " * 100]
        answer = await rerank.rerank(ask("rerank", query="the cat", documents=documents), "judge")
        results = msgspec.json.decode(answer.body)["results"]
        scores = [one["relevance_score"] for one in results]
        assert sorted(one["index"] for one in results) == [0, 1, 2]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= one <= 1 for one in scores)
        assert answer.usage.prompt_tokens > 48


async def test_a_process_that_dies_comes_again(transformers_python, tiny_transformers):
    import psutil

    async with opened(transformers_python, tiny_transformers) as (backend, _, control, _):
        before = await vectors_of(backend, "texts", "the cat")
        for child in psutil.Process().children():
            if any("elsewhere" in word for word in child.cmdline()):
                child.kill()
        try:
            after = await vectors_of(backend, "texts", "the cat")
        except BackendDown:
            after = await vectors_of(backend, "texts", "the cat")
        assert (after == before).all()
        assert [one.id for one in await control.running()] == ["texts"]


async def test_through_the_desk(transformers_python, tiny_transformers, pictures, tmp_path, db, turned_clock):
    house = House(tmp_path, db, turned_clock)
    await house.engine.start((), ())
    told = options(transformers_python, tiny_transformers)
    await house.configure(Provider("st", KIND, options=told, timeouts=Timeouts(idle_s=300)))
    try:
        described = await house.desk.describe(ANN, "st/pictures")
        assert (described.dimensions, described.takes_images) == (24, True)
        colours = list(TEXTS)
        images = [Image(pictures[colour][0]) for colour in colours]
        passages = await house.desk.embed(ANN, "st/pictures", [*images, *TEXTS.values()], "passage")
        questions = await house.desk.embed(ANN, "st/pictures", list(TEXTS.values()), "query")
        assert (questions @ passages[:3].T).argmax(axis=1).tolist() == [0, 1, 2]
        shown_ones = await house.desk.embed(ANN, "st/pictures", images, "query")
        assert (shown_ones @ passages[3:].T).argmax(axis=1).tolist() == [0, 1, 2]
        # More than the text side of this model takes: halved until it fits.
        (long,) = await house.desk.embed(ANN, "st/pictures", ["a red square " * 30], "query")
        assert int((passages[:3] @ long).argmax()) == 0
        assert house.engine.residency.is_loaded("st/pictures")
    finally:
        await house.close()


__all__ = [
    "test_base64_holds_the_same_numbers",
    "test_dimensions",
    "test_list",
    "test_one_text_is_the_same_as_in_a_list",
]
