"""`roundhouse providers …` and `aliases …` against a real server and a scripted Ollama."""

import asyncio
from typing import Any

from peers.ollama import ollama_peer
from roundhouse.cli.exits import FAILED
from running_server import as_json, good

in_thread = asyncio.to_thread
"""A command waits for the server, and the server for a peer that runs in this thread."""


async def test_providers(ask: Any) -> None:
    async with ollama_peer() as peer:
        words = (
            "--kind",
            "ollama",
            "--address",
            peer.url,
            "--option",
            "keep_alive_s=60",
            "--provider-key",
            "-",
        )
        added = await in_thread(ask, "providers", "add", "toy", *words, input="hunter2\n")
        assert "answers" in good(added)
        assert "hunter2" not in added.output
        assert f"toy\tollama\t{peer.url}\tyes\tapi\t2\tok" in good(await in_thread(ask, "providers", "ls"))
        (row,) = [one for one in as_json(ask("providers", "ls", "--json"))["data"] if one["name"] == "toy"]
        assert (row["has_key"], row["options"]) == (True, {"keep_alive_s": 60})
        tried = as_json(await in_thread(ask, "providers", "test", "toy", "--json"))
        assert tried["models"] == ["tiny:latest", "embedder:latest"]
        again = await in_thread(ask, "providers", "add", "toy", *words)
        assert (again.exit_code, "conflict" in again.stderr) == (FAILED, True)
        assert good(await in_thread(ask, "providers", "rm", "toy")) == "removed toy\n"
    assert "toy" not in good(ask("providers", "ls"))


def test_a_provider_that_does_not_answer(ask: Any) -> None:
    added = ask(
        "providers", "add", "away", "--kind", "openai", "--address", "http://127.0.0.1:1/v1", "--json"
    )
    assert as_json(added)["test"]["ok"] is False
    tried = ask("providers", "test", "away")
    assert (tried.exit_code, "does not answer well" in tried.stderr) == (FAILED, True)
    good(ask("providers", "rm", "away"))


def test_aliases(ask: Any) -> None:
    target = "roundhouse/extractive"
    assert good(ask("aliases", "set", "team/best", target)) == f"team/best → {target}\n"
    good(
        ask("aliases", "set", "team/best", target, target, "--context-fallback", target, "--cache-ttl-s", "5")
    )
    (row,) = as_json(ask("aliases", "ls", "--json"))["data"]
    assert (row["name"], row["context_fallbacks"], row["cache_ttl_s"]) == ("team/best", [target], 5.0)
    assert good(ask("aliases", "ls")).startswith("team/best\t")
    assert good(ask("aliases", "rm", "team/best")) == "removed team/best\n"
    assert ask("aliases", "ls").stderr == "No alias.\n"
