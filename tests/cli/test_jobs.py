"""`roundhouse jobs …` and `models pull` against a real server, its executor, and a server whose downloads we hold."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from peers.downloading import download_peer
from roundhouse.cli.exits import FAILED, INTERRUPTED
from running_server import KEY, Running, as_json, good, running

in_thread = asyncio.to_thread


def command(url: str, key: str, *words: str) -> subprocess.Popen[str]:
    """A command in a process of its own, which a signal can reach."""
    env = os.environ | {"ROUNDHOUSE_URL": url, "ROUNDHOUSE_API_KEY": key}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-m", "roundhouse", *words], env=env, text=True, **pipes)


def read_until(process: subprocess.Popen[str], word: str) -> None:
    assert process.stderr is not None
    while word not in (line := process.stderr.readline()):
        assert line, "it ended"


async def shown(ask: Any, job_id: str, state: str) -> Any:
    """The job as soon as it is in a state."""
    async with asyncio.timeout(30):
        while True:
            job = as_json(await in_thread(ask, "jobs", "show", job_id, "--json"))
            if job["state"] == state:
                return job
            await asyncio.sleep(0.05)


async def test_a_job_is_seen_stopped_and_tried_again(ask: Any) -> None:
    async with download_peer() as peer:
        await in_thread(ask, "providers", "add", "held", "--kind", "ollama", "--address", peer.origin)
        job_id = good(await in_thread(ask, "models", "pull", "held/big", "--detach")).strip()
        again = as_json(await in_thread(ask, "models", "pull", "held/big", "--detach", "--json"))
        assert again["id"] == job_id
        await peer.begun()
        listed = good(await in_thread(ask, "jobs", "ls", "--state", "running", "--kind", "model.pull"))
        assert listed.startswith(f"{job_id}\tmodel.pull\trunning ")
        running = as_json(await in_thread(ask, "jobs", "ls", "--queue", "io", "--limit", "1", "--json"))
        assert [job["id"] for job in running["data"]] == [job_id]
        said = good(await in_thread(ask, "jobs", "show", job_id))
        assert "input     model=held/big\n" in said
        assert "\ndownload\trunning\t" in said

        assert good(await in_thread(ask, "jobs", "cancel", job_id)) == f"stopping {job_id}\n"
        assert await peer.client_left()
        job = await shown(ask, job_id, "cancelled")
        assert [one["outcome"] for one in job["history"]] == ["cancelled"]
        followed = await in_thread(ask, "jobs", "show", job_id, "--follow")
        assert followed.exit_code == FAILED
        assert "The job was cancelled." in followed.stderr
        assert good(await in_thread(ask, "jobs", "cancel", job_id, job_id)) == f"cancelled {job_id}\n" * 2

        peer.go.set()
        retried = await in_thread(ask, "jobs", "retry", job_id, "--follow")
        assert good(retried) == f"completed {job_id}\n"
        assert retried.stderr.splitlines()[0] == "queued"
        refused = await in_thread(ask, "jobs", "retry", job_id)
        assert (refused.exit_code, "this one is completed" in refused.stderr) == (FAILED, True)
        assert "result    {" in good(await in_thread(ask, "jobs", "show", job_id))
        await in_thread(ask, "providers", "rm", "held")


async def test_who_has_enough_leaves_the_job_running(ask: Any, server: Running) -> None:
    (key,) = KEY.findall(server.out)
    async with download_peer() as peer:
        await in_thread(ask, "providers", "add", "held", "--kind", "ollama", "--address", peer.origin)
        process = command(server.url, key, "models", "pull", "held/bigger")
        await in_thread(read_until, process, "pulling 1.18 of 4.70 GB")
        process.send_signal(signal.SIGINT)
        out, err = await in_thread(process.communicate, timeout=30)
        assert (process.returncode, out) == (INTERRUPTED, "")
        assert "goes on. `roundhouse jobs show job_" in err
        job_id = err[err.index("job_") :].split()[0]
        assert (await shown(ask, job_id, "running"))["message"] == "pulling 1.18 of 4.70 GB"
        peer.go.set()
        assert "completed" in good(await in_thread(ask, "jobs", "show", job_id, "--follow"))
        await in_thread(ask, "providers", "rm", "held")


async def test_a_command_follows_over_a_restart_of_the_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    async with download_peer() as peer:
        env = {
            "ROUNDHOUSE_JOBS__EXECUTOR": "true",
            "ROUNDHOUSE_JOBS__DRAIN_S": "0",
            "ROUNDHOUSE_PROVIDERS": f'[{{"name":"held","kind":"ollama","url":"{peer.origin}"}}]',
        }

        def begin() -> subprocess.Popen[str]:
            with running(tmp_path, f"--port={port}", **env) as server:
                (key,) = KEY.findall(server.out)
                process = command(server.url, key, "models", "pull", "held/big", "--json")
                read_until(process, "pulling 1.18 of 4.70 GB")
                assert server.stop()[0] == 0
                return process

        def end(process: subprocess.Popen[str]) -> tuple[str, str]:
            with running(tmp_path, f"--port={port}", **env):
                return process.communicate(timeout=60)

        process = await in_thread(begin)
        peer.go.set()
        out, err = await in_thread(end, process)
        assert process.returncode == 0, err
        assert '"state": "completed"' in out
        assert '"outcome": "interrupted"' in out
        assert peer.pulls == 2
