"""Every command explains itself, the page lists every command, and wrong usage ends with 2."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from roundhouse import __version__
from roundhouse.cli.tree import commands

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def verbs(group: Any = None, before: str = "") -> dict[str, Any]:
    """Every command that does something, by the words that run it."""
    found: dict[str, Any] = {}
    for name, command in (group or get_command(commands)).commands.items():
        words = f"{before} {name}".strip()
        found |= verbs(command, words) if hasattr(command, "commands") else {words: command}
    return found


def options(command: Any) -> set[str]:
    return {name for part in command.params for name in part.opts if name.startswith("--")} - {"--help"}


@pytest.mark.parametrize("words", verbs())
def test_help_of_every_command(cli: Any, words: str) -> None:
    result = cli(*words.split(), "--help")
    assert result.exit_code == 0
    assert words.split()[-1] in result.stdout
    assert (verbs()[words].help or "").strip()


def test_the_page_has_a_section_for_each_command_and_no_other() -> None:
    sections = re.findall(r"^#{2,3} `roundhouse ([a-z -]+?)`", PAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(sections) == sorted(verbs())


@pytest.mark.parametrize("words", verbs())
def test_the_page_names_each_option_and_no_other(words: str) -> None:
    page = PAGE.read_text("utf-8")
    section = page.split(f"`roundhouse {words}`\n", 1)[1].split("\n## ")[0].split("\n### ")[0]
    shared = {"--url", "--key", "--data-dir", "--config"}
    named = set(re.findall(r"--[a-z][a-z-]+", section)) - shared
    assert named == options(verbs()[words]) - shared


def test_where_data_is_printed_json_can_be_had() -> None:
    # `transcribe` has it as one of its formats.
    silent = {"run", "executor", "providers rm", "aliases rm", "keys revoke", "jobs cancel", "transcribe"}
    assert {words for words, command in verbs().items() if "--json" not in options(command)} == silent


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["run", "--port", "70000"],
        ["run", "--port", "x"],
        ["run", "--config", "absent.toml"],
        ["models", "pull"],
    ],
)
def test_wrong_usage_ends_with_2(cli: Any, words: list[str]) -> None:
    result = cli(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr


@pytest.mark.parametrize("words", [["version"], ["--version"]])
def test_version(cli: Any, words: list[str]) -> None:
    assert cli(*words).stdout == f"{__version__}\n"


def test_version_as_json(cli: Any) -> None:
    assert f'"version": "{__version__}"' in cli("version", "--json").stdout


def test_it_runs_as_a_module_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['roundhouse', 'version']\n"
        "from roundhouse.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'rich', 'fastapi', 'sqlalchemy', 'uvicorn', 'aiohttp', 'numpy', 'onnxruntime', 'structlog'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == [__version__, "[]"]
    ended = subprocess.run(
        [sys.executable, "-m", "roundhouse", "version"], capture_output=True, text=True, check=True
    )
    assert ended.stdout == f"{__version__}\n"
