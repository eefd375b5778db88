"""A model's process under the Python of another environment: `PYTHON -P elsewhere.py`.

It runs as a file, for that Python does not know this package. It makes this package known, and nothing that is
installed beside it: two sets of libraries in one process is what such an environment is there to avoid.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path

PACKAGE = "roundhouse"


def adopt() -> None:
    """Make this package importable, from the folder that this file is in."""
    home = next(folder for folder in Path(__file__).resolve().parents if folder.name == PACKAGE)
    spec = PathFinder.find_spec(PACKAGE, [str(home.parent)])
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"{home} is not a package.", name=PACKAGE)
    module = module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    adopt()
    from roundhouse.infra.hosting.process import main

    code = main()
    sys.stderr.flush()
    os._exit(code)
