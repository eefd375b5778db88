"""Reads the fenced blocks of a page, runs them as a reader would, and compares what they print with what is printed.

Numbers, ids, times and paths are masked before comparing; `…` in a printed answer stands for anything.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

RUNNABLE = ("sh", "python")
PRINTED = ("text", "json")
COLUMNS = "112"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->\s*\Z")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_MASKS: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"\b(?:rh|key|req|aud|resp|msg|chatcmpl|cmpl|file|job|exe|evt|vs|psg)_[\w-]+"), "<id>"),
    (re.compile(r"[^\s\"]*/data\b"), "<data>"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "<time>"),
    (re.compile(r"-?\d+(?:[.,]\d+)*(?:e-?\d+)?"), "<n>"),
    (re.compile(r"[─]+"), "─"),
)


class Block(NamedTuple):
    """One block that a reader runs.

    Attributes:
        line: Where it begins, from 1.
        language: `sh` or `python`.
        text: What is run.
        not_run: Why it is not, where the page says so.
        printed: Language and text of the answer that the page prints under it.
    """

    line: int
    language: str
    text: str
    not_run: str | None
    printed: tuple[str, str] | None


def blocks(page: str) -> Iterator[Block]:
    """The runnable blocks of a page, each with the answer that follows it."""
    fences = list(_FENCE.finditer(page))
    for place, fence in enumerate(fences):
        if fence[1] not in RUNNABLE:
            continue
        after = fences[place + 1] if place + 1 < len(fences) else None
        marked = _NOT_RUN.search(page[: fence.start()])
        yield Block(
            line=page[: fence.start()].count("\n") + 1,
            language=fence[1],
            text=fence[2],
            not_run=marked[1] if marked else None,
            printed=(after[1], after[2]) if after and after[1] in PRINTED else None,
        )


class Terminal:
    """A program on a terminal of its own; what it says on either stream is collected."""

    def __init__(self, command: Sequence[str], folder: Path, environment: dict[str, str]) -> None:
        self._screen, child = pty.openpty()
        self._process = subprocess.Popen(
            command, stdin=child, stdout=child, stderr=child, cwd=folder, env=environment
        )
        os.close(child)
        self._said = b""

    def _read(self, within_s: float) -> bool:
        """Take what is there; False when the program has closed its terminal, or said nothing in time."""
        if not select.select([self._screen], [], [], within_s)[0]:
            return False
        try:
            piece = os.read(self._screen, 65_536)
        except OSError:  # How a terminal tells its end on Linux.
            return False
        self._said += piece
        return bool(piece)

    @property
    def said(self) -> str:
        return _ESCAPES.sub("", self._said.decode()).replace("\r\n", "\n")

    def until(self, pattern: str, within_s: float) -> re.Match[str]:
        """Wait until it has said something."""
        end_s = time.monotonic() + within_s
        while (found := re.search(pattern, self.said)) is None:
            if not self._read(max(0.0, end_s - time.monotonic())):
                raise AssertionError(f"never said {pattern!r}: {self.said}")
        return found

    def finish(self, within_s: float = 60.0) -> tuple[int, str]:
        """Wait for its end; its exit code and all it said."""
        while self._read(within_s):
            pass
        code = self._process.wait(within_s)
        os.close(self._screen)
        return code, self.said

    def stop(self) -> int:
        """Ask it to end as an operator would, and wait."""
        self._process.terminate()
        return self.finish()[0]


def command_of(block: Block, state: Path) -> list[str]:
    """What runs a block; variables that one shell block exports are there in all later ones."""
    if block.language == "python":
        return ["bash", "-c", f'. {state}; exec {sys.executable} -c "$0"', block.text]
    return ["bash", "-ec", f". {state}\n{block.text}\nexport -p > {state}"]


def masked(text: str) -> str:
    """Text without what differs from run to run; one blank between words, no empty lines."""
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def check_printed(block: Block, said: str) -> None:
    """Fail unless a block said what the page prints under it."""
    if block.printed is None:
        return
    kind, wanted = block.printed
    if kind == "json":
        _check_shape(json.loads(wanted), json.loads(said), "answer")
    else:
        assert _is_like(wanted, said), f"line {block.line} says:\n{said}"


def _is_like(wanted: str, got: str) -> bool:
    """Whether a text is what is wanted after masking, `…` standing for anything."""
    parts = (re.escape(part.strip()) for part in masked(wanted).split("…"))
    return re.fullmatch(r"[\s\S]*?".join(parts), masked(got)) is not None


def _check_shape(wanted: Any, got: Any, place: str) -> None:
    """The same members and types; texts alike after masking, numbers of any value."""
    if wanted == "…":
        return
    if isinstance(wanted, dict):
        assert isinstance(got, dict), f"{place} is {got!r}"
        assert set(wanted) - {"…"} == set(got) if "…" not in wanted else set(wanted) - {"…"} <= set(got), (
            f"{place} has {sorted(got)}, not {sorted(wanted)}"
        )
        for name in set(wanted) - {"…"}:
            _check_shape(wanted[name], got[name], f"{place}.{name}")
    elif isinstance(wanted, list):
        assert isinstance(got, list), f"{place} is {got!r}"
        cut = bool(wanted) and wanted[-1] == "…"
        shown = wanted[:-1] if cut else wanted
        assert len(got) >= len(shown) if cut else len(got) == len(shown), f"{place} has {len(got)} items"
        for index, item in enumerate(shown):
            _check_shape(item, got[index], f"{place}[{index}]")
    elif isinstance(wanted, str):
        assert isinstance(got, str), f"{place} is {got!r}"
        assert _is_like(wanted, got), f"{place} is {got!r}"
    elif isinstance(wanted, bool) or wanted is None:
        assert got is wanted, f"{place} is {got!r}"
    else:
        assert isinstance(got, (int, float)) and not isinstance(got, bool), f"{place} is {got!r}"
