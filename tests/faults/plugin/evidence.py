"""Pipelines whose steps leave evidence: what began and what ended, in a file that no crash of a process loses.

The product loads them as it loads any plugin's, by the entry points that `product.install` writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import time
from pathlib import Path
from typing import Any

from roundhouse.core.errors import BackendDown, BadInput
from roundhouse.core.jobs import Pipeline, RetryPolicy, Step, StepContext

PATIENT = RetryPolicy(max_attempts=1000, base_s=0.05, factor=1.0)
NAMES = ("one", "two", "three", "four")


def note(ledger: str, key: str, run: int, what: str, token: str) -> None:
    """Append one line, in one write."""
    job_id, _, step = key.partition(":")
    line = f"{time.monotonic():.4f} {job_id} {step} {run} {os.getpid()} {what} {token}\n"
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


async def work(context: StepContext) -> Any:
    """One step: begins, takes its time, may fail as it was told, ends; its output names what it was given."""
    told = context.job.input
    token = secrets.token_hex(4)
    about = (told["ledger"], context.idempotency_key, context.job.run)
    note(*about, "start", token)
    if told.get("child"):
        await context.in_child("evidence:busy", [*about, token, told["pause_s"]])
    else:
        for part in range(4):
            await asyncio.sleep(told["pause_s"] / 4)
            context.progress(part / 4, f"part {part}")
    _fail(context)
    note(*about, "end", token)
    return {"token": token, "seen": {name: one["token"] for name, one in context.results.items()}}


def _fail(context: StepContext) -> None:
    told = context.job.input.get("fail")
    step = context.idempotency_key.partition(":")[2]
    if told is None or told["step"] != step:
        return
    if told["how"] == "for good":
        raise BadInput("It was told to fail.")
    if sum(one.outcome == "failed" for one in context.job.history) < told["times"]:
        raise BackendDown("It was told to fail for a while.")


def busy(argument: Any, tell: Any) -> None:
    """A child's work: half of it computing, half of it waiting."""
    ledger, key, run, token, pause_s = argument
    note(ledger, key, run, "child", token)
    ends = time.monotonic() + pause_s
    while time.monotonic() < ends:
        sum(range(10_000))
        time.sleep(0.002)
        tell(0.5, "busy")
    note(ledger, key, run, "child-end", token)


async def poison(context: StepContext) -> Any:
    """Kills the executor that runs it."""
    note(context.job.input["ledger"], context.idempotency_key, context.job.run, "start", "poison")
    with contextlib.suppress(ProcessLookupError):
        os.kill(os.getpid(), signal.SIGKILL)


async def nothing(context: StepContext) -> Any:
    """Done at once."""
    return None


async def fill(context: StepContext) -> Any:
    """Write a file as long as it is told into the job's folder."""
    size = context.job.input["size_bytes"]
    await asyncio.to_thread(Path(context.folder / "file").write_bytes, b"x" * size)
    return size


CHAIN = Pipeline("evidence.chain", tuple(Step(name, work) for name in NAMES), "io", retry=PATIENT)
PLAIN = Pipeline("evidence.plain", tuple(Step(name, work) for name in NAMES[:2]), "io")
HEAVY = Pipeline("evidence.heavy", tuple(Step(name, work) for name in NAMES[:2]), "cpu", retry=PATIENT)
POISON = Pipeline("evidence.poison", (Step("one", poison),), "io", retry=RetryPolicy(3, base_s=0.05))
NOTHING = Pipeline("evidence.nothing", (Step("one", nothing),), "io")
FILL = Pipeline("evidence.fill", (Step("one", fill),), "io", retry=PATIENT)
