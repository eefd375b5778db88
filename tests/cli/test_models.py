"""`roundhouse models …` against a real server and a scripted Ollama."""

import asyncio
from typing import Any

import pytest
from click import unstyle

from peers.ollama import ollama_peer
from roundhouse.cli.exits import FAILED, UNREACHABLE
from roundhouse.cli.models import ready_line
from running_server import as_json, good

in_thread = asyncio.to_thread
"""A command waits for the server, and the server for a peer that runs in this thread."""


async def test_models_of_a_provider(ask: Any) -> None:
    async with ollama_peer() as peer:
        peer.models["tiny:latest"].on_card = 0.0
        peer.models["tiny:latest"].size = 8 * 1024 * 1024
        await in_thread(ask, "providers", "add", "desk", "--kind", "ollama", "--address", peer.url)
        assert "desk/tiny:latest\tchat" in good(await in_thread(ask, "models", "ls"))

        pulled = await in_thread(ask, "models", "pull", "desk/qwen:0.5b")
        assert good(pulled) == "ready desk/qwen:0.5b\n"
        assert pulled.stderr.splitlines()[0] == "queued"
        assert pulled.stderr.splitlines()[-1] == "completed"
        assert "desk/qwen:0.5b\tchat" in good(await in_thread(ask, "models", "ls"))
        job = as_json(await in_thread(ask, "models", "pull", "desk/qwen:0.5b", "--json"))
        assert (job["kind"], job["state"], job["result"]["total_bytes"]) == ("model.pull", "completed", 1050)
        detached = good(await in_thread(ask, "models", "pull", "desk/qwen:0.5b", "--detach")).strip()
        assert "\ndownload\tcompleted\t" in good(await in_thread(ask, "jobs", "show", detached, "--follow"))
        absent = await in_thread(ask, "models", "pull", "desk/absent:1b")
        assert (absent.exit_code, absent.stdout) == (FAILED, "")
        assert "error: Ollama has no such model. [model_not_found, job_" in absent.stderr

        loaded = await in_thread(ask, "models", "load", "desk/tiny", "--pin", "--json")
        assert as_json(loaded)["state"] == "loaded"
        assert "desk/tiny:latest\tloaded, pinned\tcpu\t" in good(await in_thread(ask, "models", "status"))
        status = as_json(await in_thread(ask, "models", "status", "--json"))
        assert [row["model_id"] for row in status["data"] if row["pinned"]] == ["tiny:latest"]
        unloaded = await in_thread(ask, "models", "unload", "desk/tiny")
        assert good(unloaded).startswith("desk/tiny:latest: absent")
        assert peer.running == {}
        await in_thread(ask, "providers", "rm", "desk")


async def test_all_that_is_configured_is_downloaded(ask: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("WHISPER_MODEL_VARIANT", "roundhouse/extractive")
    async with ollama_peer() as peer:
        await in_thread(ask, "providers", "add", "desk", "--kind", "ollama", "--address", peer.url)
        for name, *targets in (
            ("small", "desk/qwen:0.5b", "desk/tiny", "roundhouse/extractive"),
            ("other", "small", "desk/absent:1b", "roundhouse/none"),
        ):
            good(await in_thread(ask, "aliases", "set", name, *targets))
        result = await in_thread(ask, "models", "pull", "--configured")
        assert (result.exit_code, result.stdout) == (FAILED, "ready desk/qwen:0.5b\n")
        assert result.stderr.splitlines()[-1].startswith(
            "error: 2 of 3 were not downloaded: desk/absent:1b, roundhouse/none"
        )
        good(await in_thread(ask, "aliases", "set", "other", "desk/qwen:0.5b"))
        assert (
            good(await in_thread(ask, "models", "pull", "--configured"))
            == "Every configured model is there.\n"
        )
        assert as_json(await in_thread(ask, "models", "pull", "--configured", "--json"))["data"] == []
        # Only who names it wants its gigabytes.
        monkeypatch.setenv("CHUNKFORMER_MODEL_NAME", "org/absent")
        result = await in_thread(ask, "models", "pull", "--configured", "--detach")
        assert good(result).rstrip().endswith(" chunkformer/org/absent")
        await in_thread(ask, "jobs", "cancel", good(result).split()[0])
        for words in (("aliases", "rm", "small"), ("aliases", "rm", "other"), ("providers", "rm", "desk")):
            await in_thread(ask, *words)


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"licence": "cc-by-nc-4.0"}, "ready ears/large (licence of its weights: cc-by-nc-4.0)"),
        ({"licence": "mit\x1b[2J"}, "ready ears/large (licence of its weights: mit [2J)"),
        ({}, "ready ears/large"),
        (None, "ready ears/large"),
    ],
)
def test_the_licence_of_weights_is_said(result: dict[str, str] | None, said: str) -> None:
    assert unstyle(ready_line({"result": result}, "ears/large")) == said


def test_discover(ask: Any) -> None:
    result = ask("models", "discover")
    assert result.exit_code == 0, result.output
    assert as_json(ask("models", "discover", "--json"))["object"] == "list"


def test_recommend(ask: Any) -> None:
    words = ("models", "recommend", "--task", "summarize", "--language", "vi", "--complexity", "low")
    model, score, reason = good(ask(*words)).splitlines()[0].split("\t")
    assert model == "roundhouse/extractive"
    float(score)
    assert reason
    assert as_json(ask(*words, "--json"))["recommended_model"] == model


def test_without_a_server(cli: Any) -> None:
    result = cli("models", "ls", "--url", "http://127.0.0.1:1", "--key", "x")
    assert (result.exit_code, result.stdout) == (UNREACHABLE, "")
    assert "roundhouse run" in result.stderr
