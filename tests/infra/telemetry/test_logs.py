"""Logs: one form for ours and for the libraries', no secret, request ids."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from roundhouse.core.errors import BadInput
from roundhouse.core.settings import LogSettings
from roundhouse.core.types import UsageRecord
from roundhouse.infra.telemetry import logs
from roundhouse.infra.telemetry.metrics import REQUESTS, Metrics

CANARY = "CANARY9f3b7aE1"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


Start = Callable[..., logs.Logs]


@pytest.fixture
def start() -> Iterator[Start]:
    root = logging.getLogger()
    levels = root.level, logging.getLogger("roundhouse").level
    opened: list[logs.Logs] = []

    def configure(*args: Any) -> logs.Logs:
        if not opened:
            # The test runner's own handlers take lines apart in their own way.
            root.handlers.clear()
        opened.append(logs.configure(*args))
        return opened[-1]

    yield configure
    for one in opened:
        one.close()
    root.setLevel(levels[0])
    logging.getLogger("roundhouse").setLevel(levels[1])
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "roundhouse.log").read_text().splitlines()]


def test_ours_and_theirs(tmp_path: Path, start: Start) -> None:
    start(LogSettings(), tmp_path / "new", None)
    structlog.get_logger("roundhouse.engine").info("loaded", target="a/b", mib=3)
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("aiohttp.client").warning("slow %s", "host")
    logging.getLogger("roundhouse.x").debug("not at this level")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    ours, theirs, warned = lines(tmp_path / "new")
    assert ours.pop("time").endswith("Z")
    assert ours == {
        "level": "info",
        "logger": "roundhouse.engine",
        "event": "loaded",
        "target": "a/b",
        "mib": 3,
    }
    assert (theirs["level"], theirs["logger"], theirs["event"]) == ("warning", "aiohttp.client", "slow host")
    assert "DeprecationWarning" in warned["event"]
    assert (tmp_path / "new" / "roundhouse.log").stat().st_mode & 0o077 == 0


def test_request_ids(tmp_path: Path, start: Start) -> None:
    start(LogSettings(), tmp_path, None)
    token = logs.REQUEST_ID.set("req_1")
    structlog.get_logger("roundhouse.a").warning("one")
    logging.getLogger("other").warning("two")
    logs.REQUEST_ID.reset(token)
    structlog.get_logger("roundhouse.a").warning("three")
    assert [line.get("request_id") for line in lines(tmp_path)] == ["req_1", "req_1", None]


def test_no_canary_in_file_or_console(tmp_path: Path, start: Start) -> None:
    console = Terminal()
    start(LogSettings(level="debug"), tmp_path, console)
    ours, theirs = structlog.get_logger("roundhouse.a"), logging.getLogger("library")
    ours.info("call", headers={"Authorization": f"Bearer {CANARY}", "api-key": CANARY}, key=CANARY)
    ours.info(f"url https://a:{CANARY}@host/?api_key={CANARY}", body=f'{{"password": "{CANARY}"}}'.encode())
    theirs.warning("header %s", f"x-api-key: {CANARY}")
    theirs.warning("dict %s", {"Authorization": f"Bearer {CANARY}"})
    try:
        try:
            raise ValueError(f"refused key rh_01j9_{CANARY}")
        except ValueError as error:
            raise RuntimeError(f"sk-{CANARY}") from error
    except RuntimeError:
        ours.exception("failed", token=CANARY)
        theirs.exception("failed too")
    for text in ((tmp_path / "roundhouse.log").read_text(), console.getvalue()):
        assert CANARY not in text
        assert "Traceback" in text
        assert "[redacted]" in text
    assert len(lines(tmp_path)) == 6


def test_console(tmp_path: Path, start: Start) -> None:
    terminal, pipe, forced = Terminal(), io.StringIO(), Terminal()
    start(LogSettings(), None, terminal)
    start(LogSettings(), None, pipe)
    start(LogSettings(json_console=True), None, forced)
    structlog.get_logger("roundhouse.a").info("hello", model="a\x1b]0;evil\x07\nb")
    assert "\x1b[" in terminal.getvalue(), "colours on a terminal"
    assert "\x1b]0" not in terminal.getvalue(), "no control sequences from outside"
    assert "\x07" not in terminal.getvalue()
    assert json.loads(pipe.getvalue())["model"] == "a\x1b]0;evil\x07\nb"
    assert len(pipe.getvalue().splitlines()) == 1
    assert json.loads(forced.getvalue())["event"] == "hello"
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(terminal.getvalue())


def test_a_request_that_a_drain_cancels_is_no_fault(tmp_path: Path, start: Start) -> None:
    import asyncio

    start(LogSettings(), tmp_path, None)
    server = logging.getLogger("uvicorn.error")
    server.error("Exception in ASGI application\n", exc_info=asyncio.CancelledError())
    server.error("Exception in ASGI application\n", exc_info=ValueError("x"))
    assert ["ValueError: x" in line["exception"] for line in lines(tmp_path)] == [True]


def test_a_line_that_cannot_be_made_does_no_harm(
    tmp_path: Path, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError(CANARY)

    start(LogSettings(), tmp_path, None)
    logging.getLogger("library").warning("%d items", CANARY)
    structlog.get_logger("roundhouse.a").warning("broken", value=Broken())
    logging.getLogger("library").warning("next \udce9")
    events = [line["event"] for line in lines(tmp_path)]
    assert events[0].startswith("unreadable log line, TypeError at test_logs.py:")
    assert events[1].startswith("unreadable log line, RuntimeError at")
    assert events[2] == "next \\udce9"
    captured = capsys.readouterr()
    assert CANARY not in captured.err + (tmp_path / "roundhouse.log").read_text()


def test_closing_gives_the_handlers_back(tmp_path: Path, start: Start) -> None:
    opened = start(LogSettings(), tmp_path, io.StringIO())
    assert len(logging.getLogger().handlers) == 2
    opened.close()
    assert logging.getLogger().handlers == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot be written"):
        logs.configure(LogSettings(), tmp_path / "file" / "logs", None)


def record(status: int, code: str | None) -> UsageRecord:
    return UsageRecord(
        request_id="req_1",
        at_s=0.0,
        key_id="key_1",
        site_id="default",
        user_id=None,
        app_id=None,
        operation="chat",
        requested_model="gpt",
        target="a/b",
        reason="direct",
        attempts=1,
        cache="off",
        status=status,
        error_code=code,
        prompt_tokens=1,
        completion_tokens=2,
        cost_usd=0.0,
        first_byte_ms=3,
        duration_ms=4,
        stream=True,
    )


@pytest.mark.parametrize(("which", "expected"), [("none", []), ("errors", [502]), ("all", [200, 502])])
def test_request_lines(which: str, expected: list[int], tmp_path: Path, start: Start) -> None:
    start(LogSettings(), tmp_path, None)
    metrics = Metrics()
    requests = logs.RequestLog(which, metrics)
    requests.observe(record(200, None))
    requests.observe(record(502, "backend_failed"))
    assert [line["status"] for line in lines(tmp_path)] == expected
    assert sum(metrics.values(REQUESTS).values()) == 2
