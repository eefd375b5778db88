"""docs/studio.md says what the code does: its script runs, its tables have every name and parameter."""

import dataclasses
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import roundhouse.studio
from roundhouse.studio import (
    ChatHistoryService,
    ChatResponse,
    ChatService,
    ChatSession,
    ConnectionTest,
    LLMModel,
    LLMProvider,
    LLMService,
    Message,
    MessageRole,
    SessionService,
    SessionStatus,
)
from roundhouse.studio.door import Service

PAGE = (Path(__file__).parents[2] / "docs" / "studio.md").read_text("utf-8")
MOST_SCRIPT_LINES = 15


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith("| `"):
            yield re.split(r"(?<!\\)\|", line)[1]


def told(text: str) -> set[str]:
    return {name for cell in first_cells(text) for name in re.findall(r"`([^`]+)`", cell)}


def of(kind: type) -> set[str]:
    """Its public names as the page writes them: `name(parameters)`, or `name`."""
    found = set()
    for name in set(dir(kind)) - (set(dir(Service)) if kind is not Service else set()):
        value: Any = inspect.getattr_static(kind, name)
        if name.startswith("_"):
            continue
        if callable(value):
            parameters = [one for one in inspect.signature(value).parameters if one != "self"]
            found.add(f"{name}({', '.join(parameters)})")
        else:
            found.add(name)
    return found


@pytest.mark.parametrize("kind", [SessionService, ChatHistoryService, ChatService, LLMService])
def test_every_method_has_a_row_with_its_parameters(kind: type) -> None:
    assert told(section(f"`{kind.__name__}`")) == of(kind)


def test_what_all_services_have_is_told() -> None:
    assert told(section("Where it lives")) == of(Service)


def test_every_field_of_every_record_is_told() -> None:
    rows = {}
    for line in section("Records").splitlines():
        if line.startswith("| `"):
            _, name, fields, _ = line.split("|")
            rows[name.strip(" `")] = re.findall(r"`([^`]+)`", fields.partition(";")[0])
    kinds = (ChatSession, Message, ChatResponse, LLMModel, LLMProvider, ConnectionTest)
    assert rows == {kind.__name__: [one.name for one in dataclasses.fields(kind)] for kind in kinds}
    for words in (SessionStatus, MessageRole):
        assert ", ".join(f"`{one}`" for one in words) in section("Records")


def test_every_public_name_is_told() -> None:
    assert [name for name in roundhouse.studio.__all__ if f"`{name}" not in PAGE] == []


def test_the_script_runs_in_an_empty_folder(tmp_path: Path) -> None:
    script, more = blocks("python")
    assert len(script.splitlines()) <= MOST_SCRIPT_LINES
    (tmp_path / "script.py").write_text(script + more, "utf-8")
    ended = subprocess.run(
        [sys.executable, "-X", "utf8", "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (ended.stderr, ended.returncode) == ("", 0)
    (answer,) = blocks("text")
    assert ended.stdout.startswith(answer)
    assert "# My Chat" in ended.stdout
    assert ended.stdout.endswith("\n1\n")
