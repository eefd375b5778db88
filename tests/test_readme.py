"""What README shows is what happens: its blocks run in order against one real server."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from roundhouse.core.settings import LEGACY_ENV
from tour import COLUMNS, Block, Terminal, blocks, check_printed, command_of

SERVERS_REQUIRED = os.environ.get("ROUNDHOUSE_TEST_REQUIRE_SERVERS") == "1"

if sys.platform == "win32":
    pytest.skip("the tour needs a terminal", allow_module_level=True)
if not (shutil.which("bash") and shutil.which("curl")) and not SERVERS_REQUIRED:
    pytest.skip("the tour needs bash and curl", allow_module_level=True)

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = list(blocks(README))
TOUR = [block for block in BLOCKS if block.not_run is None]
MOST_NOT_RUN = 5


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Reader:
    """Somebody who follows the page in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ROUNDHOUSE_", "OPENAI_")) and name not in LEGACY_ENV
        } | {
            "COLUMNS": COLUMNS,
            "NO_COLOR": "1",
            # The page says 8000; here it may be taken. On a fresh machine no model server is found.
            "ROUNDHOUSE_SERVER__PORT": str(self.port),
            "ROUNDHOUSE_ENGINE__DISCOVER_URLS": '["http://127.0.0.1:9"]',
        }
        # As `make run` leaves it.
        (folder / ".venv").symlink_to(sys.prefix)
        self.state = folder / "state.sh"
        self.state.touch()
        self.server: Terminal | None = None

    def run(self, block: Block) -> None:
        """Do what a block says and compare."""
        if block.text.strip() == "make run":
            check_printed(block, self._start())
            return
        moved = block._replace(text=block.text.replace("localhost:8000", f"localhost:{self.port}"))
        code, said = Terminal(command_of(moved, self.state), self.folder, self.environment).finish()
        said = said.replace(f"localhost:{self.port}", "localhost:8000")
        assert code == 0, f"line {block.line} ended with {code}:\n{said}"
        check_printed(block, said)

    def _start(self) -> str:
        command = [f"{sys.prefix}/bin/roundhouse", "run", "--port", str(self.port)]
        self.server = Terminal(command, self.folder, self.environment)
        self.server.until(r"Admin key .*\n.*\n", within_s=60)
        # `make run` builds the console before it starts; these tests do without.
        console = f"http://127.0.0.1:{self.port}/console/"
        return self.server.said.replace("not built; `make console` builds it", console)

    def leave(self) -> int | None:
        return self.server.stop() if self.server is not None else None


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path)
    yield made
    if made.server is not None:
        made.leave()
        made.server = None


def test_the_tour_runs_as_printed(reader: Reader) -> None:
    assert TOUR[0].text == "make run\n"
    for block in TOUR:
        reader.run(block)
    ended = reader.leave()
    reader.server = None
    assert ended == 0


def test_most_of_it_is_run_and_its_answers_are_printed() -> None:
    unrun = [block for block in BLOCKS if block.not_run is not None]
    assert len(unrun) <= MOST_NOT_RUN < len(TOUR)
    assert sum(block.printed is not None for block in TOUR) >= 8
    assert {block.language for block in TOUR} == {"sh", "python"}


def test_make_has_the_targets_that_the_page_names_and_runs_the_product() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"^make ([a-z-]+)$|`make ([a-z-]+)`", README, re.MULTILINE))
    named = {one or other for one, other in named}
    assert {"run", "test"} <= named <= targets
    assert re.search(r"^run: .*\n\t@\$\(BIN\)/roundhouse run ", makefile, re.MULTILINE)


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 300
