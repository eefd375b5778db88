"""What docs/webhooks.md shows works as it stands: its receiver, and its commands in order."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from running_server import KEY, environment, running

PAGE = (Path(__file__).parents[1] / "docs" / "webhooks.md").read_text("utf-8")

if not all(shutil.which(tool) for tool in ("bash", "curl", "jq")):
    pytest.skip("the page needs bash, curl and jq", allow_module_level=True)


def fences(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def free_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


def test_the_page(tmp_path: Path) -> None:
    port = free_port()
    (receiver,) = fences("python")
    (tmp_path / "receiver.py").write_text(receiver.replace("9000", port))
    (tmp_path / "notes.txt").write_text("Twelve bytes")
    (networks,) = re.findall(r"`ROUNDHOUSE_OUTBOUND__ALLOW_NETWORKS='(.*?)'`", PAGE)
    allowed = {"ROUNDHOUSE_JOBS__EXECUTOR": "true", "ROUNDHOUSE_OUTBOUND__ALLOW_NETWORKS": networks}
    with running(tmp_path, **allowed) as server:
        (key,) = KEY.findall(server.out)
        settings = environment(ROUNDHOUSE_URL=server.url, ROUNDHOUSE_API_KEY=key, KEY=key)
        settings["PATH"] = f"{sys.prefix}/bin:{settings['PATH']}"
        typed = "\n".join(["trap 'kill %1' EXIT", *fences("sh")])
        typed = typed.replace("localhost:8000", server.url.removeprefix("http://")).replace("9000", port)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-mc", typed],
            cwd=tmp_path,
            env=settings,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    assert re.search(r"^taken: 204 in \d+ ms$", said, re.MULTILINE)
    (file_id,) = re.findall(r'^"(file_\w+)"$', said, re.MULTILINE)
    assert f'["file.created","{file_id}"]' in said
    assert len(re.findall(r"\tdelivered\t1\t204 in \d+ ms$", said, re.MULTILINE)) == 2
    assert re.search(rf"^\d+\tfile.created\t{file_id}$", said, re.MULTILINE)
    assert said.endswith("\nfalse\n")
    assert "refused" not in (tmp_path / "received.txt").read_text()
