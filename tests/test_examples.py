"""Every example runs as it stands against the real product and says what it should."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from serving import House

EXAMPLES = Path(__file__).parents[1] / "examples"
MOST_LINES = 60
CORE_SECRET = "a secret that two systems share"
JWT_SECRET = "a longer secret, for tokens that users carry"

SAYS: dict[str, str] = {
    "chat.py": r"“The train leaves at nine\.”(?s:.)*-- roundhouse/extractive \(alias\)\n-- \d+ tokens, 3 attempt",
    "stream.py": r"“The train leaves at nine\.”(?s:.)*\n-- \d+ tokens\n$",
    "search.py": r"^0\.\d+  To get a new password, .*\n0\.\d+  .*\n0\.\d+  .*\n$",
    "tools.py": r'^-- departure\({"place":"Hue"}\)\nYou said: The next train to Hue leaves at 9:12 from track 3\.\n$',
    "signed_headers.py": r"^-- user-7 of north may: inference\n“The train leaves at nine\.”",
    "jwt_user.py": r"^-- user-7 of north may: inference\n“Rain fell on Monday\.”",
}
MODELS = {"chat.py": "gpt-4o", "tools.py": "fake/caller", "search.py": "roundhouse/minilm"}
OTHERS = "roundhouse/extractive"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """With a model that calls tools, one that is switched off, and the secrets of an outer system."""
    caller = {
        "name": "fake",
        "kind": "fake",
        "models": ["caller"],
        "options": {"tool_arguments": {"place": "Hue"}},
    }
    off = {"name": "off", "kind": "openai", "url": "http://127.0.0.1:9/v1", "models": ["big"]}
    alias = {"name": "gpt-4o", "targets": ["off/big", "roundhouse/extractive"]}
    access = {"core_secret": CORE_SECRET, "jwt_secret": JWT_SECRET}
    async with House(tmp_path, providers=[caller, off], aliases=[alias], access=access) as running:
        yield running


# One interpreter for all: importing the SDK takes longer than everything else.
RUNNER = """
import contextlib, io, json, os, runpy, sys
said = {}
for path, model in json.load(sys.stdin).items():
    os.environ["MODEL"] = model
    sys.argv = [path]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        runpy.run_path(path, run_name="__main__")
    said[os.path.basename(path)] = out.getvalue()
print(json.dumps(said))
"""


async def run_all(house: House) -> dict[str, str]:
    """What each example says; the first that fails ends it."""
    environment = {
        **os.environ,
        "ROUNDHOUSE_URL": house.url,
        "ROUNDHOUSE_API_KEY": house.key,
        "CORE_SECRET": CORE_SECRET,
        "JWT_SECRET": JWT_SECRET,
    }
    piped = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUNNER, env=environment, stdin=piped, stdout=piped, stderr=piped
    )
    models = {str(EXAMPLES / name): MODELS.get(name, OTHERS) for name in SAYS}
    out, err = await asyncio.wait_for(process.communicate(json.dumps(models).encode()), 90)
    assert process.returncode == 0, err.decode()
    said: dict[str, str] = json.loads(out)
    return said


async def test_every_example_runs(house: House) -> None:
    said = await run_all(house)
    for name, pattern in SAYS.items():
        assert re.search(pattern, said[name]), f"{name}:\n{said[name]}"


def test_all_are_tested_short_and_listed() -> None:
    files = {path.name: path.read_text("utf-8") for path in EXAMPLES.glob("*.py")}
    assert files.keys() == SAYS.keys()
    assert {name for name, text in files.items() if len(text.splitlines()) >= MOST_LINES} == set()
    page = (EXAMPLES / "README.md").read_text("utf-8")
    assert [name for name in files if f"[{name}]({name})" not in page] == []
