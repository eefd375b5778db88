"""Models in folders, whatever their kind: which are offered, and which a pull leaves alone."""

import shutil
from contextlib import asynccontextmanager
from pathlib import Path

from peers.asking import backend_context, provider_of
from peers.hub import HubServer
from peers.upstream import Upstream
from roundhouse.core.registry import find

MODEL = Path(__file__).parents[2] / "models" / "whisper-en3-ct2"


@asynccontextmanager
async def whisper(**options):
    server = HubServer()
    async with Upstream(server) as hub, backend_context() as context:
        provider = provider_of("whisper", "", options={"hub_url": hub.origin, **options})
        yield find("control", "whisper")(provider, context), server, context.data_dir / "models" / "whisper"


async def test_what_lies_in_a_folder_is_taken_from_there_and_the_hub_not_asked(tmp_path):
    shutil.copytree(MODEL, tmp_path / "ours")
    shutil.copytree(MODEL, tmp_path / "tiny")
    async with whisper(folders=[str(tmp_path)]) as (made, server, home):
        for model in ("ours", "tiny"):
            assert made.offers(model)
            assert [step.status async for step in made.pull(model)] == ["looking", "success"]
        assert server.asked == []
        assert not home.exists()
        assert {one.id for one in await made.models()} == {"ours", "tiny"}


async def test_what_was_copied_by_hand_is_not_replaced(tmp_path):
    async with whisper() as (made, server, home):
        shutil.copytree(MODEL, home / "tiny")
        assert [step.status async for step in made.pull("tiny")] == ["looking", "success"]
        assert server.asked == []
        assert [one.name for one in home.iterdir()] == ["tiny"]


async def test_a_weights_file_that_changed_is_described_anew(tmp_path):
    async with whisper() as (made, _, home):
        shutil.copytree(MODEL, home / "tiny")
        (before,) = await made.models()
        with (home / "tiny" / "model.bin").open("ab") as file:
            file.write(bytes(10))
        (after,) = await made.models()
        assert after.size_bytes == before.size_bytes + 10


async def test_names_that_no_hub_has_are_not_offered():
    async with whisper() as (made, _, _):
        assert [made.offers(name) for name in ("small", "org/name", "enormous", "a/b/c")] == [
            True,
            True,
            False,
            False,
        ]
        assert made.terms("small") == ""
