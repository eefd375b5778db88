"""What docs/mcp.md shows works as it stands: its client, its server, and its commands in order."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from running_server import KEY, environment, running

PAGE = (Path(__file__).parents[1] / "docs" / "mcp.md").read_text("utf-8")

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
    client, server_script = fences("python")
    (tmp_path / "client.py").write_text(client)
    (tmp_path / "count.py").write_text(server_script)
    with running(tmp_path) as server:
        (key,) = KEY.findall(server.out)
        settings = environment(KEY=key)
        settings["PATH"] = f"{sys.prefix}/bin:{settings['PATH']}"
        typed = "\n".join(["trap 'kill %1' EXIT", *fences("sh")])
        typed = typed.replace("localhost:8000", server.url.removeprefix("http://")).replace("9002", port)
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
    assert "builtin__chat" in said.splitlines()[0]
    assert "task_wait" in said.splitlines()[0]
    assert "True unprocessable:" in said
    assert "count.add\tnew\ncount.add\ttrue\n" in said
    answer = fences("json")[1].strip()
    assert answer.replace(" ", "") in said.replace(" ", "")
    assert said.endswith("[1,[]]\n")
