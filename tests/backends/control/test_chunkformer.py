"""ChunkFormer's coming: an environment by a pip that we script, weights from a hub that we script."""

import hashlib
import json
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from peers import elsewhere
from peers.asking import backend_context, provider_of
from peers.upstream import Upstream
from roundhouse.core.errors import EnvironmentFailed, ModelNotFound, NotSupported
from roundhouse.core.registry import find

REPOSITORY = "khanhld/chunkformer-large-vie"


class Hub:
    """A hub with one model."""

    def __init__(self, folder: Path) -> None:
        self.files = {one.name: one.read_bytes() for one in elsewhere.chunkformer(folder).iterdir()}
        self.files["README.md"] = b"-"
        self.asked: list[str] = []

    async def __call__(self, exchange) -> None:
        path = exchange.request.path
        self.asked.append(path)
        if path.startswith(f"/api/models/{REPOSITORY}"):
            files = [
                {
                    "rfilename": name,
                    "size": len(told),
                    "blobId": hashlib.sha1(b"blob %d\0" % len(told) + told).hexdigest(),
                }
                for name, told in self.files.items()
            ]
            told = {"sha": "abc", "siblings": files, "cardData": {"license": "cc-by-nc-4.0"}}
            await exchange.answer(json.dumps(told).encode(), headers={"Content-Type": "application/json"})
        elif path.rpartition("/")[2] in self.files:
            await exchange.answer(self.files[path.rpartition("/")[2]])
        else:
            await exchange.answer(b"{}", 404)


@asynccontextmanager
async def control(folder: Path, **options):
    server = Hub(folder / "published")
    async with Upstream(server) as hub, backend_context() as context:
        python = elsewhere.script(folder / "told")
        context = msgspec.structs.replace(
            context, hosts=elsewhere.Elsewhere(context.data_dir / "hosts", python)
        )
        provider = provider_of("chunkformer", "", options={"hub_url": hub.origin, **options})
        yield find("control", "chunkformer")(provider, context), server, context.data_dir


async def pull(made, model="large-vie"):
    return [step async for step in made.pull(model)]


async def test_environment_and_weights_come_together_and_the_licence_is_told_first(tmp_path):
    async with control(tmp_path) as (made, server, data):
        assert await made.models() == []
        steps = await pull(made)
        said = [step.status for step in steps]
        assert said[:3] == ["looking", "licence of its weights: cc-by-nc-4.0", "environment: making it"]
        assert said.index("environment: trying it out") < said.index("pulling")
        assert (steps[-1].status, steps[-1].licence) == ("success", "cc-by-nc-4.0")
        assert steps[-1].completed_bytes == steps[-1].total_bytes > 0
        (info,) = await made.models()
        assert (info.id, info.languages, info.operations) == ("large-vie", ("vi",), ("transcriptions",))
        home = data / "models" / "chunkformer" / "large-vie"
        assert json.loads((home / "origin.json").read_text())["licence"] == "cc-by-nc-4.0"
        assert not (home / "README.md").exists()
        # What is here is not brought again.
        asked = len(server.asked)
        assert [step.status for step in await pull(made)] == [
            "looking",
            "licence of its weights: cc-by-nc-4.0",
            "success",
        ]
        assert len(server.asked) == asked + 1
        await made.load("large-vie")
        assert [one.id for one in await made.running()] == ["large-vie"]
        await made.unload("large-vie")


async def test_an_environment_that_fails_brings_no_model_and_another_try_does(tmp_path):
    async with control(tmp_path) as (made, server, _):
        (tmp_path / "told" / "fails").write_text("ERROR: no wheel")
        with pytest.raises(EnvironmentFailed, match="no wheel"):
            await pull(made)
        assert await made.models() == []
        assert not any("resolve" in path for path in server.asked)
        (tmp_path / "told" / "fails").unlink()
        await pull(made)
        assert [one.id for one in await made.models()] == ["large-vie"]


async def test_a_folder_of_the_operators_needs_no_hub(tmp_path):
    elsewhere.chunkformer(tmp_path / "mine" / "ours")
    async with control(tmp_path, folders=[str(tmp_path / "mine")]) as (made, server, _):
        assert made.offers("ours")
        assert await made.models() == []
        assert (await pull(made, "ours"))[-1].status == "success"
        assert [one.id for one in await made.models()] == ["ours"]
        assert server.asked == []


async def test_with_a_python_of_the_operators_no_environment_is_built(tmp_path):
    python = tmp_path / "told" / "python"
    async with control(tmp_path, python=str(python)) as (made, _, _):
        await pull(made)
        assert [one.id for one in await made.models()] == ["large-vie"]
        assert not (tmp_path / "told" / "said").exists()
        python.unlink()
        assert await made.models() == []
        with pytest.raises(NotSupported, match="chunkformer_python"):
            await pull(made, "large-vie")


async def test_what_is_not_there_or_no_chunkformer(tmp_path):
    async with control(tmp_path) as (made, server, _):
        for model in ("enormous", "org/unknown"):
            with pytest.raises(ModelNotFound):
                await pull(made, model)
        del server.files["vocab.txt"]
        with pytest.raises(NotSupported, match=r"vocab\.txt"):
            await pull(made)
        assert "not for commercial use" in made.terms("large-vie")
        assert "licence of their own" in made.terms("org/name")
