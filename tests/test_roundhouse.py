"""The rules of the project, as tests; `make check` adds formatter, linters, types and import contracts."""

from __future__ import annotations

import ast
import hashlib
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import pytest

from console_checkout import MADE_UP, console_checkout, pack

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "roundhouse"
TESTS = ROOT / "tests"
SOURCES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(path.relative_to(PACKAGE)) for path in SOURCES]

MOST_LINES = 500
MOST_FUNCTION_LINES = 60
FORBIDDEN_FILES = {"utils", "helpers", "common", "misc", "manager", "base", "handler"}
CATCHES_ALL = {"infra/web.py"}
FLOORS = ("core", "infra", "engine", "backends", "features", "app", "cli", "studio")
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("features/*/__init__.py"))
NEVER_REQUIRED = {"torch", "transformers", "vllm", "sentence-transformers", "litellm", "tensorflow"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def tree_of(name: str) -> ast.Module:
    return ast.parse((PACKAGE / name).read_text("utf-8"))


def functions(node: ast.AST) -> Iterator[Function]:
    return (found for found in ast.walk(node) if isinstance(found, Function))


@pytest.mark.parametrize("name", NAMES)
def test_files_and_functions_are_short(name: str) -> None:
    assert len((PACKAGE / name).read_text("utf-8").splitlines()) <= MOST_LINES
    tree = tree_of(name)
    long = {
        one.name: (one.end_lineno or 0) - one.lineno + 1
        for one in functions(tree)
        if (one.end_lineno or 0) - one.lineno + 1 > MOST_FUNCTION_LINES
    }
    assert long == {}


def test_no_file_is_named_after_nothing() -> None:
    assert [name for name in NAMES if Path(name).stem in FORBIDDEN_FILES] == []


def _catches_all(tree: ast.AST) -> bool:
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        if any(kind is None or (isinstance(kind, ast.Name) and kind.id == "Exception") for kind in kinds):
            return True
    return False


def test_only_the_edge_catches_everything() -> None:
    assert {name for name in NAMES if _catches_all(tree_of(name))} == CATCHES_ALL


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_left_undone(name: str) -> None:
    text = (PACKAGE / name).read_text("utf-8")
    assert re.findall(r"\b(?:TODO|FIXME|XXX|HACK)\b|NotImplementedError|\bpdb\b", text) == []


@pytest.mark.parametrize("name", [name for name in NAMES if Path(name).name == "store.py"])
def test_sql_runs_in_the_callers_transaction(name: str) -> None:
    public = [one for one in tree_of(name).body if isinstance(one, Function) and one.name[0] != "_"]
    assert public
    assert [one.name for one in public if not one.args.args or one.args.args[0].arg != "tx"] == []


def test_no_room_reads_the_environment_or_another_room() -> None:
    """The second half is import-linter's as well; here it also holds for what is imported inside functions."""
    for name in NAMES:
        if not name.startswith("features/"):
            continue
        room = name.split("/")[1]
        text = (PACKAGE / name).read_text("utf-8")
        assert "os.environ" not in text
        named = set(re.findall(r"roundhouse\.features\.(\w+)", text))
        assert named <= {room}, name


def test_importing_the_product_loads_no_backend_and_nothing_heavy() -> None:
    heavy = (
        "torch",
        "onnxruntime",
        "tokenizers",
        "numpy",
        "redis",
        "psycopg",
        "prometheus_client",
        "cryptography",
        "dbos",
    )
    code = (
        "import sys, roundhouse.app.api, roundhouse.app.executor\n"
        f"heavy = {heavy!r}\n"
        "print(*sorted(name for name in sys.modules if name.split('.')[0] in heavy"
        " or name.startswith('roundhouse.backends')))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == []


def test_the_tests_lie_where_their_modules_lie() -> None:
    places = {
        path.parent.relative_to(TESTS) for floor in FLOORS for path in (TESTS / floor).rglob("test_*.py")
    }
    assert [str(place) for place in sorted(places) if not (PACKAGE / place).is_dir()] == []


@pytest.mark.parametrize("name", [*FLOORS, *(f"features/{room}" for room in ROOMS)])
def test_every_floor_and_room_has_tests(name: str) -> None:
    assert list((TESTS / name).rglob("test_*.py")), f"nothing in tests/{name}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built here and now from a copy of the working tree; the build library is one of the development tools."""
    folder = tmp_path_factory.mktemp("wheel")
    return pack(console_checkout(folder / "source"), folder / "dist")


def test_the_wheel_holds_all_that_runs(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    ours = {
        str(path.relative_to(PACKAGE.parent))
        for path in PACKAGE.rglob("*")
        if path.is_file() and {"__pycache__", "ui"}.isdisjoint(path.relative_to(PACKAGE).parts)
    }
    assert ours <= names
    assert {"roundhouse/py.typed", "roundhouse/migrations/empty.sqlite.sql"} <= names
    assert {f"roundhouse/ui/{name}" for name in MADE_UP} <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert [
        name for name in names if name.split("/")[0] not in {"roundhouse"} and ".dist-info/" not in name
    ] == []


def test_the_wheels_built_in_model_is_the_published_one(wheel: zipfile.ZipFile) -> None:
    folder = "roundhouse/backends/embedding/minilm_data/"
    sums = wheel.read(f"{folder}SHA256SUMS").decode().splitlines()
    assert len(sums) == 4
    for line in sums:
        digest, _, name = line.partition("  ")
        assert hashlib.sha256(wheel.read(folder + name)).hexdigest() == digest, name


def test_the_wheel_asks_for_no_heavy_library(wheel: zipfile.ZipFile) -> None:
    (path,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = Parser().parsestr(wheel.read(path).decode())
    lines = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    required = {re.split(r"[\s\[<>=;!~]", line)[0] for line in lines}
    assert "onnxruntime" in required
    assert required & NEVER_REQUIRED == set()
    locked = set(re.findall(r"^([a-zA-Z0-9_.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert {name.lower() for name in locked} & NEVER_REQUIRED == set()


def test_the_lock_has_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {re.split(r"[\s\[<>=;!~]", line)[0].lower() for line in project["dependencies"]}
    locked = set(re.findall(r"^([a-zA-Z0-9_.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert wanted - {name.lower().replace("_", "-") for name in locked} == set()


def test_nothing_names_where_it_was_made() -> None:
    """No address of a package index, and no path of a developer's machine, in what is shipped or read."""
    found = []
    for path in [
        *SOURCES,
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("requirements*.lock"),
    ]:
        text = path.read_text("utf-8")
        if re.search(r"--(?:extra-)?index-url|/(?:home|Users|work)/(?!you/)\w+|pythonhosted", text):
            found.append(str(path.relative_to(ROOT)))
    assert found == []
