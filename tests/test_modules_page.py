"""What docs/modules.md shows works as it stands: the module is started, and every command says what is printed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from module_server import AI_MATH
from running_server import KEY, environment, running
from tour import Block, blocks

PAGE = (Path(__file__).parents[1] / "docs" / "modules.md").read_text("utf-8")
MODEL = {
    "name": "my",
    "kind": "fake",
    "models": ["model"],
    "options": {"tool_arguments": {"expression": "2+3"}},
}
ALIAS = {"name": "my-model", "targets": ["my/model"]}

if not all(shutil.which(tool) for tool in ("bash", "curl", "jq")):
    pytest.skip("the page needs bash, curl and jq", allow_module_level=True)


def free_port() -> int:
    """Below those that the system gives away by itself, so that nobody takes it before the module does."""
    for port in range(20_000 + os.getpid() % 5_000, 30_000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("every port is taken")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[Block, str]]]:
    """Each block of the page with what it said, run in order by one shell beside a server."""
    folder = tmp_path_factory.mktemp("modules")
    shutil.copy(AI_MATH / "main.py", folder)
    port = free_port()
    settings = {"ROUNDHOUSE_PROVIDERS": json.dumps([MODEL]), "ROUNDHOUSE_ALIASES": json.dumps([ALIAS])}
    with running(tmp_path_factory.mktemp("server"), **settings) as server:
        (key,) = KEY.findall(server.out)
        here = server.url.removeprefix("http://")
        env = environment(ROUNDHOUSE_URL=server.url, ROUNDHOUSE_API_KEY=key, KEY=key, COLUMNS="200")
        env["PATH"] = f"{sys.prefix}/bin:{env['PATH']}"
        script = ["trap 'kill $(jobs -p)' EXIT"]
        found = list(blocks(PAGE))
        for number, block in enumerate(found):
            text = block.text.replace("localhost:8000", here).replace("8044", str(port))
            if block.language == "python":
                (folder / "block.py").write_text(f"import os\nKEY = os.environ['KEY']\n{text}")
                text = "python block.py"
            script.append(f"exec > said.{number}\n{text}")
        command = ["bash", "-euo", "pipefail", "-c", "\n".join(script)]
        done = subprocess.run(command, cwd=folder, env=env, stderr=subprocess.PIPE, text=True, timeout=110)
        assert done.returncode == 0, done.stderr
        yield [(block, (folder / f"said.{number}").read_text()) for number, block in enumerate(found)]


def test_every_command_says_what_the_page_prints(said: list[tuple[Block, str]]) -> None:
    printed = [(block.printed[1], text) for block, text in said if block.printed is not None]
    assert len(printed) >= 7
    for wanted, text in printed:
        assert text.rstrip() == wanted.rstrip()


def test_most_blocks_print_something() -> None:
    assert len([block for block in blocks(PAGE) if block.printed is None]) <= 1
