"""Weights from a hub that we script: whole, resumed, wrong, and not there."""

from contextlib import asynccontextmanager

import pytest

from peers.asking import backend_context, provider_of
from peers.hub import FILES, HubServer
from peers.upstream import Upstream
from roundhouse.core.errors import BackendBadAnswer, BackendFailed, ModelNotFound, NotSupported
from roundhouse.core.registry import find


@asynccontextmanager
async def control():
    server = HubServer()
    async with Upstream(server) as hub, Upstream(server) as elsewhere, backend_context() as context:
        server.elsewhere = elsewhere.origin
        provider = provider_of("whisper", "", key="hf_token", options={"hub_url": hub.origin})
        made = find("control", "whisper")(provider, context)
        yield made, server, context.data_dir / "models" / "whisper"


async def pull(made, model="tiny"):
    return [step async for step in made.pull(model)]


async def test_a_model_comes_whole_and_is_there():
    async with control() as (made, server, home):
        steps = await pull(made)
        total = sum(map(len, FILES.values()))
        assert steps[0].status == "looking"
        assert (steps[-1].status, steps[-1].completed_bytes, steps[-1].total_bytes) == (
            "success",
            total,
            total,
        )
        done = [step.completed_bytes for step in steps]
        assert done == sorted(done)
        assert {name: (home / "tiny" / name).read_bytes() for name in FILES} == FILES
        assert sorted(one.name for one in (home / "tiny").iterdir()) == sorted([*FILES, "origin.json"])
        assert [one.id for one in await made.models()] == ["tiny"]
        assert [one.name for one in home.iterdir()] == ["tiny"]
        # The token is for the hub, not for where it sends us.
        assert {path: told for path, _, told in server.asked if "cdn" in path} == {"/cdn/model.bin": False}
        assert all(told for path, _, told in server.asked if "cdn" not in path)
        # What is here is not brought again, unless there is a newer one.
        asked = len(server.asked)
        assert (await pull(made))[-1].status == "success"
        assert len(server.asked) == asked + 1


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        (None, ""),
        ({}, ""),
        ({"license": ["mit", "apache-2.0"]}, ""),
        ({"license": "cc-by-nc-4.0"}, "cc-by-nc-4.0"),
        ({"license": "other", "license_name": "house-rules"}, "house-rules"),
    ],
)
async def test_the_licence_is_what_the_card_tells(card, licence):
    async with control() as (made, server, _):
        server.card = card
        assert (await pull(made))[-1].licence == licence


@pytest.mark.parametrize("knows_ranges", [True, False])
async def test_a_cut_download_goes_on_where_it_ended(knows_ranges):
    async with control() as (made, server, home):
        server.cut_after, server.knows_ranges = 1_000_000, knows_ranges
        with pytest.raises(BackendFailed) as caught:
            await pull(made)
        assert caught.value.retryable
        assert await made.models() == []
        server.cut_after = None
        server.asked.clear()
        assert (await pull(made))[-1].status == "success"
        # The small ones were whole.
        assert [path for path, *_ in server.asked if "resolve" in path] == [
            "/Systran/faster-whisper-tiny/resolve/abc123/model.bin"
        ]
        ranges = [told for path, told, _ in server.asked if "cdn" in path]
        assert ranges[0].startswith("bytes=")
        assert (home / "tiny" / "model.bin").read_bytes() == FILES["model.bin"]


@pytest.mark.parametrize("name", ["model.bin", "config.json"])
async def test_wrong_bytes_are_never_a_model(name):
    async with control() as (made, server, _):
        content = server.files[name]
        server.files[name] = b"\0" + content[1:]
        with pytest.raises(BackendBadAnswer, match="checksum"):
            await pull(made)
        assert await made.models() == []
        server.files[name] = content
        assert (await pull(made))[-1].status == "success"


async def test_what_is_not_there_or_no_whisper():
    async with control() as (made, server, _):
        for model in ("enormous", "org/unknown"):
            with pytest.raises(ModelNotFound):
                await pull(made, model)
        del server.told["tokenizer.json"]
        with pytest.raises(NotSupported, match=r"tokenizer\.json"):
            await pull(made)
