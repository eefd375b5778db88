"""Logs: structlog over the standard library, so that the libraries' own lines come in the same form.

The file holds one JSON object per line; the console is made for people when it is a terminal. Every line passes the
redaction. Handlers write at once, so that the last line before a crash is there.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from roundhouse.core.ports import Observer
from roundhouse.core.settings import LogSettings
from roundhouse.core.types import UsageRecord
from roundhouse.infra.telemetry.log_file import RotatedFile
from roundhouse.infra.telemetry.redaction import REDACTED, is_secret_name, redact

REQUEST_ID: ContextVar[str] = ContextVar("roundhouse_request_id", default="")
"""Set at the web edge; every line of the request then holds it."""

FILE_NAME = "roundhouse.log"

_MIB = 1024 * 1024
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != 0x09}


class Logs:
    """The handlers that `configure` put in place."""

    def __init__(self, handlers: list[logging.Handler]) -> None:
        self._handlers = handlers

    def close(self) -> None:
        """Take them away and close the file."""
        root = logging.getLogger()
        for handler in self._handlers:
            root.removeHandler(handler)
            handler.close()
        logging.captureWarnings(False)


def configure(settings: LogSettings, folder: Path | None, console: TextIO | None = sys.stderr) -> Logs:
    """Send all logs of this process to `folder` and to the console.

    Args:
        settings: Level, form, rotation.
        folder: Where the file is written; None = no file.
        console: Stream for people or for a collector; None = none.

    Raises:
        BadInput: The folder cannot be written.
    """
    handlers: list[logging.Handler] = []
    if folder is not None:
        file = RotatedFile(folder / FILE_NAME, settings.max_mib * _MIB, settings.keep_days)
        file.setFormatter(_formatter(_json))
        handlers.append(file)
    if console is not None:
        stream = logging.StreamHandler(console)
        terminal = console.isatty()
        as_json = not terminal if settings.json_console is None else settings.json_console
        stream.setFormatter(_formatter(_json) if as_json else _formatter(_printable, _pretty(terminal)))
        handlers.append(stream)
    level = _LEVELS[settings.level]
    root = logging.getLogger()
    for handler in handlers:
        handler.addFilter(_is_worth_a_line)
        root.addHandler(handler)
    # Libraries tell their life story at the level of information; only their warnings matter to an operator.
    root.setLevel(level if settings.level == "debug" else max(level, logging.WARNING))
    logging.getLogger("roundhouse").setLevel(level)
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_common(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return Logs(handlers)


def use_standard_logging() -> None:
    """Inside somebody else's program: our lines go to `logging`, to loggers under `roundhouse`, as `event=… name=…`.

    A program that has configured structlog itself keeps what it has.
    """
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            _redact,
            structlog.processors.LogfmtRenderer(key_order=["event"]),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


class RequestLog:
    """Writes a line per request, as `log.requests` says, and passes it on.

    Args:
        which: `none`, `errors` or `all`.
        then: Who hears of it next.
    """

    def __init__(self, which: str, then: Observer) -> None:
        self._which = which
        self._then = then
        self._log = structlog.get_logger("roundhouse.requests")

    def observe(self, record: UsageRecord) -> None:
        """One request ended."""
        self._then.observe(record)
        if self._which == "none" or (self._which == "errors" and record.error_code is None):
            return
        write = self._log.info if record.status < 500 else self._log.warning
        write(
            "request",
            request_id=record.request_id,
            operation=record.operation,
            target=record.target,
            status=record.status,
            error=record.error_code,
            key_id=record.key_id,
            site_id=record.site_id,
            duration_ms=record.duration_ms,
            first_byte_ms=record.first_byte_ms,
            prompt_tokens=record.prompt_tokens,
            completion_tokens=record.completion_tokens,
            cache=record.cache,
        )


def _common() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        _add_request_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Makes some line of every record: a log call must not end the program, nor print its arguments raw."""

    def format(self, record: logging.LogRecord) -> str:
        try:
            return super().format(record)
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            event = f"unreadable log line, {type(error).__name__} at {record.filename}:{record.lineno}"
            plain = logging.LogRecord(
                record.name, record.levelno, record.pathname, record.lineno, event, None, None
            )
            return super().format(plain)


def _formatter(*last: Processor) -> logging.Formatter:
    return _Formatter(
        foreign_pre_chain=_common(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _redact,
            *last,
        ],
    )


def _add_request_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    request_id = REQUEST_ID.get()
    if request_id:
        event.setdefault("request_id", request_id)
    return event


def _redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {
        name: REDACTED if is_secret_name(name) and value is not None else redact(value)
        for name, value in event.items()
    }


def _json(_: WrappedLogger, __: str, event: EventDict) -> str:
    first = {name: event.pop(name, None) for name in ("time", "level", "logger", "event")}
    return msgspec.json.encode({**first, **event}).decode()


def _printable(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Text that came from outside must not steer the terminal."""
    return {
        name: value.translate(_CONTROL) if isinstance(value, str) and name != "exception" else value
        for name, value in event.items()
    }


def _pretty(colors: bool) -> Any:
    return structlog.dev.ConsoleRenderer(
        colors=colors, timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
    )


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """The server reports each request that a drain cancels as a fault; it is none."""
    info = record.exc_info
    return not (record.name == "uvicorn.error" and info and isinstance(info[1], asyncio.CancelledError))
