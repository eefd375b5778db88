"""The build hook: a wheel has the console in it, or there is no wheel.

`CONSOLE_BUILD=later` leaves it out of an editable installation; there `make console` builds it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent / "scripts"))

import build_console

LATER = "CONSOLE_BUILD"


class ConsoleBuildHook(BuildHookInterface):
    """Builds `web/` into `src/roundhouse/ui` before the files are packed."""

    PLUGIN_NAME = "custom"

    @property
    def _web(self) -> Path:
        return Path(self.root) / "web"

    @property
    def _ui(self) -> Path:
        return Path(self.root) / "src" / "roundhouse" / "ui"

    def dependencies(self) -> list[str]:
        """Node for the build alone, where the machine has none and there is something to build."""
        later = os.environ.get(LATER) == "later"
        if later or build_console.node_folder() is not None or build_console.is_fresh(self._web, self._ui):
            return []
        return [build_console.NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build what is not fresh.

        Raises:
            ConsoleError: It cannot be built, or is not whole: that ends the build of the wheel.
        """
        if version == "editable" and os.environ.get(LATER) == "later":
            return
        if not build_console.is_fresh(self._web, self._ui):
            build_console.build(self._web, self._ui, build_console.node_folder())
        build_console.check(self._ui)
