"""What is shown is safe to show: no control characters, no colour in a pipe, JSON that any encoding carries."""

import io
import json
import sys

import pytest

from roundhouse.cli.exits import Stop
from roundhouse.cli.terminal import complain, good, progress_bar, progress_bars, say, show_json, show_table


def test_control_characters_of_a_server_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("a", "b"), [["x\x1b[2J\ty", None], [("p", "q"), True]], empty="none")
    assert capsys.readouterr().out == "x [2J y\t\np, q\tyes\n"


def test_an_empty_table_is_told_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("a",), [], empty="No model.")
    assert capsys.readouterr() == ("", "No model.\n")


def test_no_colour_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    say(good("fine"))
    complain(Stop("first\nsecond", fix="do this"))
    out, err = capsys.readouterr()
    assert out == "fine\n"
    assert err == "error: first\n       second\nfix:   do this\n"


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("no_color", "colored"), [("", True), ("1", False), ("no", False)])
def test_colour_on_a_terminal_unless_not_wanted(
    monkeypatch: pytest.MonkeyPatch, no_color: str, colored: bool
) -> None:
    screen = Tty()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("NO_COLOR", no_color)
    say(good("fine"))
    assert ("\x1b[" in screen.getvalue()) is colored
    assert "fine" in screen.getvalue()


def test_a_table_on_a_terminal_keeps_long_names_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Tty()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    show_table(("model", "does"), [["n" * 60 + "[bold]", "chat"]], empty="none")
    text = screen.getvalue()
    assert "model" in text
    assert text.count("n") == 60
    assert "[bold]" in text.replace("\n", "").replace(" ", "")


def test_progress_has_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Tty()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress_bar("tiny") as advance:
        advance("pulling [red]1111", 0.4)
        advance("pulling [red]1111", 1.0)
    text = screen.getvalue()
    assert "━" in text
    assert "100%" in text
    assert "tiny  pulling [red]1111" in text


def test_progress_has_a_line_per_step_and_tenth_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("tiny") as advance:
        for step, share in (("manifest", 0), ("1 of 9", 0.1), ("2 of 9", 0.15), ("3 of 9", 0.2), ("done", 1)):
            advance(step, share)
    assert capsys.readouterr() == ("", "manifest\n1 of 9\n3 of 9\ndone\n")


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "latin-1"])
def test_any_terminal_can_show_any_text(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    screen = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", screen)
    say("Ünïcode ✓ 模型")
    show_json({"name": "模型"})
    screen.flush()
    first, rest = screen.buffer.getvalue().decode(encoding).split("\n", 1)
    assert "code" in first
    assert json.loads(rest) == {"name": "模型"}


def test_several_bars_are_lines_with_names_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars(2) as bar, bar("a.md") as first, bar("b.md") as second:
        first("parse", 0.0)
        second("parse", 0.0)
        first("embed 1 of 9", 0.5)
        first("embed 2 of 9", 0.55)
    assert capsys.readouterr() == ("", "a.md: parse\nb.md: parse\na.md: embed 1 of 9\n")


def test_several_bars_on_a_terminal_go_away(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Tty()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    with progress_bars(2) as bar:
        with bar("a.md\x1b[2J") as advance:
            advance("embed", 0.5)
        with bar("b.md") as advance:
            advance("parse", 0.1)
    assert "\x1b[2J" not in screen.getvalue()
    assert "2 in all" in screen.getvalue()
