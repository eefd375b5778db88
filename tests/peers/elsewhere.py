"""Another Python, and what it installs, as scripts: for processes and environments that are not this one's."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from roundhouse.core.hosting import Recipe
from roundhouse.infra.hosting.environments import Environment
from roundhouse.infra.hosting.hosts import Hosts

PACKAGES = Path(__file__).parent.parent / "elsewhere_packages"
TENSORS = {"encoder.embed.weight": 4, "ctc.weight": 2, "decoder.weight": 2}

_SCRIPT = """#!/bin/sh
# {folder}
case "$*" in
  "-I -m venv "*) mkdir -p "$4/bin" && cp "$0" "$4/bin/python" && echo made "$4" >> "{folder}/said" ;;
  "-I -c "*" install "*)
    echo "$@" >> "{folder}/said"
    [ -e "{folder}/slow" ] && echo $$ > "{folder}/pid" && sleep 30
    echo "Collecting torch==2.0"
    echo "  Downloading https://you:hunter2@wheels.example/a/torch-2.0%2Bcpu.whl (8 MB)"
    echo "Progress 4000000 of 8000000"
    [ -e "{folder}/fails" ] && cat "{folder}/fails" >&2 && exit 1
    echo "Installing collected packages: torch" ;;
  "-P -c import sys"*) [ -e "{folder}/no-import" ] && echo "OSError: libc10_cuda.so" >&2 && exit 1; exit 0 ;;
  *) PYTHONPATH="{packages}" exec "{python}" "$@" ;;
esac
"""


def script(folder: Path) -> Path:
    """A Python whose pip does what files in `folder` say: `slow`, `fails` (with its last words), `no-import`.

    `said` has a line for each call. It knows the fake packages, and else what this one knows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "python"
    path.write_text(_SCRIPT.format(folder=folder, packages=PACKAGES, python=sys.executable))
    path.chmod(0o755)
    return path


class Elsewhere(Hosts):
    """Hosts whose environments are made by such a script."""

    def __init__(self, folder: Path, python: Path) -> None:
        super().__init__(folder)
        self._python = str(python)

    def environment(self, recipe: Recipe) -> Environment:
        return Environment(self._environments, recipe, self._python)


def chunkformer(folder: Path, *, lacks: str = "", **told: Any) -> Path:
    """A model of the fake package; `lacks` is a tensor that its weights do not have."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(json.dumps({"says": "xin chào", "tensors": TENSORS, **told}))
    (folder / "vocab.txt").write_text("<blank> 0\n")
    weights = {name: size for name, size in TENSORS.items() if name != lacks}
    (folder / "pytorch_model.bin").write_text(json.dumps(weights))
    return folder
