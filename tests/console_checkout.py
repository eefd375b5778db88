"""Copies of this checkout from which wheels are built, with a made-up console or with none."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
BUILDING: dict[str, Any] = runpy.run_path(str(ROOT / "scripts" / "build_console.py"))
"""The names of scripts/build_console.py, which is no part of a package."""

PARTS = (
    "src/roundhouse",
    "web",
    "scripts",
    "pyproject.toml",
    "hatch_build.py",
    "README.md",
    "LICENSE",
    ".gitignore",
)
MADE_UP = {
    "index.html": '<script type="module" src="/console/assets/a.js"></script>'
    '<link rel="stylesheet" href="/console/assets/a.css">',
    "manifest.json": json.dumps(
        {"index.html": {"file": "assets/a.js", "css": ["assets/a.css"], "isEntry": True}}
    ),
    "assets/a.js": "document.title = 'made up'",
    "assets/a.css": "body { color: black }",
}
"""A console that is whole, by path."""


def make_up(ui: Path) -> None:
    """Write the made-up console."""
    for name, text in MADE_UP.items():
        (ui / name).parent.mkdir(parents=True, exist_ok=True)
        (ui / name).write_text(text)


def console_checkout(root: Path, *, with_console: bool = True) -> Path:
    """A copy of what a wheel is built from; its console is made up and passes for fresh, or is not there."""
    without: Callable[..., Any] = shutil.ignore_patterns("__pycache__", "node_modules", "ui", ".ui-*")
    for part in PARTS:
        source, target = ROOT / part, root / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=without, copy_function=_link)
        else:
            shutil.copy2(source, target)
    if with_console:
        ui = root / "src" / "roundhouse" / "ui"
        make_up(ui)
        (ui / BUILDING["STAMP"]).write_text(BUILDING["input_hash"](root / "web"))
    return root


def _link(source: str, target: str) -> None:
    """Nobody writes into the copies, so they need no room of their own where the disk is the same one."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def pack(root: Path, out: Path, *, isolated: bool = False, **environment: str) -> zipfile.ZipFile:
    """Build the wheel of a copy; raises AssertionError with what the build said.

    Args:
        root: The copy.
        out: Where the wheel is left.
        isolated: In an environment of the build's own, with what its hook asks for, as everybody builds.
        environment: Variables of the build.
    """
    words = ["--wheel", *([] if isolated else ["--no-isolation"]), "--outdir", str(out), str(root)]
    command = [sys.executable, "-m", "build", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (built,) = out.glob("*.whl")
    return zipfile.ZipFile(built)
