"""What docs/documents.md shows works as it stands: its commands run in order in one shell, then OpenAI's client."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from running_server import KEY, environment, running

PAGE = (Path(__file__).parents[1] / "docs" / "documents.md").read_text("utf-8")

if not all(shutil.which(tool) for tool in ("bash", "curl", "jq")):
    pytest.skip("the page needs bash, curl and jq", allow_module_level=True)


def fences(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_works_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "manuals").mkdir()
    for name in ("guide.md", "manuals/kettle.md"):
        (tmp_path / name).write_text("# Kettle\n\nIt switches itself off at a hundred degrees.\n")
    with running(tmp_path, ROUNDHOUSE_JOBS__EXECUTOR="true") as server:
        (key,) = KEY.findall(server.out)
        here = server.url.removeprefix("http://")
        settings = environment(ROUNDHOUSE_URL=server.url, ROUNDHOUSE_API_KEY=key, KEY=key)
        settings["PATH"] = f"{sys.prefix}/bin:{settings['PATH']}"

        def run(*words: str) -> str:
            done = subprocess.run(
                words, cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=120
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        typed = "\n".join(fences("sh")).replace("localhost:8000", here)
        said = run("bash", "-euo", "pipefail", "-c", typed)
        assert re.search(
            r"^added  manuals/kettle\.md\nhandbook \(vs_\w+, new\): 1 added$", said, re.MULTILINE
        )
        assert re.search(r'"(in_progress|completed)"$', said, re.MULTILINE)
        assert re.search(r'^  "total": 1$', said, re.MULTILINE)

        python = "import os\nKEY = os.environ['KEY']\n" + "\n".join(fences("python"))
        said = run(sys.executable, "-c", python.replace("localhost:8000", here))
        assert said.startswith("completed\n")
        assert "It switches itself off at a hundred degrees." in said
