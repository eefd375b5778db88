"""`roundhouse doctor`: what is missing, and the exact fix."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from roundhouse.cli.connection import AsJson, Config, DataDir
from roundhouse.cli.exits import FAILED
from roundhouse.cli.terminal import bad, clean, doubtful, faint, good, say, show_json, strong

if TYPE_CHECKING:
    from roundhouse.features.ops.schemas import CheckRead


def doctor(config: Config = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Look at this installation and say what is missing, with the exact fix; needs no running server.

    Ends with 1 when a check failed.
    """
    from roundhouse.core.errors import BadInput
    from roundhouse.core.settings_load import load
    from roundhouse.features.ops.doctor import config_failed, examine

    overrides = {"data_dir": data_dir} if data_dir is not None else {}
    try:
        settings = load(overrides, config)
    except BadInput as error:
        checks = config_failed(error)
    else:
        checks = asyncio.run(examine(settings))
    failed = sum(check.state == "fail" for check in checks)
    if as_json:
        show_json({"ok": failed == 0, "checks": [check.model_dump() for check in checks]})
    else:
        _show(checks)
    if failed:
        raise typer.Exit(FAILED)


def _show(checks: Sequence[CheckRead]) -> None:
    marks = {"ok": good("ok  "), "warn": doubtful("warn"), "fail": bad("fail")}
    width = max(len(check.name) for check in checks)
    for check in checks:
        first, *rest = check.detail.splitlines() or [""]
        say(f"{marks[check.state]}  {check.name.ljust(width)}  {clean(first)}")
        for line in rest:
            say(f"{' ' * (width + 8)}{clean(line)}")
        if check.fix:
            say(f"{' ' * (width + 8)}{strong('fix:')} {clean(check.fix)}")
    counts = {state: sum(check.state == state for check in checks) for state in ("ok", "warn", "fail")}
    say(faint(f"{counts['ok']} ok, {counts['warn']} warnings, {counts['fail']} failed"))
