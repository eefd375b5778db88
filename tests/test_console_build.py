"""When the console is built, and that no wheel is without one."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console_checkout import BUILDING, MADE_UP, ROOT, console_checkout, make_up, pack

ConsoleError = BUILDING["ConsoleError"]
check, is_fresh, input_hash, build = (BUILDING[name] for name in ("check", "is_fresh", "input_hash", "build"))
NPM = """#!/bin/sh
# Stands for npm: `ci` installs nothing, `run build -- --outDir X` leaves what the test laid ready.
case "$1" in
  ci) [ "$(cat package-lock.json)" != broken ] && echo once >>node_modules/count ;;
  run) [ -z "$FAILS" ] && mkdir -p "$5" && cp -r "$LAID_READY/." "$5" ;;
esac
"""


@pytest.fixture
def web(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    (folder / "src" / "pages").mkdir(parents=True)
    (folder / "src" / "pages" / "a.tsx").write_text("one")
    (folder / "package-lock.json").write_text("{}")
    (folder / "node_modules" / "thing").mkdir(parents=True)
    return folder


def test_what_is_installed_is_not_installed_again(tmp_path, web, npm):
    for _ in range(2):
        build(web, tmp_path / "ui", npm)
    assert (web / "node_modules" / "count").read_text() == "once\n"
    (web / "package-lock.json").write_text('{"another": 1}')
    build(web, tmp_path / "ui", npm)
    assert (web / "node_modules" / "count").read_text() == "once\nonce\n"


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of npm; answers its folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "npm").write_text(NPM)
    (folder / "npm").chmod(0o755)
    make_up(tmp_path / "ready")
    monkeypatch.setenv("LAID_READY", str(tmp_path / "ready"))
    return folder


def test_what_was_built_of_the_same_sources_is_fresh(tmp_path, web, npm):
    ui = tmp_path / "house" / "ui"
    assert not is_fresh(web, ui)
    build(web, ui, npm)
    assert is_fresh(web, ui)
    (web / "node_modules" / "thing" / "index.js").write_text("installed")
    (web / "README.md").write_text("words")
    assert is_fresh(web, ui)
    (web / "src" / "pages" / "a.tsx").write_text("two")
    assert not is_fresh(web, ui)
    build(web, ui, npm)
    (web / "src" / "pages" / "a.tsx").rename(web / "src" / "pages" / "b.tsx")
    assert not is_fresh(web, ui)


def test_a_build_that_fails_leaves_the_old_one(tmp_path, web, npm, monkeypatch):
    ui = tmp_path / "house" / "ui"
    build(web, ui, npm)
    monkeypatch.setenv("FAILS", "1")
    with pytest.raises(ConsoleError, match="npm run build"):
        build(web, ui, npm)
    check(ui)
    (web / "package-lock.json").write_text("broken")
    with pytest.raises(ConsoleError, match="npm ci"):
        build(web, ui, npm)
    assert [path.name for path in ui.parent.iterdir()] == ["ui"]


@pytest.mark.parametrize("name", sorted(MADE_UP))
def test_a_console_that_lacks_a_file_is_none(tmp_path, web, npm, name):
    (tmp_path / "ready" / name).unlink()
    with pytest.raises(ConsoleError):
        build(web, tmp_path / "ui", npm)
    assert not (tmp_path / "ui").exists()


def test_a_page_without_a_script_is_none(tmp_path):
    make_up(tmp_path)
    (tmp_path / "index.html").write_text("<p>empty</p>")
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(ConsoleError, match="no script"):
        check(tmp_path)


def test_what_came_without_its_sources_is_taken_as_it_is(tmp_path):
    make_up(tmp_path / "ui")
    assert is_fresh(tmp_path / "web", tmp_path / "ui")


@pytest.mark.parametrize(
    ("told", "found"), [("v20.18.1", False), ("v20.19.0", True), ("v24.1.0", True), ("?", False)]
)
def test_node_is_used_when_it_is_new_enough(tmp_path, monkeypatch, told, found):
    for name in ("node", "npm"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {told}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert BUILDING["node_folder"]() == (tmp_path if found else None)


def test_no_wheel_without_a_console(tmp_path):
    """The hook refuses, whatever the environment asks for, where there is nothing with which it could be built."""
    root = console_checkout(tmp_path / "source", with_console=False)
    nothing = {"PATH": str(tmp_path), "CONSOLE_BUILD": "later"}
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--skip-dependency-check"]
    ended = subprocess.run(
        [*command, "--outdir", str(tmp_path / "dist"), str(root)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | nothing,
    )
    assert ended.returncode != 0
    assert "There is no npm" in ended.stdout + ended.stderr
    assert not list(tmp_path.glob("dist/*.whl"))


MOST_FIRST_LOAD_BYTES = 200_000
"""Of packed JavaScript, until the first page of the console is drawn."""


def test_the_first_load_is_small():
    """The script of the page, what it imports before anything is drawn, and the strings of one language."""
    ui = ROOT / "src" / "roundhouse" / "ui"
    if not is_fresh(ROOT / "web", ui):
        if os.environ.get("ROUNDHOUSE_TEST_REQUIRE_CONSOLE") == "1":
            pytest.fail("the console is not built")
        pytest.skip("the console is not built, or not from these sources: make console")
    manifest = json.loads((ui / "manifest.json").read_text())
    wanted = {name for name, entry in manifest.items() if entry.get("isEntry")} | {"src/locales/vi.json"}
    loaded: set[str] = set()
    while wanted:
        name = wanted.pop()
        loaded.add(name)
        wanted |= set(manifest[name].get("imports", [])) - loaded
    sizes = {name: len(gzip.compress((ui / manifest[name]["file"]).read_bytes(), 9)) for name in loaded}
    assert sum(sizes.values()) <= MOST_FIRST_LOAD_BYTES, sizes


LANGUAGES = ("en", "vi", "zh", "he")


def _keys(strings: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in strings.items():
        if isinstance(value, dict):
            yield from _keys(value, f"{prefix}{name}.")
        else:
            # A language has as many forms of a plural as it has.
            yield prefix + re.sub(r"_(zero|one|two|few|many|other)$", "", name)


@pytest.mark.parametrize(
    "folder", sorted((ROOT / "web" / "src").rglob("locales")), ids=lambda path: path.parent.name
)
def test_no_language_lacks_a_string(folder):
    found = {one: set(_keys(json.loads((folder / f"{one}.json").read_text("utf-8")))) for one in LANGUAGES}
    assert {one: sorted(found["en"] ^ keys) for one, keys in found.items()} == {one: [] for one in LANGUAGES}


def test_no_direction_is_written_that_does_not_turn_with_the_language():
    physical = re.compile(
        r"(?<![\w-])-?(?:ml|mr|pl|pr|left|right)-(?:\[|\d|auto|px|full)|(?<![\w-])text-(?:left|right)(?![\w-])"
    )
    found = [
        f"{path.name}: {match[0]}"
        for path in (ROOT / "web" / "src").rglob("*.ts*")
        for match in physical.finditer(path.read_text("utf-8"))
    ]
    assert found == []


def named_in(wheel: zipfile.ZipFile) -> set[str]:
    page = wheel.read("roundhouse/ui/index.html").decode()
    return {f"roundhouse/ui/{name}" for name in re.findall(r'(?:src|href)="/console/([^"]+)"', page)}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("node", ["of the machine", "of a wheel"])
def test_a_wheel_has_the_real_console_in_it(tmp_path, node):
    """From nothing: `npm ci` in an empty folder, the build, and a look into the wheel."""
    root = console_checkout(tmp_path / "source", with_console=False)
    if node == "of the machine":
        if BUILDING["node_folder"]() is None:
            pytest.skip("this machine has no Node that is new enough")
        wheel = pack(root, tmp_path / "dist")
    else:
        wheel = pack(root, tmp_path / "dist", isolated=True, PATH=str(without_node(tmp_path / "bin")))
    named = named_in(wheel)
    assert any(name.endswith(".js") for name in named)
    assert named <= set(wheel.namelist())
    manifest = json.loads(wheel.read("roundhouse/ui/manifest.json"))
    files = {one for entry in manifest.values() for one in (entry["file"], *entry.get("css", []))}
    assert {f"roundhouse/ui/{one}" for one in files} <= set(wheel.namelist())
    assert not [name for name in wheel.namelist() if "node_modules" in name]
    # No script is an empty one.
    assert all(wheel.getinfo(name).file_size for name in named)


def without_node(folder: Path) -> Path:
    """A folder with all programs of this machine's PATH, but for Node's."""
    folder.mkdir()
    for place in map(Path, os.environ["PATH"].split(os.pathsep)):
        for program in place.iterdir() if place.is_dir() else ():
            if (
                program.name not in {"node", "nodejs", "npm", "npx", "corepack"}
                and not (folder / program.name).exists()
            ):
                (folder / program.name).symlink_to(program)
    return folder
