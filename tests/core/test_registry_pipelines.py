"""Pipelines of other distributions."""

import secrets
from pathlib import Path

import pytest

from roundhouse.core import registry
from roundhouse.core.errors import BadInput, MissingExtra
from roundhouse.core.jobs import Pipeline

MODULE = """
from roundhouse.core.jobs import Pipeline, Step
async def work(context): ...
GOOD = Pipeline("plugin.good", (Step("one", work),))
BAD = "no pipeline"
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`install(entries, code)` puts a distribution on the path."""

    def put(entries: str, code: str = MODULE) -> None:
        module = f"plugin_{secrets.token_hex(6)}"
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[roundhouse.pipelines]\n{entries.replace('MODULE', module)}\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))

    return put


def test_there_are_none_without_a_plugin():
    assert registry.pipelines() == []


def test_a_plugin_brings_its_own(install):
    install("good = MODULE:GOOD")
    (found,) = registry.pipelines()
    assert isinstance(found, Pipeline)
    assert found.kind == "plugin.good"


def test_what_is_no_pipeline_is_told(install):
    install("bad = MODULE:BAD")
    with pytest.raises(BadInput, match="names no pipeline"):
        registry.pipelines()


def test_a_missing_library_is_told(install):
    install("good = MODULE:GOOD", "import a_library_that_nobody_has")
    with pytest.raises(MissingExtra, match="a_library_that_nobody_has"):
        registry.pipelines()
