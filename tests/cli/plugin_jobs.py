"""Pipelines of a plugin, for processes of their own: `probe.slow` begins, then waits for a file."""

import asyncio
import os
from pathlib import Path
from typing import Any

from roundhouse.core.jobs import Pipeline, Step, StepContext


def _tell(context: StepContext, what: str) -> None:
    with Path(context.job.input["told"]).open("a") as file:
        file.write(f"{what} {os.getpid()}\n")


def _may_go(context: StepContext) -> bool:
    return Path(context.job.input["go"]).exists()


async def _begin(context: StepContext) -> int:
    _tell(context, "begin")
    return os.getpid()


async def _wait(context: StepContext) -> dict[str, Any]:
    _tell(context, "wait")
    while not _may_go(context):  # noqa: ASYNC110 - another process says so
        await asyncio.sleep(0.02)
    return {"begun_by": context.results["begin"], "ended_by": os.getpid()}


slow = Pipeline("probe.slow", (Step("begin", _begin), Step("wait", _wait)))


def install(folder: Path) -> dict[str, str]:
    """Make the pipelines a distribution in a folder; the variables by which a process finds it."""
    (folder / "probe-1.0.dist-info").mkdir(parents=True)
    (folder / "probe-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: probe\nVersion: 1.0\n"
    )
    entries = "[roundhouse.pipelines]\nslow = probe_jobs:slow\n"
    (folder / "probe-1.0.dist-info" / "entry_points.txt").write_text(entries)
    (folder / "probe_jobs.py").write_text(Path(__file__).read_text("utf-8"), encoding="utf-8")
    return {"PYTHONPATH": str(folder)}
