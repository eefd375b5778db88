"""What docs/documents.md and docs/answers.md show works as it stands: commands run in order, then OpenAI's client."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from running_server import KEY, environment, running

DOCS = Path(__file__).parents[1] / "docs"

if not all(shutil.which(tool) for tool in ("bash", "curl", "jq")):
    pytest.skip("the page needs bash, curl and jq", allow_module_level=True)


Run = Callable[..., str]


def fences(page: str, language: str) -> list[str]:
    """The blocks of a page in a language."""
    text = (DOCS / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs a program beside a server that it is told of; what it said."""
    folder = tmp_path_factory.mktemp("pages")
    with running(folder, ROUNDHOUSE_JOBS__EXECUTOR="true") as server:
        (key,) = KEY.findall(server.out)
        here = server.url.removeprefix("http://")
        settings = environment(ROUNDHOUSE_URL=server.url, ROUNDHOUSE_API_KEY=key, KEY=key)
        settings["PATH"] = f"{sys.prefix}/bin:{settings['PATH']}"

        def ran(*words: str, **more: str) -> str:
            typed = [word.replace("localhost:8000", here) for word in words]
            done = subprocess.run(
                typed, cwd=folder, env=settings | more, capture_output=True, text=True, timeout=120
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        (folder / "manuals").mkdir()
        for name in ("guide.md", "manuals/kettle.md"):
            (folder / name).write_text("# Kettle\n\nIt switches itself off at a hundred degrees.\n")
        (folder / "bridges.md").write_text(
            "# Bridges\n\nThe Iron Bridge crosses the River Severn in Shropshire. It was opened in 1781.\n"
        )
        yield ran


def test_the_page_of_documents(run: Run) -> None:
    said = run("bash", "-euo", "pipefail", "-c", "\n".join(fences("documents.md", "sh")))
    assert re.search(r"^added  manuals/kettle\.md\nhandbook \(vs_\w+, new\): 1 added$", said, re.MULTILINE)
    assert re.search(r'"(in_progress|completed)"$', said, re.MULTILINE)
    assert re.search(r'^  "total": 1$', said, re.MULTILINE)
    python = "import os\nKEY = os.environ['KEY']\n" + "\n".join(fences("documents.md", "python"))
    said = run(sys.executable, "-c", python)
    assert said.startswith("completed\n")
    assert "It switches itself off at a hundred degrees." in said


def alike(told: object) -> object:
    """What is told, without the numbers that are others each time."""
    return json.loads(re.sub(r'"(vs|file|psg)_\w+"', r'"\1_…"', json.dumps(told)))


def test_the_page_of_answers(run: Run) -> None:
    made = json.loads(run("roundhouse", "ingest", "bridges.md", "--store", "bridges", "--json"))
    store = made["vector_store"]["id"]
    plain, streamed, session = (
        run("bash", "-euo", "pipefail", "-c", block, STORE=store) for block in fences("answers.md", "sh")
    )
    (shown,) = fences("answers.md", "json")
    assert alike(json.loads(plain)) == alike(json.loads(shown))
    events = re.findall(r"^event: (\w+)$", streamed, re.MULTILINE)
    assert events[-1] == "finish" and set(events[:-1]) == {"add"}
    assert json.loads(session)["vector_store_ids"] == [store]
